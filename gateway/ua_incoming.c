#include "gateway/ua_incoming.h"

#include "base/mem.h"
#include "gateway/ua_serve.h"

#define INCOMING_FIELDS(c)                                                  \
	LOG_S("call_id", (c)->session.dialog.call_id),                      \
		LOG_S("from", ua_incoming_uri((c)->session.dialog.remote)), \
		LOG_S("to", ua_incoming_uri((c)->session.dialog.local)),    \
		LOG_N("ms", mono_ms_between((c)->begun, mono_now()))

struct str ua_incoming_uri(struct str value)
{
	struct sip_name_addr party;

	return sip_name_addr_parse(&party, value) == ERR_OK ? party.uri : value;
}

void ua_incoming_close(struct ua_incoming *c)
{
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	loop_timer_stop(c->ua->loop, &c->timer);
	if (c->server != NULL)
		sip_server_let_go(c->server);
	ua_session_close(&c->session);
	free(c);
}

static void over(struct ua_incoming *c, unsigned status)
{
	const struct ua_incoming_user user = c->user;

	ua_incoming_close(c);
	user.over(user.arg, status);
}

void ua_incoming_decline(struct ua_incoming *c, unsigned status, const char *event)
{
	const struct sip_server_user nobody = { 0 };
	struct sip_server *server = c->server;

	UA_SAY(c->ua, event, LOG_N("status", status), INCOMING_FIELDS(c));
	c->server = NULL;
	sip_server_use(server, &nobody);
	ua_serve_reply(server, status, STR_NONE, NULL, NULL);
	over(c, status);
}

void ua_incoming_end(struct ua_incoming *c)
{
	if (c->server != NULL)
		ua_incoming_decline(c, 480, "refused");
	else
		ua_session_hang_up(&c->session);
}

static void on_over(void *arg, struct ua_session *s, enum ua_over why)
{
	struct ua_incoming *c = arg;

	(void)s;
	/* 15.1.2: a BYE before our answer. */
	if (c->server != NULL) {
		ua_incoming_decline(c, 487, "cancelled");
		return;
	}
	UA_SAY(c->ua, "ended", LOG_Z("by", ua_over_text(why)), INCOMING_FIELDS(c));
	over(c, 200);
}

static void on_duration(struct timer *t)
{
	ua_session_hang_up(&container_of(t, struct ua_incoming, timer)->session);
}

static void on_ring(struct timer *t)
{
	struct ua_incoming *c = container_of(t, struct ua_incoming, timer);
	int64_t duration_ms = c->ua->args->duration_ms;
	enum err e = ua_session_accept(&c->session, c->server);

	if (e != ERR_OK) {
		ua_incoming_decline(c, e == ERR_UNSUPPORTED ? 488 : 500, "refused");
		return;
	}
	c->server = NULL;
	UA_SAY(c->ua, "answered", LOG_N("status", 200), INCOMING_FIELDS(c));
	if (duration_ms != UA_FOREVER)
		loop_timer_start(c->ua->loop, &c->timer, duration_ms, on_duration);
}

/* Its transaction is gone before we answered. */
static void on_server_ended(void *arg, struct sip_server *server)
{
	struct ua_incoming *c = arg;

	(void)server;
	c->server = NULL;
	UA_SAY(c->ua, "failed", LOG_Z("reason", "the caller can't be reached"), INCOMING_FIELDS(c));
	over(c, 500);
}

static void put_ringing(void *arg, struct buf *out)
{
	const struct ua_incoming *c = arg;

	ua_serve_put_contact(c->ua, sip_server_flow(c->server), out);
}

static void ring(struct ua_incoming *c)
{
	UA_SAY(c->ua, "incoming", LOG_S("uri", sip_server_request(c->server)->uri),
	       INCOMING_FIELDS(c));
	if (sip_server_reply(c->server, 180, STR_NONE, put_ringing, c) == ERR_OK)
		UA_SAY(c->ua, "ringing", LOG_N("status", 180), INCOMING_FIELDS(c));
	loop_timer_start(c->ua->loop, &c->timer, c->ua->args->ring_ms, on_ring);
}

enum err ua_incoming_open(struct ua *ua, struct sip_server *server,
                          const struct ua_incoming_user *user, struct ua_incoming **list)
{
	struct ua_incoming *c = mem_zero(sizeof(*c));
	const struct sip_server_user server_user = { .arg = c, .ended = on_server_ended };
	const struct ua_session_user session_user = { .arg = c, .over = on_over };
	enum err e;

	if (c == NULL)
		return ERR_NOMEM;
	c->ua = ua;
	c->user = *user;
	c->begun = mono_now();
	ua_session_init(&c->session, ua, &session_user);
	e = ua_session_called(&c->session, server);
	if (e != ERR_OK) {
		ua_session_close(&c->session);
		free(c);
		return e;
	}
	c->server = server;
	sip_server_use(server, &server_user);
	c->next = *list;
	c->prev = list;
	if (c->next != NULL)
		c->next->prev = &c->next;
	*list = c;
	ring(c);
	return ERR_OK;
}
