#include "gateway/call.h"

#include "base/map.h"
#include "base/mem.h"

struct call {
	struct calls *calls;
	struct timer life;
	struct str call_id;
	struct str from;
	struct str to;
	struct str via; /* the source that found the callee */
	struct str peer;
	int64_t setup_ms;
	struct mono answered;
	char memory[];
};

struct calls {
	struct worker *worker;
	struct map map; /* by Call-ID */
};

enum err calls_open(struct calls **out, struct worker *w)
{
	struct calls *c = mem_zero(sizeof(*c));

	if (c == NULL)
		return ERR_NOMEM;
	c->worker = w;
	map_init(&c->map, CALLS_MAX, &w->gateway->keys.home);
	*out = c;
	return ERR_OK;
}

/* What is known about a call when its line is written. */
struct account {
	struct str call_id, from, to, via, peer;
	const char *outcome;
	unsigned status;
	int64_t setup_ms;
	int64_t duration_ms;
};

static void write_line(struct worker *w, const struct account *a)
{
	LOG_EVENT(worker_log(w), LOG_INFO, "call", LOG_S("from", a->from), LOG_S("to", a->to),
	          LOG_S("via", a->via), LOG_S("peer", a->peer), LOG_Z("outcome", a->outcome),
	          LOG_N("status", a->status), LOG_N("setup_ms", a->setup_ms),
	          LOG_N("duration_ms", a->duration_ms), LOG_S("call_id", a->call_id));
	meters_count_labelled(&w->meters, M_CALLS, "outcome", a->outcome);
}

static void end_call(struct call *call, const char *outcome)
{
	struct worker *w = call->calls->worker;
	struct account a = {
		.call_id = call->call_id,
		.from = call->from,
		.to = call->to,
		.via = call->via,
		.peer = call->peer,
		.outcome = outcome,
		.status = 200,
		.setup_ms = call->setup_ms,
		.duration_ms = mono_ms_between(call->answered, mono_now()),
	};

	write_line(w, &a);
	(void)map_del(&call->calls->map, call->call_id);
	loop_timer_stop(w->loop, &call->life);
	meters_add(&w->meters, M_CALLS_OPEN, -1);
	free(call);
}

void calls_close(struct calls *c)
{
	size_t at = 0;
	struct call *call;

	if (c == NULL)
		return;
	while ((call = map_next(&c->map, &at)) != NULL) {
		end_call(call, "interrupted");
		at = 0;
	}
	map_fini(&c->map);
	free(c);
}

size_t calls_count(const struct calls *c)
{
	return c->map.count;
}

static bool is_first(const struct request *r)
{
	return r->msg->method == SIP_INVITE && sip_tag(r->msg, SIP_H_TO).len == 0;
}

void call_begin(struct request *r)
{
	if (!is_first(r) && r->proven)
		call_request(r->worker, r->msg);
}

static struct str copy(char **at, struct str s)
{
	char *p = *at;

	if (s.len > 0)
		memcpy(p, s.p, s.len);
	*at += s.len;
	return str_of(p, s.len);
}

static void on_life(struct timer *t)
{
	end_call(container_of(t, struct call, life), "forgotten");
}

static struct account account_of(const struct request *r)
{
	return (struct account){
		.call_id = sip_value(r->msg, SIP_H_CALL_ID),
		.from = r->from_known ? r->from.aor : STR_NONE,
		.to = r->to_known ? r->to.aor : r->uri_text,
		.via = STR_NONE,
		.peer = r->peer != NULL ? r->peer->name : STR_NONE,
		.setup_ms = mono_ms_between(r->began, mono_now()),
	};
}

static struct call *call_new(struct calls *c, const struct account *a)
{
	struct call *call = mem_zero(sizeof(*call) + a->call_id.len + a->from.len + a->to.len +
	                             a->via.len + a->peer.len);
	char *at;

	if (call == NULL)
		return NULL;
	at = call->memory;
	call->calls = c;
	call->call_id = copy(&at, a->call_id);
	call->from = copy(&at, a->from);
	call->to = copy(&at, a->to);
	call->via = copy(&at, a->via);
	call->peer = copy(&at, a->peer);
	call->setup_ms = a->setup_ms;
	call->answered = mono_now();
	return call;
}

void call_answered(struct request *r, const struct sip_msg *response, const struct target *target)
{
	struct calls *c = r->worker->calls;
	struct account a = account_of(r);
	struct call *call;

	if (!is_first(r))
		return;
	if (target != NULL) {
		a.via = target->source;
		a.peer = target->peer.len > 0 ? target->peer : a.peer;
	}
	call = map_get(&c->map, a.call_id) != NULL ? NULL : call_new(c, &a);
	if (call == NULL || map_put(&c->map, call->call_id, call) != ERR_OK) {
		a.outcome = "answered";
		a.status = response->status;
		write_line(r->worker, &a);
		free(call);
		return;
	}
	loop_timer_start(r->worker->loop, &call->life, CALL_LIFE_MS, on_life);
	meters_add(&r->worker->meters, M_CALLS_OPEN, 1);
}

static const char *outcome_of(unsigned status)
{
	switch (status) {
	case 404:
	case 604:
		return "nobody";
	case 480:
		return "absent";
	case 486:
	case 600:
		return "busy";
	case 487:
		return "cancelled";
	case 408:
		return "timeout";
	default:
		return status < 400 ? "redirected" : status < 500 ? "refused" : "failed";
	}
}

void call_failed(struct request *r, unsigned status)
{
	struct account a = account_of(r);

	if (!is_first(r))
		return;
	a.outcome = outcome_of(status);
	a.status = status;
	if (r->locate != NULL && locate_result(r->locate)->target_count > 0) {
		a.via = locate_result(r->locate)->targets[0].source;
		a.peer = locate_result(r->locate)->targets[0].peer;
	}
	write_line(r->worker, &a);
}

void call_request(struct worker *w, const struct sip_msg *msg)
{
	struct call *call;

	if (msg->method != SIP_BYE)
		return;
	call = map_get(&w->calls->map, sip_value(msg, SIP_H_CALL_ID));
	if (call != NULL)
		end_call(call, "answered");
}
