/* gateway/forward.h: the copy of a request that goes to one place (RFC 3261 16.6). */
#pragma once
#include "gateway/request.h"

struct forward {
	const struct request *request;
	const struct target *target; /* NULL: to where its own Request-URI or Route leads */
	const struct sip_flow *flow; /* by which it leaves, routed */
};

/** The URI to which the copy is to be sent (16.6 step 7), before it is known by which flow: written into `out`. */
NODISCARD enum err forward_next_hop(const struct request *r, const struct target *target,
                                    struct str *out);
/** Write the copy (a packet for the caller). ERR_NOMEM, ERR_LIMIT (too long). */
NODISCARD enum err forward_write(const struct forward *f, struct packet **out);
/** A response as it goes upstream (16.7 step 3), with the lines `more` behind its header fields. */
NODISCARD enum err forward_response(struct worker *w, const struct sip_msg *msg, struct str more,
                                    struct packet **out);
/** Have we seen this request before, with everything that routes it unchanged (16.3 step 4)? */
bool forward_is_loop(struct worker *w, const struct sip_msg *msg);
/** Does a request of this method begin a dialog, or may it, so that we stay in its path? */
bool forward_records(const struct sip_msg *msg);
