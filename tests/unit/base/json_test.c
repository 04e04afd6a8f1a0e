#include "base/json.h"

#include "tests/unit/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CAP 4

static const struct {
	const char *in;
	enum err want;
	const char *out; /* what was read, each in brackets */
} reads[] = {
	{ "[]", ERR_OK, "" },
	{ " [ \"a\" ,\t\"b\"\r\n] ", ERR_OK, "<a><b>" },
	{ "[\"\"]", ERR_OK, "<>" },
	{ "[\"a\\\"b\\\\c\\/d\"]", ERR_OK, "<a\"b\\c/d>" },
	{ "[\"\\\\\"]", ERR_OK, "<\\>" },
	{ "[\"\\\\\", \"x\"]", ERR_OK, "<\\><x>" },
	{ "[\"\\b\\f\\n\\r\\t\"]", ERR_OK, "<\b\f\n\r\t>" },
	{ "[\"\\u00e9\\u20AC\"]", ERR_OK, "<\xc3\xa9\xe2\x82\xac>" },
	{ "[\"\\ud83d\\ude00\"]", ERR_OK, "<\xf0\x9f\x98\x80>" },
	{ "[\"\xc3\xa9\xf0\x9f\x98\x80\"]", ERR_OK, "<\xc3\xa9\xf0\x9f\x98\x80>" },
	{ "[\"\x7f\"]", ERR_OK, "<\x7f>" },
	{ "[\"1\",\"2\",\"3\",\"4\"]", ERR_OK, "<1><2><3><4>" },
	{ "[\"1\",\"2\",\"3\",\"4\",\"5\"]", ERR_LIMIT, NULL },
	{ "", ERR_SYNTAX, NULL },
	{ "[", ERR_SYNTAX, NULL },
	{ "[\"", ERR_SYNTAX, NULL },
	{ "[\"a", ERR_SYNTAX, NULL },
	{ "[\"a\"", ERR_SYNTAX, NULL },
	{ "[\"a\",]", ERR_SYNTAX, NULL },
	{ "[,\"a\"]", ERR_SYNTAX, NULL },
	{ "[\"a\" \"b\"]", ERR_SYNTAX, NULL },
	{ "[\"a\"]]", ERR_SYNTAX, NULL },
	{ "[1]", ERR_SYNTAX, NULL },
	{ "[null]", ERR_SYNTAX, NULL },
	{ "[[]]", ERR_SYNTAX, NULL },
	{ "{}", ERR_SYNTAX, NULL },
	{ "\"a\"", ERR_SYNTAX, NULL },
	{ "[\"\\\"]", ERR_SYNTAX, NULL },
	{ "[\"\\x\"]", ERR_SYNTAX, NULL },
	{ "[\"\\u12\"]", ERR_SYNTAX, NULL },
	{ "[\"\\u12g4\"]", ERR_SYNTAX, NULL },
	{ "[\"\\ud83d\"]", ERR_SYNTAX, NULL }, /* half a character */
	{ "[\"\\ud83d\\u0041\"]", ERR_SYNTAX, NULL },
	{ "[\"\\ude00\"]", ERR_SYNTAX, NULL },
	{ "[\"a\nb\"]", ERR_SYNTAX, NULL }, /* must be escaped */
	{ "[\"\xff\"]", ERR_SYNTAX, NULL },
	{ "[\"\xc0\x80\"]", ERR_SYNTAX, NULL },         /* over-long */
	{ "[\"\xed\xa0\x80\"]", ERR_SYNTAX, NULL },     /* a surrogate */
	{ "[\"\xf4\x90\x80\x80\"]", ERR_SYNTAX, NULL }, /* beyond U+10FFFF */
	{ "[\"\xe2\x82\"]", ERR_SYNTAX, NULL },         /* cut */
};

static void reads_arrays_of_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		struct str items[CAP];
		struct arena arena;
		struct buf got;
		size_t count;
		enum err e;

		arena_init(&arena, NULL, 0, 65536);
		e = json_read_strs(str_from(reads[i].in), &arena, items, CAP, &count);
		if (e != reads[i].want)
			fail_msg("%s: %s", reads[i].in, err_text(e));
		buf_init(&got, 1024);
		for (size_t k = 0; e == ERR_OK && k < count; k++)
			buf_printf(&got, "<%.*s>", STR_ARG(items[k]));
		if (e == ERR_OK && !str_eq(buf_view(&got), str_from(reads[i].out)))
			fail_msg("%s: %.*s", reads[i].in, STR_ARG(buf_view(&got)));
		buf_fini(&got);
		arena_fini(&arena);
	}
}

static void a_string_may_hold_nul(void **state)
{
	struct arena arena;
	struct str item;
	size_t count;

	(void)state;
	arena_init(&arena, NULL, 0, 65536);
	assert_int_equal(json_read_strs(STR("[\"a\\u0000b\"]"), &arena, &item, 1, &count), ERR_OK);
	assert_true(str_eq(item, STR("a\0b")));
	arena_fini(&arena);
}

static const struct {
	struct str in;
	const char *out;
} strings[] = {
	{ STR_INIT("plain"), "\"plain\"" },
	{ STR_INIT(""), "\"\"" },
	{ STR_INIT("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"" },
	{ STR_INIT("a\nb\tc\x7f"), "\"a\\nb\\u0009c\\u007f\"" },
	{ STR_INIT("\0"), "\"\\u0000\"" },
	{ STR_INIT("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
	{ STR_INIT("\xc3"), "\"\\u00c3\"" },
	{ STR_INIT("\xff\xc3\xa9\xe2\x82"), "\"\\u00ff\xc3\xa9\\u00e2\\u0082\"" },
};

static void writes_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct buf b;
		struct json j;

		buf_init(&b, 1024);
		j = json_to(&b);
		json_str(&j, NULL, strings[i].in);
		if (!str_eq(buf_view(&b), str_from(strings[i].out)))
			fail_msg("%s became %.*s", strings[i].out, STR_ARG(buf_view(&b)));
		buf_fini(&b);
	}
}

static void write_some(struct json *j)
{
	const struct str both[] = { STR("x"), STR("y") };

	json_begin(j, NULL, '{');
	json_number(j, "n", -5);
	json_bool(j, "b", true);
	json_null(j, "z");
	json_known(j, "k", STR_NONE);
	json_known(j, "l", STR("v"));
	json_strs(j, "s", both, 2);
	json_strs(j, "e", NULL, 0);
	json_begin(j, "q", '[');
	json_thousandths(j, NULL, 0);
	json_thousandths(j, NULL, 1000);
	json_thousandths(j, NULL, 500);
	json_thousandths(j, NULL, 70);
	json_thousandths(j, NULL, 1);
	json_thousandths(j, NULL, 2345);
	json_end(j, ']');
	json_begin(j, "o", '{');
	json_end(j, '}');
	json_end(j, '}');
}

static void commas_come_by_themselves(void **state)
{
	static const char want[] =
		"{\"n\": -5, \"b\": true, \"z\": null, \"k\": null, \"l\": \"v\", \"s\": [\"x\", \"y\"], \"e\": [], "
		"\"q\": [0, 1, 0.5, 0.07, 0.001, 2.345], \"o\": {}}";
	struct buf b;
	struct json j;

	(void)state;
	buf_init(&b, 4096);
	j = json_to(&b);
	write_some(&j);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

static void elements_may_stand_on_lines(void **state)
{
	struct buf b;
	struct json j;

	(void)state;
	buf_init(&b, 4096);
	j = json_to(&b);
	j.lines = true;
	json_begin(&j, NULL, '[');
	json_end(&j, ']');
	assert_string_equal(buf_cstr(&b), "[]");
	buf_clear(&b);
	j = json_to(&b);
	j.lines = true;
	json_begin(&j, NULL, '[');
	for (int i = 0; i < 2; i++) {
		json_begin(&j, NULL, '{');
		json_number(&j, "a", i);
		json_number(&j, "b", i);
		json_end(&j, '}');
	}
	json_end(&j, ']');
	assert_string_equal(buf_cstr(&b), "[\n{\"a\": 0, \"b\": 0},\n{\"a\": 1, \"b\": 1}\n]");
	buf_fini(&b);
}

/* What is written is read again, whatever UTF-8 it is. */
static void written_and_read_is_the_same(void **state)
{
	char text[4 * 1024];
	size_t len = 0;
	struct arena arena;
	struct buf b;
	struct json j;
	struct str in;
	struct str item;
	size_t count;

	(void)state;
	for (unsigned c = 0; c < 0x800 && len + 2 < sizeof(text); c++) {
		if (c < 0x80) {
			text[len++] = (char)c;
		} else {
			text[len++] = (char)(0xc0 | c >> 6);
			text[len++] = (char)(0x80 | (c & 0x3f));
		}
	}
	in = str_of(text, len);
	buf_init(&b, 65536);
	j = json_to(&b);
	json_strs(&j, NULL, &in, 1);
	arena_init(&arena, NULL, 0, 65536);
	assert_int_equal(json_read_strs(buf_view(&b), &arena, &item, 1, &count), ERR_OK);
	assert_true(str_eq(item, in));
	arena_fini(&arena);
	buf_fini(&b);
}

static void read_and_write(void *arg)
{
	struct str items[CAP];
	struct arena arena;
	struct buf b;
	struct json j;
	size_t count;
	enum err e;

	(void)arg;
	arena_init(&arena, NULL, 0, 65536);
	buf_init(&b, 65536);
	e = json_read_strs(STR("[\"a\", \"b\\n\"]"), &arena, items, CAP, &count);
	j = json_to(&b);
	write_some(&j);
	if (!alloc_fail_happened()) {
		assert_int_equal(e, ERR_OK);
		assert_int_equal(b.err, ERR_OK);
	} else {
		assert_true(e == ERR_NOMEM || b.err == ERR_NOMEM);
	}
	buf_fini(&b);
	arena_fini(&arena);
}

static void memory_may_run_out(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(read_and_write, NULL) >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_arrays_of_strings),
		cmocka_unit_test(a_string_may_hold_nul),
		cmocka_unit_test(writes_strings),
		cmocka_unit_test(commas_come_by_themselves),
		cmocka_unit_test(elements_may_stand_on_lines),
		cmocka_unit_test(written_and_read_is_the_same),
		cmocka_unit_test(memory_may_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
