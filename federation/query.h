/* federation/query.h: the query of a WebFinger request (RFC 7033 4.1). Pure: any thread, no allocation. */
#pragma once
#include "base/buf.h"

#define FED_RESOURCE_MAX 1024
#define FED_QUERY_PARAMS_MAX 64

enum fed_resource { FED_RESOURCE_AOR, FED_RESOURCE_NUMBER };

struct fed_query {
	enum fed_resource kind;
	bool want_contact; /* by rel=; both where there is none */
	bool want_ingress;
	bool filtered;      /* there is a rel= */
	bool port;          /* it names a port of its own: no AoR */
	struct str address; /* canonical */
	struct str host;    /* of an AoR */
	struct str number;  /* of tel: "+" and digits; empty for a local one */
	char memory[FED_RESOURCE_MAX + 64];
};

/** Read a raw query. ERR_SYNTAX: 400 (no resource or more than one, broken escapes, neither sip: nor tel:); ERR_LIMIT: over-long, 400 too. `why`
 * is a constant for the answer. `*out` points into itself: don't copy it. */
NODISCARD enum err fed_query_parse(struct fed_query *out, struct str query, const char **why);
