#include "gateway/cli_check.h"

#include "gateway/cli_options.h"
#include "gateway/schema.h"

#define TEXT_MAX ((size_t)64 << 20)

static int usage(bool asked)
{
	(void)fputs(
		"usage: lotse check [-f FILE] [--domain D]... [--listen URL]... [--data DIR] [--json]\n"
		"       lotse check --doc\n",
		asked ? stdout : stderr);
	return asked ? CLI_DONE : CLI_USAGE;
}

static int check(const struct cli_args *args, struct buf *text)
{
	struct conf *conf = NULL;

	if (args->doc) {
		schema_document(schema_conf(), text);
		return CLI_DONE;
	}
	if (cli_conf_load(args, &conf) != ERR_OK)
		return CLI_USAGE;
	conf_print(conf, args->json, text);
	conf_unref(conf);
	return CLI_DONE;
}

int cli_check(int argc, char **argv)
{
	struct cli_args args;
	struct buf text;
	int status;

	if (!cli_args_parse(&args, argc, argv,
	                    CLI_WITH_DOMAIN | CLI_WITH_LISTEN | CLI_WITH_JSON | CLI_WITH_DOC) ||
	    args.count > 0 || args.help)
		return usage(args.help);
	buf_init(&text, TEXT_MAX);
	status = check(&args, &text);
	if (status == CLI_DONE && text.err != ERR_OK) {
		(void)fprintf(stderr, "lotse check: %s\n", err_text(text.err));
		status = CLI_FAILED;
	} else if (status == CLI_DONE && !cli_write(stdout, buf_view(&text))) {
		status = CLI_FAILED; /* a full disk or a closed pipe must not look like success */
	}
	buf_fini(&text);
	return status;
}
