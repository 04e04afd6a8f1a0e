#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char golden[] = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
			     "abc\0\0";

static void writes_what_it_reads(void **state)
{
	unsigned char memory[20];
	struct wire_writer w = wire_writer_of(memory, sizeof(memory));
	struct wire_reader r;
	struct wire_reader part;

	(void)state;
	wire_write8(&w, 1);
	wire_write16(&w, 0);
	wire_write32(&w, 0x04050607);
	wire_write64(&w, 0x08090a0b0c0d0e0f);
	wire_write_str(&w, STR("abc"));
	wire_write_str(&w, STR_NONE);
	wire_write_zero(&w, 2);
	wire_patch16(&w, 1, 0x0203);
	assert_int_equal(w.err, ERR_OK);
	assert_int_equal(wire_written(&w), 20);
	assert_true(str_eq(wire_view(&w), str_of(golden, 20)));

	r = wire_reader_of(wire_view(&w));
	assert_int_equal(wire_read8(&r), 1);
	assert_int_equal(wire_read16(&r), 0x0203);
	assert_int_equal(wire_read32(&r), 0x04050607);
	assert_int_equal(wire_read64(&r), 0x08090a0b0c0d0e0f);
	part = wire_part(&r, 3);
	assert_true(str_eq(wire_read_bytes(&part, 3), STR("abc")));
	assert_int_equal(wire_reader_end(&part), ERR_OK);
	assert_int_equal(wire_position(&r), 18);
	wire_skip(&r, 2);
	assert_int_equal(wire_reader_end(&r), ERR_OK);
	wire_seek(&r, 1);
	assert_int_equal(wire_read8(&r), 2);
	assert_int_equal(wire_reader_end(&r), ERR_SYNTAX);
}

/* A number that is cut off is not read at all, and the failure stays. */
static void reading_past_the_end_fails(void **state)
{
	(void)state;
	for (size_t len = 0; len < 8; len++) {
		struct wire_reader r = wire_reader_of(str_of(golden, len));
		struct wire_reader part;

		assert_int_equal(wire_read64(&r), 0);
		assert_int_equal(r.err, ERR_SYNTAX);
		assert_int_equal(wire_left(&r), 0);
		assert_int_equal(wire_position(&r), 0);
		assert_int_equal(wire_read8(&r), 0);
		assert_true(str_empty(wire_read_bytes(&r, 0)));
		wire_seek(&r, 0);
		part = wire_part(&r, 1);
		assert_int_equal(wire_reader_end(&part), ERR_SYNTAX);
	}
}

static void lengths_from_outside_do_no_harm(void **state)
{
	static const size_t lengths[] = { 5, 1000, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct wire_reader r = wire_reader_of(str_of(golden, 4));
		struct wire_reader part;

		assert_true(str_empty(wire_read_bytes(&r, lengths[i])));
		assert_int_equal(r.err, ERR_SYNTAX);
		r = wire_reader_of(str_of(golden, 4));
		wire_seek(&r, lengths[i]);
		assert_int_equal(r.err, ERR_SYNTAX);
		r = wire_reader_of(str_of(golden, 4));
		part = wire_part(&r, lengths[i]);
		assert_int_equal(wire_left(&part), 0);
		assert_int_equal(wire_reader_end(&part), ERR_SYNTAX);
		assert_int_equal(wire_reader_end(&r), ERR_SYNTAX);
	}
}

static void nothing_is_written_past_the_end(void **state)
{
	unsigned char memory[4] = { 0, 0, 0, 0xee };
	struct wire_writer w = wire_writer_of(memory, 3);

	(void)state;
	wire_write32(&w, 0x01020304);
	assert_int_equal(w.err, ERR_LIMIT);
	wire_write8(&w, 1);
	assert_int_equal(wire_written(&w), 0);
	assert_true(str_empty(wire_view(&w)));

	w = wire_writer_of(memory, 3);
	wire_write16(&w, 0x0102);
	wire_write_bytes(&w, "xy", 2);
	assert_int_equal(w.err, ERR_LIMIT);
	w = wire_writer_of(memory, 3);
	wire_write_zero(&w, SIZE_MAX);
	assert_int_equal(w.err, ERR_LIMIT);
	assert_int_equal(memory[3], 0xee);
}

static void only_what_is_written_can_be_patched(void **state)
{
	static const size_t offsets[] = { 2, 3, 4, 1000, SIZE_MAX - 1, SIZE_MAX };
	unsigned char memory[8] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct wire_writer w = wire_writer_of(memory + 2, 6);

		wire_write8(&w, 0);
		wire_patch16(&w, 0, 0xffff);
		assert_int_equal(w.err, ERR_RANGE);
		w = wire_writer_of(memory + 2, 6);
		wire_write_zero(&w, 3);
		wire_patch16(&w, 1, 0xabcd);
		assert_int_equal(w.err, ERR_OK);
		wire_patch16(&w, offsets[i], 0xffff);
		assert_int_equal(w.err, ERR_RANGE);
	}
	assert_memory_equal(memory, "\0\0\0\xab\xcd\0\0\0", 8);
}

static void nothing_at_all_is_fine(void **state)
{
	struct wire_reader r = wire_reader_of(STR_NONE);
	struct wire_writer w = wire_writer_of(NULL, 0);

	(void)state;
	wire_seek(&r, 0);
	assert_true(str_empty(wire_read_bytes(&r, 0)));
	assert_int_equal(wire_reader_end(&r), ERR_OK);
	wire_write_str(&w, STR_NONE);
	wire_write_zero(&w, 0);
	assert_int_equal(w.err, ERR_OK);
	wire_write8(&w, 1);
	assert_int_equal(w.err, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(reading_past_the_end_fails),
		cmocka_unit_test(lengths_from_outside_do_no_harm),
		cmocka_unit_test(nothing_is_written_past_the_end),
		cmocka_unit_test(only_what_is_written_can_be_patched),
		cmocka_unit_test(nothing_at_all_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
