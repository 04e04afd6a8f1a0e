/* registrar/registrar.h: our own users: accounts, bindings, and the store that keeps them.
 *
 * One registrar serves a whole crew. It has one writer, a thread of its own: every change is given to it, is planned there in order of
 * arrival on the newest state (RFC 3261 10.3), and is answered when it is on stable storage and visible to every reader. Many changes
 * share one commit. Readers take no lock: each thread that reads has a struct reg_reader of its own.
 *
 * An address of record is written canonically (sip_uri_aor): "sip:alice@alpha.example". Bounded: a change is refused with ERR_LIMIT
 * when REG_QUEUE_MAX wait. */
#pragma once
#include "base/addr.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "sip/digest.h"
#include "sip/header.h"

#define REG_AOR_MAX 480      /* octets of an AoR */
#define REG_URI_MAX 1024     /* octets of a Contact's URI */
#define REG_CONTACTS_MAX 100 /* bindings of an AoR, whatever the configuration says */
#define REG_QUEUE_MAX 65536  /* changes that wait for the writer */
#define REG_SECRET 32

struct registrar;
struct reg_reader;

/* ---------------------------------------------------------------------------- opening */

struct reg_limits {
	int64_t min_expires_s;
	int64_t default_expires_s;
	int64_t max_expires_s;
	unsigned max_contacts; /* at most REG_CONTACTS_MAX */
};

struct reg_conf {
	const char *folder; /* the data folder; made where it is missing (0700) */
	struct reg_limits limits;
	bool sync; /* on stable storage before the answer; otherwise it survives the process, not the power */
	size_t map_size; /* address space to reserve; 0: 32 GiB */
	struct log *log;
};

/** Open the store in conf->folder and start the writer. `why` gets a line for the operator where that fails: ERR_INUSE (another
 * process has it open: named with its id), ERR_VERSION (the store is a newer program's), ERR_CORRUPT, ERR_DENIED, ERR_FULL, ERR_IO... Blocks. */
NODISCARD enum err registrar_open(struct registrar **out, const struct reg_conf *conf,
                                  struct buf *why);
/** Finish what was given to the writer, stop it, close. Answers that are still to come are posted to their loops, which must exist
 * until this returns (they need not run). All readers must have been closed. NULL is fine. Blocks. */
void registrar_close(struct registrar *reg);
/** New limits for whatever is planned from now on. Any thread. */
void registrar_configure(struct registrar *reg, const struct reg_limits *limits);
/** A secret that outlives restarts, made at the first call: "nonce", "route", "seal". Before the workers start, or on main. Blocks.
 * ERR_NOMEM, ERR_IO... */
NODISCARD enum err registrar_secret(struct registrar *reg, struct str name,
                                    unsigned char out[REG_SECRET]);

/* ---------------------------------------------------------------------------- bindings */

/* The flow a REGISTER came over: where requests to a device behind a NAT go back to. */
struct reg_source {
	enum sip_transport transport;
	struct addr remote;
	struct addr local; /* the listener's own address that was used */
	uint64_t
		connection; /* names the connection within this boot (0: none, as over UDP); 0 after a restart never fits */
	uint64_t boot; /* which boot that was */
};

/* Every str points into the arena of the look-up, the request or the result. */
struct reg_binding {
	struct str uri; /* of the Contact, as the device wrote it */
	unsigned q;     /* thousandths */
	struct wall expires;
	struct str call_id;
	uint32_t cseq;
	struct str instance; /* +sip.instance, empty without */
	uint32_t reg_id;
	struct str methods; /* ;methods, empty: any */
	struct str
		params; /* the Contact's other parameters as written, for the 200's list; empty without */
	struct str path; /* Route values towards the device; always empty in this version */
	struct str user_agent;
	struct wall registered; /* when it was first bound */
	uint64_t
		content; /* of the request that bound it last: tells the same request again from another */
	struct reg_source source;
};

struct reg_bindings {
	struct reg_binding *items; /* by q, the highest first; then the newest first */
	size_t count;
};

enum reg_known {
	REG_NOBODY, /* no account and no binding */
	REG_ABSENT, /* an account, nobody registered */
	REG_FOUND,
};

/** A reader for the calling thread. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err reg_reader_open(struct reg_reader **out, struct registrar *reg);
/** On its thread, or when that has ended. NULL is fine. */
void reg_reader_close(struct reg_reader *reader);
/** What is bound to `aor` at `now`, copied into `arena`. Costs no lock, blocks on nothing but the map. ERR_NOMEM: the arena is full;
 * ERR_IO, ERR_CORRUPT: the store can't be read (then nobody may be told that there is nobody). */
NODISCARD enum err reg_lookup(struct reg_reader *reader, struct str aor, struct wall now,
                              struct arena *arena, enum reg_known *known, struct reg_bindings *out);

/* One Contact of a REGISTER. */
struct reg_contact {
	struct str uri;
	unsigned q;
	bool has_expires;
	uint32_t expires_s; /* where has_expires: ;expires */
	struct str instance;
	uint32_t reg_id;
	struct str methods;
	struct str params; /* other parameters, to be given back as they are */
};

/* What a REGISTER asks for. Everything is copied. */
struct reg_request {
	struct str aor;
	const struct reg_contact *contacts; /* none: a query */
	size_t contact_count;
	bool star; /* Contact: * (then Expires: 0 was there, and no other Contact: else `refusal` of the caller's own, 400) */
	bool has_expires; /* the Expires header field */
	uint32_t expires_s;
	struct str call_id;
	uint32_t cseq;
	struct str user_agent;
	struct reg_source source;
	struct wall now;
};

/* What came of it. */
struct reg_result {
	unsigned
		status; /* 200; 400, 403 (too many contacts), 423, 500 (out of order), 503 (the store can't write now) */
	const char *reason;     /* for the reason phrase and the log; a constant */
	uint32_t min_expires_s; /* for 423 */
	uint32_t retry_after_s; /* for 503 */
	struct wall now;
	struct reg_bindings bindings; /* for 200: all that are bound now */
};

/** Called once, on the loop that asked, never from inside the asking call. `result` lives during the call. */
typedef void (*reg_done_fn)(void *arg, const struct reg_result *result);
/** Give a REGISTER to the writer. ERR_LIMIT (too many wait: 503 with Retry-After), ERR_NOMEM: `done` is never called. Any loop's thread. */
NODISCARD enum err registrar_register(struct registrar *reg, struct loop *loop,
                                      const struct reg_request *request, reg_done_fn done,
                                      void *arg);

/** Called for each AoR with bindings; false ends the walk. What it is given lives during the call. */
typedef bool (*reg_visit_fn)(void *arg, struct str aor, const struct reg_bindings *bindings);
/** Walk all AoRs behind `after` (empty: from the first), at most `max`, in the order of the store, without what has expired: an AoR that has
 * nothing else is visited with no bindings. No transaction outlives the call, so call again with the last AoR seen. `*more`: is there more?
 * Any thread with its reader, which `visit` must not use. */
NODISCARD enum err reg_walk(struct reg_reader *reader, struct str after, size_t max,
                            struct wall now, reg_visit_fn visit, void *arg, bool *more);

/* ---------------------------------------------------------------------------- accounts */

#define REG_USER_MAX 256

/* An account: "alice@alpha.example". Passwords are never kept: HA1 = H(user:realm:password) for each algorithm. */
struct reg_account {
	struct str address; /* user@domain, the domain in lower case */
	struct str realm;   /* for which the HA1 values were made */
	struct str md5;     /* hex, 32; empty: none */
	struct str sha256;  /* hex, 64; empty: none */
	bool disabled;
};

/** The account called `address`, copied into `arena`. ERR_NOTFOUND; ERR_NOMEM; ERR_IO, ERR_CORRUPT. */
NODISCARD enum err reg_account_find(struct reg_reader *reader, struct str address,
                                    struct arena *arena, struct reg_account *out);
/** Walk accounts in order of their addresses, as reg_walk does. */
typedef bool (*reg_account_visit_fn)(void *arg, const struct reg_account *account);
NODISCARD enum err reg_account_walk(struct reg_reader *reader, struct str after, size_t max,
                                    reg_account_visit_fn visit, void *arg, bool *more);
/** Make an account out of a password: address, realm, both HA1 values (into `arena`). The digest user name is the part before "@".
 * ERR_SYNTAX: no user@domain; ERR_LIMIT: over-long. */
NODISCARD enum err reg_account_make(struct reg_account *out, struct str address, struct str realm,
                                    struct str password, struct arena *arena);

enum reg_account_op {
	REG_ACCOUNT_ADD,    /* ERR_EXISTS where it is there */
	REG_ACCOUNT_SET,    /* replace; ERR_NOTFOUND where it isn't */
	REG_ACCOUNT_PUT,    /* either */
	REG_ACCOUNT_REMOVE, /* with its bindings; ERR_NOTFOUND */
};

struct reg_account_change {
	enum reg_account_op op;
	struct reg_account account;
};

/** Called once on the loop that asked: ERR_OK, or why nothing at all was changed, and which change it was. */
typedef void (*reg_changed_fn)(void *arg, enum err e, size_t index);
/** Apply all changes or none, durably. Copied. As registrar_register(). */
NODISCARD enum err registrar_accounts_change(struct registrar *reg, struct loop *loop,
                                             const struct reg_account_change *changes, size_t count,
                                             reg_changed_fn done, void *arg);

/* ---------------------------------------------------------------------------- figures */

struct reg_counts {
	uint64_t changes; /* REGISTERs planned */
	uint64_t commits;
	uint64_t queued; /* waiting now */
	uint64_t accounts;
	uint64_t addresses; /* AoRs with bindings in the store */
	uint64_t bytes;     /* of the store on disk */
	uint64_t failures;  /* commits that failed */
};
/** Read the figures. Any thread. */
void registrar_counts(const struct registrar *reg, struct reg_counts *out);
