#include "base/buf.h"

#include "../alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define assert_buf(b, want) assert_true(str_eq(buf_view(b), str_from(want)))

static void writers_append(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_z(&b, "a");
	buf_char(&b, 'b');
	buf_str(&b, STR("cd"));
	buf_str(&b, STR_NONE);
	buf_number(&b, 0);
	buf_number(&b, UINT64_MAX);
	buf_printf(&b, "-%s-%d", "x", -1);
	assert_buf(&b, "abcd018446744073709551615-x--1");
	assert_string_equal(buf_cstr(&b), "abcd018446744073709551615-x--1");
	buf_drop(&b, 26);
	assert_buf(&b, "x--1");
	buf_drop(&b, 99);
	assert_buf(&b, "");
	assert_int_equal(b.err, ERR_OK);
	buf_fini(&b);
}

/* Whatever is written, exactly `limit` octets fit; the failure stays until buf_clear. */
static void the_limit_is_exact(void **state)
{
	static const size_t sizes[] = { 1, 255, 256, 257, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct buf b;

		buf_init(&b, sizes[i]);
		for (size_t n = 0; n < sizes[i]; n++)
			buf_char(&b, 'x');
		assert_int_equal(b.err, ERR_OK);
		assert_int_equal(b.len, sizes[i]);
		buf_char(&b, 'y');
		assert_int_equal(b.err, ERR_LIMIT);
		buf_drop(&b, 1);
		buf_char(&b, 'y');
		assert_int_equal(b.err, ERR_LIMIT);
		assert_int_equal(b.len, sizes[i] - 1);
		assert_null(buf_cstr(&b));
		assert_null(buf_take(&b));
		buf_clear(&b);
		buf_char(&b, 'z');
		assert_buf(&b, "z");
		buf_fini(&b);
	}
}

static void formatted_text_may_fill_it_to_the_last_octet(void **state)
{
	char memory[8];
	struct buf fixed;
	struct buf grown;

	(void)state;
	buf_wrap(&fixed, memory, 4);
	memory[4] = '!';
	buf_printf(&fixed, "%d", 1234);
	assert_buf(&fixed, "1234");
	assert_int_equal(memory[4], '!');
	buf_printf(&fixed, "%s", "");
	assert_int_equal(fixed.err, ERR_OK);
	buf_printf(&fixed, "%d", 5);
	assert_int_equal(fixed.err, ERR_LIMIT);
	buf_init(&grown, 4);
	buf_printf(&grown, "%d", 1234);
	assert_buf(&grown, "1234");
	buf_fini(&grown);
}

static void wrapped_memory_stays_the_callers(void **state)
{
	char memory[3];
	struct buf b;

	(void)state;
	buf_wrap(&b, memory, sizeof(memory));
	assert_ptr_equal(buf_room(&b, 3), memory);
	memory[0] = 'a';
	buf_advance(&b, 1);
	assert_null(buf_take(&b));
	assert_buf(&b, "a");
	assert_null(buf_room(&b, 3));
	assert_int_equal(b.err, ERR_LIMIT);
	buf_fini(&b);
	assert_int_equal(b.len, 0);
}

static void taken_memory_is_the_takers(void **state)
{
	struct buf b;
	char *text;

	(void)state;
	buf_init(&b, 100);
	buf_z(&b, "mine");
	text = buf_take(&b);
	assert_string_equal(text, "mine");
	assert_int_equal(b.len, 0);
	buf_z(&b, "next");
	assert_buf(&b, "next");
	assert_string_equal(text, "mine");
	free(text);
	buf_fini(&b);
}

static void write_much(void *arg)
{
	struct buf b;
	size_t want = 0;

	(void)arg;
	buf_init(&b, 10000);
	for (int i = 0; i < 100; i++) {
		buf_printf(&b, "line %02d of a text that grows\n", i);
		want = b.err == ERR_OK ? b.len : want;
	}
	assert_int_equal(b.err, alloc_fail_happened() ? ERR_NOMEM : ERR_OK);
	assert_int_equal(b.len, want);
	buf_fini(&b);
}

static void memory_may_run_out(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(write_much, NULL) >= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writers_append),
		cmocka_unit_test(the_limit_is_exact),
		cmocka_unit_test(formatted_text_may_fill_it_to_the_last_octet),
		cmocka_unit_test(wrapped_memory_stays_the_callers),
		cmocka_unit_test(taken_memory_is_the_takers),
		cmocka_unit_test(memory_may_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
