/* base/crew.h: workers that share nothing: N loops, each on a thread of its own.
 *
 * What must be unique has one home in the crew: crew_home() of a keyed hash. Whoever else needs it posts there. */
#pragma once
#include "base/loop.h"

#define CREW_MAX 64

struct crew;

/** Make `count` (1 to CREW_MAX) loops; no thread runs yet, so that everything can be set up on them. */
NODISCARD enum err crew_open(struct crew **out, unsigned count);
/** Start the threads, named "worker/N". ERR_SYSTEM when one can't be started; those that run are stopped again. */
NODISCARD enum err crew_start(struct crew *c);
/** Stop all loops, wait for their threads, and run what is still posted on the calling thread, so that what posts hold is given back. Safe to call
 * twice, and before the start. */
void crew_stop(struct crew *c);
/** Has it been stopped? Nothing posted runs any more then, and whoever is left may do on his own thread what he would have posted. Any thread. */
bool crew_stopped(const struct crew *c);
/** Close the loops; the threads must have been stopped. NULL is fine. */
void crew_close(struct crew *c);
unsigned crew_count(const struct crew *c);
/** The loop of worker `index`. Any thread. */
struct loop *crew_loop(const struct crew *c, unsigned index);
/** The worker at which what hashes to `hash` lives. Any thread. */
static inline unsigned crew_home_of(uint64_t hash, unsigned count)
{
	return (unsigned)(((hash >> 32) * count) >> 32);
}
unsigned crew_home(const struct crew *c, uint64_t hash);
