#include "stage.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define UDP SIP_TRANSPORT_UDP
#define TCP SIP_TRANSPORT_TCP

static void invite_follows_figure_7(void **state)
{
	static const struct stage_scenario rows[] = {
		{ "nothing by itself", UDP,
		  "request INVITE; request INVITE; wait 300000; reply 486; request ACK",
		  "0 request INVITE\n300000 > 486\n" },
		{ "a refusal without ACK: Timers G and H", UDP,
		  "request INVITE; reply 486; wait 40000",
		  "0 request INVITE\n0 > 486\n500 > 486\n1500 > 486\n3500 > 486\n7500 > 486\n11500 > 486\n15500 > 486\n"
		  "19500 > 486\n23500 > 486\n27500 > 486\n31500 > 486\n32000 ended\n" },
		{ "a refusal without ACK: no Timer G", TCP, "request INVITE; reply 486; wait 40000",
		  "0 request INVITE\n0 > 486\n32000 ended\n" },
		{ "the last provisional one again for each copy", UDP,
		  "request INVITE; reply 100; request INVITE; reply 180; request INVITE; respond 183; request INVITE",
		  "0 request INVITE\n0 > 100\n0 > 100\n0 > 180\n0 > 180\n0 > 183\n0 > 183\n" },
		{ "ACK: Timer I", UDP,
		  "request INVITE; reply 486; request INVITE; wait 600; request ACK; request ACK; request INVITE; wait 4999; request "
		  "ACK; wait 2; request ACK",
		  "0 request INVITE\n0 > 486\n0 > 486\n500 > 486\n5600 ended\n5601 loose ACK\n" },
		{ "ACK: no Timer I", TCP, "request INVITE; reply 404; request ACK; wait 1",
		  "0 request INVITE\n0 > 404\n1 ended\n" },
		{ "2xx: copies are taken in, further 2xx pass, ACKs too; Timer L", UDP,
		  "request INVITE; reply 180; respond 200; wait 500; request INVITE; respond 200; request ACK; wait 40000",
		  "0 request INVITE\n0 > 180\n0 > 200\n500 > 200\n500 loose ACK\n32000 ended\n" },
		{ "2xx over TCP: Timer L as well", TCP, "request INVITE; respond 200; wait 40000",
		  "0 request INVITE\n0 > 200\n32000 ended\n" },
		{ "one final response", UDP,
		  "request INVITE; reply 486; reply 180; reply 200; reply 404; request ACK; reply 200; wait 5000",
		  "0 request INVITE\n0 > 486\n5000 ended\n" },
		{ "after a 2xx only 2xx", UDP,
		  "request INVITE; respond 200; reply 180; reply 486; respond 202",
		  "0 request INVITE\n0 > 200\n0 > 202\n" },
		{ "ACK before a final response", UDP,
		  "request INVITE; request ACK; reply 180; request ACK",
		  "0 request INVITE\n0 > 180\n" },
		{ "let go: 500", UDP,
		  "request INVITE; let-go; wait 500; request ACK; wait 5000; request ACK",
		  "0 request INVITE\n0 > 500\n500 > 500\n5500 loose ACK\n" },
		{ "let go after a final response", UDP,
		  "request INVITE; reply 603; let-go; wait 500; request ACK; wait 5000",
		  "0 request INVITE\n0 > 603\n500 > 603\n" },
	};

	(void)state;
	stage_play_all(rows, COUNT_OF(rows));
}

static void others_follow_figure_8_and_rfc_4320(void **state)
{
	static const struct stage_scenario rows[] = {
		{ "copies are taken in, then answered alike; Timer J", UDP,
		  "request BYE; request BYE; reply 200; request BYE; wait 31999; request BYE; wait 1; request BYE",
		  "0 request BYE\n0 > 200\n0 > 200\n31999 > 200\n32000 ended\n32000 request BYE\n" },
		{ "no Timer J", TCP, "request BYE; reply 481; wait 1; request BYE",
		  "0 request BYE\n0 > 481\n1 ended\n1 request BYE\n" },
		{ "one final response", UDP, "request BYE; reply 200; reply 404; reply 100",
		  "0 request BYE\n0 > 200\n" },
		{ "no 100 over UDP before Timer E is T2; one of its own then", UDP,
		  "request OPTIONS; reply 100; wait 3499; request OPTIONS; wait 1; request OPTIONS; reply 100; wait 1000; reply 200",
		  "0 request OPTIONS\n3500 > 100\n3500 > 100\n3500 > 100\n4500 > 200\n" },
		{ "a 100 over TCP when the user likes, and at that time in any case", TCP,
		  "request OPTIONS; reply 100; wait 10000; reply 200",
		  "0 request OPTIONS\n0 > 100\n10000 > 200\n" },
		{ "a 100 over TCP of its own", TCP, "request OPTIONS; wait 10000; reply 200",
		  "0 request OPTIONS\n3500 > 100\n10000 > 200\n" },
		{ "no 100 after the answer", UDP, "request OPTIONS; reply 200; wait 5000",
		  "0 request OPTIONS\n0 > 200\n" },
		{ "no other provisional response", TCP,
		  "request SUBSCRIBE; reply 180; reply 183; reply 200",
		  "0 request SUBSCRIBE\n0 > 200\n" },
		{ "never a 408", UDP,
		  "request MESSAGE; wait 32000; reply 408; request MESSAGE; reply 200; wait 32000",
		  "0 request MESSAGE\n3500 > 100\n32000 > 100\n64000 ended\n" },
		{ "never a 408, before any 100 either", UDP,
		  "request MESSAGE; reply 408; request MESSAGE; wait 32000",
		  "0 request MESSAGE\n32000 ended\n" },
		{ "let go: 500", UDP, "request MESSAGE; let-go; request MESSAGE",
		  "0 request MESSAGE\n0 > 500\n0 > 500\n" },
	};

	(void)state;
	stage_play_all(rows, COUNT_OF(rows));
}

static void cancel_follows_9_2(void **state)
{
	static const struct stage_scenario rows[] = {
		{ "of an INVITE without a final response", UDP,
		  "request INVITE; reply 180; request CANCEL; request CANCEL; reply 487; request ACK; request CANCEL",
		  "0 request INVITE\n0 > 180\n0 > 200\n0 cancelled\n0 > 200\n0 > 487\n0 > 200\n" },
		{ "before any response", UDP, "request INVITE; request CANCEL; reply 487",
		  "0 request INVITE\n0 > 200\n0 cancelled\n0 > 487\n" },
		{ "after a 2xx: no effect", UDP, "request INVITE; respond 200; request CANCEL",
		  "0 request INVITE\n0 > 200\n0 > 200\n" },
		{ "after a refusal: no effect", TCP, "request INVITE; reply 404; request CANCEL",
		  "0 request INVITE\n0 > 404\n0 > 200\n" },
		{ "of nothing", UDP, "request CANCEL; request CANCEL; wait 32000; request CANCEL",
		  "0 > 481\n0 > 481\n32000 > 481\n" },
		{ "before its INVITE: the INVITE is a call like others", UDP,
		  "request CANCEL; request INVITE; request CANCEL; reply 180",
		  "0 > 481\n0 request INVITE\n0 > 481\n0 > 180\n" },
		{ "of what is no INVITE", UDP, "request OPTIONS; request CANCEL; reply 200",
		  "0 request OPTIONS\n0 > 481\n0 > 200\n" },
		{ "told once, though its own transaction is over (no Timer J)", TCP,
		  "request INVITE; request CANCEL; wait 10; request CANCEL",
		  "0 request INVITE\n0 > 200\n0 cancelled\n10 > 200\n" },
	};

	(void)state;
	stage_play_all(rows, COUNT_OF(rows));
}

static void streams_that_break_are_replaced(void **state)
{
	static const struct stage_scenario rows[] = {
		{ "INVITE: stays, whatever happens", TCP,
		  "request INVITE; reply 180; lost; lost; request INVITE; sent; reply 486; request ACK; wait 1",
		  "0 request INVITE\n0 > 180\n0 > 180\n0 > 180\n0 > 486\n1 ended\n" },
		{ "2xx: stays until Timer L", TCP,
		  "request INVITE; respond 200; lost; lost; wait 32000",
		  "0 request INVITE\n0 > 200\n0 > 200\n32000 ended\n" },
		{ "others: over when there is no way", TCP,
		  "request BYE; reply 200; lost; lost; wait 10",
		  "0 request BYE\n0 > 200\n0 > 200\n0 ended\n" },
		{ "others: the second way will do", TCP,
		  "request BYE; reply 200; lost; sent; wait 10",
		  "0 request BYE\n0 > 200\n0 > 200\n1 ended\n" },
	};
	static struct stage stage;

	(void)state;
	stage_play_all(rows, COUNT_OF(rows));

	/* 18.2.2: first the connection alone, then to the source at the port of sent-by by whichever connection. */
	assert_int_equal(stage_open(&stage, TCP, 0), ERR_OK);
	stage_play(&stage, "request INVITE; reply 180");
	assert_int_equal(stage_last(&stage)->flow.connection, 77);
	assert_false(stage_last(&stage)->fallback);
	stage_play(&stage, "lost");
	assert_int_equal(stage_last(&stage)->flow.connection, 0);
	assert_true(stage_last(&stage)->fallback);
	assert_true(addr_eq(&stage_last(&stage)->flow.remote,
	                    &(struct addr){ stage_addr("192.0.2.1:5062").sa }));
	/* The client came back: that connection is the right one again. */
	stage.from.flow.connection = 78;
	stage_play(&stage, "request INVITE");
	assert_int_equal(stage_last(&stage)->flow.connection, 78);
	assert_false(stage_last(&stage)->fallback);
	stage_close(&stage);
}

/* 18.2.2, RFC 3581. */
static void answers_where_the_request_came_from(void **state)
{
	static const struct {
		const char *sent_by, *params, *remote, *to, *via;
	} rows[] = {
		{ "192.0.2.1:5062", "", "192.0.2.1:40000", "192.0.2.1:5062",
		  "UDP 192.0.2.1:5062;branch" },
		{ "192.0.2.1", "", "192.0.2.1:40000", "192.0.2.1:5060", "UDP 192.0.2.1;branch" },
		{ "10.0.0.1:5062", "", "192.0.2.1:40000", "192.0.2.1:5062",
		  ";received=192.0.2.1\r\n" },
		{ "phone.example", "", "192.0.2.1:40000", "192.0.2.1:5060",
		  ";received=192.0.2.1\r\n" },
		{ "10.0.0.1:5062", ";rport", "192.0.2.1:40000", "192.0.2.1:40000",
		  ";rport=40000;" },
		{ "10.0.0.1:5062", ";rport=1", "192.0.2.1:40000", "192.0.2.1:40000",
		  ";rport=40000;" },
		{ "192.0.2.1:5062", ";rport", "192.0.2.1:40000", "192.0.2.1:40000",
		  ";received=192.0.2.1\r\n" },
		/* What the client says itself about where to answer doesn't count. */
		{ "10.0.0.1", ";received=203.0.113.5", "192.0.2.1:40000", "192.0.2.1:5060",
		  ";received=192.0.2.1;" },
		{ "10.0.0.1", ";maddr=203.0.113.5", "192.0.2.1:40000", "192.0.2.1:5060",
		  ";received=192.0.2.1\r\n" },
		{ "[2001:db8::9]:5070", "", "[2001:db8::1]:40000", "[2001:db8::1]:5070",
		  ";received=2001:db8::1\r\n" },
	};
	static struct stage stage;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct addr to = stage_addr(rows[i].to);

		assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
		stage.from.sent_by = rows[i].sent_by;
		stage.from.via_params = rows[i].params;
		stage.from.flow.remote = stage_addr(rows[i].remote);
		stage_play(&stage, "request OPTIONS; reply 200");
		if (!addr_eq(&stage_last(&stage)->flow.remote, &to))
			fail_msg("row %zu goes elsewhere", i);
		assert_true(addr_eq(&stage_last(&stage)->flow.local, &stage.from.flow.local));
		if (!stage_last_has(&stage, rows[i].via))
			fail_msg("row %zu: %.*s", i,
			         STR_ARG(packet_view(stage_last(&stage)->packet)));
		stage_close(&stage);
	}
}

static void follows_a_client_whose_port_changes(void **state)
{
	static struct stage stage;
	struct addr at;

	(void)state;
	assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
	stage.from.via_params = ";rport";
	stage_play(&stage, "request INVITE; reply 180");
	stage.from.flow.remote = at = stage_addr("192.0.2.1:40001");
	stage_play(&stage, "request INVITE");
	assert_true(addr_eq(&stage_last(&stage)->flow.remote, &at));
	stage_play(&stage, "reply 486");
	assert_true(addr_eq(&stage_last(&stage)->flow.remote, &at));
	/* CANCEL and ACK from other ports again belong to it; a copy from another host draws nothing to that host. */
	stage.from.flow.remote = stage_addr("203.0.113.66:40001");
	stage_play(&stage, "request INVITE");
	assert_true(addr_eq(&stage_last(&stage)->flow.remote, &at));
	stage.from.flow.remote = stage_addr("192.0.2.1:40002");
	stage_play(&stage, "request ACK; wait 5000");
	assert_string_equal(stage_log(&stage),
	                    "0 request INVITE\n0 > 180\n0 > 180\n0 > 486\n0 > 486\n5000 ended\n");
	stage_close(&stage);
}

static void tag_is_the_same_throughout(void **state)
{
	static struct stage stage;
	char tag[32];

	(void)state;
	assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
	stage_play(&stage, "request INVITE; reply 100");
	assert_int_equal(sip_server_tag(stage.server).len, 16);
	(void)snprintf(tag, sizeof(tag), ";tag=%.*s\r\n", STR_ARG(sip_server_tag(stage.server)));
	assert_false(stage_last_has(&stage, tag));
	stage_play(&stage, "reply 180");
	assert_true(stage_last_has(&stage, tag));
	stage_play(&stage, "request CANCEL");
	assert_true(stage_last_has(&stage, "CSeq: 7 CANCEL"));
	assert_true(stage_last_has(&stage, tag));
	stage_play(&stage, "reply 487");
	assert_true(stage_last_has(&stage, tag));
	stage.from.call_id = "another";
	stage_play(&stage, "request INVITE; reply 180");
	assert_false(stage_last_has(&stage, tag));
	stage.from.to_params = ";tag=theirs";
	stage.from.branch = "z9hG4bKother";
	stage_play(&stage, "request INVITE; reply 180");
	assert_true(stage_last_has(&stage, ";tag=theirs\r\n"));
	stage_close(&stage);
}

static void put_much(void *arg, struct buf *out)
{
	const unsigned *lines = arg;

	for (unsigned i = 0; i < *lines; i++)
		sip_put_z(out, SIP_H_CONTACT,
		          "<sip:bob@203.0.113.77;transport=tcp>;q=0.5;expires=3600");
}

static void answers_of_any_size(void **state)
{
	static struct stage stage;
	unsigned lines[] = { 1, 20, 200, 2000 };
	enum err want[] = { ERR_OK, ERR_OK, ERR_OK, ERR_LIMIT };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		enum err e;

		assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
		stage_play(&stage, "request INVITE");
		e = sip_server_reply(stage.server, 302, STR("Over There"), put_much, &lines[i]);
		assert_int_equal(e, want[i]);
		if (e == ERR_OK) {
			assert_true(stage_last(&stage)->packet->len > lines[i] * 50);
			assert_true(stage_last_has(&stage, "SIP/2.0 302 Over There\r\n"));
			assert_true(stage_last_has(&stage, "Content-Length: 0\r\n\r\n"));
			assert_int_equal(sip_server_final(stage.server), 302);
		} else {
			assert_int_equal(sip_server_final(stage.server), 0);
		}
		stage_close(&stage);
	}
}

static void shows_what_it_was_made_of(void **state)
{
	static struct stage stage;

	(void)state;
	assert_int_equal(stage_open(&stage, UDP, 0), ERR_OK);
	stage_play(&stage, "request INVITE");
	assert_int_equal(sip_server_request(stage.server)->method, SIP_INVITE);
	assert_true(str_eq(sip_server_request(stage.server)->uri, STR("sip:bob@alpha.example")));
	assert_true(str_eq(packet_view(sip_server_packet(stage.server)),
	                   sip_server_request(stage.server)->raw));
	assert_true(addr_eq(&sip_server_flow(stage.server)->remote, &stage.from.flow.remote));
	assert_int_equal(sip_server_final(stage.server), 0);
	assert_int_equal(sip_transactions_count(stage.table), 1);
	assert_int_equal(sip_transactions_begun(stage.table), 1);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invite_follows_figure_7),
		cmocka_unit_test(others_follow_figure_8_and_rfc_4320),
		cmocka_unit_test(cancel_follows_9_2),
		cmocka_unit_test(streams_that_break_are_replaced),
		cmocka_unit_test(answers_where_the_request_came_from),
		cmocka_unit_test(follows_a_client_whose_port_changes),
		cmocka_unit_test(tag_is_the_same_throughout),
		cmocka_unit_test(answers_of_any_size),
		cmocka_unit_test(shows_what_it_was_made_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
