/* gateway/cli_accounts.h: where the accounts are: behind a running daemon's socket, or in a store that nobody has open, which then this process opens.
 *
 * Both answer the same words (gateway/control_words.c) in the same way: without a daemon, a control of our own answers them on a thread. */
#pragma once
#include "gateway/cli_options.h"
#include "gateway/control_client.h"

struct cli_accounts;

/** Find them. CLI_DONE; else it has been said on stderr why not, and this is the command's exit status. Blocks. */
int cli_accounts_open(struct cli_accounts **out, const struct cli_args *args);
/** NULL is fine. Blocks. */
void cli_accounts_close(struct cli_accounts *a);
/** As control_ask(): send, print the answer, return the status. */
int cli_accounts_ask(struct cli_accounts *a, struct buf *request, control_other_fn other,
                     void *arg);
