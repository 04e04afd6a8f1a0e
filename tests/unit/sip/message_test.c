#include "sip/message.h"

#include "base/mem.h"
#include "corpus.h"
#include "sip/build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define VIA "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
#define REST "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
#define LINE "OPTIONS sip:b@h SIP/2.0\r\n"

static void faults_have_their_answers(void **state)
{
	static const struct {
		const char *in;
		unsigned status;
		const char *reason; /* empty: nothing is wrong */
	} rows[] = {
		{ LINE VIA REST "\r\n", 0, "" },
		{ "\r\n\r\n" LINE VIA REST "\r\n", 0, "" },
		{ "", 0, "Not SIP" },
		{ "\r\n\r\n", 0, "Not SIP" },
		{ "GET / HTTP/1.1\r\n" VIA REST "\r\n", 400, "Bad Start Line" },
		{ "\x16\x03\x01\x02 x\r\n\r\n", 0, "Not SIP" },
		{ "OPTIONS sip:b@h\r\n" VIA REST "\r\n", 400, "Bad Start Line" },
		{ "OPTIONS sip:b@h SIP/3.0\r\n" VIA REST "\r\n", 505, "Version Not Supported" },
		{ "OPTIONS sip:b@h SIP/2.0\n" VIA REST "\r\n", 400, "Bare CR or LF" },
		{ LINE VIA REST, 400, "Unterminated Header Section" },
		{ LINE VIA REST "X: 1", 400, "Unterminated Header Section" },
		{ LINE VIA REST "X: 1\nVia: evil\r\n\r\n", 400, "Bare CR or LF" },
		{ LINE VIA REST "X: 1\rY: 2\r\n\r\n", 400, "Bare CR or LF" },
		{ LINE VIA REST "NoColon\r\n\r\n", 400, "Bad Header Field" },
		{ LINE VIA REST ": x\r\n\r\n", 400, "Bad Header Field" },
		{ LINE " folded: x\r\n" VIA REST "\r\n", 400, "Bad Header Field" },
		{ LINE VIA REST "l: 5\r\n\r\nabc", 400, "Content-Length Exceeds Body" },
		{ LINE VIA REST "l: x\r\n\r\nabc", 400, "Bad Content-Length" },
		{ LINE REST "\r\n", 0, "Missing Via" },
		{ LINE "Via: garbage\r\n" REST "\r\n", 0, "Bad Via" },
		{ LINE VIA "Via: garbage\r\n" REST "\r\n", 400, "Bad Via" },
		{ LINE VIA REST "From: <sip:a@h>\r\n\r\n", 400, "Multiple From" },
		{ LINE VIA REST "Max-Forwards: 256\r\n\r\n", 400, "Bad Max-Forwards" },
		{ LINE VIA REST "Contact: *\r\n\r\n", 400, "Bad Contact" },
		{ LINE VIA REST "Route: sip:h\r\n\r\n", 400, "Bad Route" },
		{ LINE VIA REST "Route: <tel:+1>\r\n\r\n", 400, "Bad Route" },
		{ LINE VIA REST "Require: a b\r\n\r\n", 400, "Bad Require" },
		{ LINE VIA REST "Supported:\r\n\r\n", 0, "" },
		{ LINE VIA REST "Expires: 99999999999999\r\n\r\n", 0, "" },
		{ LINE VIA REST "Expires: soon\r\n\r\n", 400, "Bad Expires" },
		{ "ACK sip:b@h SIP/2.0\r\n" VIA REST "\r\n", 0, "Bad CSeq" },
		{ "SIP/2.0 200 OK\r\n" VIA REST "\r\n", 0, "" },
		{ "SIP/2.0 200\r\n" VIA REST "\r\n", 0, "" },
		{ "SIP/2.0 99 x\r\n" VIA REST "\r\n", 0, "Bad Status Code" },
		{ "SIP/2.0 700 x\r\n" VIA REST "\r\n", 0, "Bad Status Code" },
		{ "SIP/2.0 200 OK\r\n" VIA "\r\n", 0, "Missing From" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = corpus_copy(str_from(rows[i].in));
		struct sip_fault fault = { 0, "" };
		struct sip_msg msg;
		bool good = sip_parse(&msg, in, &fault) == ERR_OK &&
		            sip_check(&msg, &fault) == ERR_OK;

		print_message("%s%u %s\n", rows[i].in, fault.status, fault.reason);
		assert_int_equal(good, rows[i].reason[0] == '\0');
		assert_string_equal(fault.reason, rows[i].reason);
		assert_int_equal(fault.status, rows[i].status);
		corpus_free(in);
	}
}

/* A request with `count` times `line`, and a Request-URI of `uri_len` octets. */
static void judge_large(const char *line, size_t count, size_t uri_len, unsigned status,
                        const char *reason)
{
	struct sip_fault fault = { 0, "" };
	struct sip_msg msg;
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_z(&b, "OPTIONS sip:");
	for (size_t i = 4; i < uri_len; i++)
		buf_char(&b, 'u');
	buf_z(&b, uri_len == 0 ? "h SIP/2.0\r\n" VIA REST : "@h SIP/2.0\r\n" VIA REST);
	for (size_t i = 0; i < count; i++)
		buf_z(&b, line);
	buf_z(&b, "\r\n");
	assert_int_equal(b.err, ERR_OK);
	if (sip_parse(&msg, buf_view(&b), &fault) == ERR_OK && sip_check(&msg, &fault) == ERR_OK)
		fault = (struct sip_fault){ 0, "" };
	print_message("%u %s\n", fault.status, fault.reason);
	assert_int_equal(fault.status, status);
	assert_string_equal(fault.reason, reason);
	buf_fini(&b);
}

static void limits_have_their_answers(void **state)
{
	char name[400];
	char *value = malloc(SIP_VALUE_MAX + 64);

	(void)state;
	assert_non_null(value);
	judge_large("Z: 1\r\n", SIP_HEADERS_MAX - 5, 0, 0, "");
	judge_large("Z: 1\r\n", SIP_HEADERS_MAX - 4, 0, 513, "Header Section Too Large");
	judge_large("", 0, SIP_URI_MAX + 1, 414, "Request-URI Too Long");
	judge_large("Via: SIP/2.0/UDP h\r\n", SIP_VIAS_MAX, 0, 400, "Bad Via");
	judge_large("Route: <sip:h;lr>\r\n", SIP_ROUTES_MAX, 0, 0, "");
	judge_large("Route: <sip:h;lr>\r\n", SIP_ROUTES_MAX + 1, 0, 400, "Bad Route");
	(void)snprintf(name, sizeof(name), "%0*d: x\r\n", SIP_NAME_MAX + 1, 0);
	judge_large(name, 1, 0, 400, "Header Field Name Too Long");
	(void)snprintf(value, SIP_VALUE_MAX + 64, "Z: %0*d\r\n", SIP_VALUE_MAX + 1, 0);
	judge_large(value, 1, 0, 513, "Header Field Too Long");
	(void)snprintf(value, SIP_VALUE_MAX + 64, "Z: %0*d\r\n", SIP_VALUE_MAX, 0);
	judge_large(value, 4, 0, 513, "Header Section Too Large");
	free(value);
}

static void splits_lists(void **state)
{
	static const struct {
		const char *in;
		const char *want; /* values between | */
	} rows[] = {
		{ "", "" },
		{ " \r\n ", "" },
		{ "a", "a|" },
		{ "a,b", "a|b|" },
		{ " a , b ", "a|b|" },
		{ "a,", "a||" },
		{ ",a", "|a|" },
		{ ",", "||" },
		{ "\"a,b\" <c,d>,e", "\"a,b\" <c,d>|e|" },
		{ "\"a\\\",b\",c", "\"a\\\",b\"|c|" },
		{ "<a\",b>,\"c>,d\"", "<a\",b>|\"c>,d\"|" },
		{ "a (x,(y),z),b", "a (x,(y),z)|b|" },
		{ "sip:a(b@h,c", "sip:a(b@h|c|" },
		{ "\"a,b", "\"a,b|" },
		{ "<a,b", "<a,b|" },
		{ "\"a,\\", "\"a,\\|" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = corpus_copy(str_from(rows[i].in));
		struct sip_list list = sip_list_of(in);
		char memory[128];
		struct str value;
		struct buf out;

		buf_wrap(&out, memory, sizeof(memory));
		while (sip_list_next(&list, &value)) {
			buf_str(&out, value);
			buf_char(&out, '|');
		}
		print_message("%s -> %.*s\n", rows[i].in, STR_ARG(buf_view(&out)));
		assert_true(str_eq(buf_view(&out), str_from(rows[i].want)));
		corpus_free(in);
	}
}

static void peeks_as_it_parses(void *arg, const char *path, struct str file)
{
	struct sip_fault fault;
	struct sip_peek peek;
	struct sip_msg msg;
	struct sip_via via;

	(void)arg;
	if (sip_parse(&msg, file, &fault) != ERR_OK)
		return;
	print_message("%s\n", path);
	assert_int_equal(sip_peek(file, &peek), ERR_OK);
	assert_int_equal(peek.is_request, msg.is_request);
	assert_int_equal(peek.method, msg.method);
	assert_int_equal(peek.status, msg.status);
	assert_true(str_eq(peek.call_id, sip_value(&msg, SIP_H_CALL_ID)));
	if (sip_via_top(&via, &msg) == ERR_OK)
		assert_true(str_eq(peek.branch, via.branch));
}

static void peek_sees_what_parse_sees(void **state)
{
	(void)state;
	assert_true(corpus_each("rfc4475", ".dat", peeks_as_it_parses, NULL) > 0);
	assert_true(corpus_each("rfc5118", ".dat", peeks_as_it_parses, NULL) > 0);
	assert_true(corpus_each("callflow", ".sip", peeks_as_it_parses, NULL) > 0);
}

static void walks_values_across_fields(void **state)
{
	static const char text[] = LINE VIA
		"v: SIP/2.0/TCP b, SIP/2.0/TCP c\r\nVIA : SIP/2.0/TCP d\r\n"
		"k: 100rel, foo;x\r\nRequire: bar\r\nX-Mine: 1\r\n" REST "\r\n";
	static const struct str known[] = { STR_INIT("100rel") };
	struct sip_values at;
	struct sip_fault fault;
	struct sip_msg msg;
	struct str token;

	(void)state;
	assert_int_equal(sip_parse(&msg, str_from(text), &fault), ERR_OK);
	assert_int_equal(sip_count_values(&msg, SIP_H_VIA), 4);
	assert_int_equal(sip_count_values(&msg, SIP_H_ROUTE), 0);
	assert_true(sip_has_token(&msg, SIP_H_SUPPORTED, STR("100REL")));
	assert_true(sip_has_token(&msg, SIP_H_SUPPORTED, STR("foo")));
	assert_false(sip_has_token(&msg, SIP_H_SUPPORTED, STR("bar")));
	at = sip_values_of(&msg, SIP_H_SUPPORTED);
	assert_true(sip_next_unknown_token(&at, known, 1, &token));
	assert_true(str_eq(token, STR("foo")));
	assert_false(sip_next_unknown_token(&at, known, 1, &token));
	assert_true(str_eq(sip_header_named(&msg, STR("x-mine"))->value, STR("1")));
	assert_null(sip_header_named(&msg, STR("x-other")));
}

static void keeps_a_copy(void **state)
{
	struct str file = corpus_read("rfc4475/wsinv.dat");
	struct sip_fault fault;
	struct sip_msg *copy;
	struct sip_msg msg;
	struct arena small;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 0, 1 << 16);
	assert_int_equal(sip_parse(&msg, file, &fault), ERR_OK);
	copy = sip_msg_keep(&msg, &arena, true);
	assert_non_null(copy);
	corpus_free(file);
	assert_int_equal(sip_check(copy, &fault), ERR_OK);
	assert_int_equal(sip_count_values(copy, SIP_H_VIA), 3);
	arena_init(&small, NULL, 0, 64);
	assert_null(sip_msg_keep(copy, &small, true));
	arena_fini(&small);
	arena_fini(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_have_their_answers),
		cmocka_unit_test(limits_have_their_answers),
		cmocka_unit_test(splits_lists),
		cmocka_unit_test(peek_sees_what_parse_sees),
		cmocka_unit_test(walks_values_across_fields),
		cmocka_unit_test(keeps_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
