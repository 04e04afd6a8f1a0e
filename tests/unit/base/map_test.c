#include "base/map.h"

#include "base/mem.h"

#include "../alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ITEMS 400

struct item {
	char name[16];
	bool there;
};

static struct map make_map(size_t limit, uint64_t seed)
{
	struct hash_key key;
	struct map m;

	hash_key_from(&key, seed);
	map_init(&m, limit, &key);
	return m;
}

static size_t count_by_walking(const struct map *m)
{
	size_t at = 0;
	size_t n = 0;

	for (struct item *item; (item = map_next(m, &at)) != NULL; n++)
		assert_true(item->there);
	return n;
}

/* Put and taken away in a random order, against an array that says what should be there. */
static void agrees_with_a_plain_array(void **state)
{
	struct item items[ITEMS] = { 0 };
	struct map m = make_map(ITEMS, 7);
	uint64_t random = 1;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < ITEMS; i++)
		(void)snprintf(items[i].name, sizeof(items[i].name), "item-%zu", i);
	for (int step = 0; step < 20000; step++) {
		struct item *item;
		struct str key;

		random = random * 6364136223846793005u + 1442695040888963407u;
		item = &items[(random >> 33) % ITEMS];
		key = str_from(item->name);
		assert_ptr_equal(map_get(&m, key), item->there ? item : NULL);
		if ((random >> 60) < 8) {
			assert_int_equal(map_put(&m, key, item), ERR_OK);
			count += !item->there;
			item->there = true;
		} else {
			assert_ptr_equal(map_del(&m, key), item->there ? item : NULL);
			count -= item->there;
			item->there = false;
		}
		assert_int_equal(m.count, count);
	}
	assert_int_equal(count_by_walking(&m), count);
	for (size_t i = 0; i < ITEMS; i++)
		assert_ptr_equal(map_get(&m, str_from(items[i].name)),
		                 items[i].there ? &items[i] : NULL);
	map_fini(&m);
}

/* While a table moves, whatever is done is done right, and it has moved before the next one is needed. */
static void grows_a_little_at_a_time(void **state)
{
	enum { MANY = 20000 };
	struct item *items = mem_zero(MANY * sizeof(*items));
	struct map m = make_map(MANY, 5);
	size_t steps = 0;

	(void)state;
	assert_non_null(items);
	for (size_t i = 0; i < MANY; i++) {
		size_t size = m.now.size;
		size_t gone = i / 3;

		(void)snprintf(items[i].name, sizeof(items[i].name), "%zu", i);
		assert_int_equal(map_put(&m, str_from(items[i].name), &items[i]), ERR_OK);
		items[i].there = true;
		/* What was there when it grew is mostly still where it was. */
		if (m.now.size > size && size > 64) {
			assert_int_equal(m.old.size, size);
			assert_int_equal(m.moved, 0);
		}
		steps += m.old.size > 0;
		if (i % 3 == 2) {
			assert_ptr_equal(map_del(&m, str_from(items[gone].name)), &items[gone]);
			items[gone].there = false;
		}
		if (i % 997 == 0) {
			assert_int_equal(count_by_walking(&m), m.count);
			for (size_t k = 0; k <= i; k += 7)
				assert_ptr_equal(map_get(&m, str_from(items[k].name)),
				                 items[k].there ? &items[k] : NULL);
			assert_int_equal(map_put(&m, str_from(items[i].name), &items[i]), ERR_OK);
		}
	}
	assert_true(steps > 1000);
	for (size_t i = 0; i < MANY; i++)
		assert_ptr_equal(map_del(&m, str_from(items[i].name)),
		                 items[i].there ? &items[i] : NULL);
	assert_int_equal(m.count, 0);
	map_fini(&m);
	free(items);
}

static void the_limit_holds(void **state)
{
	struct item items[4] = { { "a", true }, { "b", true }, { "c", true }, { "", true } };
	struct map m = make_map(2, 1);

	(void)state;
	assert_null(map_get(&m, STR("a")));
	assert_null(map_del(&m, STR("a")));
	assert_int_equal(map_put(&m, STR("a"), &items[0]), ERR_OK);
	assert_int_equal(map_put(&m, STR("b"), &items[1]), ERR_OK);
	assert_int_equal(map_put(&m, STR("c"), &items[2]), ERR_LIMIT);
	assert_int_equal(map_put(&m, STR("b"), &items[2]), ERR_OK); /* replaced */
	assert_ptr_equal(map_get(&m, STR("b")), &items[2]);
	assert_ptr_equal(map_del(&m, STR("a")), &items[0]);
	assert_int_equal(map_put(&m, STR_NONE, &items[3]), ERR_OK);
	assert_ptr_equal(map_get(&m, STR("")), &items[3]);
	map_fini(&m);
	map_fini(&m);
	assert_null(map_get(&m, STR("b")));
}

static void fill(void *arg)
{
	struct item *items = arg;
	struct map m = make_map(ITEMS, 3);
	size_t got = 0;

	for (size_t i = 0; i < ITEMS; i++)
		got += map_put(&m, str_from(items[i].name), &items[i]) == ERR_OK;
	assert_true(alloc_fail_happened() || got == ITEMS);
	assert_int_equal(count_by_walking(&m), got);
	map_fini(&m);
}

static void memory_may_run_out(void **state)
{
	struct item items[ITEMS];

	(void)state;
	for (size_t i = 0; i < ITEMS; i++) {
		(void)snprintf(items[i].name, sizeof(items[i].name), "%zu", i);
		items[i].there = true;
	}
	assert_true(alloc_fail_each(fill, items) >= 5);
}

static void hashes_fold_case_where_asked(void **state)
{
	struct hash_key key;
	struct hash_key other;
	char longer[600];
	char upper[600];

	(void)state;
	hash_key_from(&key, 1);
	hash_key_from(&other, 2);
	memset(longer, 'a', sizeof(longer));
	memset(upper, 'A', sizeof(upper));
	assert_int_equal(hash_str_nocase(&key, STR("Bob@X")), hash_str_nocase(&key, STR("bOB@x")));
	assert_int_not_equal(hash_str(&key, STR("Bob")), hash_str(&key, STR("bob")));
	assert_int_not_equal(hash_str(&key, STR("bob")), hash_str(&other, STR("bob")));
	for (size_t n = 0; n <= sizeof(longer); n += 50)
		assert_int_equal(hash_str_nocase(&key, str_of(longer, n)),
		                 hash_str_nocase(&key, str_of(upper, n)));
	assert_int_not_equal(hash_str_nocase(&key, str_of(longer, 256)),
	                     hash_str_nocase(&key, str_of(longer, 257)));
	assert_int_equal(hash_key_init(&key), ERR_OK);
	assert_int_equal(hash_key_init(&other), ERR_OK);
	assert_memory_not_equal(&key, &other, sizeof(key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_plain_array),
		cmocka_unit_test(grows_a_little_at_a_time),
		cmocka_unit_test(the_limit_holds),
		cmocka_unit_test(memory_may_run_out),
		cmocka_unit_test(hashes_fold_case_where_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
