/* Which places can be said in a 3xx, and how (docs/protocol/lookup.md). */
#include "gateway/redirect.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW_MS 1000000

static const struct {
	const char *asked;
	const char *uri;
	const char *route;
	const char *next_hop;
	unsigned q;
	int64_t expires_ms;
	const char *methods;
	const char *contact; /* NULL: it can't be said */
} cases[] = {
	{ "sip:bob@alpha.example", "sip:bob@192.0.2.1:5070", "", "", 1000, 0, "",
	  "<sip:bob@192.0.2.1:5070>;q=1" },
	{ "sip:bob@alpha.example", "sip:bob@192.0.2.1", "", "", 500, NOW_MS + 60000, "",
	  "<sip:bob@192.0.2.1>;q=0.500;expires=60" },
	{ "sip:bob@alpha.example", "sip:bob@192.0.2.1", "", "", 0, NOW_MS + 1, "INVITE,MESSAGE",
	  "<sip:bob@192.0.2.1>;q=0.000;expires=1;methods=\"INVITE,MESSAGE\"" },
	/* An ingress: the address with the place as maddr, so that TLS still verifies the address's domain. */
	{ "sip:bob@beta.example", "", "<sip:sbc.beta.example;transport=tcp;lr>",
	  "sip:sbc.beta.example;transport=tcp;lr", 1000, 0, "",
	  "<sip:bob@beta.example;maddr=sbc.beta.example;transport=tcp>;q=1" },
	{ "sips:bob@beta.example;user=phone", "", "", "sip:10.0.0.9:5080", 1000, 0, "",
	  "<sips:bob@beta.example:5080;user=phone;maddr=10.0.0.9>;q=1" },
	{ "sip:bob@beta.example;maddr=1.2.3.4", "", "", "sip:[2001:db8::1]:5080", 1000, 0, "",
	  "<sip:bob@beta.example:5080;maddr=[2001:db8::1]>;q=1" },
	/* A contact with one Route bears that one. */
	{ "sip:bob@beta.example", "sip:k3@edge.beta.example", "<sip:p.beta.example;lr>", "", 1000,
	  0, "", "<sip:k3@edge.beta.example;maddr=p.beta.example>;q=1" },
	{ "sip:bob@beta.example", "sip:k3@edge.beta.example",
	  "<sip:p.beta.example;lr>, <sip:q.beta.example;lr>", "", 1000, 0, "", NULL },
	/* A number at a peer. */
	{ "tel:+4930", "sip:+4930@beta.example;user=phone", "", "", 1000, 0, "",
	  "<sip:+4930@beta.example;user=phone>;q=1" },
	{ "tel:+4930", "", "", "sip:10.0.0.9", 1000, 0, "", NULL },
	/* DNS found it: go there yourself. */
	{ "sip:bob@stranger.example", "", "", "", 1000, 0, "", "<sip:bob@stranger.example>;q=1" },
};

static void contacts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct target t = {
			.kind = TARGET_CONTACT,
			.uri = str_from(cases[i].uri),
			.route = str_from(cases[i].route),
			.next_hop = str_from(cases[i].next_hop),
			.q = cases[i].q,
			.expires = { cases[i].expires_ms },
			.methods = str_from(cases[i].methods),
		};
		char memory[512];
		struct buf text;
		bool said;

		buf_wrap(&text, memory, sizeof(memory));
		said = redirect_contact(&t, str_from(cases[i].asked), (struct wall){ NOW_MS },
		                        &text);
		assert_int_equal(said, cases[i].contact != NULL);
		if (said && !str_eq(buf_view(&text), str_from(cases[i].contact)))
			fail_msg("%zu: %.*s, not %s", i, STR_ARG(buf_view(&text)),
			         cases[i].contact);
	}
}

static void no_room(void **state)
{
	const struct target t = { .kind = TARGET_CONTACT,
		                  .uri = STR("sip:bob@192.0.2.1:5070"),
		                  .q = 1000 };

	(void)state;
	for (size_t size = 0; size < 28; size++) {
		char memory[28];
		struct buf text;

		buf_wrap(&text, memory, size);
		assert_false(redirect_contact(&t, STR("sip:x@y"), (struct wall){ 0 }, &text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contacts),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
