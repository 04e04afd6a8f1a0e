#include "base/http.h"

#include "base/http_conn.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#define BACKLOG 256
#define ACCEPTS 64 /* in one turn */
#define PAUSE_MS 100

struct http_server {
	struct http_crowd crowd; /* the thread's */
	struct loop *loop;
	pthread_t thread;
	bool running;
	/* Changed by the thread inside http_commit() alone, which waits for it: so whoever prepares may read them. */
	struct http_listener *listeners[HTTP_LISTENERS_MAX];
	size_t count;
};

struct http_change {
	struct http_listener *listeners[HTTP_LISTENERS_MAX]; /* in the order of the configuration */
	struct http_listener_conf confs[HTTP_LISTENERS_MAX];
	size_t count;
	struct tls_server *tls;
};

/* Something that the thread does while somebody waits for it. */
struct errand {
	struct post post;
	sem_t done;
	struct http_server *server;
	struct http_change *change;
	enum err result;
};

/* ---------------------------------------------------------------------------- the thread */

static void run_errand(struct http_server *server, struct http_change *change,
                       struct errand *errand, void (*run)(struct post *, struct loop *))
{
	errand->post.run = run;
	errand->server = server;
	errand->change = change;
	errand->result = ERR_OK;
	must(sem_init(&errand->done, 0, 0) == 0);
	loop_post(server->loop, &errand->post);
	while (sem_wait(&errand->done) != 0)
		must(errno == EINTR);
	(void)sem_destroy(&errand->done);
}

static void finish(struct errand *errand)
{
	must(sem_post(&errand->done) == 0);
}

static void *run_thread(void *arg)
{
	struct http_server *server = arg;

	(void)pthread_setname_np(pthread_self(), "http");
	loop_run(server->loop);
	return NULL;
}

static void set_limits(struct http_limits *l)
{
	l->connections = l->connections == 0 ? 1024 : l->connections;
	l->connections_per_host = l->connections_per_host == 0 ? 256 : l->connections_per_host;
	l->head_ms = l->head_ms == 0 ? 10000 : l->head_ms;
	l->idle_ms = l->idle_ms == 0 ? 60000 : l->idle_ms;
	l->write_ms = l->write_ms == 0 ? 20000 : l->write_ms;
}

enum err http_open(struct http_server **out, const struct http_limits *limits)
{
	struct http_server *server = mem_zero(sizeof(*server));
	sigset_t all;
	sigset_t before;
	enum err e;

	if (server == NULL)
		return ERR_NOMEM;
	if (limits != NULL)
		server->crowd.limits = *limits;
	set_limits(&server->crowd.limits);
	if ((e = loop_open(&server->loop, 0)) != ERR_OK) {
		free(server);
		return e;
	}
	server->crowd.loop = server->loop;
	/* Signals are for the main thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	server->running = pthread_create(&server->thread, NULL, run_thread, server) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!server->running) {
		http_close(server);
		return ERR_SYSTEM;
	}
	*out = server;
	return ERR_OK;
}

/* ---------------------------------------------------------------------------- listeners */

static void on_pause_over(struct timer *t)
{
	watch_set(container_of(t, struct http_listener, pause)->watch, LOOP_READ);
}

/* Out of descriptors or memory: the connection stays in the queue, and asking again at once would only keep the core busy. */
static void pause_listening(struct http_listener *listener)
{
	watch_set(listener->watch, 0);
	loop_timer_start(listener->crowd->loop, &listener->pause, PAUSE_MS, on_pause_over);
}

/* By the thread. */
static void stop_listening(struct http_listener *listener)
{
	loop_timer_stop(listener->crowd->loop, &listener->pause);
	watch_close(listener->watch);
	listener->watch = NULL;
}

static void on_connection(void *arg, unsigned events)
{
	struct http_listener *listener = arg;

	(void)events;
	for (unsigned i = 0; i < ACCEPTS; i++) {
		struct addr remote = { 0 };
		socklen_t len = sizeof(remote);
		int one = 1;
		int fd = accept4(listener->fd, &remote.sa.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
			return;
		if (fd < 0) {
			pause_listening(listener);
			return;
		}
		remote = addr_from_sockaddr(&remote.sa.any);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		http_conn_open(listener->crowd, listener, fd, &remote);
	}
}

/* Its watch must be closed already, by the thread. */
static void listener_close(struct http_listener *listener)
{
	if (listener == NULL)
		return;
	if (listener->fd >= 0)
		(void)close(listener->fd);
	free(listener);
}

static void stop_here(struct post *post, struct loop *loop)
{
	struct errand *errand = container_of(post, struct errand, post);
	struct http_server *server = errand->server;

	http_crowd_close(&server->crowd);
	for (size_t i = 0; i < server->count; i++)
		stop_listening(server->listeners[i]);
	loop_stop(loop);
	finish(errand);
}

void http_close(struct http_server *server)
{
	struct errand errand;

	if (server == NULL)
		return;
	if (server->running) {
		run_errand(server, NULL, &errand, stop_here);
		must(pthread_join(server->thread, NULL) == 0);
	}
	for (size_t i = 0; i < server->count; i++)
		listener_close(server->listeners[i]);
	tls_server_close(server->crowd.tls);
	loop_close(server->loop);
	free(server);
}

static enum err say_failure(struct buf *why, const struct addr *addr, int number)
{
	char text[ADDR_TEXT];
	enum err e = number == EADDRNOTAVAIL ? ERR_UNREACHABLE : err_from_errno(number);

	buf_printf(why, "can't listen on %s: %s", addr_text(addr, text),
	           number == EADDRNOTAVAIL ? "this machine has no such address" : err_text(e));
	return e;
}

static int open_socket(const struct addr *addr)
{
	int fd = socket(addr_family(addr), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (addr_family(addr) == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	return fd;
}

static enum err listener_bind(struct http_listener *listener, struct buf *why)
{
	socklen_t len = sizeof(listener->bound);

	listener->fd = open_socket(&listener->asked);
	if (listener->fd < 0 ||
	    bind(listener->fd, &listener->asked.sa.any, addr_len(&listener->asked)) != 0 ||
	    listen(listener->fd, BACKLOG) != 0 ||
	    getsockname(listener->fd, &listener->bound.sa.any, &len) != 0)
		return say_failure(why, &listener->asked, errno);
	return ERR_OK;
}

/* ---------------------------------------------------------------------------- a change */

static struct http_listener *kept_listener(struct http_server *server, const struct addr *asked)
{
	for (size_t i = 0; i < server->count; i++) {
		struct http_listener *listener = server->listeners[i];

		if (!listener->kept && addr_eq(&listener->asked, asked)) {
			listener->kept = true;
			return listener;
		}
	}
	return NULL;
}

static enum err prepare_listener(struct http_server *server, struct http_change *change,
                                 const struct http_listener_conf *conf, struct buf *why)
{
	struct http_listener *listener = kept_listener(server, &conf->addr);
	bool kept = listener != NULL;

	if (!kept && (listener = mem_zero(sizeof(*listener))) == NULL)
		return ERR_NOMEM;
	change->confs[change->count] = *conf;
	change->listeners[change->count++] = listener;
	if (kept)
		return ERR_OK;
	listener->asked = conf->addr;
	listener->fd = -1;
	listener->crowd = &server->crowd;
	return listener_bind(listener, why);
}

static enum err prepare_tls(struct http_change *change, const struct http_conf *conf,
                            struct buf *why)
{
	struct tls_trust *trust = NULL;
	bool needed = false;
	enum err e;

	for (size_t i = 0; i < conf->listener_count; i++)
		needed = needed || conf->listeners[i].tls;
	if (!needed)
		return ERR_OK;
	e = tls_trust_open(&trust, conf->ca, why);
	if (e == ERR_OK)
		e = tls_server_open(&change->tls, conf->certificate, conf->key, trust, why);
	tls_trust_close(trust);
	return e;
}

/* Watches are made by the loop's own thread. */
static void watch_here(struct post *post, struct loop *loop)
{
	struct errand *errand = container_of(post, struct errand, post);

	for (size_t i = 0; i < errand->change->count && errand->result == ERR_OK; i++) {
		struct http_listener *listener = errand->change->listeners[i];

		if (listener->watch == NULL)
			errand->result = loop_watch(loop, &listener->watch, listener->fd, 0,
			                            on_connection, listener);
	}
	finish(errand);
}

enum err http_prepare(struct http_server *server, const struct http_conf *conf,
                      struct http_change **out, struct buf *why)
{
	struct http_change *change;
	struct errand errand;
	enum err e;

	if (conf->listener_count > HTTP_LISTENERS_MAX) {
		buf_printf(why, "more than %d listeners for HTTP", HTTP_LISTENERS_MAX);
		return ERR_LIMIT;
	}
	change = mem_zero(sizeof(*change));
	if (change == NULL)
		return ERR_NOMEM;
	e = prepare_tls(change, conf, why);
	for (size_t i = 0; i < conf->listener_count && e == ERR_OK; i++)
		e = prepare_listener(server, change, &conf->listeners[i], why);
	if (e == ERR_OK) {
		run_errand(server, change, &errand, watch_here);
		e = errand.result;
	}
	if (e != ERR_OK) {
		http_abandon(server, change);
		return e;
	}
	*out = change;
	return ERR_OK;
}

struct addr http_change_addr(const struct http_change *change, size_t index)
{
	must(index < change->count);
	return change->listeners[index]->bound;
}

static void switch_here(struct post *post, struct loop *loop)
{
	struct errand *errand = container_of(post, struct errand, post);
	struct http_server *server = errand->server;
	struct http_change *change = errand->change;

	(void)loop;
	for (size_t i = 0; i < server->count; i++) {
		struct http_listener *listener = server->listeners[i];

		if (listener->kept)
			continue;
		stop_listening(listener);
		http_crowd_leave(&server->crowd, listener);
		listener_close(listener);
	}
	tls_server_close(server->crowd.tls);
	server->crowd.tls = change->tls;
	server->count = change->count;
	for (size_t i = 0; i < change->count; i++) {
		struct http_listener *listener = change->listeners[i];

		server->listeners[i] = listener;
		listener->kept = false;
		listener->tls = change->confs[i].tls;
		listener->handler = change->confs[i].handler;
		listener->arg = change->confs[i].arg;
		watch_set(listener->watch, LOOP_READ);
	}
	finish(errand);
}

void http_commit(struct http_server *server, struct http_change *change)
{
	struct errand errand;

	run_errand(server, change, &errand, switch_here);
	free(change);
}

static void unwatch_here(struct post *post, struct loop *loop)
{
	struct errand *errand = container_of(post, struct errand, post);

	(void)loop;
	for (size_t i = 0; i < errand->change->count; i++) {
		struct http_listener *listener = errand->change->listeners[i];

		if (!listener->kept)
			stop_listening(listener);
	}
	finish(errand);
}

void http_abandon(struct http_server *server, struct http_change *change)
{
	struct errand errand;

	if (change == NULL)
		return;
	run_errand(server, change, &errand, unwatch_here);
	for (size_t i = 0; i < change->count; i++) {
		if (!change->listeners[i]->kept)
			listener_close(change->listeners[i]);
		else
			change->listeners[i]->kept = false;
	}
	tls_server_close(change->tls);
	free(change);
}

void http_counts_read(const struct http_server *server, struct http_counts *out)
{
	out->connections = server->crowd.counts.connections;
	out->accepted = server->crowd.counts.accepted;
	out->refused = server->crowd.counts.refused;
	out->requests = server->crowd.counts.requests;
	out->malformed = server->crowd.counts.malformed;
}
