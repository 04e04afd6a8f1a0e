/* base/socket.h: sockets of the system: opened, bound, accepted, connected; nonblocking and closed on exec.
 *
 * IPv6 sockets carry IPv6 alone, so that a host has one spelling and both families can listen on one port.
 * All functions: any thread, nothing blocks, no allocation but where said. A descriptor is the caller's to close(). */
#pragma once
#include "base/addr.h"

#define SOCKET_BUFFER (4 << 20) /* octets asked for datagrams, each way; the system may give less */
#define SOCKET_BACKLOG 4096

enum socket_kind { SOCKET_DATAGRAM, SOCKET_STREAM };

/** Bind `count` sockets to one address, for as many threads, by SO_REUSEPORT. The first is bound without it, unless `shared`: an address that
 * another program has is refused then, however it was bound. Port 0: the system chooses one, for all of them, and writes it to `*addr`. Streams
 * listen; datagram sockets tell ICMP errors, and on a wildcard address which local address each datagram was sent to (see base/datagram.h).
 * ERR_INUSE, ERR_DENIED, ERR_UNREACHABLE (no such address here), ERR_LIMIT, ...: nothing is open. */
NODISCARD enum err socket_bind(enum socket_kind kind, struct addr *addr, bool shared, int *fds,
                               unsigned count);

/** Take a connection from a listening socket. ERR_AGAIN: none is waiting; ERR_CLOSED: one was, and is gone (go on); ERR_LIMIT: no
 * descriptor or memory left, the connection still waits (pause); anything else: pause as well. */
NODISCARD enum err socket_accept(int listener, int *fd, struct addr *remote);

/** Begin to connect, from `local`'s host (no address: the system chooses; its port does not count). Writable means decided: ask socket_error().
 * ERR_REFUSED, ERR_UNREACHABLE, ERR_LIMIT, ... where the system knows at once. */
NODISCARD enum err socket_connect(const struct addr *local, const struct addr *remote, int *fd);

/** The error that waits on a socket, taken away; ERR_OK where there is none. */
enum err socket_error(int fd);
/** To what is it bound? No address where the system does not say. */
struct addr socket_local(int fd);
/** From which address of ours would the system send to `remote`? (Port 0.) ERR_UNREACHABLE, ERR_LIMIT. */
NODISCARD enum err socket_source(const struct addr *remote, struct addr *out);
/** The addresses of this machine's interfaces, `cap` at most; returns how many. Allocates meanwhile. */
size_t socket_interfaces(struct addr *out, size_t cap);
/** Say that nothing more will be sent. */
void socket_shut_writing(int fd);
