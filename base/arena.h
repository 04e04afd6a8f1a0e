/* base/arena.h: memory that goes all at once, with a request.
 *
 * An arena starts in memory of the caller's (the stack, or a field of an object) and takes further chunks from the heap up to its
 * limit. It belongs to one thread. */
#pragma once
#include "base/str.h"

struct arena_chunk;

struct arena {
	char *p;
	char *end;
	struct arena_chunk *chunks;
	size_t taken; /* from the heap so far */
	size_t limit;
	char *first;
	size_t first_size;
};

/** An arena over `first_size` bytes at `first` (may be NULL, 0) that takes at most `limit` bytes more from the heap. */
void arena_init(struct arena *a, void *first, size_t first_size, size_t limit);
/** Free all of it; usable again afterwards. */
void arena_fini(struct arena *a);
/** `n` bytes aligned for anything, not cleared; NULL over the limit or without memory. */
void *arena_alloc(struct arena *a, size_t n);
/** The same, cleared. */
void *arena_zero(struct arena *a, size_t n);
/** A copy of `s` in the arena. ERR_NOMEM where there is no room. */
NODISCARD enum err arena_str(struct arena *a, struct str s, struct str *out);
