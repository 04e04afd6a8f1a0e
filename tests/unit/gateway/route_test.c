/* Whom to ask about an address, in which order, and what an answer means for the next. */
#include "gateway/route.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char configuration[] =
	"domains: [{name: alpha.example, numbers: [\"+4930123\"]}]\n"
	"routes:\n"
	"  - {match: {number: \"+4919\"}, to: refuse}\n"
	"  - {match: {domain: \"*.pbx.alpha.example\"}, to: \"sip:10.1.2.3;transport=tcp\"}\n"
	"  - {match: {number: \"+4940\"}, to: [\"peer:gamma\", \"peer:beta\"]}\n"
	"  - {match: {domain: plain.example}, to: dns}\n"
	"peers:\n"
	"  - {name: beta, domains: [beta.example, shared.example], numbers: [\"+4950\"], url: \"https://l.beta.example/\", addresses: [192.0.2.1]}\n"
	"  - {name: gamma, domains: [shared.example], priority: 5, ingress: \"sip:sbc.gamma.example;lr\", lookup: [dns], addresses: [192.0.2.2]}\n"
	"  - {name: delta, numbers: [\"+495012\"], url: \"https://l.delta.example/\", ingress: \"sip:10.9.9.9\", lookup: [https], addresses: [192.0.2.3]}\n";

struct house {
	struct conf *conf;
	struct arena arena;
	struct route_plan plan;
	struct address address;
};

static void enter(struct house *h, const char *address)
{
	struct conf_options options = { 0 };
	struct buf errors;

	buf_init(&errors, 10000);
	if (conf_load_text(&options, str_from(configuration), &h->conf, &errors) != ERR_OK)
		fail_msg("%.*s", STR_ARG(buf_view(&errors)));
	buf_fini(&errors);
	arena_init(&h->arena, NULL, 0, 65536);
	assert_int_equal(address_of_text(&h->address, h->conf, str_from(address), &h->arena),
	                 ERR_OK);
	route_plan_make(&h->plan, h->conf, &h->address);
}

static void leave(struct house *h)
{
	arena_fini(&h->arena);
	conf_unref(h->conf);
}

/* The whole plan as text: sources with a space between them. */
static void describe(const struct route_plan *plan, struct buf *out)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (i > 0)
			buf_char(out, ' ');
		route_source(&plan->asks[i], out);
	}
}

static void plans(void **state)
{
	static const struct {
		const char *address;
		const char *plan;
	} cases[] = {
		{ "sip:bob@stranger.example", "dns" },
		{ "sip:bob@beta.example", "peer:beta/https peer:beta/dns dns" },
		/* By priority; an ingress stands behind its peer's ways. */
		{ "sip:bob@shared.example",
		  "peer:gamma/dns peer:gamma/ingress peer:beta/https peer:beta/dns dns" },
		{ "sip:bob@x.pbx.alpha.example", "route:1 dns" },
		{ "sip:bob@plain.example", "dns dns" },
		/* Numbers: the longest prefix first; without a domain there is no DNS. */
		{ "+49501234",
		  "peer:delta/https peer:delta/ingress peer:beta/https peer:beta/dns" },
		{ "+49509", "peer:beta/https peer:beta/dns" },
		{ "+4940777", "peer:gamma/dns peer:gamma/ingress peer:beta/https peer:beta/dns" },
		{ "+49190", "route:0" },
		{ "+1202555", "" },
		/* A number in a domain of ours that nobody bears. */
		{ "sip:+49501234@alpha.example",
		  "peer:delta/https peer:delta/ingress peer:beta/https peer:beta/dns" },
		/* A place, not an address: peers don't know it. */
		{ "sip:bob@beta.example:5080", "dns" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct house h;
		struct buf text;

		enter(&h, cases[i].address);
		buf_init(&text, 4096);
		buf_z(&text, "");
		describe(&h.plan, &text);
		if (!str_eq(buf_view(&text), str_from(cases[i].plan)))
			fail_msg("%s: %.*s, not %s", cases[i].address, STR_ARG(buf_view(&text)),
			         cases[i].plan);
		buf_fini(&text);
		leave(&h);
	}
}

/* Walk a plan whose questions end as `outcomes` says (u: unknown, f: failed, s: settled); which were asked? */
static void what_an_answer_means(void **state)
{
	static const struct {
		const char *address;
		const char *outcomes;
		const char *asked;
	} cases[] = {
		{ "sip:bob@beta.example", "s", "peer:beta/https" },
		{ "sip:bob@beta.example", "us", "peer:beta/https peer:beta/dns" },
		{ "sip:bob@beta.example", "uus", "peer:beta/https peer:beta/dns dns" },
		/* Who could not be asked is not passed over for the open DNS. */
		{ "sip:bob@beta.example", "ff", "peer:beta/https peer:beta/dns" },
		{ "sip:bob@beta.example", "fu", "peer:beta/https peer:beta/dns" },
		/* An ingress stands in for look-ups that failed, not for "not mine". */
		{ "+49501234", "fs", "peer:delta/https peer:delta/ingress" },
		{ "+49501234", "uus", "peer:delta/https peer:beta/https peer:beta/dns" },
		{ "sip:bob@shared.example", "uus", "peer:gamma/dns peer:beta/https peer:beta/dns" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct house h;
		struct buf text;
		bool failed = false;
		size_t at = 0;

		enter(&h, cases[i].address);
		buf_init(&text, 4096);
		for (const char *o = cases[i].outcomes; *o != '\0' && at < h.plan.count; o++) {
			enum route_outcome outcome = *o == 'u'   ? ROUTE_UNKNOWN
			                             : *o == 'f' ? ROUTE_FAILED
			                                         : ROUTE_SETTLED;

			if (text.len > 0)
				buf_char(&text, ' ');
			route_source(&h.plan.asks[at], &text);
			failed = failed || outcome == ROUTE_FAILED;
			at = route_plan_next(&h.plan, at, outcome, failed);
		}
		assert_int_equal(at, h.plan.count);
		if (!str_eq(buf_view(&text), str_from(cases[i].asked)))
			fail_msg("%s %s: %.*s, not %s", cases[i].address, cases[i].outcomes,
			         STR_ARG(buf_view(&text)), cases[i].asked);
		buf_fini(&text);
		leave(&h);
	}
}

static void numbers_at_a_peer(void **state)
{
	static const struct {
		const char *address;
		const char *peer;
		const char *uri; /* "": as it was asked for */
	} cases[] = {
		{ "+49501234", "beta", "sip:+49501234@beta.example;user=phone" },
		{ "sip:+49501234@alpha.example", "beta", "sip:+49501234@beta.example;user=phone" },
		{ "+49501234", "delta",
		  "sip:+49501234@10.9.9.9;user=phone" }, /* no domain: its ingress */
		{ "sip:bob@beta.example", "beta", "" },
		{ "sip:+4950@beta.example", "beta", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char memory[256];
		struct house h;
		struct buf text;

		enter(&h, cases[i].address);
		buf_wrap(&text, memory, sizeof(memory));
		route_uri_at_peer(conf_peer_find(h.conf, str_from(cases[i].peer)), &h.address,
		                  &text);
		assert_true(str_eq(buf_view(&text), str_from(cases[i].uri)));
		leave(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(what_an_answer_means),
		cmocka_unit_test(numbers_at_a_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
