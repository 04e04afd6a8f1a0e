/* base/mem.h: memory from the heap. */
#pragma once
#include <stddef.h>
#include <stdlib.h>

/** `size` bytes of zeroes from the heap, or NULL. The caller frees with free(). Any thread. */
static inline void *mem_zero(size_t size)
{
	return calloc(1, size);
}

/** The struct of type `type` whose field `field` is at `pointer`. */
#define container_of(pointer, type, field) \
	((type *)(void *)((char *)(pointer)-offsetof(type, field)))
/** How many elements an array has. */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
