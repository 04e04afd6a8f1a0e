/* registrar/sweep.h: what has expired leaves the disk.
 *
 * Look-ups pass over expired bindings at the second; here their room is given back, within minutes. The writer passes over all records in
 * small pieces between its batches: it reads the first octets of each (when does the first binding expire?) and writes, in a batch of
 * its own, those that have something to lose. One pass begins a minute after the last began and is spread over it. */
#pragma once
#include "registrar/job.h"

struct reg_sweep;

/** ERR_NOMEM. */
NODISCARD enum err reg_sweep_open(struct reg_sweep **out, struct reg_store *store);
/** NULL is fine. */
void reg_sweep_close(struct reg_sweep *s);
/** Do the next piece if it is due: how many milliseconds until the next is. Writer's thread, between batches. */
int64_t reg_sweep_run(struct reg_sweep *s, struct reg_batch *batch, struct wall now);
