#include "federation/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARENA_MAX ((size_t)1 << 20)
#define BOB "sip:bob@beta.example"

/* A document about bob with one link. */
#define LINK(rel, href, properties)                                                 \
	"{\"subject\":\"" BOB "\",\"links\":[{\"rel\":\"" rel "\",\"href\":\"" href \
	"\",\"properties\":{" properties "}}]}"
#define CONTACT(href, properties) LINK(FED_REL_CONTACT, href, properties)
#define PARAMS(text) CONTACT("sip:x@e", "\"" FED_PARAMS "\":\"" text "\"")
#define ROUTE(text) CONTACT("sip:x@e", "\"" FED_ROUTE "\":\"" text "\"")
#define IDENTITY(text) CONTACT("sip:x@e", "\"" FED_IDENTITY "\":\"" text "\"")

static const struct {
	const char *in;
	enum err want;
	size_t count;
	size_t unusable;
} cases[] = {
	{ "{\"subject\":\"" BOB "\"}", ERR_OK, 0, 0 },
	{ "{\"subject\":\"" BOB "\",\"links\":[]}", ERR_OK, 0, 0 },
	{ "{\"subject\":\"sip:b%6Fb@Beta.EXAMPLE:5060\",\"links\":[]}", ERR_OK, 0,
	  0 }, /* spelled otherwise */
	{ "{\"subject\":\"sip:Bob@beta.example\"}", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":\"sip:eve@beta.example\"}", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":\"tel:+4930\"}", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":1}", ERR_SYNTAX, 0, 0 },
	{ "{\"links\":[]}", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":\"" BOB "\",\"links\":{}}", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":\"" BOB "\",\"subject\":\"" BOB "\"}", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":\"" BOB "\"} x", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":\"sip:b\\u0000b@beta.example\"}", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":\"\xff" BOB "\"}", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":\"" BOB "\",\"x\":1e999999}", ERR_SYNTAX, 0, 0 },
	{ "{\"subject\":\"" BOB "\",\"x\":99999999999999999999999999}", ERR_SYNTAX, 0, 0 },
	{ "[]", ERR_SYNTAX, 0, 0 },
	{ "null", ERR_SYNTAX, 0, 0 },
	{ "", ERR_SYNTAX, 0, 0 },
	{ "<html>", ERR_SYNTAX, 0, 0 },
	/* what is not known is ignored */
	{ "{\"subject\":\"" BOB
	  "\",\"aliases\":[1],\"properties\":7,\"links\":[1,null,[],{},{\"rel\":1},"
	  "{\"rel\":\"http://webfinger.net/rel/avatar\",\"href\":7}]}",
	  ERR_OK, 0, 0 },
	/* places */
	{ CONTACT("sip:x@e;transport=tls", ""), ERR_OK, 1, 0 },
	{ CONTACT("sips:x@e", ""), ERR_OK, 1, 0 },
	{ LINK(FED_REL_INGRESS, "sip:e;lr", ""), ERR_OK, 1, 0 },
	{ CONTACT("sip:x@e?Subject=y", ""), ERR_OK, 0, 1 }, /* headers of theirs in our requests */
	{ CONTACT("tel:+49", ""), ERR_OK, 0, 1 },
	{ CONTACT("http://e/", ""), ERR_OK, 0, 1 },
	{ CONTACT("sip:x@e\\r\\nVia: y", ""), ERR_OK, 0, 1 },
	{ CONTACT("", ""), ERR_OK, 0, 1 },
	{ "{\"subject\":\"" BOB "\",\"links\":[{\"rel\":\"" FED_REL_CONTACT "\"}]}", ERR_OK, 0, 1 },
	{ "{\"subject\":\"" BOB "\",\"links\":[{\"rel\":\"" FED_REL_CONTACT "\",\"href\":[]}]}",
	  ERR_OK, 0, 1 },
	{ "{\"subject\":\"" BOB "\",\"links\":[{\"rel\":\"" FED_REL_CONTACT
	  "\",\"href\":\"sip:x@e\",\"properties\":null}]}",
	  ERR_OK, 1, 0 },
	{ "{\"subject\":\"" BOB "\",\"links\":[{\"rel\":\"" FED_REL_CONTACT
	  "\",\"href\":\"sip:x@e\",\"properties\":[]}]}",
	  ERR_OK, 0, 1 },
	/* properties */
	{ PARAMS(""), ERR_OK, 1, 0 },
	{ PARAMS("q=0.5;expires=1;x=y;z"), ERR_OK, 1, 0 },
	{ PARAMS("q=2"), ERR_OK, 0, 1 },
	{ PARAMS("q=0.5;q=0.6"), ERR_OK, 0, 1 },
	{ PARAMS("expires=x"), ERR_OK, 0, 1 },
	{ PARAMS("expires=-1"), ERR_OK, 0, 1 },
	{ PARAMS("methods=\\\"INVITE, MESSAGE\\\""), ERR_OK, 1, 0 },
	{ PARAMS("methods=\\\"IN VITE\\\""), ERR_OK, 0, 1 },
	{ PARAMS(";;"), ERR_OK, 0, 1 },
	{ PARAMS("q=0.5\\r\\n x=1"), ERR_OK, 0, 1 },
	{ CONTACT("sip:x@e", "\"" FED_PARAMS "\":null"), ERR_OK, 1, 0 },
	{ CONTACT("sip:x@e", "\"" FED_PARAMS "\":7"), ERR_OK, 0, 1 },
	{ ROUTE("<sip:a;lr>, <sip:b;lr>"), ERR_OK, 1, 0 },
	{ ROUTE("<sip:a;lr>,"), ERR_OK, 0, 1 },
	{ ROUTE("*"), ERR_OK, 0, 1 },
	{ ROUTE("<http://a>"), ERR_OK, 0, 1 },
	{ ROUTE("<sip:1>,<sip:2>,<sip:3>,<sip:4>,<sip:5>,<sip:6>,<sip:7>,<sip:8>,<sip:9>"), ERR_OK,
	  0, 1 },
	{ ROUTE("<sip:a;lr>\\r\\n ,<sip:b;lr>"), ERR_OK, 0, 1 },
	{ IDENTITY("SBC.beta.example"), ERR_OK, 1, 0 },
	{ IDENTITY("*.beta example"), ERR_OK, 0, 1 },
};

static enum err parse(struct fed_document *doc, struct str text, struct arena *arena)
{
	char memory[300];
	struct buf why;
	enum err e;

	buf_wrap(&why, memory, sizeof(memory));
	e = fed_document_parse(doc, text, STR(BOB), arena, &why);
	assert_true(e == ERR_OK || e == ERR_NOMEM || why.len > 0);
	return e;
}

static void reads_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fed_document doc;
		struct arena arena;

		arena_init(&arena, NULL, 0, ARENA_MAX);
		if (parse(&doc, str_from(cases[i].in), &arena) != cases[i].want)
			fail_msg("%s", cases[i].in);
		if (cases[i].want == ERR_OK &&
		    (doc.count != cases[i].count || doc.unusable != cases[i].unusable))
			fail_msg("%s: %zu, %zu", cases[i].in, doc.count, doc.unusable);
		arena_fini(&arena);
	}
}

/* The example of docs/protocol/lookup.md. */
static void reads_the_example(void **state)
{
	static const char example[] =
		"{ \"subject\": \"sip:bob@beta.example\", \"links\": ["
		"{ \"rel\": \"" FED_REL_INGRESS
		"\", \"href\": \"sip:sbc.beta.example;transport=tls;lr\","
		"  \"properties\": { \"" FED_PARAMS "\": \"expires=3600\" } },"
		"{ \"rel\": \"" FED_REL_CONTACT "\", \"href\": \"sip:low@edge1.beta.example\","
		"  \"properties\": { \"" FED_PARAMS "\": \"q=0.1\" } },"
		"{ \"rel\": \"" FED_REL_CONTACT
		"\", \"href\": \"sip:k3-9fX2@edge1.beta.example;transport=tls\","
		"  \"properties\": { \"" FED_PARAMS
		"\": \"q=0.8;expires=47;methods=\\\"INVITE,MESSAGE\\\"\","
		"  \"" FED_ROUTE "\": \"<sip:edge1.beta.example;transport=tls;lr>\","
		"  \"" FED_IDENTITY "\": \"Beta.example\" } } ] }";
	struct fed_document doc;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 0, ARENA_MAX);
	assert_int_equal(parse(&doc, str_from(example), &arena), ERR_OK);
	assert_int_equal(doc.count, 3);
	assert_true(str_eq(doc.links[0].href, STR("sip:k3-9fX2@edge1.beta.example;transport=tls")));
	assert_int_equal(doc.links[0].q, 800);
	assert_true(doc.links[0].has_expires);
	assert_int_equal(doc.links[0].expires_s, 47);
	assert_true(str_eq(doc.links[0].methods, STR("INVITE,MESSAGE")));
	assert_true(str_eq(doc.links[0].route, STR("<sip:edge1.beta.example;transport=tls;lr>")));
	assert_true(str_eq(doc.links[0].identity, STR("beta.example")));
	assert_int_equal(doc.links[1].q, 100);
	assert_false(doc.links[1].has_expires);
	assert_true(doc.links[2].ingress);
	assert_int_equal(doc.links[2].q, 1000);
	arena_fini(&arena);
}

/* What we write is what we read. */
static void writes_what_it_reads(void **state)
{
	struct fed_document doc = { .subject = STR(BOB) };
	struct fed_link contact = { .has_expires = true,
		                    .href = STR("sip:a\"@e"),
		                    .route = STR("<sip:r;lr>"),
		                    .q = 5,
		                    .expires_s = 9,
		                    .methods = STR("INVITE,BYE"),
		                    .identity = STR("i.example") };
	struct fed_link plain = { .ingress = true, .href = STR("sip:e;lr"), .q = 1000 };
	struct fed_document again;
	struct arena arena;
	struct buf text;

	(void)state;
	contact.href = STR("sip:a!$@e");
	buf_init(&text, 65536);
	arena_init(&arena, NULL, 0, ARENA_MAX);
	fed_document_add(&doc, &plain);
	fed_document_add(&doc, &contact);
	assert_int_equal(fed_document_write(&doc, &text), ERR_OK);
	assert_int_equal(parse(&again, buf_view(&text), &arena), ERR_OK);
	assert_int_equal(again.count, 2);
	assert_int_equal(again.unusable, 0);
	assert_true(str_eq(again.links[0].href, contact.href));
	assert_true(str_eq(again.links[0].route, contact.route));
	assert_true(str_eq(again.links[0].methods, contact.methods));
	assert_true(str_eq(again.links[0].identity, contact.identity));
	assert_int_equal(again.links[0].q, 5);
	assert_int_equal(again.links[0].expires_s, 9);
	assert_true(again.links[1].ingress);
	assert_int_equal(again.links[1].q, 1000);
	buf_fini(&text);
	arena_fini(&arena);
}

static void write_many(struct buf *out, size_t count)
{
	buf_z(out, "{\"subject\":\"" BOB "\",\"links\":[");
	for (size_t i = 0; i < count; i++)
		buf_printf(out,
		           "%s{\"rel\":\"" FED_REL_CONTACT
		           "\",\"href\":\"sip:%zu@e\",\"properties\":{\"" FED_PARAMS
		           "\":\"q=0.%03zu\"}}",
		           i == 0 ? "" : ",", i, i % 1000);
	buf_z(out, "]}");
}

/* More than we take: the best of them. */
static void bounds_the_links(void **state)
{
	struct fed_document doc;
	struct arena arena;
	struct buf text;

	(void)state;
	buf_init(&text, 2 << 20);
	arena_init(&arena, NULL, 0, ARENA_MAX);
	write_many(&text, 400);
	assert_true(text.len < FED_DOCUMENT_MAX);
	assert_int_equal(parse(&doc, buf_view(&text), &arena), ERR_OK);
	assert_int_equal(doc.count, FED_TARGETS_MAX);
	for (size_t i = 0; i < doc.count; i++)
		assert_int_equal(doc.links[i].q, 399 - i);
	buf_clear(&text);
	write_many(&text, 10000);
	assert_int_equal(parse(&doc, buf_view(&text), &arena), ERR_SYNTAX);
	buf_fini(&text);
	arena_fini(&arena);
}

static void survives_hostile_shapes(void **state)
{
	struct fed_document doc;
	struct arena arena;
	struct buf text;

	(void)state;
	arena_init(&arena, NULL, 0, ARENA_MAX);
	buf_init(&text, FED_DOCUMENT_MAX);
	/* depth */
	for (size_t i = 0; i < FED_DOCUMENT_MAX; i++)
		buf_char(&text, '[');
	assert_int_equal(parse(&doc, buf_view(&text), &arena), ERR_SYNTAX);
	buf_clear(&text);
	for (size_t i = 0; i < 9000; i++)
		buf_z(&text, "{\"a\":");
	assert_int_equal(parse(&doc, buf_view(&text), &arena), ERR_SYNTAX);
	/* an over-long URI */
	buf_clear(&text);
	buf_z(&text, "{\"subject\":\"" BOB "\",\"links\":[{\"rel\":\"" FED_REL_CONTACT
	             "\",\"href\":\"sip:");
	for (size_t i = 0; i < FED_URI_MAX; i++)
		buf_char(&text, 'a');
	buf_z(&text, "@e\"}]}");
	assert_int_equal(parse(&doc, buf_view(&text), &arena), ERR_OK);
	assert_int_equal(doc.count, 0);
	assert_int_equal(doc.unusable, 1);
	/* an over-long subject */
	buf_clear(&text);
	buf_z(&text, "{\"subject\":\"sip:");
	for (size_t i = 0; i < 60000; i++)
		buf_char(&text, 'a');
	buf_z(&text, "@beta.example\"}");
	assert_int_equal(parse(&doc, buf_view(&text), &arena), ERR_SYNTAX);
	/* NULs in the text itself */
	assert_int_equal(parse(&doc, STR("{\"subject\":\0\"" BOB "\"}"), &arena), ERR_SYNTAX);
	buf_fini(&text);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_strictly),          cmocka_unit_test(reads_the_example),
		cmocka_unit_test(writes_what_it_reads),    cmocka_unit_test(bounds_the_links),
		cmocka_unit_test(survives_hostile_shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
