/* How much one source may do in a time. */
#include "gateway/limit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S 1000000000LL

static struct mono at(int64_t ns)
{
	return (struct mono){ 1000 * S + ns };
}

static void a_burst_and_then_the_rate(void **state)
{
	const struct conf_rate rate = { 10, 1000 }; /* ten a second */
	struct limit *l;
	uint64_t me;
	int passed = 0;

	(void)state;
	assert_int_equal(limit_open(&l, 100), ERR_OK);
	me = limit_key_str(l, STR("me"));
	for (int i = 0; i < 100; i++)
		passed += limit_take(l, me, rate, at(0));
	assert_int_equal(passed, 10);
	/* A tenth of a second later there is room for one. */
	assert_true(limit_would_take(l, me, rate, at(S / 10)));
	assert_true(limit_take(l, me, rate, at(S / 10)));
	assert_false(limit_would_take(l, me, rate, at(S / 10)));
	assert_false(limit_take(l, me, rate, at(S / 10)));
	/* Offered a hundred a second for ten seconds, ten a second pass. */
	passed = 0;
	for (int i = 0; i < 1000; i++)
		passed += limit_take(l, me, rate, at(10 * S + i * S / 100));
	assert_in_range(passed, 100, 110);
	limit_close(l);
}

static void others_are_not_concerned(void **state)
{
	const struct conf_rate rate = { 1, 60000 };
	struct limit *l;
	struct addr a;
	struct addr b;

	(void)state;
	assert_int_equal(limit_open(&l, 100), ERR_OK);
	assert_int_equal(addr_parse(&a, STR("192.0.2.1"), 5060), ERR_OK);
	assert_int_equal(addr_parse(&b, STR("192.0.2.1"), 9999), ERR_OK);
	/* The port does not count: all ports of a host are one source. */
	assert_true(limit_key_addr(l, &a) == limit_key_addr(l, &b));
	assert_true(limit_take(l, limit_key_addr(l, &a), rate, at(0)));
	assert_false(limit_take(l, limit_key_addr(l, &b), rate, at(S)));
	assert_int_equal(addr_parse(&b, STR("192.0.2.2"), 5060), ERR_OK);
	assert_true(limit_take(l, limit_key_addr(l, &b), rate, at(S)));
	assert_true(limit_key_str(l, STR("Alice@A")) == limit_key_str(l, STR("alice@a")));
	limit_close(l);
}

static void no_limit_at_all(void **state)
{
	const struct conf_rate rate = { 0, 1000 };
	struct limit *l;

	(void)state;
	assert_int_equal(limit_open(&l, 1), ERR_OK);
	for (int i = 0; i < 1000; i++)
		assert_true(limit_take(l, 1, rate, at(0)));
	limit_close(l);
	limit_close(NULL);
}

/* The table is bounded: a million sources pass through it, and one that keeps on is still known. */
static void many_sources(void **state)
{
	const struct conf_rate rate = { 5, 1000 };
	struct limit *l;
	uint64_t me;

	(void)state;
	assert_int_equal(limit_open(&l, 1024), ERR_OK);
	me = limit_key_str(l, STR("me"));
	for (uint64_t i = 0; i < 100000; i++) {
		char text[32];
		struct buf b;

		buf_wrap(&b, text, sizeof(text));
		buf_number(&b, i);
		(void)limit_take(l, limit_key_str(l, buf_view(&b)), rate, at((int64_t)i));
		if (i < 5)
			assert_true(limit_take(l, me, rate, at(0)));
	}
	limit_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_and_then_the_rate),
		cmocka_unit_test(others_are_not_concerned),
		cmocka_unit_test(no_limit_at_all),
		cmocka_unit_test(many_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
