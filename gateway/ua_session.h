/* gateway/ua_session.h: a call that stands, from either end: its dialog, the requests in it, its end (RFC 3261 12.2, 14, 15).
 *
 * A field of the call that it is of; belongs to the loop. */
#pragma once
#include "gateway/ua_accept.h"
#include "gateway/ua_request.h"

#define UA_CREDENTIALS_MAX \
	4096 /* octets of header fields that an ACK repeats from its INVITE (22.1) */

enum ua_session_state {
	UA_SESSION_NONE,
	UA_SESSION_EARLY, /* called, not answered yet */
	UA_SESSION_WAITS, /* answered, no ACK yet */
	UA_SESSION_TALKS,
	UA_SESSION_ENDS, /* our BYE is under way */
	UA_SESSION_OVER,
};

enum ua_over {
	UA_OVER_THEM, /* they hung up */
	UA_OVER_US,   /* we did, and they know */
	UA_OVER_LOST, /* we did, and nobody answered; or no ACK came */
};

/** Who hung up, in words. */
const char *ua_over_text(enum ua_over why);

struct ua_session_user {
	void *arg;
	/** It is over, and nothing more comes; the session may be closed from here. */
	void (*over)(void *arg, struct ua_session *s, enum ua_over why);
};

struct ua_session {
	struct ua *ua;
	struct ua_session *next; /* of ua->sessions */
	struct ua_session **prev;
	struct ua_session_user user;
	struct ua_dialog dialog;
	enum ua_session_state state;
	struct ua_request ack;
	struct ua_request bye;
	struct ua_accept accept;
	bool foreign; /* see struct ua_request */
	bool lost;    /* no ACK has come */
	bool acking;  /* our ACK is on its way to being sent */
	bool hang_up; /* as soon as we may */
	uint32_t seq; /* of the INVITE that we sent */
	struct addr local;
	uint64_t sdp_id;
	uint64_t sdp_version;
	struct buf credentials;
	char credentials_memory[UA_CREDENTIALS_MAX];
};

/** Nothing yet. */
void ua_session_init(struct ua_session *s, struct ua *ua, const struct ua_session_user *user);
/** End without a word, and forget. */
void ua_session_close(struct ua_session *s);

/** Called: an early dialog from an INVITE. Errors as ua_dialog_accept(). */
NODISCARD enum err ua_session_called(struct ua_session *s, struct sip_server *server);
/** Called, and we answer: 200 until the ACK comes. Errors as ua_accept_start(). */
NODISCARD enum err ua_session_accept(struct ua_session *s, struct sip_server *server);
/** We called `asked` by the INVITE `sent`, and this 2xx came by `flow`: ACK it. Errors as ua_dialog_answered(); then nothing stands. */
NODISCARD enum err ua_session_answered(struct ua_session *s, const struct ua_request *invite,
                                       const struct sip_msg *response, const struct sip_flow *flow);
/** The same 2xx again: our ACK was lost (13.2.2.4). */
void ua_session_ack_again(struct ua_session *s);
/** Hang up, as soon as it is allowed: whom we answered not before his ACK (15). `over` is called, perhaps from here. */
void ua_session_hang_up(struct ua_session *s);

/** The session that a request is in; NULL: none. */
struct ua_session *ua_session_find(const struct ua *ua, const struct sip_msg *request);
/** Take a request in it. */
void ua_session_take(struct ua_session *s, struct sip_server *server, const struct sip_msg *msg,
                     const struct sip_flow *flow);
/** Take an ACK in it. */
void ua_session_ack(struct ua_session *s, const struct sip_msg *ack);
