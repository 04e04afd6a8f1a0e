#include "gateway/cli_options.h"

#include "base/mem.h"

#include <getopt.h>

#define COMPLAINTS_MAX ((size_t)1 << 20)

/* Beyond what one octet may be, so that no letter is an option by accident. */
enum {
	OPTION_HELP = 1000,
	OPTION_DATA,
	OPTION_DOMAIN,
	OPTION_LISTEN,
	OPTION_JSON,
	OPTION_TRACE,
	OPTION_DOC,
	OPTION_PASSWORD,
	OPTION_REALM,
	OPTION_REPLACE
};

static const struct {
	unsigned with; /* 0: every command knows it */
	struct option option;
} known[] = {
	{ 0, { "file", required_argument, NULL, 'f' } },
	{ 0, { "data", required_argument, NULL, OPTION_DATA } },
	{ 0, { "help", no_argument, NULL, OPTION_HELP } },
	{ CLI_WITH_DOMAIN, { "domain", required_argument, NULL, OPTION_DOMAIN } },
	{ CLI_WITH_LISTEN, { "listen", required_argument, NULL, OPTION_LISTEN } },
	{ CLI_WITH_JSON, { "json", no_argument, NULL, OPTION_JSON } },
	{ CLI_WITH_TRACE, { "trace", no_argument, NULL, OPTION_TRACE } },
	{ CLI_WITH_DOC, { "doc", no_argument, NULL, OPTION_DOC } },
	{ CLI_WITH_PASSWORD, { "password", required_argument, NULL, OPTION_PASSWORD } },
	{ CLI_WITH_REALM, { "realm", required_argument, NULL, OPTION_REALM } },
	{ CLI_WITH_REPLACE, { "replace", no_argument, NULL, OPTION_REPLACE } },
};

static bool add(const char *command, const char **list, size_t *count, const char *text)
{
	if (*count == CLI_OVERRIDES_MAX) {
		(void)fprintf(stderr, "%s: more than %d times the same option\n", command,
		              CLI_OVERRIDES_MAX);
		return false;
	}
	list[(*count)++] = text;
	return true;
}

/* One option. False: it is none. */
static bool take(struct cli_args *out, const char *command, int c)
{
	struct cli_conf_options *o = &out->options;

	switch (c) {
	case 'f':
		o->conf.file = optarg;
		return true;
	case OPTION_DATA:
		o->conf.data = optarg;
		return true;
	case OPTION_DOMAIN:
		return add(command, o->domains, &o->conf.domain_count, optarg);
	case OPTION_LISTEN:
		return add(command, o->listen, &o->conf.listen_count, optarg);
	case 'h':
	case OPTION_HELP:
		out->help = true;
		return true;
	case OPTION_JSON:
		out->json = true;
		return true;
	case OPTION_TRACE:
		out->trace = true;
		return true;
	case OPTION_DOC:
		out->doc = true;
		return true;
	case OPTION_PASSWORD:
		out->password = optarg;
		return true;
	case OPTION_REALM:
		out->realm = optarg;
		return true;
	case OPTION_REPLACE:
		out->replace = true;
		return true;
	default:
		return false;
	}
}

bool cli_args_parse(struct cli_args *out, int argc, char **argv, unsigned with)
{
	struct option options[COUNT_OF(known) + 1] = { { 0 } };
	size_t count = 0;
	bool good = true;
	int c;

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		if ((known[i].with & ~with) == 0)
			options[count++] = known[i].option;
	}
	*out = (struct cli_args){ 0 };
	optind = 0; /* afresh: the command itself was read by the same reader */
	while (good && (c = getopt_long(argc, argv, "f:h", options, NULL)) != -1)
		good = take(out, argv[0], c);
	out->options.conf.domains = out->options.domains;
	out->options.conf.listen = out->options.listen;
	out->words = argv + optind;
	out->count = argc - optind;
	return good;
}

enum err cli_conf_load(const struct cli_args *args, struct conf **out)
{
	struct buf complaints;
	enum err e;

	buf_init(&complaints, COMPLAINTS_MAX);
	e = conf_load(&args->options.conf, out, &complaints);
	if (e != ERR_OK)
		(void)cli_write(stderr, buf_view(&complaints));
	buf_fini(&complaints);
	return e;
}

bool cli_write(FILE *to, struct str text)
{
	bool good = (text.len == 0 || fwrite(text.p, 1, text.len, to) == text.len) &&
	            fflush(to) == 0;

	if (!good && to == stdout)
		(void)fputs("lotse: cannot write the output\n", stderr);
	return good;
}
