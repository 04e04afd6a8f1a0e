/* gateway/auth.h: does this request bear credentials of one of our users? (RFC 3261 22, RFC 7616, RFC 8760)
 *
 * The arithmetic is done where the request is; that a nonce count is used once is known at the nonce's home, so the answer comes later. Who
 * guesses is slowed down per source and per account. Unknown user and wrong password can't be told apart, not by time either. */
#pragma once
#include "gateway/request.h"

enum auth_verdict {
	AUTH_GOOD,  /* r->account and r->realm are set */
	AUTH_NONE,  /* no credentials for this realm, or wrong ones: challenge */
	AUTH_STALE, /* the password was right, the nonce is used up: challenge with stale=true */
	AUTH_MALFORMED, /* 400 */
	AUTH_LIMITED,   /* too many wrong ones lately: 403 */
	AUTH_DISABLED,  /* the account is closed: 403 */
	AUTH_FAILED,    /* the store can't be read, or no memory: 500 */
};

/** Called once, on the request's worker; from inside auth_check() where nothing had to be asked. */
typedef void (*auth_done_fn)(struct request *r, enum auth_verdict verdict);
/** Check the credentials for `domain` (a domain of ours, in `host`) in the header field `id` (Authorization or Proxy-Authorization). The request counts it as
 * waiting meanwhile. */
void auth_check(struct request *r, enum sip_header_id id, const struct conf_domain *domain,
                struct str host, auth_done_fn done);
/** Answer with a challenge: 401 with WWW-Authenticate for SIP_H_AUTHORIZATION, 407 with Proxy-Authenticate for SIP_H_PROXY_AUTHORIZATION. */
void auth_challenge(struct request *r, enum sip_header_id id, const struct conf_domain *domain,
                    struct str host, bool stale);
