/* gateway/route.h: whom to ask about an address that is not one of our users', and in which order.
 *
 * Pure: configuration and address in, a plan out; and, given how one question of the plan ended, which is next. Any thread, no allocation. */
#pragma once
#include "gateway/address.h"

#define ROUTE_PLAN_MAX 160

enum route_kind {
	ROUTE_PEER,    /* ask the peer in `way` */
	ROUTE_INGRESS, /* the peer's configured ingress, where it could not be asked */
	ROUTE_URI,     /* a URI of the configuration */
	ROUTE_DNS,     /* RFC 3263 of the address's own domain */
	ROUTE_REFUSE,
};

/* One question. */
struct route_ask {
	enum route_kind kind;
	const struct conf_peer *peer; /* ROUTE_PEER, ROUTE_INGRESS */
	enum conf_way way;            /* ROUTE_PEER */
	struct str uri;               /* ROUTE_URI */
	bool is_route;                /* said by routes[route] */
	size_t route;
};

struct route_plan {
	struct route_ask asks[ROUTE_PLAN_MAX];
	size_t count;
};

enum route_outcome { ROUTE_SETTLED, ROUTE_UNKNOWN, ROUTE_FAILED };

/** The whole plan for `address`, in order: the first of `routes` that matches, the peers that serve the domain or the number, the ways of `federation.open`. */
void route_plan_make(struct route_plan *plan, const struct conf *conf,
                     const struct address *address);
/** The next question after `at`, which ended so; `failed_before`: has any question so far failed? plan->count: there is none.
 *
 * unknown: the peer's next way, then the next source. failed: the peer's next way, after the last its ingress where it has one, else the next
 * peer; never on to the open DNS. */
size_t route_plan_next(const struct route_plan *plan, size_t at, enum route_outcome outcome,
                       bool failed_before);
/** How the source is called: "peer:beta/https", "route:0", "dns". */
void route_source(const struct route_ask *ask, struct buf *out);
/** The address as it is sent to a peer: a number as sip:+49...@DOMAIN;user=phone with the peer's first domain; empty: as it was asked for. */
void route_uri_at_peer(const struct conf_peer *peer, const struct address *address,
                       struct buf *out);
