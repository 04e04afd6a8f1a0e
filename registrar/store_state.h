/* registrar/store_state.h: what a store is made of. For store.c, store_failure.c and store_reader.c alone. */
#pragma once
#include "registrar/kv.h"
#include "registrar/store.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

struct reg_store {
	struct kv *kv; /* NULL while it can't be opened again */
	struct reg_store_conf conf;
	char path[PATH_MAX];
	struct log *log;

	/* The writer's own. */
	enum err failed;      /* why nothing is written now; ERR_OK: all is well */
	bool spoiled;         /* open again before the next batch */
	struct mono next_try; /* while it has failed */
	bool changed;         /* by the batch at hand */
	bool unsynced;        /* commits without `sync` since the last reg_store_tend() */

	/* Over `readers`: held to open and close one, and to stop them all. */
	pthread_mutex_t mutex;
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

/** Open the tables below st->path into st->kv. */
NODISCARD enum err reg_store_open_tables(struct reg_store *st);

/* ---------------------------------------------------------------------------- failing: the writer's thread (store_failure.c) */

/** The store could not be written: from now on nothing is, until it is tried again. */
void reg_store_failed(struct reg_store *st, enum err e);
/** It could. */
void reg_store_worked(struct reg_store *st);
/** Look whether a store that failed can be written again, once a second; opens it again where a commit failed. An error: not yet. */
NODISCARD enum err reg_store_heal(struct reg_store *st);
/** After a failed commit: open it again at once where readers can't get in any more. */
void reg_store_keep_readable(struct reg_store *st);

/* ---------------------------------------------------------------------------- readers, all of them (store_reader.c) */

/** Keep every reader out, waiting for each as long as a look-up takes, and take its view from the tables. */
void reg_store_stop_readers(struct reg_store *st);
/** Let them in again, to st->kv, or to nothing where that is NULL. */
void reg_store_start_readers(struct reg_store *st);
