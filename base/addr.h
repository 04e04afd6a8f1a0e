/* base/addr.h: IPv4 and IPv6 socket addresses and networks.
 *
 * IPv4-mapped IPv6 addresses (::ffff:192.0.2.1) are turned into IPv4 when they come in, so that one host has one spelling.
 * All functions: any thread, no allocation. */
#pragma once
#include "base/buf.h"
#include "base/hash.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct addr {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa; /* sa.any.sa_family 0: no address */
};

struct network {
	struct addr addr;
	unsigned prefix; /* bits that count */
};

/** Room for "[ipv6%scope]:port" with a final NUL. */
#define ADDR_TEXT 72

/** A numeric address without port: "192.0.2.1", "2001:db8::1" or "[2001:db8::1]". ERR_SYNTAX for anything else. */
NODISCARD enum err addr_parse(struct addr *out, struct str host, uint16_t port);
/** "192.0.2.1:5060", "[::1]:5060"; without a port `default_port` counts. */
NODISCARD enum err addr_parse_port(struct addr *out, struct str text, uint16_t default_port);
/** From a sockaddr of the system. */
struct addr addr_from_sockaddr(const struct sockaddr *sa);
/** How many bytes of `sa` the system wants. */
socklen_t addr_len(const struct addr *a);
static inline int addr_family(const struct addr *a)
{
	return a->sa.any.sa_family;
}
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
/** Write the host alone; IPv6 in brackets where `brackets`. */
void addr_write_host(const struct addr *a, bool brackets, struct buf *out);
/** Write "host:port". */
void addr_write(const struct addr *a, struct buf *out);
/** The same as a C string in `out`, for a log line; returns `out`. */
const char *addr_text(const struct addr *a, char out[ADDR_TEXT]);
/** Same family, host and port? */
bool addr_eq(const struct addr *a, const struct addr *b);
/** Same family and host? */
bool addr_eq_host(const struct addr *a, const struct addr *b);
/** A keyed hash of family, host and port. */
uint64_t addr_hash(const struct hash_key *key, const struct addr *a);
/** A keyed hash of family and host. */
uint64_t addr_hash_host(const struct hash_key *key, const struct addr *a);
/** 0.0.0.0 or ::? */
bool addr_is_any(const struct addr *a);
/** 127.0.0.0/8 or ::1? */
bool addr_is_loopback(const struct addr *a);
/** May nobody outside point there: loopback, private (RFC 1918, 4193, 6598), link-local, unspecified, multicast, broadcast, reserved? */
bool addr_is_inward(const struct addr *a);
/** "10.0.0.0/8", "2001:db8::/32", or one address. ERR_SYNTAX, ERR_RANGE (prefix too long, or bits beyond it). */
NODISCARD enum err network_parse(struct network *out, struct str text);
/** Is `a` in `n`? */
bool network_has(const struct network *n, const struct addr *a);
/** Do the two share an address? */
bool network_overlaps(const struct network *a, const struct network *b);
/** Write "10.0.0.0/8"; a single address without prefix. */
void network_write(const struct network *n, struct buf *out);
