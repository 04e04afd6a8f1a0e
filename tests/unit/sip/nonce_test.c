#include "sip/nonce.h"

#include "../alloc_fail.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define KEY STR("0123456789abcdef0123456789abcdef")
#define LIFE 300000

static struct wall at(int64_t ms)
{
	return (struct wall){ ms };
}

static struct str make(char memory[SIP_NONCE_TEXT], struct wall now, uint64_t salt)
{
	struct buf out;

	buf_wrap(&out, memory, SIP_NONCE_TEXT);
	assert_int_equal(sip_nonce_make(&out, KEY, STR("r"), now, salt), ERR_OK);
	assert_int_equal(out.len, SIP_NONCE_TEXT);
	return buf_view(&out);
}

static void tells_fresh_from_stale_and_forged(void **state)
{
	static const struct {
		int64_t issued;
		int64_t now;
		int flip; /* the octet that is changed, or -1 */
		const char *realm;
		enum sip_nonce_verdict want;
	} rows[] = {
		{ 1000, 1000, -1, "r", SIP_NONCE_FRESH },
		{ 1000, 1000 + LIFE, -1, "r", SIP_NONCE_FRESH },
		{ 1000, 1001 + LIFE, -1, "r", SIP_NONCE_STALE },
		{ 1001 + LIFE, 1000, -1, "r", SIP_NONCE_STALE }, /* the clock was set back */
		{ 1000, 1000, -1, "s", SIP_NONCE_FORGED },
		{ 1000, 1000, 0, "r", SIP_NONCE_FORGED },
		{ 1000, 1000, 15, "r", SIP_NONCE_FORGED },
		{ 1000, 1000, 20, "r", SIP_NONCE_FORGED },
		{ 1000, 1000, 63, "r", SIP_NONCE_FORGED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char memory[SIP_NONCE_TEXT];
		struct str nonce = make(memory, at(rows[i].issued), 7);
		struct wall issued = { 0 };

		if (rows[i].flip >= 0)
			memory[rows[i].flip] = memory[rows[i].flip] == '1' ? '2' : '1';
		assert_int_equal(sip_nonce_check(nonce, KEY, str_from(rows[i].realm),
		                                 at(rows[i].now), LIFE, &issued),
		                 rows[i].want);
		if (rows[i].want != SIP_NONCE_FORGED)
			assert_int_equal(issued.ms, rows[i].issued);
	}
}

static void refuses_what_is_no_nonce(void **state)
{
	static const char *const rows[] = {
		"", "x", "dcd98b7102dd2f0e8b11d0f600bfb0c093",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"ZZZZZZZZZZZZZZZZ000000000000000000000000000000000000000000000000"
	};
	struct wall issued;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(sip_nonce_check(str_from(rows[i]), KEY, STR("r"), at(1), LIFE,
		                                 &issued),
		                 SIP_NONCE_FORGED);
}

static void salt_makes_them_differ(void **state)
{
	char a[SIP_NONCE_TEXT];
	char b[SIP_NONCE_TEXT];

	(void)state;
	assert_false(str_eq(make(a, at(5), 1), make(b, at(5), 2)));
}

static struct nonce_counts *open_counts(size_t limit)
{
	struct nonce_counts *counts;
	struct hash_key key;

	hash_key_from(&key, 1);
	assert_int_equal(nonce_counts_open(&counts, limit, &key), ERR_OK);
	return counts;
}

static void takes_each_count_once(void **state)
{
	static const struct {
		uint32_t nc;
		enum nonce_use want;
	} rows[] = {
		{ 1, NONCE_FIRST },
		{ 1, NONCE_REPLAY },
		{ 2, NONCE_FIRST },
		{ 5, NONCE_FIRST },
		{ 4, NONCE_FIRST },
		{ 4, NONCE_REPLAY },
		{ 3, NONCE_FIRST },
		{ 1, NONCE_REPLAY },
		{ 68, NONCE_FIRST },
		{ 5, NONCE_REPLAY },
		{ 4, NONCE_REPLAY },
		{ 6, NONCE_FIRST },
		{ 6, NONCE_REPLAY },
		{ UINT32_MAX, NONCE_FIRST },
		{ 69, NONCE_REPLAY },
		{ UINT32_MAX, NONCE_REPLAY },
		{ 0, NONCE_REPLAY },
		{ UINT32_MAX - 63, NONCE_FIRST },
		{ UINT32_MAX - 64, NONCE_REPLAY },
	};
	struct nonce_counts *counts = open_counts(64);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%u\n", rows[i].nc);
		assert_int_equal(nonce_counts_use(counts, STR("n"), rows[i].nc, at(0), at(1), LIFE),
		                 rows[i].want);
	}
	/* Without qop there is no count: once. */
	assert_int_equal(nonce_counts_use(counts, STR("m"), 0, at(0), at(1), LIFE), NONCE_FIRST);
	assert_int_equal(nonce_counts_use(counts, STR("m"), 0, at(0), at(1), LIFE), NONCE_REPLAY);
	nonce_counts_close(counts);
}

/* However full the table was: no pair of nonce and count is ever taken twice. */
static void never_takes_one_twice_when_full(void **state)
{
	enum { NONCES = 2000 };
	struct nonce_counts *counts = open_counts(64);
	unsigned taken[NONCES] = { 0 };

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < NONCES; i++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "n%u", i);
			taken[i] += nonce_counts_use(counts, str_from(name), 1, at(i), at(3000),
			                             LIFE) == NONCE_FIRST;
		}
	}
	for (unsigned i = 0; i < NONCES; i++)
		assert_true(taken[i] <= 1);
	nonce_counts_close(counts);
}

static void makes_room_from_the_expired(void **state)
{
	struct nonce_counts *counts = open_counts(64);

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		struct wall now = at((int64_t)i * LIFE);
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(nonce_counts_use(counts, str_from(name), 1, now, now, LIFE / 2),
		                 NONCE_FIRST);
	}
	nonce_counts_close(counts);
}

static void open_and_close(void *arg)
{
	struct nonce_counts *counts = NULL;
	struct hash_key key;

	(void)arg;
	hash_key_from(&key, 1);
	if (nonce_counts_open(&counts, 100, &key) == ERR_OK)
		assert_int_equal(nonce_counts_use(counts, STR("n"), 1, at(0), at(1), LIFE),
		                 NONCE_FIRST);
	nonce_counts_close(counts);
}

static void bears_failing_allocations(void **state)
{
	(void)state;
	assert_int_equal(alloc_fail_each(open_and_close, NULL), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_fresh_from_stale_and_forged),
		cmocka_unit_test(refuses_what_is_no_nonce),
		cmocka_unit_test(salt_makes_them_differ),
		cmocka_unit_test(takes_each_count_once),
		cmocka_unit_test(never_takes_one_twice_when_full),
		cmocka_unit_test(makes_room_from_the_expired),
		cmocka_unit_test(bears_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
