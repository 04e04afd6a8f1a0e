/* gateway/cli_user.h: lotse user: accounts, with a daemon and without one. */
#pragma once

/** add, passwd, del, list, import, export; argv[0] is "user". Exit status: 0; 1 the answer is "no" (it is there already, it isn't there); 2 wrong usage, or a file or
 * address that is not right; 3 the accounts can't be reached. Blocks. */
int cli_user(int argc, char **argv);
