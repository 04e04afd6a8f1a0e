#include "base/socket.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* Who acknowledges nothing for so long is gone, whatever the system's patience. */
#define DEAD_MS 30000

static bool set_flag(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

/* Beyond the system's limit where we may, else up to it. */
static void ask_buffers(int fd)
{
	int size = SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static bool prepare_datagrams(int fd, const struct addr *addr)
{
	bool v6 = addr_family(addr) == AF_INET6;

	ask_buffers(fd);
	if (!set_flag(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR))
		return false;
	return !addr_is_any(addr) ||
	       set_flag(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO);
}

/* SO_REUSEADDR lets a stream listen again while old connections linger; for datagrams it would let others share the port.
 * The rest passes on to what is accepted. */
static bool prepare_stream(int fd)
{
	unsigned dead_ms = DEAD_MS;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
	return set_flag(fd, SOL_SOCKET, SO_REUSEADDR) && set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
}

static enum err open_socket(enum socket_kind kind, const struct addr *addr, int *out)
{
	int type = kind == SOCKET_STREAM ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(addr_family(addr), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_from_errno(errno);
	if ((addr_family(addr) == AF_INET6 && !set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
	    !(kind == SOCKET_STREAM ? prepare_stream(fd) : prepare_datagrams(fd, addr))) {
		(void)close(fd);
		return ERR_SYSTEM;
	}
	*out = fd;
	return ERR_OK;
}

/* Bind and listen. The option set at the end counts for those that come later: they may share then. */
static enum err bind_one(int fd, enum socket_kind kind, const struct addr *addr, bool shared)
{
	if (shared && !set_flag(fd, SOL_SOCKET, SO_REUSEPORT))
		return ERR_SYSTEM;
	if (bind(fd, &addr->sa.any, addr_len(addr)) != 0)
		return err_from_errno(errno);
	if (kind == SOCKET_STREAM && listen(fd, SOCKET_BACKLOG) != 0)
		return err_from_errno(errno);
	if (!shared && !set_flag(fd, SOL_SOCKET, SO_REUSEPORT))
		return ERR_SYSTEM;
	return ERR_OK;
}

/* The port that the system has chosen for the first is everybody's. */
static enum err take_port(struct addr *addr, int fd)
{
	struct addr bound = socket_local(fd);

	if (addr_port(&bound) == 0)
		return ERR_SYSTEM;
	addr_set_port(addr, addr_port(&bound));
	return ERR_OK;
}

enum err socket_bind(enum socket_kind kind, struct addr *addr, bool shared, int *fds,
                     unsigned count)
{
	struct addr at = *addr;
	enum err e = ERR_OK;
	unsigned n = 0;

	while (e == ERR_OK && n < count) {
		e = open_socket(kind, &at, &fds[n]);
		if (e != ERR_OK)
			break;
		e = bind_one(fds[n], kind, &at, shared || n > 0);
		if (e == ERR_OK && n == 0)
			e = take_port(&at, fds[0]);
		n++;
	}
	if (e == ERR_OK) {
		*addr = at;
		return ERR_OK;
	}
	while (n > 0)
		(void)close(fds[--n]);
	return e;
}

enum err socket_accept(int listener, int *fd, struct addr *remote)
{
	struct addr from = { 0 };
	socklen_t len = sizeof(from.sa);

	*fd = accept4(listener, &from.sa.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (*fd >= 0) {
		*remote = addr_from_sockaddr(&from.sa.any);
		return ERR_OK;
	}
	switch (errno) {
	case EAGAIN:
		return ERR_AGAIN;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return ERR_LIMIT;
	case ECONNABORTED:
	case EINTR:
	case EPERM: /* a firewall's word on this one connection */
	case EPROTO:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
		return ERR_CLOSED;
	default:
		return err_from_errno(errno);
	}
}

/* The port is chosen with the destination known, so that ports do not run out where there are many destinations. */
static bool bind_host(int fd, const struct addr *local)
{
	struct addr host = *local;

	addr_set_port(&host, 0);
	(void)set_flag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
	return bind(fd, &host.sa.any, addr_len(&host)) == 0;
}

enum err socket_connect(const struct addr *local, const struct addr *remote, int *out)
{
	int fd = -1;
	enum err e = open_socket(SOCKET_STREAM, remote, &fd);

	if (e != ERR_OK)
		return e;
	if ((addr_family(local) == AF_UNSPEC || bind_host(fd, local)) &&
	    (connect(fd, &remote->sa.any, addr_len(remote)) == 0 || errno == EINPROGRESS)) {
		*out = fd;
		return ERR_OK;
	}
	e = err_from_errno(errno);
	(void)close(fd);
	/* EAGAIN: no local port is left to this destination. */
	return e == ERR_AGAIN ? ERR_LIMIT : e;
}

enum err socket_error(int fd)
{
	int number = 0;
	socklen_t len = sizeof(number);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0)
		return err_from_errno(errno);
	return err_from_errno(number);
}

struct addr socket_local(int fd)
{
	struct addr a = { 0 };
	socklen_t len = sizeof(a.sa);

	if (getsockname(fd, &a.sa.any, &len) != 0)
		return (struct addr){ 0 };
	return addr_from_sockaddr(&a.sa.any);
}

enum err socket_source(const struct addr *remote, struct addr *out)
{
	int fd = socket(addr_family(remote), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	enum err e = ERR_OK;

	if (fd < 0)
		return err_from_errno(errno);
	/* Connecting a datagram socket sends nothing, it only looks up the route. */
	if (connect(fd, &remote->sa.any, addr_len(remote)) != 0) {
		e = err_from_errno(errno);
	} else {
		*out = socket_local(fd);
		addr_set_port(out, 0);
	}
	(void)close(fd);
	return e;
}

size_t socket_interfaces(struct addr *out, size_t cap)
{
	struct ifaddrs *list;
	size_t n = 0;

	if (getifaddrs(&list) != 0)
		return 0;
	for (const struct ifaddrs *at = list; at != NULL && n < cap; at = at->ifa_next) {
		if (at->ifa_addr == NULL ||
		    (at->ifa_addr->sa_family != AF_INET && at->ifa_addr->sa_family != AF_INET6))
			continue;
		out[n++] = addr_from_sockaddr(at->ifa_addr);
	}
	freeifaddrs(list);
	return n;
}

void socket_shut_writing(int fd)
{
	(void)shutdown(fd, SHUT_WR);
}
