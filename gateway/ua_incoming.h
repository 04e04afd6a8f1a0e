/* gateway/ua_incoming.h: a call to us: ringing, answered, or cancelled (RFC 3261 13.3, 9.2). Belongs to the loop. */
#pragma once
#include "gateway/ua_session.h"

struct ua_incoming_user {
	void *arg;
	/** It is over and freed: `status` is what its INVITE has got. */
	void (*over)(void *arg, unsigned status);
};

struct ua_incoming {
	struct ua *ua;
	struct ua_incoming_user user;
	struct ua_incoming *next; /* of the user's list */
	struct ua_incoming **prev;
	struct sip_server *server; /* of the INVITE, until it has its final response */
	struct ua_session session;
	struct timer timer; /* until we answer, then until we hang up */
	struct mono begun;
};

/** Let it ring, and put it into `list`. ERR_SYNTAX: it has no Contact; ERR_NOMEM, ERR_LIMIT: nothing has been answered. `over` is never called from here. */
NODISCARD enum err ua_incoming_open(struct ua *ua, struct sip_server *server,
                                    const struct ua_incoming_user *user, struct ua_incoming **list);
/** Free it, out of its list; nobody is told. */
void ua_incoming_close(struct ua_incoming *c);
/** Refuse it with this final response while it rings, and say `event`. */
void ua_incoming_decline(struct ua_incoming *c, unsigned status, const char *event);
/** End it, whatever it is doing: 480, or BYE as soon as that is allowed. */
void ua_incoming_end(struct ua_incoming *c);
/** The URI of a From or To. */
struct str ua_incoming_uri(struct str value);
