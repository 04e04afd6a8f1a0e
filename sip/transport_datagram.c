#include "sip/transport_inside.h"

#include "base/mem.h"

#define BATCHES_A_TURN 2 /* what they ask for takes its time, and timers wait meanwhile */
#define FAILURES_A_TURN 64
#define SEND_TRIES 4 /* each may only tell of an earlier datagram's fate */

/* ---------------------------------------------------------------------------- what comes */

static struct sip_flow flow_by(const struct sip_port *port)
{
	return (struct sip_flow){ .transport = SIP_TRANSPORT_UDP,
		                  .listener = port->index,
		                  .local = port->listener->addr };
}

static void hand_up(struct sip_port *port, const struct datagram_in *d)
{
	struct sip_wire *w = port->wire;
	struct sip_flow flow = flow_by(port);

	if (d->packet == NULL) {
		sip_count(&w->counters.datagrams_lost, 1);
		return;
	}
	/* Nothing can be sent back to port 0: whoever writes that lies. */
	if (d->packet->len == 0 || addr_port(&d->remote) == 0)
		return;
	flow.remote = d->remote;
	if (addr_family(&d->local) != AF_UNSPEC) {
		flow.local = d->local;
		addr_set_port(&flow.local, addr_port(&port->listener->addr));
	}
	w->all->events.received(w->all->events.arg, w, d->packet, &flow);
}

static void hear_failures(struct sip_port *port)
{
	struct sip_wires *t = port->wire->all;
	struct datagram_failure f;

	for (int i = 0; i < FAILURES_A_TURN && datagram_failed(port->fd, &f) == ERR_OK; i++) {
		struct sip_flow flow = flow_by(port);

		flow.remote = f.remote;
		if (t->events.unreachable != NULL)
			t->events.unreachable(t->events.arg, port->wire, &flow,
			                      str_of(f.head, f.len), f.why);
	}
}

static void receive(struct sip_port *port)
{
	struct sip_wire *w = port->wire;

	/* What is left for the next turn is reported again. */
	for (int batch = 0; batch < BATCHES_A_TURN; batch++) {
		unsigned n;
		enum err e = datagram_receive(w->inbox, port->fd, &n);

		if (e == ERR_AGAIN)
			return;
		if (e != ERR_OK) {
			hear_failures(port);
			continue;
		}
		sip_count(&w->counters.datagrams_in, n);
		for (unsigned i = 0; i < n; i++) {
			struct datagram_in d = datagram_at(w->inbox, i);

			hand_up(port, &d);
		}
		if (n < SIP_BATCH)
			return;
	}
}

void sip_udp_ready(void *arg, unsigned events)
{
	struct sip_port *port = arg;

	if ((events & LOOP_ERROR) != 0)
		hear_failures(port);
	if ((events & LOOP_WRITE) != 0) {
		port->blocked = false;
		watch_set(port->watch, LOOP_READ);
		sip_udp_flush(port);
	}
	if ((events & LOOP_READ) != 0)
		receive(port);
}

/* ---------------------------------------------------------------------------- what goes */

/* The first that waits is done with. */
static void leave(struct sip_port *port, enum err why)
{
	struct sip_datagram *d = &port->queued[port->first];

	if (d->pending != NULL)
		sip_pending_done(port->wire, d->pending, why, 0);
	packet_unref(d->packet);
	port->first = (port->first + 1) % SIP_UDP_QUEUE;
	port->waiting--;
}

static void leave_sent(struct sip_port *port, unsigned n)
{
	sip_count(&port->wire->counters.datagrams_out, n);
	while (n-- > 0)
		leave(port, ERR_OK);
}

static void wait_for_room(struct sip_port *port)
{
	port->blocked = true;
	if (port->watch != NULL)
		watch_set(port->watch, LOOP_READ | LOOP_WRITE);
}

/* The first that waits could not be sent. */
static void settle_error(struct sip_port *port, enum err e)
{
	if (e == ERR_FULL) {
		/* Lost on its way, as datagrams are: to be sent again, not to fail. */
		sip_count(&port->wire->counters.datagrams_lost, 1);
		leave(port, ERR_OK);
	} else if (++port->queued[port->first].tries >= SEND_TRIES) {
		leave(port, e);
	}
}

void sip_udp_flush(struct sip_port *port)
{
	while (port->waiting > 0 && !port->blocked) {
		unsigned straight = SIP_UDP_QUEUE - port->first;
		unsigned n = port->waiting < straight ? port->waiting : straight;
		unsigned sent;
		enum err e = datagram_send(port->fd, &port->queue[port->first], n, &sent);

		leave_sent(port, sent);
		if (e == ERR_AGAIN)
			wait_for_room(port);
		else if (e != ERR_OK)
			settle_error(port, e);
	}
}

void sip_udp_flush_end(struct loop_end *end)
{
	sip_udp_flush(container_of(end, struct sip_port, flush));
}

void sip_udp_drop(struct sip_port *port, enum err why)
{
	sip_count(&port->wire->counters.datagrams_lost, port->waiting);
	while (port->waiting > 0)
		leave(port, why);
}

/* The listener that the flow names; where it is gone, another that leads there. */
static struct sip_port *choose_port(struct sip_wire *w, struct sip_flow *flow)
{
	if (!sip_port_fits(w, flow->listener, flow) && sip_wire_route(w, flow) != ERR_OK)
		return NULL;
	return w->ports[flow->listener];
}

static bool has_room(struct sip_port *port)
{
	if (port->waiting == SIP_UDP_QUEUE)
		sip_udp_flush(port);
	return port->waiting < SIP_UDP_QUEUE;
}

static void enqueue(struct sip_port *port, const struct sip_flow *flow, struct packet *packet,
                    struct sip_pending *pending)
{
	unsigned at = (port->first + port->waiting) % SIP_UDP_QUEUE;

	port->queued[at] = (struct sip_datagram){ packet_ref(packet), pending, 0 };
	port->queue[at].bytes = packet_view(packet);
	port->queue[at].remote = flow->remote;
	/* A socket with an address of its own sends from that. */
	port->queue[at].local = addr_is_any(&port->listener->addr) ? flow->local
	                                                           : (struct addr){ 0 };
	port->waiting++;
	if (port->waiting == SIP_BATCH)
		sip_udp_flush(port);
	else
		loop_at_end(port->wire->loop, &port->flush);
}

void sip_udp_send(struct sip_wire *w, const struct sip_flow *flow, struct packet *packet,
                  struct sip_sending *sending)
{
	struct sip_flow to = *flow;
	struct sip_port *port = choose_port(w, &to);
	struct sip_pending *pending = NULL;

	if (port == NULL) {
		sip_tell(w, sending, ERR_UNREACHABLE, 0);
		return;
	}
	if (!has_room(port)) {
		sip_count(&w->counters.datagrams_lost, 1);
		sip_tell(w, sending, ERR_LIMIT, 0);
		return;
	}
	if (sending != NULL) {
		pending = sip_pending_new(w, flow, NULL, sending);
		if (pending == NULL)
			return;
	}
	enqueue(port, &to, packet, pending);
}
