/* gateway/address.h: what a URI means to this provider: which address of record, and is it one of ours?
 *
 * Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "gateway/conf.h"
#include "sip/uri.h"

#define ADDRESS_MAX 1024 /* octets of a canonical address */

struct address {
	struct str aor;    /* canonical: "sip:bob@beta.example", or "tel:+4930123456" */
	struct str user;   /* as in aor; empty for a domain alone */
	struct str domain; /* lower case; empty for tel: */
	struct str number; /* "+" and digits where it means a telephone number, else empty */
	const struct conf_domain *own; /* the domain of ours that it is in, or NULL */
	bool secure;                   /* it was sips: */
	bool port;                     /* it names a port that is no default: no AoR, a place */
};

/** Understand `uri`; every str of `out` is in the arena. ERR_UNSUPPORTED: neither sip, sips nor tel; ERR_LIMIT: over-long; ERR_NOMEM. */
NODISCARD enum err address_of(struct address *out, const struct conf *conf,
                              const struct sip_uri *uri, struct arena *arena);
/** The URI that a person means by `text`: a URI, "bob@beta.example", or a number ("+49 30 123456"). Its strs are in the arena. ERR_SYNTAX, ERR_LIMIT,
 * ERR_NOMEM. */
NODISCARD enum err address_uri(struct sip_uri *out, struct str text, struct arena *arena);
/** The same for the text of a URI, or of a number ("+49 30 123456"). ERR_SYNTAX too. */
NODISCARD enum err address_of_text(struct address *out, const struct conf *conf, struct str text,
                                   struct arena *arena);
