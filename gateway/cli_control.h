/* gateway/cli_control.h: the commands that ask the running daemon: reload, status, locate, location, peer, resolver. */
#pragma once

/** argv[0] is one of these names. Prints what the daemon answers. Exit status: 0, 1 the answer is "no", 2 wrong usage or a refused configuration, 3 the daemon
 * can't be reached, or couldn't do it. */
int cli_control(int argc, char **argv);
