#include "sip/transport_conn.h"

#include "base/mem.h"
#include "base/socket.h"

#include <unistd.h>

#define WATCH_AGAIN_MS 1000

struct sip_listener *sip_listener_of(const struct sip_wires *t, unsigned index)
{
	if (index >= SIP_LISTENERS_MAX)
		return NULL;
	return atomic_load_explicit(&t->listeners[index], memory_order_acquire);
}

const struct addr *sip_listener_addr(const struct sip_wires *t, unsigned index)
{
	const struct sip_listener *l = sip_listener_of(t, index);

	must(l != NULL);
	return &l->addr;
}

uintptr_t sip_listener_tag(const struct sip_wires *t, unsigned index)
{
	const struct sip_listener *l = sip_listener_of(t, index);

	must(l != NULL);
	return l->conf.tag;
}

enum sip_listener_kind sip_listener_kind(const struct sip_wires *t, unsigned index)
{
	const struct sip_listener *l = sip_listener_of(t, index);

	must(l != NULL);
	return l->conf.kind;
}

static enum sip_transport transport_of(const struct sip_listener *l)
{
	return l->conf.kind == SIP_LISTEN_UDP ? SIP_TRANSPORT_UDP : SIP_TRANSPORT_TCP;
}

bool sip_port_fits(const struct sip_wire *w, unsigned index, const struct sip_flow *flow)
{
	const struct sip_port *port = index < SIP_LISTENERS_MAX ? w->ports[index] : NULL;

	return port != NULL && transport_of(port->listener) == flow->transport &&
	       addr_family(&port->listener->addr) == addr_family(&flow->remote);
}

/* ---------------------------------------------------------------------------- on a worker */

/* The socket goes, and whoever waits for it is told. The port's own thread, or main when no worker runs. */
static void port_close(struct sip_port *port)
{
	struct sip_wire *w = port->wire;

	if (port->watch != NULL && port->listener->conf.kind == SIP_LISTEN_TCP)
		sip_accept_ready(port, LOOP_READ);
	if (port->queue != NULL) {
		sip_udp_flush(port);
		sip_udp_drop(port, ERR_CLOSED);
	}
	if (w->ports[port->index] == port)
		w->ports[port->index] = NULL;
	loop_timer_stop(w->loop, &port->retry);
	loop_end_cancel(w->loop, &port->flush);
	watch_close(port->watch);
	(void)close(port->fd);
	atomic_fetch_sub_explicit(&port->listener->sockets, 1, memory_order_release);
	atomic_fetch_sub_explicit(&port->listener->users, 1, memory_order_release);
	free(port->queue);
	free(port->queued);
	free(port);
}

static void stop_here(struct post *post, struct loop *loop)
{
	(void)loop;
	port_close(container_of(post, struct sip_port, stop));
}

static void begin_watching(struct sip_port *port);

static void watch_again(struct timer *t)
{
	begin_watching(container_of(t, struct sip_port, retry));
}

static void begin_watching(struct sip_port *port)
{
	struct sip_wire *w = port->wire;
	bool udp = port->listener->conf.kind == SIP_LISTEN_UDP;
	enum err e = loop_watch(w->loop, &port->watch, port->fd,
	                        LOOP_READ | (port->blocked ? LOOP_WRITE : 0),
	                        udp ? sip_udp_ready : sip_accept_ready, port);

	if (e == ERR_OK)
		return;
	LOG_EVENT(w->all->log, LOG_ERROR, "listener_waits", LOG_N("listener", port->index),
	          LOG_E("reason", e));
	loop_timer_start(w->loop, &port->retry, WATCH_AGAIN_MS, watch_again);
}

static void start_here(struct post *post, struct loop *loop)
{
	struct sip_port *port = container_of(post, struct sip_port, start);

	(void)loop;
	port->wire->ports[port->index] = port;
	begin_watching(port);
}

/* ---------------------------------------------------------------------------- on main */

static struct sip_port *port_new(struct sip_wire *w, struct sip_listener *l, unsigned index, int fd)
{
	struct sip_port *port = mem_zero(sizeof(*port));

	if (port == NULL)
		return NULL;
	port->wire = w;
	port->listener = l;
	port->index = index;
	port->fd = fd;
	port->start.run = start_here;
	port->stop.run = stop_here;
	port->flush.run = sip_udp_flush_end;
	if (l->conf.kind == SIP_LISTEN_UDP) {
		/* Not zeroed: what is never used is never backed by memory. */
		port->queue = malloc(SIP_UDP_QUEUE * sizeof(*port->queue));
		port->queued = malloc(SIP_UDP_QUEUE * sizeof(*port->queued));
		if (port->queue == NULL || port->queued == NULL) {
			free(port->queue);
			free(port->queued);
			free(port);
			return NULL;
		}
	}
	return port;
}

/* Which numbers are free: those never used, and those whose listener is closed with nobody left on it. */
static enum err choose_number(const struct sip_wires *t, unsigned *index)
{
	for (unsigned i = 0; i < SIP_LISTENERS_MAX; i++) {
		unsigned at = (t->next_listener + i) % SIP_LISTENERS_MAX;
		const struct sip_listener *l = sip_listener_of(t, at);

		if (l == NULL || (l->ports == NULL &&
		                  atomic_load_explicit(&l->users, memory_order_acquire) == 0)) {
			*index = at;
			return ERR_OK;
		}
	}
	return ERR_LIMIT;
}

/* Does it still have sockets on the port that `conf` asks for? */
static bool is_beside(const struct sip_listener *l, const struct sip_listener_conf *conf)
{
	return l != NULL && atomic_load_explicit(&l->sockets, memory_order_acquire) > 0 &&
	       l->conf.kind == conf->kind && addr_port(&l->addr) == addr_port(&conf->addr) &&
	       addr_family(&l->addr) == addr_family(&conf->addr);
}

/* Two of ours on one port: the very same address is refused, but not while it is being closed; a wildcard beside an address on it may be. And
 * then the probe would only see ourselves. */
static enum err look_beside(const struct sip_wires *t, const struct sip_listener_conf *conf,
                            bool *shared)
{
	*shared = false;
	if (addr_port(&conf->addr) == 0)
		return ERR_OK;
	for (unsigned i = 0; i < SIP_LISTENERS_MAX; i++) {
		const struct sip_listener *l = sip_listener_of(t, i);
		bool same;

		if (!is_beside(l, conf))
			continue;
		same = addr_eq_host(&l->addr, &conf->addr);
		if (same && l->ports != NULL)
			return ERR_INUSE;
		if (same || addr_is_any(&l->addr) || addr_is_any(&conf->addr))
			*shared = true;
	}
	return ERR_OK;
}

static void listener_free(struct sip_listener *l)
{
	if (l == NULL)
		return;
	free(l->before);
	free(l->ports);
	free(l);
}

static enum err make_ports(struct sip_wires *t, struct sip_listener *l, unsigned index, bool shared)
{
	enum socket_kind kind = l->conf.kind == SIP_LISTEN_UDP ? SOCKET_DATAGRAM : SOCKET_STREAM;
	int fds[CREW_MAX];
	unsigned made = 0;
	enum err e = socket_bind(kind, &l->addr, shared, fds, t->count);

	if (e != ERR_OK)
		return e;
	while (made < t->count &&
	       (l->ports[made] = port_new(t->wires[made], l, index, fds[made])) != NULL)
		made++;
	atomic_init(&l->users, t->count);
	atomic_init(&l->sockets, t->count);
	if (made == t->count)
		return ERR_OK;
	for (unsigned i = made; i < t->count; i++)
		(void)close(fds[i]);
	while (made > 0)
		port_close(l->ports[--made]);
	return ERR_NOMEM;
}

/* A reader may have taken the pointer of before; not the one of before that, 64 listeners ago. */
static void publish(struct sip_wires *t, struct sip_listener *l, unsigned index)
{
	l->before = sip_listener_of(t, index);
	if (l->before != NULL) {
		free(l->before->before);
		l->before->before = NULL;
	}
	atomic_store_explicit(&t->listeners[index], l, memory_order_release);
	t->next_listener = (index + 1) % SIP_LISTENERS_MAX;
}

enum err sip_listener_open(struct sip_wires *t, const struct sip_listener_conf *conf,
                           unsigned *index)
{
	struct sip_listener *l = NULL;
	bool shared;
	enum err e;

	if ((e = choose_number(t, index)) != ERR_OK ||
	    (e = look_beside(t, conf, &shared)) != ERR_OK)
		return e;
	l = mem_zero(sizeof(*l));
	if (l == NULL)
		return ERR_NOMEM;
	l->conf = *conf;
	l->addr = conf->addr;
	if (l->conf.frame == NULL)
		l->conf.frame = sip_framer_next;
	l->ports = calloc(t->count, sizeof(struct sip_port *));
	e = l->ports == NULL ? ERR_NOMEM : make_ports(t, l, *index, shared);
	if (e != ERR_OK) {
		listener_free(l);
		return e;
	}
	publish(t, l, *index);
	return ERR_OK;
}

void sip_listener_start(struct sip_wires *t, unsigned index)
{
	struct sip_listener *l = sip_listener_of(t, index);

	must(l != NULL && l->ports != NULL);
	if (atomic_exchange(&l->live, true))
		return;
	for (unsigned i = 0; i < t->count; i++)
		sip_post(t->wires[i], &l->ports[i]->start);
}

void sip_listener_close(struct sip_wires *t, unsigned index)
{
	struct sip_listener *l = sip_listener_of(t, index);

	if (l == NULL || l->ports == NULL)
		return;
	atomic_store(&l->live, false);
	for (unsigned i = 0; i < t->count; i++)
		sip_post(t->wires[i], &l->ports[i]->stop);
	free(l->ports);
	l->ports = NULL;
}

void sip_listeners_close(struct sip_wires *t)
{
	for (unsigned i = 0; i < SIP_LISTENERS_MAX; i++) {
		struct sip_listener *l = sip_listener_of(t, i);

		for (unsigned k = 0; l != NULL && l->ports != NULL && k < t->count; k++)
			port_close(l->ports[k]);
	}
}

/* The last to go: connections count themselves out of their listener. */
void sip_listeners_free(struct sip_wires *t)
{
	for (unsigned i = 0; i < SIP_LISTENERS_MAX; i++)
		listener_free(sip_listener_of(t, i));
}
