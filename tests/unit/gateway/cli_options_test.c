#include "gateway/cli_options.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WORDS_MAX 32
#define ALL 255

struct words {
	char *argv[WORDS_MAX];
	int argc;
	char memory[512];
};

static void split(struct words *w, const char *line)
{
	char *p = w->memory;

	(void)snprintf(w->memory, sizeof(w->memory), "%s", line);
	w->argc = 0;
	for (char *word = strtok_r(p, " ", &p); word != NULL; word = strtok_r(NULL, " ", &p)) {
		assert_true(w->argc < WORDS_MAX - 1);
		w->argv[w->argc++] = word;
	}
	w->argv[w->argc] = NULL;
}

static const struct {
	const char *line;
	unsigned with;
	bool good;
	int count; /* of words that are no options */
} cases[] = {
	{ "status", 0, true, 0 },
	{ "status -f x --data y", 0, true, 0 },
	{ "status --file x", 0, true, 0 },
	{ "status --json", 0, false, 0 },
	{ "status --json", CLI_WITH_JSON, true, 0 },
	{ "locate --trace a --json", CLI_WITH_JSON | CLI_WITH_TRACE, true, 1 },
	{ "locate --trace a --json", CLI_WITH_JSON, false, 0 },
	{ "locate +4930 -f", CLI_WITH_JSON, false, 0 },
	{ "user add --password=x a@b", CLI_WITH_PASSWORD, true, 2 },
	{ "user add --realm r a@b", CLI_WITH_PASSWORD, false, 0 },
	{ "user import --replace -", CLI_WITH_REPLACE, true, 2 },
	{ "serve --domain a --domain b --listen c", CLI_WITH_DOMAIN | CLI_WITH_LISTEN, true, 0 },
	{ "serve --domain", CLI_WITH_DOMAIN, false, 0 },
	{ "check --nonsense", ALL, false, 0 },
	{ "check -x", ALL, false, 0 },
	{ "location list -- --json", ALL, true, 2 },
};

static void a_command_knows_its_own_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct cli_args args;
		struct words w;
		bool good;

		split(&w, cases[i].line);
		good = cli_args_parse(&args, w.argc, w.argv, cases[i].with);
		if (good != cases[i].good || (good && args.count != cases[i].count))
			fail_msg("%s", cases[i].line);
	}
}

static void what_is_said_is_kept(void **state)
{
	struct cli_args args;
	struct words w;

	(void)state;
	split(&w,
	      "user list -f FILE --domain a --data D --json --trace --doc --replace --domain b --password p --realm r x");
	assert_true(cli_args_parse(&args, w.argc, w.argv, ALL));
	assert_string_equal(args.options.conf.file, "FILE");
	assert_string_equal(args.options.conf.data, "D");
	assert_int_equal(args.options.conf.domain_count, 2);
	assert_string_equal(args.options.conf.domains[0], "a");
	assert_string_equal(args.options.conf.domains[1], "b");
	assert_string_equal(args.password, "p");
	assert_string_equal(args.realm, "r");
	assert_true(args.json && args.trace && args.doc && args.replace && !args.help);
	assert_int_equal(args.count, 2);
	assert_string_equal(args.words[0], "list");
	assert_string_equal(args.words[1], "x");
	split(&w, "user -h");
	assert_true(cli_args_parse(&args, w.argc, w.argv, 0) && args.help);
	split(&w, "user --help");
	assert_true(cli_args_parse(&args, w.argc, w.argv, 0) && args.help);
}

static void the_same_option_has_a_bound(void **state)
{
	char *argv[2 * CLI_OVERRIDES_MAX + 4] = { NULL };
	struct cli_args args;
	int argc = 0;

	(void)state;
	argv[argc++] = (char *)(uintptr_t) "serve";
	for (int i = 0; i < CLI_OVERRIDES_MAX; i++) {
		argv[argc++] = (char *)(uintptr_t) "--domain";
		argv[argc++] = (char *)(uintptr_t) "x";
	}
	assert_true(cli_args_parse(&args, argc, argv, CLI_WITH_DOMAIN));
	argv[argc++] = (char *)(uintptr_t) "--domain";
	argv[argc++] = (char *)(uintptr_t) "x";
	assert_false(cli_args_parse(&args, argc, argv, CLI_WITH_DOMAIN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_knows_its_own_options),
		cmocka_unit_test(what_is_said_is_kept),
		cmocka_unit_test(the_same_option_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
