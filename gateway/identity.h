/* gateway/identity.h: what is known about who sent a request, and whom it is for; laid before the table of gateway/admission.h. */
#pragma once
#include "gateway/request.h"

/** Fill in from, to, who, peer, trust, account (by flow), opaque_*. False: it was answered (a From or Request-URI that can't be understood). */
bool identity_read(struct request *r);
/** Credentials have proven r->account. */
void identity_is_user(struct request *r);
/** What the table says. */
struct admission identity_admit(const struct request *r);
/** Which header field would carry the credentials here: a proxy's, or a redirect server's (RFC 3261 22.1). */
enum sip_header_id identity_field(const struct request *r);
/** The address of record that an address of ours at one of our listeners' addresses means: alice@192.0.2.1 is alice at our first domain. */
enum err identity_address(const struct request *r, const struct sip_uri *uri, struct address *out);
/** The same for whoever has no request. Any thread. */
enum err identity_address_at(const struct snapshot *snapshot, const struct sip_wires *wires,
                             const struct sip_uri *uri, struct arena *arena, struct address *out);
