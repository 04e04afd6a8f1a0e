/* gateway/cli_check.h: lotse check. */
#pragma once

/** `lotse check [-f FILE] [--domain D]... [--listen URL]... [--data DIR] [--json] [--doc]`; argv[0] is "check". Prints the configuration with every default filled in on stdout, or
 * (--doc) the reference of all keys; complaints go to stderr. Returns the exit status: 0, 2 for wrong usage or a configuration
 * that is invalid or can't be read, 3 where the output can't be written. */
int cli_check(int argc, char **argv);
