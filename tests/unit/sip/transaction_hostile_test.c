#include "stage.h"

#include "../alloc_fail.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define UDP SIP_TRANSPORT_UDP
#define TCP SIP_TRANSPORT_TCP

static void tries_no_longer_than_told(void **state)
{
	static const struct {
		enum sip_transport transport;
		int64_t try_ms;
		const char *script;
		const char *want;
	} rows[] = {
		{ UDP, 4000, "start INVITE; wait 40000",
		  "0 > INVITE\n500 > INVITE\n1500 > INVITE\n3500 > INVITE\n4000 failed timed out\n" },
		{ TCP, 4000, "start INVITE; wait 40000", "0 > INVITE\n4000 failed timed out\n" },
		{ TCP, 4000, "start INVITE; wait 3999; got 100; wait 60000",
		  "0 > INVITE\n3999 response 100\n" },
		{ TCP, 4000, "start BYE; wait 40000", "0 > BYE\n4000 failed timed out\n" },
		{ TCP, 4000, "start BYE; wait 3000; got 100; wait 40000",
		  "0 > BYE\n3000 response 100\n32000 failed timed out\n" },
		{ TCP, 40000, "start BYE; wait 40000", "0 > BYE\n32000 failed timed out\n" },
	};
	static struct stage stage;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(stage_open(&stage, rows[i].transport, 0), ERR_OK);
		stage.try_ms = rows[i].try_ms;
		stage_play(&stage, rows[i].script);
		assert_string_equal(stage_log(&stage), rows[i].want);
		stage_close(&stage);
	}
}

/* ---------------------------------------------------------------------------- what our own requests carry */

static void hop_requests_are_made_of_the_invite(void **state)
{
	static const char *const both[] = {
		" sip:bob@203.0.113.9 SIP/2.0\r\n",
		"Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKours1\r\nMax-Forwards: ",
		"Route: <sip:203.0.113.9;lr>\r\n",
		"From: <sip:alice@beta.example>;tag=a1\r\n",
		"Call-ID: call@192.0.2.1\r\n",
		"Content-Length: 0\r\n\r\n",
	};
	static struct stage stage;

	(void)state;
	assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
	stage_play(&stage, "start INVITE; got 180; cancel");
	for (size_t i = 0; i < COUNT_OF(both); i++)
		assert_true(stage_last_has(&stage, both[i]));
	assert_true(stage_last_has(&stage, "To: <sip:bob@alpha.example>\r\n"));
	assert_true(stage_last_has(&stage, "CSeq: 7 CANCEL\r\n"));
	assert_true(stage_last_has(&stage, "Reason: SIP;cause=200\r\n"));
	stage_play(&stage, "got 487 INVITE");
	for (size_t i = 0; i < COUNT_OF(both); i++)
		assert_true(stage_last_has(&stage, both[i]));
	assert_true(stage_last_has(&stage, "To: <sip:bob@alpha.example>;tag=b487\r\n"));
	assert_true(stage_last_has(&stage, "CSeq: 7 ACK\r\n"));
	assert_false(stage_last_has(&stage, "Reason"));
	stage_close(&stage);
}

static void hop_requests_take_the_invites_way(void **state)
{
	static struct stage stage;

	(void)state;
	/* Whichever connection it went by. */
	assert_int_equal(stage_open(&stage, TCP, 0), ERR_OK);
	stage_play(&stage, "start INVITE");
	assert_int_equal(stage_last(&stage)->flow.connection, 0);
	assert_true(stage_last(&stage)->fallback);
	stage_play(&stage, "sent; got 180; cancel");
	assert_int_equal(stage_last(&stage)->flow.connection, 88);
	assert_true(stage_last(&stage)->fallback);
	stage_play(&stage, "got 487 INVITE");
	assert_int_equal(stage_last(&stage)->flow.connection, 88);
	stage_close(&stage);
	/* The one that the user named, and no other. */
	assert_int_equal(stage_open(&stage, TCP, 0), ERR_OK);
	stage.connection = 99;
	stage_play(&stage, "start INVITE; got 180; cancel");
	assert_int_equal(stage_last(&stage)->flow.connection, 99);
	assert_false(stage_last(&stage)->fallback);
	stage_close(&stage);
}

static void retransmits_the_same_octets(void **state)
{
	static struct stage stage;
	const struct packet *first;

	(void)state;
	assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
	stage_play(&stage, "start INVITE");
	first = stage_last(&stage)->packet;
	assert_ptr_equal(first->data, sip_client_request(stage.client)->raw.p);
	alloc_fail_at(0);
	stage_wait(&stage, 20000);
	assert_int_equal(alloc_fail_count(), 0);
	assert_int_equal(stage.sent_count, 6);
	assert_ptr_equal(stage_last(&stage)->packet, first);
	stage_play(&stage, "request OPTIONS; reply 200");
	first = stage_last(&stage)->packet;
	stage_play(&stage, "request OPTIONS; request OPTIONS");
	assert_ptr_equal(stage_last(&stage)->packet, first);
	stage_close(&stage);
}

static void refuses_to_start_what_it_cannot_find_again(void **state)
{
	static const char *const rows[] = {
		"",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n\r\n",
		"ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 ACK\r\n\r\n",
		"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 BYE\r\n\r\n",
		"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=1\r\nCSeq: 1 BYE\r\n\r\n",
		"BYE sip:a@b SIP/2.0\r\nCSeq: 1 BYE\r\n\r\n",
		"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n",
		"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 BYE\r\n",
	};
	static struct stage stage;

	(void)state;
	assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct packet *packet = packet_copy(str_from(rows[i]));
		const struct sip_client_start conf = { .request = packet, .flow = stage.from.flow };
		struct sip_client *client;

		assert_int_equal(sip_client_start(stage.table, &conf, &client), ERR_SYNTAX);
		packet_unref(packet);
	}
	stage_play(&stage, "start INVITE");
	stage.branch = 0;
	stage_play(&stage, "start INVITE; got 180");
	assert_string_equal(stage_log(&stage),
	                    "0 > INVITE\n0 not started: exists already\n0 response 180\n");
	assert_int_equal(sip_transactions_count(stage.table), 1);
	stage_close(&stage);
}

/* ---------------------------------------------------------------------------- what a user may do when told */

static void busy_user(struct stage *stage, const char *what)
{
	if (strcmp(what, "request") == 0)
		stage_play(stage, "reply 180; start INVITE");
	else if (strcmp(what, "response") == 0)
		stage_play(stage, "cancel; respond 200");
	else if (strcmp(what, "cancelled") == 0)
		stage_play(stage, "cancel; reply 487");
	else if (strcmp(what, "failed") == 0)
		stage_play(stage, "reply 503; start INVITE; let-go");
	else if (strcmp(what, "over") == 0)
		stage_play(stage, "start OPTIONS; let-go");
}

static void lets_the_user_do_anything_when_told(void **state)
{
	static const char *const scripts[] = {
		"request INVITE; got 180; got 200; request ACK; wait 40000",
		"request INVITE; got 486; wait 40000",
		"request INVITE; icmp; wait 40000",
		"request INVITE; request CANCEL; got 180; got 487; request ACK; wait 40000",
		"request INVITE; wait 100000",
		"request OPTIONS; wait 100000",
	};
	static struct stage stage;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
		stage.on_event = busy_user;
		stage.forgiving = true;
		stage_play(&stage, scripts[i]);
		stage.on_event = NULL;
		stage_wait(&stage, 300000);
		stage_play(&stage, "let-go");
		stage_wait(&stage, 300000);
		assert_int_equal(sip_transactions_count(stage.table), 0);
		stage_close(&stage);
	}
}

static void letting_user(struct stage *stage, const char *what)
{
	if (strcmp(what, "ended") != 0 && strcmp(what, "failed") != 0 && strcmp(what, "over") != 0)
		stage_play(stage, "let-go");
}

static void lets_go_from_inside_an_event(void **state)
{
	static const struct {
		const char *script, *want;
	} rows[] = {
		{ "request INVITE; request ACK", "0 request INVITE\n0 > 500\n" },
		{ "request OPTIONS", "0 request OPTIONS\n0 > 500\n" },
		{ "start INVITE; got 180; got 200; got 200", "0 > INVITE\n0 response 180\n" },
		{ "start INVITE; got 486; got 486",
		  "0 > INVITE\n0 > ACK\n0 response 486\n0 > ACK\n" },
		{ "start OPTIONS; got 200; got 200", "0 > OPTIONS\n0 response 200\n" },
	};
	static struct stage stage;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
		stage.on_event = letting_user;
		stage_play(&stage, rows[i].script);
		assert_string_equal(stage_log(&stage), rows[i].want);
		stage_close(&stage);
	}
}

/* ---------------------------------------------------------------------------- too much */

static void over_the_bound_answers_503(void **state)
{
	static struct stage stage;
	char tag[64];
	const char *at;

	(void)state;
	assert_int_equal(stage_open(&stage, UDP, 2), ERR_OK);
	stage_play(&stage, "request INVITE; start OPTIONS");
	stage.from.branch = "z9hG4bKfrom2";
	stage_play(&stage, "request INVITE");
	assert_true(stage_last_has(&stage, "SIP/2.0 503 Service Unavailable\r\n"));
	assert_true(stage_last_has(&stage, "Retry-After: 10\r\n"));
	assert_true(addr_eq(&stage_last(&stage)->flow.remote,
	                    &(struct addr){ stage_addr("192.0.2.1:5062").sa }));
	assert_int_equal(sip_transactions_count(stage.table), 2);
	assert_int_equal(sip_transactions_refused(stage.table), 1);

	/* The ACK to it is nobody's business; another's is. */
	at = memmem(stage_last(&stage)->packet->data, stage_last(&stage)->packet->len, ";tag=", 5);
	at = memmem(at + 5, 200, "To: ", 4);
	at = memmem(at, 100, ";tag=", 5);
	(void)snprintf(tag, sizeof(tag), "%.21s", at);
	(void)stage_log(&stage);
	stage.from.to_params = tag;
	stage_play(&stage, "request ACK");
	assert_string_equal(stage_log(&stage), "");
	stage.from.to_params = ";tag=0123456789abcdef";
	stage_play(&stage, "request ACK; start BYE");
	assert_string_equal(stage_log(&stage), "0 loose ACK\n0 not started: limit reached\n");

	/* A CANCEL makes room, so it finds its INVITE all the same; its user hears of it once. */
	stage.from.branch = "z9hG4bKfrom1";
	stage.from.to_params = "";
	stage_play(
		&stage,
		"request CANCEL; request CANCEL; reply 487; request ACK; wait 5000; request OPTIONS");
	assert_string_equal(
		stage_log(&stage),
		"0 > 200\n0 cancelled\n0 > 200\n0 > 487\n500 > OPTIONS\n1500 > OPTIONS\n"
		"3500 > OPTIONS\n5000 ended\n5000 request OPTIONS\n");
	stage_close(&stage);
}

static void a_storm_of_acks_changes_nothing(void **state)
{
	static struct stage stage;
	size_t sent;

	(void)state;
	assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
	stage_play(&stage, "request INVITE; reply 486");
	stage.quiet = true;
	sent = stage.sent_count;
	for (int i = 0; i < 10000; i++)
		stage_play(&stage, "request ACK");
	assert_int_equal(stage.sent_count, sent);
	assert_int_equal(stage.requests, 1);
	stage.from.branch = "z9hG4bKnobody";
	for (int i = 0; i < 10000; i++)
		stage_play(&stage, "request ACK");
	assert_int_equal(stage.requests, 10001);
	assert_int_equal(sip_transactions_count(stage.table), 1);
	stage_close(&stage);
}

/* A call through a proxy and its end, ten a millisecond: what is open stays what the timers allow, and nothing is left at the end. */
static void many_come_and_go(void **state)
{
	static struct stage stage;
	const char *const prefixes[] = { "z9hG4bKi", "z9hG4bKb", "" };
	size_t most = 0;

	(void)state;
	assert_int_equal(stage_open(&stage, TCP, 0), ERR_OK);
	stage.quiet = true;
	for (unsigned i = 0; i < 40000; i++) {
		char branch[32];

		stage.from.branch = branch;
		(void)snprintf(branch, sizeof(branch), "%s%u", prefixes[i % 3], i);
		stage_play(&stage,
		           i % 4 == 3
		                   ? "request OPTIONS; start OPTIONS; got 100; got 200; reply 200"
		                   : "request INVITE; start INVITE; got 180; reply 180");
		if (i % 4 == 0)
			stage_play(&stage, "got 200; respond 200");
		else if (i % 4 == 1)
			stage_play(
				&stage,
				"request CANCEL; cancel; got 200 CANCEL; got 487; reply 487; request ACK");
		else if (i % 4 == 2)
			stage_play(&stage, "got 404; reply 404; request ACK");
		if (i % 10 == 0)
			stage_wait(&stage, 20);
		if (sip_transactions_count(stage.table) > most)
			most = sip_transactions_count(stage.table);
	}
	assert_true(sip_transactions_begun(stage.table) >= 100000);
	assert_true(most < 40000);
	stage_wait(&stage, 40000);
	assert_int_equal(sip_transactions_count(stage.table), 0);
	assert_int_equal(stage.wheel.count, 0);
	stage_close(&stage);
}

/* ---------------------------------------------------------------------------- no memory */

static void whole_calls(void *arg)
{
	static struct stage stage;
	static const char *const scripts[] = {
		"request INVITE; reply 100; start INVITE; sent; got 180; reply 180; request CANCEL; cancel; got 200",
		"start INVITE; got 180; cancel; got 200 CANCEL; got 487; sent; got 487; wait 300000",
		"request INVITE; reply 180; request CANCEL; reply 487; lost; lost; request ACK; wait 300000",
		"request OPTIONS; start OPTIONS; lost; wait 4000; let-go; request OPTIONS; wait 300000",
		"request INVITE; start INVITE; let-go; got 180; got 200; wait 300000",
		"start INVITE; got 180; let-go; wait 300000",
	};

	(void)arg;
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		if (stage_open(&stage, i % 2 == 0 || i == 1 ? TCP : UDP, 0) != ERR_OK)
			continue;
		stage.forgiving = true;
		stage_play(&stage, scripts[i]);
		/* Whatever went wrong: nothing waits for ever but for its user. */
		stage_play(&stage, "let-go; let-go");
		if (stage.server == NULL)
			stage_play(&stage, "wait 300000");
		assert_true(sip_transactions_count(stage.table) <= 1);
		stage_close(&stage);
	}
}

static void survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(whole_calls, NULL) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tries_no_longer_than_told),
		cmocka_unit_test(hop_requests_are_made_of_the_invite),
		cmocka_unit_test(hop_requests_take_the_invites_way),
		cmocka_unit_test(retransmits_the_same_octets),
		cmocka_unit_test(refuses_to_start_what_it_cannot_find_again),
		cmocka_unit_test(lets_the_user_do_anything_when_told),
		cmocka_unit_test(lets_go_from_inside_an_event),
		cmocka_unit_test(over_the_bound_answers_503),
		cmocka_unit_test(a_storm_of_acks_changes_nothing),
		cmocka_unit_test(many_come_and_go),
		cmocka_unit_test(survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
