#include "base/err.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void each_reason_has_words_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_COUNT; i++) {
		assert_non_null(err_text((enum err)i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(err_text((enum err)i), err_text((enum err)k));
	}
	assert_string_equal(err_text((enum err)ERR_COUNT), "unknown error");
	assert_string_equal(err_text((enum err) - 1), "unknown error");
}

static void errno_has_a_meaning(void **state)
{
	static const struct {
		int number;
		enum err want;
	} cases[] = {
		{ 0, ERR_OK },
		{ ENOMEM, ERR_NOMEM },
		{ EAGAIN, ERR_AGAIN },
		{ ENOSPC, ERR_FULL },
		{ EADDRINUSE, ERR_INUSE },
		{ ECONNREFUSED, ERR_REFUSED },
		{ EMFILE, ERR_LIMIT },
		{ EHOSTUNREACH, ERR_UNREACHABLE },
		{ ECONNRESET, ERR_CLOSED },
		{ 99999, ERR_SYSTEM },
		{ -1, ERR_SYSTEM },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(err_from_errno(cases[i].number), cases[i].want);
}

static void times_round_to_the_safe_side(void **state)
{
	static const struct {
		int64_t left_ms;
		int64_t seconds;
	} cases[] = { { -1, 0 }, { 0, 0 }, { 1, 1 }, { 1000, 1 }, { 1001, 2 }, { 3600000, 3600 } };
	struct mono start = mono_now();
	struct wall now = wall_now();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(wall_seconds_left(now, (struct wall){ now.ms + cases[i].left_ms }),
		                 cases[i].seconds);
	assert_true(wall_after(wall_add_s(now, 1), now));
	assert_false(wall_after(now, now));
	assert_int_equal(mono_ms_between(start, mono_add_ms(start, 20)), 20);
	assert_int_equal(mono_ms_between(mono_add_ms(start, 20), start), -20);
	assert_false(mono_after(start, mono_now()));
	assert_true(now.ms > (int64_t)1700000000 * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reason_has_words_of_its_own),
		cmocka_unit_test(errno_has_a_meaning),
		cmocka_unit_test(times_round_to_the_safe_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
