#include "gateway/ua_answer.h"

#include "base/mem.h"
#include "gateway/ua_register.h"
#include "gateway/ua_serve.h"
#include "gateway/ua_session.h"

struct answer_task {
	struct ua *ua;
	struct ua_registration registration;
	struct incoming *calls;
	size_t call_count; /* now */
	uint32_t ended;
	bool began;   /* the first registration has been answered */
	bool leaving; /* no more calls; done once these are over and we are unregistered */
	enum ua_status status;
};

/* A call to us. */
struct incoming {
	struct answer_task *task;
	struct incoming *next;
	struct incoming **prev;
	struct sip_server *server; /* of the INVITE, until it has its final response */
	struct ua_session session;
	struct timer timer; /* until we answer, then until we hang up */
	struct mono begun;
};

#define INCOMING_FIELDS(c)                                         \
	LOG_S("call_id", (c)->session.dialog.call_id),             \
		LOG_S("from", uri_of((c)->session.dialog.remote)), \
		LOG_S("to", uri_of((c)->session.dialog.local)),    \
		LOG_N("ms", mono_ms_between((c)->begun, mono_now()))

/* Of a From or To. */
static struct str uri_of(struct str value)
{
	struct sip_name_addr party;

	return sip_name_addr_parse(&party, value) == ERR_OK ? party.uri : value;
}

/* ---------------------------------------------------------------------------- taking leave */

static void depart(struct answer_task *t);

static void incoming_free(struct incoming *c)
{
	struct answer_task *t = c->task;

	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	t->call_count--;
	loop_timer_stop(t->ua->loop, &c->timer);
	if (c->server != NULL)
		sip_server_let_go(c->server);
	ua_session_close(&c->session);
	free(c);
}

/* The call is over, with this status of its INVITE. */
static void incoming_end(struct incoming *c, unsigned status)
{
	struct answer_task *t = c->task;
	uint32_t count = t->ua->args->count;

	incoming_free(c);
	t->ended++;
	if (count > 0 && status >= 300)
		t->status = UA_REFUSED;
	if (count > 0 && t->ended >= count)
		t->leaving = true;
	if (t->leaving && t->call_count == 0)
		depart(t);
}

static void depart(struct answer_task *t)
{
	if (t->registration.bound &&
	    ua_registration_send(&t->registration, UA_REGISTERING_REMOVE, false) == ERR_OK)
		return;
	ua_done(t->ua, t->status);
}

/* ---------------------------------------------------------------------------- a call */

/* A final response to the INVITE that is not 2xx. */
static void decline(struct incoming *c, unsigned status, const char *event)
{
	const struct sip_server_user nobody = { 0 };
	struct sip_server *server = c->server;

	UA_SAY(c->task->ua, event, LOG_N("status", status), INCOMING_FIELDS(c));
	c->server = NULL;
	sip_server_use(server, &nobody);
	ua_serve_reply(server, status, STR_NONE, NULL, NULL);
	incoming_end(c, status);
}

static void on_over(void *arg, struct ua_session *s, enum ua_over why)
{
	static const char *const by[] = {
		[UA_OVER_THEM] = "them", [UA_OVER_US] = "us", [UA_OVER_LOST] = "us, unanswered"
	};
	struct incoming *c = arg;

	(void)s;
	/* 15.1.2: a BYE before our answer. */
	if (c->server != NULL) {
		decline(c, 487, "cancelled");
		return;
	}
	UA_SAY(c->task->ua, "ended", LOG_Z("by", by[why]), INCOMING_FIELDS(c));
	incoming_end(c, 200);
}

static void on_duration(struct timer *t)
{
	ua_session_hang_up(&container_of(t, struct incoming, timer)->session);
}

static void accept_call(struct incoming *c)
{
	const struct ua_args *args = c->task->ua->args;
	enum err e = ua_session_accept(&c->session, c->server);

	if (e != ERR_OK) {
		decline(c, e == ERR_UNSUPPORTED ? 488 : 500, "refused");
		return;
	}
	c->server = NULL;
	UA_SAY(c->task->ua, "answered", LOG_N("status", 200), INCOMING_FIELDS(c));
	if (args->duration_ms != UA_FOREVER)
		loop_timer_start(c->task->ua->loop, &c->timer, args->duration_ms, on_duration);
}

static void on_ring(struct timer *t)
{
	accept_call(container_of(t, struct incoming, timer));
}

static void put_ringing(void *arg, struct buf *out)
{
	const struct incoming *c = arg;

	ua_serve_put_contact(c->task->ua, sip_server_flow(c->server), out);
}

/* Its transaction is gone before we answered. */
static void on_server_ended(void *arg, struct sip_server *server)
{
	struct incoming *c = arg;

	(void)server;
	c->server = NULL;
	UA_SAY(c->task->ua, "failed", LOG_Z("reason", "the caller can't be reached"),
	       INCOMING_FIELDS(c));
	incoming_end(c, 500);
}

static enum err incoming_new(struct incoming **out, struct answer_task *t,
                             struct sip_server *server)
{
	struct incoming *c = mem_zero(sizeof(*c));
	const struct sip_server_user server_user = { .arg = c, .ended = on_server_ended };
	const struct ua_session_user session_user = { .arg = c, .over = on_over };
	enum err e;

	if (c == NULL)
		return ERR_NOMEM;
	c->task = t;
	c->begun = mono_now();
	ua_session_init(&c->session, t->ua, &session_user);
	e = ua_session_called(&c->session, server);
	if (e != ERR_OK) {
		ua_session_close(&c->session);
		free(c);
		return e;
	}
	c->server = server;
	sip_server_use(server, &server_user);
	c->next = t->calls;
	c->prev = &t->calls;
	if (c->next != NULL)
		c->next->prev = &c->next;
	t->calls = c;
	t->call_count++;
	*out = c;
	return ERR_OK;
}

/* How many calls we bear at once: as many as are still wanted. */
static size_t room(const struct answer_task *t)
{
	uint32_t left = t->ua->args->count - t->ended;

	return t->ua->args->count == 0 || left > UA_CALLS_MAX ? UA_CALLS_MAX : left;
}

static void on_invite(void *arg, struct sip_server *server, const struct sip_msg *msg,
                      const struct sip_flow *flow)
{
	struct answer_task *t = arg;
	struct incoming *c = NULL;
	enum err e;

	(void)flow;
	if (t->leaving || t->call_count >= room(t)) {
		UA_SAY(t->ua, "busy", LOG_N("status", 486),
		       LOG_S("call_id", sip_value(msg, SIP_H_CALL_ID)),
		       LOG_S("from", uri_of(sip_value(msg, SIP_H_FROM))));
		ua_serve_reply(server, 486, STR_NONE, NULL, NULL);
		return;
	}
	e = incoming_new(&c, t, server);
	if (e != ERR_OK) {
		ua_serve_reply(server, e == ERR_SYNTAX ? 400 : 500,
		               e == ERR_SYNTAX ? STR("Contact Missing") : STR_NONE, NULL, NULL);
		return;
	}
	UA_SAY(t->ua, "incoming", LOG_S("uri", msg->uri), INCOMING_FIELDS(c));
	if (sip_server_reply(server, 180, STR_NONE, put_ringing, c) == ERR_OK)
		UA_SAY(t->ua, "ringing", LOG_N("status", 180), INCOMING_FIELDS(c));
	loop_timer_start(t->ua->loop, &c->timer, t->ua->args->ring_ms, on_ring);
}

static void on_cancel(void *arg, struct sip_server *server)
{
	struct answer_task *t = arg;

	for (struct incoming *c = t->calls; c != NULL; c = c->next) {
		if (c->server == server) {
			decline(c, 487, "cancelled");
			return;
		}
	}
}

/* ---------------------------------------------------------------------------- the task */

static void on_registration(void *arg, unsigned status)
{
	struct answer_task *t = arg;
	bool first = !t->began;

	t->began = true;
	if (t->registration.doing == UA_REGISTERING_REMOVE)
		ua_done(t->ua, t->status);
	else if (first && (status < 200 || status >= 300))
		ua_done(t->ua, status == 0 ? UA_NONE : UA_REFUSED);
}

static void say_where(struct ua *ua)
{
	char text[ADDR_TEXT];

	for (unsigned i = 0; i < ua->listener_count; i++) {
		bool tcp = sip_listener_kind(ua->wires, ua->listeners[i]) == SIP_LISTEN_TCP;

		UA_SAY(ua, "listening", LOG_Z("transport", tcp ? "tcp" : "udp"),
		       LOG_Z("address",
		             addr_text(sip_listener_addr(ua->wires, ua->listeners[i]), text)),
		       LOG_S("aor", ua->args->uri));
	}
}

static void start(void *arg)
{
	struct answer_task *t = arg;
	enum err e;

	say_where(t->ua);
	if (!t->ua->args->registers)
		return;
	e = ua_registration_send(&t->registration, UA_REGISTERING_ADD, true);
	if (e == ERR_OK)
		return;
	UA_SAY(t->ua, "failed", LOG_E("reason", e), LOG_S("aor", t->ua->args->uri));
	ua_done(t->ua, UA_NONE);
}

/* Stopped before as many called as were wanted: that is no answer. */
static void stop(void *arg)
{
	struct answer_task *t = arg;
	struct incoming *next;

	t->leaving = true;
	if (t->ua->args->count > t->ended + t->call_count)
		t->status = UA_NONE;
	if (t->call_count == 0) {
		depart(t);
		return;
	}
	for (struct incoming *c = t->calls; c != NULL; c = next) {
		next = c->next;
		if (c->server != NULL)
			decline(c, 480, "refused");
		else
			ua_session_hang_up(&c->session);
	}
}

static void close_task(void *arg)
{
	struct answer_task *t = arg;
	struct incoming *next;

	for (struct incoming *c = t->calls; c != NULL; c = next) {
		next = c->next;
		incoming_free(c);
	}
	ua_registration_fini(&t->registration);
	free(t);
}

enum err ua_answer_open(struct ua *ua)
{
	struct answer_task *t = mem_zero(sizeof(*t));
	const struct ua_registration_user user = { .arg = t, .done = on_registration };

	if (t == NULL)
		return ERR_NOMEM;
	t->ua = ua;
	ua->task = (struct ua_task){ .arg = t,
		                     .start = start,
		                     .invite = on_invite,
		                     .cancel = on_cancel,
		                     .stop = stop,
		                     .close = close_task };
	return ua_registration_init(&t->registration, ua, &user);
}
