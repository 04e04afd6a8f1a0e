/* gateway/call.h: the calls that one worker is the home of, from INVITE to BYE: the accounting line, and how many there are.
 *
 * Bounded: CALLS_MAX a worker; what is over it is accounted at its answer, with no duration. A call whose end nobody sees is closed after a day. */
#pragma once
#include "gateway/request.h"

#define CALLS_MAX 200000
#define CALL_LIFE_MS ((int64_t)24 * 3600 * 1000)

struct calls;

/** ERR_NOMEM. */
NODISCARD enum err calls_open(struct calls **out, struct worker *w);
/** Those that are still in progress get their line. NULL is fine. */
void calls_close(struct calls *c);
/** How many are in progress (answered, not ended). */
size_t calls_count(const struct calls *c);

/** An INVITE without To-tag is being forwarded. Anything else is not a call's beginning, here and below: ignored. */
void call_begin(struct request *r);
/** It got its first 2xx, from `target`. */
void call_answered(struct request *r, const struct sip_msg *response, const struct target *target);
/** It failed with this status. */
void call_failed(struct request *r, unsigned status);
/** A request within a dialog passed: a BYE ends its call. */
void call_request(struct worker *w, const struct sip_msg *msg);
