/* gateway/cli_resolve.h: lotse resolve. */
#pragma once

/** `lotse resolve [-f FILE] [--server ADDR[:PORT]]... [--transports LIST] [--trace] [--json] URI|HOST[:PORT]`; argv[0] is "resolve".
 * Locates the servers of a sip: or sips: URI, or of a host, by RFC 3263 alone, and prints them in the order to try them. Asks the
 * servers given, else those of the configuration file, else the system's. Needs no daemon. Returns the exit status: 0 found, 1 DNS
 * says that there is nobody, 2 wrong usage or an invalid configuration, 3 it failed. */
int cli_resolve(int argc, char **argv);
