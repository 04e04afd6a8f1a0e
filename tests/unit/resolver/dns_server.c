#include "tests/unit/resolver/dns_server.h"

#include "base/clock.h"
#include "tests/unit/resolver/packet.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STREAMS 16
#define LOGGED 65536
#define LATER 1024
#define LATER_MS 200
#define QUERY_MAX 600
#define OK 0x8180u

struct stream {
	int fd; /* -1: free */
	unsigned which;
	size_t len;
	unsigned char data[2 + QUERY_MAX];
};

struct later {
	struct mono due;
	unsigned which;
	struct addr to;
	size_t len;
	unsigned char query[QUERY_MAX];
};

struct logged {
	unsigned which;
	enum dns_type type;
	char name[64];
};

struct dns_server {
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows, up to the sockets */
	bool mute[DNS_SERVERS];
	unsigned tcp;
	size_t logged_count;
	struct logged logged[LOGGED];
	int udp[DNS_SERVERS];
	int listen[DNS_SERVERS];
	int stop[2];
	struct stream streams[STREAMS];
	size_t later_count;
	struct later later[LATER];
	struct packet_builder builder;
};

struct asked {
	char name[NAME_TEXT_MAX];
	enum dns_type type;
	uint16_t id;
	bool edns;
	struct str behaviour;
};

/* ---------------------------------------------------------------------------- what is asked, what is answered */

static struct str behaviour_of(const char *name)
{
	struct str rest = str_from(name);
	size_t len = 0;

	if (rest.p[0] == '_') {
		(void)str_cut(&rest, '.');
		(void)str_cut(&rest, '.');
	}
	while (len < rest.len && rest.p[len] >= 'a' && rest.p[len] <= 'z')
		len++;
	return str_head(rest, len);
}

static bool read_query(struct asked *out, struct str query)
{
	struct wire_reader r = wire_reader_of(query);

	out->id = wire_read16(&r);
	wire_skip(&r, 8);
	out->edns = wire_read16(&r) > 0;
	(void)name_read(&r, out->name);
	out->type = (enum dns_type)wire_read16(&r);
	wire_skip(&r, 2);
	out->behaviour = behaviour_of(out->name);
	return r.err == ERR_OK;
}

static void add(struct packet_builder *b, unsigned section, const char *owner, const char *rest)
{
	char line[256];

	must(snprintf(line, sizeof(line), "%s %s", owner, rest) < (int)sizeof(line));
	packet_add(b, section, line);
}

static void write_records(struct packet_builder *b, const struct asked *q, unsigned ttl)
{
	char line[128];

	if (q->type == DNS_A) {
		for (unsigned i = 1; i <= 2; i++) {
			(void)snprintf(line, sizeof(line), "%u A 192.0.2.%u", ttl, i);
			add(b, 1, q->name, line);
		}
	} else if (q->type == DNS_AAAA) {
		(void)snprintf(line, sizeof(line), "%u AAAA 2001:db8::1", ttl);
		add(b, 1, q->name, line);
	} else if (q->type == DNS_SRV && strncmp(q->name, "_sip._udp.", 10) == 0) {
		(void)snprintf(line, sizeof(line), "%u SRV 10 1 5070 ok.test", ttl);
		add(b, 1, q->name, line);
	} else {
		packet_add(b, 2, "test 60 SOA 60");
	}
}

static void write_inward(struct packet_builder *b, const struct asked *q)
{
	if (q->type != DNS_A)
		return;
	add(b, 1, q->name, "60 A 127.0.0.1");
	add(b, 1, q->name, "60 A 10.0.0.1");
}

static void write_large(struct packet_builder *b, const struct asked *q)
{
	for (unsigned i = 0; i < 300 && q->type == DNS_A; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "60 A 192.0.%u.%u", 2 + i / 200, 1 + i % 200);
		add(b, 1, q->name, line);
	}
}

static void write_loop(struct packet_builder *b, const struct asked *q)
{
	/* Each asks for the next one: loop, loop0, loop00... */
	char line[128];

	(void)snprintf(line, sizeof(line), "60 CNAME %.*s0.test", (int)strcspn(q->name, "."),
	               q->name);
	add(b, 1, q->name, line);
}

/* The rcode for a behaviour, if that is all it is. */
static unsigned rcode_of(struct str behaviour)
{
	static const struct {
		struct str behaviour;
		unsigned rcode;
	} rcodes[] = {
		{ STR_INIT("none"), 3 },     { STR_INIT("bare"), 3 },    { STR_INIT("brief"), 3 },
		{ STR_INIT("servfail"), 2 }, { STR_INIT("refused"), 5 }, { STR_INIT("notimp"), 4 },
	};

	for (size_t i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); i++) {
		if (str_eq(behaviour, rcodes[i].behaviour))
			return rcodes[i].rcode;
	}
	return 0;
}

static bool is(const struct asked *q, const char *behaviour)
{
	return str_eq(q->behaviour, str_from(behaviour));
}

/* Boxes on the way swallow what they don't know. */
static bool is_swallowed(const struct asked *q)
{
	return is(q, "silent") || (is(q, "nonaptr") && q->type == DNS_NAPTR) ||
	       (is(q, "noaaaa") && q->type == DNS_AAAA) || (is(q, "nosrv") && q->type == DNS_SRV);
}

/* Empty: no answer. */
static struct str answer(struct packet_builder *b, const struct asked *q, bool tcp)
{
	bool truncated = !tcp && (is(q, "large") || is(q, "cut"));
	bool formerr = is(q, "noedns") && q->edns;

	if (is_swallowed(q) || (is(q, "cut") && tcp))
		return STR_NONE;
	packet_begin(b, OK | rcode_of(q->behaviour) | (truncated ? 0x200u : 0) | (formerr ? 1u : 0),
	             q->name, q->type);
	if (is(q, "none"))
		packet_add(b, 2, "test 60 SOA 60");
	else if (is(q, "brief"))
		packet_add(b, 2, "test 60 SOA 1");
	else if (is(q, "inward"))
		write_inward(b, q);
	else if (is(q, "alias"))
		add(b, 1, q->name, "60 CNAME ok.test");
	else if (is(q, "loop"))
		write_loop(b, q);
	else if (is(q, "large") && tcp)
		write_large(b, q);
	else if (is(q, "naptr") && q->type == DNS_NAPTR)
		add(b, 1, q->name, "60 NAPTR 10 10 s SIP+D2U _sip._udp.ok.test");
	else if (is(q, "garbage"))
		b->counts[1] = 7;
	else if (!truncated && !formerr && rcode_of(q->behaviour) == 0)
		write_records(b, q, is(q, "short") ? 1 : 60);
	wire_patch16(&b->w, 0, (uint16_t)(q->id + (is(q, "wrongid") ? 1 : 0)));
	return packet_done(b);
}

/* ---------------------------------------------------------------------------- sockets */

/* True: it is not to be answered. */
static bool note(struct dns_server *s, unsigned which, const struct asked *q, bool tcp)
{
	bool mute;

	must(pthread_mutex_lock(&s->lock) == 0);
	mute = s->mute[which];
	s->tcp += tcp ? 1 : 0;
	if (s->logged_count < LOGGED) {
		struct logged *l = &s->logged[s->logged_count++];

		l->which = which;
		l->type = q->type;
		(void)snprintf(l->name, sizeof(l->name), "%.63s", q->name);
	}
	must(pthread_mutex_unlock(&s->lock) == 0);
	return mute;
}

static void send_udp(struct dns_server *s, unsigned which, const struct addr *to,
                     const struct asked *q)
{
	struct str reply = answer(&s->builder, q, false);

	if (reply.len > 0)
		(void)sendto(s->udp[which], reply.p, reply.len, 0, &to->sa.any, addr_len(to));
}

static void take_udp(struct dns_server *s, unsigned which)
{
	unsigned char data[QUERY_MAX];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(s->udp[which], data, sizeof(data), 0, (struct sockaddr *)&from,
	                     &from_len);
	struct asked q;
	struct addr to;

	if (n <= 0 || !read_query(&q, str_of((const char *)data, (size_t)n)) ||
	    note(s, which, &q, false))
		return;
	to = addr_from_sockaddr((const struct sockaddr *)&from);
	if (!is(&q, "slow")) {
		send_udp(s, which, &to, &q);
	} else if (s->later_count < LATER) {
		struct later *l = &s->later[s->later_count++];

		*l = (struct later){
			mono_add_ms(mono_now(), LATER_MS), which, to, (size_t)n, { 0 }
		};
		memcpy(l->query, data, (size_t)n);
	}
}

static void send_later(struct dns_server *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->later_count; i++) {
		struct later *l = &s->later[i];
		struct asked q;

		if (mono_after(l->due, mono_now()))
			s->later[kept++] = *l;
		else if (read_query(&q, str_of((const char *)l->query, l->len)))
			send_udp(s, l->which, &l->to, &q);
	}
	s->later_count = kept;
}

static void accept_stream(struct dns_server *s, unsigned which)
{
	int fd = accept(s->listen[which], NULL, NULL);
	size_t i = 0;

	while (i < STREAMS && s->streams[i].fd >= 0)
		i++;
	if (fd >= 0 && i == STREAMS)
		(void)close(fd);
	else if (fd >= 0)
		s->streams[i] = (struct stream){ .fd = fd, .which = which };
}

static void hang_up(struct stream *t)
{
	(void)close(t->fd);
	t->fd = -1;
}

/* One question, which may come in pieces. */
static void take_stream(struct dns_server *s, struct stream *t)
{
	ssize_t n = recv(t->fd, t->data + t->len, sizeof(t->data) - t->len, 0);
	size_t whole;
	struct asked q;
	struct str reply;
	unsigned char head[2];

	if (n <= 0) {
		hang_up(t);
		return;
	}
	t->len += (size_t)n;
	whole = t->len < 2 ? sizeof(t->data) : 2 + ((size_t)t->data[0] << 8 | t->data[1]);
	while (t->len >= whole && t->fd >= 0) {
		if (!read_query(&q, str_of((const char *)t->data + 2, whole - 2)) ||
		    note(s, t->which, &q, true))
			return;
		reply = answer(&s->builder, &q, true);
		if (reply.len == 0) {
			hang_up(t);
			return;
		}
		head[0] = (unsigned char)(reply.len >> 8);
		head[1] = (unsigned char)reply.len;
		(void)send(t->fd, head, 2, MSG_NOSIGNAL);
		(void)send(t->fd, reply.p, reply.len, MSG_NOSIGNAL);
		memmove(t->data, t->data + whole, t->len - whole);
		t->len -= whole;
		whole = t->len < 2 ? sizeof(t->data) : 2 + ((size_t)t->data[0] << 8 | t->data[1]);
	}
}

static void *serve(void *arg)
{
	struct dns_server *s = arg;

	for (;;) {
		struct pollfd fds[2 * DNS_SERVERS + STREAMS + 1];

		for (unsigned i = 0; i < DNS_SERVERS; i++) {
			fds[2 * i] = (struct pollfd){ .fd = s->udp[i], .events = POLLIN };
			fds[2 * i + 1] = (struct pollfd){ .fd = s->listen[i], .events = POLLIN };
		}
		for (size_t i = 0; i < STREAMS; i++)
			fds[2 * DNS_SERVERS + i] = (struct pollfd){ .fd = s->streams[i].fd,
				                                    .events = POLLIN };
		fds[2 * DNS_SERVERS + STREAMS] = (struct pollfd){ .fd = s->stop[0],
			                                          .events = POLLIN };
		(void)poll(fds, sizeof(fds) / sizeof(fds[0]), s->later_count > 0 ? 5 : 1000);
		if (fds[2 * DNS_SERVERS + STREAMS].revents != 0)
			return NULL;
		send_later(s);
		for (size_t i = 0; i < STREAMS; i++) {
			if (s->streams[i].fd >= 0 && fds[2 * DNS_SERVERS + i].revents != 0)
				take_stream(s, &s->streams[i]);
		}
		for (unsigned i = 0; i < DNS_SERVERS; i++) {
			if (fds[2 * i].revents != 0)
				take_udp(s, i);
			if (fds[2 * i + 1].revents != 0)
				accept_stream(s, i);
		}
	}
}

/* ---------------------------------------------------------------------------- for tests */

/* A port that is free for both. */
static void bind_both(struct dns_server *s, unsigned i)
{
	for (unsigned tries = 0; tries < 50; tries++) {
		struct sockaddr_in a = { .sin_family = AF_INET,
			                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t len = sizeof(a);
		int size = 8 << 20;

		s->udp[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		s->listen[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		(void)setsockopt(s->udp[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		must(bind(s->udp[i], (struct sockaddr *)&a, len) == 0);
		must(getsockname(s->udp[i], (struct sockaddr *)&a, &len) == 0);
		if (bind(s->listen[i], (struct sockaddr *)&a, len) == 0 &&
		    listen(s->listen[i], 16) == 0)
			return;
		(void)close(s->udp[i]);
		(void)close(s->listen[i]);
	}
	must(!"a port free for UDP and TCP");
}

struct dns_server *dns_server_start(void)
{
	struct dns_server *s = calloc(1, sizeof(*s));

	must(s != NULL);
	must(pthread_mutex_init(&s->lock, NULL) == 0 && pipe(s->stop) == 0);
	for (size_t i = 0; i < STREAMS; i++)
		s->streams[i].fd = -1;
	for (unsigned i = 0; i < DNS_SERVERS; i++)
		bind_both(s, i);
	must(pthread_create(&s->thread, NULL, serve, s) == 0);
	return s;
}

void dns_server_stop(struct dns_server *s)
{
	must(write(s->stop[1], "", 1) == 1);
	must(pthread_join(s->thread, NULL) == 0);
	for (unsigned i = 0; i < DNS_SERVERS; i++) {
		(void)close(s->udp[i]);
		(void)close(s->listen[i]);
	}
	for (size_t i = 0; i < STREAMS; i++) {
		if (s->streams[i].fd >= 0)
			(void)close(s->streams[i].fd);
	}
	(void)close(s->stop[0]);
	(void)close(s->stop[1]);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

struct addr dns_server_addr(const struct dns_server *s, unsigned which)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	must(getsockname(s->udp[which], (struct sockaddr *)&a, &len) == 0);
	return addr_from_sockaddr((const struct sockaddr *)&a);
}

void dns_server_mute(struct dns_server *s, unsigned which, bool mute)
{
	must(pthread_mutex_lock(&s->lock) == 0);
	s->mute[which] = mute;
	must(pthread_mutex_unlock(&s->lock) == 0);
}

static unsigned count(struct dns_server *s, unsigned which, const char *name, enum dns_type type)
{
	unsigned n = 0;

	must(pthread_mutex_lock(&s->lock) == 0);
	for (size_t i = 0; i < s->logged_count; i++) {
		const struct logged *l = &s->logged[i];

		n += l->which == which &&
		     (name == NULL || (l->type == type && strcmp(l->name, name) == 0));
	}
	must(pthread_mutex_unlock(&s->lock) == 0);
	return n;
}

unsigned dns_server_count(struct dns_server *s, unsigned which, const char *name,
                          enum dns_type type)
{
	return count(s, which, name, type);
}

unsigned dns_server_total(struct dns_server *s, unsigned which)
{
	return count(s, which, NULL, DNS_A);
}

unsigned dns_server_tcp(struct dns_server *s)
{
	unsigned n;

	must(pthread_mutex_lock(&s->lock) == 0);
	n = s->tcp;
	must(pthread_mutex_unlock(&s->lock) == 0);
	return n;
}

void dns_server_forget(struct dns_server *s)
{
	must(pthread_mutex_lock(&s->lock) == 0);
	s->logged_count = 0;
	s->tcp = 0;
	must(pthread_mutex_unlock(&s->lock) == 0);
}
