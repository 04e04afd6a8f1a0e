/* base/timer.h: a hierarchical timer wheel, one a loop.
 *
 * Starting and stopping cost a few writes, whatever the number. A timer is a field of the object it serves; nothing is allocated.
 * Resolution one millisecond; a timer never fires early. Belongs to one thread. */
#pragma once
#include "base/clock.h"
#include "base/err.h"

#include <stddef.h>

#define TIMER_LEVELS 4
#define TIMER_SLOTS 256

struct timer {
	struct timer *next;
	struct timer **prev; /* NULL: not running */
	uint64_t due;        /* tick */
	void (*fire)(struct timer *self);
};

struct timer_wheel {
	struct mono start;
	uint64_t now; /* tick up to which everything has fired */
	size_t count;
	uint64_t used[TIMER_LEVELS][TIMER_SLOTS / 64];
	struct timer *slots[TIMER_LEVELS][TIMER_SLOTS];
};

/** An empty wheel that begins at `now`. */
void timer_wheel_init(struct timer_wheel *w, struct mono now);
/** (Re)start `t`: it fires once, `delay_ms` (at most 2^32 - 1) after `now`. */
void timer_start(struct timer_wheel *w, struct timer *t, struct mono now, int64_t delay_ms,
                 void (*fire)(struct timer *));
/** Stop `t`; nothing happens where it does not run. */
void timer_stop(struct timer_wheel *w, struct timer *t);
/** Does it run? */
static inline bool timer_running(const struct timer *t)
{
	return t->prev != NULL;
}
/** Fire all that is due at `now`. A firing timer may start and stop any other. */
void timer_wheel_advance(struct timer_wheel *w, struct mono now);
/** Milliseconds from `now` until something may be due: 0 at once, -1 nothing runs. Never later than the truth. */
int64_t timer_wheel_next_ms(const struct timer_wheel *w, struct mono now);
