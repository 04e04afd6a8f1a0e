/* base/http.h: an HTTP/1.1 server (RFC 9110, 9112) for questions that are answered at once, with TLS, on one thread of its own.
 *
 * Several listeners, each with a handler, which is called on the server's thread with the head of a request. A request's body is not read:
 * it is answered all the same, and the connection closed. Connections are kept alive; requests that follow each other without
 * waiting are answered in order. Bounded: HTTP_HEAD_MAX, the limits below.
 *
 * What is listened on and the certificate are changed as a whole: http_prepare() does all that can fail and changes nothing,
 * http_commit() switches. Connections live through it, but for those that came over a listener that is gone. */
#pragma once
#include "base/addr.h"
#include "base/http_head.h"
#include "base/tls.h"

#define HTTP_LISTENERS_MAX 64
#define HTTP_REPLY_FIELDS_MAX 8192      /* octets of header lines that a handler may write */
#define HTTP_REPLY_BODY_MAX (64u << 20) /* octets of a body */

struct http_server;

struct http_request {
	const struct http_head *head;
	const struct str *
		names; /* of the client's certificate, verified (tls_peer_names); none: not known */
	size_t name_count;
	struct addr remote;
	bool tls;
};

struct http_reply {
	unsigned status; /* 500 until the handler sets it */
	int64_t not_before_ms; /* it leaves no earlier than this after its request came; others don't wait. At most 10 000 */
	struct buf
		headers; /* "Name: value\r\n" lines. Date, Content-Length and Connection are the server's */
	struct buf body; /* also for HEAD, which gets its length alone */
};

/** Answer one request, on the server's thread. What `request` points to lives during the call; the bufs of `reply` are the server's. */
typedef void (*http_handler_fn)(void *arg, const struct http_request *request,
                                struct http_reply *reply);

struct http_listener_conf {
	struct addr addr; /* port 0: any that is free */
	bool tls;
	http_handler_fn handler;
	void *arg; /* as long as it listens, and until http_commit() returns that ends it */
};

struct http_conf {
	const struct http_listener_conf *listeners;
	size_t listener_count;
	/* PEM; needed where a listener has TLS. */
	struct str certificate;
	struct str key;
	struct str ca; /* that client certificates are checked against; empty: the system's */
};

/* 0: the default. */
struct http_limits {
	unsigned connections;          /* 1024; the longest idle one makes room */
	unsigned connections_per_host; /* 256 */
	int64_t head_ms; /* 10 000: from a request's first octet to its head's last; the handshake too */
	int64_t idle_ms;  /* 60 000: between requests */
	int64_t write_ms; /* 20 000: without an octet of the reply taken */
};

struct http_counts {
	uint64_t connections; /* open now */
	uint64_t accepted;
	uint64_t refused; /* closed at once, over a limit */
	uint64_t requests;
	uint64_t malformed;
};

/** Start the thread ("http"), without listeners. ERR_NOMEM, ERR_SYSTEM. */
NODISCARD enum err http_open(struct http_server **out, const struct http_limits *limits);
/** Stop the thread, close all connections and listeners. NULL is fine. Blocks. */
void http_close(struct http_server *server);

/** Something prepared: belongs to whoever prepared it until it is committed or abandoned. */
struct http_change;
/** Prepare: bind what is new (what is listened on already is kept) and read the certificates. `why` gets the address or certificate and the reason.
 * ERR_INUSE, ERR_DENIED, ERR_UNREACHABLE (no such address here), ERR_SYNTAX and ERR_CERT (tls_server_open), ERR_LIMIT, ERR_NOMEM, ERR_SYSTEM. One
 * change at a time, one thread at a time; not the server's. Blocks. */
NODISCARD enum err http_prepare(struct http_server *server, const struct http_conf *conf,
                                struct http_change **out, struct buf *why);
/** Where its listener `index` is bound: the port that port 0 became. */
struct addr http_change_addr(const struct http_change *change, size_t index);
/** Switch. Blocks until the server's thread has done it. */
void http_commit(struct http_server *server, struct http_change *change);
/** Drop it; nothing has changed. NULL is fine. */
void http_abandon(struct http_server *server, struct http_change *change);
/** Read the figures. Any thread. */
void http_counts_read(const struct http_server *server, struct http_counts *out);
