#include "stage.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define UDP SIP_TRANSPORT_UDP
#define TCP SIP_TRANSPORT_TCP

static void invite_follows_figure_5(void **state)
{
	static const struct stage_scenario rows[] = {
		{ "nobody there: Timers A and B", UDP, "start INVITE; wait 40000",
		  "0 > INVITE\n500 > INVITE\n1500 > INVITE\n3500 > INVITE\n7500 > INVITE\n15500 > INVITE\n"
		  "31500 > INVITE\n32000 failed timed out\n" },
		{ "nobody there: no Timer A", TCP, "start INVITE; wait 40000",
		  "0 > INVITE\n32000 failed timed out\n" },
		{ "a provisional response ends A and B", UDP,
		  "start INVITE; wait 600; got 100; wait 100000",
		  "0 > INVITE\n500 > INVITE\n600 response 100\n" },
		{ "all provisional ones pass", UDP,
		  "start INVITE; got 100; got 180; got 183; got 180",
		  "0 > INVITE\n0 response 100\n0 response 180\n0 response 183\n0 response 180\n" },
		{ "2xx: Timer M; each passes", UDP,
		  "start INVITE; got 180; wait 1000; got 200; wait 500; got 200; got 180; got 486; wait 40000; got 200",
		  "0 > INVITE\n0 response 180\n1000 response 200\n1500 response 200\n33000 over\n41500 stray 200\n" },
		{ "2xx at once", TCP, "start INVITE; got 200; wait 40000",
		  "0 > INVITE\n0 response 200\n32000 over\n" },
		{ "a refusal: ACK, each time it comes; Timer D", UDP,
		  "start INVITE; got 180; got 486; wait 500; got 486; got 200; got 180; wait 40000; got 486",
		  "0 > INVITE\n0 response 180\n0 > ACK\n0 response 486\n500 > ACK\n32000 over\n40500 stray 486\n" },
		{ "a refusal: no Timer D", TCP, "start INVITE; got 302; wait 1",
		  "0 > INVITE\n0 > ACK\n0 response 302\n1 over\n" },
		{ "the wire fails", TCP, "start INVITE; lost",
		  "0 > INVITE\n0 failed connection refused\n" },
		{ "ICMP", UDP, "start INVITE; wait 100; icmp; wait 1000",
		  "0 > INVITE\n100 failed connection refused\n" },
		{ "ICMP after a response means nothing", UDP,
		  "start INVITE; got 180; icmp; got 200",
		  "0 > INVITE\n0 response 180\n0 response 200\n" },
		{ "the ACK can't be sent", TCP, "start INVITE; sent; got 486; lost; got 486",
		  "0 > INVITE\n0 > ACK\n0 response 486\n0 over\n0 stray 486\n" },
	};

	(void)state;
	stage_play_all(rows, COUNT_OF(rows));
}

static void others_follow_figure_6(void **state)
{
	static const struct stage_scenario rows[] = {
		{ "nobody there: Timers E and F", UDP, "start OPTIONS; wait 40000",
		  "0 > OPTIONS\n500 > OPTIONS\n1500 > OPTIONS\n3500 > OPTIONS\n7500 > OPTIONS\n11500 > OPTIONS\n"
		  "15500 > OPTIONS\n19500 > OPTIONS\n23500 > OPTIONS\n27500 > OPTIONS\n31500 > OPTIONS\n"
		  "32000 failed timed out\n" },
		{ "nobody there: no Timer E", TCP, "start OPTIONS; wait 40000",
		  "0 > OPTIONS\n32000 failed timed out\n" },
		{ "a provisional response slows E to T2; F goes on", UDP,
		  "start BYE; wait 600; got 100; got 100; wait 40000",
		  "0 > BYE\n500 > BYE\n600 response 100\n600 response 100\n1500 > BYE\n5500 > BYE\n9500 > BYE\n"
		  "13500 > BYE\n17500 > BYE\n21500 > BYE\n25500 > BYE\n29500 > BYE\n32000 failed timed out\n" },
		{ "a final response: Timer K", UDP,
		  "start BYE; got 200; wait 4999; got 200; wait 2; got 200",
		  "0 > BYE\n0 response 200\n5001 stray 200\n" },
		{ "a final response: no Timer K", TCP,
		  "start BYE; got 100; got 481; wait 1; got 481",
		  "0 > BYE\n0 response 100\n0 response 481\n1 stray 481\n" },
		{ "the wire fails", UDP, "start BYE; lost",
		  "0 > BYE\n0 failed connection refused\n" },
		{ "the wire fails after a 100", UDP, "start BYE; got 100; icmp",
		  "0 > BYE\n0 response 100\n0 failed connection refused\n" },
		{ "no CANCEL for what is no INVITE", UDP, "start BYE; got 100; cancel; got 200",
		  "0 > BYE\n0 response 100\n0 response 200\n" },
	};

	(void)state;
	stage_play_all(rows, COUNT_OF(rows));
}

static void cancels_as_9_1_says(void **state)
{
	static const struct stage_scenario rows[] = {
		{ "at once, where a provisional response came", UDP,
		  "start INVITE; got 180; cancel; cancel; got 200 CANCEL; got 487; wait 40000",
		  "0 > INVITE\n0 response 180\n0 > CANCEL\n0 > ACK\n0 response 487\n32000 over\n" },
		{ "else when one does", UDP,
		  "start INVITE; cancel; wait 600; got 100; got 180; got 487",
		  "0 > INVITE\n500 > INVITE\n600 response 100\n600 > CANCEL\n600 response 180\n600 > ACK\n"
		  "600 response 487\n" },
		{ "never, where none does", UDP, "start INVITE; wait 31900; cancel; wait 200",
		  "0 > INVITE\n500 > INVITE\n1500 > INVITE\n3500 > INVITE\n7500 > INVITE\n15500 > INVITE\n"
		  "31500 > INVITE\n32000 failed timed out\n" },
		{ "not after a final response", UDP,
		  "start INVITE; got 180; got 200; cancel; wait 1",
		  "0 > INVITE\n0 response 180\n0 response 200\n" },
		{ "not where the final response comes first", UDP, "start INVITE; cancel; got 486",
		  "0 > INVITE\n0 > ACK\n0 response 486\n" },
		{ "it is a transaction of its own", UDP,
		  "start INVITE; got 180; cancel; wait 600; got 200 CANCEL; wait 5000",
		  "0 > INVITE\n0 response 180\n0 > CANCEL\n500 > CANCEL\n" },
		{ "no final response in 64*T1", TCP,
		  "start INVITE; got 180; wait 1000; cancel; got 200 CANCEL; wait 40000",
		  "0 > INVITE\n0 response 180\n1000 > CANCEL\n33000 failed timed out\n" },
		{ "a 2xx that crosses it", TCP,
		  "start INVITE; got 180; cancel; got 200; got 200 CANCEL",
		  "0 > INVITE\n0 response 180\n0 > CANCEL\n0 response 200\n" },
	};

	(void)state;
	stage_play_all(rows, COUNT_OF(rows));
}

static void goes_on_when_let_go(void **state)
{
	static const struct stage_scenario rows[] = {
		{ "refused later: ACKed", UDP,
		  "start INVITE; got 180; cancel; let-go; got 487; got 487; wait 40000; got 487",
		  "0 > INVITE\n0 response 180\n0 > CANCEL\n0 > ACK\n0 > ACK\n500 > CANCEL\n1500 > CANCEL\n3500 > CANCEL\n"
		  "7500 > CANCEL\n11500 > CANCEL\n15500 > CANCEL\n19500 > CANCEL\n23500 > CANCEL\n27500 > CANCEL\n"
		  "31500 > CANCEL\n40000 stray 487\n" },
		{ "no response yet: as ever", UDP,
		  "start BYE; let-go; wait 600; got 200; wait 6000; got 200",
		  "0 > BYE\n500 > BYE\n6600 stray 200\n" },
		{ "rings for ever: cancelled after three minutes, and over at last", TCP,
		  "start INVITE; got 180; let-go; wait 184999; wait 1; got 200 CANCEL; wait 31999; got 180; wait 1; got 180",
		  "0 > INVITE\n0 response 180\n185000 > CANCEL\n217000 stray 180\n" },
		{ "rings later, for ever", TCP,
		  "start INVITE; let-go; wait 1000; got 180; wait 1000; got 180; wait 184000; got 200 CANCEL; wait 32000; got 180",
		  "0 > INVITE\n186000 > CANCEL\n218000 stray 180\n" },
		{ "fails: nobody is told", UDP, "start INVITE; let-go; wait 100; icmp; got 180",
		  "0 > INVITE\n100 stray 180\n" },
	};

	(void)state;
	stage_play_all(rows, COUNT_OF(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invite_follows_figure_5),
		cmocka_unit_test(others_follow_figure_6),
		cmocka_unit_test(cancels_as_9_1_says),
		cmocka_unit_test(goes_on_when_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
