#include "stage.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define UDP SIP_TRANSPORT_UDP

/* A second request that differs from the first in one thing: the same transaction or another? */
static void server_transactions_are_told_apart(void **state)
{
	static const struct {
		const char *what;
		struct stage_from second;
		const char *first_branch, *first_method, *second_method;
		bool same;
	} rows[] = {
		{ "a copy", { 0 }, "z9hG4bKx", "INVITE", "INVITE", true },
		{ "another branch",
		  { .branch = "z9hG4bKy" },
		  "z9hG4bKx",
		  "INVITE",
		  "INVITE",
		  false },
		{ "another case of the branch",
		  { .branch = "z9hG4bKX" },
		  "z9hG4bKx",
		  "INVITE",
		  "INVITE",
		  false },
		{ "another method", { 0 }, "z9hG4bKx", "OPTIONS", "INFO", false },
		{ "another host in sent-by",
		  { .sent_by = "192.0.2.2:5062" },
		  "z9hG4bKx",
		  "INVITE",
		  "INVITE",
		  false },
		{ "another port in sent-by",
		  { .sent_by = "192.0.2.1:5063" },
		  "z9hG4bKx",
		  "INVITE",
		  "INVITE",
		  false },
		{ "another Call-ID", { .call_id = "c2" }, "z9hG4bKx", "INVITE", "INVITE", false },
		{ "other Via parameters",
		  { .via_params = ";rport;received=192.0.2.7" },
		  "z9hG4bKx",
		  "INVITE",
		  "INVITE",
		  true },
		{ "another Request-URI",
		  { .uri = "sip:carol@alpha.example" },
		  "z9hG4bKx",
		  "INVITE",
		  "INVITE",
		  true },
		{ "another CSeq", { .cseq = 8 }, "z9hG4bKx", "INVITE", "INVITE", true },
		/* RFC 2543 */
		{ "a copy, no branch", { 0 }, NULL, "INVITE", "INVITE", true },
		{ "a copy, an old branch", { 0 }, "1", "INVITE", "INVITE", true },
		{ "a copy, the cookie alone", { 0 }, "z9hG4bK", "INVITE", "INVITE", true },
		{ "old, another Request-URI",
		  { .uri = "sip:carol@alpha.example" },
		  NULL,
		  "INVITE",
		  "INVITE",
		  false },
		{ "old, another CSeq", { .cseq = 8 }, NULL, "INVITE", "INVITE", false },
		{ "old, another Call-ID", { .call_id = "c2" }, NULL, "INVITE", "INVITE", false },
		{ "old, another method", { 0 }, NULL, "OPTIONS", "INFO", false },
		{ "old, another Via", { .sent_by = "192.0.2.2" }, NULL, "INVITE", "INVITE", false },
	};
	static struct stage stage;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct stage_from *second = &rows[i].second;
		char script[64];

		assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
		stage.from.branch = rows[i].first_branch;
		(void)snprintf(script, sizeof(script), "request %s", rows[i].first_method);
		stage_play(&stage, script);
#define OTHER(field)            \
	if (second->field != 0) \
	stage.from.field = second->field
		OTHER(branch);
		OTHER(sent_by);
		OTHER(via_params);
		OTHER(call_id);
		OTHER(cseq);
		OTHER(uri);
#undef OTHER
		(void)snprintf(script, sizeof(script), "request %s", rows[i].second_method);
		stage_play(&stage, script);
		if (stage.requests != (rows[i].same ? 1u : 2u) ||
		    sip_transactions_count(stage.table) != stage.requests)
			fail_msg("%s: %u requests", rows[i].what, stage.requests);
		stage_close(&stage);
	}
}

static void sent_by_means_a_place(void **state)
{
	static const struct {
		const char *one, *two;
		bool same;
	} rows[] = {
		{ "Phone.Example", "phone.example", true },
		{ "phone.example", "phone.example:5060", true },
		{ "phone.example:5060", "phone.example:5061", false },
		{ "phone.example", "phone.example.", false },
	};
	static struct stage stage;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
		stage.from.sent_by = rows[i].one;
		stage_play(&stage, "request INVITE");
		stage.from.sent_by = rows[i].two;
		stage_play(&stage, "request INVITE");
		assert_int_equal(stage.requests, rows[i].same ? 1 : 2);
		stage_close(&stage);
	}
}

static void old_clients_ack_by_the_tag(void **state)
{
	static const char *const branches[] = { NULL, "1", "z9hG4bK" };
	static struct stage stage;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(branches); i++) {
		char tag[32];

		assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
		stage.from.branch = branches[i];
		stage_play(&stage, "request INVITE; reply 180; request CANCEL; reply 487");
		(void)snprintf(tag, sizeof(tag), ";tag=%.*s",
		               STR_ARG(sip_server_tag(stage.server)));
		stage.from.to_params = ";tag=someone-elses";
		stage_play(&stage, "request ACK");
		stage.from.to_params = tag;
		stage_play(&stage, "request ACK; wait 5000");
		assert_string_equal(stage_log(&stage),
		                    "0 request INVITE\n0 > 180\n0 > 200\n0 cancelled\n0 > 487\n"
		                    "0 loose ACK\n5000 ended\n");
		stage_close(&stage);
	}
}

/* Nothing that a client may write makes a key too long. */
static void long_keys_match_too(void **state)
{
	static const struct {
		size_t branch, host, call_id;
	} rows[] = { { 500, 10, 10 },
		     { 500, 10, 1000 },
		     { 20, 10, 1000 },
		     { 500, 240, 900 },
		     { 500, 240, 186 } };
	static struct stage stage;
	static char branch[600];
	static char host[2100];
	static char call_id[1100];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		(void)snprintf(branch, sizeof(branch), "z9hG4bK%0*d", (int)rows[i].branch, 1);
		(void)snprintf(host, sizeof(host), "a%0*d.example", (int)rows[i].host, 1);
		(void)snprintf(call_id, sizeof(call_id), "%0*d", (int)rows[i].call_id, 1);
		assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
		stage.from.branch = branch;
		stage.from.sent_by = host;
		stage.from.call_id = call_id;
		stage_play(
			&stage,
			"request INVITE; reply 180; request INVITE; request CANCEL; reply 487; request ACK; "
			"wait 5000");
		assert_string_equal(stage_log(&stage),
		                    "0 request INVITE\n0 > 180\n0 > 180\n0 > 200\n0 cancelled\n"
		                    "0 > 487\n5000 ended\n");
		call_id[0] = 'x';
		stage_play(&stage, "request INVITE");
		assert_int_equal(stage.requests, 2);
		stage_close(&stage);
	}
}

static void responses_match_by_branch_and_cseq_method(void **state)
{
	static const struct stage_scenario rows[] = {
		{ "another method in CSeq", UDP,
		  "start INVITE; got 200 BYE; got 180 CANCEL; got 180 invite; got 180",
		  "0 > INVITE\n0 stray 200\n0 stray 180\n0 stray 180\n0 response 180\n" },
		{ "a CANCEL's is not its INVITE's", UDP,
		  "start INVITE; got 180; cancel; got 481 CANCEL; got 200",
		  "0 > INVITE\n0 response 180\n0 > CANCEL\n0 response 200\n" },
		{ "no request at all", UDP, "got 200 INVITE", "0 stray 200\n" },
	};
	static const char *const strange[] = {
		/* no Via; no branch; no CSeq; a branch that no request of ours has */
		"SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.1\r\nCSeq: 7 INVITE\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKours1\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKtheirs\r\nCSeq: 7 INVITE\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=ours1\r\nCSeq: 7 INVITE\r\n\r\n",
	};
	static struct stage stage;

	(void)state;
	stage_play_all(rows, COUNT_OF(rows));
	assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
	stage_play(&stage, "start INVITE");
	for (size_t i = 0; i < COUNT_OF(strange); i++)
		stage_receive(&stage, strange[i], &stage.from.flow);
	assert_int_equal(sip_transactions_stray(stage.table), COUNT_OF(strange));
	assert_false(sip_client_heard(stage.client));
	stage_close(&stage);
}

static void icmp_finds_its_request(void **state)
{
	static const struct {
		const char *remote;
		size_t head; /* octets of the datagram that came back */
		bool fails;
	} rows[] = {
		{ "203.0.113.9:5060", 500, true },  { "203.0.113.9:5060", 150, true },
		{ "203.0.113.9:5060", 95, true },  /* just the topmost Via */
		{ "203.0.113.9:5060", 60, false }, /* not even that */
		{ "203.0.113.9:5060", 8, false },   { "203.0.113.9:5060", 0, false },
		{ "203.0.113.9:5061", 500, false }, { "203.0.113.8:5060", 500, false },
	};
	static struct stage stage;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_flow flow = { .transport = UDP, .remote = stage_addr(rows[i].remote) };
		struct str request;

		assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
		stage_play(&stage, "start OPTIONS");
		request = packet_view(stage_last(&stage)->packet);
		sip_transactions_unreachable(stage.table, &flow, str_head(request, rows[i].head),
		                             ERR_UNREACHABLE);
		assert_string_equal(stage_log(&stage),
		                    rows[i].fails
		                            ? "0 > OPTIONS\n0 failed destination unreachable\n"
		                            : "0 > OPTIONS\n");
		stage_close(&stage);
	}
	/* What else may come back: a response, an ACK, noise, a request over a stream. */
	assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
	stage_play(&stage, "start INVITE; got 486; icmp; request OPTIONS; reply 200; icmp");
	sip_transactions_unreachable(stage.table, &stage.from.flow, STR("\1\2\3"), ERR_REFUSED);
	assert_string_equal(stage_log(&stage),
	                    "0 > INVITE\n0 > ACK\n0 response 486\n0 request OPTIONS\n0 > 200\n");
	stage_close(&stage);
	assert_int_equal(stage_open(&stage, SIP_TRANSPORT_TCP, 0), ERR_OK);
	stage_play(&stage, "start INVITE; icmp");
	assert_string_equal(stage_log(&stage), "0 > INVITE\n");
	stage_close(&stage);
}

static void stateless_tags_know_their_ack(void **state)
{
	static const char form[] =
		"%s sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%s\r\nFrom: <sip:a@b>;tag=%s\r\n"
		"To: <sip:c@d>%s\r\nCall-ID: %s\r\nCSeq: %s %s\r\n\r\n";
	static const struct {
		const char *uri, *from, *call_id, *cseq, *key;
		bool ours;
	} rows[] = {
		{ "c@d", "f", "call", "1", "secret", true },
		{ "c@e", "f", "call", "1", "secret", false },
		{ "c@d", "g", "call", "1", "secret", false },
		{ "c@d", "f", "calk", "1", "secret", false },
		{ "c@d", "f", "call", "2", "secret", false },
		{ "c@d", "f", "call", "1", "secres", false },
		{ "c@d", "f", "call", "1", "secret2", false },
	};
	char text[1024];
	char to[32];
	char tag[SIP_TAG_TEXT];
	struct sip_msg msg;
	struct sip_fault fault;

	(void)state;
	(void)snprintf(text, sizeof(text), form, "INVITE", "c@d", "1", "f", "", "call", "1",
	               "INVITE");
	assert_int_equal(sip_parse(&msg, str_from(text), &fault), ERR_OK);
	assert_false(sip_stateless_is_ours(&msg, STR("secret")));
	sip_stateless_tag(&msg, STR("secret"), tag);
	(void)snprintf(to, sizeof(to), ";tag=%.16s", tag);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		(void)snprintf(text, sizeof(text), form, "ACK", rows[i].uri, "2", rows[i].from, to,
		               rows[i].call_id, rows[i].cseq, "ACK");
		assert_int_equal(sip_parse(&msg, str_from(text), &fault), ERR_OK);
		assert_int_equal(sip_stateless_is_ours(&msg, str_from(rows[i].key)), rows[i].ours);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_transactions_are_told_apart),
		cmocka_unit_test(sent_by_means_a_place),
		cmocka_unit_test(old_clients_ack_by_the_tag),
		cmocka_unit_test(long_keys_match_too),
		cmocka_unit_test(responses_match_by_branch_and_cseq_method),
		cmocka_unit_test(icmp_finds_its_request),
		cmocka_unit_test(stateless_tags_know_their_ack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
