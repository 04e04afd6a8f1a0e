/* gateway/ua_auth.h: the challenges that we have met, and the credentials that answer them (RFC 3261 22.2, 22.3).
 *
 * A challenge is kept, so that the next request to the same realm bears credentials at once (22.3), with the next nonce count.
 * Belongs to one thread. */
#pragma once
#include "sip/digest.h"

#define UA_REALMS_MAX 8       /* challenges kept */
#define UA_CHALLENGE_MAX 2048 /* octets of one */

struct ua_challenge {
	enum sip_header_id answer; /* Authorization or Proxy-Authorization */
	uint32_t uses;             /* of its nonce */
	size_t len;
	char value[UA_CHALLENGE_MAX];
};

struct ua_auth {
	struct str name; /* empty: no credentials, nothing is answered */
	struct str password;
	struct ua_challenge challenges[UA_REALMS_MAX];
	size_t count;
};

/** What a request has answered so far: a bit for each challenge. Zeroed at its start. */
typedef unsigned ua_answered;

/** Take the challenge of a 401 or 407. True if it is worth asking again: we know the algorithm, and this realm has not refused our answer in this request already (a stale
 * nonce is no refusal, but comes only so often). */
bool ua_auth_learn(struct ua_auth *auth, const struct sip_msg *response, ua_answered *answered);
/** Write the header fields that answer all challenges met. ERR_NOMEM, ERR_SYSTEM, or that of `out`. */
NODISCARD enum err ua_auth_write(struct ua_auth *auth, struct str method, struct str uri,
                                 struct str body, struct buf *out);
