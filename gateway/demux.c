#include "gateway/demux.h"

#include "base/mem.h"
#include "gateway/capture.h"
#include "gateway/request.h"
#include "sip/field.h"
#include "stun/stun.h"

/* A message on its way to its home. */
struct passage {
	struct post post;
	struct worker *home;
	struct packet *packet;
	struct sip_flow flow;
};

/* A datagram that came to nothing, on its way to whoever sent it. */
struct bounce {
	struct post post;
	struct worker *home;
	struct sip_flow flow;
	enum err why;
	size_t len;
	char head[];
};

static struct worker *worker_of(struct gateway *g, const struct sip_wire *wire)
{
	return g->workers[sip_wire_index(wire)];
}

/* ---------------------------------------------------------------------------- at home */

static struct str tag_key(const struct worker *w)
{
	return str_of((const char *)w->gateway->keys.tag, REG_SECRET);
}

static void refuse(struct worker *w, const struct sip_msg *msg, const struct sip_flow *flow,
                   const struct sip_fault *fault)
{
	const struct sip_stateless answer = { .status = fault->status,
		                              .reason = str_from(fault->reason),
		                              .tag_key = tag_key(w) };
	char status[16];
	struct buf b;

	buf_wrap(&b, status, sizeof(status));
	buf_printf(&b, "%u", fault->status);
	meters_count_labelled(&w->meters, M_MALFORMED, "status", buf_cstr(&b));
	if (fault->status == 0)
		return;
	meters_response(&w->meters, fault->status);
	sip_stateless_reply(w->wire, msg, flow, &answer);
}

static void take(struct worker *w, struct packet *packet, const struct sip_flow *flow)
{
	struct sip_fault fault;
	struct sip_msg msg;

	if (sip_parse(&msg, packet_view(packet), &fault) != ERR_OK ||
	    sip_check(&msg, &fault) != ERR_OK) {
		refuse(w, &msg, flow, &fault);
		return;
	}
	sip_transactions_receive(w->transactions, &msg, packet, flow);
}

static void arrive(struct post *post, struct loop *loop)
{
	struct passage *p = container_of(post, struct passage, post);

	(void)loop;
	take(p->home, p->packet, &p->flow);
	packet_unref(p->packet);
	free(p);
}

static void send_home(struct worker *w, struct worker *home, struct packet *packet,
                      const struct sip_flow *flow)
{
	struct passage *p;

	if (home == w) {
		take(w, packet, flow);
		return;
	}
	p = malloc(sizeof(*p));
	if (p == NULL) {
		meters_count(&w->meters, M_LOST_POSTS);
		return;
	}
	*p = (struct passage){
		.post.run = arrive, .home = home, .packet = packet_ref(packet), .flow = *flow
	};
	loop_post(home->loop, &p->post);
}

/* ---------------------------------------------------------------------------- what needs no state */

/* OPTIONS to the server itself: no user, no Route but ours, nothing that a proxy would have to understand. */
static bool is_for_us(const struct worker *w, const struct sip_msg *msg)
{
	struct sip_uri uri;

	if (sip_has(msg, SIP_H_ROUTE) || sip_has(msg, SIP_H_PROXY_REQUIRE) ||
	    sip_has(msg, SIP_H_REQUIRE) || sip_uri_parse(&uri, msg->uri) != ERR_OK ||
	    uri.user.len > 0 || (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS))
		return false;
	if (snapshot_is_us(w->snapshot, w->gateway->wires, &uri))
		return true;
	return (!uri.has_port || uri.port == 5060) &&
	       conf_domain_find(worker_conf(w), uri.host) != NULL;
}

/* True: answered (or refused) here. */
static bool answer_options(struct worker *w, struct packet *packet, const struct sip_flow *flow)
{
	const struct sip_stateless answer = { .status = 200,
		                              .tag_key = tag_key(w),
		                              .more = request_write_options };
	struct sip_fault fault;
	struct sip_msg msg;

	if (sip_parse(&msg, packet_view(packet), &fault) != ERR_OK ||
	    sip_check(&msg, &fault) != ERR_OK) {
		refuse(w, &msg, flow, &fault);
		return true;
	}
	if (!is_for_us(w, &msg))
		return false;
	meters_request(&w->meters, SIP_OPTIONS);
	meters_response(&w->meters, 200);
	sip_stateless_reply(w->wire, &msg, flow, &answer);
	return true;
}

static void answer_stun(struct worker *w, struct packet *packet, const struct sip_flow *flow)
{
	static const struct stun_conf conf = { .software = STR_INIT("Lotse") };
	struct packet *out = sip_wire_packet(w->wire, STUN_ANSWER_MAX);
	struct buf b;

	if (out == NULL)
		return;
	buf_wrap(&b, out->data, out->cap);
	if (stun_answer(packet_view(packet), &flow->remote, &conf, &b) != STUN_SILENCE) {
		out->len = (uint32_t)b.len;
		meters_count(&w->meters, M_STUN);
		sip_wire_send(w->wire, flow, out, false, NULL);
	}
	packet_unref(out);
}

/* ---------------------------------------------------------------------------- who may */

static bool is_unlimited(const struct worker *w, const struct sip_flow *flow)
{
	enum conf_transport t = flow->transport == SIP_TRANSPORT_TCP ? CONF_TRANSPORT_TCP
	                                                             : CONF_TRANSPORT_UDP;

	return conf_trusted(worker_conf(w), &flow->remote, t) != NULL;
}

static bool within_limits(struct worker *w, const struct sip_flow *flow)
{
	struct conf_rate rate = worker_conf(w)->limits.requests_per_source;
	struct limit *l = w->gateway->sources;

	return rate.count == 0 || is_unlimited(w, flow) ||
	       limit_take(l, limit_key_addr(l, &flow->remote), rate, loop_now(w->loop));
}

/* Over the limit: a datagram is dropped (an answer would only make more traffic), on a stream the sender would wait for ever. */
static void limited(struct worker *w, struct packet *packet, const struct sip_flow *flow)
{
	static const struct sip_fault busy = { 503, "Too Many Requests from You" };
	struct sip_fault fault;
	struct sip_msg msg;

	meters_count_labelled(&w->meters, M_LIMITED, "limit", "requests_per_source");
	if (flow->transport != SIP_TRANSPORT_UDP &&
	    sip_parse(&msg, packet_view(packet), &fault) == ERR_OK && sip_is_answerable(&msg))
		refuse(w, &msg, flow, &busy);
}

/* ---------------------------------------------------------------------------- by the first octet */

static bool is_keep_alive(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0' && s.p[i] != ' ')
			return false;
	}
	return true;
}

static void receive_sip(struct worker *w, struct packet *packet, const struct sip_flow *flow)
{
	struct sip_peek peek;

	if (sip_peek(packet_view(packet), &peek) != ERR_OK) {
		if (!is_keep_alive(packet_view(packet)))
			meters_count(&w->meters, M_NOISE);
		return;
	}
	if (w->snapshot->capture_fd >= 0)
		capture_message(w->snapshot->capture_fd, packet_view(packet), flow, false);
	if (peek.is_request && !within_limits(w, flow)) {
		limited(w, packet, flow);
		return;
	}
	if (peek.is_request && peek.method == SIP_OPTIONS && answer_options(w, packet, flow))
		return;
	send_home(w, gateway_home(w->gateway, peek.call_id), packet, flow);
}

static void on_received(void *arg, struct sip_wire *wire, struct packet *packet,
                        const struct sip_flow *flow)
{
	struct gateway *g = arg;
	struct worker *w = worker_of(g, wire);
	bool stun = sip_listener_tag(g->wires, flow->listener) == DEMUX_STUN;

	if (stun || stun_is(packet_view(packet)))
		answer_stun(w, packet, flow);
	else
		receive_sip(w, packet, flow);
}

static void on_broken(void *arg, struct sip_wire *wire, struct str head,
                      const struct sip_fault *fault, const struct sip_flow *flow)
{
	struct gateway *g = arg;
	struct sip_fault ignored;
	struct sip_msg msg;

	if (sip_listener_tag(g->wires, flow->listener) == DEMUX_STUN)
		return;
	if (sip_parse(&msg, head, &ignored) == ERR_OK || ignored.status != 0) {
		if (sip_is_answerable(&msg))
			refuse(worker_of(g, wire), &msg, flow, fault);
	}
}

/* ---------------------------------------------------------------------------- bounces */

static void bounced(struct post *post, struct loop *loop)
{
	struct bounce *b = container_of(post, struct bounce, post);

	(void)loop;
	sip_transactions_unreachable(b->home->transactions, &b->flow, str_of(b->head, b->len),
	                             b->why);
	free(b);
}

static void on_unreachable(void *arg, struct sip_wire *wire, const struct sip_flow *flow,
                           struct str head, enum err why)
{
	struct worker *w = worker_of(arg, wire);
	struct sip_peek peek;
	struct worker *home;
	struct bounce *b;

	if (sip_peek(head, &peek) != ERR_OK || !peek.is_request || peek.call_id.len == 0)
		return;
	home = gateway_home(w->gateway, peek.call_id);
	if (home == w) {
		sip_transactions_unreachable(w->transactions, flow, head, why);
		return;
	}
	b = malloc(sizeof(*b) + head.len);
	if (b == NULL)
		return; /* silence says the same, later */
	*b = (struct bounce){
		.post.run = bounced, .home = home, .flow = *flow, .why = why, .len = head.len
	};
	memcpy(b->head, head.p, head.len);
	loop_post(home->loop, &b->post);
}

static void on_sent(void *arg, struct sip_wire *wire, struct str message,
                    const struct sip_flow *flow)
{
	const struct worker *w = worker_of(arg, wire);

	if (w->snapshot->capture_fd >= 0 && !stun_is(message))
		capture_message(w->snapshot->capture_fd, message, flow, true);
}

static void on_closed(void *arg, struct sip_wire *wire, uint64_t connection)
{
	(void)arg;
	(void)wire;
	(void)connection; /* bindings name it; whoever sends there is told that it is gone */
}

struct sip_wires_events demux_events(struct gateway *g)
{
	return (struct sip_wires_events){
		.arg = g,
		.received = on_received,
		.broken = on_broken,
		.unreachable = on_unreachable,
		.sent = on_sent,
		.closed = on_closed,
	};
}

struct sip_frame demux_stun_frame(struct sip_framer *state, struct str pending)
{
	static const enum sip_frame_kind kinds[] = {
		[STUN_FRAME_MORE] = SIP_FRAME_MORE,
		[STUN_FRAME_MESSAGE] = SIP_FRAME_MESSAGE,
		[STUN_FRAME_BAD] = SIP_FRAME_BAD,
	};
	struct stun_frame f = stun_frame(pending);

	(void)state;
	return (struct sip_frame){ .kind = kinds[f.kind], .len = f.len };
}

struct sip_frame demux_sip_frame(struct sip_framer *state, struct str pending)
{
	unsigned char first = pending.len > 0 ? (unsigned char)pending.p[0] : '\r';

	if (first <= 3) /* RFC 7983 7 */
		return demux_stun_frame(state, pending);
	/* Neither a letter nor the end of a line: TLS at the wrong port, or noise. What is more to come won't make it SIP. */
	if (first != '\r' && first != '\n' && (first <= ' ' || first >= 0x7f))
		return (struct sip_frame){ .kind = SIP_FRAME_BAD, .fault = { 0, "Not SIP" } };
	return sip_framer_next(state, pending);
}
