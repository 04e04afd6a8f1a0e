#include "base/stock.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <stdint.h>

/* A cell is free to be filled when its turn is the filler's position, and full when it is one more; taken, it waits for the next round. */
struct cell {
	_Atomic size_t turn;
	void *block;
};

struct stock {
	size_t mask;
	struct cell *cells;
	_Alignas(64) size_t in; /* the filler's own */
	_Alignas(64) _Atomic size_t out;
};

enum err stock_open(struct stock **out, size_t count)
{
	struct stock *s = aligned_alloc(64, sizeof(*s));
	size_t size = 2;

	if (s == NULL)
		return ERR_NOMEM;
	while (size < count)
		size *= 2;
	s->cells = calloc(size, sizeof(*s->cells));
	if (s->cells == NULL) {
		free(s);
		return ERR_NOMEM;
	}
	s->mask = size - 1;
	s->in = 0;
	atomic_init(&s->out, 0);
	for (size_t i = 0; i < size; i++)
		atomic_init(&s->cells[i].turn, i);
	*out = s;
	return ERR_OK;
}

void stock_close(struct stock *s)
{
	void *block;

	if (s == NULL)
		return;
	while ((block = stock_take(s)) != NULL)
		free(block);
	free(s->cells);
	free(s);
}

void *stock_take(struct stock *s)
{
	size_t at = atomic_load_explicit(&s->out, memory_order_relaxed);
	struct cell *cell;
	void *block;

	for (;;) {
		intptr_t ahead;

		cell = &s->cells[at & s->mask];
		ahead = (intptr_t)(atomic_load_explicit(&cell->turn, memory_order_acquire) -
		                   (at + 1));
		if (ahead < 0)
			return NULL;
		if (ahead > 0)
			at = atomic_load_explicit(&s->out, memory_order_relaxed);
		else if (atomic_compare_exchange_weak_explicit(
				 &s->out, &at, at + 1, memory_order_relaxed, memory_order_relaxed))
			break;
	}
	block = cell->block;
	atomic_store_explicit(&cell->turn, at + s->mask + 1, memory_order_release);
	return block;
}

void stock_put(struct stock *s, void *block)
{
	struct cell *cell = &s->cells[s->in & s->mask];

	if (atomic_load_explicit(&cell->turn, memory_order_acquire) != s->in) {
		free(block);
		return;
	}
	cell->block = block;
	atomic_store_explicit(&cell->turn, s->in + 1, memory_order_release);
	s->in++;
}
