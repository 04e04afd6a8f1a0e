#include "gateway/cli_daemon.h"

#include "gateway/control.h"
#include "gateway/control_client.h"

/* Where --data says it, the configuration need not be read: a command should reach the daemon while its file is being written. */
int cli_daemon_path(const struct cli_args *args, char *out, size_t size)
{
	struct str folder = str_from(args->options.conf.data);
	struct conf *conf = NULL;
	enum err e;

	if (folder.len == 0) {
		if (cli_conf_load(args, &conf) != ERR_OK) {
			(void)fputs(
				"lotse: without this the daemon cannot be found; --data DIR, its data folder, would do too\n",
				stderr);
			return CLI_USAGE;
		}
		folder = conf->data;
	}
	e = control_path(folder, out, size);
	if (e != ERR_OK)
		(void)fprintf(
			stderr,
			"lotse: %.*s: this path is too long for the socket in it; no daemon can listen there\n",
			STR_ARG(folder));
	conf_unref(conf);
	return e == ERR_OK ? CLI_DONE : CLI_USAGE;
}

int cli_daemon_connect(const struct cli_args *args, int *fd)
{
	char path[CLI_PATH_MAX];
	int status = cli_daemon_path(args, path, sizeof(path));
	enum err e;

	if (status != CLI_DONE)
		return status;
	e = control_connect(path, fd);
	if (e == ERR_OK)
		return CLI_DONE;
	(void)fprintf(stderr, "lotse: cannot reach the daemon at %s: %s; ", path, err_text(e));
	if (e == ERR_DENIED)
		(void)fputs("this needs the user whom it runs as, or root\n", stderr);
	else
		(void)fputs("is `lotse serve` running with the same -f or --data?\n", stderr);
	return CLI_FAILED;
}
