/* gateway/ua_dialog.h: what two user agents share: Call-ID, tags, sequence numbers, the way between them (RFC 3261 12).
 *
 * A struct ua_dialog also stands for what is no dialog yet, or never will be one (a registration, OPTIONS): then its remote tag is empty. It knows no clock and no
 * socket: messages in, request heads out. Belongs to one thread. */
#pragma once
#include "base/arena.h"
#include "sip/build.h"

#define UA_DIALOG_MEMORY ((size_t)256 << 10)

struct ua_dialog {
	struct arena memory; /* of all but the target */
	struct str call_id;
	struct str local; /* From as we write it, with our tag */
	struct str local_tag;
	struct str remote;     /* To as we write it */
	struct str remote_tag; /* empty: no dialog yet */
	struct str routes[SIP_ROUTES_MAX];
	size_t route_count;
	uint32_t local_seq;  /* of our last request */
	uint32_t remote_seq; /* of theirs */
	bool has_remote_seq;
	size_t target_len;
	char target[SIP_URI_MAX];
};

/* How a conversation begins. */
struct ua_opening {
	struct str call_id;
	struct str tag;    /* ours */
	struct str from;   /* a URI */
	struct str to;     /* a URI */
	struct str target; /* Request-URI */
	struct str route;  /* an outbound proxy's URI (8.1.2); empty: none */
};

/** Empty. */
void ua_dialog_init(struct ua_dialog *d);
void ua_dialog_fini(struct ua_dialog *d);

/** Nobody has answered yet. Everything is copied. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err ua_dialog_begin(struct ua_dialog *d, const struct ua_opening *opening);
/** Somewhere else is asked instead (8.1.3.4): another Request-URI, and no outbound proxy, which has had its say. ERR_LIMIT. */
NODISCARD enum err ua_dialog_redirect(struct ua_dialog *d, struct str target);
/** 12.1.2: the dialog that a response (101 to 299, with a To-tag) to a request of `asked` makes. `d` is empty. ERR_NOTFOUND: there is no To-tag;
 * ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err ua_dialog_answered(struct ua_dialog *d, const struct ua_dialog *asked,
                                      const struct sip_msg *response);
/** 12.1.1: the dialog that our response with this To-tag to `request`, which has none, makes. `d` is empty. ERR_SYNTAX: no Contact to reach it again; ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err ua_dialog_accept(struct ua_dialog *d, const struct sip_msg *request,
                                    struct str tag);

/** 12.2.2: is this request of the other side's in the dialog? */
bool ua_dialog_has(const struct ua_dialog *d, const struct sip_msg *request);
/** 12.2.2: is the request newer than all before? Remembers it where it is. ACK and CANCEL bear the number of an INVITE and are not asked about. */
bool ua_dialog_in_order(struct ua_dialog *d, const struct sip_msg *request);
/** 12.2.1.2, 12.2.2: take the Contact of what refreshes the target, where there is a usable one. */
void ua_dialog_retarget(struct ua_dialog *d, const struct sip_msg *msg);
/** The number of our next request. */
uint32_t ua_dialog_next(struct ua_dialog *d);

/** The URI by which the next hop is found (8.1.2): the first of the route set's, or the target. */
struct str ua_dialog_hop(const struct ua_dialog *d);
/** Write the Request-URI (12.2.1.1): the target; that of a first route which is a strict router. */
void ua_dialog_request_uri(const struct ua_dialog *d, struct buf *out);
/** Write a URI as it may stand in a request line: without headers and method, which say how to make a request and are no part of one (19.1.1). */
void ua_request_uri_write(const struct sip_uri *uri, struct buf *out);
/** Write the head of a request: request line, Via, Max-Forwards, Route, From, To, Call-ID, CSeq. */
void ua_dialog_write(const struct ua_dialog *d, enum sip_method method, uint32_t seq,
                     struct str via, struct buf *out);
