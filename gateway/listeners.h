/* gateway/listeners.h: the addresses that a configuration wants us to listen on, bound as a whole or not at all. Main thread. */
#pragma once
#include "gateway/gateway.h"
#include "gateway/web.h"

/** Bind what `next` wants and the snapshot in force (NULL at the start) has not; what both want is kept. Nothing is read yet. `why` names the address that
 * can't be had, and the reason. Where it fails nothing has changed. */
NODISCARD enum err listeners_open(struct gateway *g, struct snapshot *next, struct buf *why);
/** `next` is in force: begin to read on what is new, close what only `before` (may be NULL) had. */
void listeners_switch(struct gateway *g, const struct snapshot *before,
                      const struct snapshot *next);
/** `next` won't be: close what it alone had. */
void listeners_undo(struct gateway *g, const struct snapshot *before, const struct snapshot *next);
