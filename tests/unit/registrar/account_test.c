/* Accounts: what makes one acceptable, HA1 values, and accounts as octets. */
#include "registrar/account.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MD5 "939e7578ed9e3c518a452acee763bce9"
#define SHA256 "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"

static void some_are_refused(void **state)
{
	static const struct {
		const char *address;
		const char *md5;
		const char *sha256;
		enum err want;
	} cases[] = {
		{ "alice@alpha.example", "", "", ERR_OK },
		{ "alice@alpha.example", MD5, SHA256, ERR_OK },
		{ "a@[2001:db8::1]", "", "", ERR_OK },
		{ "a%40b@alpha.example", "", "", ERR_OK },
		{ "Alice@alpha.example", "", "", ERR_OK },
		{ "alice@Alpha.example", "", "", ERR_SYNTAX },
		{ "", "", "", ERR_SYNTAX },
		{ "alice", "", "", ERR_SYNTAX },
		{ "@alpha.example", "", "", ERR_SYNTAX },
		{ "alice@", "", "", ERR_SYNTAX },
		{ "al ice@alpha.example", "", "", ERR_SYNTAX },
		{ "al\nice@alpha.example", "", "", ERR_SYNTAX },
		{ "alice@alpha.example", "939e", "", ERR_SYNTAX },
		{ "alice@alpha.example", "", MD5, ERR_SYNTAX },
		{ "alice@alpha.example", "g39e7578ed9e3c518a452acee763bce9", "", ERR_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct reg_account a = { .address = str_from(cases[i].address),
			                 .realm = STR("r"),
			                 .md5 = str_from(cases[i].md5),
			                 .sha256 = str_from(cases[i].sha256) };

		if (reg_account_check(&a) != cases[i].want)
			fail_msg("case %zu: %s", i, cases[i].address);
	}
}

static void too_long_is_refused(void **state)
{
	char text[REG_USER_MAX + 1];
	struct reg_account a = { .realm = STR_NONE };

	(void)state;
	memset(text, 'x', sizeof(text));
	text[3] = '@';
	a.address = str_of(text, REG_USER_MAX);
	assert_int_equal(reg_account_check(&a), ERR_OK);
	a.address = str_of(text, REG_USER_MAX + 1);
	assert_int_equal(reg_account_check(&a), ERR_LIMIT);
	a.address = str_of(text, 10);
	a.realm = str_of(text, REG_REALM_MAX);
	assert_int_equal(reg_account_check(&a), ERR_OK);
	a.realm = str_of(text, REG_REALM_MAX + 1);
	assert_int_equal(reg_account_check(&a), ERR_LIMIT);
}

/* RFC 2617 3.5 and RFC 7616 3.9.1. */
static void ha1_is_made(void **state)
{
	char memory[2048];
	struct arena arena;
	struct reg_account a;

	(void)state;
	arena_init(&arena, memory, sizeof(memory), 0);
	assert_int_equal(reg_account_make(&a, STR("Mufasa@Alpha.Example"),
	                                  STR("testrealm@host.com"), STR("Circle Of Life"), &arena),
	                 ERR_OK);
	assert_true(str_eq(a.md5, STR(MD5)));
	assert_true(str_eq(a.address, STR("Mufasa@alpha.example")));
	assert_int_equal(reg_account_make(&a, STR("Mufasa@alpha.example"),
	                                  STR("http-auth@example.org"), STR("Circle of Life"),
	                                  &arena),
	                 ERR_OK);
	assert_true(str_eq(a.sha256, STR(SHA256)));
	assert_int_equal(reg_account_make(&a, STR("Mufasa"), STR("r"), STR("p"), &arena),
	                 ERR_SYNTAX);
	arena_init(&arena, NULL, 0, 0);
	assert_int_equal(reg_account_make(&a, STR("a@b"), STR("r"), STR("p"), &arena), ERR_NOMEM);
}

static size_t encode(struct str md5, struct str sha256, bool disabled,
                     unsigned char out[REG_ACCOUNT_RECORD_MAX])
{
	struct reg_account a = { STR("alice@alpha.example"), STR("alpha.example"), md5, sha256,
		                 disabled };

	return reg_account_encode(&a, out);
}

static void what_is_written_is_read(void **state)
{
	static const struct {
		struct str md5;
		struct str sha256;
		bool disabled;
	} cases[] = {
		{ STR_INIT(MD5), STR_INIT(SHA256), false },
		{ STR_INIT(MD5), { NULL, 0 }, true },
		{ { NULL, 0 }, STR_INIT(SHA256), false },
		{ { NULL, 0 }, { NULL, 0 }, true },
	};
	unsigned char octets[REG_ACCOUNT_RECORD_MAX];
	char memory[2048];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		size_t len = encode(cases[i].md5, cases[i].sha256, cases[i].disabled, octets);
		struct arena arena;
		struct reg_account a;

		arena_init(&arena, memory, sizeof(memory), 0);
		assert_int_equal(reg_account_decode(STR("alice@alpha.example"),
		                                    str_of((char *)octets, len), &arena, &a),
		                 ERR_OK);
		assert_true(str_eq(a.address, STR("alice@alpha.example")));
		assert_true(str_eq(a.realm, STR("alpha.example")));
		assert_true(str_eq(a.md5, cases[i].md5) && str_eq(a.sha256, cases[i].sha256));
		assert_int_equal(a.disabled, cases[i].disabled);
		/* Cut anywhere it is damaged; without memory it says so. */
		for (size_t n = 0; n < len; n++)
			assert_int_equal(reg_account_decode(STR("a@b"), str_of((char *)octets, n),
			                                    &arena, &a),
			                 ERR_CORRUPT);
		arena_init(&arena, NULL, 0, 0);
		assert_int_equal(reg_account_decode(STR("a@b"), str_of((char *)octets, len), &arena,
		                                    &a),
		                 ERR_NOMEM);
		octets[0] = 2;
		assert_int_equal(reg_account_decode(STR("a@b"), str_of((char *)octets, len), &arena,
		                                    &a),
		                 ERR_VERSION);
	}
}

static void addresses_and_aors(void **state)
{
	char memory[4 + REG_USER_MAX];

	(void)state;
	assert_true(str_eq(reg_account_aor(STR("a@b"), memory), STR("sip:a@b")));
	assert_true(str_eq(reg_aor_account(STR("sip:a@b")), STR("a@b")));
	assert_true(str_empty(reg_aor_account(STR("sip:b"))));
	assert_true(str_empty(reg_aor_account(STR("tel:+491"))));
	assert_true(str_empty(reg_aor_account(STR_NONE)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_are_refused),   cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(ha1_is_made),        cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(addresses_and_aors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
