#include "gateway/ua_session.h"

#include "base/mem.h"
#include "gateway/ua_serve.h"

static void on_no_ack(struct ua_accept *accept);

const char *ua_over_text(enum ua_over why)
{
	return why == UA_OVER_THEM ? "them" : why == UA_OVER_US ? "us" : "us, unanswered";
}

void ua_session_init(struct ua_session *s, struct ua *ua, const struct ua_session_user *user)
{
	*s = (struct ua_session){ .ua = ua, .user = *user, .sdp_version = 1 };
	s->sdp_id = (uint64_t)wall_now().ms;
	s->accept.gave_up = on_no_ack;
	ua_dialog_init(&s->dialog);
	buf_wrap(&s->credentials, s->credentials_memory, sizeof(s->credentials_memory));
}

static void link_in(struct ua_session *s, enum ua_session_state state)
{
	s->state = state;
	s->next = s->ua->sessions;
	s->prev = &s->ua->sessions;
	if (s->next != NULL)
		s->next->prev = &s->next;
	s->ua->sessions = s;
}

static void link_out(struct ua_session *s)
{
	if (s->prev == NULL)
		return;
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	s->prev = NULL;
}

void ua_session_close(struct ua_session *s)
{
	if (s->ua == NULL)
		return;
	link_out(s);
	ua_accept_stop(&s->accept);
	ua_request_stop(&s->ack);
	ua_request_stop(&s->bye);
	ua_dialog_fini(&s->dialog);
	s->state = UA_SESSION_NONE;
}

static void end(struct ua_session *s, enum ua_over why)
{
	if (s->state == UA_SESSION_OVER)
		return;
	s->state = UA_SESSION_OVER;
	link_out(s);
	ua_accept_stop(&s->accept);
	ua_request_stop(&s->bye);
	s->user.over(s->user.arg, s, why);
}

/* ---------------------------------------------------------------------------- hanging up */

static void write_nothing(void *arg, const struct sip_flow *flow, struct buf *fields,
                          struct buf *body)
{
	(void)arg;
	(void)flow;
	(void)fields;
	(void)body;
}

/* 15.1.1: whatever the answer is, the call is over. */
static void on_bye_answer(void *arg, const struct sip_msg *msg, const struct sip_flow *flow)
{
	struct ua_session *s = arg;

	(void)flow;
	if (msg->status >= 200)
		end(s, s->lost ? UA_OVER_LOST : UA_OVER_US);
}

static void on_bye_failed(void *arg, enum err why)
{
	(void)why;
	end(arg, UA_OVER_LOST);
}

void ua_session_hang_up(struct ua_session *s)
{
	const struct ua_sending sending = { .dialog = &s->dialog,
		                            .method = SIP_BYE,
		                            .foreign = s->foreign,
		                            .user = { .arg = s,
		                                      .write = write_nothing,
		                                      .response = on_bye_answer,
		                                      .failed = on_bye_failed } };

	s->hang_up = true;
	if (s->state != UA_SESSION_TALKS || s->acking)
		return;
	s->state = UA_SESSION_ENDS;
	if (ua_request_start(&s->bye, s->ua, &sending) != ERR_OK)
		end(s, UA_OVER_LOST);
}

/* ---------------------------------------------------------------------------- called */

static void on_no_ack(struct ua_accept *accept)
{
	struct ua_session *s = container_of(accept, struct ua_session, accept);

	/* 13.3.1.4: the dialog stands, and is to be ended by BYE. */
	s->lost = true;
	if (s->state == UA_SESSION_WAITS)
		s->state = UA_SESSION_TALKS;
	ua_session_hang_up(s);
}

enum err ua_session_called(struct ua_session *s, struct sip_server *server)
{
	enum err e = ua_dialog_accept(&s->dialog, sip_server_request(server),
	                              sip_server_tag(server));

	if (e == ERR_OK)
		link_in(s, UA_SESSION_EARLY);
	return e;
}

static enum err accept_invite(struct ua_session *s, struct sip_server *server)
{
	struct ua_sdp sdp;

	s->local = sip_server_flow(server)->local;
	sdp = (struct ua_sdp){ .local = &s->local, .id = s->sdp_id, .version = s->sdp_version++ };
	return ua_accept_start(&s->accept, s->ua, server, &sdp);
}

enum err ua_session_accept(struct ua_session *s, struct sip_server *server)
{
	enum err e = accept_invite(s, server);

	if (e == ERR_OK)
		s->state = UA_SESSION_WAITS;
	return e;
}

void ua_session_ack(struct ua_session *s, const struct sip_msg *ack)
{
	struct sip_cseq seq;

	if (sip_cseq_of(&seq, ack) != ERR_OK || !ua_accept_acked(&s->accept, seq.number) ||
	    s->state != UA_SESSION_WAITS)
		return;
	s->state = UA_SESSION_TALKS;
	if (s->hang_up)
		ua_session_hang_up(s);
}

/* ---------------------------------------------------------------------------- calling */

static void write_credentials(void *arg, const struct sip_flow *flow, struct buf *fields,
                              struct buf *body)
{
	const struct ua_session *s = arg;

	(void)flow;
	(void)body;
	buf_str(fields, buf_view(&s->credentials));
}

/* A BYE that overtakes the ACK would end what their side holds for not begun. */
static void on_ack_sent(void *arg)
{
	struct ua_session *s = arg;

	s->acking = false;
	if (s->hang_up)
		ua_session_hang_up(s);
}

/* The 2xx will come again, and with it another try; without an ACK they hang up. */
static void on_ack_failed(void *arg, enum err why)
{
	(void)why;
	on_ack_sent(arg);
}

static enum err send_ack(struct ua_session *s)
{
	const struct ua_sending sending = { .dialog = &s->dialog,
		                            .method = SIP_ACK,
		                            .seq = s->seq,
		                            .foreign = s->foreign,
		                            .user = { .arg = s,
		                                      .write = write_credentials,
		                                      .failed = on_ack_failed,
		                                      .sent = on_ack_sent } };

	enum err e = ua_request_start(&s->ack, s->ua, &sending);

	s->acking = e == ERR_OK;
	return e;
}

/* 22.1: the ACK bears what its INVITE bore. */
static void keep_credentials(struct ua_session *s, const struct ua_request *invite)
{
	if (invite->client == NULL)
		return;
	sip_put_copies(&s->credentials, sip_client_request(invite->client), SIP_H_AUTHORIZATION);
	sip_put_copies(&s->credentials, sip_client_request(invite->client),
	               SIP_H_PROXY_AUTHORIZATION);
}

enum err ua_session_answered(struct ua_session *s, const struct ua_request *invite,
                             const struct sip_msg *response, const struct sip_flow *flow)
{
	enum err e = ua_dialog_answered(&s->dialog, invite->dialog, response);

	if (e != ERR_OK)
		return e;
	s->seq = invite->seq;
	s->foreign = invite->foreign;
	s->local = flow->local;
	keep_credentials(s, invite);
	link_in(s, UA_SESSION_TALKS);
	return send_ack(s);
}

void ua_session_ack_again(struct ua_session *s)
{
	if (s->ack.packet != NULL)
		ua_request_again(&s->ack);
	else if (s->ack.query == NULL && send_ack(s) != ERR_OK)
		return;
}

/* ---------------------------------------------------------------------------- requests in it */

struct ua_session *ua_session_find(const struct ua *ua, const struct sip_msg *request)
{
	struct ua_session *s = ua->sessions;

	while (s != NULL && !ua_dialog_has(&s->dialog, request))
		s = s->next;
	return s;
}

static void retry_after(void *arg, struct buf *out)
{
	(void)arg;
	sip_put_number(out, SIP_H_RETRY_AFTER, 3);
}

/* 14.2: the same media again, in words of our own. */
static void take_reinvite(struct ua_session *s, struct sip_server *server,
                          const struct sip_msg *msg)
{
	enum err e;

	if (s->state == UA_SESSION_EARLY || ua_accept_waits(&s->accept)) {
		ua_serve_reply(server, 500, STR_NONE, retry_after, NULL);
		return;
	}
	if (s->state != UA_SESSION_TALKS) {
		ua_serve_reply(server, 481, STR_NONE, NULL, NULL);
		return;
	}
	if (!ua_serve_content_is_ours(server, msg))
		return;
	e = accept_invite(s, server);
	if (e == ERR_OK)
		ua_dialog_retarget(&s->dialog, msg);
	else
		ua_serve_reply(server, e == ERR_UNSUPPORTED ? 488 : 500, STR_NONE, NULL, NULL);
}

void ua_session_take(struct ua_session *s, struct sip_server *server, const struct sip_msg *msg,
                     const struct sip_flow *flow)
{
	/* 12.2.2: late and out of order. */
	if (!ua_dialog_in_order(&s->dialog, msg)) {
		ua_serve_reply(server, 500, STR("Out of Order"), NULL, NULL);
	} else if (msg->method == SIP_BYE) {
		ua_serve_reply(server, 200, STR_NONE, NULL, NULL);
		end(s, UA_OVER_THEM);
	} else if (msg->method == SIP_INVITE) {
		take_reinvite(s, server, msg);
	} else {
		ua_serve_other(s->ua, server, msg, flow);
	}
}
