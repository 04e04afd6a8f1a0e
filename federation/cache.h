/* federation/cache.h: what is known about an address at a peer, and who waits to know it. Belongs to one loop.
 *
 * Bounded by number and by memory: the entry that was looked at longest ago goes first, but none that somebody waits for. */
#pragma once
#include "base/clock.h"
#include "base/map.h"
#include "federation/federation.h"

struct fed_question;

struct fed_entry {
	struct str key;
	struct fed_entry *newer;
	struct fed_entry *older;
	const struct fed_answer *answer; /* NULL: nothing is known */
	unsigned generation;             /* of the configuration under which it was learnt */
	struct mono fresh_until;
	struct mono stale_until;
	struct fed_inquiry *inquiry;  /* under way; NULL: none */
	struct fed_question *waiting; /* for it */
	size_t bytes;
	char memory[];
};

struct fed_cache {
	struct map map;
	struct fed_entry *newest;
	struct fed_entry *oldest;
	size_t bytes;
	size_t bytes_max;
};

void fed_cache_init(struct fed_cache *cache, size_t limit, size_t bytes_max,
                    const struct hash_key *key);
/** Free all entries. */
void fed_cache_fini(struct fed_cache *cache);
/** The entry of `key`, made where there is none, now the newest. NULL: no memory, or all that is kept is waited for. */
struct fed_entry *fed_cache_get(struct fed_cache *cache, struct str key);
/** Remember `answer` (one reference is taken over; NULL: forget), and make room. The entry lives where somebody waits for it. */
void fed_cache_put(struct fed_cache *cache, struct fed_entry *entry,
                   const struct fed_answer *answer);
/** Remove an entry for which nobody waits. */
void fed_cache_drop(struct fed_cache *cache, struct fed_entry *entry);
