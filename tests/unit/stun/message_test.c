#include "stun/message.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "stun/crc32.h"
#include "stun/stun.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SHORT_TERM "VOkJxbRl1RmTxUk/WvJxBt"
#define MATRIX_USER "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"
#define ID "0123456789ab"
#define COOKIE "\x21\x12\xa4\x42"

/* ---------------------------------------------------------------------------- vectors */

/* The key of long-term credentials (9.2.2): user, realm and password joined. */
static struct str long_term(enum crypto_digest kind, unsigned char out[CRYPTO_DIGEST_MAX])
{
	struct str parts[] = { STR(MATRIX_USER), STR("example.org"), STR("TheMatrIX") };

	return str_of((char *)out, crypto_digest(kind, parts, COUNT_OF(parts), ':', out));
}

static void checks_the_vectors(void **state)
{
	enum { SHORT, LONG_MD5, LONG_SHA256 };
	static const struct {
		const char *file;
		int key;
		enum stun_check fingerprint;
		enum stun_check integrity;
		enum stun_check integrity_sha256;
	} rows[] = {
		{ "rfc5769-2.1-request.bin", SHORT, STUN_RIGHT, STUN_RIGHT, STUN_ABSENT },
		{ "rfc5769-2.2-ipv4-response.bin", SHORT, STUN_RIGHT, STUN_RIGHT, STUN_ABSENT },
		{ "rfc5769-2.3-ipv6-response.bin", SHORT, STUN_RIGHT, STUN_RIGHT, STUN_ABSENT },
		{ "rfc5769-2.4-long-term-request.bin", LONG_MD5, STUN_ABSENT, STUN_RIGHT,
		  STUN_ABSENT },
		{ "rfc8489-b1-request-sha256.bin", LONG_SHA256, STUN_ABSENT, STUN_ABSENT,
		  STUN_RIGHT },
		{ "neg-integrity-bit.bin", SHORT, STUN_WRONG, STUN_WRONG, STUN_ABSENT },
		{ "neg-fingerprint.bin", SHORT, STUN_WRONG, STUN_RIGHT, STUN_ABSENT },
		{ "plain-binding.bin", SHORT, STUN_ABSENT, STUN_ABSENT, STUN_ABSENT },
	};
	unsigned char memory[CRYPTO_DIGEST_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = vector_read(rows[i].file);
		struct str key = STR(SHORT_TERM);
		struct stun_message msg;

		print_message("%s\n", rows[i].file);
		if (rows[i].key != SHORT)
			key = long_term(rows[i].key == LONG_MD5 ? CRYPTO_DIGEST_MD5
			                                        : CRYPTO_DIGEST_SHA256,
			                memory);
		assert_int_equal(stun_parse(&msg, in), ERR_OK);
		assert_int_equal(stun_check_fingerprint(&msg), rows[i].fingerprint);
		assert_int_equal(stun_check_integrity(&msg, STUN_INTEGRITY, key),
		                 rows[i].integrity);
		assert_int_equal(stun_check_integrity(&msg, STUN_INTEGRITY_SHA256, key),
		                 rows[i].integrity_sha256);
		if (rows[i].integrity == STUN_RIGHT)
			assert_int_equal(stun_check_integrity(&msg, STUN_INTEGRITY, STR("wrong")),
			                 STUN_WRONG);
		vector_free(in);
	}
}

static void assert_value(const struct stun_message *msg, enum stun_attribute_type type,
                         struct str want)
{
	struct stun_attribute found;

	assert_true(stun_find(msg, type, &found));
	assert_int_equal(found.value.len, want.len);
	assert_memory_equal(found.value.p, want.p, want.len);
}

static void reads_what_the_vectors_say(void **state)
{
	struct str in = vector_read("rfc5769-2.1-request.bin");
	struct stun_message msg;

	(void)state;
	assert_int_equal(stun_parse(&msg, in), ERR_OK);
	assert_int_equal(msg.class, STUN_REQUEST);
	assert_int_equal(msg.method, STUN_BINDING);
	assert_true(msg.cookie);
	assert_value(&msg, STUN_SOFTWARE, STR("STUN test client"));
	assert_value(&msg, STUN_USERNAME, STR("evtj:h6vY"));
	assert_value(&msg, (enum stun_attribute_type)0x0024, STR("\x6e\x00\x01\xff"));
	assert_value(&msg, (enum stun_attribute_type)0x8029,
	             STR("\x93\x2f\xf9\xb1\x51\x26\x3b\x36"));
	vector_free(in);

	in = vector_read("rfc5769-2.4-long-term-request.bin");
	assert_int_equal(stun_parse(&msg, in), ERR_OK);
	assert_value(&msg, STUN_USERNAME, STR(MATRIX_USER));
	assert_value(&msg, STUN_REALM, STR("example.org"));
	assert_value(&msg, STUN_NONCE, STR("f//499k954d6OL34oL9FSTvy64sA"));
	vector_free(in);
}

static void reads_the_mapped_addresses(void **state)
{
	static const struct {
		const char *file;
		const char *address;
	} rows[] = {
		{ "rfc5769-2.2-ipv4-response.bin", "192.0.2.1:32853" },
		{ "rfc5769-2.3-ipv6-response.bin", "[2001:db8:1234:5678:11:2233:4455:6677]:32853" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = vector_read(rows[i].file);
		struct stun_attribute found;
		struct stun_message msg;
		char text[ADDR_TEXT];
		struct addr addr;

		assert_int_equal(stun_parse(&msg, in), ERR_OK);
		assert_int_equal(msg.class, STUN_SUCCESS);
		assert_true(stun_find(&msg, STUN_XOR_MAPPED_ADDRESS, &found));
		assert_int_equal(stun_read_address(found.value, stun_id(&msg), &addr), ERR_OK);
		assert_string_equal(addr_text(&addr, text), rows[i].address);
		assert_value(&msg, STUN_SOFTWARE, STR("test vector"));
		vector_free(in);
	}
}

/* ---------------------------------------------------------------------------- malformed */

static void refuses_what_is_malformed(void **state)
{
	static const struct {
		struct str in;
		enum err want;
	} rows[] = {
		{ STR_INIT(""), ERR_SYNTAX },
		{ STR_INIT("\0"), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\0" COOKIE "0123456789a"), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\0" COOKIE ID), ERR_OK },
		{ STR_INIT("\0\1\0\0" COOKIE ID "\0"), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\0" COOKIE ID "\x80\x22\0\0"), ERR_SYNTAX },
		{ STR_INIT("\x40\1\0\0" COOKIE ID), ERR_SYNTAX },
		{ STR_INIT("\x80\1\0\0" COOKIE ID), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\4" COOKIE ID), ERR_SYNTAX },
		{ STR_INIT("\0\1\xff\xfc" COOKIE ID), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\1" COOKIE ID "\0"), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\2" COOKIE ID "\0\0"), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\4" COOKIE ID "\x80\x22\0\0"), ERR_OK },
		{ STR_INIT("\0\1\0\4" COOKIE ID "\x80\x22\0\1"), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\4" COOKIE ID "\x80\x22\xff\xff"), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\x08" COOKIE ID "\x80\x22\0\1aaaa"), ERR_OK },
		{ STR_INIT("\0\1\0\x08" COOKIE ID "\x80\x22\0\5aaaa"), ERR_SYNTAX },
		{ STR_INIT("\0\1\0\x0c" COOKIE ID "\x80\x22\0\1aaaa\x80\x22\0\4"), ERR_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = vector_copy(rows[i].in);
		struct stun_message msg;

		print_message("row %zu\n", i);
		assert_int_equal(stun_parse(&msg, in), rows[i].want);
		vector_free(in);
	}
}

static void reads_classes_and_methods(void **state)
{
	static const struct {
		uint16_t type;
		enum stun_class class;
		uint16_t method;
	} rows[] = {
		{ 0x0001, STUN_REQUEST, 1 },    { 0x0011, STUN_INDICATION, 1 },
		{ 0x0101, STUN_SUCCESS, 1 },    { 0x0111, STUN_ERROR, 1 },
		{ 0x0003, STUN_REQUEST, 3 },    { 0x3eef, STUN_REQUEST, 0xfff },
		{ 0x3fff, STUN_ERROR, 0xfff },  { 0x0020, STUN_REQUEST, 0x10 },
		{ 0x0200, STUN_REQUEST, 0x80 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = vector_copy(STR("\0\1\0\0" COOKIE ID));
		struct stun_message msg;

		vector_octets(in)[0] = (char)(rows[i].type >> 8);
		vector_octets(in)[1] = (char)rows[i].type;
		assert_int_equal(stun_parse(&msg, in), ERR_OK);
		assert_int_equal(msg.class, rows[i].class);
		assert_int_equal(msg.method, rows[i].method);
		vector_free(in);
	}
}

static void refuses_addresses_that_are_none(void **state)
{
	static const struct {
		struct str value;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ STR_INIT(""), NULL },
		{ STR_INIT("\0\1\0"), NULL },
		{ STR_INIT("\0\1\x13\xc4\xc0\0\2"), NULL },
		{ STR_INIT("\0\1\x13\xc4\xc0\0\2\1"), "192.0.2.1:5060" },
		{ STR_INIT("\xff\1\x13\xc4\xc0\0\2\1"), "192.0.2.1:5060" },
		{ STR_INIT("\0\1\x13\xc4\xc0\0\2\1\0"), NULL },
		{ STR_INIT("\0\2\x13\xc4\xc0\0\2\1"), NULL },
		{ STR_INIT("\0\0\x13\xc4\xc0\0\2\1"), NULL },
		{ STR_INIT("\0\3\x13\xc4\xc0\0\2\1"), NULL },
		{ STR_INIT("\0\2\x13\xc4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
		  "[2001:db8::1]:5060" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = vector_copy(rows[i].value);
		char text[ADDR_TEXT];
		struct addr addr;

		print_message("row %zu\n", i);
		assert_int_equal(stun_read_address(in, NULL, &addr),
		                 rows[i].want == NULL ? ERR_SYNTAX : ERR_OK);
		if (rows[i].want != NULL)
			assert_string_equal(addr_text(&addr, text), rows[i].want);
		vector_free(in);
	}
}

static void refuses_codes_that_are_none(void **state)
{
	static const struct {
		struct str value;
		enum err want;
		unsigned code;
	} rows[] = {
		{ STR_INIT(""), ERR_SYNTAX, 0 },
		{ STR_INIT("\0\0\4"), ERR_SYNTAX, 0 },
		{ STR_INIT("\0\0\4\x14"), ERR_OK, 420 },
		{ STR_INIT("\0\0\4\x14why"), ERR_OK, 420 },
		{ STR_INIT("\xff\xff\xfc\x14why"), ERR_OK, 420 },
		{ STR_INIT("\0\0\2\0"), ERR_SYNTAX, 0 },
		{ STR_INIT("\0\0\3\0"), ERR_OK, 300 },
		{ STR_INIT("\0\0\6\x63"), ERR_OK, 699 },
		{ STR_INIT("\0\0\6\x64"), ERR_SYNTAX, 0 },
		{ STR_INIT("\0\0\7\0"), ERR_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		unsigned code;
		struct str reason;

		print_message("row %zu\n", i);
		assert_int_equal(stun_read_error(rows[i].value, &code, &reason), rows[i].want);
		if (rows[i].want == ERR_OK) {
			assert_int_equal(code, rows[i].code);
			assert_int_equal(reason.len, rows[i].value.len - 4);
		}
	}
}

/* ---------------------------------------------------------------------------- which attributes count */

/* Attributes as a text: an octet each, the low one of its type, Z for FINGERPRINT; none has a value. */
static void ignores_what_follows_integrity(void **state)
{
	static const struct {
		struct str types;
		struct str want;
	} rows[] = {
		{ STR_INIT("\x06\x08\x24"), STR_INIT("\x06\x08") },
		{ STR_INIT("\x06\x08\x1c"), STR_INIT("\x06\x08\x1c") },
		{ STR_INIT("\x08\x1c\x06Z"), STR_INIT("\x08\x1cZ") },
		{ STR_INIT("\x1c\x08\x06Z"), STR_INIT("\x1cZ") },
		{ STR_INIT("\x08\x08\x1c\x1cZ\x06"), STR_INIT("\x08\x1cZ") },
		{ STR_INIT("\x08\x06\x1c\x24"), STR_INIT("\x08\x1c") },
		{ STR_INIT("\x06\x24"), STR_INIT("\x06\x24") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char bytes[STUN_HEADER + 64] = "\0\1\0\0" COOKIE ID;
		struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
		struct stun_attribute attribute;
		struct stun_message msg;
		struct stun_cursor c;

		stun_write_begin(&w, STUN_REQUEST, (const unsigned char *)bytes + 4);
		for (size_t k = 0; k < rows[i].types.len; k++) {
			char octet = rows[i].types.p[k];

			wire_write16(&w, octet == 'Z' ? STUN_FINGERPRINT : (unsigned char)octet);
			wire_write16(&w, 0);
		}
		stun_write_end(&w);
		assert_int_equal(stun_parse(&msg, wire_view(&w)), ERR_OK);
		c = stun_attributes(&msg);
		for (size_t k = 0; k < rows[i].want.len; k++) {
			char octet = rows[i].want.p[k];

			print_message("row %zu, attribute %zu\n", i, k);
			assert_true(stun_next(&c, &attribute));
			assert_int_equal(attribute.type,
			                 octet == 'Z' ? STUN_FINGERPRINT : (unsigned char)octet);
		}
		assert_false(stun_next(&c, &attribute));
	}
}

static void knows_what_must_be_understood(void **state)
{
	static const struct {
		uint16_t type;
		bool in_request;
		bool in_success;
	} rows[] = {
		{ 0x0000, true, true },   { 0x0001, false, false }, { 0x0002, true, true },
		{ 0x0003, true, true },   { 0x0004, true, false },  { 0x0006, false, false },
		{ 0x0020, false, false }, { 0x7fff, true, true },   { 0x8000, false, false },
		{ 0x8022, false, false }, { 0xffff, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(stun_is_unknown(rows[i].type, STUN_REQUEST), rows[i].in_request);
		assert_int_equal(stun_is_unknown(rows[i].type, STUN_SUCCESS), rows[i].in_success);
		assert_int_equal(stun_is_unknown(rows[i].type, STUN_ERROR), rows[i].in_success);
	}
}

/* ---------------------------------------------------------------------------- integrity, checksum */

/* SHA-256 may be cut to 16 octets, in whole words (14.6). */
static void takes_shortened_integrity(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 40; len += 4) {
		char bytes[STUN_HEADER + 4 + 40];
		struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
		unsigned char digest[CRYPTO_DIGEST_MAX] = { 0 };
		struct stun_message msg;
		struct str view;
		bool right = len >= 16 && len <= 32;

		stun_write_begin(&w, STUN_REQUEST, (const unsigned char *)COOKIE ID);
		wire_patch16(&w, 2, (uint16_t)(4 + len));
		view = wire_view(&w);
		assert_int_equal(crypto_hmac(CRYPTO_DIGEST_SHA256, STR("key"), &view, 1, digest),
		                 32);
		stun_write_text(&w, STUN_INTEGRITY_SHA256, str_of((char *)digest, len), false);
		stun_write_end(&w);
		assert_int_equal(stun_parse(&msg, wire_view(&w)), ERR_OK);
		assert_int_equal(stun_check_integrity(&msg, STUN_INTEGRITY_SHA256, STR("key")),
		                 right ? STUN_RIGHT : STUN_WRONG);
	}
}

static void refuses_a_fingerprint_that_is_not_last(void **state)
{
	char bytes[STUN_HEADER + 16];
	struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
	struct stun_message msg;

	(void)state;
	stun_write_begin(&w, STUN_REQUEST, (const unsigned char *)COOKIE ID);
	stun_write_fingerprint(&w);
	stun_write_end(&w);
	assert_int_equal(stun_parse(&msg, wire_view(&w)), ERR_OK);
	assert_int_equal(stun_check_fingerprint(&msg), STUN_RIGHT);
	stun_write_text(&w, STUN_SOFTWARE, STR(""), false);
	stun_write_end(&w);
	assert_int_equal(stun_parse(&msg, wire_view(&w)), ERR_OK);
	assert_int_equal(stun_check_fingerprint(&msg), STUN_WRONG);
}

static void counts_crc32(void **state)
{
	static const struct {
		const char *in;
		uint32_t want;
	} rows[] = { { "", 0 }, { "a", 0xe8b7be43 }, { "123456789", 0xcbf43926 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(stun_crc32(str_from(rows[i].in)), rows[i].want);
}

/* RFC 2202 2, RFC 4231 4.3, and a key of no octets. */
static void counts_hmac(void **state)
{
	struct str parts[] = { STR("what do ya want "), STR(""), STR("for nothing?") };
	unsigned char digest[CRYPTO_DIGEST_MAX];

	(void)state;
	assert_int_equal(crypto_hmac(CRYPTO_DIGEST_SHA1, STR("Jefe"), parts, 3, digest), 20);
	assert_memory_equal(
		digest,
		"\xef\xfc\xdf\x6a\xe5\xeb\x2f\xa2\xd2\x74\x16\xd5\xf1\x84\xdf\x9c\x25\x9a\x7c\x79",
		20);
	assert_int_equal(crypto_hmac(CRYPTO_DIGEST_SHA256, STR("Jefe"), parts, 3, digest), 32);
	assert_memory_equal(digest,
	                    "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7", 16);
	assert_int_equal(crypto_hmac(CRYPTO_DIGEST_SHA1, STR_NONE, NULL, 0, digest), 20);
	assert_memory_equal(
		digest,
		"\xfb\xdb\x1d\x1b\x18\xaa\x6c\x08\x32\x4b\x7d\x64\xb7\x1f\xb7\x63\x70\x69\x0e\x1d",
		20);
}

static void writes_no_more_than_there_is_room(void **state)
{
	struct addr addr;

	(void)state;
	assert_int_equal(addr_parse(&addr, STR("2001:db8::1"), 5060), ERR_OK);
	for (size_t size = 0; size < STUN_HEADER + 24 + 8; size++) {
		struct str room = vector_copy(
			str_of("0123456789012345678901234567890123456789012345678901", size));
		struct wire_writer w = wire_writer_of(vector_octets(room), size);

		stun_write_begin(&w, STUN_SUCCESS, (const unsigned char *)COOKIE ID);
		stun_write_address(&w, STUN_XOR_MAPPED_ADDRESS, &addr);
		stun_write_fingerprint(&w);
		stun_write_end(&w);
		assert_int_equal(w.err, ERR_LIMIT);
		vector_free(room);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(refuses_addresses_that_are_none),
		cmocka_unit_test(refuses_codes_that_are_none),
		cmocka_unit_test(refuses_a_fingerprint_that_is_not_last),
		cmocka_unit_test(ignores_what_follows_integrity),
		cmocka_unit_test(checks_the_vectors),
		cmocka_unit_test(reads_what_the_vectors_say),
		cmocka_unit_test(reads_the_mapped_addresses),
		cmocka_unit_test(reads_classes_and_methods),
		cmocka_unit_test(knows_what_must_be_understood),
		cmocka_unit_test(takes_shortened_integrity),
		cmocka_unit_test(counts_crc32),
		cmocka_unit_test(counts_hmac),
		cmocka_unit_test(writes_no_more_than_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
