/* gateway/control.h: the unix socket in the data folder by which the command line talks to the running daemon.
 *
 * One request and its answer a connection. Both are lines, each a JSON array of strings:
 *
 *	→ ["locate", "--json", "sip:bob@beta.example"]    the word and what it is about
 *	→ ["add", "alice@alpha.example", ...]             some words have a body: lines of its own
 *	→                                                 an empty line: that is all
 *	← ["out", "..."]  ["err", "..."]                  what the command prints, in the order in which it comes
 *	← ["exit", "0"]                                   how it ends; without this line the answer is not whole
 *
 * The daemon writes what is printed, as text or (where the request says "--json") as JSON, so that the command needs to know nothing of it.
 * Words and bodies: gateway/control_words.c. The socket is mode 0600: who may open it is the operator. Served on main's loop, in parts;
 * what takes its time is asked for elsewhere and answered when it comes. */
#pragma once
#include "gateway/gateway.h"

#define CONTROL_SOCKET "control.sock" /* in the data folder */
#define CONTROL_CLIENTS_MAX 64
#define CONTROL_LINE_MAX 16384                  /* octets of a line */
#define CONTROL_REQUEST_MAX ((size_t)512 << 20) /* octets of a request: an import */
#define CONTROL_CHANGES_MAX 1000000             /* accounts of an import */
#define CONTROL_REQUEST_MS 10000 /* for the first MiB of a request, and for each further one */
#define CONTROL_STALL_MS 600000 /* a client that doesn't read is borne so long: it may be a pager */

struct control;

/** Listen on the socket in `folder`, the data folder. `why`: for a person. ERR_LIMIT: its path is too long for a socket; ERR_INUSE: another daemon answers
 * there; ... Main thread, before the loop runs. */
NODISCARD enum err control_open(struct control **out, struct gateway *g, struct str folder,
                                struct buf *why);
/** Stop, remove the socket, and wait for what is under way on the workers, which must still run, and in the store. NULL is fine. Main thread, when
 * its loop does not run. */
void control_close(struct control *c);

/** Without a daemon: what answers the words about accounts, on `loop`, for whoever is given to it by control_adopt(). No socket. `conf` is
 * borrowed. ERR_NOMEM, ... */
NODISCARD enum err control_alone(struct control **out, struct loop *loop, struct registrar *reg,
                                 const struct conf *conf);
/** Serve a connected socket, which is the control's from now on. The loop's thread, or before it runs. */
void control_adopt(struct control *c, int fd);

/** Write the path of the socket in `folder`. ERR_LIMIT: longer than the system's bound for sockets. */
NODISCARD enum err control_path(struct str folder, char *out, size_t size);
