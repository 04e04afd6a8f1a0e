/* registrar/plan.h: what a REGISTER does to the bindings of its address (RFC 3261 10.3, steps 6 to 8).
 *
 * Pure: values in, values out; no clock, no store. All or nothing: a refusal changes nothing. Any thread, no allocation. */
#pragma once
#include "registrar/registrar.h"

/* Longest texts of a binding, in octets. */
#define REG_CALL_ID_MAX 512
#define REG_INSTANCE_MAX 256
#define REG_METHODS_MAX 256
#define REG_PARAMS_MAX 512
#define REG_USER_AGENT_MAX 128 /* longer ones are cut, not refused */

/* The outcome. Its texts point into what was stored and what was asked. */
struct reg_plan {
	unsigned status; /* 200, or why not: 400, 403, 423, 500 */
	const char *reason;
	uint32_t min_expires_s; /* for 423 */
	bool changed;           /* for 200: `items` are not what was stored */
	size_t count;
	struct reg_binding
		items[REG_CONTACTS_MAX]; /* for 200: all that are bound then, best first */
};

/** Plan `asked`, whose contacts, Expires and star hash to `content`, on the `count` bindings of `stored` (at most REG_CONTACTS_MAX). */
void reg_plan(struct reg_plan *out, const struct reg_binding *stored, size_t count,
              const struct reg_request *asked, uint64_t content, const struct reg_limits *limits);
