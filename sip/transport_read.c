#include "sip/transport_conn.h"

#include <errno.h>

#define ROOM ((size_t)16384)
#define PONGS_A_READ 8
#define THROW_AWAY_MAX ((size_t)1 << 20)

/* Does the other side expect an answer to this? */
static bool is_request(struct str message)
{
	return message.len > 0 && message.p[0] >= 'A' && message.p[0] <= 'Z' &&
	       !str_starts(message, STR("SIP/2.0")) && !str_starts(message, STR("ACK "));
}

static void hand_up(struct sip_conn *c, struct str message)
{
	struct sip_wire *w = c->wire;
	struct packet *p = sip_wire_packet(w, message.len);
	struct sip_flow flow = c->flow;

	if (p == NULL) {
		/* A stream from which something is missing is no stream. */
		sip_conn_close(c, ERR_NOMEM);
		return;
	}
	memcpy(p->data, message.p, message.len);
	p->len = (uint32_t)message.len;
	if (is_request(message))
		c->owed++;
	sip_count(&w->counters.frames_in, 1);
	w->all->events.received(w->all->events.arg, w, p, &flow);
	packet_unref(p);
}

static void pong(struct sip_conn *c)
{
	struct packet *p = sip_wire_packet(c->wire, 2);
	struct sip_pending *pending = NULL;

	if (p == NULL)
		return;
	memcpy(p->data, "\r\n", 2);
	p->len = 2;
	pending = sip_pending_new(c->wire, &c->flow, p, NULL);
	packet_unref(p);
	if (pending != NULL)
		sip_conn_take(c, pending);
}

static void break_off(struct sip_conn *c, struct str head, const struct sip_fault *fault)
{
	const struct sip_wires_events *events = &c->wire->all->events;
	struct sip_flow flow = c->flow;

	if (events->broken != NULL)
		events->broken(events->arg, c->wire, head, fault, &flow);
	sip_conn_leave(c);
}

/* Take one frame; false: nothing more can be taken. */
static bool take_frame(struct sip_conn *c, struct str *rest, unsigned *pings)
{
	struct sip_frame f = c->listener->conf.frame(&c->framer, *rest);
	struct str taken = str_head(*rest, f.len);

	switch (f.kind) {
	case SIP_FRAME_BAD:
		break_off(c, taken, &f.fault);
		return false;
	case SIP_FRAME_PING:
		if ((*pings)++ < PONGS_A_READ)
			pong(c);
		break;
	case SIP_FRAME_MESSAGE:
		hand_up(c, taken);
		break;
	case SIP_FRAME_SKIP:
		break;
	case SIP_FRAME_MORE:
	default:
		return false;
	}
	must(f.len > 0 && f.len <= rest->len);
	*rest = str_from_at(*rest, f.len);
	if (f.kind != SIP_FRAME_SKIP)
		c->active = loop_now(c->wire->loop);
	return c->state == SIP_CONN_OPEN;
}

/* Hand up what is whole; returns what is left. */
static struct str cut(struct sip_conn *c, struct str pending)
{
	struct str rest = pending;
	unsigned pings = 0;

	while (rest.len > 0 && take_frame(c, &rest, &pings)) {
	}
	if (rest.len == 0)
		c->partial.ns = 0;
	else if (rest.len < pending.len || c->partial.ns == 0)
		c->partial = loop_now(c->wire->loop);
	return rest;
}

/* The peer has said all. Answers that are due may still be heard. */
static void end_of_stream(struct sip_conn *c)
{
	if (c->state == SIP_CONN_SHUT || c->in.len > 0 || (c->owed == 0 && c->out == NULL)) {
		sip_conn_close(c, ERR_CLOSED);
		return;
	}
	if (c->state != SIP_CONN_OPEN)
		return;
	c->state = SIP_CONN_HALF;
	c->ended = loop_now(c->wire->loop);
	c->partial.ns = 0;
	sip_conn_hide(c);
}

/* `n` octets stand in the scratch: most often whole messages, and then nothing is kept. */
static void from_scratch(struct sip_conn *c, size_t n)
{
	struct str rest = cut(c, str_of(c->wire->scratch, n));

	if (c->state != SIP_CONN_OPEN || rest.len == 0)
		return;
	buf_str(&c->in, rest);
	if (c->in.err != ERR_OK)
		sip_conn_close(c, c->in.err);
}

static void from_buffer(struct sip_conn *c, size_t n)
{
	struct str rest;

	buf_advance(&c->in, n);
	rest = cut(c, buf_view(&c->in));
	if (c->state != SIP_CONN_OPEN)
		return;
	buf_drop(&c->in, c->in.len - rest.len);
	if (c->in.len == 0)
		buf_fini(&c->in);
}

static void throw_away(struct sip_conn *c, size_t n)
{
	c->thrown_away += n;
	if (c->thrown_away > THROW_AWAY_MAX)
		sip_conn_close(c, ERR_CLOSED);
}

/* One read a turn: what is left is reported again, and others have their turn. */
void sip_conn_read(struct sip_conn *c)
{
	bool fresh = c->in.len == 0 || c->state != SIP_CONN_OPEN;
	char *to = fresh ? c->wire->scratch : buf_room(&c->in, ROOM);
	ssize_t n;

	if (to == NULL) {
		sip_conn_close(c, c->in.err);
		return;
	}
	n = recv(c->fd, to, fresh ? SIP_SCRATCH : ROOM, MSG_DONTWAIT);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			sip_conn_close(c, ERR_CLOSED);
	} else if (n == 0) {
		end_of_stream(c);
	} else if (c->state != SIP_CONN_OPEN) {
		throw_away(c, (size_t)n);
	} else if (fresh) {
		from_scratch(c, (size_t)n);
	} else {
		from_buffer(c, (size_t)n);
	}
}
