/* gateway/cli_serve.h: lotse serve. */
#pragma once

/** `lotse serve [-f FILE] [--domain D]... [--listen URL]... [--data DIR]`: the gateway in the foreground, until SIGTERM or SIGINT; SIGHUP reloads. argv[0] is
 * "serve". Exit status 0 after an orderly end, 2 for wrong usage or a configuration that is not valid, 3 where an address or the store can't be had. */
int cli_serve(int argc, char **argv);
