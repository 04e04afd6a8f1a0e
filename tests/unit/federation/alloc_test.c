#include "federation/document.h"
#include "federation/judge.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/certs.h"
#include "tests/unit/federation/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Every allocation of a scenario fails once: nothing leaks, and what is said is never "nobody". */

static const struct fed_self nobody_knows = { .is_own_place = NULL };

static struct fed_conf conf_of(struct fed_peer_conf *peer, const struct test_cert *cert)
{
	static const struct str domains[] = { STR_INIT("beta.example") };
	static const struct str names[] = { STR_INIT("beta.example"), STR_INIT("b.example") };
	static const struct str ingress[] = { STR_INIT("sip:in.alpha.example;lr") };

	*peer = (struct fed_peer_conf){ .name = STR("beta"),
		                        .domains = domains,
		                        .domain_count = 1,
		                        .names = names,
		                        .name_count = 2,
		                        .url = STR("https://127.0.0.1:1"),
		                        .host = STR("127.0.0.1"),
		                        .port = 1,
		                        .token = STR("secret"),
		                        .reveal = FED_REVEAL_CONTACT,
		                        .timeout_ms = 1000 };
	return (struct fed_conf){ .peers = peer,
		                  .peer_count = 1,
		                  .certificate = cert == NULL ? STR_NONE
		                                              : str_from(cert->certificate),
		                  .key = cert == NULL ? STR_NONE : str_from(cert->key),
		                  .ca = cert == NULL ? STR_NONE : str_from(cert->certificate),
		                  .ingress = ingress,
		                  .ingress_count = 1,
		                  .edge = STR("edge.alpha.example") };
}

static enum err make_peers(struct fed_peers **out, const struct fed_conf *conf,
                           const struct fed_peers *before, unsigned generation)
{
	char memory[200];
	struct buf why;

	buf_wrap(&why, memory, sizeof(memory));
	return fed_peers_make(out, conf, before, generation, &why);
}

static void configures(void *arg)
{
	struct fed_peer_conf peer;
	struct fed_conf conf = conf_of(&peer, arg);
	struct fed_peers *peers = NULL;
	struct fed_peers *next = NULL;

	if (make_peers(&peers, &conf, NULL, 1) == ERR_OK) {
		if (make_peers(&next, &conf, peers, 2) == ERR_OK)
			assert_ptr_equal(peers->items[0].tally, next->items[0].tally);
		fed_peers_unref(peers);
	}
	fed_peers_unref(next);
}

static void judges(void *arg)
{
	const struct fed_http_answer http = {
		.status = 200,
		.now = { 1289690940500 },
		.body = STR_INIT(
			"{\"subject\":\"sip:bob@beta.example\",\"links\":[{\"rel\":\"" FED_REL_CONTACT
			"\",\"href\":\"sip:x@e\",\"properties\":{\"" FED_PARAMS
			"\":\"q=0.5;expires=9;methods=\\\"INVITE\\\"\"}}]}")
	};
	struct fed_peers *peers = arg;
	struct fed_judgement j;
	struct arena arena;

	arena_init(&arena, NULL, 0, 1 << 20);
	fed_judge(&j, &http, STR("sip:bob@beta.example"), peers, &peers->items[0], &nobody_knows,
	          &arena);
	assert_true(j.answer.outcome == (alloc_fail_happened() ? FED_FAILED : FED_FOUND));
	assert_true(j.answer.text.len > 0);
	arena_fini(&arena);
}

static void answers(void *arg)
{
	static const struct str names[] = { STR_INIT("b.example") };
	const struct fed_request request = { .method = STR_INIT("GET"),
		                             .path = STR_INIT("/.well-known/webfinger"),
		                             .query = STR_INIT(
						     "resource=sip%3Aalice%40alpha.example"),
		                             .names = names,
		                             .name_count = 1 };
	struct rig *rig = arg;
	struct fed_reply reply;

	federation_answer(rig->federation, rig->reader, &request, &reply);
	assert_true(reply.status == 200 || (alloc_fail_happened() && reply.status == 503));
	if (reply.status == 200 && !alloc_fail_happened())
		assert_non_null(strstr(buf_cstr(&reply.body), "sip:o1-"));
	buf_fini(&reply.headers);
	buf_fini(&reply.body);
}

static void survive_without_memory(void **state)
{
	struct fed_peer_conf peer;
	struct fed_conf conf = conf_of(&peer, NULL);
	struct fed_peers *peers;
	struct test_cert ca;
	struct rig rig;

	(void)state;
	test_ca_make(&ca, "authority");
	assert_true(alloc_fail_each(configures, &ca) > 5);
	assert_int_equal(make_peers(&peers, &conf, NULL, 1), ERR_OK);
	assert_true(alloc_fail_each(judges, peers) > 0);
	fed_peers_unref(peers);
	rig_open(&rig, 1);
	assert_int_equal(federation_configure(rig.federation, &conf), ERR_OK);
	rig_bind(&rig, "sip:alice@alpha.example", "sip:alice@10.0.0.1", 1000, 600);
	assert_true(alloc_fail_each(answers, &rig) > 3);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survive_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
