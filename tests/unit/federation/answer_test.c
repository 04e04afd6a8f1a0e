#include "federation/document.h"
#include "tests/unit/federation/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WELL_KNOWN "/.well-known/webfinger"
#define ALICE "resource=sip%3Aalice%40alpha.example"

enum who { STRANGER, BY_NAME, BY_TOKEN, BY_ADDRESS, NOTHING, CONTACT, TWO };

/* Who asks, and how he is known. Names: ingress level (beta), nothing (gamma), contact (delta). */
static void be(struct fed_request *r, enum who who)
{
	static const struct str beta[] = { STR_INIT("x.example"), STR_INIT("BETA.example") };
	static const struct str gamma[] = { STR_INIT("gamma.example") };
	static const struct str delta[] = { STR_INIT("delta.example") };
	const char *from = who == BY_ADDRESS ? "192.0.2.77" : "198.51.100.1";

	assert_int_equal(addr_parse(&r->remote, str_from(from), 4000), ERR_OK);
	r->authorization = STR("Bearer wrong");
	if (who == BY_NAME || who == TWO) {
		r->names = beta;
		r->name_count = 2;
		r->authorization = STR_NONE;
	}
	if (who == BY_TOKEN || who == TWO)
		r->authorization = STR("bearer  secret-of-delta ");
	if (who == NOTHING || who == CONTACT) {
		r->names = who == NOTHING ? gamma : delta;
		r->name_count = 1;
	}
}

static void configure(struct rig *rig, const char *edge)
{
	static const struct str names[][1] = { { STR_INIT("beta.example") },
		                               { STR_INIT("gamma.example") },
		                               { STR_INIT("delta.example") } };
	static const struct str ingress[] = { STR_INIT("sip:in.alpha.example;lr"),
		                              STR_INIT("sip:in2.alpha.example;transport=tcp;lr") };
	struct network near;
	struct fed_peer_conf peers[] = {
		{ .name = STR("beta"),
		  .names = names[0],
		  .name_count = 1,
		  .addresses = &near,
		  .address_count = 1,
		  .reveal = FED_REVEAL_INGRESS },
		{ .name = STR("gamma"),
		  .names = names[1],
		  .name_count = 1,
		  .reveal = FED_REVEAL_NOTHING },
		{ .name = STR("delta"),
		  .names = names[2],
		  .name_count = 1,
		  .token = STR("secret-of-delta"),
		  .reveal = FED_REVEAL_CONTACT },
	};
	const struct fed_conf conf = { .peers = peers,
		                       .peer_count = 3,
		                       .ingress = ingress,
		                       .ingress_count = 2,
		                       .edge = str_from(edge) };

	assert_int_equal(network_parse(&near, STR("192.0.2.0/24")), ERR_OK);
	assert_int_equal(federation_configure(rig->federation, &conf), ERR_OK);
}

static const struct {
	enum who who;
	const char *method;
	const char *query;
	const char *via;
	unsigned status;
	const char *header; /* that must be there */
	const char *body;   /* a part of it; NULL: any */
} cases[] = {
	/* who asks, before anything else */
	{ STRANGER, "GET", ALICE, "", 401, "WWW-Authenticate: Bearer", NULL },
	{ STRANGER, "GET", "nonsense%", "", 401, "no-store", NULL },
	{ STRANGER, "POST", ALICE, "", 405, "Allow: GET, HEAD\r\n", NULL },
	{ TWO, "GET", ALICE, "", 403, "no-store", NULL },
	/* malformed */
	{ BY_NAME, "GET", "", "", 400, "no-store", "no resource" },
	{ BY_NAME, "GET", ALICE "&" ALICE, "", 400, "problem+json", "more than one" },
	{ BY_NAME, "GET", "resource=sip%3Aalice%4", "", 400, "no-store", "broken escape" },
	{ BY_NAME, "GET", "resource=sip%3Aal%zzice%40alpha.example", "", 400, "no-store",
	  "broken escape" },
	{ BY_NAME, "GET", "resource=sip%3Aal%00ice%40alpha.example", "", 400, "no-store",
	  "broken escape" },
	{ BY_NAME, "GET", "resource=acct%3Aalice%40alpha.example", "", 400, "no-store", "neither" },
	{ BY_NAME, "GET", "resource=sips%3Aalice%40alpha.example", "", 400, "no-store", "neither" },
	{ BY_NAME, "GET", "resource=", "", 400, "no-store", "neither" },
	{ BY_NAME, "GET", ALICE "&rel=%", "", 400, "no-store", "rel" },
	/* not ours */
	{ BY_NAME, "GET", "resource=sip%3Abob%40beta.example", "", 421, "no-store", NULL },
	{ BY_NAME, "GET", "resource=tel%3A%2B49401", "", 421, "no-store", NULL },
	{ BY_NAME, "GET", "resource=tel%3A112%3Bphone-context%3Dalpha.example", "", 421, "no-store",
	  NULL },
	{ BY_NAME, "GET", "resource=sip%3Aalice%40alpha.example%3A5070", "", 421, "no-store",
	  NULL },
	/* loops */
	{ BY_NAME, "GET", ALICE, "1.1 proxy.beta.example, 1.1 alpha.example:8443 (Lotse)", 508,
	  "no-store", NULL },
	{ BY_NAME, "GET", ALICE, "1.1 edge.alpha.example", 508, "no-store", NULL },
	{ BY_NAME, "GET", ALICE, "1 a,1 b,1 c,1 d,1 e,1 f,1 g,1 h,1 i,1 j,1 k", 508, "no-store",
	  NULL },
	{ BY_NAME, "GET", ALICE, "1.1 proxy.beta.example", 200, "", NULL },
	/* ingress: alike for every name */
	{ BY_NAME, "GET", ALICE, "", 200, "private, max-age=300, stale-if-error=86400\r\n",
	  "{\"subject\":\"sip:alice@alpha.example\",\"links\":[{\"rel\":\"" FED_REL_INGRESS
	  "\",\"href\":\"sip:in.alpha.example;lr\",\"properties\":{\"" FED_PARAMS
	  "\":\"expires=3600\"}}," },
	{ BY_ADDRESS, "GET", "resource=sip:ghost@Alpha.example", "", 200, "application/jrd+json",
	  "\"sip:ghost@alpha.example\"" },
	{ BY_NAME, "HEAD", ALICE, "", 200, "ETag: \"", NULL },
	{ BY_NAME, "GET", "resource=tel%3A%2B49-30-123", "", 200, "",
	  "\"subject\":\"tel:+4930123\"" },
	{ BY_NAME, "GET", ALICE "&rel=" FED_REL_CONTACT, "", 200, "", "\"links\":[]" },
	{ BY_NAME, "GET", "rel=x&rel=urn%3Auuid%3A6e0d074c-06f5-5bd9-ac74-8a337bfa7cef&" ALICE, "",
	  200, "", "sip:in2.alpha.example;transport=tcp;lr" },
	/* nothing */
	{ NOTHING, "GET", ALICE, "", 404, "private, max-age=10\r\n", "Nobody" },
	{ NOTHING, "GET", "resource=sip%3Aghost%40alpha.example", "", 404, "", "Nobody" },
	/* contact */
	{ CONTACT, "GET", "resource=sip%3Aghost%40alpha.example", "", 404,
	  "private, max-age=10\r\n", "Nobody" },
	{ CONTACT, "GET", "resource=sip%3Acarol%40alpha.example", "", 200, "private, max-age=5\r\n",
	  "\"links\":[]" },
	{ BY_TOKEN, "GET", ALICE, "", 200, "private, max-age=30\r\n",
	  "@edge.alpha.example:5060;transport=tcp" },
	{ CONTACT, "GET", "resource=sip%3Ashort%40alpha.example", "", 200, "private, max-age=1",
	  "expires=1" },
	{ CONTACT, "GET", "resource=tel%3A%2B4930123", "", 200, "private, max-age=30\r\n",
	  "sip:o1-" },
	{ CONTACT, "GET", "resource=tel%3A%2B4930999", "", 404, "", "Nobody" },
	{ CONTACT, "GET", ALICE "&rel=" FED_REL_INGRESS, "", 200, "", "sip:in.alpha.example;lr" },
};

static void fini(struct fed_reply *reply)
{
	buf_fini(&reply->headers);
	buf_fini(&reply->body);
}

static void users(struct rig *rig)
{
	rig_account(rig, "carol@alpha.example");
	rig_bind(rig, "sip:alice@alpha.example", "sip:alice@10.0.0.1:5062;secret=7", 500, 600);
	rig_bind(rig, "sip:alice@alpha.example", "sip:alice@10.0.0.2", 1000, 600);
	rig_bind(rig, "sip:+4930123@alpha.example", "sip:x@10.0.0.3", 1000, 600);
}

static void answers(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	configure(&rig, "edge.alpha.example:5060;transport=tcp");
	users(&rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fed_request request = { .method = str_from(cases[i].method),
			                       .path = STR(WELL_KNOWN),
			                       .query = str_from(cases[i].query),
			                       .via = str_from(cases[i].via) };
		struct fed_reply reply;

		if (strstr(cases[i].query, "short") != NULL)
			rig_bind(&rig, "sip:short@alpha.example", "sip:x@10.0.0.4", 1000, 2);
		be(&request, cases[i].who);
		federation_answer(rig.federation, rig.reader, &request, &reply);
		if (reply.status != cases[i].status ||
		    strstr(buf_cstr(&reply.headers), cases[i].header) == NULL ||
		    (cases[i].body != NULL && strstr(buf_cstr(&reply.body), cases[i].body) == NULL))
			fail_msg("case %zu: %u\n%s\n%s", i, reply.status, buf_cstr(&reply.headers),
			         buf_cstr(&reply.body));
		assert_null(strstr(buf_cstr(&reply.body), "10.0.0."));
		assert_null(strstr(buf_cstr(&reply.body), "secret"));
		assert_int_equal(reply.not_before_ms > 0, reply.status == 404);
		fini(&reply);
	}
	assert_int_equal(rig_stats(&rig, "beta").answered, 7);
	assert_int_equal(rig_stats(&rig, "delta").answered, 7);
	rig_close(&rig);
}

/* 404s can't be told apart. */
static void hides_who_is_there(void **state)
{
	static const struct {
		enum who who;
		const char *query;
	} same[] = {
		{ NOTHING, ALICE },
		{ NOTHING, "resource=sip%3Aghost%40alpha.example" },
		{ NOTHING, "resource=tel%3A%2B4930123" },
		{ CONTACT, "resource=sip%3Aghost%40alpha.example" },
		{ CONTACT, "resource=tel%3A%2B4930999" },
	};
	char first[1024] = "";
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	configure(&rig, "edge.alpha.example");
	users(&rig);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct fed_request request = { .method = STR("GET"),
			                       .path = STR(WELL_KNOWN),
			                       .query = str_from(same[i].query) };
		struct fed_reply reply;
		char text[1024];

		be(&request, same[i].who);
		federation_answer(rig.federation, rig.reader, &request, &reply);
		(void)snprintf(text, sizeof(text), "%u %lld %s%s", reply.status,
		               (long long)reply.not_before_ms, buf_cstr(&reply.headers),
		               buf_cstr(&reply.body));
		if (i == 0)
			memcpy(first, text, sizeof(first));
		assert_string_equal(text, first);
		fini(&reply);
	}
	rig_close(&rig);
}

static void ask_alice(struct rig *rig, const char *if_none_match, struct fed_reply *reply)
{
	struct fed_request request = { .method = STR("GET"),
		                       .path = STR(WELL_KNOWN),
		                       .query = STR(ALICE),
		                       .if_none_match = str_from(if_none_match) };

	be(&request, CONTACT);
	federation_answer(rig->federation, rig->reader, &request, reply);
}

static void copy_etag(const struct fed_reply *reply, char *out, size_t size)
{
	struct str headers = buf_view(&reply->headers);
	size_t at = 0;

	while (!str_starts(str_from_at(headers, at), STR("ETag: ")))
		at++;
	headers = str_from_at(headers, at + 6);
	(void)snprintf(out, size, "%.*s", (int)str_find(headers, '\r'), headers.p);
}

/* The tag follows what is registered, not the sealing, which is another each time. */
static void tags_the_document(void **state)
{
	struct fed_reply reply;
	struct rig rig;
	char etag[64];
	char list[200];

	(void)state;
	rig_open(&rig, 1);
	configure(&rig, "edge.alpha.example");
	users(&rig);
	ask_alice(&rig, "", &reply);
	copy_etag(&reply, etag, sizeof(etag));
	fini(&reply);
	ask_alice(&rig, etag, &reply);
	assert_int_equal(reply.status, 304);
	assert_int_equal(reply.body.len, 0);
	assert_non_null(strstr(buf_cstr(&reply.headers), "max-age=30"));
	fini(&reply);
	(void)snprintf(list, sizeof(list), "\"x\", W/%s", etag);
	ask_alice(&rig, list, &reply);
	assert_int_equal(reply.status, 304);
	fini(&reply);
	rig_bind(&rig, "sip:alice@alpha.example", "sip:new@10.0.0.9", 1000, 600);
	ask_alice(&rig, etag, &reply);
	assert_int_equal(reply.status, 200);
	fini(&reply);
	rig_close(&rig);
}

/* What a peer is told leads back to the binding, in its time, and nobody can make one up. */
static void seals_what_it_says(void **state)
{
	struct fed_document doc;
	struct fed_reply reply;
	struct arena arena;
	struct buf why;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	configure(&rig, "edge.alpha.example:5070");
	users(&rig);
	ask_alice(&rig, "", &reply);
	arena_init(&arena, NULL, 0, 1 << 20);
	buf_init(&why, 1000);
	assert_int_equal(fed_document_parse(&doc, buf_view(&reply.body),
	                                    STR("sip:alice@alpha.example"), &arena, &why),
	                 ERR_OK);
	assert_int_equal(doc.count, 4);
	for (size_t i = 0; i < 2; i++) {
		struct str user = str_from_at(doc.links[i].href, 4);
		struct wall now = wall_now();
		char memory[2][512];
		struct buf aor;
		struct buf contact;

		assert_false(doc.links[i].ingress);
		assert_true(str_ends_nocase(user, STR("@edge.alpha.example:5070")));
		user = str_head(user, str_find(user, '@'));
		buf_wrap(&aor, memory[0], sizeof(memory[0]));
		buf_wrap(&contact, memory[1], sizeof(memory[1]));
		assert_int_equal(federation_unseal(rig.federation, user, now, &aor, &contact),
		                 ERR_OK);
		assert_true(str_eq(buf_view(&aor), STR("sip:alice@alpha.example")));
		assert_true(str_eq(buf_view(&contact),
		                   i == 0 ? STR("sip:alice@10.0.0.2")
		                          : STR("sip:alice@10.0.0.1:5062;secret=7")));
		assert_int_equal(federation_unseal(rig.federation, user, wall_add_s(now, 601), &aor,
		                                   &contact),
		                 ERR_TIMEOUT);
		for (size_t at = 0; at < user.len; at++) {
			char forged[1024];

			memcpy(forged, user.p, user.len);
			forged[at] = forged[at] == 'A' ? 'B' : 'A';
			assert_int_equal(federation_unseal(rig.federation, str_of(forged, user.len),
			                                   now, &aor, &contact),
			                 ERR_NOTFOUND);
		}
		assert_int_equal(federation_unseal(rig.federation, str_head(user, 30), now, &aor,
		                                   &contact),
		                 ERR_NOTFOUND);
	}
	fini(&reply);
	buf_fini(&why);
	arena_fini(&arena);
	rig_close(&rig);
}

/* Without the store nobody is told that there is nobody. */
static void needs_the_store(void **state)
{
	struct fed_request request = { .method = STR("GET"),
		                       .path = STR(WELL_KNOWN),
		                       .query = STR(ALICE) };
	struct fed_reply reply;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	be(&request, CONTACT);
	federation_answer(rig.federation, rig.reader, &request, &reply);
	assert_int_equal(reply.status, 503); /* no configuration yet */
	fini(&reply);
	configure(&rig, "edge.alpha.example");
	federation_answer(rig.federation, NULL, &request, &reply);
	assert_int_equal(reply.status, 503);
	assert_non_null(strstr(buf_cstr(&reply.headers), "Retry-After: 5\r\n"));
	fini(&reply);
	request.path = STR("/");
	federation_answer(rig.federation, NULL, &request, &reply);
	assert_int_equal(reply.status, 404);
	fini(&reply);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),           cmocka_unit_test(hides_who_is_there),
		cmocka_unit_test(tags_the_document), cmocka_unit_test(seals_what_it_says),
		cmocka_unit_test(needs_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
