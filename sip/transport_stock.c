#include "sip/transport_inside.h"

#define STOCK_LOOKS 4

static bool is_free(const struct packet *p)
{
	return atomic_load_explicit(&p->refs, memory_order_acquire) == 1;
}

/* One of the stock: the wire has a reference, the caller gets another. Where those looked at are all kept by somebody, the next one is
 * left to him and a new packet takes its place. */
static struct packet *from_stock(struct sip_wire *w)
{
	struct packet **place = NULL;
	struct packet *p;

	for (unsigned i = 0; i < STOCK_LOOKS; i++) {
		place = &w->stock[w->stock_at];
		w->stock_at = (w->stock_at + 1) % SIP_STOCK;
		if (*place == NULL)
			break;
		if (is_free(*place)) {
			(*place)->len = 0;
			return packet_ref(*place);
		}
	}
	p = packet_new(DATAGRAM_SLOT);
	if (p == NULL)
		return NULL;
	packet_unref(*place);
	*place = p;
	return packet_ref(p);
}

struct packet *sip_wire_packet(struct sip_wire *w, size_t cap)
{
	return cap <= DATAGRAM_SLOT ? from_stock(w) : packet_new(cap);
}
