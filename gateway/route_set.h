/* gateway/route_set.h: what a request's Route and Request-URI say about us (RFC 3261 16.4), and the proof in them.
 *
 * Pure but for reading the snapshot; no allocation. Any thread. */
#pragma once
#include "gateway/snapshot.h"
#include "sip/message.h"

struct route_set {
	struct str uri;  /* the Request-URI that counts */
	size_t popped;   /* Route values on top that are ours */
	bool restored;   /* the Request-URI was one of ours; the last Route value takes its place */
	size_t left;     /* Route values that remain (without the one in the Request-URI's place) */
	struct str next; /* the first of those */
	bool ours;       /* one of ours was there */
	bool proven;     /* and it bears the proof for this dialog */
};

/** Read it. ERR_SYNTAX: a malformed value (sip_check has refused most). */
NODISCARD enum err route_set_read(struct route_set *out, const struct snapshot *s,
                                  const struct sip_wires *wires, struct str route_key,
                                  const struct sip_msg *msg);
/** Write our Record-Route value for what goes by `flow`: <sip:us;lr;lt=PROOF>. */
void route_set_write(const struct snapshot *s, const struct sip_flow *flow, struct str route_key,
                     const struct sip_msg *msg, struct buf *out);
