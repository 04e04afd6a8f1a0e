#include "registrar/store_state.h"

#include "base/mem.h"
#include "base/wire.h"
#include "registrar/folder.h"

#include <stdio.h>

static const char *const table_names[REG_TABLES] = { "meta", "accounts", "bindings" };

/* ---------------------------------------------------------------------------- opening */

enum err reg_store_open_tables(struct reg_store *st)
{
	const struct kv_conf conf = { st->path, st->conf.map_size, st->conf.sync, table_names,
		                      REG_TABLES };

	return kv_open(&st->kv, &conf);
}

/* What the open transaction will have made of the tables: told when it has. */
static void count_entries(struct reg_store *st, uint64_t entries[REG_TABLES])
{
	for (unsigned i = 0; i < REG_TABLES; i++)
		entries[i] = kv_count(st->kv, i);
}

static void note_counts(struct reg_store *st, const uint64_t entries[REG_TABLES])
{
	for (unsigned i = 0; i < REG_TABLES; i++)
		atomic_store(&st->entries[i], entries[i]);
	atomic_store(&st->bytes, kv_bytes(st->kv));
}

static enum err write_format(struct reg_store *st)
{
	char octets[4];
	struct wire_writer w = wire_writer_of(octets, sizeof(octets));

	/* A store without a format has nothing in it, or isn't ours. */
	if (kv_count(st->kv, REG_TABLE_ACCOUNTS) + kv_count(st->kv, REG_TABLE_BINDINGS) > 0)
		return ERR_CORRUPT;
	wire_write32(&w, REG_FORMAT);
	return kv_put(st->kv, REG_TABLE_META, STR("format"), wire_view(&w));
}

/* ERR_EXISTS: it is there and right. */
static enum err check_format(struct reg_store *st)
{
	struct str value;
	struct wire_reader r;
	uint32_t format;
	enum err e = kv_get(st->kv, REG_TABLE_META, STR("format"), &value);

	if (e == ERR_NOTFOUND)
		return write_format(st);
	if (e != ERR_OK)
		return e;
	r = wire_reader_of(value);
	format = wire_read32(&r);
	if (wire_reader_end(&r) != ERR_OK || format == 0)
		return ERR_CORRUPT;
	return format == REG_FORMAT ? ERR_EXISTS : ERR_VERSION;
}

static enum err open_format(struct reg_store *st)
{
	uint64_t entries[REG_TABLES];
	enum err e = kv_begin(st->kv);

	if (e != ERR_OK)
		return e;
	e = check_format(st);
	count_entries(st, entries);
	if (e == ERR_OK)
		e = kv_commit(st->kv);
	kv_abort(st->kv);
	note_counts(st, entries);
	return e == ERR_EXISTS ? ERR_OK : e;
}

static void explain(enum err e, const char *path, struct buf *why)
{
	switch (e) {
	case ERR_VERSION:
		buf_printf(why, "%s was written by a newer version of this program: use that one",
		           path);
		break;
	case ERR_CORRUPT:
		buf_printf(
			why,
			"%s is damaged, or no location store: restore it from a backup, or move it away to begin anew",
			path);
		break;
	case ERR_DENIED:
		buf_printf(why, "%s can't be written: let this user own it", path);
		break;
	case ERR_FULL:
		buf_printf(why, "%s: no space left on its disk", path);
		break;
	default:
		buf_printf(why, "%s can't be opened: %s", path, err_text(e));
	}
}

enum err reg_store_open(struct reg_store **out, const struct reg_store_conf *conf, struct buf *why)
{
	struct reg_store *st = mem_zero(sizeof(*st));
	enum err e = ERR_LIMIT;
	int n;

	if (st == NULL)
		return ERR_NOMEM;
	st->conf = *conf;
	st->log = conf->log;
	must(pthread_mutex_init(&st->mutex, NULL) == 0);
	n = snprintf(st->path, sizeof(st->path), "%s/location", conf->folder);
	if (n < 0 || (size_t)n >= sizeof(st->path) || (e = folder_make(st->path)) != ERR_OK ||
	    (e = reg_store_open_tables(st)) != ERR_OK || (e = open_format(st)) != ERR_OK ||
	    /* The files' names, too, must outlive a loss of power. */
	    (e = folder_sync(st->path)) != ERR_OK) {
		explain(e, st->path, why);
		reg_store_close(st);
		return e;
	}
	*out = st;
	return ERR_OK;
}

void reg_store_close(struct reg_store *st)
{
	if (st == NULL)
		return;
	must(st->readers == NULL);
	/* Who asked for no sync has no promise that this could break. */
	if (st->kv != NULL && st->unsynced)
		reg_store_tend(st);
	kv_close(st->kv);
	(void)pthread_mutex_destroy(&st->mutex);
	free(st);
}

/* ---------------------------------------------------------------------------- batches */

enum err reg_store_begin(struct reg_store *st)
{
	enum err e = st->failed == ERR_OK ? ERR_OK : reg_store_heal(st);

	if (e != ERR_OK)
		return e;
	st->changed = false;
	e = kv_begin(st->kv);
	if (e != ERR_OK)
		reg_store_failed(st, e);
	return e;
}

enum err reg_store_get(struct reg_store *st, enum reg_table table, struct str key,
                       struct str *value)
{
	return kv_get(st->kv, table, key, value);
}

enum err reg_store_put(struct reg_store *st, enum reg_table table, struct str key, struct str value)
{
	st->changed = true;
	return kv_put(st->kv, table, key, value);
}

enum err reg_store_del(struct reg_store *st, enum reg_table table, struct str key)
{
	st->changed = true;
	return kv_del(st->kv, table, key);
}

enum err reg_store_commit(struct reg_store *st)
{
	uint64_t entries[REG_TABLES];
	enum err e;

	/* Nothing to write proves nothing of the disk, either. */
	if (!st->changed) {
		kv_abort(st->kv);
		return ERR_OK;
	}
	count_entries(st, entries);
	e = kv_commit(st->kv);
	if (e != ERR_OK) {
		st->spoiled = true;
		reg_store_failed(st, e);
		reg_store_keep_readable(st);
		return e;
	}
	st->unsynced = !st->conf.sync;
	(void)atomic_fetch_add(&st->commits, 1);
	note_counts(st, entries);
	reg_store_worked(st);
	return ERR_OK;
}

void reg_store_abort(struct reg_store *st, enum err why)
{
	kv_abort(st->kv);
	if (why != ERR_OK)
		reg_store_failed(st, why);
}

void reg_store_tend(struct reg_store *st)
{
	enum err e;

	if (st->kv == NULL)
		return;
	kv_check_readers(st->kv);
	if (!st->unsynced || st->failed != ERR_OK)
		return;
	e = kv_sync(st->kv);
	st->unsynced = false;
	if (e != ERR_OK) {
		st->spoiled = true;
		reg_store_failed(st, e);
	}
}

/* ---------------------------------------------------------------------------- figures */

void reg_store_counts(const struct reg_store *st, struct reg_store_counts *out)
{
	out->commits = atomic_load(&st->commits);
	out->failures = atomic_load(&st->failures);
	out->bytes = atomic_load(&st->bytes);
	for (unsigned i = 0; i < REG_TABLES; i++)
		out->entries[i] = atomic_load(&st->entries[i]);
}
