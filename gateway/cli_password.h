/* gateway/cli_password.h: a password from standard input: one line, not shown where that is a terminal. */
#pragma once
#include "base/buf.h"

#define CLI_PASSWORD_MAX 1024

/** Ask for the password of `address` (only on a terminal), read it into `out`, without the line's end. False: there was none, or it was over-long; said on
 * stderr. A signal meanwhile restores the terminal first. */
bool cli_password_read(struct str address, struct buf *out);
