/* gateway/fork.h: the response context of a proxied request (RFC 3261 16.7 to 16.10): its branches, and what becomes of their answers.
 *
 * Belongs to its request, on the request's worker. A target is tried at one address after the other, each with a client transaction and a
 * branch parameter of its own; targets of one q are tried at once, then those of the next q. */
#pragma once
#include "gateway/request.h"

/** Forward `r` to `targets` (sorted by q; they live as long as r's look-up). NULL and 0: to where its own Request-URI or Route leads.
 * Whatever happens from here on, the request is answered. */
void fork_start(struct request *r, const struct target *targets, size_t count);
/** The caller gave up: cancel all branches, try no more. `reason`: the value of the CANCEL's Reason, or empty. */
void fork_cancel(struct fork *f, struct str reason);
/** Nothing is under way any more, so that it may be freed. */
bool fork_is_idle(const struct fork *f);
/** Free it; branches that are under way go on by themselves. NULL is fine. */
void fork_free(struct fork *f);
