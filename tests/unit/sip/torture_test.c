/* The messages of RFC 4475 and RFC 5118: what a server that knows no extension makes of each, by its language alone. */
#include "base/addr.h"
#include "base/mem.h"
#include "corpus.h"
#include "sip/build.h"
#include "sip/field.h"
#include "sip/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* What is done with a message that arrives in a datagram. */
enum verdict {
	FORWARD, /* a request that is routed like any other */
	RELAY,   /* a response that looks for its transaction */
	ANSWER,
	DROP,
};

/* clang-format off */
static const struct {
	const char *file;
	enum verdict want;
	unsigned status;
	const char *reason;
} cases[] = {
	{ "rfc4475/wsinv.dat",      FORWARD, 0, "" },
	{ "rfc4475/intmeth.dat",    FORWARD, 0, "" },
	{ "rfc4475/esc01.dat",      FORWARD, 0, "" },
	{ "rfc4475/escnull.dat",    FORWARD, 0, "" },
	{ "rfc4475/esc02.dat",      FORWARD, 0, "" },
	{ "rfc4475/lwsdisp.dat",    FORWARD, 0, "" },
	{ "rfc4475/longreq.dat",    FORWARD, 0, "" },
	{ "rfc4475/dblreq.dat",     FORWARD, 0, "" },
	{ "rfc4475/semiuri.dat",    FORWARD, 0, "" },
	{ "rfc4475/transports.dat", FORWARD, 0, "" },
	{ "rfc4475/mpart01.dat",    FORWARD, 0, "" },
	{ "rfc4475/unreason.dat",   RELAY,   0, "" },
	{ "rfc4475/noreason.dat",   RELAY,   0, "" },
	{ "rfc4475/badinv01.dat",   ANSWER,  400, "Bad Via" },
	{ "rfc4475/clerr.dat",      ANSWER,  400, "Content-Length Exceeds Body" },
	{ "rfc4475/ncl.dat",        ANSWER,  400, "Bad Content-Length" },
	{ "rfc4475/scalar02.dat",   ANSWER,  400, "Bad CSeq" },
	{ "rfc4475/scalarlg.dat",   DROP,    0, "Bad CSeq" },
	{ "rfc4475/quotbal.dat",    ANSWER,  400, "Bad To" },
	{ "rfc4475/ltgtruri.dat",   ANSWER,  400, "Bad Request-URI" },
	{ "rfc4475/lwsruri.dat",    ANSWER,  400, "Bad Start Line" },
	{ "rfc4475/lwsstart.dat",   ANSWER,  400, "Bad Start Line" },
	{ "rfc4475/trws.dat",       ANSWER,  400, "Bad Start Line" },
	{ "rfc4475/escruri.dat",    ANSWER,  400, "Bad Request-URI" },
	{ "rfc4475/baddate.dat",    FORWARD, 0, "" },          /* as if the Date were absent */
	{ "rfc4475/regbadct.dat",   ANSWER,  400, "Bad Contact" },
	{ "rfc4475/badaspec.dat",   ANSWER,  400, "Bad To" },
	{ "rfc4475/baddn.dat",      ANSWER,  400, "Unterminated Header Section" },
	{ "rfc4475/badvers.dat",    ANSWER,  505, "Version Not Supported" },
	{ "rfc4475/mismatch01.dat", ANSWER,  400, "Bad CSeq" },
	{ "rfc4475/mismatch02.dat", ANSWER,  400, "Bad CSeq" },
	{ "rfc4475/bigcode.dat",    DROP,    0, "Bad Status Code" },
	{ "rfc4475/badbranch.dat",  ANSWER,  400, "Bad Via" },
	{ "rfc4475/insuf.dat",      ANSWER,  400, "Missing From" },
	{ "rfc4475/unkscm.dat",     ANSWER,  416, "Unsupported URI Scheme" },
	{ "rfc4475/novelsc.dat",    ANSWER,  416, "Unsupported URI Scheme" },
	{ "rfc4475/unksm2.dat",     FORWARD, 0, "" },          /* what a registrar says to such a To is its own matter */
	{ "rfc4475/bext01.dat",     ANSWER,  420, "Bad Extension" },
	{ "rfc4475/invut.dat",      FORWARD, 0, "" },
	{ "rfc4475/regaut01.dat",   FORWARD, 0, "" },          /* then challenged */
	{ "rfc4475/multi01.dat",    ANSWER,  400, "Multiple Max-Forwards" },
	{ "rfc4475/mcl01.dat",      ANSWER,  400, "Multiple Content-Length" },
	{ "rfc4475/bcast.dat",      DROP,    0, "Via leads to broadcast" },
	{ "rfc4475/zeromf.dat",     ANSWER,  483, "Too Many Hops" },
	{ "rfc4475/cparam01.dat",   FORWARD, 0, "" },
	{ "rfc4475/cparam02.dat",   FORWARD, 0, "" },
	{ "rfc4475/regescrt.dat",   FORWARD, 0, "" },
	{ "rfc4475/sdp01.dat",      FORWARD, 0, "" },
	{ "rfc4475/inv2543.dat",    FORWARD, 0, "" },
	{ "rfc5118/ipv6-good.dat",                     FORWARD, 0, "" },
	{ "rfc5118/ipv6-bad.dat",                      ANSWER,  400, "Bad Request-URI" },
	{ "rfc5118/port-ambiguous.dat",                FORWARD, 0, "" },
	{ "rfc5118/port-unambiguous.dat",              FORWARD, 0, "" },
	{ "rfc5118/via-received-param-with-delim.dat", FORWARD, 0, "" },
	{ "rfc5118/via-received-param-no-delim.dat",   FORWARD, 0, "" },
	{ "rfc5118/ipv6-in-sdp.dat",                   ANSWER,  400, "Content-Length Exceeds Body" },
	{ "rfc5118/ipv6-in-sdp.clfix.dat",             FORWARD, 0, "" },
	{ "rfc5118/mult-ip-in-header.dat",             FORWARD, 0, "" },
	{ "rfc5118/mult-ip-in-sdp.dat",                FORWARD, 0, "" },
	{ "rfc5118/mult-ip-in-sdp.clfix.dat",          FORWARD, 0, "" },
	{ "rfc5118/ipv4-mapped-ipv6.dat",              FORWARD, 0, "" },
	{ "rfc5118/ipv4-mapped-ipv6.clfix.dat",        FORWARD, 0, "" },
	{ "rfc5118/ipv6-bug-abnf-3-colons.dat",        ANSWER,  400, "Bad To" },
	{ "rfc5118/ipv6-correct-abnf-2-colons.dat",    FORWARD, 0, "" },
};
/* clang-format on */

static struct sip_fault fault_of(unsigned status, const char *reason)
{
	return (struct sip_fault){ status, reason };
}

/* What a proxy adds that knows no extension (RFC 3261 16.3 steps 3 and 5), so that the table can speak of whole servers. */
static bool refuses(const struct sip_msg *msg, struct sip_fault *fault)
{
	struct sip_values require = sip_values_of(msg, SIP_H_PROXY_REQUIRE);
	struct str token;
	unsigned hops = 70;

	if (sip_has(msg, SIP_H_MAX_FORWARDS))
		assert_int_equal(sip_max_forwards_parse(&hops, sip_value(msg, SIP_H_MAX_FORWARDS)),
		                 ERR_OK);
	if (hops == 0)
		*fault = fault_of(483, "Too Many Hops");
	else if (sip_next_unknown_token(&require, NULL, 0, &token))
		*fault = fault_of(420, "Bad Extension");
	return fault->status != 0;
}

/* Would the response be sent to the broadcast address (RFC 4475 3.3.10)? */
static bool is_broadcast(const struct sip_msg *msg)
{
	struct sip_values vias = sip_values_of(msg, SIP_H_VIA);
	struct str value;
	struct sip_via via;

	for (int i = 0; i < 2; i++) {
		if (!sip_values_next(&vias, &value))
			return false;
	}
	assert_int_equal(sip_via_parse(&via, value), ERR_OK);
	return str_eq(via.host, STR("255.255.255.255"));
}

static enum verdict judge(struct str bytes, struct sip_fault *fault)
{
	struct sip_msg msg;

	if (sip_parse(&msg, bytes, fault) != ERR_OK || sip_check(&msg, fault) != ERR_OK)
		return fault->status == 0 ? DROP : ANSWER;
	if (msg.is_request)
		return refuses(&msg, fault) ? ANSWER : FORWARD;
	if (!is_broadcast(&msg))
		return RELAY;
	*fault = fault_of(0, "Via leads to broadcast");
	return DROP;
}

static void treats_each_as_its_manifest_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct str file = corpus_read(cases[i].file);
		struct sip_fault fault;
		enum verdict got;

		assert_true(file.len > 0);
		got = judge(file, &fault);
		print_message("%s: %d %u %s\n", cases[i].file, got, fault.status, fault.reason);
		assert_int_equal(got, cases[i].want);
		assert_int_equal(fault.status, cases[i].status);
		assert_string_equal(fault.reason, cases[i].reason);
		corpus_free(file);
	}
}

static void count_file(void *arg, const char *path, struct str file)
{
	bool *found = arg;

	(void)file;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		found[i] = found[i] || strcmp(cases[i].file, path) == 0;
}

static void the_table_names_all_files(void **state)
{
	bool found[COUNT_OF(cases)] = { false };
	unsigned n = corpus_each("rfc4475", ".dat", count_file, found) +
	             corpus_each("rfc5118", ".dat", count_file, found);

	(void)state;
	assert_int_equal(n, COUNT_OF(cases));
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_true(found[i]);
}

/* A cut message must never be read beyond its end, nor crash: each prefix is a message that somebody may send. */
static void survives_every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct str file = corpus_read(cases[i].file);

		for (size_t len = 0; len < file.len; len += 7) {
			struct str cut = corpus_copy(str_head(file, len));
			struct sip_fault fault;
			struct sip_peek peek;

			(void)judge(cut, &fault);
			if (sip_peek(cut, &peek) == ERR_OK)
				assert_true(peek.is_request || peek.method == SIP_OTHER);
			corpus_free(cut);
		}
		corpus_free(file);
	}
}

static struct str parse(struct sip_msg *msg, const char *path)
{
	struct str file = corpus_read(path);
	struct sip_fault fault;

	assert_int_equal(sip_parse(msg, file, &fault), ERR_OK);
	assert_int_equal(sip_check(msg, &fault), ERR_OK);
	return file;
}

static void assert_str(struct str got, const char *want)
{
	print_message("\"%.*s\"\n", STR_ARG(got));
	assert_true(str_eq(got, str_from(want)));
}

static void reads_what_the_rfc_says_of_wsinv(void **state)
{
	struct sip_msg msg;
	struct str file = parse(&msg, "rfc4475/wsinv.dat");
	struct sip_name_addr from;
	struct sip_cseq cseq;
	struct sip_via via;
	char memory[64];
	struct buf display;

	(void)state;
	assert_int_equal(sip_count_values(&msg, SIP_H_VIA), 3);
	assert_int_equal(sip_via_top(&via, &msg), ERR_OK);
	assert_str(via.host, "192.0.2.2");
	assert_str(via.branch, "390skdjuw");
	assert_str(sip_tag(&msg, SIP_H_TO), "1918181833n");
	assert_int_equal(sip_name_addr_of(&from, &msg, SIP_H_FROM), ERR_OK);
	buf_wrap(&display, memory, sizeof(memory));
	sip_name_addr_display(&from, &display);
	assert_str(buf_view(&display), "J Rosenberg \\\"");
	assert_int_equal(sip_cseq_of(&cseq, &msg), ERR_OK);
	assert_int_equal(cseq.number, 9);
	assert_int_equal(cseq.method, SIP_INVITE);
	corpus_free(file);
}

static void keeps_escapes_apart(void **state)
{
	struct sip_msg msg;
	struct str file = parse(&msg, "rfc4475/escnull.dat");
	char memory[128];
	struct buf aor;
	struct sip_name_addr to;
	struct sip_uri uri;

	(void)state;
	assert_int_equal(sip_name_addr_uri(&to, &uri, sip_value(&msg, SIP_H_TO)), ERR_OK);
	buf_wrap(&aor, memory, sizeof(memory));
	assert_int_equal(sip_uri_aor(&uri, &aor, NULL), ERR_OK);
	assert_str(buf_view(&aor), "sip:null-%00-null@example.com");
	assert_int_equal(sip_count_values(&msg, SIP_H_CONTACT), 2);
	corpus_free(file);
	file = parse(&msg, "rfc4475/esc02.dat");
	assert_int_equal(msg.method, SIP_OTHER);
	assert_str(msg.method_name, "RE%47IST%45R");
	assert_int_equal(sip_count_values(&msg, SIP_H_CONTACT), 2);
	corpus_free(file);
}

static void finds_hosts_and_ports_of_rfc5118(void **state)
{
	static const struct {
		const char *file;
		const char *host;
		uint16_t port;
	} ports[] = {
		{ "rfc5118/port-ambiguous.dat", "2001:db8::10:5070", 0 },
		{ "rfc5118/port-unambiguous.dat", "2001:db8::10", 5070 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ports); i++) {
		struct sip_msg msg;
		struct str file = parse(&msg, ports[i].file);
		struct sip_uri uri;

		assert_int_equal(sip_uri_parse(&uri, msg.uri), ERR_OK);
		assert_str(uri.host, ports[i].host);
		assert_int_equal(uri.port, ports[i].port);
		corpus_free(file);
	}
}

static void reads_received_with_and_without_brackets(void **state)
{
	static const char *const files[] = { "rfc5118/via-received-param-with-delim.dat",
		                             "rfc5118/via-received-param-no-delim.dat" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		struct sip_msg msg;
		struct str file = parse(&msg, files[i]);
		struct sip_via via;

		assert_int_equal(sip_via_top(&via, &msg), ERR_OK);
		assert_str(via.received, "2001:db8::9:255");
		corpus_free(file);
	}
}

static void cuts_what_follows_the_body(void **state)
{
	struct sip_msg msg;
	struct str file = parse(&msg, "rfc4475/dblreq.dat");

	(void)state;
	assert_int_equal(msg.method, SIP_REGISTER);
	assert_int_equal(msg.body.len, 0);
	assert_true(msg.raw.len < file.len);
	corpus_free(file);
}

static void parse_flow(void *arg, const char *path, struct str file)
{
	struct sip_fault fault;
	struct sip_msg msg;

	(void)arg;
	print_message("%s\n", path);
	assert_int_equal(sip_parse(&msg, file, &fault), ERR_OK);
	assert_int_equal(sip_check(&msg, &fault), ERR_OK);
	assert_int_equal(msg.raw.len, file.len);
}

static void takes_every_call_flow(void **state)
{
	(void)state;
	assert_int_equal(corpus_each("callflow", ".sip", parse_flow, NULL), 42);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(treats_each_as_its_manifest_says),
		cmocka_unit_test(the_table_names_all_files),
		cmocka_unit_test(survives_every_prefix),
		cmocka_unit_test(reads_what_the_rfc_says_of_wsinv),
		cmocka_unit_test(keeps_escapes_apart),
		cmocka_unit_test(finds_hosts_and_ports_of_rfc5118),
		cmocka_unit_test(reads_received_with_and_without_brackets),
		cmocka_unit_test(cuts_what_follows_the_body),
		cmocka_unit_test(takes_every_call_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
