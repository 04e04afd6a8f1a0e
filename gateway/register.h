/* gateway/register.h: a REGISTER for one of our domains (RFC 3261 10.3): what the request says, and the answer. What it changes is decided by the
 * registrar's writer. */
#pragma once
#include "gateway/request.h"

/** Take the request from here on; it is answered whatever happens. */
void register_begin(struct request *r);
