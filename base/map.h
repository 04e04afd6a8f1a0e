/* base/map.h: a bounded hash map from a slice to a pointer.
 *
 * Keys are not copied: each must live in the value it leads to, or as long. Belongs to one thread. Reading costs no allocation.
 * It grows a few entries at a time, with each that is put or taken away: however large it is, no call takes long. */
#pragma once
#include "base/hash.h"

struct map_entry {
	uint64_t hash; /* 0: free */
	struct str key;
	void *value;
};

struct map_table {
	struct map_entry *entries;
	size_t size; /* 0 or a power of two */
};

struct map {
	struct map_table now;
	struct map_table old; /* what has not been moved since the table grew; size 0: nothing */
	size_t moved;         /* slots of it that are empty for good */
	size_t count;
	size_t limit;
	struct hash_key key;
};

/** An empty map for at most `limit` entries; `key` is copied. Allocates at the first put. */
void map_init(struct map *m, size_t limit, const struct hash_key *key);
/** Free the table (not the values). NULL and empty ones are fine. */
void map_fini(struct map *m);
/** The value at `key`, or NULL. */
void *map_get(const struct map *m, struct str key);
/** Put `value` (not NULL) at `key`, replacing what was there. ERR_LIMIT when full, ERR_NOMEM. */
NODISCARD enum err map_put(struct map *m, struct str key, void *value);
/** Remove what is at `key` and return it, or NULL. */
void *map_del(struct map *m, struct str key);
/** Walk: start with `*at` = 0; the next value, or NULL at the end. The map must not change meanwhile. */
void *map_next(const struct map *m, size_t *at);
