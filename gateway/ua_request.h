/* gateway/ua_request.h: a request of ours, from its dialog to its final answer: found by RFC 3263, sent to one address after the other until one answers (4.3),
 * repeated with credentials where it is challenged (RFC 3261 22).
 *
 * A field of whoever sends; belongs to the loop. Bounded: UA_TRIES_MAX addresses, UA_CHALLENGES_MAX challenges. */
#pragma once
#include "gateway/ua.h"
#include "gateway/ua_dialog.h"

#define UA_TRIES_MAX 8
#define UA_TRY_MS 4000 /* how long one address may stay silent where there is another */
#define UA_CHALLENGES_MAX 6

struct ua_request;

struct ua_request_user {
	void *arg;
	/** What stands in the request behind its head: header fields, and a body (SDP) or none. `flow` is by which it leaves. May be called several times. */
	void (*write)(void *arg, const struct sip_flow *flow, struct buf *fields, struct buf *body);
	/** A provisional response, or the final one; to an INVITE, several 2xx. The request may be stopped, or started again, from here. */
	void (*response)(void *arg, const struct sip_msg *msg, const struct sip_flow *flow);
	/** No address gave a final answer; ua_request_reason() says more. Never from inside ua_request_start(). */
	void (*failed)(void *arg, enum err why);
	/** An ACK, which has no answer, has left. May be NULL. */
	void (*sent)(void *arg);
};

struct ua_request {
	struct ua *ua; /* NULL: never started */
	struct ua_dialog *dialog;
	struct ua_request_user user;
	enum sip_method method;
	uint32_t seq;
	bool foreign; /* where it goes was learnt from others: our credentials are not for them */
	bool cancelled;
	ua_answered answered;
	unsigned challenges;
	unsigned tries;
	struct resolver_query *query;
	struct resolver_result *result;
	size_t next; /* of the result's targets */
	struct sip_client *client;
	struct sip_flow flow;  /* of the last attempt */
	struct packet *packet; /* as last sent */
	enum err why;
	char reason[256];
};

/* What to send. */
struct ua_sending {
	struct ua_dialog *dialog;
	enum sip_method method;
	uint32_t seq; /* of an ACK: that of its INVITE; others: 0, the dialog's next */
	bool foreign;
	struct ua_request_user user;
};

/** Begin to send. What `r` did before is forgotten. An ACK is sent once and has no answer (ua_request_again()). ERR_NOMEM, ERR_LIMIT, ERR_SYNTAX (no way there): nobody is told
 * anything. */
NODISCARD enum err ua_request_start(struct ua_request *r, struct ua *ua,
                                    const struct ua_sending *sending);
/** Send an ACK again, where it has been sent before. */
void ua_request_again(struct ua_request *r);
/** 9.1: cancel an INVITE. True: an answer or a failure will follow. False: nothing has been sent yet, and nothing follows. */
bool ua_request_cancel(struct ua_request *r);
/** Forget it. Nobody is told any more. A zeroed one is fine. */
void ua_request_stop(struct ua_request *r);
/** Why it failed, in words. */
struct str ua_request_reason(const struct ua_request *r);
