#include "base/addr.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void addresses_are_read_and_written(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: refused */
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1:5060" },
		{ "192.0.2.1:70", "192.0.2.1:70" },
		{ "192.0.2.1:0", "192.0.2.1:0" },
		{ "2001:DB8::1", "[2001:db8::1]:5060" },
		{ "[2001:db8::1]", "[2001:db8::1]:5060" },
		{ "[2001:db8::1]:65535", "[2001:db8::1]:65535" },
		{ "::ffff:192.0.2.1", "192.0.2.1:5060" }, /* one host, one spelling */
		{ "[::ffff:192.0.2.1]:7", "192.0.2.1:7" },
		{ "::", "[::]:5060" },
		{ "", NULL },
		{ ":5060", NULL },
		{ "192.0.2.1:", NULL },
		{ "192.0.2.1:65536", NULL },
		{ "192.0.2.1:-1", NULL },
		{ "192.0.2", NULL },
		{ "192.0.2.256", NULL },
		{ "192.0.2.01", NULL },
		{ "[192.0.2.1]", NULL },
		{ "[::1", NULL },
		{ "::1]", NULL },
		{ "[::1]5060", NULL },
		{ "[::1]:", NULL },
		{ "[]", NULL },
		{ "fe80::1%eth0", NULL },
		{ "localhost", NULL },
		{ "192.0.2.1 ", NULL },
		{ "2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct addr a;
		char text[ADDR_TEXT];
		enum err e = addr_parse_port(&a, str_from(cases[i].in), 5060);

		if (cases[i].out == NULL) {
			if (e != ERR_SYNTAX)
				fail_msg("taken: %s", cases[i].in);
			continue;
		}
		assert_int_equal(e, ERR_OK);
		assert_string_equal(addr_text(&a, text), cases[i].out);
	}
}

static struct addr make(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse_port(&a, str_from(text), 0), ERR_OK);
	return a;
}

static void addresses_are_compared(void **state)
{
	struct addr a = make("192.0.2.1:5060");
	struct addr b = make("192.0.2.1:5061");
	struct addr c = make("[2001:db8::1]:5060");
	struct addr none = { 0 };
	struct addr back;
	struct hash_key key;
	char text[ADDR_TEXT];

	(void)state;
	hash_key_from(&key, 1);
	assert_true(addr_eq(&a, &a));
	assert_false(addr_eq(&a, &b));
	assert_true(addr_eq_host(&a, &b));
	assert_false(addr_eq_host(&a, &c));
	assert_false(addr_eq(&a, &none));
	assert_int_not_equal(addr_hash(&key, &a), addr_hash(&key, &b));
	assert_int_equal(addr_hash_host(&key, &a), addr_hash_host(&key, &b));
	back = addr_from_sockaddr(&c.sa.any);
	assert_true(addr_eq(&back, &c));
	assert_int_equal(addr_len(&a), sizeof(struct sockaddr_in));
	assert_int_equal(addr_len(&c), sizeof(struct sockaddr_in6));
	addr_set_port(&c, 9);
	assert_int_equal(addr_port(&c), 9);
	assert_string_equal(addr_text(&none, text), "-:0");
}

static void kinds_are_told_apart(void **state)
{
	static const struct {
		const char *in;
		bool any;
		bool loopback;
		bool inward;
	} cases[] = {
		{ "0.0.0.0", true, false, true },
		{ "::", true, false, true },
		{ "127.0.0.1", false, true, true },
		{ "127.255.255.255", false, true, true },
		{ "::1", false, true, true },
		{ "126.255.255.255", false, false, false },
		{ "9.255.255.255", false, false, false },
		{ "10.0.0.0", false, false, true },
		{ "100.63.255.255", false, false, false },
		{ "100.64.0.0", false, false, true },
		{ "100.127.255.255", false, false, true },
		{ "100.128.0.0", false, false, false },
		{ "172.15.255.255", false, false, false },
		{ "172.16.0.0", false, false, true },
		{ "172.31.255.255", false, false, true },
		{ "172.32.0.0", false, false, false },
		{ "169.254.169.254", false, false, true },
		{ "192.168.0.1", false, false, true },
		{ "223.255.255.255", false, false, false },
		{ "224.0.0.1", false, false, true },
		{ "255.255.255.255", false, false, true },
		{ "192.0.2.1", false, false, false },
		{ "fc00::1", false, false, true },
		{ "fdff::1", false, false, true },
		{ "fe80::1", false, false, true },
		{ "ff02::1", false, false, true },
		{ "2001:db8::1", false, false, false },
		{ "::ffff:10.0.0.1", false, false, true },
		{ "64:ff9b::a00:1", false, false, true },
		{ "2002:a00:1::", false, false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct addr a = make(cases[i].in);

		if (addr_is_any(&a) != cases[i].any || addr_is_loopback(&a) != cases[i].loopback ||
		    addr_is_inward(&a) != cases[i].inward)
			fail_msg("%s", cases[i].in);
	}
}

static void networks_are_read_and_written(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		const char *out;
	} cases[] = {
		{ "10.0.0.0/8", ERR_OK, "10.0.0.0/8" },
		{ "0.0.0.0/0", ERR_OK, "0.0.0.0/0" },
		{ "192.0.2.1", ERR_OK, "192.0.2.1" },
		{ "192.0.2.1/32", ERR_OK, "192.0.2.1" },
		{ "192.0.2.128/25", ERR_OK, "192.0.2.128/25" },
		{ "2001:db8::/32", ERR_OK, "2001:db8::/32" },
		{ "[2001:db8::]/32", ERR_OK, "2001:db8::/32" },
		{ "::/0", ERR_OK, "::/0" },
		{ "::1/128", ERR_OK, "::1" },
		{ "192.0.2.1/24", ERR_RANGE, NULL }, /* bits beyond the prefix */
		{ "192.0.2.64/25", ERR_RANGE, NULL },
		{ "10.0.0.0/33", ERR_RANGE, NULL },
		{ "::/129", ERR_RANGE, NULL },
		{ "10.0.0.0/", ERR_SYNTAX, NULL },
		{ "10.0.0.0/x", ERR_SYNTAX, NULL },
		{ "10.0.0.0/-1", ERR_SYNTAX, NULL },
		{ "10.0.0.0/8/8", ERR_SYNTAX, NULL },
		{ "example.com/8", ERR_SYNTAX, NULL },
		{ "/8", ERR_SYNTAX, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct network n;
		char text[64];
		struct buf b;
		enum err e = network_parse(&n, str_from(cases[i].in));

		if (e != cases[i].want)
			fail_msg("%s", cases[i].in);
		if (e != ERR_OK)
			continue;
		buf_wrap(&b, text, sizeof(text));
		network_write(&n, &b);
		assert_string_equal(buf_cstr(&b), cases[i].out);
	}
}

static void networks_hold_addresses(void **state)
{
	static const struct {
		const char *a;
		const char *b; /* an address or a network */
		bool has;      /* a holds b's address */
		bool overlaps;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.255.255", true, true },
		{ "10.0.0.0/8", "11.0.0.0", false, false },
		{ "192.0.2.128/25", "192.0.2.129", true, true },
		{ "192.0.2.128/25", "192.0.2.127", false, false },
		{ "192.0.2.0/31", "192.0.2.2", false, false },
		{ "192.0.2.1", "192.0.2.0/24", false, true },
		{ "0.0.0.0/0", "255.1.2.3", true, true },
		{ "0.0.0.0/0", "::1", false, false },
		{ "::/0", "1.2.3.4", false, false },
		{ "2001:db8::/33", "2001:db8:7fff::", true, true },
		{ "2001:db8::/33", "2001:db8:8000::", false, false },
		{ "2001:db8:8000::/33", "2001:db8::/32", false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct network a;
		struct network b;

		assert_int_equal(network_parse(&a, str_from(cases[i].a)), ERR_OK);
		assert_int_equal(network_parse(&b, str_from(cases[i].b)), ERR_OK);
		if (network_has(&a, &b.addr) != cases[i].has ||
		    network_overlaps(&a, &b) != cases[i].overlaps ||
		    network_overlaps(&b, &a) != cases[i].overlaps)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(addresses_are_compared),
		cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(networks_are_read_and_written),
		cmocka_unit_test(networks_hold_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
