/* The texts that the user agent reads and writes: session descriptions, targets of redirects, events, challenges, registrars' answers. */
#include "gateway/ua_auth.h"
#include "gateway/ua_print.h"
#include "gateway/ua_register.h"
#include "gateway/ua_sdp.h"
#include "gateway/ua_targets.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void parse(struct sip_msg *msg, const char *text)
{
	struct sip_fault fault;

	assert_int_equal(sip_parse(msg, str_from(text), &fault), ERR_OK);
}

#define HEAD "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static void answers_offers(void **state)
{
	static const struct {
		const char *offer;
		const char *media; /* NULL: refused */
	} rows[] = {
		{ "v=0\r\nm=audio 4000 RTP/AVP 0 8\r\n", "m=audio 9 RTP/AVP 0\r\na=inactive\r\n" },
		{ "v=0\r\nm=audio 4000 RTP/AVP 96 0\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n",
		  "m=audio 9 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=inactive\r\n" },
		/* What is refused stands in its place (RFC 3264 6), and attributes are those of their own line. */
		{ "v=0\r\nm=video 4002 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\nm=audio 4000/2 RTP/AVPF 8\r\nm=audio 4004 RTP/AVP 0\r\n",
		  "m=video 0 RTP/AVP 31\r\nm=audio 9 RTP/AVPF 8\r\na=inactive\r\nm=audio 0 RTP/AVP 0\r\n" },
		{ "v=0\nm=audio 4000 RTP/AVP 0\n", "m=audio 9 RTP/AVP 0\r\na=inactive\r\n" },
		{ "v=0\r\nm=audio 0 RTP/AVP 0\r\n", NULL },
		{ "v=0\r\nm=audio 4000 RTP/SAVP 0\r\n", NULL },
		{ "v=0\r\nm=video 4000 RTP/AVP 31\r\n", NULL },
		{ "v=0\r\nm=audio 4000 RTP/AVP\r\n", NULL },
		{ "v=0\r\nm=audio x RTP/AVP 0\r\n", NULL },
		{ "v=0\r\nm=\r\n", NULL },
		{ "v=0\r\n", NULL },
		{ "m=audio 4000 RTP/AVP 0\r\n", NULL },
		{ "", NULL },
	};
	struct addr local;

	(void)state;
	assert_int_equal(addr_parse(&local, STR("192.0.2.1"), 5060), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct ua_sdp sdp = { .local = &local, .id = 1, .version = 2 };
		char memory[UA_SDP_MAX];
		char want[UA_SDP_MAX];
		struct buf out;

		print_message("%zu\n", i);
		buf_wrap(&out, memory, sizeof(memory));
		assert_int_equal(ua_sdp_answer(&sdp, str_from(rows[i].offer), &out),
		                 rows[i].media != NULL);
		if (rows[i].media == NULL)
			continue;
		(void)snprintf(want, sizeof(want), HEAD "%s", rows[i].media);
		assert_string_equal(buf_cstr(&out), want);
	}
}

static void bounds_an_offer(void **state)
{
	struct addr local;
	const struct ua_sdp sdp = { .local = &local, .id = 1, .version = 2 };
	char memory[UA_SDP_MAX];
	struct buf offer;
	struct buf out;

	(void)state;
	assert_int_equal(addr_parse(&local, STR("2001:db8::1"), 5060), ERR_OK);
	buf_init(&offer, 65536);
	buf_z(&offer, "v=0\r\n");
	for (int i = 0; i < UA_SDP_MEDIA + 1; i++)
		buf_z(&offer, "m=audio 4000 RTP/AVP 0\r\n");
	buf_wrap(&out, memory, sizeof(memory));
	assert_false(ua_sdp_answer(&sdp, buf_view(&offer), &out));
	/* One line longer than an answer may be. */
	buf_clear(&offer);
	buf_z(&offer, "v=0\r\nm=audio 4000 RTP/AVP 0\r\nm=video 4000 RTP/AVP ");
	for (int i = 0; i < UA_SDP_MAX; i++)
		buf_char(&offer, '9');
	buf_wrap(&out, memory, sizeof(memory));
	assert_false(ua_sdp_answer(&sdp, buf_view(&offer), &out));
	buf_wrap(&out, memory, sizeof(memory));
	ua_sdp_offer(&sdp, &out);
	assert_true(str_contains_nocase(buf_view(&out), STR("c=IN IP6 2001:db8::1\r\n")));
	buf_fini(&offer);
}

static void follows_redirects_in_order(void **state)
{
	/* User parts are case-sensitive (19.1.4): FIRST is somebody else. */
	static const char *const want[] = {
		"sip:first@x",           "sip:FIRST@x", "sip:b@h;maddr=192.0.2.1",
		"sip:c@h;transport=tcp", "sip:a@h",     "sip:low@h",
		"sip:second@y"
	};
	const struct ua_target *target;
	struct ua_targets t;
	struct sip_msg msg;

	(void)state;
	ua_targets_init(&t);
	assert_int_equal(ua_targets_begin(&t, STR("sip:first@x")), ERR_OK);
	assert_true(str_eq(ua_targets_take(&t)->uri, str_from(want[0])));
	parse(&msg, "SIP/2.0 302 Moved\r\nContact: <sip:second@y>\r\n\r\n");
	assert_int_equal(ua_targets_redirect(&t, &msg), 1);
	/* By q, as they stand where that is the same; without what belongs in no request line; no loops, nothing that is not SIP. */
	parse(&msg,
	      "SIP/2.0 302 Moved\r\nContact: <sip:a@h>;q=0.5, <sip:low@h>;q=0.1\r\n"
	      "m: <sip:b@h;maddr=192.0.2.1;method=INVITE?Subject=x>;q=0.7,<sip:c@h;transport=tcp>;q=0.7\r\n"
	      "Contact: <sip:FIRST@x>;q=1, <sip:first@X>, <tel:+491>, <sips:d@h>, <sip:a@h>;q=1\r\n\r\n");
	assert_int_equal(ua_targets_redirect(&t, &msg), 5);
	for (size_t i = 1; i < COUNT_OF(want); i++) {
		target = ua_targets_take(&t);
		assert_non_null(target);
		assert_true(target->redirected);
		print_message("%.*s\n", STR_ARG(target->uri));
		assert_true(str_eq(target->uri, str_from(want[i])));
	}
	assert_null(ua_targets_take(&t));
	/* What was tried is not tried again. */
	assert_int_equal(ua_targets_redirect(&t, &msg), 0);
	parse(&msg, "SIP/2.0 300 Many\r\nContact: *\r\n\r\n");
	assert_int_equal(ua_targets_redirect(&t, &msg), 0);
	ua_targets_fini(&t);
}

static void bounds_redirects(void **state)
{
	struct ua_targets t;
	size_t tried = 0;

	(void)state;
	ua_targets_init(&t);
	assert_int_equal(ua_targets_begin(&t, STR("sip:x@y")), ERR_OK);
	/* A server that sends us to ever new places. */
	while (ua_targets_take(&t) != NULL && tried++ < 1000) {
		char text[128];
		struct sip_msg msg;

		(void)snprintf(text, sizeof(text),
		               "SIP/2.0 302 Moved\r\nContact: <sip:x@h%zu>, <sip:y@h%zu>\r\n\r\n",
		               tried, tried);
		parse(&msg, text);
		(void)ua_targets_redirect(&t, &msg);
	}
	assert_int_equal(tried, UA_TARGETS_MAX);
	ua_targets_fini(&t);
}

static void writes_events(void **state)
{
	static const struct {
		bool json;
		const char *reason;
		const char *want;
	} rows[] = {
		{ false, "OK", "23:05:06.007 answered status=200 reason=OK\n" },
		{ false, "Not \"quite\"",
		  "23:05:06.007 answered status=200 reason=\"Not \\\"quite\\\"\"\n" },
		{ false, "", "23:05:06.007 answered status=200\n" },
		{ true, "O\\K",
		  "{\"time\": \"2026-02-03T23:05:06.007Z\", \"event\": \"answered\", \"status\": 200, \"reason\": \"O\\\\K\"}\n" },
		{ true, "a\tb\x7f",
		  "{\"time\": \"2026-02-03T23:05:06.007Z\", \"event\": \"answered\", \"status\": 200, \"reason\": \"a\\u0009b\\u007f\"}\n" },
		/* UTF-8 passes; what is none is JSON all the same. */
		{ true, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
		  "{\"time\": \"2026-02-03T23:05:06.007Z\", \"event\": \"answered\", \"status\": 200, \"reason\": \"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"}\n" },
		{ true, "\xff\xc3(\xed\xa0\x80\xc0\xaf\xe2\x82",
		  "{\"time\": \"2026-02-03T23:05:06.007Z\", \"event\": \"answered\", \"status\": 200, \"reason\": "
		  "\"\\u00ff\\u00c3(\\u00ed\\u00a0\\u0080\\u00c0\\u00af\\u00e2\\u0082\"}\n" },
	};
	const struct wall now = { 1770159906007 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct log_field fields[] = { LOG_N("status", 200),
			                            LOG_Z("reason", rows[i].reason) };
		char memory[1024];
		struct buf out;

		buf_wrap(&out, memory, sizeof(memory));
		ua_event_write(&out, rows[i].json, now, "answered", fields, COUNT_OF(fields));
		assert_string_equal(buf_cstr(&out), rows[i].want);
	}
}

#define CHALLENGE(status, field, params) \
	"SIP/2.0 " status " No\r\n" field ": Digest " params "\r\n\r\n"

static void answers_challenges(void **state)
{
	static const struct {
		const char *response;
		bool again;
		const char *want; /* what the next request bears, in part; NULL: nothing new */
	} rows[] = {
		{ CHALLENGE("401", "WWW-Authenticate",
		            "realm=\"a\", nonce=\"1\", algorithm=SHA-256, qop=\"auth\""),
		  true, "Authorization: Digest username=\"alice\"" },
		/* Wrong password: not again. */
		{ CHALLENGE("401", "WWW-Authenticate",
		            "realm=\"a\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\""),
		  false, NULL },
		/* But a nonce that is too old by now, once. */
		{ CHALLENGE(
			  "401", "WWW-Authenticate",
			  "realm=\"a\", nonce=\"3\", algorithm=SHA-256, qop=\"auth\", stale=true"),
		  true, "nonce=\"3\"" },
		{ CHALLENGE(
			  "401", "WWW-Authenticate",
			  "realm=\"a\", nonce=\"4\", algorithm=SHA-256, qop=\"auth\", stale=true"),
		  false, NULL },
		/* Another realm on the way, at the same time. */
		{ CHALLENGE("407", "Proxy-Authenticate", "realm=\"p\", nonce=\"5\""), true,
		  "Proxy-Authorization: Digest" },
		{ CHALLENGE("407", "Proxy-Authenticate",
		            "realm=\"q\", nonce=\"6\", algorithm=WHIRLPOOL"),
		  false, NULL },
		{ CHALLENGE("407", "WWW-Authenticate", "realm=\"q\", nonce=\"6\""), false, NULL },
		{ CHALLENGE("401", "WWW-Authenticate", "nonce=\"6\""), false, NULL },
	};
	struct ua_auth auth = { .name = STR("alice"), .password = STR("secret") };
	ua_answered answered = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char memory[4096];
		struct sip_msg msg;
		struct buf out;

		print_message("%zu\n", i);
		parse(&msg, rows[i].response);
		assert_int_equal(ua_auth_learn(&auth, &msg, &answered), rows[i].again);
		buf_wrap(&out, memory, sizeof(memory));
		assert_int_equal(ua_auth_write(&auth, STR("INVITE"), STR("sip:x"), STR_NONE, &out),
		                 ERR_OK);
		if (rows[i].want != NULL)
			assert_true(str_contains_nocase(buf_view(&out), str_from(rows[i].want)));
		assert_null(strstr(buf_cstr(&out), "secret"));
	}
	assert_int_equal(auth.count, 2);
	/* Nobody: nothing. */
	auth = (struct ua_auth){ 0 };
	answered = 0;
	{
		struct sip_msg msg;

		parse(&msg, rows[0].response);
		assert_false(ua_auth_learn(&auth, &msg, &answered));
	}
}

static void counts_a_nonce(void **state)
{
	struct ua_auth auth = { .name = STR("alice"), .password = STR("secret") };
	ua_answered answered = 0;
	struct sip_msg msg;

	(void)state;
	parse(&msg, CHALLENGE("401", "WWW-Authenticate", "realm=\"a\", nonce=\"1\", qop=\"auth\""));
	assert_true(ua_auth_learn(&auth, &msg, &answered));
	for (int i = 1; i <= 3; i++) {
		char memory[2048];
		char want[32];
		struct buf out;

		buf_wrap(&out, memory, sizeof(memory));
		assert_int_equal(ua_auth_write(&auth, STR("REGISTER"), STR("sip:a"), STR_NONE,
		                               &out),
		                 ERR_OK);
		(void)snprintf(want, sizeof(want), "nc=%08x", (unsigned)i);
		assert_non_null(strstr(buf_cstr(&out), want));
	}
}

static void learns_what_was_granted(void **state)
{
	static const struct {
		const char *headers;
		uint32_t want;
	} rows[] = {
		{ "", 3600 },
		{ "Expires: 120\r\n", 120 },
		{ "Contact: <sip:bob@192.0.2.1:5070>;expires=60\r\nExpires: 120\r\n", 60 },
		{ "Contact: <sip:bob@192.0.2.2>;expires=10, <sip:bob@192.0.2.1:5070>;expires=70\r\n",
		  70 },
		{ "Contact: <sip:bob@192.0.2.2>;expires=10\r\n", 3600 },
		{ "Contact: <sip:bob@192.0.2.1:5070>\r\nExpires: 90\r\n", 90 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[256];
		struct sip_msg msg;

		(void)snprintf(text, sizeof(text), "SIP/2.0 200 OK\r\n%s\r\n", rows[i].headers);
		parse(&msg, text);
		assert_int_equal(ua_registration_granted(&msg, STR("sip:bob@192.0.2.1:5070"), 3600),
		                 rows[i].want);
	}
	assert_true(ua_registration_refresh_ms(60) == 30000);
	assert_true(ua_registration_refresh_ms(3600) == 3000000);
	assert_true(ua_registration_refresh_ms(1) == 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_offers),
		cmocka_unit_test(bounds_an_offer),
		cmocka_unit_test(follows_redirects_in_order),
		cmocka_unit_test(bounds_redirects),
		cmocka_unit_test(writes_events),
		cmocka_unit_test(answers_challenges),
		cmocka_unit_test(counts_a_nonce),
		cmocka_unit_test(learns_what_was_granted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
