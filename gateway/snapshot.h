/* gateway/snapshot.h: everything that one configuration decides, immutable, swapped whole.
 *
 * The configuration and what was made of it: which listener of the wires is which, what we write about ourselves. A worker holds a
 * reference to the one in force, a request to the one it began with. Reading: any thread. */
#pragma once
#include "gateway/conf.h"
#include "sip/transport.h"
#include "sip/uri.h"

/* A listener of the wires. */
struct listener {
	const struct conf_listener *conf; /* NULL: not one of this configuration's */
	struct addr bound;
	struct addr
		mapped; /* our address as the STUN server of `advertise: stun:HOST` sees it; family 0: not known */
};

/* A URL as bound, for `ready`. */
struct ready_url {
	char text[128];
};

struct snapshot {
	_Atomic unsigned refs;
	const struct conf *conf;
	struct listener listeners[SIP_LISTENERS_MAX]; /* by the wires' number */
	struct ready_url *urls;                       /* in the order of `listen` */
	size_t url_count;
	struct str *ingress; /* sip: URIs that we publish as ours */
	size_t ingress_count;
	int capture_fd; /* a socket to the capture server; -1: there is none */
};

/** A snapshot of `conf` (a reference that it takes over), without listeners yet. ERR_NOMEM: `conf` is still the caller's. */
NODISCARD enum err snapshot_new(struct snapshot **out, const struct conf *conf);
/** Once all listeners are in: write the URLs and what we publish as our ingress. ERR_NOMEM. */
NODISCARD enum err snapshot_finish(struct snapshot *s, const struct ready_url *urls,
                                   size_t url_count);
/** One more holder. */
const struct snapshot *snapshot_ref(const struct snapshot *s);
/** One holder less; the last one frees. NULL is fine. */
void snapshot_unref(const struct snapshot *s);

/** Write what we call ourselves when a message leaves by this flow: "host:port" of what the listener advertises, else of the local address. */
void snapshot_sent_by(const struct snapshot *s, const struct sip_flow *flow, struct buf *out);
/** Do host and port mean one of our SIP listeners: what one of them advertises, or an address of ours with its port? `port` 0: the
 * default. `wires` knows this machine's addresses. */
bool snapshot_is_us(const struct snapshot *s, const struct sip_wires *wires,
                    const struct sip_uri *uri);
