#include "gateway/cli_user.h"

#include "base/mem.h"
#include "gateway/cli_password.h"
#include "gateway/cli_roster.h"

#include <errno.h>
#include <string.h>

#define WITH \
	(CLI_WITH_DOMAIN | CLI_WITH_JSON | CLI_WITH_PASSWORD | CLI_WITH_REALM | CLI_WITH_REPLACE)

static int usage(bool asked)
{
	(void)fputs("usage: lotse user add    [WHERE] [--password P] [--realm R] USER@DOMAIN\n"
	            "       lotse user passwd [WHERE] [--password P] [--realm R] USER@DOMAIN\n"
	            "       lotse user del    [WHERE] USER@DOMAIN\n"
	            "       lotse user list   [WHERE] [--json]\n"
	            "       lotse user import [WHERE] [--replace] FILE|-\n"
	            "       lotse user export [WHERE]\n",
	            asked ? stdout : stderr);
	if (asked)
		(void)fputs(
			"\n"
			"WHERE is [-f FILE] [--data DIR] [--domain D]..., as for `lotse serve`. A daemon that runs there is asked; where none does, its store is opened.\n"
			"add, passwd: without --password the password is the first line of standard input.\n"
			"import: lines \"user@domain,password\", or as export writes them; all of them or none. --replace: accounts that are there are made anew.\n"
			"export: lines \"user@domain,realm,HA1 MD5,HA1 SHA-256\". Keep them as you would keep passwords.\n"
			"Phones of an account with a realm of its own (--realm) must be challenged with it: it is for stores that are moved.\n",
			stdout);
	return asked && fflush(stdout) == 0 ? CLI_DONE : CLI_USAGE;
}

/* ---------------------------------------------------------------------------- one account */

static bool take_password(const struct cli_args *args, struct str address, struct buf *out)
{
	if (args->password == NULL)
		return cli_password_read(address, out);
	buf_z(out, args->password);
	if (out->err == ERR_OK && out->len > 0)
		return true;
	(void)fprintf(stderr, "lotse user: the password is %s\n",
	              out->len == 0 ? "empty" : "too long");
	return false;
}

static int give_one(const struct cli_args *args, struct roster *r, const char *op)
{
	struct roster_entry e = { .realm = str_from(args->realm) };
	struct cli_accounts *accounts = NULL;
	char memory[CLI_PASSWORD_MAX];
	struct buf password;
	int status;

	buf_wrap(&password, memory, sizeof(memory));
	if (!roster_address(r, 0, str_from(args->words[1]), &e.address) ||
	    !take_password(args, e.address, &password))
		return CLI_USAGE;
	e.password = buf_view(&password);
	if (!roster_add(r, &e))
		return CLI_FAILED;
	explicit_bzero(memory, sizeof(memory));
	status = cli_accounts_open(&accounts, args);
	if (status == CLI_DONE)
		status = roster_give(r, accounts, op);
	if (status == CLI_DONE)
		(void)printf("%s %.*s\n", strcmp(op, "add") == 0 ? "added" : "changed",
		             STR_ARG(e.address));
	cli_accounts_close(accounts);
	return status;
}

static int set_one(const struct cli_args *args, const char *op)
{
	struct roster r;
	int status = CLI_FAILED;

	if (roster_init(&r, NULL) == ERR_OK)
		status = give_one(args, &r, op);
	roster_fini(&r);
	return status;
}

static int run_add(const struct cli_args *args)
{
	return set_one(args, "add");
}

static int run_passwd(const struct cli_args *args)
{
	return set_one(args, "set");
}

/* ---------------------------------------------------------------------------- without digests */

/* A request of these words, and perhaps a line of a body. */
static int ask(const struct cli_args *args, const struct str *words, size_t count,
               const struct str *body, size_t body_count, control_other_fn other, void *arg)
{
	struct cli_accounts *accounts = NULL;
	struct buf request;
	int status = cli_accounts_open(&accounts, args);

	if (status != CLI_DONE)
		return status;
	buf_init(&request, 65536);
	control_line(&request, words, count);
	if (body_count > 0)
		control_line(&request, body, body_count);
	status = cli_accounts_ask(accounts, &request, other, arg);
	buf_fini(&request);
	cli_accounts_close(accounts);
	return status;
}

static void on_refused(void *arg, const struct str *words, size_t count)
{
	const struct str *address = arg;

	if (count == 3 && str_eq(words[0], STR("refused")))
		(void)fprintf(stderr, "lotse user: there is no account %.*s\n", STR_ARG(*address));
}

static int run_del(const struct cli_args *args)
{
	const struct str word = STR("user change");
	struct str body[] = { STR("remove"), STR_NONE };
	struct roster r;
	int status = CLI_USAGE;

	if (roster_init(&r, NULL) == ERR_OK &&
	    roster_address(&r, 0, str_from(args->words[1]), &body[1]))
		status = ask(args, &word, 1, body, COUNT_OF(body), on_refused, &body[1]);
	if (status == CLI_DONE)
		(void)printf("removed %.*s\n", STR_ARG(body[1]));
	roster_fini(&r);
	return status;
}

static int run_list(const struct cli_args *args)
{
	const struct str words[] = { STR("user list"), STR("--json") };

	return ask(args, words, args->json ? 2 : 1, NULL, 0, NULL, NULL);
}

static int run_export(const struct cli_args *args)
{
	const struct str word = STR("user export");

	return ask(args, &word, 1, NULL, 0, NULL, NULL);
}

/* ---------------------------------------------------------------------------- many */

static int read_file(struct roster *r, const char *path)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	bool good = in != NULL && roster_read(r, in);

	if (!good)
		(void)fprintf(stderr, "%s: cannot be read: %s\n", path, strerror(errno));
	if (in != NULL && in != stdin)
		(void)fclose(in);
	return good ? CLI_DONE : CLI_USAGE;
}

static int import(const struct cli_args *args, struct roster *r)
{
	struct cli_accounts *accounts = NULL;
	int status = read_file(r, args->words[1]);

	if (status == CLI_DONE)
		status = cli_accounts_open(&accounts, args);
	if (status == CLI_DONE)
		status = roster_give(r, accounts, args->replace ? "put" : "add");
	if (status == CLI_DONE)
		(void)printf("imported %zu accounts\n", r->count);
	cli_accounts_close(accounts);
	return status;
}

static int run_import(const struct cli_args *args)
{
	const char *path = args->words[1];
	struct roster r;
	int status = CLI_FAILED;

	if (roster_init(&r, strcmp(path, "-") == 0 ? "standard input" : path) == ERR_OK)
		status = import(args, &r);
	roster_fini(&r);
	return status;
}

/* ---------------------------------------------------------------------------- which */

static int run_later(const struct cli_args *args)
{
	(void)fprintf(stderr, "lotse user %s: not in this version\n", args->words[0]);
	return CLI_USAGE;
}

static const struct {
	const char *name;
	int words; /* with the name; 0: any */
	int (*run)(const struct cli_args *args);
} subs[] = {
	{ "add", 2, run_add },     { "passwd", 2, run_passwd }, { "del", 2, run_del },
	{ "list", 1, run_list },   { "import", 2, run_import }, { "export", 1, run_export },
	{ "alias", 0, run_later },
};

int cli_user(int argc, char **argv)
{
	struct cli_args args;

	if (!cli_args_parse(&args, argc, argv, WITH))
		return usage(false);
	if (args.help)
		return usage(true);
	for (size_t i = 0; args.count > 0 && i < COUNT_OF(subs); i++) {
		if (strcmp(args.words[0], subs[i].name) == 0 &&
		    (subs[i].words == 0 || subs[i].words == args.count)) {
			int status = subs[i].run(&args);

			return fflush(stdout) == 0 ? status : CLI_FAILED;
		}
	}
	return usage(false);
}
