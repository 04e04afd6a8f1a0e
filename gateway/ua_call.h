/* gateway/ua_call.h: `lotse call`: call, hold, hang up (RFC 3261 13.2, 8.1.3.4). */
#pragma once
#include "gateway/ua.h"

/** The task of `lotse call`. ERR_NOMEM. */
NODISCARD enum err ua_call_open(struct ua *ua);
