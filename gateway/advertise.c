#include "gateway/advertise.h"

#include "base/mem.h"
#include "stun/stun.h"

#define PATIENCE_MS 4000

/* One question, from main to a worker (whose resolver knows the server's name), back to a loop of its own that main runs, and to the
 * server. On main's stack: main waits for the name in any case. */
struct inquiry {
	struct post post;
	struct gateway *gateway;
	struct loop *loop;
	bool named; /* the resolver has said what it knows */
	struct str host;
	uint16_t port;
	struct addr server;
	struct addr mapped;
	const char *trouble;
	struct timer patience;
	struct stun_query *query;
};

static void on_mapped(void *arg, const struct stun_result *result)
{
	struct inquiry *q = arg;

	q->query = NULL;
	if (result->err == ERR_OK)
		q->mapped = result->mapped;
	else
		q->trouble = err_text(result->err);
	loop_stop(q->loop);
}

/* Back on the loop that main runs. */
static void ask_server(struct post *post, struct loop *loop)
{
	struct inquiry *q = container_of(post, struct inquiry, post);
	const struct stun_question question = { .server = q->server, .transport = STUN_UDP };

	q->named = true;
	if (q->trouble != NULL) { /* too late */
		loop_stop(loop);
		return;
	}
	if (addr_family(&q->server) == 0) {
		q->trouble = "its name has no address";
		loop_stop(loop);
	} else if (stun_ask(loop, &question, on_mapped, q, &q->query) != ERR_OK) {
		q->trouble = "it cannot be reached";
		loop_stop(loop);
	}
}

static void on_resolved(void *arg, struct resolver_result *result)
{
	struct inquiry *q = arg;

	if (result->outcome == RESOLVER_FOUND)
		q->server = result->targets[0].addr;
	resolver_result_free(result);
	q->post.run = ask_server;
	loop_post(q->loop, &q->post);
}

static void resolve(struct post *post, struct loop *loop)
{
	struct inquiry *q = container_of(post, struct inquiry, post);
	const struct resolver_question question = { .host = q->host, .port = q->port };
	struct resolver_query *handle;

	if (resolver_addresses(q->gateway->resolver, loop, &question, on_resolved, q, &handle) ==
	    ERR_OK)
		return;
	q->post.run = ask_server;
	loop_post(q->loop, &q->post);
}

static void on_patience(struct timer *t)
{
	struct inquiry *q = container_of(t, struct inquiry, patience);

	if (q->trouble == NULL)
		q->trouble = "no answer in time";
	loop_stop(q->loop);
}

/* The resolver's own timeout (at most a minute by the configuration) bounds the name, patience the server: the loop is run until both are over, so
 * that nothing of this call is left behind. */
static void ask(struct gateway *g, struct inquiry *q)
{
	q->gateway = g;
	q->post.run = resolve;
	loop_post(crew_loop(g->crew, 0), &q->post);
	loop_timer_start(q->loop, &q->patience, PATIENCE_MS, on_patience);
	loop_run(q->loop);
	while (!q->named)
		loop_run(q->loop);
	stun_cancel(q->query);
	loop_timer_stop(q->loop, &q->patience);
}

static const struct listener *learned_before(const struct snapshot *before,
                                             const struct conf_advertise *from)
{
	for (unsigned i = 0; before != NULL && i < SIP_LISTENERS_MAX; i++) {
		const struct listener *l = &before->listeners[i];

		if (l->conf != NULL && addr_family(&l->mapped) != 0 &&
		    l->conf->advertise.stun_port == from->stun_port &&
		    str_eq_nocase(l->conf->advertise.stun, from->stun))
			return l;
	}
	return NULL;
}

static void learn(struct gateway *g, struct listener *l)
{
	const struct conf_advertise *from = &l->conf->advertise;
	struct inquiry q = { .host = from->stun,
		             .port = from->stun_port != 0 ? from->stun_port : 3478 };
	char text[ADDR_TEXT];

	if (loop_open(&q.loop, 0) != ERR_OK)
		return;
	ask(g, &q);
	loop_close(q.loop);
	l->mapped = q.mapped;
	if (addr_family(&q.mapped) != 0)
		LOG_EVENT(g->log, LOG_INFO, "advertise", LOG_S("listener", l->conf->url),
		          LOG_Z("mapped", addr_text(&q.mapped, text)));
	else
		LOG_EVENT(
			g->log, LOG_ERROR, "advertise_unknown", LOG_S("listener", l->conf->url),
			LOG_S("stun", from->stun), LOG_Z("reason", q.trouble),
			LOG_Z("do",
		              "check the server with `lotse stun`, then `lotse reload`; until then we use the local address"));
}

void advertise_learn(struct gateway *g, const struct snapshot *before, struct snapshot *next)
{
	for (unsigned i = 0; i < SIP_LISTENERS_MAX; i++) {
		struct listener *l = &next->listeners[i];
		const struct listener *known;

		if (l->conf == NULL || l->conf->advertise.stun.len == 0 ||
		    addr_family(&l->mapped) != 0)
			continue;
		/* Another listener of this snapshot may just have learned it. */
		known = learned_before(next, &l->conf->advertise);
		if (known == NULL)
			known = learned_before(before, &l->conf->advertise);
		if (known != NULL)
			l->mapped = known->mapped;
		else
			learn(g, l);
	}
}
