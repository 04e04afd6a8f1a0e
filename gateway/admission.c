#include "gateway/admission.h"

#define PASS ((struct admission){ ADMISSION_PASS, "" })
#define CHALLENGE ((struct admission){ ADMISSION_CHALLENGE, "credentials needed" })
#define FORBID(reason) ((struct admission){ ADMISSION_FORBID, (reason) })

/* 1. The listener: who may come in here at all? */
static struct admission by_role(const struct admission_case *c)
{
	if (c->role == CONF_ROLE_USERS && c->who == WHO_PEER)
		return FORBID("Listener Is for Users");
	if (c->role == CONF_ROLE_USERS && c->who == WHO_STRANGER && c->auth_required)
		return c->from_ours ? CHALLENGE : FORBID("Listener Is for Users");
	if (c->role == CONF_ROLE_PEERS && (c->who == WHO_STRANGER || c->who == WHO_USER))
		return FORBID("Listener Is for Peers");
	return PASS;
}

/* 2a. A From in one of our domains is for its user, or for who may assert. */
static struct admission by_own_from(const struct admission_case *c)
{
	switch (c->who) {
	case WHO_USER:
		return c->from_own ? PASS : FORBID("From Is Not Yours");
	case WHO_TRUSTED:
		return c->may_assert ? PASS : CHALLENGE;
	case WHO_PEER:
		return FORBID("From Is in Our Domain");
	case WHO_STRANGER:
		return c->auth_required ? CHALLENGE : PASS;
	}
	return FORBID("Unknown Sender");
}

/* 2b. Any other From is for the peer whose it is, for who may assert, and for strangers where they may call at all. */
static struct admission by_foreign_from(const struct admission_case *c)
{
	switch (c->who) {
	case WHO_USER:
		return FORBID("From Is Not Yours");
	case WHO_TRUSTED:
		return c->may_assert ? PASS : FORBID("From May Not Be Asserted");
	case WHO_PEER:
		return c->from_own || c->bears_opaque ? PASS
		                                      : FORBID("From Is Not Served by This Peer");
	case WHO_STRANGER:
		return c->bears_opaque || c->call == CONF_CALL_ANY ? PASS
		                                                   : FORBID("Sender Unknown");
	}
	return FORBID("Unknown Sender");
}

/* 3. Whom may he reach? */
static struct admission by_destination(const struct admission_case *c)
{
	if (c->to_ours || c->bears_opaque)
		return PASS;
	switch (c->who) {
	case WHO_USER:
		return PASS;
	case WHO_TRUSTED:
		return c->may_relay ? PASS : FORBID("Relaying Denied");
	case WHO_PEER:
		return c->route_says ? PASS : FORBID("Relaying Denied");
	case WHO_STRANGER:
		/* Without passwords a From of ours is all that a user of ours can show. */
		return !c->auth_required && c->from_ours ? PASS : FORBID("Relaying Denied");
	}
	return FORBID("Relaying Denied");
}

struct admission admission_of(const struct admission_case *c)
{
	struct admission a = by_role(c);

	if (a.verdict == ADMISSION_PASS)
		a = c->from_ours ? by_own_from(c) : by_foreign_from(c);
	if (a.verdict == ADMISSION_PASS)
		a = by_destination(c);
	return a;
}

const char *who_name(enum who who)
{
	static const char *const names[] = {
		[WHO_STRANGER] = "stranger",
		[WHO_USER] = "user",
		[WHO_TRUSTED] = "trusted",
		[WHO_PEER] = "peer",
	};

	return (unsigned)who < sizeof(names) / sizeof(names[0]) ? names[who] : "unknown";
}
