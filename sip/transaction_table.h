/* sip/transaction_table.h: inside the transaction layer: what its files share. Nobody else includes this, but its tests.
 *
 * Whatever a table asks of its surroundings (send, wait, what time it is) goes through struct sip_transactions_env, so that tests have a wire that
 * records and a clock that they set. All of it belongs to the table's loop. */
#pragma once
#include "base/map.h"
#include "base/timer.h"
#include "sip/transaction.h"
#include "sip/transaction_fsm.h"

/* A key longer than this is none of ours, or made into a digest. */
#define SIP_KEY_MAX 1024
#define SIP_TAG_TEXT 16

struct sip_transactions_env {
	void *arg;
	struct mono (*now)(void *arg);
	struct packet *(*packet)(void *arg, size_t cap);
	void (*send)(void *arg, const struct sip_flow *flow, struct packet *packet, bool fallback,
	             struct sip_sending *sending);
	void (*forget)(void *arg, struct sip_sending *sending);
	void (*timer_start)(void *arg, struct timer *timer, int64_t delay_ms,
	                    void (*fire)(struct timer *));
	void (*timer_stop)(void *arg, struct timer *timer);
};

/* What both kinds of transaction are. */
struct sip_transaction {
	struct sip_transactions *table;
	struct str key; /* in the transaction's own memory */
	uint8_t machine;
	uint8_t state;
	bool reliable;
	uint8_t again; /* how often the first timer has fired */
	struct timer retransmit;
	struct timer lifetime;
	struct sip_sending sending;
	struct mono started;
	struct sip_flow flow;
	struct packet *packet; /* the request */
	struct sip_msg *msg;   /* its index, in the transaction's own memory */
};

struct sip_server {
	struct sip_transaction t; /* first: the maps hold these */
	struct sip_server_user user;
	struct packet *response; /* the last one that was sent */
	uint16_t final;
	uint16_t sent_by_port;
	bool has_rport;
	bool fell_back; /* the stream by which the request came is gone */
	bool cancelled; /* the user has been told */
	bool is_2543;   /* its client makes no branches (17.2.3) */
	char tag[SIP_TAG_TEXT];
};

struct sip_client {
	struct sip_transaction t; /* first: the maps hold these */
	struct sip_client_user user;
	struct packet *ack;    /* as sent for the final response */
	struct packet *cancel; /* composed, waiting for a provisional response */
	bool cancelled;        /* a CANCEL has been sent */
	bool orphan;           /* the user has let go */
	bool heard;
	bool pinned; /* the user named the connection: no other will do */
};

struct sip_transactions {
	struct sip_transactions_env env;
	struct sip_transactions_events events;
	struct sip_times times;
	size_t limit;
	uint64_t begun;
	uint64_t refused;
	uint64_t stray;
	struct hash_key key;
	struct map servers;
	struct map clients;
};

/** sip_transactions_open() on any surroundings; `env` is copied. */
NODISCARD enum err sip_transactions_open_on(struct sip_transactions **out,
                                            const struct sip_transactions_env *env,
                                            const struct sip_transactions_conf *conf,
                                            const struct sip_transactions_events *events);
/** The surroundings that a wire is. */
struct sip_transactions_env sip_transactions_env_of(struct sip_wire *wire);

/* ---- transaction_step.c: a machine in motion */

/** How much memory a transaction takes: `size` of its struct, its key and its index. */
void *sip_transaction_alloc(size_t size, struct str key, const struct sip_msg *msg);
/** Fill what both kinds share; `self` comes from sip_transaction_alloc(size...). References `packet`. */
void sip_transaction_init(struct sip_transaction *self, size_t size, struct str key,
                          const struct sip_msg *msg, struct packet *packet);
/** Enter `map` and run: the first timers start. ERR_NOMEM, ERR_LIMIT, ERR_EXISTS: nothing has happened. */
NODISCARD enum err sip_transaction_begin(struct sip_transaction *self, struct map *map);
/** What `event` makes of it: the state and the timers are set, the actions are the caller's. */
struct sip_step sip_transaction_step(struct sip_transaction *self, enum sip_event event);
/** Out of `map`, no timer, nothing under way. It can't be found any more, and waits to be freed. */
void sip_transaction_leave(struct sip_transaction *self, struct map *map);
/** Free what both kinds share, and `self`. */
void sip_transaction_free(struct sip_transaction *self);

/* ---- transaction_match.c: which transaction a message belongs to */

struct sip_key {
	char memory[SIP_KEY_MAX];
	struct buf text;
	size_t tagged; /* how much of it is the same for an INVITE, its CANCEL and its ACK */
	bool is_2543;
	/* Of the Via that it was made from: where the answer goes. */
	bool has_rport;
	uint16_t sent_by_port;
};

/** 17.1.3: the branch of the topmost Via, the method of CSeq. false: there is none. */
bool sip_client_key(struct sip_key *key, const struct sip_msg *msg);
bool sip_client_key_of(struct sip_key *key, struct str branch, struct str method);
/** 17.2.3: branch, sent-by, `method` (the request's, or INVITE for its ACK and CANCEL); without the cookie as RFC 2543 compares. */
bool sip_server_key(struct sip_key *key, const struct sip_transactions *table,
                    const struct sip_msg *msg, const struct sip_via *via, struct str method);
/** 17.2.3, RFC 2543's clients alone: an ACK belongs to a final response only if it repeats its To-tag. */
bool sip_server_ack_fits(const struct sip_server *server, const struct sip_msg *ack);
/** The To-tag that we give to what this key (made for a request) names. */
void sip_server_key_tag(const struct sip_transactions *table, const struct sip_key *key,
                        char tag[SIP_TAG_TEXT]);
/** The To-tag of answers without state (see sip_stateless_reply). */
void sip_stateless_tag(const struct sip_msg *msg, struct str key, char tag[SIP_TAG_TEXT]);

/* ---- transaction_reply.c: responses of our own, and where they go */

struct sip_reply {
	unsigned status;
	struct str reason;
	struct str tag;
	void (*more)(void *arg, struct buf *out); /* may be NULL; may be called twice */
	void *arg;
};

/** A response of ours to `req`, which came by `flow`. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err sip_reply_compose(struct packet **out, const struct sip_transactions_env *env,
                                     const struct sip_msg *req, const struct sip_flow *flow,
                                     const struct sip_reply *reply);
/** A request of ours to the next hop about `request`: its CANCEL or ACK (sip_hop_request_begin). NULL without memory. `reason` may be empty. */
struct packet *sip_hop_compose(const struct sip_transactions_env *env, enum sip_method method,
                               const struct sip_msg *request, const struct sip_msg *response,
                               struct str reason);
/** The topmost Via, as far as it can be read: one with broken parameters still says where it came from. */
NODISCARD enum err sip_reply_via(struct sip_via *via, const struct sip_msg *req);
/** Where sent-by listens (18.2.2). */
uint16_t sip_sent_by_port(const struct sip_via *via);
/** 18.2.2, RFC 3581 4: where the answer to a request that came by `flow` goes first: over its connection; over UDP to where it came from, at the
 * port of sent-by unless rport was asked for. `maddr` is not followed: it is for multicast, which nobody here listens to, and would let anybody
 * aim retransmitted answers at a third. */
struct sip_flow sip_reply_flow(const struct sip_flow *flow, uint16_t sent_by_port, bool has_rport);
/** Compose and send without state. Nothing is sent to an ACK, where the Via can't be read, or without memory (the client asks again). */
void sip_reply_send(const struct sip_transactions_env *env, const struct sip_msg *req,
                    const struct sip_flow *flow, const struct sip_reply *reply);

/* ---- transaction_server.c, transaction_cancel.c, transaction_client.c */

void sip_server_receive(struct sip_transactions *table, const struct sip_msg *msg,
                        struct packet *packet, const struct sip_flow *flow);
/** A new server transaction, known to nobody yet. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err sip_server_open(struct sip_server **out, struct sip_transactions *table,
                                   const struct sip_key *key, const struct sip_msg *msg,
                                   struct packet *packet, const struct sip_flow *flow);
/** The request of `server` once more. */
void sip_server_again(struct sip_server *server, const struct sip_flow *flow);
/** Answer it so, and nobody uses it; without memory it is gone. */
void sip_server_finish(struct sip_server *server, unsigned status);
void sip_server_event(struct sip_server *server, enum sip_event event, struct packet *response);
void sip_server_close(struct sip_server *server);
/** A CANCEL that is no retransmission (9.2). `key` is its own. */
void sip_cancel_receive(struct sip_transactions *table, const struct sip_key *key,
                        const struct sip_msg *msg, struct packet *packet,
                        const struct sip_flow *flow);

/* A response on its way to a client transaction. */
struct sip_received {
	const struct sip_msg *msg;
	struct packet *packet;
	const struct sip_flow *flow;
};

void sip_client_receive(struct sip_transactions *table, const struct sip_msg *msg,
                        struct packet *packet, const struct sip_flow *flow);
/** `received` is there for a response, `why` for an error or timeout. */
void sip_client_event(struct sip_client *client, enum sip_event event,
                      const struct sip_received *received, enum err why);
void sip_client_close(struct sip_client *client);
