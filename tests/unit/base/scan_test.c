#include "base/scan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define assert_str(got, want) assert_true(str_eq((got), str_from(want)))

static void a_grammar_is_one_run_of_calls(void **state)
{
	const struct scan_set letters = scan_set(STR("abcdefghijklmnopqrstuvwxyz"));
	const struct scan_set blank = scan_set(STR(" \t"));
	struct scan s = scan_of(STR("move  12,rest;end"));

	(void)state;
	assert_str(scan_some(&s, &letters), "move");
	assert_str(scan_while(&s, &blank), "  ");
	assert_int_equal(scan_number(&s, 12), 12);
	assert_false(scan_accept(&s, ';'));
	scan_expect(&s, ',');
	assert_str(scan_until_char(&s, ';'), "rest");
	assert_int_equal(scan_peek(&s), ';');
	assert_str(scan_bytes(&s, 1), ";");
	assert_true(scan_accept_word(&s, STR("EN")));
	assert_int_equal(scan_left(&s), 1);
	assert_str(scan_rest(&s), "d");
	assert_true(scan_done(&s));
	assert_int_equal(scan_peek(&s), -1);
	assert_int_equal(scan_end(&s), ERR_OK);
}

/* After the first failure everything returns nothing and the failure stays. */
static void the_first_failure_stays(void **state)
{
	const struct scan_set digits = scan_set(STR("0123456789"));
	struct scan s = scan_of(STR("300 rest"));
	const char *at;

	(void)state;
	assert_int_equal(scan_number(&s, 255), 0);
	assert_int_equal(s.err, ERR_LIMIT);
	at = s.p;
	assert_int_equal(*at, ' ');
	scan_expect(&s, 'x');
	assert_false(scan_accept(&s, ' '));
	assert_false(scan_accept_word(&s, STR(" ")));
	assert_true(str_empty(scan_some(&s, &digits)));
	assert_true(str_empty(scan_while(&s, &digits)));
	assert_true(str_empty(scan_until(&s, &digits)));
	assert_true(str_empty(scan_until_char(&s, 't')));
	assert_true(str_empty(scan_bytes(&s, 1)));
	assert_true(str_empty(scan_rest(&s)));
	assert_int_equal(scan_number(&s, 9), 0);
	assert_int_equal(scan_peek(&s), -1);
	assert_ptr_equal(s.p, at);
	assert_int_equal(scan_end(&s), ERR_LIMIT);
}

static void failures_are_of_their_kind(void **state)
{
	const struct scan_set digits = scan_set(STR("0123456789"));
	struct scan s;

	(void)state;
	s = scan_of(STR("left"));
	assert_int_equal(scan_end(&s), ERR_SYNTAX);
	s = scan_of(STR("x"));
	(void)scan_some(&s, &digits);
	assert_int_equal(scan_end(&s), ERR_SYNTAX);
	s = scan_of(STR("x"));
	(void)scan_number(&s, 9);
	assert_int_equal(scan_end(&s), ERR_SYNTAX);
	s = scan_of(STR("abc"));
	assert_true(str_empty(scan_bytes(&s, 4)));
	assert_int_equal(scan_end(&s), ERR_SYNTAX);
	s = scan_of(STR_NONE);
	assert_true(str_empty(scan_rest(&s)));
	assert_true(str_empty(scan_until_char(&s, ';')));
	assert_int_equal(scan_end(&s), ERR_OK);
}

/* Octets beyond ASCII are members of a set like others. */
static void sets_have_all_octets(void **state)
{
	struct scan_set set = scan_set(STR("\0\x7f\x80\xff"));
	unsigned members = 0;

	(void)state;
	for (int c = 0; c < 256; c++)
		members += scan_set_has(&set, (char)c) ? 1 : 0;
	assert_int_equal(members, 4);
	assert_true(scan_set_has(&set, '\xff'));
	assert_false(scan_set_has(&set, '\xfe'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grammar_is_one_run_of_calls),
		cmocka_unit_test(the_first_failure_stays),
		cmocka_unit_test(failures_are_of_their_kind),
		cmocka_unit_test(sets_have_all_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
