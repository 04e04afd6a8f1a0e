#include "federation/judge.h"

#include "federation/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BOB "sip:bob@beta.example"
/* Sat, 13 Nov 2010 23:29:00 GMT, and half a second. */
#define NOW_MS 1289690940500

#define LINK(rel, href, params)                                                                   \
	"{\"rel\":\"" rel "\",\"href\":\"" href "\",\"properties\":{\"" FED_PARAMS "\":\"" params \
	"\"}}"
#define CONTACT(href, params) LINK(FED_REL_CONTACT, href, params)
#define INGRESS(href, params) LINK(FED_REL_INGRESS, href, params)
#define DOC(links) "{\"subject\":\"" BOB "\",\"links\":[" links "]}"
#define C47 CONTACT("sip:k@edge.beta.example", "expires=47")
#define I3600 INGRESS("sip:sbc.beta.example;lr", "expires=3600")

static const struct {
	unsigned status;
	const char *cache_control;
	const char *date;
	const char *age;
	const char *retry_after;
	const char *body;
	enum fed_outcome outcome;
	size_t targets;
	int64_t fresh_ms;
	int64_t stale_ms;
	int64_t retry_s;
	const char *text;
} cases[] = {
	/* found */
	{ 200, "private, max-age=30", "", "", "", DOC(C47), FED_FOUND, 1, 30000, 0, 0,
	  "200, 1 contact" },
	{ 200, "max-age=3600", "", "", "", DOC(C47), FED_FOUND, 1, 30000, 0, 0, "200, 1 contact" },
	{ 200, "max-age=3600", "", "", "", DOC(CONTACT("sip:k@e", "expires=7")), FED_FOUND, 1, 7000,
	  0, 0, "200, 1 contact" },
	{ 200, "max-age=\"20\"", "", "", "", DOC(C47 "," I3600), FED_FOUND, 2, 20000, 0, 0,
	  "200, 1 contact, 1 ingress" },
	{ 200, "max-age=3600, stale-if-error=86400", "", "", "", DOC(I3600), FED_FOUND, 1, 300000,
	  3600000, 0, "200, 1 ingress" },
	{ 200, "max-age=9,stale-if-error=60", "", "", "", DOC(I3600), FED_FOUND, 1, 9000, 60000, 0,
	  "200, 1 ingress" },
	{ 200, "max-age=9,stale-if-error=60", "", "", "", DOC(C47 "," C47), FED_FOUND, 2, 9000, 0,
	  0, "200, 2 contacts" },
	{ 200, "", "", "", "", DOC(C47), FED_FOUND, 1, 0, 0, 0,
	  "200, 1 contact" }, /* nothing said: not kept */
	{ 200, "max-age=30, no-store", "", "", "", DOC(C47), FED_FOUND, 1, 0, 0, 0,
	  "200, 1 contact" },
	{ 200, "no-cache,max-age=30", "", "", "", DOC(C47), FED_FOUND, 1, 0, 0, 0,
	  "200, 1 contact" },
	{ 200, "max-age=x", "", "", "", DOC(C47), FED_FOUND, 1, 0, 0, 0, "200, 1 contact" },
	{ 200, "max-age=99999999999999", "", "", "", DOC(C47), FED_FOUND, 1, 30000, 0, 0,
	  "200, 1 contact" },
	/* Date and Age: whichever is earlier */
	{ 200, "max-age=30", "Sat, 13 Nov 2010 23:29:00 GMT", "", "", DOC(C47), FED_FOUND, 1, 30000,
	  0, 0, "200, 1 contact" },
	{ 200, "max-age=30", "Sat, 13 Nov 2010 23:28:50 GMT", "", "", DOC(C47), FED_FOUND, 1, 19500,
	  0, 0, "200, 1 contact" },
	{ 200, "max-age=30", "Sat, 13 Nov 2010 23:28:50 GMT", "20", "", DOC(C47), FED_FOUND, 1,
	  10000, 0, 0, "200, 1 contact" },
	{ 200, "max-age=30", "Sat, 13 Nov 2010 23:28:50 GMT", "5", "", DOC(C47), FED_FOUND, 1,
	  19500, 0, 0, "200, 1 contact" },
	{ 200, "max-age=30", "Sat, 13 Nov 2010 23:59:00 GMT", "", "", DOC(C47), FED_FOUND, 1, 30000,
	  0, 0, "200, 1 contact" },
	{ 200, "max-age=30", "", "40", "", DOC(C47), FED_FOUND, 1, 0, 0, 0, "200, 1 contact" },
	{ 200, "max-age=30", "", "50", "", DOC(C47), FED_ABSENT, 0, 0, 0, 0,
	  "200, 1 past its time" },
	{ 200, "max-age=30", "Sat, 13 Nov 2010 22:29:00 GMT", "", "", DOC(C47), FED_ABSENT, 0, 0, 0,
	  0, "200, 1 past its time" },
	/* absent */
	{ 200, "max-age=30", "", "", "", DOC(""), FED_ABSENT, 0, 5000, 0, 0,
	  "200, nobody registered" },
	{ 200, "max-age=2", "", "", "", DOC(""), FED_ABSENT, 0, 2000, 0, 0,
	  "200, nobody registered" },
	{ 200, "max-age=30", "", "", "", DOC(CONTACT("sip:k@e", "expires=0")), FED_ABSENT, 0, 5000,
	  0, 0, "200, 1 past its time" },
	/* where answers may not point */
	{ 200, "max-age=30", "", "", "", DOC(CONTACT("sip:k@127.0.0.1", "")), FED_FAILED, 0, 0, 0,
	  0, "200, 1 refused: it points inward or at us" },
	{ 200, "max-age=30", "", "", "", DOC(CONTACT("sip:k@[::1]", "") "," C47), FED_FOUND, 1,
	  30000, 0, 0, "200, 1 contact, 1 refused: it points inward or at us" },
	{ 200, "", "", "", "", DOC(CONTACT("sip:k@e;maddr=10.0.0.1", "")), FED_FAILED, 0, 0, 0, 0,
	  "200, 1 refused: it points inward or at us" },
	{ 200, "", "", "", "", DOC(CONTACT("sip:k@[::ffff:192.168.1.1]", "")), FED_FAILED, 0, 0, 0,
	  0, "200, 1 refused: it points inward or at us" },
	{ 200, "", "", "", "", DOC(CONTACT("sip:k@203.0.113.9", "")), FED_FAILED, 0, 0, 0, 0,
	  "200, 1 refused: it points inward or at us" }, /* ours */
	{ 200, "", "", "", "", DOC(CONTACT("sip:k@203.0.113.10", "")), FED_FOUND, 1, 0, 0, 0,
	  "200, 1 contact" },
	{ 200, "", "", "", "", DOC(CONTACT("sip:k@10.9.0.1", "")), FED_FOUND, 1, 0, 0, 0,
	  "200, 1 contact" }, /* allowed */
	{ 200, "", "", "", "",
	  DOC("{\"rel\":\"" FED_REL_CONTACT "\",\"href\":\"sip:k@e\",\"properties\":{\"" FED_ROUTE
	      "\":\"<sip:r;lr>,<sip:169.254.1.1;lr>\"}}"),
	  FED_FAILED, 0, 0, 0, 0, "200, 1 refused: it points inward or at us" },
	{ 200, "", "", "", "", DOC(CONTACT("http://x/", "")), FED_FAILED, 0, 0, 0, 0,
	  "200, 1 malformed" },
	/* the others */
	{ 404, "private, max-age=10", "", "", "", "x", FED_NOBODY, 0, 10000, 0, 0, "404" },
	{ 404, "private, max-age=1000", "", "", "", "", FED_NOBODY, 0, 60000, 0, 0, "404" },
	{ 404, "", "", "", "", "", FED_NOBODY, 0, 0, 0, 0, "404" },
	{ 404, "max-age=10,stale-if-error=99", "", "3", "", "", FED_NOBODY, 0, 7000, 0, 0, "404" },
	{ 421, "max-age=10", "", "", "", "", FED_UNKNOWN, 0, 0, 0, 0, "421, not theirs" },
	{ 200, "", "", "", "", "<html>", FED_FAILED, 0, 0, 0, 0, NULL },
	{ 200, "", "", "", "", "{\"subject\":\"sip:eve@beta.example\"}", FED_FAILED, 0, 0, 0, 0,
	  "a document about somebody else" },
	{ 302, "", "", "", "", "", FED_FAILED, 0, 0, 0, 0,
	  "HTTP 302, a redirect, which no peer may give" },
	{ 410, "", "", "", "", "", FED_FAILED, 0, 0, 0, 0, "HTTP 410" },
	{ 401, "max-age=10", "", "", "5", "", FED_FAILED, 0, 0, 0, 0, "HTTP 401" },
	{ 503, "", "", "", "5", "", FED_FAILED, 0, 0, 0, 5, "HTTP 503, retry after 5 s" },
	{ 429, "", "", "", "86400", "", FED_FAILED, 0, 0, 0, 10, "HTTP 429, retry after 86400 s" },
	{ 503, "", "", "", "Sat, 13 Nov 2010 23:29:04 GMT", "", FED_FAILED, 0, 0, 0, 4,
	  "HTTP 503, retry after 4 s" },
	{ 503, "", "", "", "soon", "", FED_FAILED, 0, 0, 0, 0, "HTTP 503" },
	{ 204, "", "", "", "", "", FED_FAILED, 0, 0, 0, 0, "HTTP 204" },
	{ 0, "", "", "", "", "", FED_FAILED, 0, 0, 0, 0, "HTTP 0" },
};

static enum err make_peers(struct fed_peers **out, const struct fed_conf *conf,
                           const struct fed_peers *before, unsigned generation)
{
	char memory[200];
	struct buf why;

	buf_wrap(&why, memory, sizeof(memory));
	return fed_peers_make(out, conf, before, generation, &why);
}

static bool is_own_place(void *arg, const struct addr *addr)
{
	struct addr own;

	(void)arg;
	assert_int_equal(addr_parse(&own, STR("203.0.113.9"), 0), ERR_OK);
	return addr_eq_host(addr, &own);
}

static void judges(void **state)
{
	const struct fed_self self = { .is_own_place = is_own_place };
	const struct str domains[] = { STR("*.beta.example") };
	const struct fed_peer_conf peer = { .name = STR("beta"),
		                            .domains = domains,
		                            .domain_count = 1 };
	struct fed_conf conf = { .peers = &peer, .peer_count = 1 };
	struct network allowed;
	struct fed_peers *peers;

	(void)state;
	assert_int_equal(network_parse(&allowed, STR("10.9.0.0/16")), ERR_OK);
	conf.allow_targets = &allowed;
	conf.allow_target_count = 1;
	assert_int_equal(make_peers(&peers, &conf, NULL, 1), ERR_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fed_http_answer http = { .status = cases[i].status,
			                        .date = str_from(cases[i].date),
			                        .age = str_from(cases[i].age),
			                        .cache_control = str_from(cases[i].cache_control),
			                        .retry_after = str_from(cases[i].retry_after),
			                        .body = str_from(cases[i].body),
			                        .now = { NOW_MS } };
		struct fed_judgement j;
		struct arena arena;

		arena_init(&arena, NULL, 0, 1 << 20);
		fed_judge(&j, &http, STR(BOB), peers, &peers->items[0], &self, &arena);
		if (j.answer.outcome != cases[i].outcome ||
		    j.answer.target_count != cases[i].targets || j.fresh_ms != cases[i].fresh_ms ||
		    j.stale_ms != cases[i].stale_ms || j.retry_s != cases[i].retry_s ||
		    (cases[i].text != NULL && !str_eq(j.answer.text, str_from(cases[i].text))))
			fail_msg(
				"case %zu: %s, %zu targets, fresh %lld, stale %lld, retry %lld: %.*s",
				i, fed_outcome_name(j.answer.outcome), j.answer.target_count,
				(long long)j.fresh_ms, (long long)j.stale_ms, (long long)j.retry_s,
				STR_ARG(j.answer.text));
		assert_int_equal(j.answer.ttl_s, j.fresh_ms == 0 ? -1 : (j.fresh_ms + 999) / 1000);
		arena_fini(&arena);
	}
	fed_peers_unref(peers);
}

/* The name that a place's certificate must bear: as said, else the subject's domain; for a number the peer's. */
static void names_the_identity(void **state)
{
	const struct fed_self self = { .is_own_place = is_own_place };
	const struct str domains[] = { STR("*.beta.example") };
	const struct fed_peer_conf peer = { .name = STR("beta"),
		                            .domains = domains,
		                            .domain_count = 1 };
	const struct fed_conf conf = { .peers = &peer, .peer_count = 1 };
	struct fed_http_answer http = { .status = 200, .now = { NOW_MS }, .body = STR(DOC(C47)) };
	struct fed_judgement j;
	struct fed_peers *peers;
	struct arena arena;

	(void)state;
	assert_int_equal(make_peers(&peers, &conf, NULL, 1), ERR_OK);
	arena_init(&arena, NULL, 0, 1 << 20);
	fed_judge(&j, &http, STR(BOB), peers, &peers->items[0], &self, &arena);
	assert_true(str_eq(j.answer.targets[0].identity, STR("beta.example")));
	assert_int_equal(j.answer.targets[0].expires.ms, NOW_MS + 47000);
	http.body = STR("{\"subject\":\"tel:+4930\",\"links\":[" C47 "]}");
	fed_judge(&j, &http, STR("tel:+4930"), peers, &peers->items[0], &self, &arena);
	assert_int_equal(j.answer.outcome, FED_FOUND);
	assert_true(str_eq(j.answer.targets[0].identity, STR("beta.example")));
	arena_fini(&arena);
	fed_peers_unref(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges),
		cmocka_unit_test(names_the_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
