/* stun/stun.h: what is my address, seen from outside (RFC 8489, and RFC 3489 clients as RFC 5389 12.2 says).
 *
 * The answering half is pure: bytes and a source address in, bytes out; no state, no allocation, any thread. Whoever receives
 * a message answers it:
 *
 *	datagrams   if (stun_is(datagram)) stun_answer(datagram, &source, &conf, &out), then send `out` back, from where it came in
 *	streams     stun_frame(pending) cuts messages off the front, stun_answer() answers each with the connection's remote address
 *
 * The asking half is a transaction on a loop, with a socket of its own, and calls back. */
#pragma once
#include "base/addr.h"
#include "base/loop.h"

/** Octets before the attributes; no message is shorter. */
#define STUN_HEADER 20
/** Longer messages are noise: the longest that RFC 8489 allows us to expect are some 3 000 octets. */
#define STUN_MESSAGE_MAX 4096
/** No answer is longer; so much room stun_answer() wants. */
#define STUN_ANSWER_MAX 160
/** Octets of a SOFTWARE text that are sent, the rest is cut off: an answer should not be much larger than its question. */
#define STUN_SOFTWARE_MAX 32

/* ---------------------------------------------------------------------------- telling and cutting */

/** Is this datagram STUN, on a port where SIP comes in too? By its first octet (0 to 3, RFC 7983; no SIP message begins so), its
 * length and, where its cookie is not STUN's, only if it is the plain Binding request of an RFC 3489 client. Cheap; the message
 * may still be malformed. */
bool stun_is(struct str datagram);

enum stun_frame_kind {
	STUN_FRAME_MORE,    /* `len` octets more at least before it is worth asking again */
	STUN_FRAME_MESSAGE, /* one message: take `len` octets away, ask again at once */
	STUN_FRAME_BAD,     /* not STUN, or longer than STUN_MESSAGE_MAX: close the connection */
};

struct stun_frame {
	enum stun_frame_kind kind;
	size_t len;
};

/** What stands at the front of a stream (RFC 8489 6.2.2)? Messages need the cookie here: RFC 3489 knows no streams. */
struct stun_frame stun_frame(struct str pending);

/* ---------------------------------------------------------------------------- answering */

struct stun_conf {
	/** The SOFTWARE of our answers, "Lotse 0.1" say; empty: none. */
	struct str software;
};

enum stun_verdict {
	STUN_SILENCE,  /* nothing to send: no Binding request, malformed, a wrong FINGERPRINT */
	STUN_ANSWERED, /* a success with the source's address stands in `out` */
	STUN_REFUSED, /* a 420 that names the attributes we should have understood stands in `out` */
};

/** Answer one message from `source` (RFC 8489 6.3): appends the answer to `out`, which must have room for STUN_ANSWER_MAX octets
 * (else silence, and out->err says ERR_LIMIT). A client without the cookie gets MAPPED-ADDRESS, others XOR-MAPPED-ADDRESS;
 * FINGERPRINT goes to those who sent one. Nobody is asked for a password: credentials in a request are not looked at. `conf` may be
 * NULL. */
enum stun_verdict stun_answer(struct str message, const struct addr *source,
                              const struct stun_conf *conf, struct buf *out);

/* ---------------------------------------------------------------------------- asking */

/** A question under way. */
struct stun_query;

enum stun_transport {
	STUN_UDP, /* sent at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s, given up at 39.5 s (6.2.1) */
	STUN_TCP, /* connected, sent once, given up at 39.5 s (6.2.2) */
};

struct stun_question {
	struct addr server;
	enum stun_transport transport;
	/** Where to ask from; family 0: wherever the system says. Port 0: any. */
	struct addr local;
	/** UDP: the first waiting time, in milliseconds; 0: 500. All others follow from it. */
	int64_t rto_ms;
	/** TCP: how long the whole may take, in milliseconds; 0: 39 500. */
	int64_t timeout_ms;
};

struct stun_result {
	/** ERR_OK: `mapped` is known. ERR_TIMEOUT: no answer in time; ERR_REFUSED: nobody listens there; ERR_UNREACHABLE: no way
	 * there; ERR_CLOSED: the connection ended first; ERR_DENIED: the server answered with an error (`code`, `reason`);
	 * ERR_UNSUPPORTED: its answer has attributes that we should understand and don't, or no address; ERR_SYNTAX: what came
	 * over the stream is not STUN; others of the system. */
	enum err err;
	/** The address that was asked. */
	struct addr server;
	/** Our own address of the socket; family 0 where there was none yet. */
	struct addr local;
	/** Our address as the server sees it. */
	struct addr mapped;
	/** Of an error answer: 300 to 699, and its text as sent (any octets; valid during the call). 0 and empty without. */
	unsigned code;
	struct str reason;
	/** How often the request was sent. */
	unsigned sent;
};

/** Called once, on the loop, never from inside stun_ask(). The query is gone by then; `result` is valid during the call. */
typedef void (*stun_done_fn)(void *arg, const struct stun_result *result);

/** Ask `question->server` for our address. On the loop's own thread; `*query` is valid until `done` is called or stun_cancel().
 * ERR_NOMEM, ERR_UNREACHABLE, ERR_REFUSED, ERR_INUSE (the local address) and others of the system: then `done` is never called. */
NODISCARD enum err stun_ask(struct loop *loop, const struct stun_question *question,
                            stun_done_fn done, void *arg, struct stun_query **query);

/** Forget it: `done` is not called any more. On the loop's thread. NULL is fine. */
void stun_cancel(struct stun_query *query);
