#include "gateway/cli_options.h"

#include <getopt.h>

static bool add(const char **list, size_t *count, const char *text)
{
	if (*count == CLI_OVERRIDES_MAX)
		return false;
	list[(*count)++] = text;
	return true;
}

bool cli_conf_options_parse(struct cli_conf_options *out, int argc, char **argv)
{
	static const struct option known[] = { { "file", required_argument, NULL, 'f' },
		                               { "domain", required_argument, NULL, 'd' },
		                               { "listen", required_argument, NULL, 'l' },
		                               { "data", required_argument, NULL, 'D' },
		                               { NULL, 0, NULL, 0 } };
	bool good = true;
	int c;

	*out = (struct cli_conf_options){ 0 };
	optind = 0; /* afresh: the command itself was read by the same reader */
	while (good && (c = getopt_long(argc, argv, "f:", known, NULL)) != -1) {
		if (c == 'f')
			out->conf.file = optarg;
		else if (c == 'd')
			good = add(out->domains, &out->conf.domain_count, optarg);
		else if (c == 'l')
			good = add(out->listen, &out->conf.listen_count, optarg);
		else if (c == 'D')
			out->conf.data = optarg;
		else
			good = false;
	}
	out->conf.domains = out->domains;
	out->conf.listen = out->listen;
	return good && optind == argc;
}
