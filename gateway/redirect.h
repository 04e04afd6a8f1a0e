/* gateway/redirect.h: the answer of a redirect server: where to go (RFC 3261 8.3, 21.3.3; docs/protocol/lookup.md, "In a 3xx"). */
#pragma once
#include "gateway/request.h"

/** Answer 302 with all targets that can be said in one, else 480. */
void redirect_reply(struct request *r, const struct locate_result *found);
/** Write the Contact value for a target of a request for `uri`: false where it can't be said in a 3xx (a route set of several). Pure. */
bool redirect_contact(const struct target *t, struct str uri, struct wall now, struct buf *out);
