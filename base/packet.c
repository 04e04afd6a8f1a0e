#include "base/packet.h"

#include <stdlib.h>

struct packet *packet_new(size_t cap)
{
	struct packet *p = cap > UINT32_MAX ? NULL : malloc(sizeof(*p) + cap);

	if (p == NULL)
		return NULL;
	atomic_init(&p->refs, 1);
	p->len = 0;
	p->cap = (uint32_t)cap;
	return p;
}

struct packet *packet_copy(struct str s)
{
	struct packet *p = packet_new(s.len);

	if (p == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(p->data, s.p, s.len);
	p->len = (uint32_t)s.len;
	return p;
}

struct packet *packet_ref(struct packet *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void packet_unref(struct packet *p)
{
	if (p == NULL)
		return;
	if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
		free(p);
}
