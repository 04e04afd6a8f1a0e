#include "resolver/dns.h"

#include "base/mem.h"
#include "tests/unit/resolver/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MEMORY ((size_t)4 << 20)
#define LINES 8
#define OK 0x8180 /* a response of one who recurses */

static void questions(void **state)
{
	static const char want[] = "\x12\x34\x01\x20\x00\x01\x00\x00\x00\x00\x00\x01"
				   "\x04_sip\x04_udp\x01"
				   "b\x00\x00\x21\x00\x01"
				   "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
	unsigned char memory[DNS_QUERY_MAX];
	struct wire_writer w = wire_writer_of(memory, sizeof(memory));

	(void)state;
	assert_int_equal(dns_query_write(&w, 0x1234, STR("_sip._udp.b"), DNS_SRV, true), ERR_OK);
	assert_true(str_eq(wire_view(&w), str_of(want, sizeof(want) - 1)));
	w = wire_writer_of(memory, sizeof(memory));
	assert_int_equal(dns_query_write(&w, 0x1234, STR("_sip._udp.b"), DNS_SRV, false), ERR_OK);
	assert_int_equal(wire_written(&w), sizeof(want) - 1 - 11);
	assert_int_equal(memory[11], 0);
	w = wire_writer_of(memory, sizeof(memory));
	assert_int_equal(dns_query_write(&w, 1, STR("a..b"), DNS_A, true), ERR_SYNTAX);
}

/* About b.example and the type; what is read is written for people. */
static void answers(void **state)
{
	static const struct {
		enum dns_type type;
		unsigned flags;
		const char *answers[LINES];
		const char *authority[LINES];
		enum dns_verdict want;
		uint32_t ttl;
		const char *text;
	} cases[] = {
		{ DNS_A,
		  OK,
		  { "b.example 60 A 192.0.2.1", "b.example 30 A 192.0.2.2" },
		  { 0 },
		  DNS_RECORDS,
		  30,
		  "192.0.2.1; 192.0.2.2" },
		{ DNS_AAAA,
		  OK,
		  { "b.example 60 AAAA 2001:db8::1" },
		  { 0 },
		  DNS_RECORDS,
		  60,
		  "2001:db8::1" },
		{ DNS_SRV,
		  OK,
		  { "b.example 60 SRV 10 20 5060 h.example", "b.example 60 SRV 0 0 0 ." },
		  { 0 },
		  DNS_RECORDS,
		  60,
		  "10 20 5060 h.example.; 0 0 0 ." },
		{ DNS_NAPTR,
		  OK,
		  { "b.example 60 NAPTR 10 20 s SIP+D2U _sip._udp.b.example" },
		  { 0 },
		  DNS_RECORDS,
		  60,
		  "10 20 \"s\" \"SIP+D2U\" \"\" _sip._udp.b.example." },
		/* Records of others, and of other types, are not the answer. */
		{ DNS_A,
		  OK,
		  { "c.example 60 A 192.0.2.1", "b.example 60 AAAA ::1" },
		  { 0 },
		  DNS_NO_RECORD,
		  0,
		  "no such record" },
		/* Aliases, in any order; the least TTL counts. */
		{ DNS_A,
		  OK,
		  { "b.example 60 CNAME c.example", "c.example 50 CNAME d.example",
		    "d.example 70 A 192.0.2.3" },
		  { 0 },
		  DNS_RECORDS,
		  50,
		  "192.0.2.3" },
		{ DNS_A,
		  OK,
		  { "d.example 70 A 192.0.2.3", "c.example 20 CNAME d.example",
		    "b.example 60 CNAME c.example" },
		  { 0 },
		  DNS_RECORDS,
		  20,
		  "192.0.2.3" },
		{ DNS_A,
		  OK,
		  { "b.example 60 CNAME c.example" },
		  { 0 },
		  DNS_ALIAS,
		  60,
		  "CNAME c.example." },
		{ DNS_A,
		  OK,
		  { "b.example 60 CNAME c.example" },
		  { "example 40 SOA 30" },
		  DNS_NO_RECORD,
		  30,
		  "no such record" },
		{ DNS_A,
		  OK + 3,
		  { "b.example 60 CNAME c.example" },
		  { "example 20 SOA 30" },
		  DNS_NO_NAME,
		  20,
		  "no such name" },
		{ DNS_A,
		  OK,
		  { "b.example 60 CNAME c.example", "c.example 60 CNAME b.example" },
		  { 0 },
		  DNS_LOOP,
		  60,
		  "aliases without end" },
		{ DNS_A,
		  OK,
		  { "b.example 60 CNAME b.example" },
		  { 0 },
		  DNS_LOOP,
		  60,
		  "aliases without end" },
		/* Negative answers: RFC 2308 5. */
		{ DNS_A, OK + 3, { 0 }, { "example 300 SOA 60" }, DNS_NO_NAME, 60, "no such name" },
		{ DNS_A, OK + 3, { 0 }, { "example 30 SOA 60" }, DNS_NO_NAME, 30, "no such name" },
		{ DNS_A, OK, { 0 }, { "example 300 SOA 60" }, DNS_NO_RECORD, 60, "no such record" },
		{ DNS_A, OK + 3, { 0 }, { 0 }, DNS_NO_NAME, 0, "no such name" },
		{ DNS_A, OK, { 0 }, { 0 }, DNS_NO_RECORD, 0, "no such record" },
		/* A referral: the server doesn't ask for us. From the authority itself NS records mean nothing. */
		{ DNS_A,
		  OK,
		  { 0 },
		  { "example 60 NS ns.example" },
		  DNS_LAME,
		  0,
		  "the server does not resolve names for us" },
		{ DNS_A,
		  OK | 0x400,
		  { 0 },
		  { "example 60 NS ns.example" },
		  DNS_NO_RECORD,
		  0,
		  "no such record" },
		{ DNS_A, OK + 1, { 0 }, { 0 }, DNS_ERROR, 0, "FORMERR" },
		{ DNS_A, OK + 2, { 0 }, { 0 }, DNS_ERROR, 0, "SERVFAIL" },
		{ DNS_A, OK + 5, { 0 }, { 0 }, DNS_ERROR, 0, "REFUSED" },
		{ DNS_A, OK + 9, { 0 }, { 0 }, DNS_ERROR, 0, "error 9" },
		/* TTLs: RFC 2181 8, RFC 8767 4. */
		{ DNS_A,
		  OK,
		  { "b.example 2147483648 A 192.0.2.1" },
		  { 0 },
		  DNS_RECORDS,
		  0,
		  "192.0.2.1" },
		{ DNS_A,
		  OK,
		  { "b.example 2147483647 A 192.0.2.1" },
		  { 0 },
		  DNS_RECORDS,
		  DNS_TTL_MAX,
		  "192.0.2.1" },
		{ DNS_A, OK, { "b.example 0 A 192.0.2.1" }, { 0 }, DNS_RECORDS, 0, "192.0.2.1" },
		/* Octets that names seldom have. */
		{ DNS_SRV,
		  OK,
		  { "b.example 60 SRV 1 1 1 a\\046b.c\\000" },
		  { 0 },
		  DNS_RECORDS,
		  60,
		  "1 1 1 a\\046b.c\\000." },
	};
	static struct packet_builder b;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct dns_answer out;
		struct arena arena;
		struct buf text;

		packet_begin(&b, cases[i].flags, "b.example", cases[i].type);
		for (size_t k = 0; cases[i].answers[k] != NULL; k++)
			packet_add(&b, 1, cases[i].answers[k]);
		for (size_t k = 0; cases[i].authority[k] != NULL; k++)
			packet_add(&b, 2, cases[i].authority[k]);
		arena_init(&arena, NULL, 0, MEMORY);
		buf_init(&text, 1024);
		assert_int_equal(dns_answer_read(&out, packet_done(&b), STR("b.example"),
		                                 cases[i].type, &arena),
		                 ERR_OK);
		dns_answer_write(&out, &text);
		print_message("case %zu: %s\n", i, buf_cstr(&text));
		assert_int_equal(out.verdict, cases[i].want);
		assert_string_equal(buf_cstr(&text), cases[i].text);
		if (out.verdict == DNS_RECORDS || !out.ttl_unknown)
			assert_int_equal(out.ttl, cases[i].ttl);
		if (out.verdict == DNS_NO_NAME || out.verdict == DNS_NO_RECORD)
			assert_int_equal(out.ttl_unknown, cases[i].ttl == 0);
		buf_fini(&text);
		arena_fini(&arena);
	}
}

static enum err read(struct str packet)
{
	struct dns_answer out;
	struct arena arena;
	enum err e;

	arena_init(&arena, NULL, 0, MEMORY);
	e = dns_answer_read(&out, packet, STR("b.example"), DNS_A, &arena);
	arena_fini(&arena);
	return e;
}

static void what_is_not_the_answer_is_garbage(void **state)
{
	static struct packet_builder b;
	static const struct {
		unsigned flags;
		const char *name;
		enum dns_type type;
		const char *line;
		enum err want;
	} cases[] = {
		{ OK, "b.example", DNS_A, "b.example 60 A 192.0.2.1", ERR_OK },
		{ OK, "B.example", DNS_A, NULL, ERR_OK },
		{ OK, "c.example", DNS_A, NULL, ERR_SYNTAX },         /* another name */
		{ OK, "b.example", DNS_AAAA, NULL, ERR_SYNTAX },      /* another type */
		{ 0x0100, "b.example", DNS_A, NULL, ERR_SYNTAX },     /* a question */
		{ 0xa180, "b.example", DNS_A, NULL, ERR_SYNTAX },     /* another operation */
		{ OK | 0x200, "b.example", DNS_A, NULL, ERR_SYNTAX }, /* truncated */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		packet_begin(&b, cases[i].flags, cases[i].name, cases[i].type);
		if (cases[i].line != NULL)
			packet_add(&b, 1, cases[i].line);
		print_message("case %zu\n", i);
		assert_int_equal(read(packet_done(&b)), cases[i].want);
	}
}

/* However a good answer is cut off, it is garbage or harmless, never more than it was. */
static void cut_off(void **state)
{
	static struct packet_builder b;
	struct str whole;

	(void)state;
	packet_begin(&b, OK, "b.example", DNS_A);
	packet_add(&b, 1, "b.example 60 CNAME c.example");
	packet_add(&b, 1, "c.example 60 A 192.0.2.1");
	packet_add(&b, 2, "example 60 NS ns.example");
	whole = packet_done(&b);
	for (size_t len = 0; len < whole.len; len++) {
		char *copy = malloc(len + 1); /* exactly so long, for ASan */

		assert_non_null(copy);
		memcpy(copy, whole.p, len);
		assert_int_equal(read(str_of(copy, len)), ERR_SYNTAX);
		free(copy);
	}
	assert_int_equal(read(whole), ERR_OK);
}

/* Each octet of the packet turned to others: nothing but an err or an answer comes of it. */
static void altered(void **state)
{
	static const unsigned char values[] = { 0, 1, 63, 64, 127, 192, 193, 255 };
	static struct packet_builder b;
	struct str whole;

	(void)state;
	packet_begin(&b, OK, "b.example", DNS_A);
	packet_add(&b, 1, "b.example 60 CNAME c.example");
	packet_add(&b, 1, "c.example 60 A 192.0.2.1");
	packet_add(&b, 2, "example 60 SOA 60");
	whole = packet_done(&b);
	for (size_t i = 0; i < whole.len; i++) {
		unsigned char before = b.memory[i];

		for (size_t k = 0; k < COUNT_OF(values); k++) {
			b.memory[i] = values[k];
			(void)read(whole);
		}
		b.memory[i] = before;
	}
}

/* Where a record's length doesn't fit its data. */
static void lengths_that_lie(void **state)
{
	static struct packet_builder b;
	struct str whole;

	(void)state;
	packet_begin(&b, OK, "b.example", DNS_A);
	packet_add(&b, 1, "b.example 60 A 192.0.2.1");
	whole = packet_done(&b);
	for (unsigned len = 0; len < 12; len++) {
		b.memory[whole.len - 5] = (unsigned char)len;
		assert_int_equal(read(whole), len == 4 ? ERR_OK : ERR_SYNTAX);
	}
	b.memory[whole.len - 5] = 4;
	for (unsigned count = 0; count < 4; count++) {
		b.memory[7] = (unsigned char)count;
		assert_int_equal(read(whole), count <= 1 ? ERR_OK : ERR_SYNTAX);
	}
}

/* Kamailio counts to a hundred (issue 4359). We use DNS_RECORDS_MAX, and pass over the rest. */
static void many_records(void **state)
{
	static const size_t counts[] = { 101, DNS_RECORDS_MAX, DNS_RECORDS_MAX + 1,
		                         2 * DNS_RECORDS_MAX + 5 };
	static struct packet_builder b;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		struct dns_answer out;
		struct arena arena;

		packet_begin(&b, OK, "b.example", DNS_A);
		for (size_t k = 0; k < counts[i]; k++)
			packet_add(&b, 1, "b.example 60 A 192.0.2.1");
		arena_init(&arena, NULL, 0, MEMORY);
		assert_int_equal(dns_answer_read(&out, packet_done(&b), STR("b.example"), DNS_A,
		                                 &arena),
		                 ERR_OK);
		assert_int_equal(out.count,
		                 counts[i] < DNS_RECORDS_MAX ? counts[i] : DNS_RECORDS_MAX);
		arena_fini(&arena);
	}
}

static void the_extended_rcode_and_ad(void **state)
{
	static struct packet_builder b;
	struct dns_answer out;
	struct arena arena;

	(void)state;
	packet_begin(&b, OK | 0x20, "b.example", DNS_A);
	b.counts[3] = 1;
	wire_write8(&b.w, 0);
	wire_write16(&b.w, DNS_OPT);
	wire_write16(&b.w, 1232);
	wire_write32(&b.w, 0x01000000); /* BADVERS: 16 */
	wire_write16(&b.w, 0);
	arena_init(&arena, NULL, 0, MEMORY);
	assert_int_equal(dns_answer_read(&out, packet_done(&b), STR("b.example"), DNS_A, &arena),
	                 ERR_OK);
	assert_int_equal(out.verdict, DNS_ERROR);
	assert_int_equal(out.rcode, 16);
	assert_true(out.authentic);
	arena_fini(&arena);
}

static void memory_is_bounded(void **state)
{
	static struct packet_builder b;
	struct dns_answer out;
	struct arena arena;

	(void)state;
	packet_begin(&b, OK, "b.example", DNS_A);
	for (size_t k = 0; k < 100; k++)
		packet_add(&b, 1, "b.example 60 A 192.0.2.1");
	arena_init(&arena, NULL, 0, 512);
	assert_int_equal(dns_answer_read(&out, packet_done(&b), STR("b.example"), DNS_A, &arena),
	                 ERR_NOMEM);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions),
		cmocka_unit_test(answers),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(what_is_not_the_answer_is_garbage),
		cmocka_unit_test(altered),
		cmocka_unit_test(lengths_that_lie),
		cmocka_unit_test(many_records),
		cmocka_unit_test(the_extended_rcode_and_ad),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
