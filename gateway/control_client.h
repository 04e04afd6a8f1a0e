/* gateway/control_client.h: the command's end of the control socket (gateway/control.h). Blocks; one thread. */
#pragma once
#include "base/json.h"

/** Connect to the daemon at `path`. ERR_NOTFOUND, ERR_REFUSED: nobody is there; ERR_DENIED: not for this user; ... */
NODISCARD enum err control_connect(const char *path, int *fd);

/** Write one line of a request. */
void control_line(struct buf *request, const struct str *words, size_t count);

/** What is done with frames that are neither "out" nor "err" nor "exit". `words` live during the call. NULL: they are passed over. */
typedef void (*control_other_fn)(void *arg, const struct str *words, size_t count);
/** Send a request (an empty line is added), and print its answer as it comes. Closes `fd`. Returns the status with which the command should end; CLI_FAILED
 * where the answer is not whole, which is said on stderr. */
int control_ask(int fd, struct buf *request, control_other_fn other, void *arg);
