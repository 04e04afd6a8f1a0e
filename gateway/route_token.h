/* gateway/route_token.h: the proof in our Record-Route that we wrote it for this dialog.
 *
 * Being inside a dialog proves nothing; this does: a MAC over the Call-ID and the caller's tag, under a key that outlives a restart.
 * Pure; any thread. */
#pragma once
#include "base/buf.h"

#define ROUTE_TOKEN_TEXT 16 /* base64url of 12 octets */

/** Write the token of a dialog: Call-ID and the From tag of the request that began it. */
NODISCARD enum err route_token_write(struct str key, struct str call_id, struct str caller_tag,
                                     struct buf *out);
/** Is `token` the one for this Call-ID and caller's tag? In constant time. */
bool route_token_is(struct str key, struct str token, struct str call_id, struct str caller_tag);
