/* resolver/order.h: what RFC 3263 says to ask, and in which order its answers are to be tried.
 *
 * Pure functions: values in, a value out; chance comes as a number. Any thread, no allocation. */
#pragma once
#include "resolver/dns.h"
#include "resolver/resolver.h"

/** Services that one question leads to. */
#define ORDER_SERVICES_MAX 16

/** What to begin with (RFC 3263 4.1, 4.2). */
enum order_begin {
	ORDER_IMPOSSIBLE, /* why */
	ORDER_ADDRESSES,  /* A and AAAA of the host, with `transport` and `port` */
	ORDER_SRV,        /* the SRV records of `transport` */
	ORDER_NAPTR,      /* NAPTR, then SRV for all that is supported */
};

struct order_plan {
	enum order_begin begin;
	enum resolver_transport transport;
	uint16_t port;
	const char *why;
};

/** Where SRV records (or addresses: `direct`, a NAPTR record with flag "a") are to be looked for. */
struct order_service {
	enum resolver_transport transport;
	bool direct;
	struct str name;
};

/** The port that a transport has by default (RFC 3261 19.1.2, RFC 7118 10). */
uint16_t order_default_port(enum resolver_transport t);
/** What to begin with; `numeric`: the host is an address, or a name that DNS isn't asked about. */
struct order_plan order_plan(const struct resolver_question *q, bool numeric);
/** The transport for a host without NAPTR and SRV records (4.1, last paragraph); none where we support none that fits. */
enum resolver_transport order_default(const struct resolver_question *q);
/** The transports to ask SRV records for, most wanted first, as bits; returns how many. */
size_t order_transports(const struct resolver_question *q,
                        enum resolver_transport out[ORDER_SERVICES_MAX]);
/** "_sip._udp." and the like: what the SRV name begins with. */
const char *order_prefix(enum resolver_transport t);
/** The usable services of NAPTR records, by order and preference (RFC 3403 4.1); returns how many. Names point into `records`. */
size_t order_naptr(const struct resolver_question *q, const struct dns_record *records,
                   size_t count, struct order_service out[ORDER_SERVICES_MAX]);
/** The usable SRV records, by priority and by weight (RFC 2782), as indices; returns how many, at most `max`. The same `seed`
 * gives the same order. */
size_t order_srv(const struct dns_record *records, size_t count, uint64_t seed, uint16_t *out,
                 size_t max);
/** Is there one record whose target is the root: "the service is decidedly not available" (RFC 2782)? */
bool order_srv_denied(const struct dns_record *records, size_t count);
/** The addresses of a host in the order to try them: by family as RFC 6724 2.1 ranks them, then one of each family in turn, so that
 * a family which doesn't work here costs one attempt; where equal, begun at a place that `seed` decides. Returns how many, at most
 * `max`. */
size_t order_addresses(const struct dns_record *v6, size_t v6_count, const struct dns_record *v4,
                       size_t v4_count, uint64_t seed, const struct addr **out, size_t max);
