#include "gateway/ua_dialog.h"

#include "../alloc_fail.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define OK                                                                                                                         \
	"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nRecord-Route: <sip:p2.example;lr>, <sip:p1.example;lr>\r\n"       \
	"From: <sip:alice@alpha.example>;tag=aa\r\nTo: \"Bob\" <sip:bob@beta.example>;tag=bb\r\nCall-ID: id\r\nCSeq: 1 INVITE\r\n" \
	"Contact: <sip:bob@192.0.2.7;transport=tcp>\r\nContent-Length: 0\r\n\r\n"

static const struct ua_opening opening = {
	.call_id = STR_INIT("id"),
	.tag = STR_INIT("aa"),
	.from = STR_INIT("sip:alice@alpha.example"),
	.to = STR_INIT("sip:bob@beta.example"),
	.target = STR_INIT("sip:bob@beta.example"),
	.route = STR_INIT("sip:proxy.example;lr"),
};

static void parse(struct sip_msg *msg, const char *text)
{
	struct sip_fault fault;

	assert_int_equal(sip_parse(msg, str_from(text), &fault), ERR_OK);
}

static void expect_text(const struct ua_dialog *d, enum sip_method method, uint32_t seq,
                        const char *want)
{
	char memory[4096];
	struct buf out;

	buf_wrap(&out, memory, sizeof(memory));
	ua_dialog_write(d, method, seq, STR("SIP/2.0/UDP h"), &out);
	assert_int_equal(out.err, ERR_OK);
	assert_string_equal(buf_cstr(&out), want);
}

static void begins_by_the_proxy(void **state)
{
	struct ua_dialog d;

	(void)state;
	ua_dialog_init(&d);
	assert_int_equal(ua_dialog_begin(&d, &opening), ERR_OK);
	assert_true(str_eq(ua_dialog_hop(&d), STR("sip:proxy.example;lr")));
	expect_text(
		&d, SIP_INVITE, ua_dialog_next(&d),
		"INVITE sip:bob@beta.example SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nMax-Forwards: 70\r\nRoute: <sip:proxy.example;lr>\r\n"
		"From: <sip:alice@alpha.example>;tag=aa\r\nTo: <sip:bob@beta.example>\r\nCall-ID: id\r\nCSeq: 1 INVITE\r\n");
	/* A redirect has been the proxy's say: on without it, and under the same names (8.1.3.4). */
	assert_int_equal(ua_dialog_redirect(&d, STR("sip:bob@192.0.2.1")), ERR_OK);
	assert_true(str_eq(ua_dialog_hop(&d), STR("sip:bob@192.0.2.1")));
	expect_text(
		&d, SIP_INVITE, ua_dialog_next(&d),
		"INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nMax-Forwards: 70\r\nFrom: <sip:alice@alpha.example>;tag=aa\r\n"
		"To: <sip:bob@beta.example>\r\nCall-ID: id\r\nCSeq: 2 INVITE\r\n");
	ua_dialog_fini(&d);
}

static void keeps_an_anonymous_caller_anonymous(void **state)
{
	struct ua_opening nobody = opening;
	struct ua_dialog d;

	(void)state;
	nobody.from = STR_NONE;
	nobody.route = STR_NONE;
	ua_dialog_init(&d);
	assert_int_equal(ua_dialog_begin(&d, &nobody), ERR_OK);
	assert_true(str_eq(d.local, STR("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=aa")));
	ua_dialog_fini(&d);
}

/* 12.1.2: the route set is Record-Route from its end, the target the Contact. */
static void routes_through_what_recorded_itself(void **state)
{
	static const struct {
		const char *record_route;
		const char *hop;
		const char *head; /* of a BYE, to its Route */
	} rows[] = {
		{ "", "sip:bob@192.0.2.7",
		  "BYE sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nMax-Forwards: 70\r\nFrom" },
		{ "Record-Route: <sip:p2.example;lr>,<sip:p1.example;lr;t=1>;z\r\n",
		  "sip:p1.example;lr;t=1",
		  "BYE sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nMax-Forwards: 70\r\n"
		  "Route: <sip:p1.example;lr;t=1>;z\r\nRoute: <sip:p2.example;lr>\r\nFrom" },
		/* 12.2.1.1: a first route without lr becomes the Request-URI, the target the last route. */
		{ "Record-Route: <sip:p2.example;lr>\r\nRecord-Route: <sip:p1.example>\r\n",
		  "sip:p1.example",
		  "BYE sip:p1.example SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nMax-Forwards: 70\r\n"
		  "Route: <sip:p2.example;lr>\r\nRoute: <sip:bob@192.0.2.7>\r\nFrom" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[2048];
		char memory[2048];
		struct ua_dialog asked;
		struct ua_dialog d;
		struct sip_msg msg;
		struct buf out;

		(void)snprintf(
			text, sizeof(text),
			"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n%sFrom: <sip:alice@alpha.example>;tag=aa\r\n"
			"To: <sip:bob@beta.example>\r\n ;tag=bb\r\nCall-ID: id\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@192.0.2.7>\r\n\r\n",
			rows[i].record_route);
		parse(&msg, text);
		ua_dialog_init(&asked);
		ua_dialog_init(&d);
		assert_int_equal(ua_dialog_begin(&asked, &opening), ERR_OK);
		assert_int_equal(ua_dialog_answered(&d, &asked, &msg), ERR_OK);
		assert_true(str_eq(ua_dialog_hop(&d), str_from(rows[i].hop)));
		buf_wrap(&out, memory, sizeof(memory));
		ua_dialog_write(&d, SIP_BYE, 2, STR("SIP/2.0/UDP h"), &out);
		assert_true(str_starts(buf_view(&out), str_from(rows[i].head)));
		/* A folded To is written on one line. */
		assert_true(str_contains_nocase(buf_view(&out),
		                                STR("To: <sip:bob@beta.example>   ;tag=bb\r\n")));
		ua_dialog_fini(&d);
		ua_dialog_fini(&asked);
	}
}

static void wants_a_tag_in_an_answer(void **state)
{
	struct ua_dialog asked;
	struct ua_dialog d;
	struct sip_msg msg;

	(void)state;
	parse(&msg,
	      "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@b>;tag=aa\r\nTo: <sip:c@d>\r\nCall-ID: id\r\nCSeq: 1 INVITE\r\n\r\n");
	ua_dialog_init(&asked);
	ua_dialog_init(&d);
	assert_int_equal(ua_dialog_begin(&asked, &opening), ERR_OK);
	assert_int_equal(ua_dialog_answered(&d, &asked, &msg), ERR_NOTFOUND);
	ua_dialog_fini(&d);
	ua_dialog_fini(&asked);
}

#define INVITE(contact)                                                                                                                                        \
	"INVITE sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nRecord-Route: <sip:p2.example;lr>\r\nRecord-Route: <sip:p1.example;lr>\r\n" \
	"From: \"A\" <sip:alice@alpha.example>;tag=aa\r\nTo: <sip:bob@beta.example>\r\nCall-ID: id\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\n" contact          \
	"\r\n"

/* 12.1.1, 12.2.2. */
static void is_called(void **state)
{
	static const struct {
		const char *text;
		bool in_dialog;
		bool in_order;
	} rows[] = {
		{ "BYE sip:b SIP/2.0\r\nFrom: <sip:x>;tag=aa\r\nTo: <sip:y>;tag=bb\r\nCall-ID: id\r\nCSeq: 8 BYE\r\n\r\n",
		  true, true },
		{ "BYE sip:b SIP/2.0\r\nFrom: <sip:x>;tag=aa\r\nTo: <sip:y>;tag=bb\r\nCall-ID: id\r\nCSeq: 8 BYE\r\n\r\n",
		  true, false },
		{ "BYE sip:b SIP/2.0\r\nFrom: <sip:x>;tag=aa\r\nTo: <sip:y>;tag=bb\r\nCall-ID: id\r\nCSeq: 7 BYE\r\n\r\n",
		  true, false },
		{ "BYE sip:b SIP/2.0\r\nFrom: <sip:x>;tag=aa\r\nTo: <sip:y>;tag=bc\r\nCall-ID: id\r\nCSeq: 9 BYE\r\n\r\n",
		  false, false },
		{ "BYE sip:b SIP/2.0\r\nFrom: <sip:x>;tag=ab\r\nTo: <sip:y>;tag=bb\r\nCall-ID: id\r\nCSeq: 9 BYE\r\n\r\n",
		  false, false },
		{ "BYE sip:b SIP/2.0\r\nFrom: <sip:x>;tag=aa\r\nTo: <sip:y>;tag=bb\r\nCall-ID: Id\r\nCSeq: 9 BYE\r\n\r\n",
		  false, false },
		{ "BYE sip:b SIP/2.0\r\nFrom: <sip:x>;tag=aa\r\nTo: <sip:y>\r\nCall-ID: id\r\nCSeq: 9 BYE\r\n\r\n",
		  false, false },
	};
	struct ua_dialog d;
	struct sip_msg msg;

	(void)state;
	parse(&msg, INVITE("Contact: <sip:alice@192.0.2.1>\r\n"));
	ua_dialog_init(&d);
	assert_int_equal(ua_dialog_accept(&d, &msg, STR("bb")), ERR_OK);
	expect_text(
		&d, SIP_BYE, ua_dialog_next(&d),
		"BYE sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nMax-Forwards: 70\r\nRoute: <sip:p2.example;lr>\r\nRoute: <sip:p1.example;lr>\r\n"
		"From: <sip:bob@beta.example>;tag=bb\r\nTo: \"A\" <sip:alice@alpha.example>;tag=aa\r\nCall-ID: id\r\nCSeq: 1 BYE\r\n");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%zu\n", i);
		parse(&msg, rows[i].text);
		assert_int_equal(ua_dialog_has(&d, &msg), rows[i].in_dialog);
		if (rows[i].in_dialog)
			assert_int_equal(ua_dialog_in_order(&d, &msg), rows[i].in_order);
	}
	parse(&msg, INVITE("Contact: <sip:alice@192.0.2.99>\r\n"));
	ua_dialog_retarget(&d, &msg);
	assert_true(str_eq(str_of(d.target, d.target_len), STR("sip:alice@192.0.2.99")));
	/* 19.1.1: what says how to make a request is no part of its URI. */
	parse(&msg, INVITE("Contact: <sip:alice@192.0.2.99;Method=BYE?Subject=x>\r\n"));
	ua_dialog_retarget(&d, &msg);
	assert_true(str_eq(str_of(d.target, d.target_len), STR("sip:alice@192.0.2.99")));
	parse(&msg, INVITE("Contact: <tel:+491>\r\n"));
	ua_dialog_retarget(&d, &msg);
	assert_true(str_eq(str_of(d.target, d.target_len), STR("sip:alice@192.0.2.99")));
	ua_dialog_fini(&d);
}

static void wants_a_contact_in_a_call(void **state)
{
	struct ua_dialog d;
	struct sip_msg msg;

	(void)state;
	parse(&msg, INVITE(""));
	ua_dialog_init(&d);
	assert_int_equal(ua_dialog_accept(&d, &msg, STR("bb")), ERR_SYNTAX);
	ua_dialog_fini(&d);
}

static void each_memory(void *arg)
{
	struct ua_dialog asked;
	struct ua_dialog d;
	struct sip_msg msg;

	(void)arg;
	parse(&msg, OK);
	ua_dialog_init(&asked);
	ua_dialog_init(&d);
	if (ua_dialog_begin(&asked, &opening) == ERR_OK)
		(void)!ua_dialog_answered(&d, &asked, &msg);
	ua_dialog_fini(&d);
	ua_dialog_fini(&asked);
}

static void survives_without_memory(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(each_memory, NULL) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_by_the_proxy),
		cmocka_unit_test(keeps_an_anonymous_caller_anonymous),
		cmocka_unit_test(routes_through_what_recorded_itself),
		cmocka_unit_test(wants_a_tag_in_an_answer),
		cmocka_unit_test(is_called),
		cmocka_unit_test(wants_a_contact_in_a_call),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
