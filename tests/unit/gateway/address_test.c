#include "gateway/address.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char configuration[] = "domains:\n"
				    "  - {name: alpha.example, numbers: [\"+4930123\"]}\n"
				    "  - {name: \"*.alpha.example\"}\n"
				    "  - {name: beta.example, numbers: [\"+493012399\"]}\n";

static struct conf *load(void)
{
	struct conf_options options = { 0 };
	struct conf *conf = NULL;
	struct buf errors;

	buf_init(&errors, 10000);
	assert_int_equal(conf_load_text(&options, str_from(configuration), &conf, &errors), ERR_OK);
	buf_fini(&errors);
	return conf;
}

static void texts_mean_addresses(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		const char *aor;
		const char *user;
		const char *domain;
		const char *number;
		const char *own; /* NULL: none of ours */
	} cases[] = {
		{ "sip:Bob@Alpha.EXAMPLE;transport=tcp?Subject=x", ERR_OK, "sip:Bob@alpha.example",
		  "Bob", "alpha.example", "", "alpha.example" },
		{ "bob@alpha.example", ERR_OK, "sip:bob@alpha.example", "bob", "alpha.example", "",
		  "alpha.example" },
		{ "sip:bob@x.alpha.example", ERR_OK, "sip:bob@x.alpha.example", "bob",
		  "x.alpha.example", "", "*.alpha.example" },
		{ "sip:bob@other.example", ERR_OK, "sip:bob@other.example", "bob", "other.example",
		  "", NULL },
		{ "sip:alpha.example", ERR_OK, "sip:alpha.example", "", "alpha.example", "",
		  "alpha.example" },
		{ "sips:bob@alpha.example", ERR_OK, "sip:bob@alpha.example", "bob", "alpha.example",
		  "", "alpha.example" },
		{ "tel:+49-30-123-45", ERR_OK, "tel:+493012345", "+493012345", "", "+493012345",
		  "alpha.example" },
		{ "+49 (30) 123/45", ERR_OK, "tel:+493012345", "+493012345", "", "+493012345",
		  "alpha.example" },
		{ "+49301239912", ERR_OK, "tel:+49301239912", "+49301239912", "", "+49301239912",
		  "beta.example" }, /* the longest prefix */
		{ "+4940123", ERR_OK, "tel:+4940123", "+4940123", "", "+4940123", NULL },
		{ "http://alpha.example/", ERR_UNSUPPORTED, "", "", "", "", NULL },
		{ "bob", ERR_SYNTAX, "", "", "", "", NULL },
		{ "", ERR_SYNTAX, "", "", "", "", NULL },
		{ "+", ERR_SYNTAX, "", "", "", "", NULL },
		{ "+49 30 x", ERR_SYNTAX, "", "", "", "", NULL },
		{ "sip:@", ERR_SYNTAX, "", "", "", "", NULL },
	};
	struct conf *conf = load();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char memory[1024];
		struct arena arena;
		struct address a;
		enum err e;

		arena_init(&arena, memory, sizeof(memory), 10000);
		e = address_of_text(&a, conf, str_from(cases[i].in), &arena);
		if (e != cases[i].want)
			fail_msg("%s: %s", cases[i].in, err_text(e));
		if (e == ERR_OK) {
			if (!str_eq(a.aor, str_from(cases[i].aor)) ||
			    !str_eq(a.user, str_from(cases[i].user)) ||
			    !str_eq(a.domain, str_from(cases[i].domain)) ||
			    !str_eq(a.number, str_from(cases[i].number)))
				fail_msg("%s: %.*s, user %.*s, domain %.*s, number %.*s",
				         cases[i].in, STR_ARG(a.aor), STR_ARG(a.user),
				         STR_ARG(a.domain), STR_ARG(a.number));
			assert_true(str_eq(a.own == NULL ? STR_NONE : a.own->name,
			                   str_from(cases[i].own)));
		}
		arena_fini(&arena);
	}
	conf_unref(conf);
}

/* A number in somebody's domain is that domain's, whoever has the prefix. */
static void a_number_in_a_domain_is_the_domains(void **state)
{
	struct conf *conf = load();
	char memory[1024];
	struct arena arena;
	struct address a;

	(void)state;
	arena_init(&arena, memory, sizeof(memory), 0);
	assert_int_equal(address_of_text(&a, conf, STR("sip:+493012345@other.example;user=phone"),
	                                 &arena),
	                 ERR_OK);
	assert_null(a.own);
	assert_true(str_eq(a.number, STR("+493012345")));
	assert_int_equal(address_of_text(&a, conf, STR("sip:+494012345@alpha.example;user=phone"),
	                                 &arena),
	                 ERR_OK);
	assert_true(str_eq(a.own->name, STR("alpha.example")));
	arena_fini(&arena);
	conf_unref(conf);
}

static void places_and_schemes_are_noted(void **state)
{
	struct conf *conf = load();
	char memory[1024];
	struct arena arena;
	struct address a;

	(void)state;
	arena_init(&arena, memory, sizeof(memory), 0);
	assert_int_equal(address_of_text(&a, conf, STR("sips:bob@alpha.example"), &arena), ERR_OK);
	assert_true(a.secure && !a.port);
	assert_int_equal(address_of_text(&a, conf, STR("sip:bob@alpha.example:5080"), &arena),
	                 ERR_OK);
	assert_true(!a.secure && a.port);
	arena_fini(&arena);
	conf_unref(conf);
}

static void long_addresses_are_refused(void **state)
{
	struct conf *conf = load();
	char memory[256];
	struct arena arena;
	struct address a;
	struct buf text;

	(void)state;
	buf_init(&text, 4000);
	buf_z(&text, "sip:");
	for (int i = 0; i < ADDRESS_MAX; i++)
		buf_char(&text, 'x');
	buf_z(&text, "@alpha.example");
	arena_init(&arena, memory, sizeof(memory), 0);
	assert_int_equal(address_of_text(&a, conf, buf_view(&text), &arena), ERR_LIMIT);
	assert_int_equal(address_of_text(&a, conf, STR("sip:bob@alpha.example"), &arena), ERR_OK);
	arena_fini(&arena);
	arena_init(&arena, NULL, 0, 0);
	assert_int_equal(address_of_text(&a, conf, STR("sip:bob@alpha.example"), &arena),
	                 ERR_NOMEM);
	arena_fini(&arena);
	buf_fini(&text);
	conf_unref(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_mean_addresses),
		cmocka_unit_test(a_number_in_a_domain_is_the_domains),
		cmocka_unit_test(places_and_schemes_are_noted),
		cmocka_unit_test(long_addresses_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
