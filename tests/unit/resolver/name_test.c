#include "resolver/name.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LABEL63 "abcdefghijklmnopqrstuvwxyz-0123456789_abcdefghijklmnopqrstuvwxy"
/* 3 * 64 + 61 = 253 octets of text: the longest name. */
#define LONGEST                         \
	LABEL63 "." LABEL63 "." LABEL63 \
		".abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwx0"

static void host_names_become_canonical(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		const char *out;
	} cases[] = {
		{ "b.example", ERR_OK, "b.example" },
		{ "B.Example.", ERR_OK, "b.example" },
		{ "_sip._udp.b.example", ERR_OK, "_sip._udp.b.example" },
		{ "localhost", ERR_OK, "localhost" },
		{ "xn--bcher-kva.example", ERR_OK, "xn--bcher-kva.example" },
		{ LABEL63, ERR_OK, LABEL63 },
		{ LONGEST, ERR_OK, LONGEST },
		{ LONGEST ".", ERR_OK, LONGEST },
		{ LONGEST "1", ERR_LIMIT, NULL },
		{ LABEL63 "x", ERR_LIMIT, NULL },
		{ "", ERR_SYNTAX, NULL },
		{ ".", ERR_SYNTAX, NULL },
		{ "a..b", ERR_SYNTAX, NULL },
		{ ".a", ERR_SYNTAX, NULL },
		{ "a..", ERR_SYNTAX, NULL },
		{ "a b", ERR_SYNTAX, NULL },
		{ "a\\046b", ERR_SYNTAX, NULL },
		{ "b\xc3\xbc"
		  "cher.example",
		  ERR_SYNTAX, NULL },
		{ "a/b", ERR_SYNTAX, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char out[NAME_TEXT_MAX];
		size_t len = 0;

		print_message("%s\n", cases[i].in);
		assert_int_equal(name_canonical(str_from(cases[i].in), out, &len), cases[i].want);
		if (cases[i].want == ERR_OK)
			assert_true(str_eq(str_of(out, len), str_from(cases[i].out)));
	}
}

static void what_is_written_is_read_again(void **state)
{
	static const char *const names[] = {
		"",
		"a",
		"b.example",
		"_sip._udp.b.example",
		"a\\046b.example",
		"\\000\\255.example",
		LONGEST,
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		unsigned char wire[NAME_WIRE_MAX];
		char text[NAME_TEXT_MAX];
		struct wire_writer w = wire_writer_of(wire, sizeof(wire));
		struct wire_reader r;

		name_write(&w, str_from(names[i]));
		assert_int_equal(w.err, ERR_OK);
		r = wire_reader_of(wire_view(&w));
		assert_true(str_eq(name_read(&r, text), str_from(names[i])));
		assert_int_equal(wire_reader_end(&r), ERR_OK);
	}
}

static void bad_names_are_not_written(void **state)
{
	static const struct {
		const char *in;
		enum err want;
	} cases[] = {
		{ "a..b", ERR_SYNTAX },     { ".a", ERR_SYNTAX },       { "a.", ERR_SYNTAX },
		{ "a\\25", ERR_SYNTAX },    { "a\\256", ERR_SYNTAX },   { "a\\x41", ERR_SYNTAX },
		{ LABEL63 "x", ERR_LIMIT }, { LONGEST "1", ERR_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		unsigned char wire[1024];
		struct wire_writer w = wire_writer_of(wire, sizeof(wire));

		print_message("%s\n", cases[i].in);
		name_write(&w, str_from(cases[i].in));
		assert_int_equal(w.err, cases[i].want);
	}
}

/* Packets of names alone; reading begins at `at`, and ends at `end`. */
static void compression(void **state)
{
	static const struct {
		struct str packet;
		size_t at;
		const char *want; /* NULL: ERR_SYNTAX */
		size_t end;
	} cases[] = {
		{ STR_INIT("\x01"
		           "a\x00\x01"
		           "b\xc0\x00"),
		  3, "b.a", 7 },
		{ STR_INIT("\x01"
		           "A\x00\xc0\x00"),
		  3, "a", 5 },
		{ STR_INIT("\xc0\x00"), 0, NULL, 0 },         /* at itself */
		{ STR_INIT("\xc0\x02\xc0\x00"), 2, NULL, 0 }, /* a circle */
		{ STR_INIT("\x01"
		           "a\xc0\x00"),
		  0, NULL, 0 }, /* into the name that it ends */
		{ STR_INIT("\x01"
		           "a\xc0\x06\x00\x00\x01"
		           "b\x00"),
		  0, NULL, 0 },                   /* forwards */
		{ STR_INIT("\xc0"), 0, NULL, 0 }, /* half a pointer */
		{ STR_INIT("\x40"
		           "a\x00"),
		  0, NULL, 0 }, /* a label type that there isn't */
		{ STR_INIT("\x80"
		           "a\x00"),
		  0, NULL, 0 },
		{ STR_INIT("\x05"
		           "abc"),
		  0, NULL, 0 }, /* cut off */
		{ STR_INIT("\x01"
		           "a"),
		  0, NULL, 0 },
		{ STR_INIT(""), 0, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct wire_reader r = wire_reader_of(cases[i].packet);
		char text[NAME_TEXT_MAX];
		struct str name;

		print_message("case %zu\n", i);
		wire_seek(&r, cases[i].at);
		name = name_read(&r, text);
		assert_int_equal(r.err, cases[i].want == NULL ? ERR_SYNTAX : ERR_OK);
		if (cases[i].want == NULL)
			continue;
		assert_true(str_eq(name, str_from(cases[i].want)));
		assert_int_equal(wire_position(&r), cases[i].end);
	}
}

/* Pointers may make a name longer than 255 octets; the reader stops there. */
static void too_long_by_compression(void **state)
{
	unsigned char packet[1024] = { 0 };
	struct wire_writer w = wire_writer_of(packet, sizeof(packet));
	struct wire_reader r;
	char text[NAME_TEXT_MAX];

	(void)state;
	wire_write8(&w, 0);
	for (size_t i = 0; i < 6; i++) {
		wire_write8(&w, 63);
		for (size_t k = 0; k < 63; k++)
			wire_write8(&w, 0xff); /* four octets of text each */
		wire_write16(&w, (uint16_t)(0xc000 | (i == 0 ? 0 : 1 + (i - 1) * 66)));
	}
	for (size_t i = 0; i < 6; i++) {
		r = wire_reader_of(wire_view(&w));
		wire_seek(&r, 1 + i * 66);
		(void)name_read(&r, text);
		assert_int_equal(r.err, i < 3 ? ERR_OK : ERR_SYNTAX);
	}
}

static void special_names(void **state)
{
	(void)state;
	assert_true(name_is_localhost(STR("localhost")));
	assert_true(name_is_localhost(STR("a.localhost")));
	assert_false(name_is_localhost(STR("notlocalhost")));
	assert_false(name_is_localhost(STR("localhost.example")));
	assert_true(name_is_invalid(STR("invalid")));
	assert_true(name_is_invalid(STR("a.b.invalid")));
	assert_false(name_is_invalid(STR("isinvalid")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_names_become_canonical),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(bad_names_are_not_written),
		cmocka_unit_test(compression),
		cmocka_unit_test(too_long_by_compression),
		cmocka_unit_test(special_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
