#include "resolver/cares.h"

#include "base/mem.h"
#include "resolver/dns.h"

#include <ares.h>

/* c-ares 1.18 has one UDP and one TCP socket to a server; the old one may still be closing. */
#define SOCKETS_MAX 4
/* How often c-ares looks for what has ended without an answer. Waiting is timed elsewhere, this only cleans up. */
#define TICK_MS 250

struct line;

struct socket_watch {
	struct line *line;
	struct watch *watch;
	int fd;
};

/* A channel to one server. */
struct line {
	struct cares *carrier;
	ares_channel channel; /* NULL: not open yet */
	struct socket_watch sockets[SOCKETS_MAX];
};

/* c-ares takes an OPT record off a question that a server calls malformed, whether there is one or not: questions without one go
 * over a channel that doesn't. It is opened when the first such question is sent. */
struct server {
	struct addr addr;
	struct line edns;
	struct line plain;
};

struct cares {
	struct loop *loop;
	struct timer tick;
	int64_t timeout_ms;
	size_t pending;
	size_t count;
	struct server servers[];
};

struct sending {
	struct cares *carrier;
	cares_done_fn done;
	void *arg;
};

enum err cares_library_open(void)
{
	return ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS ? ERR_OK : ERR_SYSTEM;
}

void cares_library_close(void)
{
	ares_library_cleanup();
}

static enum err err_from_ares(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return ERR_OK;
	case ARES_ENOMEM:
		return ERR_NOMEM;
	case ARES_ETIMEOUT:
		return ERR_TIMEOUT;
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED:
		return ERR_CANCELLED;
	default:
		return ERR_UNREACHABLE;
	}
}

/* ---------------------------------------------------------------------------- which servers */

static struct addr addr_from_node(const struct ares_addr_port_node *node)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	uint16_t port = node->udp_port == 0 ? 53 : (uint16_t)node->udp_port;
	struct addr a;

	if (node->family == AF_INET) {
		v4.sin_addr = node->addr.addr4;
		a = addr_from_sockaddr((const struct sockaddr *)&v4);
	} else {
		memcpy(&v6.sin6_addr, &node->addr.addr6, sizeof(v6.sin6_addr));
		a = addr_from_sockaddr((const struct sockaddr *)&v6);
	}
	addr_set_port(&a, port);
	return a;
}

enum err cares_system_servers(struct addr *out, size_t max, size_t *count)
{
	ares_channel channel;
	struct ares_addr_port_node *list = NULL;

	*count = 0;
	if (ares_init(&channel) != ARES_SUCCESS)
		return ERR_SYSTEM;
	if (ares_get_servers_ports(channel, &list) == ARES_SUCCESS) {
		for (const struct ares_addr_port_node *node = list; node != NULL && *count < max;
		     node = node->next)
			out[(*count)++] = addr_from_node(node);
		ares_free_data(list);
	}
	ares_destroy(channel);
	return *count > 0 ? ERR_OK : ERR_NOTFOUND;
}

static struct ares_addr_port_node node_from_addr(const struct addr *a)
{
	struct ares_addr_port_node node = { .family = addr_family(a),
		                            .udp_port = addr_port(a),
		                            .tcp_port = addr_port(a) };

	if (addr_family(a) == AF_INET)
		node.addr.addr4 = a->sa.v4.sin_addr;
	else
		memcpy(&node.addr.addr6, &a->sa.v6.sin6_addr, sizeof(node.addr.addr6));
	return node;
}

/* ---------------------------------------------------------------------------- sockets and the loop */

static void on_socket(void *arg, unsigned events)
{
	const struct socket_watch *s = arg;
	bool readable = (events & (LOOP_READ | LOOP_ERROR)) != 0;
	bool writable = (events & LOOP_WRITE) != 0;

	/* May close the socket, and the watch with it. */
	ares_process_fd(s->line->channel, readable ? s->fd : ARES_SOCKET_BAD,
	                writable ? s->fd : ARES_SOCKET_BAD);
}

static struct socket_watch *find_socket(struct line *line, int fd, bool open)
{
	struct socket_watch *unused = NULL;

	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		struct socket_watch *s = &line->sockets[i];

		if (s->watch != NULL && s->fd == fd)
			return s;
		if (s->watch == NULL)
			unused = s;
	}
	return open ? unused : NULL;
}

/* c-ares says what it wants to know of a socket; neither: it is about to close it. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct line *line = arg;
	unsigned events = (readable != 0 ? LOOP_READ : 0) | (writable != 0 ? LOOP_WRITE : 0);
	struct socket_watch *s = find_socket(line, fd, events != 0);

	if (s == NULL)
		return;
	if (events == 0) {
		watch_close(s->watch);
		s->watch = NULL;
	} else if (s->watch != NULL) {
		watch_set(s->watch, events);
	} else {
		s->line = line;
		s->fd = fd;
		/* What can't be watched ends by timeout. */
		if (loop_watch(line->carrier->loop, &s->watch, fd, events, on_socket, s) != ERR_OK)
			s->watch = NULL;
	}
}

static void tick_line(struct line *line)
{
	if (line->channel != NULL)
		ares_process_fd(line->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_tick(struct timer *timer)
{
	struct cares *c = container_of(timer, struct cares, tick);

	for (size_t i = 0; i < c->count; i++) {
		tick_line(&c->servers[i].edns);
		tick_line(&c->servers[i].plain);
	}
	if (c->pending > 0)
		loop_timer_start(c->loop, &c->tick, TICK_MS, on_tick);
}

/* ---------------------------------------------------------------------------- carriers */

static enum err open_line(struct line *line, struct cares *carrier, const struct addr *addr,
                          bool edns)
{
	char no_lookups[] = "b";
	struct in_addr none = { 0 };
	struct ares_addr_port_node node = node_from_addr(addr);
	struct ares_options options = {
		/* One try, all answers to us, errors too; of names we make our own. */
		.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
		         (edns ? ARES_FLAG_EDNS : 0),
		.timeout = (int)carrier->timeout_ms,
		.tries = 1,
		.ndots = 1,
		.servers = &none,
		.nservers = 1,
		.lookups = no_lookups,
		.ednspsz = DNS_UDP_SIZE,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = line,
	};
	/* All that it would otherwise look for in files, an empty list of domains and of preferred networks too. */
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
	           ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST |
	           ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE;
	int status = ares_init_options(&line->channel, &options, mask);

	line->carrier = carrier;
	if (status != ARES_SUCCESS) {
		line->channel = NULL;
		return status == ARES_ENOMEM ? ERR_NOMEM : ERR_SYSTEM;
	}
	if (ares_set_servers_ports(line->channel, &node) == ARES_SUCCESS)
		return ERR_OK;
	ares_destroy(line->channel);
	line->channel = NULL;
	return ERR_NOMEM;
}

enum err cares_open(struct cares **out, struct loop *loop, const struct addr *servers, size_t count,
                    int64_t timeout_ms)
{
	struct cares *c = mem_zero(sizeof(*c) + count * sizeof(c->servers[0]));

	if (c == NULL)
		return ERR_NOMEM;
	c->loop = loop;
	c->timeout_ms = timeout_ms;
	c->count = count;
	for (size_t i = 0; i < count; i++) {
		enum err e;

		c->servers[i].addr = servers[i];
		e = open_line(&c->servers[i].edns, c, &servers[i], true);
		if (e != ERR_OK) {
			cares_close(c);
			return e;
		}
	}
	*out = c;
	return ERR_OK;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *answer, int len)
{
	struct sending *sending = arg;
	struct sending own = *sending;
	bool good = status == ARES_SUCCESS && answer != NULL && len > 0;

	(void)timeouts;
	free(sending);
	own.carrier->pending--;
	own.done(own.arg, status == ARES_SUCCESS && !good ? ERR_SYNTAX : err_from_ares(status),
	         good ? str_of((const char *)answer, (size_t)len) : STR_NONE);
}

void cares_send(struct cares *c, size_t server, bool edns, struct str packet, cares_done_fn done,
                void *arg)
{
	struct sending *sending = mem_zero(sizeof(*sending));
	struct line *line;
	enum err e = sending == NULL ? ERR_NOMEM : ERR_OK;

	must(server < c->count);
	line = edns ? &c->servers[server].edns : &c->servers[server].plain;
	if (e == ERR_OK && line->channel == NULL)
		e = open_line(line, c, &c->servers[server].addr, edns);
	if (e != ERR_OK) {
		free(sending);
		done(arg, e, STR_NONE);
		return;
	}
	*sending = (struct sending){ c, done, arg };
	c->pending++;
	if (!timer_running(&c->tick))
		loop_timer_start(c->loop, &c->tick, TICK_MS, on_tick);
	ares_send(line->channel, (const unsigned char *)packet.p, (int)packet.len, on_answer,
	          sending);
}

size_t cares_pending(const struct cares *c)
{
	return c->pending;
}

static void close_line(struct line *line)
{
	if (line->channel != NULL)
		ares_destroy(line->channel);
}

void cares_close(struct cares *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++) {
		close_line(&c->servers[i].edns);
		close_line(&c->servers[i].plain);
	}
	loop_timer_stop(c->loop, &c->tick);
	free(c);
}
