#include "gateway/ua_serve.h"

#include "gateway/ua_session.h"

#define ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS"

/* ---------------------------------------------------------------------------- the wires */

static void answer_fault(struct ua *ua, const struct sip_msg *msg, const struct sip_flow *flow,
                         const struct sip_fault *fault)
{
	char tag[UA_ID_TEXT];
	struct sip_stateless reply = { .status = fault->status, .reason = str_from(fault->reason) };

	if (fault->status == 0)
		return;
	ua_random(tag);
	reply.tag_key = str_from(tag);
	sip_stateless_reply(ua->wire, msg, flow, &reply);
}

static void on_received(void *arg, struct sip_wire *wire, struct packet *packet,
                        const struct sip_flow *flow)
{
	struct ua *ua = arg;
	struct sip_fault fault;
	struct sip_peek peek;
	struct sip_msg msg;

	(void)wire;
	if (sip_peek(packet_view(packet), &peek) != ERR_OK)
		return;
	if (sip_parse(&msg, packet_view(packet), &fault) == ERR_OK &&
	    sip_check(&msg, &fault) == ERR_OK)
		sip_transactions_receive(ua->transactions, &msg, packet, flow);
	else
		answer_fault(ua, &msg, flow, &fault);
}

static void on_broken(void *arg, struct sip_wire *wire, struct str head,
                      const struct sip_fault *fault, const struct sip_flow *flow)
{
	struct ua *ua = arg;
	struct sip_fault other;
	struct sip_msg msg;

	(void)wire;
	if (fault->status == 0)
		return;
	if (sip_parse(&msg, head, &other) == ERR_OK || other.status != 0)
		answer_fault(ua, &msg, flow, fault);
}

static void on_unreachable(void *arg, struct sip_wire *wire, const struct sip_flow *flow,
                           struct str head, enum err why)
{
	struct ua *ua = arg;

	(void)wire;
	sip_transactions_unreachable(ua->transactions, flow, head, why);
}

static void on_closed(void *arg, struct sip_wire *wire, uint64_t connection)
{
	/* Whatever waited for an answer over it has timers of its own. */
	(void)arg;
	(void)wire;
	(void)connection;
}

struct sip_wires_events ua_serve_wire_events(struct ua *ua)
{
	return (struct sip_wires_events){ .arg = ua,
		                          .received = on_received,
		                          .broken = on_broken,
		                          .unreachable = on_unreachable,
		                          .closed = on_closed };
}

/* ---------------------------------------------------------------------------- answers */

void ua_serve_put_contact(const struct ua *ua, const struct sip_flow *flow, struct buf *out)
{
	buf_str(out, sip_header_name(SIP_H_CONTACT));
	buf_z(out, ": ");
	ua_contact_write(ua, flow, ua_user(ua), out);
	buf_z(out, "\r\n");
}

void ua_serve_put_abilities(struct buf *out)
{
	sip_put_z(out, SIP_H_ALLOW, ALLOW);
	sip_put_z(out, SIP_H_ACCEPT, "application/sdp");
	sip_put_z(out, SIP_H_SUPPORTED, "");
}

void ua_serve_reply(struct sip_server *server, unsigned status, struct str reason,
                    void (*more)(void *arg, struct buf *out), void *arg)
{
	if (sip_server_reply(server, status, reason, more, arg) != ERR_OK)
		sip_server_let_go(server);
}

static void put_allow(void *arg, struct buf *out)
{
	(void)arg;
	sip_put_z(out, SIP_H_ALLOW, ALLOW);
}

static void put_accept(void *arg, struct buf *out)
{
	(void)arg;
	sip_put_z(out, SIP_H_ACCEPT, "application/sdp");
	sip_put_z(out, SIP_H_ACCEPT_ENCODING, "identity");
}

struct asked {
	const struct ua *ua;
	const struct sip_flow *flow;
};

static void put_options(void *arg, struct buf *out)
{
	const struct asked *asked = arg;

	ua_serve_put_contact(asked->ua, asked->flow, out);
	ua_serve_put_abilities(out);
}

void ua_serve_other(struct ua *ua, struct sip_server *server, const struct sip_msg *msg,
                    const struct sip_flow *flow)
{
	struct asked asked = { ua, flow };

	if (msg->method == SIP_OPTIONS)
		ua_serve_reply(server, 200, STR_NONE, put_options, &asked);
	else if (msg->method == SIP_OTHER)
		ua_serve_reply(server, 501, STR_NONE, put_allow, NULL);
	else
		ua_serve_reply(server, 405, STR_NONE, put_allow, NULL);
}

bool ua_serve_content_is_ours(struct sip_server *server, const struct sip_msg *msg)
{
	struct sip_media media;
	bool plain = !sip_has(msg, SIP_H_CONTENT_ENCODING) ||
	             sip_has_token(msg, SIP_H_CONTENT_ENCODING, STR("identity"));

	if (msg->body.len == 0)
		return true;
	if (plain && sip_media_parse(&media, sip_value(msg, SIP_H_CONTENT_TYPE)) == ERR_OK &&
	    str_eq_nocase(media.type, STR("application")) &&
	    str_eq_nocase(media.subtype, STR("sdp")))
		return true;
	ua_serve_reply(server, 415, STR_NONE, put_accept, NULL);
	return false;
}

static void put_unsupported(void *arg, struct buf *out)
{
	const struct sip_msg *msg = arg;
	struct sip_values at = sip_values_of(msg, SIP_H_REQUIRE);
	struct str token;

	while (sip_next_unknown_token(&at, NULL, 0, &token))
		sip_put(out, SIP_H_UNSUPPORTED, token);
}

/* 8.2.2.2: the same request, come by another way; its first is being answered. */
static bool is_merged(const struct ua *ua, const struct sip_msg *msg)
{
	struct sip_cseq seq;

	if (sip_cseq_of(&seq, msg) != ERR_OK)
		return false;
	for (const struct ua_session *s = ua->sessions; s != NULL; s = s->next) {
		if (str_eq(s->dialog.call_id, sip_value(msg, SIP_H_CALL_ID)) &&
		    str_eq(s->dialog.remote_tag, sip_tag(msg, SIP_H_FROM)) &&
		    s->dialog.has_remote_seq && s->dialog.remote_seq == seq.number)
			return true;
	}
	return false;
}

static void take_invite(struct ua *ua, struct sip_server *server, const struct sip_msg *msg,
                        const struct sip_flow *flow)
{
	if (is_merged(ua, msg))
		ua_serve_reply(server, 482, STR_NONE, NULL, NULL);
	else if (ua->task.invite == NULL || ua->stopping)
		ua_serve_reply(server, ua->stopping ? 480 : 486, STR_NONE, NULL, NULL);
	else if (ua_serve_content_is_ours(server, msg))
		ua->task.invite(ua->task.arg, server, msg, flow);
}

/* ---------------------------------------------------------------------------- the transactions */

static void take_ack(const struct ua *ua, const struct sip_msg *msg)
{
	struct ua_session *s = ua_session_find(ua, msg);

	if (s != NULL)
		ua_session_ack(s, msg);
}

static void on_request(void *arg, struct sip_server *server, const struct sip_msg *msg,
                       struct packet *packet, const struct sip_flow *flow)
{
	struct ua *ua = arg;
	struct ua_session *s;

	(void)packet;
	if (server == NULL) {
		take_ack(ua, msg);
		return;
	}
	/* 8.2.2.3: we have no extensions. */
	if (sip_count_values(msg, SIP_H_REQUIRE) > 0) {
		ua_serve_reply(server, 420, STR_NONE, put_unsupported, (void *)(uintptr_t)msg);
		return;
	}
	s = ua_session_find(ua, msg);
	if (s != NULL)
		ua_session_take(s, server, msg, flow);
	else if (sip_tag(msg, SIP_H_TO).len > 0 || msg->method == SIP_BYE)
		ua_serve_reply(server, 481, STR_NONE, NULL, NULL);
	else if (msg->method == SIP_INVITE)
		take_invite(ua, server, msg, flow);
	else
		ua_serve_other(ua, server, msg, flow);
}

static void on_cancel(void *arg, struct sip_server *server, const struct sip_msg *cancel)
{
	struct ua *ua = arg;

	(void)cancel;
	if (ua->task.cancel != NULL)
		ua->task.cancel(ua->task.arg, server);
}

static void on_stray(void *arg, const struct sip_msg *msg, const struct sip_flow *flow)
{
	(void)arg;
	(void)msg;
	(void)flow;
}

struct sip_transactions_events ua_serve_transaction_events(struct ua *ua)
{
	return (struct sip_transactions_events){
		.arg = ua, .request = on_request, .cancel = on_cancel, .stray = on_stray
	};
}
