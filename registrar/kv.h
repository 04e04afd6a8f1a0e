/* registrar/kv.h: ordered tables on disk, by LMDB (the only file that knows it).
 *
 * One thread changes (kv_begin ... kv_commit), any number of views read, each on a snapshot of its own, without a lock. A commit
 * returns when it is on stable storage; from then on, and not before, new snapshots see it. The file grows as it is written: the map's
 * size is address space, and the most it may ever hold.
 *
 * What LMDB promises and this relies on: pages that a snapshot may see are never overwritten, so whatever a crash or a failed commit
 * leaves behind, the last good commit stands. */
#pragma once
#include "base/str.h"

#define KV_KEY_MAX 511
#define KV_TABLES_MAX 8
#define KV_VIEWS_MAX 256

struct kv;
struct kv_view;

struct kv_conf {
	const char *folder; /* exists */
	size_t map_size;    /* rounded up to whole pages */
	bool sync; /* false: the last commit may be undone by a loss of power (never damaged); kv_sync() makes it last */
	const char *const *tables; /* names, constants */
	unsigned table_count;
};

/** Open the tables, made where they are missing. ERR_INUSE never: who may open the folder is decided before. ERR_DENIED, ERR_FULL, ERR_IO,
 * ERR_NOMEM; ERR_CORRUPT: not one of ours; ERR_VERSION: of another LMDB. Blocks. */
NODISCARD enum err kv_open(struct kv **out, const struct kv_conf *conf);
/** All views must have been detached or closed. NULL is fine. */
void kv_close(struct kv *kv);

/* ---------------------------------------------------------------------------- changing: one thread at a time */

/** Begin a transaction; there must be none. */
NODISCARD enum err kv_begin(struct kv *kv);
/** What stands at `key`, this transaction's own changes too; `*value` lives until the next change. ERR_NOTFOUND. */
NODISCARD enum err kv_get(struct kv *kv, unsigned table, struct str key, struct str *value);
/** ERR_FULL: the map or the disk. After any failure here but ERR_LIMIT (a key too long or empty) the transaction must be aborted. */
NODISCARD enum err kv_put(struct kv *kv, unsigned table, struct str key, struct str value);
/** ERR_NOTFOUND where nothing stands there. */
NODISCARD enum err kv_del(struct kv *kv, unsigned table, struct str key);
/** How many keys a table has, this transaction's changes counted. */
uint64_t kv_count(struct kv *kv, unsigned table);
/** Make it durable, then visible. Whatever it returns, the transaction is over; after a failure nothing of it is visible, and the
 * tables must be closed and opened again before the next kv_begin(). Blocks. */
NODISCARD enum err kv_commit(struct kv *kv);
/** Drop the transaction. Nothing where there is none. */
void kv_abort(struct kv *kv);
/** Put what was committed without `sync` on stable storage. Blocks. */
NODISCARD enum err kv_sync(struct kv *kv);
/** Octets of the file. */
uint64_t kv_bytes(struct kv *kv);
/** Free the snapshots of processes that died. */
void kv_check_readers(struct kv *kv);

/* ---------------------------------------------------------------------------- reading: a view belongs to one thread */

/** A view, attached to `kv`. ERR_NOMEM. */
NODISCARD enum err kv_view_open(struct kv_view **out, struct kv *kv);
/** NULL is fine. */
void kv_view_close(struct kv_view *v);
/** Leave the tables, so that they can be closed (NULL), or go over to others. Not between begin and end. */
void kv_view_attach(struct kv_view *v, struct kv *kv);
/** Take the newest snapshot; hold it shortly, since it keeps old pages from being used again. ERR_IO where it is attached to nothing;
 * ERR_LIMIT: KV_VIEWS_MAX others; ERR_NOMEM. */
NODISCARD enum err kv_view_begin(struct kv_view *v);
/** Give the snapshot back. */
void kv_view_end(struct kv_view *v);
/** What stands at `key`; `*value` points into the map and lives until kv_view_end(). No allocation. ERR_NOTFOUND. */
NODISCARD enum err kv_view_get(struct kv_view *v, unsigned table, struct str key,
                               struct str *value);
/** How many keys a table has. */
uint64_t kv_view_count(struct kv_view *v, unsigned table);
/** False ends the walk. */
typedef bool (*kv_visit_fn)(void *arg, struct str key, struct str value);
/** Visit what stands behind `after` (empty: from the first), in order of the keys, until `visit` returns false. */
NODISCARD enum err kv_view_walk(struct kv_view *v, unsigned table, struct str after,
                                kv_visit_fn visit, void *arg);
