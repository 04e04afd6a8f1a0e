/* gateway/ua_print.h: what the user agent tells of what happens: one line an event.
 *
 * Text for people ("12:34:56.789 ringing status=180 reason=Ringing ..."), or one JSON object a line for programs. Times are UTC. An empty text
 * is not known: left out, or null. */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

#define UA_LINE_MAX 65536 /* octets of a line; a longer one is left out */

/** Append one event as a line. Pure. */
void ua_event_write(struct buf *out, bool json, struct wall now, const char *event,
                    const struct log_field *fields, size_t count);
/** Write it to `to`, at once (who reads may be waiting for it). Blocks where that does. */
void ua_event_print(FILE *to, bool json, const char *event, const struct log_field *fields,
                    size_t count);
