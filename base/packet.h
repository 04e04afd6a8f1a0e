/* base/packet.h: a counted block of bytes: what was received, or what is to be sent.
 *
 * A packet is written by one thread before it is shared, and read-only from then on; whoever holds a reference may read it.
 * References may be taken and dropped on any thread. */
#pragma once
#include "base/str.h"

#include <stdatomic.h>

struct packet {
	atomic_uint refs;
	uint32_t len;
	uint32_t cap;
	char data[];
};

/** A new packet with room for `cap` bytes, len 0 and one reference; NULL without memory. */
struct packet *packet_new(size_t cap);
/** A new packet that holds a copy of `s`; NULL without memory. */
struct packet *packet_copy(struct str s);
/** One reference more; returns `p`. */
struct packet *packet_ref(struct packet *p);
/** One reference less, the last one frees; NULL is fine. */
void packet_unref(struct packet *p);
/** What it holds. */
static inline struct str packet_view(const struct packet *p)
{
	return str_of(p->data, p->len);
}
