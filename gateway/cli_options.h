/* gateway/cli_options.h: what the commands have in common: exit statuses, and the options that several of them know. */
#pragma once
#include "gateway/conf.h"

#include <stdio.h>

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

/** Which options a command knows besides -f, --data and --help. */
enum cli_with {
	CLI_WITH_DOMAIN = 1,
	CLI_WITH_LISTEN = 2,
	CLI_WITH_JSON = 4,
	CLI_WITH_TRACE = 8,
	CLI_WITH_DOC = 16,
	CLI_WITH_PASSWORD = 32,
	CLI_WITH_REALM = 64,
	CLI_WITH_REPLACE = 128,
};

struct cli_args {
	struct cli_conf_options options;
	bool help;
	bool json;
	bool trace;
	bool doc;
	bool replace;
	const char *password; /* NULL: not given */
	const char *realm;
	char **words; /* what is no option, in order */
	int count;
};

/** Read a command's options; argv[0] is its name, `with` the union of what it knows. `out` points into itself: don't copy it. False: wrong usage,
 * and the option that is wrong has been named on stderr. argv is put into another order. */
bool cli_args_parse(struct cli_args *out, int argc, char **argv, unsigned with);
/** Load the configuration that the options mean. ERR_OK; else its complaints have been written to stderr. */
NODISCARD enum err cli_conf_load(const struct cli_args *args, struct conf **out);
/** Write all of `text` and flush. False where it can't be (a full disk, a closed pipe): said on stderr. */
bool cli_write(FILE *to, struct str text);
