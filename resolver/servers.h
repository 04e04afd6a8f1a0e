/* resolver/servers.h: which name server to ask, by what they have answered so far.
 *
 * A server that stayed silent is asked after the others, and now and then beside them to see whether it is back. Where all are silent
 * it may be the domain that is dead and not they: two are asked at once, so that one dead server costs nobody time.
 *
 * Pure: the time is given. Belongs to one thread. */
#pragma once
#include "base/clock.h"
#include "resolver/resolver.h"

struct server_state {
	unsigned silences;    /* in a row */
	struct mono answered; /* when it last did */
	struct mono retry;    /* not before this is a silent one tried beside others */
	bool plain;           /* it doesn't speak EDNS0 */
};

struct servers {
	size_t count;
	struct server_state list[RESOLVER_SERVERS_MAX];
};

/** `count` servers, of which nothing is known. */
void servers_init(struct servers *s, size_t count);
/** The one to ask among those whose bit in `tried` isn't set: by order, the silent ones last. False: all are tried. */
bool servers_choose(const struct servers *s, unsigned tried, size_t *out);
/** The one to ask at the same time as `chosen`, if any. */
bool servers_beside(struct servers *s, size_t chosen, struct mono now, size_t *out);
/** Server `i` has answered, whatever. */
void servers_answered(struct servers *s, size_t i, struct mono now);
/** Nothing came for what was sent to server `i` at `sent`; it counts unless it has answered others since. */
void servers_silent(struct servers *s, size_t i, struct mono sent, struct mono now);
