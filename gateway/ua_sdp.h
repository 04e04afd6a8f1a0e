/* gateway/ua_sdp.h: session descriptions of somebody who signals only: audio that is agreed on and never sent (RFC 4566, RFC 3264).
 *
 * Pure; any thread. */
#pragma once
#include "base/addr.h"
#include "base/buf.h"

#define UA_SDP_MAX 4096 /* octets of a description of ours */
#define UA_SDP_MEDIA 16 /* media lines in an offer that we answer */

/* Who describes itself: the o= line (RFC 3264 8: a new version for each change). */
struct ua_sdp {
	const struct addr *local; /* where media would come in */
	uint64_t id;
	uint64_t version;
};

/** Write an offer: G.711 on the discard port, inactive. */
void ua_sdp_offer(const struct ua_sdp *sdp, struct buf *out);
/** Write the answer to `offer` (RFC 3264 6): the first audio over RTP/AVP is taken, inactive, all else is refused. False where there is nothing to take or the
 * offer is malformed: 488. */
bool ua_sdp_answer(const struct ua_sdp *sdp, struct str offer, struct buf *out);
