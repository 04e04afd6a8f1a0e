#include "gateway/ua_accept.h"

#include "base/mem.h"
#include "gateway/ua_serve.h"

static enum err describe(const struct sip_msg *invite, const struct ua_sdp *sdp, struct buf *body)
{
	if (invite->body.len == 0)
		ua_sdp_offer(sdp, body);
	else if (!ua_sdp_answer(sdp, invite->body, body))
		return ERR_UNSUPPORTED;
	return body->err;
}

static enum err compose(struct ua_accept *a, const struct ua_sdp *sdp, struct packet *packet)
{
	const struct sip_msg *invite = sip_server_request(a->server);
	const struct sip_flow *flow = sip_server_flow(a->server);
	const struct sip_response response = { .status = 200,
		                               .to_tag = sip_server_tag(a->server),
		                               .source = &flow->remote };
	char memory[UA_SDP_MAX];
	struct buf body;
	struct buf out;
	enum err e;

	buf_wrap(&body, memory, sizeof(memory));
	if ((e = describe(invite, sdp, &body)) != ERR_OK)
		return e;
	buf_wrap(&out, packet->data, packet->cap);
	sip_response_begin(&out, invite, &response);
	ua_serve_put_contact(a->ua, flow, &out);
	ua_serve_put_abilities(&out);
	sip_finish(&out, STR("application/sdp"), buf_view(&body));
	packet->len = (uint32_t)out.len;
	return out.err;
}

static void on_again(struct timer *t)
{
	struct ua_accept *a = container_of(t, struct ua_accept, again);

	a->waited_ms += a->interval_ms;
	if (a->waited_ms >= 64 * UA_T1_MS) {
		ua_accept_stop(a);
		a->gave_up(a);
		return;
	}
	a->interval_ms = a->interval_ms * 2 < UA_T2_MS ? a->interval_ms * 2 : UA_T2_MS;
	sip_server_respond(a->server, a->packet, 200);
	loop_timer_start(a->ua->loop, &a->again, a->interval_ms, on_again);
}

/* The transaction may end first, its Timer L being as long as our patience. */
static void on_ended(void *arg, struct sip_server *server)
{
	struct ua_accept *a = arg;

	(void)server;
	a->server = NULL;
	ua_accept_stop(a);
	a->gave_up(a);
}

enum err ua_accept_start(struct ua_accept *a, struct ua *ua, struct sip_server *server,
                         const struct ua_sdp *sdp)
{
	const struct sip_server_user user = { .arg = a, .ended = on_ended };
	struct packet *packet = sip_wire_packet(ua->wire, SIP_MESSAGE_MAX);
	struct sip_cseq seq;
	enum err e;

	if (packet == NULL)
		return ERR_NOMEM;
	*a = (struct ua_accept){
		.ua = ua, .server = server, .interval_ms = UA_T1_MS, .gave_up = a->gave_up
	};
	e = sip_cseq_of(&seq, sip_server_request(server));
	if (e == ERR_OK)
		e = compose(a, sdp, packet);
	if (e != ERR_OK) {
		a->server = NULL;
		packet_unref(packet);
		return e;
	}
	a->seq = seq.number;
	a->packet = packet;
	sip_server_use(server, &user);
	sip_server_respond(server, packet, 200);
	loop_timer_start(ua->loop, &a->again, a->interval_ms, on_again);
	return ERR_OK;
}

bool ua_accept_waits(const struct ua_accept *a)
{
	return a->server != NULL;
}

bool ua_accept_acked(struct ua_accept *a, uint32_t seq)
{
	if (a->server == NULL || a->seq != seq)
		return false;
	ua_accept_stop(a);
	return true;
}

void ua_accept_stop(struct ua_accept *a)
{
	if (a->ua != NULL)
		loop_timer_stop(a->ua->loop, &a->again);
	if (a->server != NULL)
		sip_server_let_go(a->server);
	a->server = NULL;
	packet_unref(a->packet);
	a->packet = NULL;
}
