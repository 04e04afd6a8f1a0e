#include "sip/transport_conn.h"

#include "base/mem.h"
#include "base/socket.h"

#include <unistd.h>

#define ACCEPTS_A_TURN 64
#define PAUSE_MS 200
#define COMPLAIN_MS 60000

static struct str host_key(const struct addr *host)
{
	if (addr_family(host) == AF_INET6)
		return str_of((const char *)&host->sa.v6.sin6_addr, 16);
	return str_of((const char *)&host->sa.v4.sin_addr, 4);
}

struct sip_source *sip_source_enter(struct sip_wire *w, const struct addr *remote)
{
	struct sip_source *s = map_get(&w->sources, host_key(remote));

	if (s != NULL) {
		if (s->count >= w->all->conf.per_source_max)
			return NULL;
		s->count++;
		return s;
	}
	s = mem_zero(sizeof(*s));
	if (s == NULL)
		return NULL;
	s->host = *remote;
	s->count = 1;
	if (map_put(&w->sources, host_key(&s->host), s) == ERR_OK)
		return s;
	free(s);
	return NULL;
}

void sip_source_leave(struct sip_wire *w, struct sip_source *source)
{
	if (--source->count > 0)
		return;
	(void)map_del(&w->sources, host_key(&source->host));
	free(source);
}

static void adopt(struct sip_port *port, int fd, const struct addr *remote)
{
	struct sip_wire *w = port->wire;
	struct sip_source *source = sip_source_enter(w, remote);
	struct sip_conn *c;
	enum err e;

	if (source == NULL) {
		sip_count(&w->counters.refused, 1);
		(void)close(fd);
		return;
	}
	c = sip_conn_new(w, port, fd, remote, SIP_CONN_OPEN, &e);
	if (c == NULL) {
		sip_source_leave(w, source);
		return;
	}
	c->source = source;
	c->flow.local = addr_is_any(&port->listener->addr) ? socket_local(fd)
	                                                   : port->listener->addr;
	/* The first message is under way from now on. */
	c->partial = c->active;
	sip_count(&w->counters.accepted, 1);
	sip_conn_settle(c);
}

static void accept_again(struct timer *t)
{
	struct sip_port *port = container_of(t, struct sip_port, retry);

	watch_set(port->watch, LOOP_READ);
}

/* Nothing can be accepted now, and what waits would be reported for ever. */
static void pause_accepting(struct sip_port *port, enum err why)
{
	struct sip_wire *w = port->wire;
	struct mono now = loop_now(w->loop);

	watch_set(port->watch, 0);
	loop_timer_start(w->loop, &port->retry, PAUSE_MS, accept_again);
	if (!mono_after(now, port->quiet_until))
		return;
	port->quiet_until = mono_add_ms(now, COMPLAIN_MS);
	LOG_EVENT(w->all->log, LOG_ERROR, "accept_failed", LOG_N("listener", port->index),
	          LOG_E("reason", why));
}

void sip_accept_ready(void *arg, unsigned events)
{
	struct sip_port *port = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct addr remote;
		int fd;
		enum err e = socket_accept(port->fd, &fd, &remote);

		if (e == ERR_AGAIN)
			return;
		if (e == ERR_OK) {
			adopt(port, fd, &remote);
		} else if (e != ERR_CLOSED) {
			pause_accepting(port, e);
			return;
		}
	}
}
