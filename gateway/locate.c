#include "gateway/locate.h"

#include "gateway/locate_build.h"

#include "base/mem.h"

#define DEADLINE_MS 10000

const char *located_name(enum located outcome)
{
	static const char *const names[] = {
		[LOCATED_FOUND] = "found",   [LOCATED_NOBODY] = "nobody",
		[LOCATED_ABSENT] = "absent", [LOCATED_UNKNOWN] = "unknown",
		[LOCATED_FAILED] = "failed",
	};

	return names[outcome];
}

static void finish(struct locate *l)
{
	loop_timer_stop(l->worker->loop, &l->deadline);
	federation_cancel(l->asking);
	l->asking = NULL;
	resolver_cancel(l->resolving);
	l->resolving = NULL;
	l->finished = true;
}

/* What the caller of the whole is answered where nothing was found. */
static void settle(struct locate *l, enum located outcome)
{
	struct locate_result *r = &l->result;

	if (outcome == LOCATED_UNKNOWN && l->failed)
		outcome = LOCATED_FAILED;
	r->outcome = outcome;
	switch (outcome) {
	case LOCATED_FOUND:
		r->status = 0;
		break;
	case LOCATED_NOBODY:
	case LOCATED_UNKNOWN:
		r->status = 404;
		break;
	case LOCATED_ABSENT:
		r->status = 480;
		break;
	case LOCATED_FAILED:
		r->status = l->internal ? 500 : 503;
		break;
	}
	finish(l);
}

static void tell(struct locate *l)
{
	if (l->done != NULL)
		l->done(l->arg, l, &l->result);
}

static enum route_outcome route_outcome_of(enum located outcome)
{
	if (outcome == LOCATED_UNKNOWN)
		return ROUTE_UNKNOWN;
	return outcome == LOCATED_FAILED ? ROUTE_FAILED : ROUTE_SETTLED;
}

/* A question of the plan has ended: go on, or be done. False: an answer is under way. */
static bool ask_from(struct locate *l, size_t at)
{
	while (at < l->plan->count) {
		enum located outcome;

		l->at = at;
		l->asked_at = loop_now(l->worker->loop);
		if (!locate_ask(l, &l->plan->asks[at], &outcome))
			return false;
		l->failed = l->failed || outcome == LOCATED_FAILED;
		if (route_outcome_of(outcome) == ROUTE_SETTLED) {
			settle(l, outcome);
			return true;
		}
		at = route_plan_next(l->plan, at, route_outcome_of(outcome), l->failed);
	}
	settle(l, LOCATED_UNKNOWN);
	return true;
}

void locate_answered(struct locate *l, enum located outcome)
{
	l->asking = NULL;
	l->resolving = NULL;
	l->failed = l->failed || outcome == LOCATED_FAILED;
	if (route_outcome_of(outcome) == ROUTE_SETTLED) {
		settle(l, outcome);
	} else if (!ask_from(l, route_plan_next(l->plan, l->at, route_outcome_of(outcome),
	                                        l->failed))) {
		return;
	}
	tell(l);
}

static void on_deadline(struct timer *t)
{
	struct locate *l = container_of(t, struct locate, deadline);
	struct str source = STR("deadline");

	locate_step(l, source, LOCATED_FAILED, -1, "no answer from all sources in time");
	l->failed = true;
	settle(l, LOCATED_UNKNOWN);
	tell(l);
}

/* Beyond our own bindings. True: done. */
static bool ask_others(struct locate *l)
{
	const struct conf *conf = l->question.snapshot->conf;

	l->plan = arena_alloc(&l->arena, sizeof(*l->plan));
	if (l->plan == NULL) {
		l->internal = l->failed = true;
		settle(l, LOCATED_UNKNOWN);
		return true;
	}
	route_plan_make(l->plan, conf, &l->question.address);
	if (l->plan->count == 0) {
		settle(l, LOCATED_UNKNOWN);
		return true;
	}
	if (ask_from(l, 0))
		return true;
	loop_timer_start(l->worker->loop, &l->deadline,
	                 l->question.deadline_ms > 0 ? l->question.deadline_ms : DEADLINE_MS,
	                 on_deadline);
	return false;
}

bool locate_start(struct worker *w, const struct locate_question *question, locate_done_fn done,
                  void *arg, struct locate **out)
{
	struct locate *l = malloc(sizeof(*l));
	enum located own;

	*out = NULL;
	if (l == NULL)
		return false;
	memset(l, 0, offsetof(struct locate, memory));
	l->worker = w;
	l->question = *question;
	l->question.snapshot = snapshot_ref(question->snapshot);
	l->done = done;
	l->arg = arg;
	arena_init(&l->arena, l->memory, sizeof(l->memory), LOCATE_ARENA_MAX);
	*out = l;
	own = locate_own(l);
	if (own != LOCATED_UNKNOWN || l->question.scope == LOCATE_OWN) {
		settle(l, own);
		return true;
	}
	return ask_others(l);
}

const struct locate_result *locate_result(const struct locate *l)
{
	return &l->result;
}

void locate_free(struct locate *l)
{
	if (l == NULL)
		return;
	if (!l->finished)
		finish(l);
	snapshot_unref(l->question.snapshot);
	arena_fini(&l->arena);
	free(l);
}
