/* Calls by the user agent, against the other side as the test plays it, message by message. */
#include "ua_stage.h"

#include "base/mem.h"
#include "sip/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LISTEN " --listen udp://127.0.0.1:0 "
#define SDP \
	"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

/* Contact, and a Record-Route, of this side. */
static const char *here(const struct peer *p, bool recorded)
{
	static char text[256];
	int port = addr_port(&p->addr);
	int n = snprintf(text, sizeof(text), "Contact: <sip:bob@127.0.0.1:%d>\r\n", port);

	if (recorded)
		(void)snprintf(
			text + n, sizeof(text) - (size_t)n,
			"Record-Route: <sip:127.0.0.1:%d;lr;n=2>\r\nRecord-Route: <sip:127.0.0.1:%d;lr;n=1>\r\n",
			port, port);
	return text;
}

static int port_of(const struct peer *p)
{
	return addr_port(&p->addr);
}

static bool says(const struct sip_msg *msg, enum sip_header_id id, const char *value)
{
	return str_eq(sip_value(msg, id), str_from(value));
}

/* A request in the dialog that `invite`, a request of the user agent's, has begun with the To-tag "bb". */
static void send_in_dialog(struct peer *p, const struct sip_msg *invite, const char *method,
                           unsigned seq, const char *headers, const char *body)
{
	static unsigned branch;
	struct sip_name_addr contact;
	char text[STAGE_BYTES];

	assert_int_equal(sip_name_addr_of(&contact, invite, SIP_H_CONTACT), ERR_OK);
	(void)snprintf(
		text, sizeof(text),
		"%s %.*s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%u;rport\r\nMax-Forwards: 70\r\nFrom: %.*s;tag=bb\r\nTo: %.*s\r\n"
		"Call-ID: %.*s\r\nCSeq: %u %s\r\nContact: <sip:bob@127.0.0.1:%d>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		method, STR_ARG(contact.uri), port_of(p), ++branch,
		STR_ARG(sip_value(invite, SIP_H_TO)), STR_ARG(sip_value(invite, SIP_H_FROM)),
		STR_ARG(sip_value(invite, SIP_H_CALL_ID)), seq, method, port_of(p), headers,
		body[0] == '\0' ? "" : "Content-Type: application/sdp\r\n", strlen(body), body);
	peer_send(p, text);
}

/* 17.1.1.3: the ACK of the refusal received last, in its transaction. */
static void acknowledge(struct peer *p, const struct sip_msg *invite, unsigned seq)
{
	struct sip_name_addr contact;
	char text[STAGE_BYTES];

	assert_int_equal(sip_name_addr_of(&contact, invite, SIP_H_CONTACT), ERR_OK);
	(void)snprintf(
		text, sizeof(text),
		"ACK %.*s SIP/2.0\r\nVia: %.*s\r\nMax-Forwards: 70\r\nFrom: %.*s\r\nTo: %.*s\r\nCall-ID: %.*s\r\nCSeq: %u ACK\r\n"
		"Content-Length: 0\r\n\r\n",
		STR_ARG(contact.uri), STR_ARG(sip_value(&p->msg, SIP_H_VIA)),
		STR_ARG(sip_value(&p->msg, SIP_H_FROM)), STR_ARG(sip_value(&p->msg, SIP_H_TO)),
		STR_ARG(sip_value(&p->msg, SIP_H_CALL_ID)), seq);
	peer_send(p, text);
}

static void calls_holds_and_hangs_up(void **state)
{
	struct play play;
	struct peer p;
	struct kept invite;

	(void)state;
	peer_open(&p);
	play_begin(&play,
	           "call sip:bob@127.0.0.1:%d --user alice@alpha.example --duration 0.8" LISTEN,
	           port_of(&p));
	peer_expect(&p, "INVITE");
	peer_keep(&p, &invite);
	assert_true(str_starts(p.msg.body, STR("v=0\r\n")));
	assert_true(
		str_starts(sip_value(&p.msg, SIP_H_FROM), STR("<sip:alice@alpha.example>;tag=")));
	peer_answer(&p, &invite.msg, 100, "", "", "");
	peer_answer(&p, &invite.msg, 180, "bb", here(&p, true), "");
	peer_answer(&p, &invite.msg, 200, "bb", here(&p, true), SDP);
	peer_expect(&p, "ACK");
	/* 12.1.2, 12.2.1.1: the target is the Contact, the way Record-Route from its end; a transaction of its own with the INVITE's number. */
	assert_int_equal(sip_count_values(&p.msg, SIP_H_ROUTE), 2);
	assert_true(str_contains_nocase(sip_value(&p.msg, SIP_H_ROUTE), STR("n=1")));
	assert_true(says(&p.msg, SIP_H_CSEQ, "1 ACK"));
	assert_true(str_starts(p.msg.uri, STR("sip:bob@127.0.0.1")));
	assert_false(str_eq(sip_value(&p.msg, SIP_H_VIA), sip_value(&invite.msg, SIP_H_VIA)));
	/* 13.2.2.4: each 2xx again wants its ACK again. */
	peer_answer(&p, &invite.msg, 200, "bb", here(&p, true), SDP);
	peer_expect(&p, "ACK");
	peer_expect(&p, "BYE");
	assert_true(says(&p.msg, SIP_H_CSEQ, "2 BYE"));
	assert_int_equal(sip_count_values(&p.msg, SIP_H_ROUTE), 2);
	peer_answer(&p, &p.msg, 200, "", "", "");
	assert_int_equal(play_end(&play), UA_GOOD);
	assert_non_null(strstr(play.told, "ringing status=180"));
	assert_non_null(strstr(play.told, "ended by=us"));
	peer_close(&p);
}

static bool proves(const struct sip_msg *msg, enum sip_digest algorithm)
{
	const struct sip_header *at = NULL;
	struct sip_credentials c;
	struct sip_hex ha1;

	return sip_credentials_next(&c, msg, SIP_H_PROXY_AUTHORIZATION, STR("alpha"), &at) ==
	               ERR_OK &&
	       c.algorithm == algorithm && str_eq(c.uri, msg->uri) &&
	       sip_digest_ha1(algorithm, STR("alice"), STR("alpha"), STR("wonder"), &ha1) &&
	       sip_digest_verify(&c, sip_hex_str(&ha1), msg);
}

static void answers_a_challenge(void **state)
{
	static const struct {
		const char *challenge;
		enum sip_digest algorithm;
	} rows[] = {
		{ "Proxy-Authenticate: Digest realm=\"alpha\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n",
		  SIP_DIGEST_MD5 },
		{ "Proxy-Authenticate: Digest realm=\"alpha\", nonce=\"n1\"\r\n", SIP_DIGEST_MD5 },
		{ "Proxy-Authenticate: Digest realm=\"alpha\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\n"
		  "Proxy-Authenticate: Digest realm=\"alpha\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n",
		  SIP_DIGEST_SHA256 },
		{ "Proxy-Authenticate: Digest realm=\"alpha\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth-int\"\r\n",
		  SIP_DIGEST_SHA256 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct play play;
		struct peer p;

		peer_open(&p);
		play_begin(
			&play,
			"call sip:bob@beta.example --user alice@alpha.example --password wonder --proxy 127.0.0.1:%d" LISTEN,
			port_of(&p));
		peer_expect(&p, "INVITE");
		assert_true(str_eq(p.msg.uri, STR("sip:bob@beta.example")));
		assert_true(sip_has(&p.msg, SIP_H_ROUTE));
		assert_false(sip_has(&p.msg, SIP_H_PROXY_AUTHORIZATION));
		peer_answer(&p, &p.msg, 407, "cc", rows[i].challenge, "");
		peer_expect(&p, "ACK");
		peer_expect(&p, "INVITE");
		assert_true(says(&p.msg, SIP_H_CSEQ, "2 INVITE"));
		assert_true(proves(&p.msg, rows[i].algorithm));
		/* And once is enough. */
		peer_answer(&p, &p.msg, 407, "dd", rows[i].challenge, "");
		peer_expect(&p, "ACK");
		assert_int_equal(play_end(&play), UA_REFUSED);
		peer_close(&p);
	}
}

static void follows_redirects(void **state)
{
	char contacts[512];
	struct play play;
	struct peer p;
	struct peer q;

	(void)state;
	peer_open(&p);
	peer_open(&q);
	play_begin(
		&play,
		"call sip:bob@beta.example --user alice@alpha.example --password wonder --proxy 127.0.0.1:%d" LISTEN,
		port_of(&p));
	peer_expect(&p, "INVITE");
	(void)snprintf(
		contacts, sizeof(contacts),
		"Contact: <sip:slow@127.0.0.1:%d>;q=0.1, <sip:bob@beta.example:%d;maddr=127.0.0.1>;q=0.9\r\n",
		port_of(&q), port_of(&q));
	peer_answer(&p, &p.msg, 302, "r1", contacts, "");
	peer_expect(&p, "ACK");
	/* Not by the proxy any more, where maddr says, and without credentials for whoever asks for them there. */
	peer_expect(&q, "INVITE");
	assert_true(str_contains_nocase(q.msg.uri, STR(";maddr=127.0.0.1")));
	assert_false(sip_has(&q.msg, SIP_H_ROUTE));
	assert_true(says(&q.msg, SIP_H_TO, "<sip:bob@beta.example>"));
	peer_answer(&q, &q.msg, 407, "r2",
	            "Proxy-Authenticate: Digest realm=\"alpha\", nonce=\"n1\", qop=\"auth\"\r\n",
	            "");
	peer_expect(&q, "ACK");
	peer_expect(&q, "INVITE");
	assert_true(str_starts(q.msg.uri, STR("sip:slow@127.0.0.1")));
	assert_false(sip_has(&q.msg, SIP_H_PROXY_AUTHORIZATION));
	/* In a circle: that ends here. */
	(void)snprintf(contacts, sizeof(contacts),
	               "Contact: <sip:bob@beta.example>, <sip:slow@127.0.0.1:%d>\r\n", port_of(&q));
	peer_answer(&q, &q.msg, 301, "r3", contacts, "");
	peer_expect(&q, "ACK");
	assert_int_equal(play_end(&play), UA_REFUSED);
	peer_expect_nothing(&p, 0);
	peer_expect_nothing(&q, 0);
	peer_close(&p);
	peer_close(&q);
}

static void stops_at_a_6xx(void **state)
{
	char contacts[256];
	struct play play;
	struct peer p;

	(void)state;
	peer_open(&p);
	play_begin(&play, "call sip:bob@127.0.0.1:%d" LISTEN, port_of(&p));
	peer_expect(&p, "INVITE");
	assert_true(str_starts(sip_value(&p.msg, SIP_H_FROM),
	                       STR("\"Anonymous\" <sip:anonymous@anonymous.invalid>")));
	(void)snprintf(contacts, sizeof(contacts),
	               "Contact: <sip:x@127.0.0.1:%d>, <sip:y@127.0.0.1:%d>\r\n", port_of(&p),
	               port_of(&p));
	peer_answer(&p, &p.msg, 300, "r1", contacts, "");
	peer_expect(&p, "ACK");
	peer_expect(&p, "INVITE");
	peer_answer(&p, &p.msg, 603, "r2", "", "");
	peer_expect(&p, "ACK");
	assert_int_equal(play_end(&play), UA_REFUSED);
	peer_expect_nothing(&p, 0);
	peer_close(&p);
}

/* 13.2.2.4: two ends answered at once; the second is told that it is too late. */
static void ends_a_second_answer(void **state)
{
	struct play play;
	struct peer p;
	struct kept invite;
	unsigned acks = 0;
	unsigned byes = 0;

	(void)state;
	peer_open(&p);
	play_begin(&play, "call sip:bob@127.0.0.1:%d --duration 0.5" LISTEN, port_of(&p));
	peer_expect(&p, "INVITE");
	peer_keep(&p, &invite);
	peer_answer(&p, &invite.msg, 200, "bb", here(&p, false), SDP);
	peer_expect(&p, "ACK");
	peer_answer(&p, &invite.msg, 200, "b2", here(&p, false), SDP);
	while (acks < 1 || byes < 1) {
		peer_expect_past(&p, byes == 0 && acks == 1 ? "BYE" : "ACK", "");
		assert_true(str_eq(sip_tag(&p.msg, SIP_H_TO), STR("b2")));
		acks += p.msg.method == SIP_ACK;
		byes += p.msg.method == SIP_BYE;
	}
	peer_answer(&p, &p.msg, 200, "", "", "");
	peer_expect(&p, "BYE");
	assert_true(str_eq(sip_tag(&p.msg, SIP_H_TO), STR("bb")));
	peer_answer(&p, &p.msg, 200, "", "", "");
	assert_int_equal(play_end(&play), UA_GOOD);
	peer_close(&p);
}

static void cancels_when_stopped(void **state)
{
	struct play play;
	struct peer p;
	struct kept invite;

	(void)state;
	peer_open(&p);
	play_begin(&play, "call sip:bob@127.0.0.1:%d" LISTEN, port_of(&p));
	peer_expect(&p, "INVITE");
	peer_keep(&p, &invite);
	peer_answer(&p, &invite.msg, 180, "bb", here(&p, false), "");
	play_stop();
	peer_expect(&p, "CANCEL");
	assert_true(says(&p.msg, SIP_H_CSEQ, "1 CANCEL"));
	peer_answer(&p, &p.msg, 200, "bb", "", "");
	peer_answer(&p, &invite.msg, 487, "bb", "", "");
	peer_expect(&p, "ACK");
	assert_int_equal(play_end(&play), UA_REFUSED);
	assert_non_null(strstr(play.told, "cancelled status=487"));
	peer_close(&p);
}

/* 9.1: the answer may have crossed our CANCEL: then the call stands, and is ended. */
static void hangs_up_what_it_could_not_cancel(void **state)
{
	struct play play;
	struct peer p;
	struct kept invite;

	(void)state;
	peer_open(&p);
	play_begin(&play, "call sip:bob@127.0.0.1:%d --ring 0.2" LISTEN, port_of(&p));
	peer_expect(&p, "INVITE");
	peer_keep(&p, &invite);
	peer_answer(&p, &invite.msg, 180, "bb", here(&p, false), "");
	peer_expect(&p, "CANCEL");
	peer_answer(&p, &p.msg, 200, "bb", "", "");
	peer_answer(&p, &invite.msg, 200, "bb", here(&p, false), SDP);
	peer_expect(&p, "ACK");
	peer_expect(&p, "BYE");
	peer_answer(&p, &p.msg, 200, "", "", "");
	assert_int_equal(play_end(&play), UA_GOOD);
	peer_close(&p);
}

static void takes_requests_in_the_dialog(void **state)
{
	static const struct {
		const char *method;
		unsigned seq;
		const char *headers;
		const char *body;
		const char *want;
	} rows[] = {
		{ "OPTIONS", 10, "", "", "200" },
		{ "INFO", 11, "", "", "405" },
		{ "FLY", 12, "", "", "501" },
		{ "OPTIONS", 12, "", "", "500" }, /* 12.2.2: no newer than the last */
		{ "INVITE", 13, "", "v=0\r\nm=video 1 RTP/AVP 31\r\n", "488" }, /* 14.2 */
		{ "INVITE", 14, "Require: timer\r\n", SDP, "420" },
		{ "INVITE", 15, "", SDP, "200" },
		{ "INVITE", 16, "", SDP, "500" }, /* the one before has no ACK yet */
		{ "ACK", 15, "", "", NULL },
		{ "INVITE", 17, "", "", "200" }, /* without an offer: ours */
		{ "ACK", 17, "", SDP, NULL },
		{ "BYE", 18, "", "", "200" },
	};
	struct play play;
	struct peer p;
	struct kept invite;

	(void)state;
	peer_open(&p);
	play_begin(&play, "call sip:bob@127.0.0.1:%d --duration 1h" LISTEN, port_of(&p));
	peer_expect(&p, "INVITE");
	peer_keep(&p, &invite);
	peer_answer(&p, &invite.msg, 200, "bb", here(&p, false), SDP);
	peer_expect(&p, "ACK");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%s %u\n", rows[i].method, rows[i].seq);
		send_in_dialog(&p, &invite.msg, rows[i].method, rows[i].seq, rows[i].headers,
		               rows[i].body);
		if (rows[i].want == NULL)
			continue;
		peer_expect(&p, rows[i].want);
		if (strcmp(rows[i].method, "INVITE") == 0 && strcmp(rows[i].want, "200") == 0)
			assert_true(str_starts(p.msg.body, STR("v=0\r\n")));
		else if (strcmp(rows[i].method, "INVITE") == 0)
			acknowledge(&p, &invite.msg, rows[i].seq);
	}
	assert_int_equal(play_end(&play), UA_GOOD);
	assert_non_null(strstr(play.told, "ended by=them"));
	peer_close(&p);
}

static void says_that_nobody_is_there(void **state)
{
	struct play play;
	struct peer p;
	int port;

	(void)state;
	peer_open(&p);
	port = port_of(&p);
	peer_close(&p);
	play_begin(&play, "call sip:bob@127.0.0.1:%d" LISTEN, port);
	assert_int_equal(play_end(&play), UA_NONE);
	play_begin(&play, "options sip:bob@127.0.0.1:%d" LISTEN, port);
	assert_int_equal(play_end(&play), UA_NONE);
	play_begin(&play, "call sip:bob@127.0.0.1:%d;transport=tcp --listen tcp://127.0.0.1:0",
	           port);
	assert_int_equal(play_end(&play), UA_NONE);
	/* No such transport, no such family, no such name. */
	play_begin(&play, "call sip:bob@127.0.0.1:%d;transport=tcp" LISTEN, port);
	assert_int_equal(play_end(&play), UA_NONE);
	play_begin(&play, "call sip:bob@[::1]:%d" LISTEN, port);
	assert_int_equal(play_end(&play), UA_NONE);
	play_begin(&play, "call sip:bob@nobody.invalid:%d" LISTEN, port);
	assert_int_equal(play_end(&play), UA_NONE);
}

static void asks_for_options(void **state)
{
	struct play play;
	struct peer p;

	(void)state;
	peer_open(&p);
	play_begin(&play, "options sip:bob@127.0.0.1:%d --count 2" LISTEN, port_of(&p));
	peer_expect(&p, "OPTIONS");
	peer_answer(&p, &p.msg, 200, "x", "Allow: INVITE, ACK\r\nServer: Peer\r\n", "");
	peer_expect(&p, "OPTIONS");
	peer_answer(&p, &p.msg, 404, "x", "", "");
	assert_int_equal(play_end(&play), UA_REFUSED);
	assert_non_null(strstr(play.told, "allow=\"INVITE, ACK\""));
	assert_non_null(strstr(play.told, "server=Peer"));
	peer_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_holds_and_hangs_up),
		cmocka_unit_test(answers_a_challenge),
		cmocka_unit_test(follows_redirects),
		cmocka_unit_test(stops_at_a_6xx),
		cmocka_unit_test(ends_a_second_answer),
		cmocka_unit_test(cancels_when_stopped),
		cmocka_unit_test(hangs_up_what_it_could_not_cancel),
		cmocka_unit_test(takes_requests_in_the_dialog),
		cmocka_unit_test(says_that_nobody_is_there),
		cmocka_unit_test(asks_for_options),
	};

	stage_block_signals();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
