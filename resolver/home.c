#include "resolver/home.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "resolver/ask.h"
#include "resolver/inquiry.h"
#include "resolver/query.h"
#include "resolver/walk.h"

/* A share of the cache is never less. */
#define CACHE_LEAST 16

static void on_switch(struct post *post, struct loop *loop)
{
	struct home *h = container_of(post, struct home, switch_post);
	struct upstream *up = atomic_exchange(&h->next, NULL);

	(void)loop;
	if (up == NULL)
		return;
	upstream_link(up, &h->upstreams);
	upstream_unref(h->upstream);
	h->upstream = up;
}

static bool draw_random(struct home *h)
{
	if (crypto_random(h->random, sizeof(h->random)) != ERR_OK)
		return false;
	h->random_left = HOME_RANDOM;
	return true;
}

struct home *home_new(struct resolver *r, unsigned index, struct upstream *up)
{
	struct home *h = mem_zero(sizeof(*h));
	size_t share = up->settings->conf.cache_limit / r->count;

	if (h == NULL) {
		upstream_close(up);
		return NULL;
	}
	h->resolver = r;
	h->loop = crew_loop(r->crew, index);
	h->index = index;
	h->upstream = up;
	upstream_link(up, &h->upstreams);
	atomic_init(&h->next, NULL);
	h->switch_post.run = on_switch;
	cache_init(&h->cache, share < CACHE_LEAST ? CACHE_LEAST : share, &r->key);
	map_init(&h->inquiries, INQUIRIES_MAX, &r->key);
	(void)draw_random(h); /* the first time takes some milliseconds: not on the loop */
	return h;
}

void home_free(struct home *h)
{
	if (h == NULL)
		return;
	while (h->queries != NULL)
		query_free(h->queries);
	while (h->oldest != NULL)
		inquiry_drop(h->oldest);
	while (h->asks != NULL)
		ask_free(h->asks);
	while (h->walks != NULL)
		walk_free(h->walks);
	while (h->upstreams != NULL)
		upstream_close(h->upstreams);
	upstream_close(atomic_load(&h->next));
	map_fini(&h->inquiries);
	cache_fini(&h->cache);
	free(h);
}

struct home *home_of(const struct resolver *r, struct str name, enum dns_type type)
{
	uint64_t hash = hash_str(&r->key, name) + (uint64_t)type * 0x9e3779b97f4a7c15u;

	return r->homes[crew_home_of(hash, r->count)];
}

void home_switch(struct home *h, struct upstream *up)
{
	struct upstream *unused = atomic_exchange(&h->next, up);

	/* One that is still there has a post under way, which will find the newer. */
	if (unused == NULL)
		loop_post(h->loop, &h->switch_post);
	else
		upstream_close(unused);
}

bool home_random16(struct home *h, uint16_t *out)
{
	if (h->random_left == 0 && !draw_random(h))
		return false;
	*out = h->random[--h->random_left];
	return true;
}

void home_count_cache(struct home *h)
{
	__atomic_store_n(&h->counts.cached, (uint64_t)cache_count(&h->cache), __ATOMIC_RELAXED);
	__atomic_store_n(&h->counts.evicted, h->cache.evicted, __ATOMIC_RELAXED);
}
