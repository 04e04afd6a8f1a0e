#include "gateway/limit.h"

#include "base/mem.h"

#include <stdatomic.h>

#define WAYS 4

struct slot {
	_Atomic uint64_t source; /* 0: free */
	_Atomic int64_t due;     /* ns: when everything counted so far will have been paid for */
};

struct limit {
	struct hash_key key;
	size_t sets; /* a power of two */
	struct slot slots[];
};

enum err limit_open(struct limit **out, size_t sources)
{
	size_t sets = 16;
	struct limit *l;
	enum err e;

	while (sets * WAYS < sources)
		sets *= 2;
	l = mem_zero(sizeof(*l) + sets * WAYS * sizeof(l->slots[0]));
	if (l == NULL)
		return ERR_NOMEM;
	l->sets = sets;
	e = hash_key_init(&l->key);
	if (e != ERR_OK)
		free(l);
	else
		*out = l;
	return e;
}

void limit_close(struct limit *l)
{
	free(l);
}

uint64_t limit_key_addr(const struct limit *l, const struct addr *a)
{
	return addr_hash_host(&l->key, a) | 1;
}

uint64_t limit_key_str(const struct limit *l, struct str s)
{
	return hash_str_nocase(&l->key, s) | 1;
}

static struct slot *set_of(struct limit *l, uint64_t source)
{
	return &l->slots[((source >> 20) & (l->sets - 1)) * WAYS];
}

static struct slot *find(struct limit *l, uint64_t source)
{
	struct slot *set = set_of(l, source);

	for (size_t i = 0; i < WAYS; i++) {
		if (atomic_load_explicit(&set[i].source, memory_order_relaxed) == source)
			return &set[i];
	}
	return NULL;
}

/* The slot of a source that is not there yet: that of the one which has been quiet longest. */
static struct slot *claim(struct limit *l, uint64_t source)
{
	struct slot *set = set_of(l, source);
	struct slot *quiet = &set[0];

	for (size_t i = 1; i < WAYS; i++) {
		if (atomic_load_explicit(&set[i].due, memory_order_relaxed) <
		    atomic_load_explicit(&quiet->due, memory_order_relaxed))
			quiet = &set[i];
	}
	atomic_store_explicit(&quiet->source, source, memory_order_relaxed);
	atomic_store_explicit(&quiet->due, 0, memory_order_relaxed);
	return quiet;
}

/* What one event costs, and how far the due time may run ahead. */
static void cost_of(struct conf_rate rate, int64_t *cost_ns, int64_t *ahead_ns)
{
	*cost_ns = (int64_t)rate.per_ms * 1000000 / (int64_t)rate.count;
	*ahead_ns = (int64_t)rate.per_ms * 1000000;
}

bool limit_take(struct limit *l, uint64_t source, struct conf_rate rate, struct mono now)
{
	struct slot *slot;
	int64_t cost;
	int64_t ahead;
	int64_t due;
	int64_t next;

	if (rate.count == 0)
		return true;
	cost_of(rate, &cost, &ahead);
	slot = find(l, source);
	if (slot == NULL)
		slot = claim(l, source);
	due = atomic_load_explicit(&slot->due, memory_order_relaxed);
	do {
		next = (due > now.ns ? due : now.ns) + cost;
		if (next > now.ns + ahead)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->due, &due, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}

bool limit_would_take(struct limit *l, uint64_t source, struct conf_rate rate, struct mono now)
{
	const struct slot *slot;
	int64_t cost;
	int64_t ahead;
	int64_t due;

	if (rate.count == 0)
		return true;
	cost_of(rate, &cost, &ahead);
	slot = find(l, source);
	if (slot == NULL)
		return true;
	due = atomic_load_explicit(&slot->due, memory_order_relaxed);
	return (due > now.ns ? due : now.ns) + cost <= now.ns + ahead;
}
