/* lotse: one program, many commands. */
#include "gateway/cli_check.h"
#include "gateway/cli_control.h"
#include "gateway/cli_options.h"
#include "gateway/cli_resolve.h"
#include "gateway/cli_serve.h"
#include "gateway/cli_stun.h"
#include "gateway/cli_ua.h"
#include "gateway/cli_user.h"

#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* NULL: not in this version */
	const char *text;
};

static int cli_version(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		(void)fputs("usage: lotse version\n", stderr);
		return CLI_USAGE;
	}
	return printf("lotse %s\n", LOTSE_VERSION) > 0 && fflush(stdout) == 0 ? CLI_DONE
	                                                                      : CLI_FAILED;
}

static const struct command commands[] = {
	{ "serve", cli_serve, "run the gateway in the foreground" },
	{ "check", cli_check,
	  "validate a configuration and print it with every default filled in" },
	{ "reload", cli_control, "let the running gateway read its configuration again" },
	{ "status", cli_control, "how the running gateway does" },
	{ "version", cli_version, "which version this is" },
	{ "user", cli_user, "add, passwd, del, list, import, export: accounts" },
	{ "location", cli_control, "list, show: bindings" },
	{ "backup", NULL, "a copy of the data, while serving" },
	{ "locate", cli_control, "ask the whole location service about an address" },
	{ "resolve", cli_resolve, "where a name's SIP servers are (RFC 3263)" },
	{ "resolver", cli_control, "cache, flush: what the running gateway knows from DNS" },
	{ "peer", cli_control, "list, show, test: the other providers" },
	{ "dns", NULL, "the DNS records that a configuration should publish" },
	{ "doctor", NULL, "check DNS, ports, certificates and peers" },
	{ "stun", cli_stun, "our public address" },
	{ "register", cli_ua, "register a contact, as a phone does" },
	{ "options", cli_ua, "ask whether somebody is there" },
	{ "call", cli_ua, "call somebody" },
	{ "answer", cli_ua, "register and answer calls" },
};

static void list_commands(FILE *out)
{
	(void)fputs("usage: lotse COMMAND ...\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].run != NULL)
			(void)fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].text);
	}
	(void)fputs("\n`lotse COMMAND --help` tells how each is used.\n", out);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		list_commands(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		list_commands(stdout);
		return CLI_DONE;
	}
	command = find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
	if (command == NULL) {
		(void)fprintf(stderr,
		              "lotse: there is no command \"%s\"; `lotse --help` lists them\n",
		              argv[1]);
		return CLI_USAGE;
	}
	if (command->run == NULL) {
		(void)fprintf(stderr, "lotse %s: not in this version\n", command->name);
		return CLI_USAGE;
	}
	return command->run(argc - 1, argv + 1);
}
