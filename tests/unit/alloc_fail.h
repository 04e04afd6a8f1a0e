/* tests/unit/alloc_fail.h: a test in which memory runs out.
 *
 * Every unit test is linked so that malloc, calloc, realloc, reallocarray, aligned_alloc, strdup and strndup of our own code
 * (not of the C library or other shared libraries) come through here. Until told otherwise they just allocate.
 *
 * The counter is one for the process: where a test has several threads, which of them meets the failure is chance.
 *
 *	static void scenario(void *arg)
 *	{
 *		struct reg_store *st = NULL;
 *
 *		if (reg_store_open(&st, arg) == ERR_OK)
 *			reg_store_check(st);
 *		reg_store_close(st);
 *	}
 *
 *	alloc_fail_each(scenario, &conf);
 */
#pragma once
#include <stdbool.h>

/** From now on the n-th allocation fails (1: the next one), once; 0: none. */
void alloc_fail_at(unsigned n);

/** Whether the failure that was asked for has happened. */
bool alloc_fail_happened(void);

/** How many allocations were asked for since the last alloc_fail_at(). */
unsigned alloc_fail_count(void);

/**
 * Run `scenario` first with its first allocation failing, then with its second, and so on, until a run needs so few that
 * none failed. The scenario must give back everything it took and end in a sane state each time; ASan watches. It may
 * assert as any test, alloc_fail_happened() telling a run with a failure from the last one, which has none.
 * More than 10 000 allocations in one run: the test fails. Returns how many runs met a failure.
 */
unsigned alloc_fail_each(void (*scenario)(void *arg), void *arg);
