/* federation/document.h: the document of a look-up (docs/protocol/lookup.md), read and written.
 *
 * The one file that knows Jansson. Pure: any thread. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "federation/federation.h"

#define FED_DOCUMENT_MAX 65536 /* octets of an answer */
#define FED_URI_MAX 2048       /* octets of a URI in it */
#define FED_ROUTES_MAX 8       /* Route values of a place */

#define FED_REL_CONTACT "urn:uuid:92018ae5-b957-5acb-b8b0-674ecdcd203a"
#define FED_REL_INGRESS "urn:uuid:6e0d074c-06f5-5bd9-ac74-8a337bfa7cef"
#define FED_PARAMS "urn:uuid:082295d0-adc6-548d-8e3c-e0bbb4db2f03"
#define FED_ROUTE "urn:uuid:d0ccb9e5-0f70-52af-ab3f-59bf9d4856d1"
#define FED_IDENTITY "urn:uuid:4c71d216-f6fb-5f1c-9e5d-42863d36a364"

struct fed_link {
	bool ingress;
	bool has_expires;
	struct str href;
	struct str route; /* Route values joined by ", " */
	unsigned q;       /* thousandths */
	uint32_t expires_s;
	struct str methods;  /* "INVITE,MESSAGE"; empty: any */
	struct str identity; /* lower case; empty: not said */
};

struct fed_document {
	struct str subject;
	struct fed_link
		links[FED_TARGETS_MAX]; /* contacts before ingress, by q, then in the order given */
	size_t count;
	size_t unusable; /* links of ours that are malformed */
};

/** Read what came for a question about `subject` (canonical). Strings are copied into `arena`. ERR_SYNTAX: no document, or about another; `why`
 * says so. ERR_NOMEM: no memory, or the arena is full. Malformed links are left out and counted, what is not known is ignored. */
NODISCARD enum err fed_document_parse(struct fed_document *out, struct str text, struct str subject,
                                      struct arena *arena, struct buf *why);
/** Write `doc` as JSON. ERR_NOMEM. */
NODISCARD enum err fed_document_write(const struct fed_document *doc, struct buf *out);
/** Put `link` where it belongs in the order of trying; the last one goes where there is no room. */
void fed_document_add(struct fed_document *doc, const struct fed_link *link);
