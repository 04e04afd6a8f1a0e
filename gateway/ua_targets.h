/* gateway/ua_targets.h: whom to try, in which order: what was asked for, and what redirects (3xx) add (RFC 3261 8.1.3.4).
 *
 * No URI is tried twice, so that no two servers can send us round in circles, and there are UA_TARGETS_MAX at most. Pure but for its memory. */
#pragma once
#include "base/arena.h"
#include "sip/field.h"

#define UA_TARGETS_MAX 32
#define UA_TARGETS_MEMORY ((size_t)UA_TARGETS_MAX * (SIP_URI_MAX + 1))

struct ua_target {
	struct str uri;
	unsigned q;      /* in thousandths */
	bool redirected; /* not what the user named */
};

struct ua_targets {
	struct arena memory;
	struct ua_target list[UA_TARGETS_MAX]; /* tried up to `next`, then in the order to try */
	size_t count;
	size_t next;
};

/** None yet. */
void ua_targets_init(struct ua_targets *t);
void ua_targets_fini(struct ua_targets *t);
/** Begin with this URI (copied). ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
NODISCARD enum err ua_targets_begin(struct ua_targets *t, struct str uri);
/** Put in the contacts of a 3xx, by q, before what has not been tried yet. URIs that are no sip:, or are known already, are left out, as are those without
 * room. Returns how many are new. */
size_t ua_targets_redirect(struct ua_targets *t, const struct sip_msg *response);
/** The next to try, or NULL. */
const struct ua_target *ua_targets_take(struct ua_targets *t);
