/* gateway/cli_options.h: what the commands have in common: exit statuses, and the options that name a configuration. */
#pragma once
#include "gateway/conf.h"

/** Exit statuses of every command. */
enum cli_status {
	CLI_DONE = 0,
	CLI_NO = 1,     /* the answer is "no" */
	CLI_USAGE = 2,  /* wrong usage, or a configuration that is not valid */
	CLI_FAILED = 3, /* the daemon or the network could not be reached */
};

#define CLI_OVERRIDES_MAX 64

/* -f, --domain, --listen, --data. */
struct cli_conf_options {
	struct conf_options conf;
	const char *domains[CLI_OVERRIDES_MAX];
	const char *listen[CLI_OVERRIDES_MAX];
};

/** Read them, and nothing else, from a command's words; argv[0] is its name. `out` points into itself: don't copy it. False: wrong usage. */
bool cli_conf_options_parse(struct cli_conf_options *out, int argc, char **argv);
