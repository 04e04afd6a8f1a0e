#include "gateway/cli_control.h"

#include "base/mem.h"
#include "gateway/cli_daemon.h"
#include "gateway/control_client.h"

#include <string.h>

#define REQUEST_MAX 65536
#define ARGS_MAX 2
#define WHERE "[-f FILE] [--data DIR]"

/* clang-format off */
static const struct command {
	const char *name;
	const char *sub;  /* the second word; NULL: none */
	int least;        /* arguments behind these */
	int most;
	unsigned with;
	bool later;       /* not in this version */
	const char *usage;
} commands[] = {
	{ "reload",   NULL,      0, 0, 0, false, "" },
	{ "status",   NULL,      0, 0, CLI_WITH_JSON, false, "[--json]" },
	{ "locate",   NULL,      1, 1, CLI_WITH_JSON | CLI_WITH_TRACE, false, "[--trace] [--json] URI|USER@DOMAIN|NUMBER" },
	{ "location", "list",    0, 0, CLI_WITH_JSON, false, "[--json]" },
	{ "location", "show",    1, 1, CLI_WITH_JSON, false, "[--json] ADDRESS" },
	{ "location", "add",     0, 9, 0, true, "" },
	{ "location", "del",     0, 9, 0, true, "" },
	{ "location", "dump",    0, 9, 0, true, "" },
	{ "location", "restore", 0, 9, 0, true, "" },
	{ "peer",     "list",    0, 0, CLI_WITH_JSON, false, "[--json]" },
	{ "peer",     "show",    1, 1, CLI_WITH_JSON, false, "[--json] NAME" },
	{ "peer",     "test",    1, 2, CLI_WITH_JSON, false, "[--json] NAME [ADDRESS]" },
	{ "peer",     "publish", 0, 9, 0, true, "" },
	{ "resolver", "cache",   0, 0, CLI_WITH_JSON, false, "[--json]" },
	{ "resolver", "flush",   0, 1, 0, false, "[NAME]" },
};

static const struct {
	const char *name;
	const char *text;
} helps[] = {
	{ "reload", "Let the running gateway read its configuration again: it switches as a whole or not at all (2), and drops no call." },
	{ "status", "How the running gateway does." },
	{ "locate", "Ask the whole location service where an address can be reached now. 0 found, 1 nobody there, 3 it could not be found out.\n"
	            "--trace: every step, its time, its answer, and how long that holds." },
	{ "location", "Where our own users are registered. show: 1 where nobody is." },
	{ "peer", "The other providers. test: ask NAME for ADDRESS (or for one that nobody has) now; 0 where it answers." },
	{ "resolver", "What the running gateway knows from DNS; flush forgets it, or what it knows about NAME." },
};
/* clang-format on */

static void print_usage(FILE *out, const char *name)
{
	const char *begin = "usage:";

	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->name, name) != 0 || c->later)
			continue;
		(void)fprintf(out, "%-6s lotse %s%s%s " WHERE "%s%s\n", begin, c->name,
		              c->sub == NULL ? "" : " ", c->sub == NULL ? "" : c->sub,
		              c->usage[0] == '\0' ? "" : " ", c->usage);
		begin = "";
	}
}

static int print_help(const char *name)
{
	print_usage(stdout, name);
	for (size_t i = 0; i < COUNT_OF(helps); i++) {
		if (strcmp(helps[i].name, name) == 0)
			(void)printf("\n%s\n", helps[i].text);
	}
	(void)fputs(
		"\n-f FILE, --data DIR: as given to the `lotse serve` that is asked; its socket lies in its data folder.\n",
		stdout);
	return fflush(stdout) == 0 ? CLI_DONE : CLI_FAILED;
}

static const struct command *find(const char *name, const char *sub)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->name, name) == 0 &&
		    (c->sub == NULL || (sub != NULL && strcmp(c->sub, sub) == 0)))
			return c;
	}
	return NULL;
}

/* What any form of a command knows; what this one doesn't is refused afterwards. */
static unsigned with_of(const char *name)
{
	unsigned with = 0;

	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			with |= commands[i].with;
	}
	return with;
}

static int wrong(const char *name)
{
	print_usage(stderr, name);
	return CLI_USAGE;
}

static void write_request(const struct command *c, const struct cli_args *args, int skip,
                          struct buf *request)
{
	struct str words[3 + ARGS_MAX];
	char word[64];
	size_t count = 0;

	(void)snprintf(word, sizeof(word), "%s%s%s", c->name, c->sub == NULL ? "" : " ",
	               c->sub == NULL ? "" : c->sub);
	words[count++] = str_from(word);
	if (args->json)
		words[count++] = STR("--json");
	if (args->trace)
		words[count++] = STR("--trace");
	for (int i = skip; i < args->count && count < COUNT_OF(words); i++)
		words[count++] = str_from(args->words[i]);
	control_line(request, words, count);
}

static int ask(const struct command *c, const struct cli_args *args, int skip)
{
	struct buf request;
	int status;
	int fd;

	status = cli_daemon_connect(args, &fd);
	if (status != CLI_DONE)
		return status;
	buf_init(&request, REQUEST_MAX);
	write_request(c, args, skip, &request);
	status = control_ask(fd, &request, NULL, NULL);
	buf_fini(&request);
	return status;
}

int cli_control(int argc, char **argv)
{
	const char *name = argv[0];
	const struct command *c;
	struct cli_args args;
	int skip;

	if (!cli_args_parse(&args, argc, argv, with_of(name)))
		return wrong(name);
	if (args.help)
		return print_help(name);
	c = find(name, args.count > 0 ? args.words[0] : NULL);
	if (c == NULL)
		return wrong(name);
	if (c->later) {
		(void)fprintf(stderr, "lotse %s %s: not in this version\n", c->name, c->sub);
		return CLI_USAGE;
	}
	skip = c->sub == NULL ? 0 : 1;
	if (args.count - skip < c->least || args.count - skip > c->most ||
	    (args.json && (c->with & CLI_WITH_JSON) == 0))
		return wrong(name);
	return ask(c, &args, skip);
}
