/* stun/reply.h: what a client makes of what came back (RFC 8489 6.3.3, 6.3.4).
 *
 * Inside of stun/. Pure: any thread, no allocation. */
#pragma once
#include "stun/message.h"
#include "stun/stun.h"

/** Write the Binding request with this id: STUN_REQUEST_LEN octets. */
#define STUN_REQUEST_LEN (STUN_HEADER + 8)
void stun_request_write(unsigned char out[STUN_REQUEST_LEN], const unsigned char id[STUN_ID]);

/** Is `message` the answer to the request with this id? If so, fill result->err, mapped, code and reason (which points into the
 * message). If not, it is to be dropped as if it had never come. */
bool stun_reply_read(struct str message, const unsigned char id[STUN_ID],
                     struct stun_result *result);
