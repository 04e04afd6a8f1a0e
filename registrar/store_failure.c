#include "registrar/store_state.h"

#include "registrar/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define RETRY_MS 1000 /* how often a store that failed is looked at */

void reg_store_failed(struct reg_store *st, enum err e)
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

void reg_store_worked(struct reg_store *st)
{
	if (st->failed == ERR_OK)
		return;
	st->failed = ERR_OK;
	LOG_EVENT(st->log, LOG_WARN, "store_recovered", LOG_Z("folder", st->path));
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

	reg_store_stop_readers(st);
	kv_close(st->kv);
	st->kv = NULL;
	drop_cached(st);
	e = reg_store_open_tables(st);
	reg_store_start_readers(st);
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

enum err reg_store_heal(struct reg_store *st)
{
	enum err e;

	if (!mono_after(mono_now(), st->next_try))
		return st->failed;
	e = folder_probe(st->path);
	if (e == ERR_OK && st->spoiled)
		e = open_again(st);
	if (e != ERR_OK)
		reg_store_failed(st, e);
	return e;
}

void reg_store_keep_readable(struct reg_store *st)
{
	/* Where it can't be opened now, reg_store_heal() tries again. */
	if (!is_readable(st) && open_again(st) != ERR_OK)
		st->spoiled = true;
}
