/* Registrations by the user agent, and calls to it, against the other side as the test plays it. */
#include "ua_stage.h"

#include "../alloc_fail.h"
#include "base/mem.h"
#include "gateway/ua_answer.h"
#include "sip/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LISTEN " --listen udp://127.0.0.1:0 "
#define SDP \
	"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
#define CHALLENGE \
	"WWW-Authenticate: Digest realm=\"beta\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\n"

static int port_of(const struct peer *p)
{
	return addr_port(&p->addr);
}

static bool says(const struct sip_msg *msg, enum sip_header_id id, const char *value)
{
	return str_eq(sip_value(msg, id), str_from(value));
}

static bool proves(const struct sip_msg *msg)
{
	const struct sip_header *at = NULL;
	struct sip_credentials c;
	struct sip_hex ha1;

	return sip_credentials_next(&c, msg, SIP_H_AUTHORIZATION, STR("beta"), &at) == ERR_OK &&
	       sip_digest_ha1(SIP_DIGEST_SHA256, STR("bob"), STR("beta"), STR("builder"), &ha1) &&
	       sip_digest_verify(&c, sip_hex_str(&ha1), msg);
}

/* A 200 to the last REGISTER that grants its Contact for so long. */
static void grant(struct peer *p, unsigned expires)
{
	char headers[512];

	(void)snprintf(headers, sizeof(headers),
	               "Contact: <sip:other@192.0.2.9>;expires=77;q=0.3, %.*s;expires=%u\r\n",
	               STR_ARG(sip_value(&p->msg, SIP_H_CONTACT)), expires);
	peer_answer(p, &p->msg, 200, "rr", headers, "");
}

/* A request of ours to the user agent, outside of a dialog (`to_tag` empty) or in one. */
struct asking {
	const char *method;
	const char *call_id;
	unsigned seq;
	const char *to_tag;
	unsigned branch;
	const char *headers;
	const char *body;
};

static void ask(struct peer *p, const struct asking *a)
{
	char text[STAGE_BYTES];

	(void)snprintf(
		text, sizeof(text),
		"%s sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%u;rport\r\nMax-Forwards: 70\r\n"
		"From: <sip:alice@alpha.example>;tag=aa\r\nTo: <sip:bob@beta.example>%s%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
		"Contact: <sip:alice@127.0.0.1:%d>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		a->method, port_of(p), a->branch, a->to_tag[0] == '\0' ? "" : ";tag=", a->to_tag,
		a->call_id, a->seq, a->method, port_of(p), a->headers,
		a->body[0] == '\0' || strstr(a->headers, "Content-Type") != NULL
			? ""
			: "Content-Type: application/sdp\r\n",
		strlen(a->body), a->body);
	peer_send(p, text);
}

/* The To-tag of the last message, as a C string. */
static const char *tag_of(const struct peer *p)
{
	static char tag[64];

	assert_int_equal(str_to_z(sip_tag(&p->msg, SIP_H_TO), tag, sizeof(tag)), ERR_OK);
	return tag;
}

static void registers(void **state)
{
	struct play play;
	struct peer p;

	(void)state;
	peer_open(&p);
	play_begin(
		&play,
		"register bob@beta.example --password builder --proxy 127.0.0.1:%d --expires 600" LISTEN,
		port_of(&p));
	peer_expect(&p, "REGISTER");
	/* 10.2: the domain alone, both names the address. */
	assert_true(str_eq(p.msg.uri, STR("sip:beta.example")));
	assert_true(says(&p.msg, SIP_H_TO, "<sip:bob@beta.example>"));
	assert_true(says(&p.msg, SIP_H_EXPIRES, "600"));
	assert_false(sip_has(&p.msg, SIP_H_AUTHORIZATION));
	peer_answer(&p, &p.msg, 401, "rr", CHALLENGE, "");
	peer_expect(&p, "REGISTER");
	assert_true(proves(&p.msg));
	assert_true(says(&p.msg, SIP_H_CSEQ, "2 REGISTER"));
	/* 10.2.8: too brief. */
	peer_answer(&p, &p.msg, 423, "rr", "Min-Expires: 900\r\n", "");
	peer_expect(&p, "REGISTER");
	assert_true(says(&p.msg, SIP_H_EXPIRES, "900"));
	assert_true(proves(&p.msg));
	assert_non_null(strstr(p.bytes, "nc=00000002"));
	grant(&p, 900);
	assert_int_equal(play_end(&play), UA_GOOD);
	assert_non_null(strstr(play.told, "contact=sip:other@192.0.2.9 expires=77 q=0.3"));
	assert_non_null(strstr(play.told, " expires=900"));
	peer_close(&p);
}

static void is_refused(void **state)
{
	static const struct {
		const char *command;
		unsigned status;
		const char *headers;
		const char *expires;
		const char *contact; /* NULL: an address of ours */
		enum ua_status want;
	} rows[] = {
		{ "register bob@beta.example --proxy 127.0.0.1:%d" LISTEN, 403, "", "3600", NULL,
		  UA_REFUSED },
		{ "register bob@beta.example --proxy 127.0.0.1:%d" LISTEN, 401, CHALLENGE, "3600",
		  NULL, UA_REFUSED }, /* no password */
		{ "register bob@beta.example --proxy 127.0.0.1:%d" LISTEN, 503, "", "3600", NULL,
		  UA_REFUSED },
		{ "register bob@beta.example --proxy 127.0.0.1:%d" LISTEN, 302,
		  "Contact: <sip:elsewhere.example>\r\n", "3600", NULL, UA_REFUSED },
		{ "register bob@beta.example --proxy 127.0.0.1:%d --expires 0" LISTEN, 200, "", "0",
		  NULL, UA_GOOD },
		{ "register bob@beta.example --proxy 127.0.0.1:%d --expires 0", 200, "", "0", "*",
		  UA_GOOD },
		{ "answer bob@beta.example --proxy 127.0.0.1:%d" LISTEN, 403, "", "3600", NULL,
		  UA_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct play play;
		struct peer p;

		print_message("%zu\n", i);
		peer_open(&p);
		play_begin(&play, rows[i].command, port_of(&p));
		peer_expect(&p, "REGISTER");
		assert_true(says(&p.msg, SIP_H_EXPIRES, rows[i].expires));
		if (rows[i].contact != NULL)
			assert_true(says(&p.msg, SIP_H_CONTACT, rows[i].contact));
		else
			assert_true(str_starts(sip_value(&p.msg, SIP_H_CONTACT),
			                       STR("<sip:bob@127.0.0.1:")));
		peer_answer(&p, &p.msg, rows[i].status, "rr", rows[i].headers, "");
		assert_int_equal(play_end(&play), rows[i].want);
		peer_close(&p);
	}
}

static void refreshes_and_departs(void **state)
{
	struct kept first;
	struct play play;
	struct peer p;

	(void)state;
	peer_open(&p);
	play_begin(&play, "answer bob@beta.example --password builder --proxy 127.0.0.1:%d" LISTEN,
	           port_of(&p));
	peer_expect(&p, "REGISTER");
	peer_keep(&p, &first);
	grant(&p, 1);
	/* In time, by the same names, with the next number (10.2.4). */
	peer_expect(&p, "REGISTER");
	assert_true(str_eq(sip_value(&p.msg, SIP_H_CALL_ID), sip_value(&first.msg, SIP_H_CALL_ID)));
	assert_true(str_eq(sip_value(&p.msg, SIP_H_CONTACT), sip_value(&first.msg, SIP_H_CONTACT)));
	assert_true(says(&p.msg, SIP_H_CSEQ, "2 REGISTER"));
	grant(&p, 3600);
	peer_expect_nothing(&p, 200);
	play_stop();
	peer_expect(&p, "REGISTER");
	assert_true(says(&p.msg, SIP_H_EXPIRES, "0"));
	assert_true(str_eq(sip_value(&p.msg, SIP_H_CONTACT), sip_value(&first.msg, SIP_H_CONTACT)));
	peer_answer(&p, &p.msg, 200, "rr", "", "");
	assert_int_equal(play_end(&play), UA_GOOD);
	assert_non_null(strstr(play.told, "unregistered status=200"));
	peer_close(&p);
}

static void begin_answering(struct play *play, struct peer *p, const char *command)
{
	peer_open(p);
	play_begin(play, command, 0);
	peer_aim(p, play);
}

static void answers_and_waits_for_the_ack(void **state)
{
	struct play play;
	struct peer p;
	char tag[64];

	(void)state;
	begin_answering(&play, &p, "answer bob@beta.example --count 1 --ring 0.1" LISTEN);
	ask(&p, &(struct asking){ "INVITE", "one", 1, "", 1, "Record-Route: <sip:127.0.0.1;lr>\r\n",
	                          SDP });
	peer_expect(&p, "180");
	assert_true(sip_has(&p.msg, SIP_H_CONTACT));
	assert_true(sip_has(&p.msg, SIP_H_RECORD_ROUTE));
	(void)snprintf(tag, sizeof(tag), "%s", tag_of(&p));
	peer_expect(&p, "200");
	assert_string_equal(tag_of(&p), tag);
	assert_true(says(&p.msg, SIP_H_CONTENT_TYPE, "application/sdp"));
	assert_true(str_contains_nocase(p.msg.body, STR("m=audio 9 RTP/AVP 0")));
	/* 13.3.1.4: until the ACK, by itself. */
	peer_expect(&p, "200");
	assert_string_equal(tag_of(&p), tag);
	ask(&p, &(struct asking){ "ACK", "one", 1, tag, 2, "", "" });
	peer_expect_nothing(&p, 1200);
	ask(&p, &(struct asking){ "BYE", "one", 2, tag, 3, "", "" });
	peer_expect(&p, "200");
	assert_int_equal(play_end(&play), UA_GOOD);
	assert_non_null(strstr(play.told, "ended by=them"));
	peer_close(&p);
}

/* 15: not before the ACK. */
static void hangs_up_after_the_ack(void **state)
{
	struct play play;
	struct peer p;
	char tag[64];

	(void)state;
	begin_answering(&play, &p, "answer bob@beta.example --count 1 --duration 0" LISTEN);
	ask(&p, &(struct asking){ "INVITE", "one", 1, "", 1, "", "" });
	peer_expect(&p, "180");
	peer_expect(&p, "200");
	assert_true(str_contains_nocase(p.msg.body, STR("m=audio 9 RTP/AVP 0 8")));
	(void)snprintf(tag, sizeof(tag), "%s", tag_of(&p));
	peer_expect_nothing(&p, 300);
	ask(&p, &(struct asking){ "ACK", "one", 1, tag, 2, "", "" });
	peer_expect(&p, "BYE");
	assert_true(says(&p.msg, SIP_H_CSEQ, "1 BYE"));
	assert_true(str_starts(p.msg.uri, STR("sip:alice@127.0.0.1:")));
	peer_answer(&p, &p.msg, 200, "", "", "");
	assert_int_equal(play_end(&play), UA_GOOD);
	peer_close(&p);
}

static void is_cancelled(void **state)
{
	struct play play;
	struct peer p;
	char tag[64];

	(void)state;
	begin_answering(&play, &p, "answer bob@beta.example --count 2 --ring 60" LISTEN);
	ask(&p, &(struct asking){ "INVITE", "one", 1, "", 1, "", SDP });
	peer_expect(&p, "180");
	ask(&p, &(struct asking){ "CANCEL", "one", 1, "", 1, "", "" });
	peer_expect(&p, "200");
	peer_expect(&p, "487");
	ask(&p, &(struct asking){ "ACK", "one", 1, tag_of(&p), 1, "", "" });
	/* 15.1.2: the caller may also say BYE to what has not been answered. */
	ask(&p, &(struct asking){ "INVITE", "two", 1, "", 2, "", SDP });
	peer_expect(&p, "180");
	(void)snprintf(tag, sizeof(tag), "%s", tag_of(&p));
	ask(&p, &(struct asking){ "BYE", "two", 2, tag, 3, "", "" });
	peer_expect(&p, "200");
	peer_expect(&p, "487");
	ask(&p, &(struct asking){ "ACK", "two", 1, tag, 2, "", "" });
	assert_int_equal(play_end(&play), UA_REFUSED);
	peer_close(&p);
}

static void refuses(void **state)
{
	static const struct {
		struct asking asking;
		const char *want;
		const char *says; /* what the answer has to name */
	} rows[] = {
		{ { "INVITE", "r1", 1, "", 11, "Require: 100rel, x\r\n", SDP },
		  "420",
		  "Unsupported: x" },
		{ { "INVITE", "r2", 1, "", 12, "Content-Type: text/plain\r\n", "hello" },
		  "415",
		  "Accept: application/sdp" },
		{ { "INVITE", "r3", 1, "", 13, "Content-Encoding: gzip\r\n", SDP },
		  "415",
		  "Accept-Encoding: identity" },
		{ { "INVITE", "r4", 1, "nobody", 14, "", SDP }, "481", "" },
		{ { "BYE", "r5", 1, "nobody", 15, "", "" }, "481", "" },
		{ { "BYE", "r6", 1, "", 16, "", "" }, "481", "" },
		{ { "OPTIONS", "r7", 1, "", 17, "", "" }, "200", "Allow: INVITE" },
		{ { "MESSAGE", "r8", 1, "", 18, "", "" }, "405", "Allow: INVITE" },
		{ { "FLY", "r9", 1, "", 19, "", "" }, "501", "Allow: INVITE" },
		/* One call was wanted, and one rings. */
		{ { "INVITE", "r10", 1, "", 20, "", SDP }, "486", "" },
		/* 8.2.2.2: the call that rings, by another way. */
		{ { "INVITE", "one", 1, "", 21, "", SDP }, "482", "" },
	};
	struct play play;
	struct peer p;

	(void)state;
	begin_answering(&play, &p, "answer bob@beta.example --count 1 --ring 60" LISTEN);
	ask(&p, &(struct asking){ "INVITE", "one", 1, "", 1, "", SDP });
	peer_expect(&p, "180");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%s %s\n", rows[i].asking.method, rows[i].asking.call_id);
		ask(&p, &rows[i].asking);
		peer_expect(&p, rows[i].want);
		assert_true(str_contains_nocase(p.msg.raw, str_from(rows[i].says)));
		if (strcmp(rows[i].asking.method, "INVITE") == 0) {
			struct asking ack = rows[i].asking;

			ack.method = "ACK";
			ack.headers = "";
			ack.body = "";
			ack.to_tag = tag_of(&p);
			ask(&p, &ack);
		}
	}
	/* Whoever is stopped tells those who wait. */
	play_stop();
	peer_expect(&p, "480");
	ask(&p, &(struct asking){ "ACK", "one", 1, tag_of(&p), 1, "", "" });
	(void)play_end(&play);
	peer_close(&p);
}

static void refuses_what_it_cannot_take(void **state)
{
	struct play play;
	struct peer p;

	(void)state;
	begin_answering(&play, &p, "answer bob@beta.example --count 1" LISTEN);
	ask(&p,
	    &(struct asking){ "INVITE", "one", 1, "", 1, "", "v=0\r\nm=video 1 RTP/AVP 31\r\n" });
	peer_expect(&p, "180");
	peer_expect(&p, "488");
	ask(&p, &(struct asking){ "ACK", "one", 1, tag_of(&p), 1, "", "" });
	assert_int_equal(play_end(&play), UA_REFUSED);
	peer_close(&p);
}

/* As many at once as are wanted; the operator's signal ends them all. */
static void takes_several(void **state)
{
	char tags[3][64];
	struct play play;
	struct peer p;
	unsigned byes = 0;

	(void)state;
	begin_answering(&play, &p, "answer bob@beta.example" LISTEN);
	for (unsigned i = 0; i < 3; i++) {
		char call_id[8];

		(void)snprintf(call_id, sizeof(call_id), "c%u", i);
		ask(&p, &(struct asking){ "INVITE", call_id, 1, "", 10 + i, "", SDP });
		peer_expect(&p, "180");
		peer_expect(&p, "200");
		(void)snprintf(tags[i], sizeof(tags[i]), "%s", tag_of(&p));
		ask(&p, &(struct asking){ "ACK", call_id, 1, tags[i], 20 + i, "", "" });
	}
	play_stop();
	while (byes < 3) {
		peer_expect(&p, "BYE");
		peer_answer(&p, &p.msg, 200, "", "", "");
		byes++;
	}
	assert_int_equal(play_end(&play), UA_GOOD);
	peer_close(&p);
}

static void open_and_close(void *arg)
{
	const struct ua_args *args = arg;
	struct ua *ua = NULL;
	struct buf why;

	buf_init(&why, 4096);
	if (ua_open(&ua, args, &why) == ERR_OK)
		(void)!ua_answer_open(ua);
	ua_close(ua);
	buf_fini(&why);
}

static void survives_without_memory(void **state)
{
	char *words[] = { (char[]){ "answer" },
		          (char[]){ "bob@beta.example" },
		          (char[]){ "--listen" },
		          (char[]){ "udp://127.0.0.1:0" },
		          (char[]){ "--resolver" },
		          (char[]){ "127.0.0.1:9" },
		          NULL };
	struct ua_args args;
	struct buf why;

	(void)state;
	buf_init(&why, 4096);
	assert_int_equal(ua_args_parse(&args, 6, words, &why), ERR_OK);
	assert_true(alloc_fail_each(open_and_close, &args) > 0);
	buf_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers),
		cmocka_unit_test(is_refused),
		cmocka_unit_test(refreshes_and_departs),
		cmocka_unit_test(answers_and_waits_for_the_ack),
		cmocka_unit_test(hangs_up_after_the_ack),
		cmocka_unit_test(is_cancelled),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_what_it_cannot_take),
		cmocka_unit_test(takes_several),
		cmocka_unit_test(survives_without_memory),
	};

	stage_block_signals();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
