#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#define ARENA_CHUNK 4096
#define ALIGN alignof(max_align_t)

struct arena_chunk {
	struct arena_chunk *next;
	max_align_t bytes[];
};

void arena_init(struct arena *a, void *first, size_t first_size, size_t limit)
{
	*a = (struct arena){ .limit = limit, .first = first, .first_size = first_size };
	a->p = first;
	a->end = first == NULL ? NULL : (char *)first + first_size;
}

void arena_fini(struct arena *a)
{
	while (a->chunks != NULL) {
		struct arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
	arena_init(a, a->first, a->first_size, a->limit);
}

static size_t padding(const char *p)
{
	return (ALIGN - (uintptr_t)p % ALIGN) % ALIGN;
}

static void *alloc_chunk(struct arena *a, size_t n)
{
	size_t size = n > ARENA_CHUNK / 2 ? n : ARENA_CHUNK - sizeof(struct arena_chunk);
	struct arena_chunk *chunk;

	if (size > a->limit - a->taken)
		size = n;
	if (size > a->limit - a->taken)
		return NULL;
	chunk = malloc(sizeof(*chunk) + size);
	if (chunk == NULL)
		return NULL;
	chunk->next = a->chunks;
	a->chunks = chunk;
	a->taken += size;
	/* A big piece has a chunk of its own; the rest of the current one stays in use. */
	if (size == n)
		return chunk->bytes;
	a->p = (char *)chunk->bytes + n;
	a->end = (char *)chunk->bytes + size;
	return chunk->bytes;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t pad = padding(a->p);
	size_t left = (size_t)(a->end - a->p);
	char *at;

	if (a->p == NULL || left < pad || left - pad < n)
		return alloc_chunk(a, n);
	at = a->p + pad;
	a->p = at + n;
	return at;
}

void *arena_zero(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	if (p != NULL)
		memset(p, 0, n);
	return p;
}

enum err arena_str(struct arena *a, struct str s, struct str *out)
{
	char *p = arena_alloc(a, s.len + 1);

	if (p == NULL)
		return ERR_NOMEM;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	*out = str_of(p, s.len);
	return ERR_OK;
}
