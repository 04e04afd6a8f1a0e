#include "gateway/cli_csv.h"

#include "base/buf.h"

#include "tests/unit/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CAP 3

static const struct {
	const char *in;
	enum err want;
	const char *out;
} cases[] = {
	{ "a,b", ERR_OK, "<a><b>" },
	{ "a", ERR_OK, "<a>" },
	{ "", ERR_OK, "<>" },
	{ ",", ERR_OK, "<><>" },
	{ "a,b,", ERR_OK, "<a><b><>" },
	{ "a,b,c,d", ERR_LIMIT, NULL },
	{ " a , b ", ERR_OK, "< a >< b >" }, /* RFC 4180 2: spaces are part of a field */
	{ "\"a\",\"b\"", ERR_OK, "<a><b>" },
	{ "\"a,b\",c", ERR_OK, "<a,b><c>" },
	{ "\"a\"\"b\"", ERR_OK, "<a\"b>" },
	{ "\"\"\"\"", ERR_OK, "<\">" },
	{ "\"\"", ERR_OK, "<>" },
	{ "\"a", ERR_SYNTAX, NULL },
	{ "\"a\"b", ERR_SYNTAX, NULL },
	{ "a\"b", ERR_SYNTAX, NULL },
	{ "\"a\"\"", ERR_SYNTAX, NULL },
	{ "\"", ERR_SYNTAX, NULL },
};

static void splits_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str fields[CAP];
		struct arena arena;
		struct buf got;
		size_t count;
		enum err e;

		arena_init(&arena, NULL, 0, 65536);
		buf_init(&got, 1024);
		e = csv_split(str_from(cases[i].in), &arena, fields, CAP, &count);
		if (e != cases[i].want)
			fail_msg("%s: %s", cases[i].in, err_text(e));
		for (size_t k = 0; e == ERR_OK && k < count; k++)
			buf_printf(&got, "<%.*s>", STR_ARG(fields[k]));
		if (e == ERR_OK && !str_eq(buf_view(&got), str_from(cases[i].out)))
			fail_msg("%s: %.*s", cases[i].in, STR_ARG(buf_view(&got)));
		buf_fini(&got);
		arena_fini(&arena);
	}
}

static void split(void *arg)
{
	struct str fields[CAP];
	struct arena arena;
	size_t count;
	enum err e;

	(void)arg;
	arena_init(&arena, NULL, 0, 65536);
	e = csv_split(STR("\"a\",\"b\""), &arena, fields, CAP, &count);
	assert_int_equal(e, alloc_fail_happened() ? ERR_NOMEM : ERR_OK);
	arena_fini(&arena);
}

static void memory_may_run_out(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(split, NULL) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_lines),
		cmocka_unit_test(memory_may_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
