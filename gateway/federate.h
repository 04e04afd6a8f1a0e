/* gateway/federate.h: the federation as the gateway's configuration wants it, and what it asks about us. Main thread. */
#pragma once
#include "gateway/gateway.h"

/** Open g->federation. */
NODISCARD enum err federate_open(struct gateway *g);
/** Put the peers of a snapshot in force. `why`: for a person. */
NODISCARD enum err federate_configure(struct gateway *g, const struct snapshot *s, struct buf *why);
