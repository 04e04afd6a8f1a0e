#include "resolver/cache.h"

#include "base/mem.h"
#include "tests/unit/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct mono at(int64_t ms)
{
	return (struct mono){ ms * 1000000 };
}

static struct records *make(enum dns_type type, unsigned port, int64_t expires_ms)
{
	struct dns_record record = { .srv = { 1, 2, (uint16_t)port, STR_INIT("h.example") } };
	struct dns_answer answer = {
		.type = type, .verdict = DNS_RECORDS, .records = &record, .count = 1
	};

	return records_new(&answer, at(expires_ms));
}

static void put(struct cache *c, const char *name, enum dns_type type, unsigned port,
                int64_t expires_ms)
{
	struct records *r = make(type, port, expires_ms);

	if (r != NULL)
		cache_put(c, str_from(name), r);
	records_unref(r);
}

/* The port of the SRV record that is known, 0: none. */
static unsigned get(struct cache *c, const char *name, enum dns_type type, int64_t now)
{
	const struct records *r = cache_get(c, str_from(name), type, at(now));

	return r == NULL ? 0 : r->answer.records[0].srv.port;
}

static void init(struct cache *c, size_t limit)
{
	struct hash_key key;

	hash_key_from(&key, 1);
	cache_init(c, limit, &key);
}

static void kept_as_long_as_it_says(void **state)
{
	struct cache c;

	(void)state;
	init(&c, 10);
	put(&c, "a", DNS_SRV, 1, 1000);
	put(&c, "a", DNS_AAAA, 2, 2000);
	put(&c, "", DNS_SRV, 3, 2000);
	assert_int_equal(get(&c, "a", DNS_SRV, 0), 1);
	assert_int_equal(get(&c, "a", DNS_SRV, 999), 1);
	assert_int_equal(get(&c, "a", DNS_AAAA, 999), 2);
	assert_int_equal(get(&c, "", DNS_SRV, 999), 3);
	assert_int_equal(get(&c, "b", DNS_SRV, 999), 0);
	assert_int_equal(get(&c, "a", DNS_SRV, 1000), 0);
	assert_int_equal(get(&c, "a", DNS_AAAA, 1000), 2);
	assert_int_equal(cache_count(&c), 2);
	put(&c, "a", DNS_AAAA, 4, 3000); /* instead of what was there */
	assert_int_equal(get(&c, "a", DNS_AAAA, 2500), 4);
	assert_int_equal(cache_count(&c), 2);
	assert_true(cache_remove(&c, STR("a"), DNS_AAAA));
	assert_false(cache_remove(&c, STR("a"), DNS_AAAA));
	cache_fini(&c);
}

static void the_oldest_makes_room(void **state)
{
	struct cache c;

	(void)state;
	init(&c, 3);
	put(&c, "a", DNS_SRV, 1, 1000);
	put(&c, "b", DNS_SRV, 2, 1000);
	put(&c, "c", DNS_SRV, 3, 1000);
	put(&c, "a", DNS_SRV, 4, 1000); /* is the newest now */
	put(&c, "d", DNS_SRV, 5, 1000);
	assert_int_equal(get(&c, "b", DNS_SRV, 0), 0);
	assert_int_equal(get(&c, "a", DNS_SRV, 0), 4);
	assert_int_equal(get(&c, "d", DNS_SRV, 0), 5);
	assert_int_equal(cache_count(&c), 3);
	assert_int_equal(c.evicted, 1);
	cache_fini(&c);
}

static void many_names_stay_within_the_limit(void **state)
{
	struct cache c;
	char name[32];

	(void)state;
	init(&c, 1000);
	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		put(&c, name, DNS_A, 1, 1000);
		assert_true(cache_count(&c) <= 1000);
	}
	assert_int_equal(c.evicted, 99000);
	cache_fini(&c);
}

/* Entries may come and go between two steps, and there is an end all the same. */
static void a_walk_survives_changes(void **state)
{
	struct cache c;
	struct cache_cursor cursor;
	struct cache_cursor other;
	struct str name;

	(void)state;
	init(&c, 10);
	put(&c, "a", DNS_SRV, 1, 1000);
	put(&c, "b", DNS_SRV, 2, 1000);
	put(&c, "c", DNS_SRV, 3, 1000);
	cache_walk(&c, &cursor);
	cache_walk(&c, &other);
	assert_non_null(cache_walk_next(&cursor, &name));
	assert_true(str_eq(name, STR("a")));
	assert_true(cache_remove(&c, STR("b"), DNS_SRV));
	put(&c, "d", DNS_SRV, 4, 1000);
	assert_non_null(cache_walk_next(&cursor, &name));
	assert_true(str_eq(name, STR("c")));
	assert_null(cache_walk_next(&cursor, &name));
	cache_walk_end(&c, &cursor);
	cache_walk_end(&c, &cursor);
	assert_true(cache_remove_oldest(&c, other.last));
	assert_true(cache_remove_oldest(&c, other.last));
	assert_false(cache_remove_oldest(&c, other.last)); /* d came later */
	assert_null(cache_walk_next(&other, &name));
	cache_walk_end(&c, &other);
	cache_fini(&c);
}

static void copies_are_whole(void **state)
{
	struct dns_record naptr = { .naptr = { 1, 2, STR_INIT("s"), STR_INIT("SIP+D2U"),
		                               STR_INIT(""), STR_INIT("b.example") } };
	struct dns_answer answer = { .type = DNS_NAPTR,
		                     .verdict = DNS_RECORDS,
		                     .alias = STR_INIT("c.example"),
		                     .records = &naptr,
		                     .count = 1 };
	struct records *r = records_new(&answer, at(2500));

	(void)state;
	assert_non_null(r);
	memset(&naptr, 0, sizeof(naptr));
	assert_true(str_eq(r->answer.records[0].naptr.services, STR("SIP+D2U")));
	assert_true(str_eq(r->answer.records[0].naptr.replacement, STR("b.example")));
	assert_true(str_eq(r->answer.alias, STR("c.example")));
	assert_int_equal(records_ttl(r, at(0)), 3);
	assert_int_equal(records_ttl(r, at(500)), 2);
	assert_int_equal(records_ttl(r, at(2499)), 1);
	assert_int_equal(records_ttl(r, at(2500)), 0);
	assert_ptr_equal(records_ref(r), r);
	records_unref(r);
	records_unref(r);
	records_unref(NULL);
	assert_null(records_ref(NULL));
}

static void scenario(void *arg)
{
	struct cache c;

	(void)arg;
	init(&c, 100);
	for (unsigned i = 0; i < 30; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "n%u", i);
		put(&c, name, DNS_SRV, i + 1, 1000);
		(void)get(&c, name, DNS_SRV, 0);
	}
	assert_true(cache_count(&c) >= 29);
	cache_fini(&c);
}

static void without_memory_it_keeps_less(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(scenario, NULL) >= 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_as_long_as_it_says),
		cmocka_unit_test(the_oldest_makes_room),
		cmocka_unit_test(many_names_stay_within_the_limit),
		cmocka_unit_test(a_walk_survives_changes),
		cmocka_unit_test(copies_are_whole),
		cmocka_unit_test(without_memory_it_keeps_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
