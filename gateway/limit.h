/* gateway/limit.h: how much one source may do in a time, over all workers, without a lock.
 *
 * A bounded table of due times (the generic cell rate algorithm): one atomic word a source. Where a set is full the source that has been quiet
 * longest is forgotten; two workers that count the same source at the same moment may let one more pass. Any thread. */
#pragma once
#include "base/addr.h"
#include "base/clock.h"
#include "gateway/conf.h"

struct limit;

/** A table for about `sources` sources (rounded up to a power of two). ERR_NOMEM. */
NODISCARD enum err limit_open(struct limit **out, size_t sources);
/** NULL is fine. */
void limit_close(struct limit *l);
/** Count one event of the source that hashes to `source`: may it happen? `rate` 0: always. A burst of a second's worth (at least `rate.count`
 * where it is per minute or longer) is borne. */
bool limit_take(struct limit *l, uint64_t source, struct conf_rate rate, struct mono now);
/** Would limit_take() say yes? Counts nothing. */
bool limit_would_take(struct limit *l, uint64_t source, struct conf_rate rate, struct mono now);
/** The key of an address (without port), and of a text. */
uint64_t limit_key_addr(const struct limit *l, const struct addr *a);
uint64_t limit_key_str(const struct limit *l, struct str s);
