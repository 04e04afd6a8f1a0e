/* gateway/ua_answer.h: `lotse answer`: register, ring, answer, until enough have called (RFC 3261 13.3). */
#pragma once
#include "gateway/ua.h"

#define UA_CALLS_MAX 64 /* at once */

/** The task of `lotse answer`. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err ua_answer_open(struct ua *ua);
