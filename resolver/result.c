#include "resolver/result.h"

#include "base/mem.h"
#include "resolver/search.h"

#define MEMORY_MAX ((size_t)8 << 20)
#define REASON_MAX 2048
/* What one answer may fill in a trace. */
#define ANSWER_TEXT_MAX 65536

struct result *result_new(void)
{
	struct result *r = malloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->public = (struct resolver_result){ .outcome = RESOLVER_FAILED };
	arena_init(&r->arena, r->first, sizeof(r->first), MEMORY_MAX);
	return r;
}

void result_free(struct result *r)
{
	if (r == NULL)
		return;
	arena_fini(&r->arena);
	free(r);
}

void resolver_result_free(struct resolver_result *result)
{
	if (result != NULL)
		result_free(container_of(result, struct result, public));
}

/* ---------------------------------------------------------------------------- targets */

static bool copy_targets(struct result *r, const struct search *s)
{
	struct resolver_target *list = arena_alloc(&r->arena, s->count * sizeof(*list));

	r->public.ttl = UINT32_MAX;
	for (size_t i = 0; list != NULL && i < s->count; i++) {
		list[i] = s->targets[i];
		if (i > 0 && str_eq(s->targets[i - 1].host, list[i].host))
			list[i].host = list[i - 1].host;
		else if (arena_str(&r->arena, list[i].host, &list[i].host) != ERR_OK)
			return false;
		if (list[i].ttl < r->public.ttl)
			r->public.ttl = list[i].ttl;
	}
	r->public.targets = list;
	r->public.target_count = list == NULL ? 0 : s->count;
	return list != NULL;
}

/* ---------------------------------------------------------------------------- the trace */

static void write_answer(const struct ask *ask, struct buf *out)
{
	struct dns_answer failure = { .verdict = ask_verdict(ask) };

	dns_answer_write(ask->answered && ask->records != NULL ? &ask->records->answer : &failure,
	                 out);
}

static bool copy_step(struct result *r, const struct ask *ask, struct mono now,
                      struct resolver_step *step)
{
	struct buf text;
	bool good;

	buf_init(&text, ANSWER_TEXT_MAX);
	write_answer(ask, &text);
	*step = (struct resolver_step){
		.type = dns_type_text(ask->type),
		.depth = ask->depth,
		.ms = ask->cached ? 0
		                  : mono_ms_between(ask->begun, ask->answered ? ask->ended : now),
		.ttl = dns_is_answer(ask_verdict(ask)) ? records_ttl(ask->records, now) : 0,
		.cached = ask->answered && ask->cached,
	};
	good = text.err != ERR_NOMEM && arena_str(&r->arena, ask->name, &step->name) == ERR_OK &&
	       arena_str(&r->arena, buf_view(&text), &step->answer) == ERR_OK;
	buf_fini(&text);
	return good;
}

static bool copy_steps(struct result *r, const struct resolver_query *q)
{
	struct resolver_step *list = arena_alloc(&r->arena, q->ask_count * sizeof(*list));
	struct mono now = loop_now(q->home->loop);

	r->public.steps = list;
	for (const struct ask *ask = q->asks; list != NULL && ask != NULL;
	     ask = ask->next_of_query) {
		if (!copy_step(r, ask, now, &list[r->public.step_count]))
			return false;
		r->public.step_count++;
	}
	return list != NULL;
}

/* ---------------------------------------------------------------------------- the reason */

static const struct ask *first_failed(const struct resolver_query *q)
{
	const struct ask *ask = q->asks;

	while (ask != NULL && dns_is_answer(ask_verdict(ask)))
		ask = ask->next_of_query;
	return ask;
}

static void write_refused(const struct search *s, struct buf *out)
{
	char text[ADDR_TEXT];

	buf_printf(
		out,
		"%s refused, since it points inwards or at us (resolver.allow_targets would allow it)",
		addr_text(&s->refused_addr, text));
	if (s->refused > 1)
		buf_printf(out, ", and %zu more", s->refused - 1);
}

static void write_failure(const struct resolver_query *q, const struct search *s, struct buf *out)
{
	const struct ask *failed = s->failed ? first_failed(q) : NULL;

	if (q->plan.why != NULL) {
		buf_z(out, q->plan.why);
	} else if (s->refused > 0) {
		write_refused(s, out);
	} else if (failed != NULL) {
		write_answer(failed, out);
		buf_printf(out, " from DNS about %s %.*s", dns_type_text(failed->type),
		           STR_ARG(failed->name));
	} else if (s->failed) {
		buf_z(out, "out of memory");
	} else if (s->denied) {
		buf_printf(out, "%.*s publishes in DNS that it has no such service",
		           STR_ARG(q->name));
	} else if (s->services) {
		buf_printf(out, "no record in DNS about %.*s leads to an address",
		           STR_ARG(q->name));
	} else {
		buf_printf(out, "no record of use in DNS about %.*s", STR_ARG(q->name));
	}
}

static void write_reason(const struct resolver_query *q, const struct search *s,
                         enum resolver_outcome outcome, struct buf *out)
{
	if (outcome == RESOLVER_FAILED)
		write_failure(q, s, out);
	else if (outcome == RESOLVER_NOBODY)
		buf_printf(out, "DNS says that there is no %.*s", STR_ARG(q->name));
	else if (s->refused > 0)
		write_refused(s, out);
}

/* ---------------------------------------------------------------------------- all of it */

static enum resolver_outcome judge(const struct search *s)
{
	if (s->count > 0)
		return RESOLVER_FOUND;
	return s->no_name && !s->failed && !s->services && s->refused == 0 ? RESOLVER_NOBODY
	                                                                   : RESOLVER_FAILED;
}

static bool fill(struct result *r, const struct resolver_query *q, const struct search *s)
{
	char memory[REASON_MAX];
	struct buf reason;

	r->public.outcome = judge(s);
	if (r->public.outcome == RESOLVER_NOBODY)
		r->public.ttl = s->no_name_ttl;
	if (s->count > 0 && !copy_targets(r, s))
		return false;
	if (q->question.trace && q->ask_count > 0 && !copy_steps(r, q))
		return false;
	buf_wrap(&reason, memory, sizeof(memory));
	write_reason(q, s, r->public.outcome, &reason);
	return arena_str(&r->arena, buf_view(&reason), &r->public.reason) == ERR_OK;
}

void result_fill(struct result *r, const struct resolver_query *q, const struct search *s)
{
	if (!fill(r, q, s))
		r->public = (struct resolver_result){ .outcome = RESOLVER_FAILED,
			                              .reason = STR("out of memory") };
}
