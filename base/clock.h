/* base/clock.h: two kinds of time that the compiler keeps apart.
 *
 * `struct mono` measures waiting (never set back), `struct wall` says when something expires (survives a restart).
 * All functions: any thread, no allocation. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct mono {
	int64_t ns;
};

/** Milliseconds since 1970-01-01 UTC. */
struct wall {
	int64_t ms;
};

/** Now. */
struct mono mono_now(void);
/** Now. */
struct wall wall_now(void);

static inline struct mono mono_add_ms(struct mono t, int64_t ms)
{
	return (struct mono){ t.ns + ms * 1000000 };
}

/** Milliseconds from `from` to `to`, rounded down; negative where `to` is earlier. */
static inline int64_t mono_ms_between(struct mono from, struct mono to)
{
	return (to.ns - from.ns) / 1000000;
}

/** Is `a` later than `b`? */
static inline bool mono_after(struct mono a, struct mono b)
{
	return a.ns > b.ns;
}

static inline struct wall wall_add_s(struct wall t, int64_t seconds)
{
	return (struct wall){ t.ms + seconds * 1000 };
}

/** Is `a` later than `b`? */
static inline bool wall_after(struct wall a, struct wall b)
{
	return a.ms > b.ms;
}

/** Whole seconds from `from` until `to`, rounded up; 0 where that is past. */
static inline int64_t wall_seconds_left(struct wall from, struct wall to)
{
	return to.ms <= from.ms ? 0 : (to.ms - from.ms + 999) / 1000;
}
