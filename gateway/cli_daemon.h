/* gateway/cli_daemon.h: how a command finds the running daemon: by the same -f FILE or --data DIR. */
#pragma once
#include "gateway/cli_options.h"

#define CLI_PATH_MAX 4096

/** Write the path of the socket of the daemon that the options mean. CLI_DONE; else it has been said on stderr why not, and this is the command's exit status. */
int cli_daemon_path(const struct cli_args *args, char *out, size_t size);
/** Connect to it: CLI_DONE and `*fd`, or as above. */
int cli_daemon_connect(const struct cli_args *args, int *fd);
