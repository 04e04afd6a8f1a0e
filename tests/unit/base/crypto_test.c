#include "base/crypto.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_hex(const unsigned char *p, size_t len, const char *want)
{
	char memory[256];
	struct buf b;

	buf_wrap(&b, memory, sizeof(memory));
	crypto_hex(p, len, &b);
	assert_string_equal(buf_cstr(&b), want);
}

/* Vectors of RFC 1321 A.5 and FIPS 180-4. */
static void digests_are_right(void **state)
{
	static const struct {
		enum crypto_digest kind;
		const char *in;
		const char *want;
	} cases[] = {
		{ CRYPTO_DIGEST_MD5, "", "d41d8cd98f00b204e9800998ecf8427e" },
		{ CRYPTO_DIGEST_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72" },
		{ CRYPTO_DIGEST_SHA256, "abc",
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ CRYPTO_DIGEST_SHA512_256, "abc",
		  "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		unsigned char out[CRYPTO_DIGEST_MAX];
		struct str part = str_from(cases[i].in);
		size_t len = crypto_digest(cases[i].kind, &part, 1, '\0', out);

		assert_hex(out, len, cases[i].want);
	}
}

static void parts_are_joined(void **state)
{
	const struct str parts[] = { STR("a"), STR_NONE, STR("b") };
	const struct str joined[] = { STR("a::b") };
	const struct str close[] = { STR("ab") };
	unsigned char one[CRYPTO_DIGEST_MAX];
	unsigned char other[CRYPTO_DIGEST_MAX];

	(void)state;
	assert_int_equal(crypto_digest(CRYPTO_DIGEST_MD5, parts, 3, ':', one), CRYPTO_MD5);
	assert_int_equal(crypto_digest(CRYPTO_DIGEST_MD5, joined, 1, '\0', other), CRYPTO_MD5);
	assert_true(crypto_equal(one, other, CRYPTO_MD5));
	assert_int_equal(crypto_digest(CRYPTO_DIGEST_MD5, parts, 3, '\0', one), CRYPTO_MD5);
	assert_int_equal(crypto_digest(CRYPTO_DIGEST_MD5, close, 1, '\0', other), CRYPTO_MD5);
	assert_true(crypto_equal(one, other, CRYPTO_MD5));
}

/* No two lists of parts have the same MAC, however they are cut. */
static void macs_tell_lists_apart(void **state)
{
	const struct str lists[][3] = {
		{ STR_INIT("ab"), STR_INIT("c"), STR_INIT("") },
		{ STR_INIT("a"), STR_INIT("bc"), STR_INIT("") },
		{ STR_INIT("abc"), STR_INIT(""), STR_INIT("") },
		{ STR_INIT(""), STR_INIT(""), STR_INIT("abc") },
	};
	unsigned char macs[COUNT_OF(lists)][CRYPTO_SHA256];
	unsigned char again[CRYPTO_SHA256];
	char lengthy[3000] = { 0 };
	struct str big = str_of(lengthy, sizeof(lengthy));

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		assert_true(crypto_mac(STR("key"), lists[i], 3, macs[i]));
		for (size_t k = 0; k < i; k++)
			assert_false(crypto_equal(macs[i], macs[k], CRYPTO_SHA256));
	}
	assert_true(crypto_mac(STR("key"), lists[0], 3, again));
	assert_true(crypto_equal(macs[0], again, CRYPTO_SHA256));
	assert_true(crypto_mac(STR("kez"), lists[0], 3, again));
	assert_false(crypto_equal(macs[0], again, CRYPTO_SHA256));
	assert_true(crypto_mac(STR("key"), lists[0], 2, again));
	assert_false(crypto_equal(macs[0], again, CRYPTO_SHA256));
	assert_true(crypto_mac(STR("key"), &big, 1, again));
	assert_true(crypto_mac(STR_NONE, NULL, 0, again));
}

/* RFC 4231 4.3 and RFC 2202 2, case 2. */
static void hmacs_are_those_of_the_rfcs(void **state)
{
	const struct str parts[] = { STR("what do ya want "), STR("for nothing?") };
	unsigned char out[CRYPTO_DIGEST_MAX];

	(void)state;
	assert_int_equal(crypto_hmac(CRYPTO_DIGEST_SHA256, STR("Jefe"), parts, 2, out),
	                 CRYPTO_SHA256);
	assert_hex(out, CRYPTO_SHA256,
	           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_int_equal(crypto_hmac(CRYPTO_DIGEST_MD5, STR("Jefe"), parts, 2, out), CRYPTO_MD5);
	assert_hex(out, CRYPTO_MD5, "750c783e6ab0b503eaa86e310a5db738");
}

static void sealed_texts_open_under_their_key_and_context_alone(void **state)
{
	static const char *const plains[] = { "", "x", "sip:bob@beta.example;a=b" };
	unsigned char key[32] = { 1 };
	unsigned char wrong[32] = { 2 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(plains); i++) {
		struct str plain = str_from(plains[i]);
		unsigned char sealed[64];
		unsigned char out[64];
		struct str s = str_of((const char *)sealed, plain.len + CRYPTO_SEAL_EXTRA);

		assert_int_equal(crypto_seal(key, plain, STR("context"), sealed), ERR_OK);
		assert_int_equal(crypto_open(key, s, STR("context"), out), ERR_OK);
		assert_memory_equal(out, plain.p, plain.len);
		assert_int_equal(crypto_open(wrong, s, STR("context"), out), ERR_DENIED);
		assert_int_equal(crypto_open(key, s, STR("contexu"), out), ERR_DENIED);
		assert_int_equal(crypto_open(key, s, STR_NONE, out), ERR_DENIED);
		for (size_t k = 0; k < s.len; k++) {
			sealed[k] ^= 0x10;
			assert_int_equal(crypto_open(key, s, STR("context"), out), ERR_DENIED);
			sealed[k] ^= 0x10;
			assert_int_equal(crypto_open(key, str_head(s, k), STR("context"), out),
			                 ERR_DENIED);
		}
	}
}

static void base64url_is_read_in_one_spelling(void **state)
{
	static const struct {
		const char *plain;
		const char *coded;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg" },
		{ "fo", "Zm8" },
		{ "foo", "Zm9v" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xff\xfe\xfd", "__79" },
		{ "\xfb\xef", "--8" },
	};
	static const char *const bad[] = { "Z",   "Zh",    "Zm9",   "Zg==",  "Z+8",
		                           "Z/8", "Zm 9v", "Zm9vY", "Zm9v\n" };
	char memory[64];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		buf_wrap(&b, memory, sizeof(memory));
		crypto_base64url(str_from(cases[i].plain), &b);
		assert_string_equal(buf_cstr(&b), cases[i].coded);
		buf_clear(&b);
		assert_int_equal(crypto_from_base64url(str_from(cases[i].coded), &b), ERR_OK);
		assert_string_equal(buf_cstr(&b), cases[i].plain);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		buf_wrap(&b, memory, sizeof(memory));
		assert_int_equal(crypto_from_base64url(str_from(bad[i]), &b), ERR_SYNTAX);
	}
	buf_wrap(&b, memory, 2);
	assert_int_equal(crypto_from_base64url(STR("Zm9v"), &b), ERR_LIMIT);
}

static void random_bytes_differ(void **state)
{
	unsigned char a[32] = { 0 };
	unsigned char b[32] = { 0 };

	(void)state;
	assert_int_equal(crypto_random(a, sizeof(a)), ERR_OK);
	assert_int_equal(crypto_random(b, sizeof(b)), ERR_OK);
	assert_false(crypto_equal(a, b, sizeof(a)));
	assert_int_equal(crypto_random(a, 0), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_right),
		cmocka_unit_test(parts_are_joined),
		cmocka_unit_test(macs_tell_lists_apart),
		cmocka_unit_test(hmacs_are_those_of_the_rfcs),
		cmocka_unit_test(sealed_texts_open_under_their_key_and_context_alone),
		cmocka_unit_test(base64url_is_read_in_one_spelling),
		cmocka_unit_test(random_bytes_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
