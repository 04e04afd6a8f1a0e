#include "registrar/store.h"

#include "base/mem.h"
#include "base/wire.h"
#include "registrar/folder.h"
#include "registrar/kv.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define RETRY_MS 1000 /* how often a store that failed is looked at */

struct reg_store {
	struct kv *kv; /* NULL while it can't be opened again */
	struct reg_store_conf conf;
	char path[PATH_MAX];
	struct log *log;

	/* The writer's own. */
	enum err failed;      /* why nothing is written now; ERR_OK: all is well */
	bool spoiled;         /* open again before the next batch */
	struct mono next_try; /* while it has failed */
	bool unsynced;        /* commits without `sync` since the last reg_store_tend() */
	pthread_mutex_t
		mutex; /* over `readers`: held to open and close one, and to stop them all */
	struct reg_store_reader *readers;

	atomic_uint_fast64_t commits;
	atomic_uint_fast64_t failures;
	atomic_uint_fast64_t bytes;
	atomic_uint_fast64_t entries[REG_TABLES];
};

/* A reader is let in by itself, or stopped by the writer: never both. */
enum { READER_IDLE, READER_BUSY, READER_STOPPED };

struct reg_store_reader {
	_Alignas(64) atomic_int state;
	struct kv_view *view;
	struct reg_store *store;
	struct reg_store_reader *next;
};

static const char *const table_names[REG_TABLES] = { "meta", "accounts", "bindings" };

/* ---------------------------------------------------------------------------- opening */

static enum err open_kv(struct reg_store *st)
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
	    (e = open_kv(st)) != ERR_OK || (e = open_format(st)) != ERR_OK ||
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

/* ---------------------------------------------------------------------------- failing, and being well again */

static void note_failure(struct reg_store *st, enum err e)
{
	(void)atomic_fetch_add(&st->failures, 1);
	st->next_try = mono_add_ms(mono_now(), RETRY_MS);
	if (st->failed == e)
		return;
	st->failed = e;
	LOG_EVENT(st->log, LOG_ERROR, "store_failed", LOG_Z("folder", st->path), LOG_E("error", e),
	          LOG_Z("effect", "registrations get 503, look-ups go on"),
	          LOG_Z("help", e == ERR_FULL
	                                ? "make room on the disk; it is tried again each second"
	                                : "see to the disk; it is tried again each second"));
}

static void note_success(struct reg_store *st)
{
	if (st->failed == ERR_OK)
		return;
	st->failed = ERR_OK;
	LOG_EVENT(st->log, LOG_WARN, "store_recovered", LOG_Z("folder", st->path));
}

/* Keep every reader out; each is waited for as long as a look-up takes. */
static void stop_readers(struct reg_store *st)
{
	must(pthread_mutex_lock(&st->mutex) == 0);
	for (struct reg_store_reader *r = st->readers; r != NULL; r = r->next) {
		int idle = READER_IDLE;

		while (!atomic_compare_exchange_weak(&r->state, &idle, READER_STOPPED)) {
			idle = READER_IDLE;
			(void)sched_yield();
		}
		kv_view_attach(r->view, NULL);
	}
}

static void start_readers(struct reg_store *st)
{
	for (struct reg_store_reader *r = st->readers; r != NULL; r = r->next) {
		kv_view_attach(r->view, st->kv);
		atomic_store(&r->state, READER_IDLE);
	}
	must(pthread_mutex_unlock(&st->mutex) == 0);
}

/* What a failed sync left in memory may not be on disk: read it anew. */
static void drop_cached(const struct reg_store *st)
{
	char path[PATH_MAX + 16];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", st->path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	(void)close(fd);
}

static enum err open_again(struct reg_store *st)
{
	enum err e;

	stop_readers(st);
	kv_close(st->kv);
	st->kv = NULL;
	drop_cached(st);
	e = open_kv(st);
	start_readers(st);
	st->spoiled = e != ERR_OK;
	return e;
}

/* Does LMDB still let readers in? */
static bool is_readable(struct reg_store *st)
{
	struct kv_view *view;
	enum err e;

	if (st->kv == NULL || kv_view_open(&view, st->kv) != ERR_OK)
		return false;
	e = kv_view_begin(view);
	if (e == ERR_OK)
		kv_view_end(view);
	kv_view_close(view);
	return e == ERR_OK || e == ERR_LIMIT;
}

static enum err heal(struct reg_store *st)
{
	enum err e;

	if (!mono_after(mono_now(), st->next_try))
		return st->failed;
	e = folder_probe(st->path);
	if (e == ERR_OK && st->spoiled)
		e = open_again(st);
	if (e != ERR_OK)
		note_failure(st, e);
	return e;
}

/* ---------------------------------------------------------------------------- batches */

enum err reg_store_begin(struct reg_store *st)
{
	enum err e = st->failed == ERR_OK ? ERR_OK : heal(st);

	if (e != ERR_OK)
		return e;
	e = kv_begin(st->kv);
	if (e != ERR_OK)
		note_failure(st, e);
	return e;
}

enum err reg_store_get(struct reg_store *st, enum reg_table table, struct str key,
                       struct str *value)
{
	return kv_get(st->kv, table, key, value);
}

enum err reg_store_put(struct reg_store *st, enum reg_table table, struct str key, struct str value)
{
	return kv_put(st->kv, table, key, value);
}

enum err reg_store_del(struct reg_store *st, enum reg_table table, struct str key)
{
	return kv_del(st->kv, table, key);
}

enum err reg_store_commit(struct reg_store *st)
{
	uint64_t entries[REG_TABLES];
	enum err e;

	count_entries(st, entries);
	e = kv_commit(st->kv);
	if (e == ERR_OK) {
		st->unsynced = !st->conf.sync;
		(void)atomic_fetch_add(&st->commits, 1);
		note_counts(st, entries);
		note_success(st);
		return ERR_OK;
	}
	st->spoiled = true;
	note_failure(st, e);
	if (!is_readable(st))
		(void)open_again(st);
	return e;
}

void reg_store_abort(struct reg_store *st, enum err why)
{
	kv_abort(st->kv);
	if (why != ERR_OK)
		note_failure(st, why);
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
		note_failure(st, e);
	}
}

/* ---------------------------------------------------------------------------- readers */

enum err reg_store_reader_open(struct reg_store_reader **out, struct reg_store *st)
{
	struct reg_store_reader *r = aligned_alloc(64, sizeof(*r));
	enum err e = ERR_NOMEM;

	if (r == NULL)
		return ERR_NOMEM;
	memset(r, 0, sizeof(*r));
	r->store = st;
	atomic_init(&r->state, READER_IDLE);
	must(pthread_mutex_lock(&st->mutex) == 0);
	e = kv_view_open(&r->view, st->kv);
	if (e == ERR_OK) {
		r->next = st->readers;
		st->readers = r;
	}
	must(pthread_mutex_unlock(&st->mutex) == 0);
	if (e != ERR_OK) {
		free(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void reg_store_reader_close(struct reg_store_reader *r)
{
	struct reg_store_reader **at;

	if (r == NULL)
		return;
	must(pthread_mutex_lock(&r->store->mutex) == 0);
	for (at = &r->store->readers; *at != r; at = &(*at)->next)
		must(*at != NULL);
	*at = r->next;
	must(pthread_mutex_unlock(&r->store->mutex) == 0);
	kv_view_close(r->view);
	free(r);
}

static void let_go(struct reg_store_reader *r)
{
	atomic_store_explicit(&r->state, READER_IDLE, memory_order_release);
}

enum err reg_store_read_begin(struct reg_store_reader *r)
{
	int state = READER_IDLE;
	enum err e;

	if (!atomic_compare_exchange_strong_explicit(&r->state, &state, READER_BUSY,
	                                             memory_order_acquire, memory_order_relaxed)) {
		must(state == READER_STOPPED); /* not from inside its own walk */
		return ERR_IO;
	}
	e = kv_view_begin(r->view);
	if (e != ERR_OK)
		let_go(r);
	return e;
}

void reg_store_read_end(struct reg_store_reader *r)
{
	kv_view_end(r->view);
	let_go(r);
}

enum err reg_store_read(struct reg_store_reader *r, enum reg_table table, struct str key,
                        struct str *value)
{
	return kv_view_get(r->view, table, key, value);
}

enum err reg_store_read_walk(struct reg_store_reader *r, enum reg_table table, struct str after,
                             bool (*visit)(void *arg, struct str key, struct str value), void *arg)
{
	return kv_view_walk(r->view, table, after, visit, arg);
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
