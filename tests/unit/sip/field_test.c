#include "sip/field.h"

#include "base/mem.h"
#include "corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_str(struct str got, const char *want)
{
	if (!str_eq(got, str_from(want)))
		print_message("got \"%.*s\", want \"%s\"\n", STR_ARG(got), want);
	assert_true(str_eq(got, str_from(want)));
}

static void parses_via(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		enum sip_transport transport;
		const char *host;
		uint16_t port;
		const char *branch;
	} rows[] = {
		{ "", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP ", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0 h", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h;;", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h;branch=", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h;branch", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h;branch=a;branch=b", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h;rport;rport", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h;rport=x", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h;rport=65536", ERR_LIMIT, 0, "", 0, "" },
		{ "SIP/2.0/UDP h;ttl=256", ERR_LIMIT, 0, "", 0, "" },
		{ "SIP/2.0/UDP h:x", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h : 1 2", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h i", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP ::1", ERR_SYNTAX, 0, "", 0, "" },
		{ "SIP/2.0/UDP h", ERR_OK, SIP_TRANSPORT_UDP, "h", 0, "" },
		{ "SIP/2.0/tcp h:5;branch=z", ERR_OK, SIP_TRANSPORT_TCP, "h", 5, "z" },
		{ "SIP / 2.0 / X  h : 6 ; branch = z", ERR_OK, SIP_TRANSPORT_OTHER, "h", 6, "z" },
		{ "SIP/2.0/UDP\r\n [::1]:7\r\n\t;BRANCH=\r\n z", ERR_OK, SIP_TRANSPORT_UDP, "::1",
		  7, "z" },
		{ "SIP/2.0/UDP [::1];x=\"a;branch=q\";branch=z", ERR_OK, SIP_TRANSPORT_UDP, "::1",
		  0, "z" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = corpus_copy(str_from(rows[i].in));
		struct sip_via via;

		print_message("%s\n", rows[i].in);
		assert_int_equal(sip_via_parse(&via, in), rows[i].want);
		if (rows[i].want == ERR_OK) {
			assert_int_equal(via.transport, rows[i].transport);
			assert_str(via.host, rows[i].host);
			assert_int_equal(via.port, rows[i].port);
			assert_str(via.branch, rows[i].branch);
		}
		corpus_free(in);
	}
}

static void aims_responses(void **state)
{
	static const struct {
		const char *in;
		const char *host;
		uint16_t port;
	} rows[] = {
		{ "SIP/2.0/UDP h", "h", 5060 },
		{ "SIP/2.0/TLS h", "h", 5061 },
		{ "SIP/2.0/X h", "h", 5060 },
		{ "SIP/2.0/UDP h:7;received=1.2.3.4", "1.2.3.4", 7 },
		{ "SIP/2.0/UDP h:7;received=1.2.3.4;rport=9", "1.2.3.4", 9 },
		{ "SIP/2.0/UDP h:7;received=[::1];rport", "::1", 7 },
		{ "SIP/2.0/UDP h:7;maddr=5.6.7.8;received=1.2.3.4", "5.6.7.8", 7 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_via via;
		struct str host;
		uint16_t port;

		assert_int_equal(sip_via_parse(&via, str_from(rows[i].in)), ERR_OK);
		sip_via_response_target(&via, &host, &port);
		assert_str(host, rows[i].host);
		assert_int_equal(port, rows[i].port);
	}
}

static void parses_name_addr(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		const char *display; /* as it means */
		const char *uri;
		const char *tag;
	} rows[] = {
		{ "", ERR_SYNTAX, "", "", "" },
		{ "<sip:a@h", ERR_SYNTAX, "", "", "" },
		{ "<>", ERR_SYNTAX, "", "", "" },
		{ "< sip:a@h>", ERR_SYNTAX, "", "", "" },
		{ "\"x <sip:a@h>", ERR_SYNTAX, "", "", "" },
		{ "\"x\" sip:a@h", ERR_SYNTAX, "", "", "" },
		{ "\"x\r\ny\" <sip:a@h>", ERR_SYNTAX, "", "", "" },
		{ "a, b <sip:a@h>", ERR_SYNTAX, "", "", "" },
		{ "sip:a@h?x=y", ERR_SYNTAX, "", "", "" },
		{ "sip:a,b@h", ERR_SYNTAX, "", "", "" },
		{ "<sip:a@h> x", ERR_SYNTAX, "", "", "" },
		{ "<sip:a@h>;", ERR_SYNTAX, "", "", "" },
		{ "<sip:a@h>;tag=1;TAG=2", ERR_SYNTAX, "", "", "" },
		{ "<sip:a@h>;tag=\"x", ERR_SYNTAX, "", "", "" },
		{ "<sip:a@h>;q=\"\\", ERR_SYNTAX, "", "", "" },
		{ "sip:a@h", ERR_OK, "", "sip:a@h", "" },
		{ "sip:a@h;tag=1", ERR_OK, "", "sip:a@h", "1" },
		{ "<sip:a@h;tag=1>", ERR_OK, "", "sip:a@h;tag=1", "" },
		{ "caller<sip:a@h>;tag=2", ERR_OK, "caller", "sip:a@h", "2" },
		{ "a b  <sip:a@h> ;\r\n tag = 3", ERR_OK, "a b", "sip:a@h", "3" },
		{ "\"a \\\"b\\\" <c>, d\"<sip:a@h>;x=\";tag=9\";tag=4", ERR_OK, "a \"b\" <c>, d",
		  "sip:a@h", "4" },
		{ "\"x\r\n y\" <sip:a@h>", ERR_OK, "x y", "sip:a@h", "" },
		{ "J\xc3\xb6rg <sip:a@h>", ERR_OK, "J\xc3\xb6rg", "sip:a@h", "" },
		{ "<isbn:2983792873>", ERR_OK, "", "isbn:2983792873", "" },
		{ "<tel:+49-30>;tag=5", ERR_OK, "", "tel:+49-30", "5" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = corpus_copy(str_from(rows[i].in));
		struct sip_name_addr na;
		char memory[64];
		struct buf display;

		print_message("%s\n", rows[i].in);
		assert_int_equal(sip_name_addr_parse(&na, in), rows[i].want);
		if (rows[i].want == ERR_OK) {
			buf_wrap(&display, memory, sizeof(memory));
			sip_name_addr_display(&na, &display);
			assert_str(buf_view(&display), rows[i].display);
			assert_str(na.uri, rows[i].uri);
			assert_str(sip_name_addr_tag(&na), rows[i].tag);
		}
		corpus_free(in);
	}
}

static void reads_contact_parameters(void **state)
{
	struct sip_name_addr na;
	unsigned q;

	(void)state;
	assert_int_equal(sip_name_addr_parse(
				 &na,
				 STR("<sip:a@h>;q=0.75;expires=60;reg-id=2;methods=\"INVITE, BYE\";"
	                             "+sip.instance=\"<urn:uuid:1>\"")),
	                 ERR_OK);
	assert_int_equal(sip_name_addr_q(&na, &q), ERR_OK);
	assert_int_equal(q, 750);
	assert_int_equal(sip_name_addr_expires(&na, 1), 60);
	assert_int_equal(sip_name_addr_reg_id(&na), 2);
	assert_str(sip_name_addr_instance(&na), "urn:uuid:1");
	assert_true(sip_name_addr_allows(&na, STR("BYE")));
	assert_false(sip_name_addr_allows(&na, STR("MESSAGE")));
	assert_int_equal(sip_name_addr_parse(&na, STR("<sip:a@h>;expires=x")), ERR_OK);
	assert_int_equal(sip_name_addr_expires(&na, 3600), 3600);
	assert_int_equal(sip_name_addr_parse(&na, STR("<sip:a@h>;expires=280297596632815")),
	                 ERR_OK);
	assert_int_equal(sip_name_addr_expires(&na, 3600), UINT32_MAX);
	assert_int_equal(sip_name_addr_parse(&na, STR("*")), ERR_OK);
	assert_true(na.star);
}

static void parses_q(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		unsigned q;
	} rows[] = {
		{ "0", ERR_OK, 0 },         { "1", ERR_OK, 1000 },       { "0.", ERR_OK, 0 },
		{ "0.5", ERR_OK, 500 },     { "0.123", ERR_OK, 123 },    { "1.000", ERR_OK, 1000 },
		{ "1.001", ERR_SYNTAX, 0 }, { "0.1234", ERR_SYNTAX, 0 }, { "2", ERR_SYNTAX, 0 },
		{ ".5", ERR_SYNTAX, 0 },    { "0.x", ERR_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_name_addr na;
		char text[64];
		unsigned q;

		(void)snprintf(text, sizeof(text), "<sip:h>;q=%s", rows[i].in);
		assert_int_equal(sip_name_addr_parse(&na, str_from(text)), ERR_OK);
		assert_int_equal(sip_name_addr_q(&na, &q), rows[i].want);
		if (rows[i].want == ERR_OK)
			assert_int_equal(q, rows[i].q);
	}
}

static void parses_cseq(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		uint32_t number;
	} rows[] = {
		{ "1 REGISTER", ERR_OK, 1 },
		{ "0009\r\n  INVITE", ERR_OK, 9 }, /* RFC 4475 3.1.1.1 */
		{ "2147483647 ACK", ERR_OK, 2147483647 },
		{ "2147483648 ACK", ERR_LIMIT, 0 }, /* one past what RFC 3261 8.1.1.5 allows */
		{ "36893488147419103232 ACK", ERR_LIMIT, 0 },
		{ "1REGISTER", ERR_SYNTAX, 0 },
		{ "-1 ACK", ERR_SYNTAX, 0 },
		{ "1", ERR_SYNTAX, 0 },
		{ "1 A B", ERR_SYNTAX, 0 },
		{ "", ERR_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_cseq cseq;

		assert_int_equal(sip_cseq_parse(&cseq, str_from(rows[i].in)), rows[i].want);
		if (rows[i].want == ERR_OK)
			assert_int_equal(cseq.number, rows[i].number);
	}
}

static void parses_call_ids(void **state)
{
	(void)state;
	assert_int_equal(sip_call_id_check(STR("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{")),
	                 ERR_OK);
	assert_int_equal(sip_call_id_check(STR("a")), ERR_OK);
	assert_int_equal(sip_call_id_check(STR("")), ERR_SYNTAX);
	assert_int_equal(sip_call_id_check(STR("a@")), ERR_SYNTAX);
	assert_int_equal(sip_call_id_check(STR("@a")), ERR_SYNTAX);
	assert_int_equal(sip_call_id_check(STR("a@b@c")), ERR_SYNTAX);
	assert_int_equal(sip_call_id_check(STR("a b")), ERR_SYNTAX);
}

static void parses_dates(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		int64_t seconds;
	} rows[] = {
		{ "Thu, 01 Jan 1970 00:00:00 GMT", ERR_OK, 0 },
		{ "Sat, 13 Nov 2010 23:29:00 GMT", ERR_OK, 1289690940 },
		{ "Thu, 29 Feb 2024 12:00:00 GMT", ERR_OK, 1709208000 },
		{ "Fri, 13 Nov 2010 23:29:00 GMT", ERR_SYNTAX, 0 },
		{ "Wed, 29 Feb 2023 12:00:00 GMT", ERR_SYNTAX, 0 },
		{ "Fri, 01 Jan 2010 16:00:00 EST", ERR_SYNTAX, 0 }, /* RFC 4475 3.1.2.12 */
		{ "Sat, 13 Nov 2010 24:00:00 GMT", ERR_SYNTAX, 0 },
		{ "Sat, 13 Nov 2010", ERR_SYNTAX, 0 },
		{ "", ERR_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct wall when;
		char memory[64];
		struct buf out;

		assert_int_equal(sip_date_parse(&when, str_from(rows[i].in)), rows[i].want);
		if (rows[i].want != ERR_OK)
			continue;
		assert_int_equal(when.ms, rows[i].seconds * 1000);
		buf_wrap(&out, memory, sizeof(memory));
		sip_date_write(when, &out);
		assert_str(buf_view(&out), rows[i].in);
	}
}

static void parses_the_small_ones(void **state)
{
	struct sip_session_expires se;
	struct sip_retry_after retry;
	struct sip_token_params tp;
	struct sip_timestamp ts;
	struct sip_warning warning;
	struct sip_reason reason;
	struct sip_media media;
	struct sip_rack rack;
	uint32_t n;
	unsigned hops;

	(void)state;
	assert_int_equal(sip_session_expires_parse(&se, STR("90;refresher=uac")), ERR_OK);
	assert_int_equal(se.seconds, 90);
	assert_int_equal(sip_session_expires_parse(&se, STR("90;refresher=x")), ERR_SYNTAX);
	assert_int_equal(sip_retry_after_parse(&retry, STR("18000 (in (a) meeting);duration=3600")),
	                 ERR_OK);
	assert_str(retry.comment, "in (a) meeting");
	assert_int_equal(retry.duration, 3600);
	assert_int_equal(sip_retry_after_parse(&retry, STR("1 (x")), ERR_SYNTAX);
	assert_int_equal(sip_token_params_parse(&tp, STR("active;expires=60")), ERR_OK);
	assert_str(tp.token, "active");
	assert_int_equal(sip_timestamp_parse(&ts, STR("54.1 .5")), ERR_SYNTAX);
	assert_int_equal(sip_timestamp_parse(&ts, STR("54.1 0.5")), ERR_OK);
	assert_int_equal(sip_warning_parse(&warning, STR("307 isi.edu \"no \\\"x\\\"\"")), ERR_OK);
	assert_int_equal(warning.code, 307);
	assert_int_equal(sip_warning_parse(&warning, STR("30 isi.edu \"x\"")), ERR_SYNTAX);
	assert_int_equal(sip_reason_parse(&reason, STR("SIP ;cause=600 ;text=\"Busy\"")), ERR_OK);
	assert_int_equal(reason.cause, 600);
	assert_str(reason.text, "Busy");
	assert_int_equal(sip_media_parse(&media, STR("application / sdp;x=y")), ERR_OK);
	assert_str(media.subtype, "sdp");
	assert_int_equal(sip_media_parse(&media, STR("application")), ERR_SYNTAX);
	assert_int_equal(sip_rack_parse(&rack, STR("776656 1 INVITE")), ERR_OK);
	assert_int_equal(rack.cseq.number, 1);
	assert_int_equal(sip_rack_parse(&rack, STR("776656")), ERR_SYNTAX);
	assert_int_equal(sip_seconds_parse(&n, STR("10000000000")), ERR_OK);
	assert_int_equal(n, UINT32_MAX);
	assert_int_equal(sip_max_forwards_parse(&hops, STR("256")), ERR_LIMIT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_via),
		cmocka_unit_test(aims_responses),
		cmocka_unit_test(parses_name_addr),
		cmocka_unit_test(reads_contact_parameters),
		cmocka_unit_test(parses_q),
		cmocka_unit_test(parses_cseq),
		cmocka_unit_test(parses_call_ids),
		cmocka_unit_test(parses_dates),
		cmocka_unit_test(parses_the_small_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
