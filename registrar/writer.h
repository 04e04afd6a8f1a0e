/* registrar/writer.h: the thread that writes the store.
 *
 * It takes all jobs that wait, in order of arrival, plans and writes them in one batch, commits, and posts the answers: what waits while a
 * commit runs is the next batch, so commits are the bigger the more there is to do. In between it sweeps out what has expired. */
#pragma once
#include "registrar/job.h"

#define REG_BATCH_MAX 4096                   /* jobs of one commit */
#define REG_QUEUE_OCTETS ((size_t)128 << 20) /* of all jobs that wait; a single one may be bigger */

struct reg_writer;

/** Start the thread on `store`, which it alone writes from now on. ERR_NOMEM, ERR_SYSTEM, ERR_LIMIT. */
NODISCARD enum err reg_writer_open(struct reg_writer **out, struct reg_store *store,
                                   const struct reg_limits *limits, struct log *log);
/** Finish what was given to it, stop it, free. NULL is fine. Blocks. */
void reg_writer_close(struct reg_writer *w);
/** Give a job to it. ERR_LIMIT: too many wait, and the job is still the caller's. Any thread. */
NODISCARD enum err reg_writer_give(struct reg_writer *w, struct reg_job *job);
/** New limits for the batches to come. Any thread. */
void reg_writer_limit(struct reg_writer *w, const struct reg_limits *limits);
/** How many jobs wait, how many were done. Any thread. */
uint64_t reg_writer_queued(const struct reg_writer *w);
uint64_t reg_writer_done(const struct reg_writer *w);
