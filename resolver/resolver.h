/* resolver/resolver.h: from a host name to the addresses where its SIP servers may be, in the order to try them (RFC 3263).
 *
 * One resolver serves a crew. Each question to DNS (a name and a type) has one home worker, which asks it, keeps its answer as long
 * as the answer says, and tells all who wait; nobody blocks and there is no lock. Whoever asks does so on a loop of the crew, and is
 * answered there, never before the asking call has returned.
 *
 * Bounded: a locate ends within the configured time; the cache, the questions under way and the targets of an answer have limits.
 * /etc/hosts is not read; localhost and names below it are 127.0.0.1 and ::1, and invalid has nothing below it (RFC 6761). */
#pragma once
#include "base/addr.h"
#include "base/crew.h"

struct resolver;
/** A question under way. */
struct resolver_query;

/** Most targets in one answer. */
#define RESOLVER_TARGETS_MAX 64
/** Most name servers that are used; further ones are left out. */
#define RESOLVER_SERVERS_MAX 8
/** A host name in text, without the final dot, with its NUL (RFC 1035 2.3.4; escapes make it longer). */
#define RESOLVER_NAME_MAX 1024

/** What SIP may run over. Bits, so that a set is their union. */
enum resolver_transport {
	RESOLVER_NO_TRANSPORT = 0,
	RESOLVER_UDP = 1,
	RESOLVER_TCP = 2,
	RESOLVER_TLS = 4,
	RESOLVER_SCTP = 8,
	RESOLVER_WS = 16,
	RESOLVER_WSS = 32,
};

/** "udp", "tcp", "tls", "sctp", "ws", "wss"; "" for none. A C string that lives forever. */
const char *resolver_transport_text(enum resolver_transport t);

/* ---------------------------------------------------------------------------- settings */

struct resolver_conf {
	/** Name servers in order of preference; none: those of /etc/resolv.conf (read in resolver_open and _configure alone). */
	const struct addr *servers;
	size_t server_count;
	/** A whole locate, however many questions it takes; also each single question. Milliseconds; 0: 2000. */
	int64_t timeout_ms;
	/** Networks to which answers about others may point although they are inward or ours. */
	const struct network *allow_targets;
	size_t allow_count;
	/** Our own addresses, to which answers about others may not point (unless allowed). */
	const struct network *own;
	size_t own_count;
	/** Answers kept, over all workers; 0: 100 000. The oldest go first. */
	size_t cache_limit;
};

/** Make a resolver for the workers of `crew`, which must outlive it. `conf` is copied. The crew may run already.
 * ERR_NOMEM, ERR_SYSTEM, ERR_LIMIT (too many networks). */
NODISCARD enum err resolver_open(struct resolver **out, struct crew *crew,
                                 const struct resolver_conf *conf);

/** New settings for all questions from now on; those under way end with the old ones. Reads /etc/resolv.conf where `conf` names no
 * server, so not on a worker. One thread at a time. Nothing has changed where it fails. The cache is kept (resolver_cache_flush()). */
NODISCARD enum err resolver_configure(struct resolver *r, const struct resolver_conf *conf);

/** Close it and free all questions under way, whose callbacks are not called. The crew's loops are stopped and are not
 * run again. NULL is fine. */
void resolver_close(struct resolver *r);

/* ---------------------------------------------------------------------------- questions */

struct resolver_question {
	/** A name, or a numeric address (IPv6 with or without brackets): of the URI, or of its maddr, or of a Via's sent-by.
	 * Copied. */
	struct str host;
	/** The port that stands with it; 0: none. */
	uint16_t port;
	/** The transport that its transport parameter, or the Via, names; RESOLVER_NO_TRANSPORT: none. */
	enum resolver_transport transport;
	/** A sips URI: TLS or WSS only. */
	bool secure;
	/** The set of transports that we can send over. */
	unsigned supported;
	/** Learnt from others (not named by the configuration): targets that are inward or ours are refused (allow_targets). */
	bool foreign;
	/** Fill result->steps. */
	bool trace;
	/** Most targets wanted; 0: RESOLVER_TARGETS_MAX. */
	unsigned limit;
	/** What decides between equals (RFC 2782 weights). The same seed and records give the same order: a hash of the Call-ID, say.
	 * 0: drawn by the resolver. */
	uint64_t seed;
};

enum resolver_outcome {
	RESOLVER_FOUND,  /* targets */
	RESOLVER_NOBODY, /* said by DNS: there is no such domain */
	RESOLVER_FAILED, /* no answer in time, an error, no usable record, all targets refused, nothing we support */
};

/** "found", "nobody", "failed". */
const char *resolver_outcome_text(enum resolver_outcome o);

struct resolver_target {
	/** One bit. RESOLVER_NO_TRANSPORT from resolver_addresses(). */
	enum resolver_transport transport;
	/** Whose address it is: the SRV record's target, or the name that was asked for. For logs and traces: what a TLS
	 * certificate must bear is the name that was asked for, the question's host (RFC 5922 4), never what DNS says. */
	struct str host;
	/** With its port. */
	struct addr addr;
	/** Of the SRV record; 0 without one. */
	uint16_t priority;
	uint16_t weight;
	/** Was there an SRV record? */
	bool has_srv;
	/** Seconds for which all records that led here may still be used. A numeric host: UINT32_MAX. */
	uint32_t ttl;
};

/** One question of the trace, in order of asking. */
struct resolver_step {
	/** The name asked for, without the final dot. */
	struct str name;
	/** "NAPTR", "SRV", "A", "AAAA". */
	const char *type;
	/** 0: about the domain; 1: because of a NAPTR record; 2: because of an SRV record. */
	unsigned depth;
	/** What it took, in milliseconds; an answer that was known already takes 0. */
	int64_t ms;
	/** The records as in a zone file joined by "; ", or "no such name", "no such record", "no answer in time", "SERVFAIL"... */
	struct str answer;
	/** Seconds; 0 where it failed. */
	uint32_t ttl;
	/** Was it known already? */
	bool cached;
};

struct resolver_result {
	enum resolver_outcome outcome;
	/** In the order in which they are to be tried (RFC 3263 4.3). */
	const struct resolver_target *targets;
	size_t target_count;
	/** What was asked, where that was wanted. */
	const struct resolver_step *steps;
	size_t step_count;
	/** Why it failed, or who said that there is nobody, for operators: "no answer in time from DNS about SRV _sip._udp.b.example".
	 * Empty for FOUND, but where targets were left out (those refused). */
	struct str reason;
	/** Seconds for which the whole answer may be used: the least of its targets', or that of the negative answer. */
	uint32_t ttl;
};

/** Free it. NULL is fine. Any thread. */
void resolver_result_free(struct resolver_result *result);

/** Called once on the asker's loop, from its turn's end, never from inside resolver_locate(). The query's handle is gone by then.
 * `result` is never NULL and is given away: resolver_result_free(). */
typedef void (*resolver_done_fn)(void *arg, struct resolver_result *result);

/** Locate the servers of `question` (RFC 3263 4; with the Via's transport, host and port: section 5).
 *
 * On `loop`'s own thread; `loop` is one of the crew's. `*handle` is valid until `done` is called or resolver_cancel(). An impossible
 * question (a host that is no name, a transport that we don't support, sips over UDP) is answered with FAILED, like everything else.
 * ERR_NOMEM; ERR_LIMIT where too many questions are under way: then `done` is never called. */
NODISCARD enum err resolver_locate(struct resolver *r, struct loop *loop,
                                   const struct resolver_question *question, resolver_done_fn done,
                                   void *arg, struct resolver_query **handle);

/** The addresses of a host, with question->port: no NAPTR, no SRV (for HTTPS and STUN). The same rules as resolver_locate();
 * transport, secure and supported are not looked at. */
NODISCARD enum err resolver_addresses(struct resolver *r, struct loop *loop,
                                      const struct resolver_question *question,
                                      resolver_done_fn done, void *arg,
                                      struct resolver_query **handle);

/** Forget it: `done` is not called any more. On the asker's loop. What was asked goes on, for the others and the cache. NULL is
 * fine. */
void resolver_cancel(struct resolver_query *query);

/** May what we learn from others point at `addr`? Not if it is inward (base/addr.h) or ours, unless a network of
 * conf->allow_targets has it. Pure. */
bool resolver_may_point_at(const struct resolver_conf *conf, const struct addr *addr);

/* ---------------------------------------------------------------------------- the cache, for operators */

struct resolver_cached {
	/** Without the final dot; valid during the call. */
	struct str name;
	const char *type;
	/** The records, or what is known instead; valid during the call. */
	struct str answer;
	/** Seconds left. */
	uint32_t ttl;
	/** The worker where it lives. */
	unsigned home;
};

/** Called on the asker's loop for each entry. */
typedef void (*resolver_cached_fn)(void *arg, const struct resolver_cached *entry);
/** Called on the asker's loop at the end, with the number of entries told or removed; never from inside the asking call. */
typedef void (*resolver_walked_fn)(void *arg, size_t count);

/** Tell all that is in the cache, worker by worker, a part a turn, so that nobody waits. It can't be cancelled. On `loop`'s
 * thread. ERR_NOMEM. */
NODISCARD enum err resolver_cache_list(struct resolver *r, struct loop *loop,
                                       resolver_cached_fn each, resolver_walked_fn done, void *arg);
/** Remove what is known about `name` (all types), or everything where `name` is empty. Questions under way are not stopped.
 * On `loop`'s thread. ERR_NOMEM; ERR_SYNTAX where `name` is no host name. */
NODISCARD enum err resolver_cache_flush(struct resolver *r, struct loop *loop, struct str name,
                                        resolver_walked_fn done, void *arg);

/* ---------------------------------------------------------------------------- figures */

/** Upper bounds of the latency classes in milliseconds; one class more has what took longer. */
#define RESOLVER_LATENCY_CLASSES 9
extern const unsigned resolver_latency_bounds_ms[RESOLVER_LATENCY_CLASSES - 1];

/** What one worker has counted since the start. */
struct resolver_counts {
	uint64_t located; /* locates and address look-ups begun here */
	uint64_t found;   /* and their outcomes */
	uint64_t nobody;
	uint64_t failed;
	uint64_t refused;  /* targets that pointed inwards */
	uint64_t hits;     /* record questions answered from the cache, at this home */
	uint64_t joined;   /* that joined one under way */
	uint64_t asked;    /* that went to DNS */
	uint64_t sent;     /* packets to name servers */
	uint64_t timeouts; /* questions without an answer in time */
	uint64_t errors;  /* questions ended by SERVFAIL, REFUSED, garbage, an unreachable server */
	uint64_t cached;  /* entries now (a gauge) */
	uint64_t evicted; /* entries that had to go before their time */
	uint64_t latency
		[RESOLVER_LATENCY_CLASSES]; /* of questions that went to DNS and were answered */
	uint64_t latency_us;                /* their sum */
};

/** Read what worker `index` has counted. Any thread; each figure is exact, together they may be torn. */
void resolver_counts_read(const struct resolver *r, unsigned index, struct resolver_counts *out);
