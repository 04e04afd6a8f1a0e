/* registrar/job.h: one thing the writer is asked to do, from the asking loop to the writer and back.
 *
 * A job belongs to the asker's thread until it is given to the writer, to the writer until it is posted back, then to its loop again. */
#pragma once
#include "base/hash.h"
#include "base/loop.h"
#include "registrar/plan.h"
#include "registrar/store.h"

/* What the writer has for all jobs of a batch. */
struct reg_batch {
	struct reg_store *store;
	struct log *log;
	struct reg_limits limits;
	struct hash_key key;                         /* for tables of this moment */
	struct reg_plan plan;                        /* room to plan in */
	struct reg_binding stored[REG_CONTACTS_MAX]; /* room to read in */
};

struct reg_job;

struct reg_job_kind {
	/** Plan on the newest state, put what changes into the open batch, and keep the answer: what it needs is allocated before anything is
	 * put. A refusal is an answer. Anything but ERR_OK says that the store failed, and voids the batch. Writer's thread. */
	enum err (*apply)(struct reg_job *job, struct reg_batch *batch);
	/** The batch is void: keep that as the answer. Writer's thread; can't fail. */
	void (*fail)(struct reg_job *job, enum err e);
	/** Tell who asked, and free the job. On its loop, or on the writer's thread where it has none. */
	void (*deliver)(struct reg_job *job);
};

struct reg_job {
	struct post post;
	struct reg_job *next; /* in a batch; then in what is posted to one loop */
	const struct reg_job_kind *kind;
	struct loop *loop; /* where the answer goes, or NULL */
	size_t size;       /* octets it takes, for the bound on all that wait */
};
