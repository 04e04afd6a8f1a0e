#include "gateway/cli_check.h"

#include "gateway/conf.h"
#include "gateway/schema.h"

#include <getopt.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)
#define OVERRIDES_MAX 64

enum { DONE = 0, INVALID = 2, FAILED = 3 };

struct check_options {
	struct conf_options conf;
	const char *domains[OVERRIDES_MAX];
	const char *listen[OVERRIDES_MAX];
	bool json;
	bool doc;
};

static int usage(void)
{
	(void)fputs(
		"usage: lotse check [-f FILE] [--domain D]... [--listen URL]... [--data DIR] [--json]\n",
		stderr);
	return INVALID;
}

static bool add(const char **list, size_t *count, const char *text)
{
	if (*count == OVERRIDES_MAX)
		return false;
	list[(*count)++] = text;
	return true;
}

static bool parse(struct check_options *o, int argc, char **argv)
{
	static const struct option known[] = { { "file", required_argument, NULL, 'f' },
		                               { "domain", required_argument, NULL, 'd' },
		                               { "listen", required_argument, NULL, 'l' },
		                               { "data", required_argument, NULL, 'D' },
		                               { "json", no_argument, NULL, 'j' },
		                               { "doc", no_argument, NULL, 'm' },
		                               { NULL, 0, NULL, 0 } };
	bool good = true;
	int c;

	optind = 0; /* afresh: the command itself was read by the same reader */
	while (good && (c = getopt_long(argc, argv, "f:", known, NULL)) != -1) {
		if (c == 'f')
			o->conf.file = optarg;
		else if (c == 'd')
			good = add(o->domains, &o->conf.domain_count, optarg);
		else if (c == 'l')
			good = add(o->listen, &o->conf.listen_count, optarg);
		else if (c == 'D')
			o->conf.data = optarg;
		else if (c == 'j')
			o->json = true;
		else if (c == 'm')
			o->doc = true;
		else
			good = false;
	}
	o->conf.domains = o->domains;
	o->conf.listen = o->listen;
	return good && optind == argc;
}

/* All of it to stdout, or 3: a full disk or a closed pipe must not look like success. */
static int write_out(struct buf *text)
{
	bool good = text->err == ERR_OK && fwrite(text->data, 1, text->len, stdout) == text->len &&
	            fflush(stdout) == 0;

	if (!good)
		(void)fputs("lotse check: cannot write the output\n", stderr);
	return good ? DONE : FAILED;
}

int cli_check(int argc, char **argv)
{
	struct check_options options = { 0 };
	struct conf *conf = NULL;
	struct buf text;
	enum err e = ERR_OK;
	int status;

	if (!parse(&options, argc, argv))
		return usage();
	buf_init(&text, TEXT_MAX);
	if (options.doc)
		schema_document(schema_conf(), &text);
	else
		e = conf_load(&options.conf, &conf, &text);
	if (e != ERR_OK) {
		(void)fwrite(text.data, 1, text.len, stderr);
		status = INVALID;
	} else {
		if (conf != NULL)
			conf_print(conf, options.json, &text);
		status = write_out(&text);
	}
	conf_unref(conf);
	buf_fini(&text);
	return status;
}
