/* federation/ask_https.h: questions over HTTPS. The one file that knows libcurl.
 *
 * They are put by threads of their own (loading authorities, a handshake, parsing an answer: nothing of that belongs on a worker). A
 * peer's questions all go through the same thread, so that its connections are kept and used again. */
#pragma once
#include "base/loop.h"
#include "federation/judge.h"

#define FED_ADDRESSES_MAX 8
#define FED_HEAD_MAX 16384 /* octets of an answer's head */

struct fed_https;

/* One question; a field of whoever puts it. */
struct fed_fetch {
	struct post post;
	/* Filled in by who asks. */
	struct loop *loop;                     /* where `done` is called */
	void (*done)(struct fed_fetch *fetch); /* once; `answer` is one reference, given away */
	struct fed_peers *peers;               /* borrowed until `done` */
	const struct fed_peer *peer;
	struct str address; /* canonical; borrowed until `done` */
	struct addr addrs
		[FED_ADDRESSES_MAX]; /* of the peer's host, in the order of trying; none where that is an address */
	size_t addr_count;
	bool no_cache;
	/* What came. */
	const struct fed_answer *answer;
	int64_t fresh_ms;
	int64_t stale_ms;
	int64_t retry_s;
	/* The thread's. */
	void *transfer;
};

/** Start the threads. `self` is copied. ERR_NOMEM, ERR_SYSTEM. */
NODISCARD enum err fed_https_open(struct fed_https **out, const struct fed_self *self);
/** Stop them. Questions under way are dropped: nobody is told. The loops of `fetch->loop` must still be there. NULL is fine. Blocks. */
void fed_https_close(struct fed_https *https);
/** Put a question. Any thread. It ends within the peer's timeout, whatever happens. */
void fed_https_ask(struct fed_https *https, struct fed_fetch *fetch);

/** Write the request's path and query for `address`: one spelling, as docs/protocol/lookup.md says. */
void fed_write_target(struct str address, struct buf *out);
