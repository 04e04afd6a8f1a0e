/* gateway/ua_register.h: registrations: `lotse register`, and those of `lotse answer` (RFC 3261 10.2). Belongs to the loop. */
#pragma once
#include "gateway/ua_request.h"

struct ua_registration;

struct ua_registration_user {
	void *arg;
	/** An attempt has ended: the final status, or 0 where nobody answered. */
	void (*done)(void *arg, unsigned status);
};

enum ua_registering {
	UA_REGISTERING_ADD,
	UA_REGISTERING_REMOVE,
	UA_REGISTERING_CLEAR /* everybody's bindings */
};

struct ua_registration {
	struct ua *ua;
	struct ua_registration_user user;
	struct ua_dialog dialog;
	struct ua_request request;
	struct timer refresh;
	enum ua_registering doing;
	bool bound;       /* the registrar has said yes, and not yet no */
	bool keeps;       /* refreshes itself */
	bool retried;     /* after a 423 */
	uint32_t expires; /* to ask for */
	struct mono sent;
	size_t contact_len;
	char contact[SIP_URI_MAX]; /* as last written, in its < > */
};

/** For args->uri, through args->proxy or the domain's own servers. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err ua_registration_init(struct ua_registration *r, struct ua *ua,
                                        const struct ua_registration_user *user);
/** Forget it, without a word. A zeroed one is fine. */
void ua_registration_fini(struct ua_registration *r);
/** Send it. With `keeps` the binding is refreshed from then on, until something else is asked for. `done` is called when it has an answer, never from here. Errors as
 * ua_request_start(). */
NODISCARD enum err ua_registration_send(struct ua_registration *r, enum ua_registering doing,
                                        bool keeps);

/** When to refresh what was granted, in milliseconds: early enough that one attempt may fail. Pure. */
int64_t ua_registration_refresh_ms(uint32_t granted);
/** What was granted to `contact` (a URI) by the 200 (10.2.4): its own expires, else that of the message, else what was asked for. Pure. */
uint32_t ua_registration_granted(const struct sip_msg *response, struct str contact,
                                 uint32_t asked);

/** The task of `lotse register`. */
NODISCARD enum err ua_register_open(struct ua *ua);
