/* gateway/ua_serve.h: what comes in: where it belongs, and what is answered to what belongs nowhere (RFC 3261 8.2, 11.2, 12.2.2). Belongs to the loop. */
#pragma once
#include "gateway/ua.h"

/** What the wires tell. */
struct sip_wires_events ua_serve_wire_events(struct ua *ua);
/** What the transactions tell. */
struct sip_transactions_events ua_serve_transaction_events(struct ua *ua);

/** Answer, as sip_server_reply() does; without memory to say that, the transaction says 500. `server` may be gone afterwards, where it is no INVITE's. */
void ua_serve_reply(struct sip_server *server, unsigned status, struct str reason,
                    void (*more)(void *arg, struct buf *out), void *arg);
/** Answer a request that is no INVITE, ACK, CANCEL or BYE of a dialog: OPTIONS 200, what we don't do 405, what we don't know 501. */
void ua_serve_other(struct ua *ua, struct sip_server *server, const struct sip_msg *msg,
                    const struct sip_flow *flow);
/** Is the body one that we read: none, or a session description as it is? If not, 415 has been answered. */
bool ua_serve_content_is_ours(struct sip_server *server, const struct sip_msg *msg);
/** Write a Contact by which we are reached at where `flow` came in. */
void ua_serve_put_contact(const struct ua *ua, const struct sip_flow *flow, struct buf *out);
/** Write Allow, Accept, Supported. */
void ua_serve_put_abilities(struct buf *out);
