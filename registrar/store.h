/* registrar/store.h: the location store: what is kept, under which format, and what happens when the disk fails.
 *
 * An internal interface, made so that what is behind it can change: changes come in batches, one at a time, from one thread; a batch sees
 * the newest state, its own changes included; its commit returns when it is durable and visible to every reader, and nobody is
 * acknowledged before. Readers see committed batches alone, whole ones.
 *
 * Today each batch is one transaction of LMDB in <folder>/location.
 *
 * When a commit fails (disk full, I/O error, failed sync) its batch is void and everybody in it is told so. From then on nothing is
 * written, and look-ups go on, since LMDB never touches what a snapshot sees. Once a second reg_store_begin() looks whether a file
 * in the folder can be written and synced again. If so the tables are closed, their cached pages dropped, and opened again, so that
 * what is read from then on is what the disk has and not what a failed sync left in memory; the next commit says whether the store is well.
 * While they are closed, some milliseconds, a reader gets ERR_IO. LMDB that lost its root in the attempt (it then refuses readers
 * too) is opened again at once. The log gets one line when it begins and one when it ends. */
#pragma once
#include "base/clock.h"
#include "base/log.h"

#define REG_FORMAT 1 /* of the tables and their values */

enum reg_table {
	REG_TABLE_META,     /* "format", "secret:NAME" */
	REG_TABLE_ACCOUNTS, /* address: an account (account.h) */
	REG_TABLE_BINDINGS, /* AoR: its bindings (record.h) */
	REG_TABLES
};

struct reg_store;
struct reg_store_reader;

struct reg_store_conf {
	const char *folder; /* exists, and is ours alone */
	size_t map_size;
	bool sync;
	struct log *log;
};

/** Open, make what is missing, check the format. `why` gets a line where that fails. ERR_VERSION, ERR_CORRUPT, ERR_DENIED, ERR_FULL... Blocks. */
NODISCARD enum err reg_store_open(struct reg_store **out, const struct reg_store_conf *conf,
                                  struct buf *why);
/** All readers must have been closed. NULL is fine. */
void reg_store_close(struct reg_store *st);

/* ---------------------------------------------------------------------------- batches: the writer's thread */

/** Begin a batch. An error: nothing can be written now. Blocks where the store is opened again. */
NODISCARD enum err reg_store_begin(struct reg_store *st);
/** What stands at `key` in this batch; `*value` lives until the next change. ERR_NOTFOUND; anything else spoils the batch. */
NODISCARD enum err reg_store_get(struct reg_store *st, enum reg_table table, struct str key,
                                 struct str *value);
/** Any failure spoils the batch: abort it. */
NODISCARD enum err reg_store_put(struct reg_store *st, enum reg_table table, struct str key,
                                 struct str value);
/** ERR_NOTFOUND; anything else spoils the batch. */
NODISCARD enum err reg_store_del(struct reg_store *st, enum reg_table table, struct str key);
/** Make the batch durable, then visible; it is over either way. After a failure nothing of it counts. Blocks. */
NODISCARD enum err reg_store_commit(struct reg_store *st);
/** Drop the batch. `why` not ERR_OK: because the store failed, which is noted. */
void reg_store_abort(struct reg_store *st, enum err why);
/** What is done now and then: commits of a store without `sync` made durable, snapshots of dead processes freed. Between batches. Blocks. */
void reg_store_tend(struct reg_store *st);

/* ---------------------------------------------------------------------------- readers: one a thread */

NODISCARD enum err reg_store_reader_open(struct reg_store_reader **out, struct reg_store *st);
/** NULL is fine. */
void reg_store_reader_close(struct reg_store_reader *r);
/** Take the newest snapshot, for as short as possible; not twice. ERR_IO: the store is closed just now, or for good. */
NODISCARD enum err reg_store_read_begin(struct reg_store_reader *r);
void reg_store_read_end(struct reg_store_reader *r);
/** `*value` points into the map until reg_store_read_end(). ERR_NOTFOUND. No allocation. */
NODISCARD enum err reg_store_read(struct reg_store_reader *r, enum reg_table table, struct str key,
                                  struct str *value);
/** Visit what stands behind `after`, until `visit` returns false. */
NODISCARD enum err reg_store_read_walk(struct reg_store_reader *r, enum reg_table table,
                                       struct str after,
                                       bool (*visit)(void *arg, struct str key, struct str value),
                                       void *arg);

/* ---------------------------------------------------------------------------- figures: any thread */

struct reg_store_counts {
	uint64_t commits;
	uint64_t failures;
	uint64_t entries[REG_TABLES];
	uint64_t bytes;
};
void reg_store_counts(const struct reg_store *st, struct reg_store_counts *out);
