/* gateway/request.h: a request at its home, from its first validation to its last answer (RFC 3261 16.3 to 16.6).
 *
 * A struct request is owned by the worker that is the home of its Call-ID. It goes through numbered steps; where one must wait (a nonce's home,
 * the location service, the registrar, DNS) it is called again from there. It ends when its server transaction has ended and nothing is under way. */
#pragma once
#include "gateway/address.h"
#include "gateway/admission.h"
#include "gateway/locate.h"
#include "gateway/worker.h"
#include "sip/transaction.h"

/* The methods that we let through or answer (others pass too; this is what OPTIONS says). */
#define REQUEST_ALLOW \
	"INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, PRACK, SUBSCRIBE, NOTIFY, PUBLISH, INFO, REFER, MESSAGE, UPDATE"
#define REQUEST_ARENA_MAX ((size_t)256 << 10)

struct fork;

struct request {
	struct worker *worker;
	struct request *next; /* of the worker's */
	struct request **prev;
	const struct snapshot *snapshot;
	struct sip_server *server;   /* NULL once it has ended */
	const struct sip_msg *msg;   /* the server transaction's */
	const struct sip_flow *flow; /* by which it came */
	struct arena arena;
	/* 16.4 */
	struct str uri_text; /* the Request-URI that counts */
	struct sip_uri uri;
	size_t popped; /* Route values on top that were ours */
	bool restored; /* a strict router had put ours into the Request-URI: the last Route value is the Request-URI */
	bool routed; /* Route values are left that aren't ours */
	bool proven; /* our Record-Route with its proof was among them: it belongs to a dialog that we let through */
	/* whose it is */
	struct address from;
	bool from_known;   /* From is an address that we understand */
	struct address to; /* of the Request-URI */
	bool to_known;
	bool to_us; /* the Request-URI is this server itself: no user, or not a domain that has users */
	enum who who;
	const struct conf_peer *peer;
	const struct conf_trust *trust;
	struct str account;    /* the user's, proven by digest or flow */
	struct str realm;      /* whose credentials we consumed; empty: none */
	struct str opaque_aor; /* of an opaque URI of ours that the Request-URI is, or empty */
	struct str opaque_contact;
	/* under way */
	struct locate *locate;
	struct fork *fork;
	unsigned waiting; /* posts and answers that will come back to us and can't be taken back */
	bool trying;      /* the caller was told 100 */
	bool asked_again;
	struct locate *locate_before; /* whose places were gone */
	struct fork *fork_before;
	bool cancelled;
	bool answered; /* a final answer has gone */
	struct mono began;
	char memory[1536]; /* the arena's first; must stay last */
};

/** A new request of the transaction layer; an ACK (server NULL) goes to relay_ack(). */
void request_receive(struct worker *w, struct sip_server *server, const struct sip_msg *msg,
                     struct packet *packet, const struct sip_flow *flow);
/** Free all that are under way on a worker; the crew has been stopped. */
void requests_close(struct worker *w);
/** A final answer is on its way upstream: it no longer counts as pending. */
void request_is_answered(struct request *r);
/** Its CANCEL came. */
void request_cancel(struct request *r, const struct sip_msg *cancel);
/** Answer it ourselves. `reason` NULL: the registry's. */
void request_reply(struct request *r, unsigned status, const char *reason);
/** The same with more header fields. */
void request_reply_with(struct request *r, unsigned status, const char *reason,
                        void (*more)(void *arg, struct buf *out), void *arg);
/** Admitted: find out where it goes, and bring it there or say so. */
void request_route_on(struct request *r);
/** Tell the caller of an INVITE, once, that it is being worked on (RFC 3261 17.2.1). */
void request_trying(struct request *r);
/** All places that were found are gone: were they known from before, so that asking anew may tell others? True: the request goes on from there, its fork is
 * over. Once a request. */
bool request_ask_again(struct request *r);
/** As the one who answers (8.2.2.3): does it require no extension of us? Otherwise it has been answered with 420. */
bool request_requires_nothing(struct request *r);
/** What the 200 to an OPTIONS says. */
void request_write_options(void *arg, struct buf *out);
/** One of the things that were under way has come to its end: free the request where it was the last. */
void request_maybe_free(struct request *r);
