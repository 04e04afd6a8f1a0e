#include "resolver/order.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum {
	U = RESOLVER_UDP,
	T = RESOLVER_TCP,
	S = RESOLVER_TLS,
	C = RESOLVER_SCTP,
	W = RESOLVER_WS,
	X = RESOLVER_WSS
};

/* RFC 3263 4.1, 4.2: the rows of rfc3263-cases.tsv and more. */
static void what_to_begin_with(void **state)
{
	static const struct {
		bool secure;
		bool numeric;
		uint16_t port;
		int transport;
		unsigned supported;
		enum order_begin begin;
		int want;
		uint16_t want_port;
	} cases[] = {
		/* numeric: no question at all */
		{ false, true, 0, 0, U | T, ORDER_ADDRESSES, U, 5060 },
		{ false, true, 5080, 0, U | T, ORDER_ADDRESSES, U, 5080 },
		{ true, true, 0, 0, U | T | S, ORDER_ADDRESSES, S, 5061 },
		{ false, true, 0, T, U | T, ORDER_ADDRESSES, T, 5060 },
		{ false, true, 0, 0, T, ORDER_ADDRESSES, T, 5060 },
		/* a port: addresses alone */
		{ false, false, 5080, 0, U | T, ORDER_ADDRESSES, U, 5080 },
		{ true, false, 5080, 0, U | T | S, ORDER_ADDRESSES, S, 5080 },
		{ false, false, 5060, T, U | T, ORDER_ADDRESSES, T, 5060 },
		/* a transport: no NAPTR */
		{ false, false, 0, T, U | T, ORDER_SRV, T, 5060 },
		{ false, false, 0, S, U | T | S, ORDER_SRV, S, 5061 },
		{ true, false, 0, T, U | T | S, ORDER_SRV, S, 5061 }, /* RFC 3261 26.2.2 */
		{ true, false, 0, S, S, ORDER_SRV, S, 5061 },
		{ true, false, 0, W, X, ORDER_SRV, X, 443 },
		{ false, false, 0, W, W, ORDER_SRV, W, 80 },
		{ false, false, 0, C, C, ORDER_SRV, C, 5060 },
		/* neither */
		{ false, false, 0, 0, U | T, ORDER_NAPTR, U, 5060 },
		{ true, false, 0, 0, U | T | S, ORDER_NAPTR, S, 5061 },
		/* impossible */
		{ true, false, 0, U, U | T | S, ORDER_IMPOSSIBLE, 0, 0 },
		{ true, false, 0, C, C | S, ORDER_IMPOSSIBLE, 0, 0 },
		{ true, false, 0, 0, U | T, ORDER_IMPOSSIBLE, 0, 0 },
		{ true, true, 0, 0, U | T, ORDER_IMPOSSIBLE, 0, 0 },
		{ false, false, 0, S, U | T, ORDER_IMPOSSIBLE, 0, 0 },
		{ true, false, 0, T, U | T, ORDER_IMPOSSIBLE, 0, 0 },
		{ false, false, 0, 0, 0, ORDER_IMPOSSIBLE, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct resolver_question q = { .secure = cases[i].secure,
			                       .port = cases[i].port,
			                       .transport =
			                               (enum resolver_transport)cases[i].transport,
			                       .supported = cases[i].supported };
		struct order_plan plan = order_plan(&q, cases[i].numeric);

		print_message("case %zu\n", i);
		assert_int_equal(plan.begin, cases[i].begin);
		assert_int_equal(plan.why == NULL, plan.begin != ORDER_IMPOSSIBLE);
		if (plan.begin == ORDER_IMPOSSIBLE)
			continue;
		assert_int_equal(plan.transport, cases[i].want);
		assert_int_equal(plan.port, cases[i].want_port);
	}
}

static void transports_to_ask_for(void **state)
{
	static const struct {
		bool secure;
		unsigned supported;
		const char *want;
	} cases[] = {
		{ false, U | T, "_sip._udp. _sip._tcp. " },
		{ false, S | T | U, "_sip._udp. _sip._tcp. _sips._tcp. " },
		{ true, U | T | S | X, "_sips._tcp. _sips._ws. " },
		{ false, C | W, "_sip._sctp. _sip._ws. " },
		{ true, U, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct resolver_question q = { .secure = cases[i].secure,
			                       .supported = cases[i].supported };
		enum resolver_transport list[ORDER_SERVICES_MAX];
		size_t n = order_transports(&q, list);
		char memory[256];
		struct buf b;

		buf_wrap(&b, memory, sizeof(memory));
		for (size_t k = 0; k < n; k++)
			buf_printf(&b, "%s ", order_prefix(list[k]));
		assert_true(str_eq(buf_view(&b), str_from(cases[i].want)));
	}
}

#define NAPTR(o, p, f, s, r, to)                                                       \
	{                                                                              \
		.naptr = { o, p, STR_INIT(f), STR_INIT(s), STR_INIT(r), STR_INIT(to) } \
	}

static void naptr_records(void **state)
{
	static const struct {
		bool secure;
		unsigned supported;
		struct dns_record records[5];
		const char
			*want; /* names by order, with the transport; "!" where addresses follow */
	} cases[] = {
		/* RFC 3263 4.1 */
		{ false,
		  U | T | S,
		  { NAPTR(50, 50, "s", "SIPS+D2T", "", "_sips._tcp.example.com"),
		    NAPTR(90, 50, "s", "SIP+D2T", "", "_sip._tcp.example.com"),
		    NAPTR(100, 50, "s", "SIP+D2U", "", "_sip._udp.example.com") },
		  "tls _sips._tcp.example.com, tcp _sip._tcp.example.com, udp _sip._udp.example.com, " },
		{ false,
		  U | T,
		  { NAPTR(50, 50, "s", "SIPS+D2T", "", "a"), NAPTR(90, 50, "s", "SIP+D2T", "", "b"),
		    NAPTR(100, 50, "s", "SIP+D2U", "", "c") },
		  "tcp b, udp c, " },
		{ true,
		  U | T | S,
		  { NAPTR(100, 50, "s", "SIPS+D2T", "", "a"),
		    NAPTR(90, 50, "s", "SIP+D2T", "", "b") },
		  "tls a, " },
		/* order before preference, as given where equal */
		{ false,
		  U | T,
		  { NAPTR(20, 10, "s", "SIP+D2T", "", "a"), NAPTR(10, 20, "s", "SIP+D2U", "", "b"),
		    NAPTR(10, 10, "s", "SIP+D2U", "", "c"),
		    NAPTR(20, 10, "s", "SIP+D2U", "", "d") },
		  "udp c, udp b, tcp a, udp d, " },
		/* RFC 7118 */
		{ false,
		  W | X,
		  { NAPTR(1, 1, "s", "SIPS+D2W", "", "a"), NAPTR(2, 1, "s", "SIP+D2W", "", "b") },
		  "wss a, ws b, " },
		/* any case; flag "a" */
		{ false,
		  U | T,
		  { NAPTR(1, 1, "S", "sip+d2u", "", "a"), NAPTR(2, 1, "A", "Sip+D2t", "", "b") },
		  "udp a, tcp! b, " },
		/* of no use: another service, a regexp, not terminal, no replacement, several services, another flag */
		{ false,
		  U | T,
		  { NAPTR(1, 1, "s", "http+N2R", "", "a"),
		    NAPTR(1, 1, "s", "SIP+D2U", "!^.*$!x!", "b"),
		    NAPTR(1, 1, "", "SIP+D2U", "", "c"), NAPTR(1, 1, "s", "SIP+D2U", "", "") },
		  "" },
		{ false,
		  U | T,
		  { NAPTR(1, 1, "u", "SIP+D2U", "", "a"), NAPTR(1, 1, "s", "SIP+D2S", "", "b") },
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct resolver_question q = { .secure = cases[i].secure,
			                       .supported = cases[i].supported };
		struct order_service out[ORDER_SERVICES_MAX];
		char memory[512];
		struct buf b;
		size_t count = 0;
		size_t n;

		while (count < COUNT_OF(cases[i].records) &&
		       cases[i].records[count].naptr.order != 0)
			count++;
		n = order_naptr(&q, cases[i].records, count, out);
		buf_wrap(&b, memory, sizeof(memory));
		for (size_t k = 0; k < n; k++)
			buf_printf(&b, "%s%s %.*s, ", resolver_transport_text(out[k].transport),
			           out[k].direct ? "!" : "", STR_ARG(out[k].name));
		print_message("%s\n", buf_cstr(&b));
		assert_string_equal(buf_cstr(&b), cases[i].want);
	}
}

/* However many there are, the best are kept. */
static void naptr_records_without_end(void **state)
{
	static struct dns_record records[DNS_RECORDS_MAX];
	struct resolver_question q = { .supported = U };
	struct order_service out[ORDER_SERVICES_MAX];
	char names[DNS_RECORDS_MAX][8];

	(void)state;
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++) {
		unsigned order = DNS_RECORDS_MAX - i;

		(void)snprintf(names[i], sizeof(names[i]), "%u", order);
		records[i].naptr = (struct dns_naptr){
			(uint16_t)order, 0, STR("s"), STR("SIP+D2U"), STR_NONE, str_from(names[i])
		};
	}
	assert_int_equal(order_naptr(&q, records, DNS_RECORDS_MAX, out), ORDER_SERVICES_MAX);
	for (unsigned i = 0; i < ORDER_SERVICES_MAX; i++) {
		char want[8];

		(void)snprintf(want, sizeof(want), "%u", i + 1);
		assert_true(str_eq(out[i].name, str_from(want)));
	}
}

#define SRV(p, w, port, to)                         \
	{                                           \
		.srv = { p, w, port, STR_INIT(to) } \
	}

static void srv_by_priority(void **state)
{
	static const struct dns_record records[] = {
		SRV(30, 0, 1, "c"),      SRV(10, 5, 1, "a"),  SRV(20, 9, 1, "b"),
		SRV(10, 0, 0, "port 0"), SRV(5, 0, 5060, ""),
	};
	uint16_t out[5];

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		assert_int_equal(order_srv(records, 5, seed, out, 5), 3);
		assert_int_equal(out[0], 1);
		assert_int_equal(out[1], 2);
		assert_int_equal(out[2], 0);
		assert_int_equal(order_srv(records, 5, seed, out, 2), 2);
	}
	assert_int_equal(order_srv(records, 0, 1, out, 5), 0);
	assert_false(order_srv_denied(records, 5));
	assert_true(order_srv_denied(&records[4], 1));
	assert_false(order_srv_denied(&records[3], 1));
}

/* How often each of the records is first in many draws. */
static void count_firsts(const struct dns_record *records, size_t n, unsigned draws,
                         unsigned *firsts)
{
	uint16_t out[8];

	memset(firsts, 0, n * sizeof(*firsts));
	for (unsigned seed = 1; seed <= draws; seed++) {
		unsigned seen = 0;

		assert_int_equal(order_srv(records, n, seed * 0x9e3779b97f4a7c15u, out, n), n);
		firsts[out[0]]++;
		for (size_t i = 0; i < n; i++)
			seen |= 1u << out[i];
		assert_int_equal(seen, (1u << n) - 1); /* each once */
	}
}

/* RFC 2782: the chance to be first is the share of the weights; 0 has a very small one beside others. */
static void srv_by_weight(void **state)
{
	static const struct dns_record zone[] = { SRV(0, 1, 9, "slow"), SRV(0, 3, 9, "fast") };
	static const struct dns_record zero[] = { SRV(0, 0, 9, "a"), SRV(0, 100, 9, "b") };
	static const struct dns_record equal[] = { SRV(1, 1, 1, "a"), SRV(1, 1, 2, "b"),
		                                   SRV(1, 1, 3, "c"), SRV(1, 1, 4, "d") };
	static const struct dns_record none[] = { SRV(1, 0, 1, "a"), SRV(1, 0, 2, "b"),
		                                  SRV(1, 0, 3, "c"), SRV(1, 0, 4, "d") };
	static const struct dns_record heavy[] = { SRV(1, 65535, 1, "a"), SRV(1, 65535, 2, "b"),
		                                   SRV(1, 65535, 3, "c") };
	unsigned firsts[8];

	(void)state;
	count_firsts(zone, 2, 20000, firsts);
	assert_in_range(firsts[0], 4600,
	                5400); /* "three quarters of the logins go to new-fast-box" */
	count_firsts(zero, 2, 20000, firsts);
	assert_in_range(firsts[0], 100, 320); /* 1 of 101 */
	count_firsts(equal, 4, 20000, firsts);
	for (size_t i = 0; i < 4; i++)
		assert_in_range(firsts[i], 4500, 5500);
	count_firsts(none, 4, 20000, firsts);
	for (size_t i = 0; i < 4; i++)
		assert_in_range(firsts[i], 4500, 5500);
	count_firsts(heavy, 3, 20000, firsts);
	for (size_t i = 0; i < 3; i++)
		assert_in_range(firsts[i], 6200, 7100);
}

/* For a stateless proxy (RFC 3263 4.4). */
static void the_same_seed_gives_the_same_order(void **state)
{
	static struct dns_record records[100];
	uint16_t first[100];
	uint16_t again[100];
	unsigned differ = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		records[i].srv = (struct dns_srv){ (uint16_t)(i / 10), (uint16_t)(i % 10), 5060,
			                           STR("h") };
	for (uint64_t seed = 1; seed < 50; seed++) {
		assert_int_equal(order_srv(records, 100, seed, first, 100), 100);
		assert_int_equal(order_srv(records, 100, seed, again, 100), 100);
		assert_memory_equal(first, again, sizeof(first));
		assert_int_equal(order_srv(records, 100, seed + 1, again, 100), 100);
		differ += memcmp(first, again, sizeof(first)) != 0;
		for (size_t i = 0; i + 1 < 100; i++)
			assert_true(records[first[i]].srv.priority <=
			            records[first[i + 1]].srv.priority);
	}
	assert_int_equal(differ, 49);
}

static void addresses_of_both_families(void **state)
{
	static const struct {
		const char *v6[4];
		const char *v4[4];
		const char *want; /* with seed 0 */
	} cases[] = {
		{ { "2001:db8::1" }, { "192.0.2.1" }, "2001:db8::1 192.0.2.1 " },
		{ { 0 }, { "192.0.2.1" }, "192.0.2.1 " },
		{ { "2001:db8::1" }, { 0 }, "2001:db8::1 " },
		{ { "::1" }, { "127.0.0.4" }, "::1 127.0.0.4 " },
		/* unique local addresses, 6to4 and Teredo after IPv4 */
		{ { "fd00::1" }, { "192.0.2.1" }, "192.0.2.1 fd00::1 " },
		{ { "2002:c000:201::1" }, { "192.0.2.1" }, "192.0.2.1 2002:c000:201::1 " },
		{ { "2001:0:1::1" }, { "192.0.2.1" }, "192.0.2.1 2001:0:1::1 " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct dns_record v6[4];
		struct dns_record v4[4];
		const struct addr *out[8];
		char memory[256];
		struct buf b;
		size_t n6 = 0;
		size_t n4 = 0;
		size_t n;

		for (; cases[i].v6[n6] != NULL; n6++)
			assert_int_equal(addr_parse(&v6[n6].addr, str_from(cases[i].v6[n6]), 0),
			                 ERR_OK);
		for (; cases[i].v4[n4] != NULL; n4++)
			assert_int_equal(addr_parse(&v4[n4].addr, str_from(cases[i].v4[n4]), 0),
			                 ERR_OK);
		n = order_addresses(v6, n6, v4, n4, 0, out, 8);
		buf_wrap(&b, memory, sizeof(memory));
		for (size_t k = 0; k < n; k++) {
			addr_write_host(out[k], false, &b);
			buf_char(&b, ' ');
		}
		assert_string_equal(buf_cstr(&b), cases[i].want);
	}
}

/* One of each in turn; each once; where to begin is up to chance. */
static void addresses_in_turn(void **state)
{
	struct dns_record v6[3];
	struct dns_record v4[5];
	const struct addr *out[8];
	unsigned begins[5] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(addr_parse(&v6[i].addr, STR("2001:db8::1"), 0), ERR_OK);
		v6[i].addr.sa.v6.sin6_addr.s6_addr[15] = (unsigned char)i;
	}
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(addr_parse(&v4[i].addr, STR("192.0.2.1"), (uint16_t)i), ERR_OK);
	for (uint64_t seed = 0; seed < 1000; seed++) {
		static const int families[] = { AF_INET6, AF_INET, AF_INET6, AF_INET,
			                        AF_INET6, AF_INET, AF_INET,  AF_INET };

		assert_int_equal(order_addresses(v6, 3, v4, 5, seed, out, 8), 8);
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(addr_family(out[i]), families[i]);
		for (size_t i = 0; i < 8; i++) {
			for (size_t k = 0; k < i; k++)
				assert_ptr_not_equal(out[i], out[k]);
		}
		begins[addr_port(out[1])]++;
		assert_int_equal(order_addresses(v6, 3, v4, 5, seed, out, 2), 2);
	}
	for (size_t i = 0; i < 5; i++)
		assert_in_range(begins[i], 140, 260);
	assert_int_equal(order_addresses(NULL, 0, NULL, 0, 1, out, 8), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_to_begin_with),
		cmocka_unit_test(transports_to_ask_for),
		cmocka_unit_test(naptr_records),
		cmocka_unit_test(naptr_records_without_end),
		cmocka_unit_test(srv_by_priority),
		cmocka_unit_test(srv_by_weight),
		cmocka_unit_test(the_same_seed_gives_the_same_order),
		cmocka_unit_test(addresses_of_both_families),
		cmocka_unit_test(addresses_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
