/* gateway/cli_stun.h: lotse stun. */
#pragma once

/** `lotse stun [--json] [--tcp] SERVER[:PORT]`; argv[0] is "stun". Asks a STUN server for our address as it is seen from there, over
 * UDP or TCP, and prints it with our own and whether a NAT is between. Of a name all addresses are tried, one after the other. Needs no
 * daemon. Returns the exit status: 0 done, 2 wrong usage, 3 no (usable) answer, or the output can't be written. */
int cli_stun(int argc, char **argv);
