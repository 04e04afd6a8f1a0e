#include "resolver/settings.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct network network(const char *text)
{
	struct network n;

	assert_int_equal(network_parse(&n, str_from(text)), ERR_OK);
	return n;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, str_from(text), 5060), ERR_OK);
	return a;
}

static void where_answers_may_point(void **state)
{
	static const struct {
		const char *addr;
		bool want;
	} cases[] = {
		{ "8.8.8.8", true },    { "2a00::1", true },      { "127.0.0.1", false },
		{ "::1", false },       { "10.1.2.3", true }, /* inward, but allowed */
		{ "10.2.2.3", false },  { "192.168.1.1", false }, { "169.254.1.1", false },
		{ "fe80::1", false },   { "fd00::1", false },     { "0.0.0.0", false },
		{ "224.0.0.1", false }, { "9.9.9.9", false }, /* ours */
		{ "9.9.9.10", true },   { "9.9.9.11", true }, /* ours, but allowed */
	};
	struct network allow[] = { network("10.1.0.0/16"), network("9.9.9.11") };
	struct network own[] = { network("9.9.9.9"), network("9.9.9.11") };
	struct resolver_conf conf = {
		.allow_targets = allow, .allow_count = 2, .own = own, .own_count = 2
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct addr a = addr(cases[i].addr);

		print_message("%s\n", cases[i].addr);
		assert_int_equal(resolver_may_point_at(&conf, &a), cases[i].want);
	}
}

static void defaults_and_copies(void **state)
{
	struct addr servers[RESOLVER_SERVERS_MAX + 2];
	struct network allow = network("10.0.0.0/8");
	struct network own = network("192.0.2.1");
	struct resolver_conf conf = { .servers = servers,
		                      .server_count = RESOLVER_SERVERS_MAX + 2,
		                      .allow_targets = &allow,
		                      .allow_count = 1,
		                      .own = &own,
		                      .own_count = 1 };
	struct settings *s;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(servers); i++) {
		servers[i] = addr("127.0.0.1");
		addr_set_port(&servers[i], (uint16_t)(i == 0 ? 0 : 5300 + i));
	}
	assert_int_equal(settings_new(&s, &conf), ERR_OK);
	memset(&allow, 0, sizeof(allow));
	memset(servers, 0, sizeof(servers));
	assert_int_equal(s->conf.server_count, RESOLVER_SERVERS_MAX);
	assert_int_equal(addr_port(&s->conf.servers[0]), 53);
	assert_int_equal(addr_port(&s->conf.servers[1]), 5301);
	assert_int_equal(s->conf.timeout_ms, 2000);
	assert_int_equal(s->conf.cache_limit, 100000);
	assert_int_equal(s->conf.allow_targets[0].prefix, 8);
	assert_int_equal(s->conf.own[0].prefix, 32);
	assert_ptr_equal(settings_ref(s), s);
	settings_unref(s);
	settings_unref(s);
	settings_unref(NULL);
	conf.own_count = 65537;
	assert_int_equal(settings_new(&s, &conf), ERR_LIMIT);
}

/* Whatever /etc/resolv.conf says, there is somebody to ask. */
static void the_system_has_servers(void **state)
{
	struct resolver_conf conf = { 0 };
	struct settings *s;

	(void)state;
	assert_int_equal(settings_new(&s, &conf), ERR_OK);
	assert_in_range(s->conf.server_count, 1, RESOLVER_SERVERS_MAX);
	for (size_t i = 0; i < s->conf.server_count; i++)
		assert_int_not_equal(addr_port(&s->conf.servers[i]), 0);
	settings_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_answers_may_point),
		cmocka_unit_test(defaults_and_copies),
		cmocka_unit_test(the_system_has_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
