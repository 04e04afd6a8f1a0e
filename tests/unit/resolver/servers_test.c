#include "resolver/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct mono at(int64_t ms)
{
	return (struct mono){ 1000000000 + ms * 1000000 };
}

static size_t choose(const struct servers *s, unsigned tried)
{
	size_t out = 99;

	return servers_choose(s, tried, &out) ? out : 99;
}

static void in_order_the_silent_last(void **state)
{
	struct servers s;

	(void)state;
	servers_init(&s, 3);
	assert_int_equal(choose(&s, 0), 0);
	assert_int_equal(choose(&s, 1), 1);
	assert_int_equal(choose(&s, 5), 1);
	assert_int_equal(choose(&s, 7), 99);
	servers_silent(&s, 0, at(0), at(500));
	assert_int_equal(choose(&s, 0), 1);
	assert_int_equal(choose(&s, 6), 0);
	servers_silent(&s, 1, at(0), at(500));
	servers_silent(&s, 2, at(0), at(500));
	assert_int_equal(choose(&s, 0), 0);
	servers_answered(&s, 2, at(600));
	assert_int_equal(choose(&s, 0), 2);
}

/* It is the domain that is dead, not the server, where others have been answered meanwhile. */
static void who_answers_others_is_not_silent(void **state)
{
	struct servers s;

	(void)state;
	servers_init(&s, 2);
	servers_answered(&s, 0, at(100));
	servers_silent(&s, 0, at(50), at(600));
	assert_int_equal(choose(&s, 0), 0);
	servers_silent(&s, 0, at(101), at(700));
	assert_int_equal(choose(&s, 0), 1);
}

static void a_silent_one_is_tried_again_less_and_less(void **state)
{
	struct servers s;
	size_t other = 99;

	(void)state;
	servers_init(&s, 2);
	assert_false(servers_beside(&s, 0, at(0), &other));
	servers_silent(&s, 0, at(0), at(0)); /* left alone for 2 s */
	assert_false(servers_beside(&s, 1, at(1999), &other));
	assert_true(servers_beside(&s, 1, at(2000), &other));
	assert_int_equal(other, 0);
	assert_false(servers_beside(&s, 1, at(2001), &other)); /* one at a time */
	servers_silent(&s, 0, at(2000), at(2500));             /* for 4 s */
	assert_false(servers_beside(&s, 1, at(6000), &other));
	assert_true(servers_beside(&s, 1, at(6500), &other));
	for (unsigned i = 0; i < 20; i++)
		servers_silent(&s, 0, at(7000), at(7000));
	assert_false(servers_beside(&s, 1, at(36000), &other));
	assert_true(servers_beside(&s, 1, at(37000), &other)); /* for 30 s at most */
}

static void where_all_are_silent_two_are_asked(void **state)
{
	struct servers s;
	size_t other = 99;

	(void)state;
	servers_init(&s, 3);
	for (size_t i = 0; i < 3; i++)
		servers_silent(&s, i, at(0), at(0));
	assert_int_equal(choose(&s, 0), 0);
	assert_true(servers_beside(&s, 0, at(1), &other));
	assert_int_equal(other, 1);
	servers_init(&s, 1);
	servers_silent(&s, 0, at(0), at(0));
	assert_false(servers_beside(&s, 0, at(100000), &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_the_silent_last),
		cmocka_unit_test(who_answers_others_is_not_silent),
		cmocka_unit_test(a_silent_one_is_tried_again_less_and_less),
		cmocka_unit_test(where_all_are_silent_two_are_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
