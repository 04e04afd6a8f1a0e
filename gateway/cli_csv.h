/* gateway/cli_csv.h: one record of comma-separated values (RFC 4180) that stands on one line. */
#pragma once
#include "base/arena.h"

/** Split `line` (without its end) into at most `cap` fields, quotes undone. The strs point into `line` or the arena. ERR_SYNTAX: a quote that isn't closed, or
 * in the middle of a field; ERR_LIMIT: more fields; ERR_NOMEM. */
NODISCARD enum err csv_split(struct str line, struct arena *arena, struct str *out, size_t cap,
                             size_t *count);
