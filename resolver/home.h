/* resolver/home.h: what one worker has of the resolver: the answers and questions whose home it is, and what was asked from here.
 *
 * Everything in it belongs to the worker's loop, but for `next` and the counts. All that is under way hangs on one of its lists, also
 * while a message is between two workers, so that nothing is lost when the loops are stopped. */
#pragma once
#include "base/crew.h"
#include "resolver/cache.h"
#include "resolver/upstream.h"

#define HOME_RANDOM 64

struct ask;
struct inquiry;
struct walk;

struct home {
	struct resolver *resolver;
	struct loop *loop;
	unsigned index;

	/* How we reach the name servers. */
	struct upstream *upstream; /* for what begins now */
	struct upstream *upstreams;
	_Atomic(struct upstream *) next; /* put here by resolver_configure() */
	struct post switch_post;

	/* What lives here. */
	struct cache cache;
	struct map inquiries;   /* by type and name */
	struct inquiry *oldest; /* by arrival */
	struct inquiry *newest;

	/* What was asked from here. */
	struct resolver_query *queries;
	size_t query_count;
	struct ask *asks;
	size_t ask_count;
	struct walk *walks;

	struct resolver_counts counts; /* written here alone, read by anybody: home_count() */
	uint16_t random[HOME_RANDOM];
	size_t random_left;
};

struct resolver {
	struct crew *crew;
	struct hash_key key;
	unsigned count;
	bool library;
	struct home *homes[CREW_MAX];
};

/** Make the home of worker `index`; `up` (a reference of it) is given away. NULL without memory. Any thread. */
struct home *home_new(struct resolver *r, unsigned index, struct upstream *up);
/** Free it and all that hangs on it. The loops are stopped. NULL is fine. */
void home_free(struct home *h);
/** The home of the questions about (name, type). Any thread. */
struct home *home_of(const struct resolver *r, struct str name, enum dns_type type);
/** Make `up` (a reference of it) what new questions use. Any thread, one at a time. */
void home_switch(struct home *h, struct upstream *up);
/** A random number that nobody can guess. False where the system gives none. */
bool home_random16(struct home *h, uint16_t *out);
/** Add to a count. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes through it */
static inline void home_count(uint64_t *count, uint64_t n)
{
	__atomic_store_n(count, *count + n, __ATOMIC_RELAXED);
}
/** Bring the counts that tell of the cache up to date. */
void home_count_cache(struct home *h);
