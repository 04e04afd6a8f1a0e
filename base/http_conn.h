/* base/http_conn.h: the connections of an HTTP server. Inside base/http alone. All functions: the server's thread. */
#pragma once
#include "base/http.h"
#include "base/loop.h"

struct http_conn;

/* A place where connections come from. */
struct http_listener {
	struct addr asked; /* as configured, port 0 too */
	struct addr bound;
	int fd;
	bool tls;
	bool kept; /* by the change that is being prepared */
	http_handler_fn handler;
	void *arg;
	struct watch *watch;
	struct timer pause; /* while the process has no descriptor left for a connection */
	struct http_crowd *crowd;
};

/* All connections of a server. */
struct http_crowd {
	struct loop *loop;
	struct http_limits limits;
	struct tls_server *tls;  /* what new ones get */
	struct http_conn *first; /* the newest */
	size_t count;
	struct {
		_Atomic uint64_t connections, accepted, refused, requests, malformed;
	} counts;
};

/** Take over an accepted connection, `fd` in any case. */
void http_conn_open(struct http_crowd *crowd, struct http_listener *listener, int fd,
                    const struct addr *remote);
/** A listener is going: what waits for a request of its connections is closed, what is being answered is closed behind the answer. */
void http_crowd_leave(struct http_crowd *crowd, const struct http_listener *listener);
/** Close all. */
void http_crowd_close(struct http_crowd *crowd);
