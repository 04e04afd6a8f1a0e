#include "federation/cache.h"

#include "base/mem.h"
#include "federation/outcome.h"
#include "tests/unit/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct hash_key fixed_key(void)
{
	struct hash_key key;

	hash_key_from(&key, 1);
	return key;
}

static struct fed_entry *get(struct fed_cache *cache, const char *key)
{
	return fed_cache_get(cache, str_from(key));
}

/* The one that was looked at longest ago goes; none that somebody waits for. */
static void bounds_the_number(void **state)
{
	struct hash_key key = fixed_key();
	struct fed_inquiry *some = (struct fed_inquiry *)(void *)&key;
	struct fed_cache cache;
	struct fed_entry *a;
	struct fed_entry *b;

	(void)state;
	fed_cache_init(&cache, 3, 1 << 20, &key);
	a = get(&cache, "a");
	b = get(&cache, "b");
	assert_non_null(get(&cache, "c"));
	assert_ptr_equal(get(&cache, "a"), a);
	assert_non_null(get(&cache, "d")); /* for b */
	assert_int_equal(cache.map.count, 3);
	b = get(&cache, "b"); /* for c */
	a->inquiry = some;
	b->inquiry = some;
	assert_non_null(get(&cache, "e")); /* for d */
	assert_ptr_equal(get(&cache, "a"), a);
	get(&cache, "e")->inquiry = some;
	assert_null(get(&cache, "f"));
	assert_int_equal(cache.map.count, 3);
	b->inquiry = NULL;
	assert_non_null(get(&cache, "f"));
	assert_null(map_get(&cache.map, STR("b")));
	fed_cache_fini(&cache);
}

static void bounds_the_memory(void **state)
{
	struct hash_key key = fixed_key();
	struct fed_cache cache;
	char name[16];

	(void)state;
	fed_cache_init(&cache, 1000, 20000, &key);
	for (int i = 0; i < 200; i++) {
		static const char long_text[400] = "x";

		(void)snprintf(name, sizeof(name), "%d", i);
		fed_cache_put(&cache, get(&cache, name), fed_answer_failed(str_of(long_text, 400)));
		assert_true(cache.bytes <= 20000);
	}
	assert_in_range(cache.map.count, 10, 50);
	assert_non_null(map_get(&cache.map, STR("199")));
	fed_cache_put(&cache, get(&cache, "199"), NULL);
	while (cache.newest != NULL)
		fed_cache_drop(&cache, cache.newest);
	assert_int_equal(cache.bytes, 0);
	fed_cache_fini(&cache);
}

/* What is told again shares what was learnt, and outlives it in the cache. */
static void tells_again(void **state)
{
	const struct fed_target target = { .uri = STR("sip:x@e"), .identity = STR("e"), .q = 7 };
	const struct fed_answer learnt = { .outcome = FED_FOUND,
		                           .targets = &target,
		                           .target_count = 1,
		                           .ms = 12,
		                           .ttl_s = 30,
		                           .text = STR("200, 1 contact") };
	const struct fed_answer *first = fed_answer_copy(&learnt);
	const struct fed_answer *again = fed_answer_again(first, 9, STR_NONE);
	const struct fed_answer *other = fed_answer_again(again, -1, STR("stale"));

	(void)state;
	fed_answer_unref(first);
	fed_answer_unref(fed_answer_ref(again));
	fed_answer_unref(again);
	assert_true(str_eq(other->targets[0].uri, STR("sip:x@e")));
	assert_int_equal(other->targets[0].q, 7);
	assert_true(other->cached);
	assert_int_equal(other->ms, 0);
	assert_true(str_eq(other->text, STR("stale")));
	fed_answer_unref(other);
	fed_answer_unref(NULL);
	assert_string_equal(fed_outcome_name(FED_ABSENT), "absent");
}

static void scenario(void *arg)
{
	const struct fed_target target = { .uri = STR("sip:x@e") };
	const struct fed_answer learnt = { .outcome = FED_FOUND,
		                           .targets = &target,
		                           .target_count = 1 };
	struct fed_cache cache;
	struct fed_entry *entry;
	const struct fed_answer *again;

	fed_cache_init(&cache, 10, 1 << 20, arg);
	entry = get(&cache, "a");
	if (entry != NULL) {
		fed_cache_put(&cache, entry, fed_answer_copy(&learnt));
		again = fed_answer_again(entry->answer, 1, STR("words"));
		assert_true(again->outcome == FED_FOUND || alloc_fail_happened());
		assert_true(again->text.len > 0);
		fed_answer_unref(again);
	}
	fed_cache_fini(&cache);
}

static void survives_without_memory(void **state)
{
	struct hash_key key = fixed_key();

	(void)state;
	assert_int_equal(alloc_fail_each(scenario, &key), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_the_number),
		cmocka_unit_test(bounds_the_memory),
		cmocka_unit_test(tells_again),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
