#include "base/arena.h"

#include "../alloc_fail.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>

#include <cmocka.h>

#define aligned(p) ((uintptr_t)(p) % alignof(max_align_t) == 0)

/* Pieces of many sizes: aligned, writable to the last octet, none over another. */
static void pieces_do_not_overlap(void **state)
{
	char first[333];
	struct arena a;
	struct {
		unsigned char *p;
		size_t n;
	} pieces[300];

	(void)state;
	arena_init(&a, first + 1, sizeof(first) - 1, (size_t)1 << 20);
	for (size_t i = 0; i < 300; i++) {
		pieces[i].n = i % 7 == 6 ? i * 17 : i % 40;
		pieces[i].p = arena_alloc(&a, pieces[i].n);
		assert_non_null(pieces[i].p);
		assert_true(aligned(pieces[i].p));
		memset(pieces[i].p, (int)i, pieces[i].n);
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t k = 0; k < pieces[i].n; k++)
			assert_int_equal(pieces[i].p[k], (unsigned char)i);
	arena_fini(&a);
}

/* The first memory takes what fits, the heap the rest, up to the limit. */
static void the_limit_counts_what_the_heap_gives(void **state)
{
	alignas(max_align_t) char first[64];
	struct arena a;
	size_t n;

	(void)state;
	arena_init(&a, first, sizeof(first), 0);
	assert_ptr_equal(arena_alloc(&a, 64), first);
	assert_null(arena_alloc(&a, 1));
	arena_fini(&a);
	assert_ptr_equal(arena_alloc(&a, 64), first);
	arena_fini(&a);

	arena_init(&a, NULL, 0, 10000);
	for (n = 0; arena_alloc(&a, 100) != NULL; n++)
		assert_in_range(n, 0, 99);
	assert_in_range(n, 60, 100);
	assert_true(a.taken <= 10000);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX / 2));
	arena_fini(&a);
	assert_int_equal(a.taken, 0);
	assert_non_null(arena_alloc(&a, 10000));
	assert_null(arena_alloc(&a, 1));
	arena_fini(&a);
}

/* A piece too big for a chunk does not waste what is left of the current one. */
static void a_big_piece_has_its_own_chunk(void **state)
{
	struct arena a;
	char *small;

	(void)state;
	arena_init(&a, NULL, 0, 100000);
	small = arena_alloc(&a, 16);
	assert_non_null(arena_alloc(&a, 5000));
	assert_ptr_equal(arena_alloc(&a, 16), small + 16);
	arena_fini(&a);
}

static void strings_are_copied(void **state)
{
	struct arena a;
	struct str copy;
	unsigned char *zero;

	(void)state;
	arena_init(&a, NULL, 0, 1000);
	assert_int_equal(arena_str(&a, STR("a\0b"), &copy), ERR_OK);
	assert_int_equal(copy.len, 3);
	assert_memory_equal(copy.p, "a\0b", 4);
	assert_int_equal(arena_str(&a, STR_NONE, &copy), ERR_OK);
	assert_string_equal(copy.p, "");
	zero = arena_zero(&a, 40);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(zero[i], 0);
	assert_int_equal(arena_str(&a, str_of(copy.p, 2000), &copy), ERR_NOMEM);
	arena_fini(&a);
}

static void fill(void *arg)
{
	struct arena a;
	size_t got = 0;

	(void)arg;
	arena_init(&a, NULL, 0, 100000);
	for (size_t i = 0; i < 20; i++)
		got += arena_alloc(&a, 1000) != NULL;
	assert_true(alloc_fail_happened() ? got < 20 : got == 20);
	arena_fini(&a);
}

static void memory_may_run_out(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(fill, NULL) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_overlap),
		cmocka_unit_test(the_limit_counts_what_the_heap_gives),
		cmocka_unit_test(a_big_piece_has_its_own_chunk),
		cmocka_unit_test(strings_are_copied),
		cmocka_unit_test(memory_may_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
