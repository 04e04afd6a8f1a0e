/* gateway/locate.h: where is this address to be reached now? The one function that the proxy, the redirect server, the command line
 * and the admin API ask.
 *
 * It walks the sources of locations in their order (our own bindings, routes, peers, DNS) until one of them speaks for the address. Own thread:
 * a locate belongs to the worker that began it. */
#pragma once
#include "gateway/address.h"
#include "gateway/worker.h"

#define LOCATE_TARGETS_MAX 64
#define LOCATE_STEPS_MAX 64

/* How the question ended: outcomes of one source, and of all of them. */
enum located {
	LOCATED_FOUND,   /* targets */
	LOCATED_NOBODY,  /* said by whoever speaks for it: 404 */
	LOCATED_ABSENT,  /* exists, not reachable now: 480 */
	LOCATED_UNKNOWN, /* nobody speaks for it: 404 */
	LOCATED_FAILED,  /* whoever speaks for it could not be asked: `status` */
};

/** "found", "nobody"... */
const char *located_name(enum located outcome);

enum target_kind {
	TARGET_CONTACT, /* its URI replaces the Request-URI */
	TARGET_ROUTE, /* the Request-URI stays what was asked for, or becomes `uri` where that is set; its route leads there */
};

/* A place where the address can be reached. Strs live in the result's arena. */
struct target {
	enum target_kind kind;
	struct str
		uri; /* what the Request-URI becomes; TARGET_ROUTE: the address as it is to be sent there */
	struct str route; /* Route values, joined by ", "; empty: none */
	struct str
		next_hop; /* a URI to send to without a Route that says so (an ingress without ;lr); empty: route, else uri */
	unsigned q;          /* thousandths */
	struct str methods;  /* empty: any */
	struct wall expires; /* ms 0: not known */
	struct str identity; /* the name that its certificate must bear; empty: the URI's host */
	struct str source;   /* "registrar", "peer:beta/https", "dns"... */
	struct str peer;     /* the peer's name; empty: none */
	bool cached;         /* known from before */
	bool fallback;       /* a peer's ingress beside or instead of contacts */
	bool foreign;        /* learnt from others: it may not point inwards */
	bool has_flow;       /* registered: the flow it came by */
	struct reg_source flow;
};

struct locate_step {
	struct str source;
	struct str answer; /* "found: 2 contacts", "timeout after 500 ms" */
	enum located outcome;
	int64_t ms;
	int64_t ttl_s; /* -1: not known */
};

struct locate_result {
	enum located outcome;
	unsigned
		status; /* the answer that an outcome other than found deserves: 404, 480, 500, 503 */
	const char *reason;     /* for its reason phrase; NULL: that of the registry */
	struct target *targets; /* by q, then as found; at most LOCATE_TARGETS_MAX */
	size_t target_count;
	struct locate_step *steps; /* at most LOCATE_STEPS_MAX */
	size_t step_count;
};

enum locate_scope {
	LOCATE_ALL,
	LOCATE_OWN, /* our own bindings alone: what peers are answered from */
};

struct locate_question {
	const struct snapshot *snapshot;
	struct address address; /* its strs must live until the answer */
	enum locate_scope scope;
	uint16_t port; /* of an address that is a place (address.port), else 0 */
	enum resolver_transport transport; /* that the URI names; none: RESOLVER_NO_TRANSPORT */
	bool no_cache;                     /* ask peers anew */
	int64_t deadline_ms;               /* for all of it; 0: 10 s */
	uint64_t seed;                     /* decides among equals in DNS */
};

struct locate;
/** Called once. `result` and all that it points to live until locate_free(). */
typedef void (*locate_done_fn)(void *arg, struct locate *l, const struct locate_result *result);

/** Begin. True: it is done already and `*out` has its result (locate_result()); `done` is never called. False: `done` will be, on this worker, never from inside
 * this call; `*out` NULL then means that there was no memory, and `done` is never called. locate_free() ends it in any case. */
bool locate_start(struct worker *w, const struct locate_question *question, locate_done_fn done,
                  void *arg, struct locate **out);
/** The result, once it is there. */
const struct locate_result *locate_result(const struct locate *l);
/** Forget it, finished or not. NULL is fine. */
void locate_free(struct locate *l);
