/* gateway/relay.h: an ACK for a 2xx: forwarded without state along the route that we wrote (RFC 3261 16, 13.2.2.4), to its first address. */
#pragma once
#include "gateway/request.h"

/** Take an ACK that belongs to no transaction. What bears no proof of ours is dropped. */
void relay_ack(struct worker *w, const struct sip_msg *msg, const struct sip_flow *flow);
