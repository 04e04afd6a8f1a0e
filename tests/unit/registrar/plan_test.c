/* RFC 3261 10.3 as a table: what is bound, what is asked, what is bound then. */
#include "registrar/plan.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_MS ((int64_t)1700000000000)
#define ITEMS 4

/* A binding: of whom, by whom, for how long yet. content 0: 1. */
struct row {
	const char *uri;
	const char *call_id;
	uint32_t cseq;
	int left_s;
	unsigned q;
	const char *instance;
	uint32_t reg_id;
	uint64_t content;
	int age_s; /* bound so long ago */
};

/* A Contact. expires -1: none. */
struct want {
	const char *uri;
	int expires;
	unsigned q;
	const char *instance;
	uint32_t reg_id;
};

#define NONE (-1)

/* clang-format off */
static const struct {
	const char *what;
	struct row stored[ITEMS];
	const char *call_id; /* of the request */
	uint32_t cseq;
	uint64_t content;
	bool star;
	int expires; /* the header field; NONE */
	struct want contacts[ITEMS];
	unsigned status;
	bool changed;
	const char *then; /* "uri seconds, ..." */
} cases[] = {
	/* Query. */
	{ "a query of nothing", { { 0 } }, "c", 1, 1, false, NONE, { { 0 } }, 200, false, "" },
	{ "a query",
	  { { .uri = "sip:a@h", "c", 1, 60, 0 }, { .uri = "sip:b@h", "c", 1, 90, 0 } },
	  "d", 1, 1, false, NONE, { { 0 } },
	  200, false, "sip:a@h 60, sip:b@h 90" },
	{ "a query with an old CSeq changes nothing, so it is no late one",
	  { { .uri = "sip:a@h", "c", 5, 60, 0 } },
	  "c", 1, 1, false, NONE, { { 0 } },
	  200, false, "sip:a@h 60" },
	{ "a query with Expires: 0",
	  { { .uri = "sip:a@h", "c", 5, 60, 0 } },
	  "c", 9, 1, false, 0, { { 0 } },
	  200, false, "sip:a@h 60" },
	{ "what has expired isn't told",
	  { { .uri = "sip:a@h", "c", 1, 0, 0 }, { .uri = "sip:b@h", "c", 1, 1, 0 } },
	  "d", 1, 1, false, NONE, { { 0 } },
	  200, false, "sip:b@h 1" },

	/* Add. */
	{ "a first one", { { 0 } }, "c", 1, 1, false, NONE, { { .uri = "sip:a@h", 600 } },
	  200, true, "sip:a@h 600" },
	{ "a second one, the newer first",
	  { { .uri = "sip:a@h", "c", 1, 60, 0, .age_s = 5 } },
	  "d", 1, 1, false, NONE, { { .uri = "sip:b@h", 600 } },
	  200, true, "sip:b@h 600, sip:a@h 60" },
	{ "two at once, in their order", { { 0 } }, "c", 1, 1, false, NONE,
	  { { .uri = "sip:a@h", 600 }, { .uri = "sip:b@h", 700 } },
	  200, true, "sip:a@h 600, sip:b@h 700" },
	{ "the highest q first", { { 0 } }, "c", 1, 1, false, NONE,
	  { { .uri = "sip:a@h", 600, 100 }, { .uri = "sip:b@h", 700, 900 }, { .uri = "sip:c@h", 800, 500 } },
	  200, true, "sip:b@h 700, sip:c@h 800, sip:a@h 600" },
	{ "the same contact twice: the last word counts", { { 0 } }, "c", 1, 1, false, NONE,
	  { { .uri = "sip:a@h", 600 }, { .uri = "sip:a@h", 700 } },
	  200, true, "sip:a@h 700" },
	{ "bound and gone in one request", { { 0 } }, "c", 1, 1, false, NONE,
	  { { .uri = "sip:a@h", 600 }, { .uri = "sip:a@h", 0 } },
	  200, true, "" },
	{ "the place of an expired one is free",
	  { { .uri = "sip:a@h", "c", 9, 0, 0 } },
	  "c", 2, 1, false, NONE, { { .uri = "sip:a@h", 600 } },
	  200, true, "sip:a@h 600" },

	/* How long: 10.3 step 7. */
	{ "neither parameter nor header field: the default", { { 0 } }, "c", 1, 1, false, NONE,
	  { { .uri = "sip:a@h", NONE } }, 200, true, "sip:a@h 3600" },
	{ "the header field", { { 0 } }, "c", 1, 1, false, 900, { { .uri = "sip:a@h", NONE } },
	  200, true, "sip:a@h 900" },
	{ "the parameter before the header field", { { 0 } }, "c", 1, 1, false, 900,
	  { { .uri = "sip:a@h", 800 }, { .uri = "sip:b@h", NONE } }, 200, true, "sip:a@h 800, sip:b@h 900" },
	{ "no more than the most", { { 0 } }, "c", 1, 1, false, NONE, { { .uri = "sip:a@h", 7201 } },
	  200, true, "sip:a@h 7200" },
	{ "4294967295", { { 0 } }, "c", 1, 1, false, INT32_MAX, { { .uri = "sip:a@h", NONE } },
	  200, true, "sip:a@h 7200" },
	{ "just enough", { { 0 } }, "c", 1, 1, false, NONE, { { .uri = "sip:a@h", 60 } },
	  200, true, "sip:a@h 60" },
	{ "too brief", { { 0 } }, "c", 1, 1, false, NONE, { { .uri = "sip:a@h", 59 } }, 423, false, "" },
	{ "too brief, by the header field", { { 0 } }, "c", 1, 1, false, 1, { { .uri = "sip:a@h", NONE } },
	  423, false, "" },
	{ "one too brief refuses all of them",
	  { { .uri = "sip:c@h", "d", 1, 60, 0 } },
	  "c", 1, 1, false, NONE, { { .uri = "sip:a@h", 600 }, { .uri = "sip:c@h", 0 }, { .uri = "sip:b@h", 1 } },
	  423, false, "" },

	/* Refresh. */
	{ "a refresh",
	  { { .uri = "sip:a@h", "c", 1, 10, 0, .age_s = 50 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:a@h", 600 } },
	  200, true, "sip:a@h 600" },
	{ "a refresh keeps its place among equals",
	  { { .uri = "sip:a@h", "c", 1, 10, 0, .age_s = 50 }, { .uri = "sip:b@h", "d", 1, 60, 0, .age_s = 60 } },
	  "d", 2, 2, false, NONE, { { .uri = "sip:b@h", 600 } },
	  200, true, "sip:a@h 10, sip:b@h 600" },
	{ "a refresh changes q, and with it the order",
	  { { .uri = "sip:a@h", "c", 1, 10, 500, .age_s = 50 }, { .uri = "sip:b@h", "d", 1, 60, 100 } },
	  "d", 2, 2, false, NONE, { { .uri = "sip:b@h", 600, 900 } },
	  200, true, "sip:b@h 600, sip:a@h 10" },
	{ "another Call-ID: a device that was started anew",
	  { { .uri = "sip:a@h", "c", 100, 10, 0 } },
	  "d", 1, 1, false, NONE, { { .uri = "sip:a@h", 600 } },
	  200, true, "sip:a@h 600" },
	{ "the same URI in other words, 19.1.4",
	  { { .uri = "sip:a@h;x=1", "c", 1, 10, 0 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:%61@H;X=1", 600 } },
	  200, true, "sip:%61@H;X=1 600" },
	{ "another port is another URI",
	  { { .uri = "sip:a@h", "c", 1, 10, 0, .age_s = 1 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:a@h:5060", 600 } },
	  200, true, "sip:a@h:5060 600, sip:a@h 10" },
	{ "a user in another case is another user",
	  { { .uri = "sip:a@h", "c", 1, 10, 0, .age_s = 1 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:A@h", 600 } },
	  200, true, "sip:A@h 600, sip:a@h 10" },
	{ "what is no URI of ours matches to the octet",
	  { { .uri = "mailto:a@h", "c", 1, 10, 0, .age_s = 1 } },
	  "c", 2, 2, false, NONE, { { .uri = "mailto:a@h", 600 }, { .uri = "mailto:A@h", 600 } },
	  200, true, "mailto:A@h 600, mailto:a@h 600" },

	/* Remove. */
	{ "a farewell",
	  { { .uri = "sip:a@h", "c", 1, 10, 0 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:a@h", 0 } },
	  200, true, "" },
	{ "a farewell by the header field",
	  { { .uri = "sip:a@h", "c", 1, 10, 0 } },
	  "c", 2, 2, false, 0, { { .uri = "sip:a@h", NONE } },
	  200, true, "" },
	{ "a farewell from another Call-ID",
	  { { .uri = "sip:a@h", "c", 9, 10, 0 } },
	  "d", 1, 2, false, NONE, { { .uri = "sip:a@h", 0 } },
	  200, true, "" },
	{ "a farewell of one among others",
	  { { .uri = "sip:a@h", "c", 1, 10, 0 }, { .uri = "sip:b@h", "d", 1, 10, 0 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:a@h", 0 } },
	  200, true, "sip:b@h 10" },
	{ "a farewell of who isn't there",
	  { { .uri = "sip:a@h", "c", 1, 10, 0 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:b@h", 0 } },
	  200, false, "sip:a@h 10" },
	{ "out with one, in with another",
	  { { .uri = "sip:a@h", "c", 1, 10, 0 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:a@h", 0 }, { .uri = "sip:b@h", 600 } },
	  200, true, "sip:b@h 600" },

	/* Order: Call-ID and CSeq. */
	{ "the same request again",
	  { { .uri = "sip:a@h", "c", 5, 10, 0, .content = 7 } },
	  "c", 5, 7, false, NONE, { { .uri = "sip:a@h", 600 } },
	  200, false, "sip:a@h 10" },
	{ "the same again, after another device came",
	  { { .uri = "sip:a@h", "c", 5, 10, 0, .content = 7, .age_s = 2 },
	    { .uri = "sip:b@h", "d", 5, 10, 0, .content = 8, .age_s = 5 } },
	  "c", 5, 7, false, NONE, { { .uri = "sip:a@h", 600 } },
	  200, false, "sip:a@h 10, sip:b@h 10" },
	{ "the same Call-ID and CSeq with another content",
	  { { .uri = "sip:a@h", "c", 5, 10, 0, .content = 7 } },
	  "c", 5, 8, false, NONE, { { .uri = "sip:a@h", 700 } },
	  500, false, "" },
	{ "the same with a contact of its own",
	  { { .uri = "sip:a@h", "c", 5, 10, 0, .content = 7 } },
	  "c", 5, 8, false, NONE, { { .uri = "sip:b@h", 700 } },
	  500, false, "" },
	{ "an older one, late",
	  { { .uri = "sip:a@h", "c", 5, 10, 0 } },
	  "c", 4, 2, false, NONE, { { .uri = "sip:a@h", 700 } },
	  500, false, "" },
	{ "an older farewell, late",
	  { { .uri = "sip:a@h", "c", 5, 10, 0 } },
	  "c", 4, 2, false, NONE, { { .uri = "sip:a@h", 0 } },
	  500, false, "" },
	{ "one older contact refuses all of them",
	  { { .uri = "sip:a@h", "c", 5, 10, 0 }, { .uri = "sip:b@h", "d", 1, 10, 0 } },
	  "c", 4, 2, false, NONE, { { .uri = "sip:b@h", 0 }, { .uri = "sip:a@h", 700 } },
	  500, false, "" },
	{ "an older one for another contact",
	  { { .uri = "sip:a@h", "c", 5, 10, 0, .age_s = 1 } },
	  "c", 4, 2, false, NONE, { { .uri = "sip:b@h", 700 } },
	  200, true, "sip:b@h 700, sip:a@h 10" },
	{ "an expired one keeps no order",
	  { { .uri = "sip:a@h", "c", 5, 0, 0 } },
	  "c", 4, 2, false, NONE, { { .uri = "sip:a@h", 700 } },
	  200, true, "sip:a@h 700" },
	{ "the end of CSeq's range",
	  { { .uri = "sip:a@h", "c", INT32_MAX, 10, 0 } },
	  "c", 1, 2, false, NONE, { { .uri = "sip:a@h", 700 } },
	  500, false, "" },

	/* Star. */
	{ "all of them",
	  { { .uri = "sip:a@h", "c", 5, 10, 0 }, { .uri = "sip:b@h", "d", 9, 10, 0 } },
	  "c", 6, 2, true, 0, { { 0 } },
	  200, true, "" },
	{ "all of none", { { 0 } }, "c", 6, 2, true, 0, { { 0 } }, 200, false, "" },
	{ "all, from another Call-ID",
	  { { .uri = "sip:a@h", "c", 5, 10, 0 } },
	  "e", 1, 2, true, 0, { { 0 } },
	  200, true, "" },
	{ "all, but out of order for one of them",
	  { { .uri = "sip:b@h", "d", 9, 10, 0 }, { .uri = "sip:a@h", "c", 5, 10, 0 } },
	  "c", 4, 2, true, 0, { { 0 } },
	  500, false, "" },
	{ "all, with a CSeq that was used to bind",
	  { { .uri = "sip:a@h", "c", 5, 10, 0 } },
	  "c", 5, 2, true, 0, { { 0 } },
	  500, false, "" },

	/* Too many. */
	{ "one too many",
	  { { .uri = "sip:a@h", "a", 1, 10, 0 }, { .uri = "sip:b@h", "b", 1, 10, 0 }, { .uri = "sip:c@h", "c", 1, 10, 0 } },
	  "d", 1, 2, false, NONE, { { .uri = "sip:d@h", 600 } },
	  403, false, "" },
	{ "as many as may be, once one has gone",
	  { { .uri = "sip:a@h", "a", 1, 10, 0 }, { .uri = "sip:b@h", "b", 1, 10, 0 }, { .uri = "sip:c@h", "c", 1, 10, 0 } },
	  "d", 1, 2, false, NONE, { { .uri = "sip:d@h", 600 }, { .uri = "sip:a@h", 0 } },
	  200, true, "sip:b@h 10, sip:c@h 10, sip:d@h 600" },
	{ "too many by themselves", { { 0 } }, "d", 1, 2, false, NONE,
	  { { .uri = "sip:a@h", 600 }, { .uri = "sip:b@h", 600 }, { .uri = "sip:c@h", 600 }, { .uri = "sip:d@h", 600 } },
	  403, false, "" },
	{ "who had too many may refresh them",
	  { { .uri = "sip:a@h", "a", 1, 10, 0 }, { .uri = "sip:b@h", "b", 1, 10, 0 }, { .uri = "sip:c@h", "c", 1, 10, 0 },
	    { .uri = "sip:d@h", "d", 1, 10, 0 } },
	  "d", 2, 2, false, NONE, { { .uri = "sip:d@h", 600 } },
	  200, true, "sip:a@h 10, sip:b@h 10, sip:c@h 10, sip:d@h 600" },

	/* RFC 5626 6: instance and reg-id. */
	{ "the same flow of the same device, at another address",
	  { { .uri = "sip:a@h1", "c", 1, 10, 0, "<urn:x>", 1 } },
	  "d", 1, 2, false, NONE, { { .uri = "sip:a@h2", 600, 0, "<urn:x>", 1 } },
	  200, true, "sip:a@h2 600" },
	{ "another flow of it, with the same URI",
	  { { .uri = "sip:a@h1", "c", 1, 10, 0, "<urn:x>", 1, .age_s = 1 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:a@h1", 600, 0, "<urn:x>", 2 } },
	  200, true, "sip:a@h1 600, sip:a@h1 10" },
	{ "another device, with the same URI",
	  { { .uri = "sip:a@h1", "c", 1, 10, 0, "<urn:x>", 1, .age_s = 1 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:a@h1", 600, 0, "<urn:y>", 1 } },
	  200, true, "sip:a@h1 600, sip:a@h1 10" },
	{ "an instance without reg-id says nothing about flows: the URI counts",
	  { { .uri = "sip:a@h1", "c", 1, 10, 0, "<urn:x>", 0 } },
	  "c", 2, 2, false, NONE, { { .uri = "sip:a@h1", 600, 0, "<urn:x>", 1 } },
	  200, true, "sip:a@h1 600" },
	{ "the same flow, out of order",
	  { { .uri = "sip:a@h1", "c", 5, 10, 0, "<urn:x>", 1 } },
	  "c", 4, 2, false, NONE, { { .uri = "sip:a@h2", 600, 0, "<urn:x>", 1 } },
	  500, false, "" },
	{ "a farewell of a flow",
	  { { .uri = "sip:a@h1", "c", 5, 10, 0, "<urn:x>", 1 } },
	  "c", 6, 2, false, NONE, { { .uri = "sip:a@h2", 0, 0, "<urn:x>", 1 } },
	  200, true, "" },
};

/* clang-format on */

static const struct reg_limits limits = { 60, 3600, 7200, 3 };
static const struct wall now = { NOW_MS };

static size_t make_stored(const struct row *rows, struct reg_binding *out)
{
	size_t n = 0;

	for (; n < ITEMS && rows[n].uri != NULL; n++) {
		out[n] = (struct reg_binding){
			.uri = str_from(rows[n].uri),
			.q = rows[n].q,
			.expires = wall_add_s(now, rows[n].left_s),
			.call_id = str_from(rows[n].call_id),
			.cseq = rows[n].cseq,
			.instance = str_from(rows[n].instance),
			.reg_id = rows[n].reg_id,
			.registered = wall_add_s(now, -rows[n].age_s),
			.content = rows[n].content == 0 ? 1 : rows[n].content,
		};
	}
	return n;
}

static size_t make_contacts(const struct want *wants, struct reg_contact *out)
{
	size_t n = 0;

	for (; n < ITEMS && wants[n].uri != NULL; n++) {
		out[n] = (struct reg_contact){
			.uri = str_from(wants[n].uri),
			.q = wants[n].q,
			.has_expires = wants[n].expires != NONE,
			.expires_s = (uint32_t)wants[n].expires,
			.instance = str_from(wants[n].instance),
			.reg_id = wants[n].reg_id,
		};
	}
	return n;
}

static void describe(const struct reg_plan *plan, struct buf *out)
{
	for (size_t i = 0; i < plan->count; i++)
		buf_printf(out, "%s%.*s %lld", i > 0 ? ", " : "", STR_ARG(plan->items[i].uri),
		           (long long)wall_seconds_left(now, plan->items[i].expires));
}

static void each_case(void **state)
{
	static struct reg_plan plan;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct reg_binding stored[ITEMS];
		struct reg_contact contacts[ITEMS];
		size_t count = make_stored(cases[i].stored, stored);
		char memory[512];
		struct buf text;
		struct reg_request asked = {
			.aor = STR("sip:alice@alpha.example"),
			.contacts = contacts,
			.contact_count = make_contacts(cases[i].contacts, contacts),
			.star = cases[i].star,
			.has_expires = cases[i].expires != NONE,
			.expires_s = (uint32_t)cases[i].expires,
			.call_id = str_from(cases[i].call_id),
			.cseq = cases[i].cseq,
			.now = now,
		};

		buf_wrap(&text, memory, sizeof(memory));
		reg_plan(&plan, stored, count, &asked, cases[i].content, &limits);
		describe(&plan, &text);
		if (plan.status != cases[i].status || plan.changed != cases[i].changed ||
		    !str_eq(buf_view(&text), str_from(cases[i].then)))
			fail_msg("%s: %u %s, changed %d, \"%.*s\"", cases[i].what, plan.status,
			         plan.reason, plan.changed, STR_ARG(buf_view(&text)));
		assert_int_equal(plan.min_expires_s, plan.status == 423 ? 60 : 0);
	}
}

/* RFC 3261 10.3 step 7: an hour is never too brief, whatever the configuration would like. */
static void an_hour_is_long_enough(void **state)
{
	static struct reg_plan plan;
	const struct reg_limits long_ones = { 5400, 7200, 86400, 3 };
	struct reg_contact contact = { .uri = STR("sip:a@h"), .has_expires = true };
	struct reg_request asked = {
		.aor = STR("sip:a@h"), .contacts = &contact, .contact_count = 1, .now = now
	};

	(void)state;
	contact.expires_s = 3600;
	reg_plan(&plan, NULL, 0, &asked, 1, &long_ones);
	assert_int_equal(plan.status, 200);
	assert_int_equal(wall_seconds_left(now, plan.items[0].expires), 3600);
	contact.expires_s = 3599;
	reg_plan(&plan, NULL, 0, &asked, 1, &long_ones);
	assert_int_equal(plan.status, 423);
	assert_int_equal(plan.min_expires_s, 5400);
}

/* All of what is asked is kept; the time of the first binding stays through refreshes. */
static void everything_is_kept(void **state)
{
	static struct reg_plan plan;
	struct reg_contact contact = { STR("sip:a@h"),     1200,       true, 600, STR("<urn:x>"), 3,
		                       STR("INVITE, BYE"), STR(";x=1") };
	struct reg_request asked = { .aor = STR("sip:a@h"),
		                     .contacts = &contact,
		                     .contact_count = 1,
		                     .call_id = STR("c"),
		                     .cseq = 9,
		                     .user_agent = STR("phone/1"),
		                     .now = now };
	struct reg_binding first;

	(void)state;
	asked.source.transport = SIP_TRANSPORT_TCP;
	asked.source.connection = 5;
	reg_plan(&plan, NULL, 0, &asked, 77, &limits);
	assert_int_equal(plan.count, 1);
	first = plan.items[0];
	assert_int_equal(first.q, 1000); /* no more than 1 */
	assert_true(str_eq(first.instance, contact.instance));
	assert_int_equal(first.reg_id, 3);
	assert_true(str_eq(first.methods, contact.methods));
	assert_true(str_eq(first.params, contact.params));
	assert_true(str_eq(first.user_agent, asked.user_agent));
	assert_int_equal(first.source.connection, 5);
	assert_int_equal(first.cseq, 9);
	assert_int_equal(first.content, 77);
	assert_int_equal(first.registered.ms, now.ms);
	asked.now = wall_add_s(now, 100);
	asked.cseq = 10;
	reg_plan(&plan, &first, 1, &asked, 78, &limits);
	assert_int_equal(plan.count, 1);
	assert_int_equal(plan.items[0].registered.ms, now.ms);
	assert_int_equal(plan.items[0].expires.ms, asked.now.ms + 600000);
}

/* What is too long to keep gets an answer that says so. */
static void limits_are_answered(void **state)
{
	static const struct {
		size_t aor, call_id, uri, instance, methods, params;
		unsigned status;
	} rows[] = {
		{ REG_AOR_MAX, REG_CALL_ID_MAX, REG_URI_MAX, REG_INSTANCE_MAX, REG_METHODS_MAX,
		  REG_PARAMS_MAX, 200 },
		{ 0, 1, 1, 0, 0, 0, 400 },
		{ 1, 1, 0, 0, 0, 0, 400 },
		{ REG_AOR_MAX + 1, 1, 1, 0, 0, 0, 400 },
		{ 1, REG_CALL_ID_MAX + 1, 1, 0, 0, 0, 400 },
		{ 1, 1, REG_URI_MAX + 1, 0, 0, 0, 400 },
		{ 1, 1, 1, REG_INSTANCE_MAX + 1, 0, 0, 400 },
		{ 1, 1, 1, 0, REG_METHODS_MAX + 1, 0, 400 },
		{ 1, 1, 1, 0, 0, REG_PARAMS_MAX + 1, 400 },
	};
	static struct reg_plan plan;
	static char text[2048];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct reg_contact contact = { .uri = str_of(text, rows[i].uri),
			                       .instance = str_of(text, rows[i].instance),
			                       .methods = str_of(text, rows[i].methods),
			                       .params = str_of(text, rows[i].params) };
		struct reg_request asked = { .aor = str_of(text, rows[i].aor),
			                     .contacts = &contact,
			                     .contact_count = 1,
			                     .call_id = str_of(text, rows[i].call_id),
			                     .now = now };

		reg_plan(&plan, NULL, 0, &asked, 1, &limits);
		assert_int_equal(plan.status, rows[i].status);
	}
}

static void a_hundred_and_no_more(void **state)
{
	static struct reg_plan plan;
	static struct reg_contact contacts[REG_CONTACTS_MAX + 1];
	static char texts[REG_CONTACTS_MAX + 1][16];
	static struct reg_binding stored[REG_CONTACTS_MAX];
	const struct reg_limits wide = { 60, 3600, 7200, REG_CONTACTS_MAX };
	struct reg_request asked = { .aor = STR("sip:a@h"), .contacts = contacts, .now = now };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(contacts); i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "sip:%zu@h", i);
		contacts[i] = (struct reg_contact){ .uri = str_from(texts[i]) };
	}
	asked.contact_count = REG_CONTACTS_MAX;
	reg_plan(&plan, NULL, 0, &asked, 1, &wide);
	assert_int_equal(plan.status, 200);
	assert_int_equal(plan.count, REG_CONTACTS_MAX);
	memcpy(stored, plan.items, sizeof(stored));
	asked.contact_count++;
	reg_plan(&plan, NULL, 0, &asked, 1, &wide);
	assert_int_equal(plan.status, 403);
	asked.contacts = &contacts[REG_CONTACTS_MAX];
	asked.contact_count = 1;
	asked.cseq = 1;
	reg_plan(&plan, stored, REG_CONTACTS_MAX, &asked, 2, &wide);
	assert_int_equal(plan.status, 403);
	asked.contacts = contacts;
	reg_plan(&plan, stored, REG_CONTACTS_MAX, &asked, 2, &wide);
	assert_int_equal(plan.status, 200);
	assert_int_equal(plan.count, REG_CONTACTS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case),
		cmocka_unit_test(an_hour_is_long_enough),
		cmocka_unit_test(everything_is_kept),
		cmocka_unit_test(limits_are_answered),
		cmocka_unit_test(a_hundred_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
