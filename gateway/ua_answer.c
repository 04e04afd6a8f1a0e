#include "gateway/ua_answer.h"

#include "base/mem.h"
#include "gateway/ua_incoming.h"
#include "gateway/ua_register.h"
#include "gateway/ua_serve.h"

struct answer_task {
	struct ua *ua;
	struct ua_registration registration;
	struct ua_incoming *calls;
	size_t call_count; /* now */
	uint32_t ended;
	bool leaving; /* no more calls; done once these are over and we are unregistered */
	bool began;   /* the first registration has been answered */
	enum ua_status status;
};

static void depart(struct answer_task *t)
{
	if (t->registration.bound &&
	    ua_registration_send(&t->registration, UA_REGISTERING_REMOVE, false) == ERR_OK)
		return;
	ua_done(t->ua, t->status);
}

/* ---------------------------------------------------------------------------- calls */

static void on_over(void *arg, unsigned status)
{
	struct answer_task *t = arg;
	uint32_t count = t->ua->args->count;

	t->call_count--;
	t->ended++;
	if (count > 0 && status >= 300)
		t->status = UA_REFUSED;
	if (count > 0 && t->ended >= count)
		t->leaving = true;
	if (t->leaving && t->call_count == 0)
		depart(t);
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
	const struct ua_incoming_user user = { .arg = t, .over = on_over };
	enum err e;

	(void)flow;
	if (t->leaving || t->call_count >= room(t)) {
		UA_SAY(t->ua, "busy", LOG_N("status", 486),
		       LOG_S("call_id", sip_value(msg, SIP_H_CALL_ID)),
		       LOG_S("from", ua_incoming_uri(sip_value(msg, SIP_H_FROM))));
		ua_serve_reply(server, 486, STR_NONE, NULL, NULL);
		return;
	}
	e = ua_incoming_open(t->ua, server, &user, &t->calls);
	if (e == ERR_OK)
		t->call_count++;
	else if (e == ERR_SYNTAX)
		ua_serve_reply(server, 400, STR("Contact Missing"), NULL, NULL);
	else
		ua_serve_reply(server, 500, STR_NONE, NULL, NULL);
}

static void on_cancel(void *arg, struct sip_server *server)
{
	struct answer_task *t = arg;

	for (struct ua_incoming *c = t->calls; c != NULL; c = c->next) {
		if (c->server == server) {
			ua_incoming_decline(c, 487, "cancelled");
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
	struct ua_incoming *next;

	t->leaving = true;
	if (t->ua->args->count > t->ended + t->call_count)
		t->status = UA_NONE;
	if (t->call_count == 0) {
		depart(t);
		return;
	}
	for (struct ua_incoming *c = t->calls; c != NULL; c = next) {
		next = c->next;
		ua_incoming_end(c);
	}
}

static void close_task(void *arg)
{
	struct answer_task *t = arg;
	struct ua_incoming *next;

	for (struct ua_incoming *c = t->calls; c != NULL; c = next) {
		next = c->next;
		ua_incoming_close(c);
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
