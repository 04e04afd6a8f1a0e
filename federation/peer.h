/* federation/peer.h: the peers of one configuration: an immutable, counted snapshot. Reading it: any thread. */
#pragma once
#include "base/arena.h"
#include "base/tls.h"
#include "federation/federation.h"

#include <stdatomic.h>

/* What is counted about a peer; outlives a configuration, found again by name. */
struct fed_tally {
	atomic_uint refs;
	_Atomic uint64_t asked, cached, outcomes[5], answered, refused;
	_Atomic int64_t last_ms;
	_Atomic int64_t quiet_until_ns; /* mono: it asked for peace (Retry-After) */
	_Atomic unsigned quiet_status;
	_Atomic unsigned running; /* questions under way */
};

struct fed_peer {
	struct fed_peer_conf conf; /* its strs point into the snapshot */
	struct fed_tally *tally;
	struct addr numeric; /* of the url's host, where that is an address */
	struct str identity; /* for places of numbers: its first domain, or the url's host */
	size_t index;
};

struct fed_peers {
	atomic_uint refs;
	unsigned generation;
	struct fed_peer *items;
	size_t count;
	struct fed_conf conf; /* the rest; its peers are not set */
	struct tls_trust *trust;
	struct arena arena;
};

/** A snapshot of `conf`, one reference. `before` (or NULL): where the tallies go on from. Reads the authorities, so not on a worker.
 * ERR_NOMEM; ERR_SYNTAX, ERR_CERT: authorities, certificate or key are no good, `why` says which. */
NODISCARD enum err fed_peers_make(struct fed_peers **out, const struct fed_conf *conf,
                                  const struct fed_peers *before, unsigned generation,
                                  struct buf *why);
struct fed_peers *fed_peers_ref(struct fed_peers *peers);
/** NULL is fine. */
void fed_peers_unref(struct fed_peers *peers);
/** The peer of that name, or NULL. */
const struct fed_peer *fed_peer_find(const struct fed_peers *peers, struct str name);

/** Who asks (docs/protocol/lookup.md: certificate, token, network). NULL: nobody we know. `*refused`: his proofs name two different peers. */
const struct fed_peer *fed_peer_who(const struct fed_peers *peers,
                                    const struct fed_request *request, bool *refused);
/** May a place that somebody else named be at this URI? Not if a host of it is a numeric address that is inward or ours, unless
 * allow_targets has it. Names are judged when they are resolved. */
bool fed_place_allowed(const struct fed_peers *peers, const struct fed_self *self, struct str uri);
