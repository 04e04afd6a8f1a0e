/* sip/frame.h: where a message ends in a stream (RFC 3261 18.3, RFC 5626 4.4.1).
 *
 * The framer looks at a growing buffer and says what stands at its front. It remembers how far it has looked, so that bytes
 * that trickle in one by one cost no more than all at once. It owns nothing. One stream, one framer, one thread; no allocation. */
#pragma once
#include "base/str.h"
#include "sip/message.h"

enum sip_frame_kind {
	SIP_FRAME_MORE, /* `len` more octets at least before it is worth asking again (buffer: at least what stands there plus that) */
	SIP_FRAME_PING, /* CRLF CRLF: consume `len` octets, answer CRLF */
	SIP_FRAME_SKIP, /* a lone CRLF (a pong, or white space before a message): consume `len` octets */
	SIP_FRAME_MESSAGE, /* consume `len` octets: one message, for sip_parse */
	SIP_FRAME_BAD, /* the stream can't be followed any more: answer `fault` (status 0: nothing) to what sip_parse makes of the
	                    * first `len` octets, then close */
};

struct sip_frame {
	enum sip_frame_kind kind;
	size_t len;
	struct sip_fault fault;
};

struct sip_framer {
	size_t scanned; /* octets in which the header fields' end is not */
	size_t need;    /* octets of the whole message once its header fields are read; 0 before */
};

/** At the start of a stream. */
void sip_framer_init(struct sip_framer *f);
/** What stands at the front of `pending`? After MORE call again with the same octets and more behind them. After PING, SKIP and
 * MESSAGE take `len` octets away and call again, at once. A message of more than SIP_MESSAGE_MAX octets is BAD with 513, one
 * without (usable) Content-Length is BAD with 400. */
struct sip_frame sip_framer_next(struct sip_framer *f, struct str pending);
