/* federation/federation.h: the other providers: whom we ask, what we believe, what we answer.
 *
 * One struct federation serves a whole crew. Questions have a home: the worker to which the hash of peer and address leads keeps the
 * answer's cache and the list of who waits for it, so that a thousand calls to one unknown user make one question. Answers are
 * immutable and counted. The document is docs/protocol/lookup.md. */
#pragma once
#include "base/addr.h"
#include "base/clock.h"
#include "base/crew.h"
#include "base/http.h"
#include "base/log.h"
#include "registrar/registrar.h"
#include "resolver/resolver.h"

/* How a source of locations answers. */
/* clang-format off */
#define FED_OUTCOME_TABLE(X)   \
	X(FOUND,   "found")    \
	X(NOBODY,  "nobody")   \
	X(ABSENT,  "absent")   \
	X(UNKNOWN, "unknown")  \
	X(FAILED,  "failed")
/* clang-format on */

enum fed_outcome {
#define X(name, text) FED_##name,
	FED_OUTCOME_TABLE(X)
#undef X
};

/** "found", "nobody"... */
const char *fed_outcome_name(enum fed_outcome outcome);

#define FED_TARGETS_MAX 64

/* A place where an address can be reached, as a peer says. */
struct fed_target {
	struct str uri; /* contact: replaces the Request-URI; ingress: becomes the Route */
	bool ingress;
	struct str route;    /* Route header values in order, joined by ", "; empty: none */
	unsigned q;          /* thousandths */
	struct str methods;  /* empty: any */
	struct wall expires; /* when it ends */
	struct str identity; /* the name that the TLS certificate of the place must bear */
};

/* What came of a question. Immutable, counted; every str in it lives as long. */
struct fed_answer {
	enum fed_outcome outcome;
	const struct fed_target *targets; /* by q, then in the order given */
	size_t target_count;
	int64_t ms;    /* how long the question took; 0 from the cache */
	int64_t ttl_s; /* how long it may still be used, -1: not at all */
	bool cached;
	struct str text; /* in words, for the trace: "200, 2 contacts", "timeout after 500 ms" */
};

/** One holder more; any thread. */
const struct fed_answer *fed_answer_ref(const struct fed_answer *answer);
/** One holder less, the last one frees; any thread; NULL is fine. */
void fed_answer_unref(const struct fed_answer *answer);

enum fed_reveal { FED_REVEAL_NOTHING, FED_REVEAL_INGRESS, FED_REVEAL_CONTACT };

/* A peer, as the configuration has it. Everything is copied by federation_configure. */
struct fed_peer_conf {
	struct str name;
	const struct str *domains; /* "x" or "*.x" */
	size_t domain_count;
	const struct str *numbers; /* prefixes */
	size_t number_count;
	struct str url;  /* https://host:port, an origin; empty: it can't be asked over HTTPS */
	struct str host; /* of url */
	uint16_t port;
	const struct str *names; /* that its client certificate may bear */
	size_t name_count;
	const struct network *addresses;
	size_t address_count;
	struct str token; /* empty: none */
	enum fed_reveal reveal;
	int64_t timeout_ms;
};

struct fed_conf {
	const struct fed_peer_conf *peers;
	size_t peer_count;
	struct str certificate; /* PEM, ours, shown when we ask; empty: none */
	struct str key;
	struct str ca; /* PEM; empty: the system's */
	const struct network *allow_targets;
	size_t allow_target_count;
	const struct str *ingress; /* sip: URIs, what we publish as ours, ";lr" */
	size_t ingress_count;
	/* The edge at which an opaque URI of ours is reached: "host:port" and ";transport=..." as in a URI. */
	struct str edge;
};

struct federation;

/* Who we are, told by callbacks that the gateway wires. Any thread, nothing blocks. */
struct fed_self {
	void *arg;
	bool (*is_own_domain)(void *arg, struct str domain);
	bool (*is_own_number)(void *arg, struct str number);
	bool (*is_own_place)(void *arg, const struct addr *addr); /* one of our own listeners */
	/* Write the AoR under which a number of ours is registered ("sip:+4930123456@alpha.example"); false: there is none. NULL: tel:
	 * questions of peers that may see contacts are answered with 404. */
	bool (*number_aor)(void *arg, struct str number, struct buf *out);
};

struct fed_env {
	struct crew *crew;
	struct resolver *resolver;
	struct registrar *registrar;
	struct log *log;
	struct fed_self self;
	const unsigned char *seal_key; /* 32 bytes: for opaque URIs; outlives a restart. Copied */
};

/** Open, with no peers. Before the crew starts. ERR_NOMEM, ERR_SYSTEM. */
NODISCARD enum err federation_open(struct federation **out, const struct fed_env *env);
/** Close. After the crew stopped. NULL is fine. */
void federation_close(struct federation *fed);
/** Put another configuration in force, as a whole. Questions under way end under the old one. Main thread. ERR_SYNTAX, ERR_CERT: certificate, key or
 * authorities are no good (the log says which); ERR_NOMEM. Nothing has changed then. */
NODISCARD enum err federation_configure(struct federation *fed, const struct fed_conf *conf);

struct fed_question;
typedef void (*fed_answer_fn)(
	void *arg, const struct fed_answer *answer); /* borrowed: fed_answer_ref to keep */

/* What is asked. The strs are copied. */
struct fed_ask {
	struct str peer;     /* its name */
	struct str address;  /* canonical: "sip:bob@beta.example" or "tel:+4930123456" */
	bool no_cache;       /* ask anew */
	int64_t deadline_ms; /* from now, 0: none. In any case it ends by the peer's timeout, for DNS and for the question each */
};

/** Ask a peer over HTTPS. `fn` is called once, on `loop`, never before this returns. ERR_LIMIT (over-long, or too many wait), ERR_NOMEM: it is
 * never called. On `loop`'s own thread; `out` may be NULL. Whether the peer may speak for the address (its domains and numbers, or a route
 * that names it) is the caller's to decide before he asks: an answer about exactly this address is believed. */
NODISCARD enum err federation_ask(struct federation *fed, struct loop *loop,
                                  const struct fed_ask *ask, fed_answer_fn fn, void *arg,
                                  struct fed_question **out);
/** Take the question back: `fn` is not called any more. On its loop. NULL is fine. */
void federation_cancel(struct fed_question *question);

/* A look-up that somebody sent us (an HTTPS request, without its transport). */
struct fed_request {
	struct str method; /* "GET" */
	struct str path;
	struct str query;         /* raw */
	struct str authorization; /* header value, empty without */
	struct str if_none_match;
	struct str via;
	const struct str *names; /* of a verified client certificate (RFC 5922) */
	size_t name_count;
	struct addr remote;
};

struct fed_reply {
	unsigned status;
	int64_t not_before_ms; /* the reply leaves no earlier than this after the request came, so that times tell nothing */
	struct buf headers; /* "Name: value\r\n" lines, Content-Type and Cache-Control among them */
	struct buf body;
};

/** Answer a look-up from our own users alone (docs/protocol/lookup.md). `reader` is the calling thread's; NULL: the store isn't open, 503 to whom it
 * matters. Any thread; blocks on nothing but the map. The reply's bufs are initialized here and freed by the caller. */
void federation_answer(struct federation *fed, struct reg_reader *reader,
                       const struct fed_request *request, struct fed_reply *reply);

/** The same as a handler for an https:// listener (base/http.h). */
void federation_serve(struct federation *fed, struct reg_reader *reader,
                      const struct http_request *request, struct http_reply *reply);

/** Is `user` (of a Request-URI) an opaque one that we sealed, and still in its time? Writes the AoR and the Contact URI of the binding that it leads
 * to, into the two bufs. ERR_NOTFOUND: not ours (or forged). ERR_TIMEOUT: it ended. Any thread. */
NODISCARD enum err federation_unseal(struct federation *fed, struct str user, struct wall now,
                                     struct buf *aor, struct buf *contact);

/* Per-peer counters, for `peer list` and the metrics. */
struct fed_peer_stats {
	struct str name;
	uint64_t asked;                                  /* questions put to it */
	uint64_t cached;                                 /* answered from the cache instead */
	uint64_t found, nobody, absent, unknown, failed; /* what came of those that were put */
	uint64_t answered,
		refused; /* look-ups of theirs: told something (200, 304, 404), told anything else */
	int64_t last_ms; /* how long the last question took */
};
/** Visit the counters of all peers. Any thread; the snapshot lives during the call. */
void federation_stats(struct federation *fed,
                      void (*visit)(void *arg, const struct fed_peer_stats *stats), void *arg);
