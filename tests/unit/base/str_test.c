#include "base/str.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define assert_str(got, want) assert_true(str_eq((got), str_from(want)))

static void numbers_are_whole_and_bounded(void **state)
{
	static const struct {
		const char *in;
		uint64_t max;
		enum err want;
		uint64_t number;
	} cases[] = {
		{ "0", 0, ERR_OK, 0 },
		{ "1", 0, ERR_LIMIT, 0 },
		{ "0000000000000000000000000000007", 7, ERR_OK, 7 },
		{ "8", 7, ERR_LIMIT, 0 },
		{ "9", 5, ERR_LIMIT, 0 },
		{ "65535", UINT16_MAX, ERR_OK, 65535 },
		{ "65536", UINT16_MAX, ERR_LIMIT, 0 },
		{ "18446744073709551615", UINT64_MAX, ERR_OK, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, ERR_LIMIT, 0 },
		{ "18446744073709551619", UINT64_MAX, ERR_LIMIT, 0 }, /* wraps to 3 */
		{ "99999999999999999999999", UINT64_MAX, ERR_LIMIT, 0 },
		{ "99999999999999999999x", UINT64_MAX, ERR_SYNTAX, 0 },
		{ "", 9, ERR_SYNTAX, 0 },
		{ "-1", 9, ERR_SYNTAX, 0 },
		{ "+1", 9, ERR_SYNTAX, 0 },
		{ " 1", 9, ERR_SYNTAX, 0 },
		{ "1 ", 9, ERR_SYNTAX, 0 },
		{ "0x1", 9, ERR_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint64_t n = 0;

		assert_int_equal(str_number(str_from(cases[i].in), cases[i].max, &n),
		                 cases[i].want);
		if (cases[i].want == ERR_OK)
			assert_int_equal(n, cases[i].number);
	}
}

static void compares(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		int order;
		bool nocase;
	} cases[] = {
		{ "", "", 0, true },       { "a", "", 1, false },   { "a", "b", -1, false },
		{ "a", "A", 1, true },     { "ab", "a", 1, false }, { "[", "{", -1, false },
		{ "@", "`", -1, false }, /* 0x20 apart, and no letters */
		{ "\x80", "a", 1, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct str a = str_from(cases[i].a);
		struct str b = str_from(cases[i].b);
		int order = str_cmp(a, b);

		assert_int_equal((order > 0) - (order < 0), cases[i].order);
		order = str_cmp(b, a);
		assert_int_equal((order > 0) - (order < 0), -cases[i].order);
		assert_int_equal(str_eq(a, b), cases[i].order == 0);
		assert_int_equal(str_eq_nocase(a, b), cases[i].nocase);
	}
}

static void cuts_and_trims(void **state)
{
	struct str rest = STR("a,,b");

	(void)state;
	assert_str(str_cut(&rest, ','), "a");
	assert_str(str_cut(&rest, ','), "");
	assert_str(str_cut(&rest, ','), "b");
	assert_true(str_empty(rest));
	assert_str(str_cut(&rest, ','), "");
	assert_str(str_trim(STR(" \t\r\n a b \r\n")), "a b");
	assert_str(str_trim(STR(" \t ")), "");
	assert_str(str_trim(STR_NONE), "");
	assert_str(str_from_at(STR("abc"), 1), "bc");
	assert_str(str_from_at(STR("abc"), 9), "");
	assert_str(str_head(STR("abc"), 2), "ab");
	assert_str(str_head(STR("abc"), 9), "abc");
}

static void finds(void **state)
{
	(void)state;
	assert_int_equal(str_find(STR("abca"), 'a'), 0);
	assert_int_equal(str_rfind(STR("abca"), 'a'), 3);
	assert_int_equal(str_find(STR("abca"), 'x'), 4);
	assert_int_equal(str_rfind(STR_NONE, 'x'), 0);
	assert_true(str_starts(STR("sip:a"), STR("sip:")));
	assert_false(str_starts(STR("SIP:a"), STR("sip:")));
	assert_false(str_starts(STR("si"), STR("sip:")));
	assert_true(str_starts_nocase(STR("SIP:a"), STR("sip:")));
	assert_true(str_ends_nocase(STR("a.EXAMPLE"), STR(".example")));
	assert_false(str_ends_nocase(STR("e"), STR(".example")));
	assert_true(str_contains_nocase(STR("xxABxx"), STR("ab")));
	assert_true(str_contains_nocase(STR_NONE, STR_NONE));
	assert_false(str_contains_nocase(STR("a"), STR("ab")));
}

static void becomes_a_c_string(void **state)
{
	char out[4];
	char *z;

	(void)state;
	assert_int_equal(str_to_z(STR("abc"), out, sizeof(out)), ERR_OK);
	assert_string_equal(out, "abc");
	assert_int_equal(str_to_z(STR("abcd"), out, sizeof(out)), ERR_LIMIT);
	assert_int_equal(str_to_z(STR("a\0b"), out, sizeof(out)), ERR_SYNTAX);
	assert_int_equal(str_to_z(STR_NONE, out, sizeof(out)), ERR_OK);
	assert_string_equal(out, "");
	z = str_dup_z(STR("abc"));
	assert_string_equal(z, "abc");
	free(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_whole_and_bounded),
		cmocka_unit_test(compares),
		cmocka_unit_test(cuts_and_trims),
		cmocka_unit_test(finds),
		cmocka_unit_test(becomes_a_c_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
