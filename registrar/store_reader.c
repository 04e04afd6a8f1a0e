#include "registrar/store_state.h"

#include "base/mem.h"

#include <sched.h>

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

/* ---------------------------------------------------------------------------- all of them */

void reg_store_stop_readers(struct reg_store *st)
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

void reg_store_start_readers(struct reg_store *st)
{
	for (struct reg_store_reader *r = st->readers; r != NULL; r = r->next) {
		kv_view_attach(r->view, st->kv);
		atomic_store(&r->state, READER_IDLE);
	}
	must(pthread_mutex_unlock(&st->mutex) == 0);
}
