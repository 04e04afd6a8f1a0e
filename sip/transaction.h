/* sip/transaction.h: transactions (RFC 3261 17, with RFC 6026 and RFC 4320), at their home.
 *
 * Every message of a call reaches one worker, the home of its Call-ID; a struct sip_transactions is that worker's table and belongs
 * to its loop alone. What the machines do is decided in sip/transaction_fsm (pure tables); here it is done.
 *
 * A transaction is owned by the table and ends by itself. The user (TU) holds a pointer until it is told `ended`, or lets go before. Bounded: SIP_TRANSACTIONS_MAX
 * a worker; a request over that gets 503 with Retry-After from the table itself. */
#pragma once
#include "base/arena.h"
#include "sip/build.h"
#include "sip/transport.h"

#define SIP_TRANSACTIONS_MAX 500000 /* a worker, server and client ones together */

struct sip_transactions;
struct sip_server; /* a server transaction */
struct sip_client; /* a client transaction */

struct sip_transactions_conf {
	int64_t t1_ms;  /* 0: 500 */
	int64_t t2_ms;  /* 0: 4000 */
	int64_t t4_ms;  /* 0: 5000 */
	unsigned limit; /* 0: SIP_TRANSACTIONS_MAX */
};

/* What the TU is told. Messages and strs live during the call. */
struct sip_transactions_events {
	void *arg;
	/** A request that belongs to no transaction yet: `server` is new and waits for sip_server_respond(); 100 Trying is for the TU to send. NULL for an ACK: one for a
	 * 2xx (or for nothing), to be forwarded without state or dropped. */
	void (*request)(void *arg, struct sip_server *server, const struct sip_msg *msg,
	                struct packet *packet, const struct sip_flow *flow);
	/** A CANCEL for this INVITE came and has been answered 200 by the table; only while it has no final response. (A CANCEL for nothing has got its 481.) */
	void (*cancel)(void *arg, struct sip_server *server, const struct sip_msg *cancel);
	/** A response that belongs to no transaction (RFC 6026: dropped; counted here). */
	void (*stray)(void *arg, const struct sip_msg *msg, const struct sip_flow *flow);
};

/** A table on the wire's loop. ERR_NOMEM. */
NODISCARD enum err sip_transactions_open(struct sip_transactions **out, struct sip_wire *wire,
                                         const struct sip_transactions_conf *conf,
                                         const struct sip_transactions_events *events);
/** Free it and all transactions; nobody is told. The loop has been stopped. NULL is fine. */
void sip_transactions_close(struct sip_transactions *table);
/** How many are open now. Own thread. */
size_t sip_transactions_count(const struct sip_transactions *table);
/** Since it was opened: transactions begun (of both kinds, CANCELs too), requests refused because the table was full, responses that
 * belonged to nothing. Own thread. */
uint64_t sip_transactions_begun(const struct sip_transactions *table);
uint64_t sip_transactions_refused(const struct sip_transactions *table);
uint64_t sip_transactions_stray(const struct sip_transactions *table);

/** Take a message that was parsed and checked at its home. */
void sip_transactions_receive(struct sip_transactions *table, const struct sip_msg *msg,
                              struct packet *packet, const struct sip_flow *flow);
/** A datagram came to nothing: if its head is a request of one of our client transactions over UDP, that one has failed. */
void sip_transactions_unreachable(struct sip_transactions *table, const struct sip_flow *flow,
                                  struct str head, enum err why);

/* ---------------------------------------------------------------------------- server */

/* Who uses a server transaction. `ended` is called once, when it is gone (after its last timer, or because no answer could be sent or, for an
 * INVITE that got 2xx, after Timer L): its pointer means nothing from then on. */
struct sip_server_user {
	void *arg;
	void (*ended)(void *arg, struct sip_server *server);
};

/** Who is to be told. Until called nobody is. `user` is copied. */
void sip_server_use(struct sip_server *server, const struct sip_server_user *user);
/** The user's own `arg`; NULL before sip_server_use() and after sip_server_let_go(). */
void *sip_server_arg(const struct sip_server *server);
/** Nobody is told any more; the transaction goes on by itself. Where it has no final response yet it is answered 500 and ends. */
void sip_server_let_go(struct sip_server *server);
/** The request as received: lives as long as the transaction. */
const struct sip_msg *sip_server_request(const struct sip_server *server);
struct packet *sip_server_packet(const struct sip_server *server);
const struct sip_flow *sip_server_flow(const struct sip_server *server);
/** Has a final response been sent? 0, or its status. */
unsigned sip_server_final(const struct sip_server *server);
/** The To-tag that our own responses to this request bear (16 octets of text; the same for all of them). */
struct str sip_server_tag(const struct sip_server *server);
/** Send a response (a reference of its own is taken), retransmit it as the machine says, over the flow that the request came by; over a stream that is gone by
 * a new connection (18.2.2). Provisional ones after the final one, and a second final one, are dropped, but for 2xx to INVITE, which pass (RFC 6026). */
void sip_server_respond(struct sip_server *server, struct packet *response, unsigned status);
/** Compose and send a response of our own: status line, Via.., To with our tag, then what `more` (may be NULL) adds, no body. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err sip_server_reply(struct sip_server *server, unsigned status, struct str reason,
                                    void (*more)(void *arg, struct buf *out), void *arg);

/* ---------------------------------------------------------------------------- client */

/* What a client transaction's user is told, never from inside a call of his own. After `failed` or a final response of a request that is not an INVITE, or after
 * sip_client_let_go(), nothing more comes. To an INVITE, several 2xx may come (RFC 6026); `ended` says that none will. */
struct sip_client_user {
	void *arg;
	/** A response: provisional ones, final ones. The ACK for a final one that is not 2xx has been sent. */
	void (*response)(void *arg, struct sip_client *client, const struct sip_msg *msg,
	                 struct packet *packet, const struct sip_flow *flow);
	/** No final response: ERR_TIMEOUT (Timer B, F, or try_ms without any response; or a CANCEL that brought none in 64*T1), or the transport's reason. The transaction is gone. */
	void (*failed)(void *arg, struct sip_client *client, enum err why);
	/** An INVITE's transaction is gone after a final response. */
	void (*ended)(void *arg, struct sip_client *client);
};

struct sip_client_start {
	struct packet *request; /* whole, with our Via on top; a reference of its own is taken */
	struct sip_flow flow;   /* routed (sip_wire_route) */
	int64_t try_ms; /* how long no response at all is borne before ERR_TIMEOUT; 0: as the RFC says */
	struct sip_client_user user;
};

/** Send a request (not ACK) and look after it. `*out` is valid until `failed`, `ended`, a non-INVITE's final response, or sip_client_let_go(). ERR_NOMEM, ERR_LIMIT,
 * ERR_SYNTAX (not our own words), ERR_EXISTS (a branch used twice): nothing was sent, nobody is told. */
NODISCARD enum err sip_client_start(struct sip_transactions *table,
                                    const struct sip_client_start *start, struct sip_client **out);
/** Cancel an INVITE (9.1): at once where a provisional response came, else when one does; nothing where a final one did. `reason` is the value of a Reason header
 * field (RFC 3326), copied; empty: none. */
void sip_client_cancel(struct sip_client *client, struct str reason);
/** Nobody is told any more; the transaction goes on by itself (retransmits, ACKs). NULL is fine. */
void sip_client_let_go(struct sip_client *client);
/** Has any response come? */
bool sip_client_heard(const struct sip_client *client);
/** The request as sent. */
const struct sip_msg *sip_client_request(const struct sip_client *client);
const struct sip_flow *sip_client_flow(const struct sip_client *client);

/* ---------------------------------------------------------------------------- without state */

/** Send a request without a transaction (ACK for 2xx). */
void sip_stateless_send(struct sip_wire *wire, struct packet *request, const struct sip_flow *flow);
/** Answer a request without a transaction (8.2.7), over the flow it came by: responses of ours to what needs no state. The To-tag is made from the request under `key`, so that
 * retransmissions get the same one and an ACK to it is known (sip_stateless_is_ours). `more` as in sip_server_reply. Any worker. */
struct sip_stateless {
	unsigned status;
	struct str reason;
	struct str tag_key; /* a secret */
	void (*more)(void *arg, struct buf *out);
	void *arg;
};
void sip_stateless_reply(struct sip_wire *wire, const struct sip_msg *req,
                         const struct sip_flow *flow, const struct sip_stateless *reply);
/** Is this ACK for a response that sip_stateless_reply() made? Drop it then. */
bool sip_stateless_is_ours(const struct sip_msg *ack, struct str tag_key);
