/* gateway/advertise.h: `advertise: stun:HOST`: our public address, as a STUN server sees it. Main thread. */
#pragma once
#include "gateway/gateway.h"

/** Fill in `mapped` of each listener of `next` that is to ask: what `before` (may be NULL) learned from the same server is kept, else the server is
 * asked, for a few seconds at most. Where it does not answer the local address stands in, and the log says so. The crew runs. Blocks. */
void advertise_learn(struct gateway *g, const struct snapshot *before, struct snapshot *next);
