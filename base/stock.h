/* base/stock.h: a bounded stock of blocks of one size, which one thread fills and many take from.
 *
 * For what is made on many threads and ends on one: given back to its maker's heap from there, each block would cost the heap's lock, on
 * which the maker then waits. Taking and putting are a few atomic operations; nobody waits. */
#pragma once
#include "base/err.h"

#include <stddef.h>

struct stock;

/** A stock for `count` (rounded up to a power of two) blocks, empty. ERR_NOMEM. */
NODISCARD enum err stock_open(struct stock **out, size_t count);
/** Free it and what is in it. Nobody uses it any more. NULL is fine. */
void stock_close(struct stock *s);
/** A block, or NULL where there is none: make one by malloc. Any thread. */
void *stock_take(struct stock *s);
/** Give a malloc'd block to the stock, which frees it where it is full. One thread at a time. */
void stock_put(struct stock *s, void *block);
