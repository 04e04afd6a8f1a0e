/* gateway/best.h: which final response goes back when all branches have ended (RFC 3261 16.7 step 6). Pure. */
#pragma once
#include <stdbool.h>

/** Is `candidate` to be preferred to `best`, both final and not 2xx? `best` 0: none yet. */
bool best_is_better(unsigned candidate, unsigned best);
/** What goes back upstream for a best response of this status: itself, or what stands for it (a 503 of somebody else's says nothing
 * about us: 500; nothing at all: 408). */
unsigned best_status_upstream(unsigned status);
