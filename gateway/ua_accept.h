/* gateway/ua_accept.h: a 2xx of ours to an INVITE, sent again and again until its ACK comes (RFC 3261 13.3.1.4). A field of the session; belongs to the loop. */
#pragma once
#include "gateway/ua.h"
#include "gateway/ua_sdp.h"

#define UA_T1_MS 500
#define UA_T2_MS 4000

struct ua_accept {
	struct ua *ua;
	struct sip_server *server; /* NULL: nothing under way */
	struct packet *packet;
	struct timer again;
	int64_t interval_ms;
	int64_t waited_ms;
	uint32_t seq;                         /* of the INVITE */
	void (*gave_up)(struct ua_accept *a); /* no ACK in 64 * T1 */
};

/** Answer this INVITE with 200 and our description: an answer to its offer, or an offer where it has none. The server transaction is `a`'s from now on. ERR_UNSUPPORTED: nothing in the offer that
 * we take, nothing was sent (488); ERR_NOMEM, ERR_LIMIT: nothing was sent. */
NODISCARD enum err ua_accept_start(struct ua_accept *a, struct ua *ua, struct sip_server *server,
                                   const struct ua_sdp *sdp);
/** Is a 2xx waiting for its ACK? */
bool ua_accept_waits(const struct ua_accept *a);
/** An ACK with this number has come: true if it is the one that was waited for. */
bool ua_accept_acked(struct ua_accept *a, uint32_t seq);
/** Wait no longer. A zeroed one is fine. */
void ua_accept_stop(struct ua_accept *a);
