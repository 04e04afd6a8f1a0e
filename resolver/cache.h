/* resolver/cache.h: the answers that one worker is the home of, each as long as it says.
 *
 * Bounded: the entry that came first goes when there is no room. Belongs to one thread; the time is given. */
#pragma once
#include "base/map.h"
#include "resolver/records.h"

struct cache_entry;

/** A place in the cache that survives changes between steps. */
struct cache_cursor {
	struct cache_entry *at; /* the next one to see; NULL: the end */
	uint64_t last;          /* entries that came later are not seen, so that there is an end */
	struct cache_cursor *next;
};

struct cache {
	struct map map;
	struct cache_entry *oldest;
	struct cache_entry *newest;
	struct cache_cursor *cursors;
	uint64_t serial; /* of the newest entry */
	uint64_t evicted;
};

/** An empty cache for at most `limit` entries. */
void cache_init(struct cache *c, size_t limit, const struct hash_key *key);
/** Free all of it. */
void cache_fini(struct cache *c);
/** What is known at `now`, or NULL. Not a new reference: valid until the cache changes. */
struct records *cache_get(struct cache *c, struct str name, enum dns_type type, struct mono now);
/** Keep `records` (a reference of its own is taken), instead of what was known. Without memory it is not kept. */
void cache_put(struct cache *c, struct str name, struct records *records);
size_t cache_count(const struct cache *c);

/** Begin a walk from the oldest entry; end it with cache_walk_end(). */
void cache_walk(struct cache *c, struct cache_cursor *cursor);
/** The next entry's records and name, or NULL at the end. The name lives as long as the entry. */
struct records *cache_walk_next(struct cache_cursor *cursor, struct str *name);
/** Stop walking; safe after the end. */
void cache_walk_end(struct cache *c, struct cache_cursor *cursor);
/** Remove what is known about (name, type): whether there was anything. */
bool cache_remove(struct cache *c, struct str name, enum dns_type type);
/** Remove the oldest entry if it is not younger than `last` (a cursor's): whether there was one. */
bool cache_remove_oldest(struct cache *c, uint64_t last);
