/* gateway/ua_ask.h: `lotse options`: ask what is there (RFC 3261 11.1). */
#pragma once
#include "gateway/ua.h"

/** The task of `lotse options`. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err ua_ask_open(struct ua *ua);
