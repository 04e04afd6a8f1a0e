/* gateway/locate_build.h: the state of a look-up, shared by locate.c and the files that ask the single sources. Nobody else includes this. */
#pragma once
#include "base/arena.h"
#include "gateway/locate.h"
#include "gateway/route.h"

#define LOCATE_ARENA_MAX ((size_t)512 << 10)

struct locate {
	struct worker *worker;
	struct locate_question question;
	locate_done_fn done;
	void *arg;
	struct locate_result result;
	struct arena arena;
	struct route_plan *plan;
	size_t at; /* the question of the plan that is under way */
	struct mono asked_at;
	bool failed;   /* one who speaks for it could not be asked */
	bool internal; /* for a reason of our own */
	bool finished;
	struct timer deadline;
	struct fed_question *asking;
	struct resolver_query *resolving;
	char memory[2048]; /* the arena's first; must stay last */
};

/** Source 1: our own users. */
enum located locate_own(struct locate *l);
/** Ask one of the plan. True: `*outcome` is there; false: locate_answered() will be called. */
bool locate_ask(struct locate *l, const struct route_ask *ask, enum located *outcome);
/** The question under way has ended so; its line is in the trace. */
void locate_answered(struct locate *l, enum located outcome);
/** A line of the trace; the time is counted from l->asked_at. */
void locate_step(struct locate *l, struct str source, enum located outcome, int64_t ttl_s,
                 const char *format, ...) PRINTF_LIKE(5, 6);
/** Make room for `count` targets (cleared), cut to LOCATE_TARGETS_MAX: the first of them, or NULL without memory. */
struct target *locate_targets(struct locate *l, size_t count);
/** Write into the arena; empty without memory. */
struct str locate_text(struct locate *l, struct str text);
/** Write into the arena what route_source() writes. */
struct str locate_source(struct locate *l, const struct route_ask *ask);
