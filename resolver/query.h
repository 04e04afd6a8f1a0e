/* resolver/query.h: somebody's locate, from the question to the result. Belongs to the asker's loop. */
#pragma once
#include "resolver/ask.h"
#include "resolver/order.h"
#include "resolver/result.h"

/** Most of one worker that are under way. */
#define QUERIES_MAX 16384
/** Most questions to DNS that one may take. */
#define QUERY_ASKS_MAX 512

struct resolver_query {
	struct resolver_query *next; /* of its home */
	struct resolver_query **prev;
	struct home *home;
	struct settings *settings;
	struct resolver_question question; /* host: `name` */
	struct order_plan plan;
	bool numeric;
	struct addr addr; /* where numeric */
	struct mono begun;
	struct timer timer;
	struct loop_end end;
	/* Half of the time is gone, since then: what was asked before can be done without. */
	bool impatient;
	struct mono half;
	/* All of it is gone. */
	bool late;
	/* What was asked for it, in order of asking. */
	struct ask *asks;
	struct ask **last_ask;
	size_t ask_count;
	size_t addresses_pending;
	struct result *result;
	resolver_done_fn done;
	void *arg;
	struct str name; /* canonical, or as asked where it is no name */
	char text[];
};

/** Begin one at `home`; `services`: NAPTR and SRV too. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err query_begin(struct resolver_query **out, struct home *home,
                               const struct resolver_question *question, bool services,
                               resolver_done_fn done, void *arg);
/** What was asked for it about (name, type), asked now if it wasn't; NULL: can't be asked (no memory, over a limit). */
struct ask *query_ask(struct resolver_query *q, struct str name, enum dns_type type,
                      unsigned depth);
/** One of its asks has been answered. */
void query_answered(struct resolver_query *q, const struct ask *ask);
/** Forget it; `done` is not called. */
void query_free(struct resolver_query *q);
