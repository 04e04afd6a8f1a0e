#include "resolver/query.h"

#include "base/mem.h"
#include "resolver/search.h"

/* ---------------------------------------------------------------------------- its questions */

static bool is_address(enum dns_type type)
{
	return type == DNS_A || type == DNS_AAAA;
}

static struct ask *find_ask(const struct resolver_query *q, struct str name, enum dns_type type)
{
	struct ask *ask = q->asks;

	while (ask != NULL && (ask->type != type || !str_eq(ask->name, name)))
		ask = ask->next_of_query;
	return ask;
}

struct ask *query_ask(struct resolver_query *q, struct str name, enum dns_type type, unsigned depth)
{
	struct ask *ask = find_ask(q, name, type);

	if (ask == NULL) {
		if (q->ask_count == QUERY_ASKS_MAX)
			return NULL;
		/* Counted first: the answer may come while it is asked. */
		q->addresses_pending += is_address(type) ? 1 : 0;
		ask = ask_send(q->home, q, name, type);
		if (ask == NULL) {
			q->addresses_pending -= is_address(type) ? 1 : 0;
			return NULL;
		}
		*q->last_ask = ask;
		q->last_ask = &ask->next_of_query;
		q->ask_count++;
	}
	/* What was asked ahead may turn out to be what a NAPTR record leads to. */
	if (ask->depth < depth)
		ask->depth = depth;
	return ask;
}

void query_answered(struct resolver_query *q, const struct ask *ask)
{
	if (is_address(ask->type))
		q->addresses_pending--;
	/* One address more changes nothing while others are awaited. */
	if (!is_address(ask->type) || q->addresses_pending == 0 || q->impatient)
		loop_at_end(q->home->loop, &q->end);
}

/* ---------------------------------------------------------------------------- its end */

static void unlink_query(struct resolver_query *q)
{
	*q->prev = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	q->home->query_count--;
}

void query_free(struct resolver_query *q)
{
	loop_timer_stop(q->home->loop, &q->timer);
	loop_end_cancel(q->home->loop, &q->end);
	while (q->asks != NULL) {
		struct ask *ask = q->asks;

		q->asks = ask->next_of_query;
		ask_forget(ask);
	}
	unlink_query(q);
	settings_unref(q->settings);
	result_free(q->result);
	free(q);
}

static void count_outcome(struct home *h, enum resolver_outcome outcome, size_t refused)
{
	uint64_t *const counts[] = {
		[RESOLVER_FOUND] = &h->counts.found,
		[RESOLVER_NOBODY] = &h->counts.nobody,
		[RESOLVER_FAILED] = &h->counts.failed,
	};

	home_count(counts[outcome], 1);
	if (refused > 0)
		home_count(&h->counts.refused, refused);
}

static void finish(struct resolver_query *q, const struct search *s)
{
	struct result *result = q->result;
	resolver_done_fn done = q->done;
	void *arg = q->arg;

	result_fill(result, q, s);
	count_outcome(q->home, result->public.outcome, s->refused);
	q->result = NULL;
	query_free(q);
	done(arg, &result->public);
}

static void evaluate(struct loop_end *end)
{
	struct resolver_query *q = container_of(end, struct resolver_query, end);
	struct search s;

	search_run(&s, q);
	if (s.waiting)
		return;
	/* Something was left out because it takes long; without anything else there is still time to wait for it. */
	if (s.count == 0 && s.skipped && !q->late)
		return;
	finish(q, &s);
}

static void on_timer(struct timer *timer)
{
	struct resolver_query *q = container_of(timer, struct resolver_query, timer);
	int64_t left = q->settings->conf.timeout_ms -
	               mono_ms_between(q->begun, loop_now(q->home->loop));

	q->late = left <= 0;
	if (!q->impatient)
		q->half = loop_now(q->home->loop);
	q->impatient = true;
	if (!q->late)
		loop_timer_start(q->home->loop, &q->timer, left, on_timer);
	loop_at_end(q->home->loop, &q->end);
}

/* ---------------------------------------------------------------------------- its beginning */

static uint64_t draw_seed(struct home *h)
{
	uint64_t seed = (uint64_t)loop_now(h->loop).ns;

	for (unsigned i = 0; i < 4; i++) {
		uint16_t part = 0;

		/* For spreading the load: without random bytes the time must do. */
		(void)home_random16(h, &part);
		seed = seed << 16 ^ seed >> 48 ^ part;
	}
	return seed;
}

static struct str without_brackets(struct str host)
{
	if (host.len >= 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		return str_of(host.p + 1, host.len - 2);
	return host;
}

/* What is asked for, and how to begin. */
static void plan(struct resolver_query *q, bool services)
{
	struct str host = q->question.host;
	char name[NAME_TEXT_MAX];
	size_t len = 0;

	q->numeric = addr_parse(&q->addr, host, 0) == ERR_OK;
	if (q->numeric) {
		q->name = without_brackets(host);
	} else if (name_canonical(host, name, &len) == ERR_OK) {
		memcpy(q->text, name, len);
		q->name = str_of(q->text, len);
	} else {
		q->plan = (struct order_plan){ .begin = ORDER_IMPOSSIBLE,
			                       .why = "not a host name" };
		return;
	}
	if (services)
		q->plan = order_plan(&q->question, q->numeric || name_is_localhost(q->name));
	else
		q->plan = (struct order_plan){ .begin = ORDER_ADDRESSES, .port = q->question.port };
}

static void link_query(struct resolver_query *q)
{
	q->prev = &q->home->queries;
	q->next = *q->prev;
	if (q->next != NULL)
		q->next->prev = &q->next;
	*q->prev = q;
	q->home->query_count++;
}

enum err query_begin(struct resolver_query **out, struct home *home,
                     const struct resolver_question *question, bool services, resolver_done_fn done,
                     void *arg)
{
	/* What is too long for a name is no name, and not kept whole. */
	struct str host = str_head(question->host, NAME_TEXT_MAX - 1);
	struct resolver_query *q;

	if (home->query_count >= QUERIES_MAX)
		return ERR_LIMIT;
	q = mem_zero(sizeof(*q) + host.len + 1);
	if (q == NULL)
		return ERR_NOMEM;
	q->result = result_new();
	if (q->result == NULL) {
		free(q);
		return ERR_NOMEM;
	}
	q->home = home;
	q->settings = settings_ref(home->upstream->settings);
	q->question = *question;
	if (host.len > 0)
		memcpy(q->text, host.p, host.len);
	q->question.host = str_of(q->text, host.len);
	q->name = q->question.host;
	if (q->question.limit == 0 || q->question.limit > RESOLVER_TARGETS_MAX)
		q->question.limit = RESOLVER_TARGETS_MAX;
	if (q->question.seed == 0)
		q->question.seed = draw_seed(home);
	q->begun = loop_now(home->loop);
	q->last_ask = &q->asks;
	q->end.run = evaluate;
	q->done = done;
	q->arg = arg;
	plan(q, services);
	link_query(q);
	home_count(&home->counts.located, 1);
	loop_timer_start(home->loop, &q->timer, q->settings->conf.timeout_ms / 2, on_timer);
	loop_at_end(home->loop, &q->end);
	*out = q;
	return ERR_OK;
}
