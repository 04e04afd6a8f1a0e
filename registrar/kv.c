#include "registrar/kv.h"

#include "base/mem.h"

#include <lmdb.h>

struct kv {
	MDB_env *env;
	MDB_txn *txn; /* of the thread that changes */
	MDB_dbi tables[KV_TABLES_MAX];
	unsigned table_count;
};

struct kv_view {
	struct kv *kv;
	MDB_txn *
		txn; /* taken at the first begin, then reset and renewed: its place among the readers is kept */
};

static enum err err_from_lmdb(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return ERR_OK;
	case MDB_NOTFOUND:
		return ERR_NOTFOUND;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return ERR_FULL;
	case MDB_READERS_FULL:
	case MDB_BAD_VALSIZE:
		return ERR_LIMIT;
	case MDB_VERSION_MISMATCH:
		return ERR_VERSION;
	case MDB_PANIC: /* a failed commit left it unusable until it is opened again */
		return ERR_IO;
	default:
		return rc > 0 ? err_from_errno(rc) : ERR_CORRUPT;
	}
}

static MDB_val val_of(struct str s)
{
	/* LMDB never writes through what it is given. */
	union {
		const char *in;
		void *out;
	} p = { .in = s.p };

	return (MDB_val){ .mv_size = s.len, .mv_data = p.out };
}

static struct str str_of_val(MDB_val v)
{
	return str_of(v.mv_data, v.mv_size);
}

/* ---------------------------------------------------------------------------- opening */

static int open_tables(struct kv *kv, const struct kv_conf *conf)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(kv->env, NULL, 0, &txn);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; rc == 0 && i < conf->table_count; i++)
		rc = mdb_dbi_open(txn, conf->tables[i], MDB_CREATE, &kv->tables[i]);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	kv->table_count = conf->table_count;
	return mdb_txn_commit(txn);
}

static int open_env(struct kv *kv, const struct kv_conf *conf)
{
	/* Never NOSYNC, WRITEMAP or MAPASYNC: each of them lets a crash damage the tree. NOMETASYNC leaves out the second sync of a commit, that
	 * of the root: a loss of power may take the last commit back, no more. NOTLS: a view is not tied to the thread that made it. */
	unsigned flags = MDB_NOTLS | (conf->sync ? 0 : MDB_NOMETASYNC);
	size_t page = 65536;
	int rc = mdb_env_create(&kv->env);

	if (rc != 0)
		return rc;
	if ((rc = mdb_env_set_mapsize(kv->env, (conf->map_size + page - 1) / page * page)) != 0 ||
	    (rc = mdb_env_set_maxdbs(kv->env, KV_TABLES_MAX)) != 0 ||
	    (rc = mdb_env_set_maxreaders(kv->env, KV_VIEWS_MAX)) != 0)
		return rc;
	return mdb_env_open(kv->env, conf->folder, flags, 0600);
}

enum err kv_open(struct kv **out, const struct kv_conf *conf)
{
	struct kv *kv;
	int rc;

	if (conf->table_count > KV_TABLES_MAX)
		return ERR_LIMIT;
	kv = mem_zero(sizeof(*kv));
	if (kv == NULL)
		return ERR_NOMEM;
	if ((rc = open_env(kv, conf)) != 0 || (rc = open_tables(kv, conf)) != 0) {
		kv_close(kv);
		/* Tables cannot be missing, and a file that isn't there was made. */
		return rc == MDB_NOTFOUND ? ERR_CORRUPT : err_from_lmdb(rc);
	}
	kv_check_readers(kv);
	*out = kv;
	return ERR_OK;
}

void kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	kv_abort(kv);
	if (kv->env != NULL)
		mdb_env_close(kv->env);
	free(kv);
}

/* ---------------------------------------------------------------------------- changing */

enum err kv_begin(struct kv *kv)
{
	must(kv->txn == NULL);
	return err_from_lmdb(mdb_txn_begin(kv->env, NULL, 0, &kv->txn));
}

static enum err get(MDB_txn *txn, MDB_dbi dbi, struct str key, struct str *value)
{
	MDB_val k = val_of(key);
	MDB_val v;
	int rc;

	/* What can't be a key is nowhere. */
	if (key.len == 0 || key.len > KV_KEY_MAX)
		return ERR_NOTFOUND;
	rc = mdb_get(txn, dbi, &k, &v);
	if (rc == 0)
		*value = str_of_val(v);
	return err_from_lmdb(rc);
}

enum err kv_get(struct kv *kv, unsigned table, struct str key, struct str *value)
{
	must(table < kv->table_count);
	return get(kv->txn, kv->tables[table], key, value);
}

enum err kv_put(struct kv *kv, unsigned table, struct str key, struct str value)
{
	MDB_val k = val_of(key);
	MDB_val v = val_of(value);

	must(table < kv->table_count);
	if (key.len == 0 || key.len > KV_KEY_MAX)
		return ERR_LIMIT;
	return err_from_lmdb(mdb_put(kv->txn, kv->tables[table], &k, &v, 0));
}

enum err kv_del(struct kv *kv, unsigned table, struct str key)
{
	MDB_val k = val_of(key);

	must(table < kv->table_count);
	if (key.len == 0 || key.len > KV_KEY_MAX)
		return ERR_NOTFOUND;
	return err_from_lmdb(mdb_del(kv->txn, kv->tables[table], &k, NULL));
}

static uint64_t count(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_stat stat;

	return mdb_stat(txn, dbi, &stat) == 0 ? stat.ms_entries : 0;
}

uint64_t kv_count(struct kv *kv, unsigned table)
{
	must(table < kv->table_count);
	return count(kv->txn, kv->tables[table]);
}

enum err kv_commit(struct kv *kv)
{
	MDB_txn *txn = kv->txn;

	kv->txn = NULL;
	return err_from_lmdb(mdb_txn_commit(txn));
}

void kv_abort(struct kv *kv)
{
	if (kv->txn != NULL)
		mdb_txn_abort(kv->txn);
	kv->txn = NULL;
}

enum err kv_sync(struct kv *kv)
{
	return err_from_lmdb(mdb_env_sync(kv->env, 1));
}

uint64_t kv_bytes(struct kv *kv)
{
	MDB_envinfo info;
	MDB_stat stat;

	if (mdb_env_info(kv->env, &info) != 0 || mdb_env_stat(kv->env, &stat) != 0)
		return 0;
	return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

void kv_check_readers(struct kv *kv)
{
	int dead;

	(void)mdb_reader_check(kv->env, &dead);
}

/* ---------------------------------------------------------------------------- reading */

enum err kv_view_open(struct kv_view **out, struct kv *kv)
{
	struct kv_view *v = mem_zero(sizeof(*v));

	if (v == NULL)
		return ERR_NOMEM;
	v->kv = kv;
	*out = v;
	return ERR_OK;
}

void kv_view_attach(struct kv_view *v, struct kv *kv)
{
	if (v->txn != NULL)
		mdb_txn_abort(v->txn);
	v->txn = NULL;
	v->kv = kv;
}

void kv_view_close(struct kv_view *v)
{
	if (v == NULL)
		return;
	kv_view_attach(v, NULL);
	free(v);
}

enum err kv_view_begin(struct kv_view *v)
{
	if (v->kv == NULL)
		return ERR_IO;
	if (v->txn == NULL)
		return err_from_lmdb(mdb_txn_begin(v->kv->env, NULL, MDB_RDONLY, &v->txn));
	return err_from_lmdb(mdb_txn_renew(v->txn));
}

void kv_view_end(struct kv_view *v)
{
	mdb_txn_reset(v->txn);
}

enum err kv_view_get(struct kv_view *v, unsigned table, struct str key, struct str *value)
{
	must(table < v->kv->table_count);
	return get(v->txn, v->kv->tables[table], key, value);
}

uint64_t kv_view_count(struct kv_view *v, unsigned table)
{
	must(table < v->kv->table_count);
	return count(v->txn, v->kv->tables[table]);
}

/* Go to the first key behind `after`. */
static int seek(MDB_cursor *cursor, struct str after, MDB_val *key, MDB_val *value)
{
	int rc;

	if (after.len == 0)
		return mdb_cursor_get(cursor, key, value, MDB_FIRST);
	*key = val_of(after);
	rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
	if (rc == 0 && str_eq(str_of_val(*key), after))
		rc = mdb_cursor_get(cursor, key, value, MDB_NEXT);
	return rc;
}

enum err kv_view_walk(struct kv_view *v, unsigned table, struct str after, kv_visit_fn visit,
                      void *arg)
{
	MDB_cursor *cursor;
	MDB_val key;
	MDB_val value;
	int rc;

	must(table < v->kv->table_count);
	if (after.len > KV_KEY_MAX)
		return ERR_LIMIT;
	rc = mdb_cursor_open(v->txn, v->kv->tables[table], &cursor);
	if (rc != 0)
		return err_from_lmdb(rc);
	rc = seek(cursor, after, &key, &value);
	while (rc == 0 && visit(arg, str_of_val(key), str_of_val(value)))
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? ERR_OK : err_from_lmdb(rc);
}
