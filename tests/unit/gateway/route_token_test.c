#include "gateway/route_token.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct str token_of(struct str key, struct str call_id, struct str tag, char *memory)
{
	struct buf b;

	buf_wrap(&b, memory, ROUTE_TOKEN_TEXT);
	assert_int_equal(route_token_write(key, call_id, tag, &b), ERR_OK);
	assert_int_equal(b.len, ROUTE_TOKEN_TEXT);
	return buf_view(&b);
}

/* Copied into another dialog, cut anew, forged, or under another key: it is none. */
static void a_token_is_for_one_dialog(void **state)
{
	char memory[ROUTE_TOKEN_TEXT];
	struct str key = STR("0123456789abcdef0123456789abcdef");
	struct str token = token_of(key, STR("call@a"), STR("tag"), memory);

	(void)state;
	assert_true(route_token_is(key, token, STR("call@a"), STR("tag")));
	assert_false(route_token_is(key, token, STR("call@b"), STR("tag")));
	assert_false(route_token_is(key, token, STR("call@a"), STR("tah")));
	assert_false(route_token_is(key, token, STR("call@"), STR("atag")));
	assert_false(route_token_is(key, token, STR("CALL@a"), STR("tag")));
	assert_false(route_token_is(key, token, STR("call@a"), STR_NONE));
	assert_false(route_token_is(STR("another key"), token, STR("call@a"), STR("tag")));
	assert_false(route_token_is(key, str_head(token, 15), STR("call@a"), STR("tag")));
	assert_false(route_token_is(key, STR_NONE, STR("call@a"), STR("tag")));
	for (size_t i = 0; i < ROUTE_TOKEN_TEXT; i++) {
		char old = memory[i];

		memory[i] = old == 'A' ? 'B' : 'A';
		assert_false(route_token_is(key, token, STR("call@a"), STR("tag")));
		memory[i] = old;
	}
}

/* It stands in a URI parameter, where only letters, digits, "-" and "_" need no escape anywhere. */
static void a_token_is_a_plain_word(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		char memory[ROUTE_TOKEN_TEXT];
		struct str tag = str_of("0123456789", (size_t)i % 10);
		struct str token = token_of(STR("key"), str_of((const char *)&i, sizeof(i)), tag,
		                            memory);

		for (size_t k = 0; k < token.len; k++)
			assert_non_null(strchr(
				"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
				token.p[k]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_for_one_dialog),
		cmocka_unit_test(a_token_is_a_plain_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
