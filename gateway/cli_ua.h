/* gateway/cli_ua.h: lotse register, options, call, answer. */
#pragma once

/** A small user agent; argv[0] is the subcommand. Prints one line an event on stdout, complaints on stderr. Blocks until it is done or SIGINT or SIGTERM came and it
 * has taken leave (5 s at most). Returns the exit status: 0 for a 2xx, 1 for another final answer, 2 for wrong usage, 3 for none. */
int cli_ua(int argc, char **argv);
