#include "registrar/registrar.h"

#include "base/mem.h"
#include "registrar/folder.h"
#include "registrar/state.h"

#include <unistd.h>

/* Address space, not memory: the map can't grow while it is read. Valgrind refuses 64. */
#define MAP_SIZE ((size_t)32 << 30)
/* Any number, the same for ever: what is hashed with it is stored. */
#define CONTENT_SEED 0x6c6f747365ULL

static enum err lock(struct registrar *reg, const char *folder, struct buf *why)
{
	long owner = 0;
	enum err e = folder_make(folder);

	if (e != ERR_OK) {
		buf_printf(why, "%s can't be made: %s", folder, err_text(e));
		return e;
	}
	e = folder_lock(folder, &reg->lock_fd, &owner);
	if (e == ERR_INUSE)
		buf_printf(
			why,
			"%s is in use by process %ld: end that first, or use another data folder",
			folder, owner);
	else if (e != ERR_OK)
		buf_printf(why, "%s/lock can't be written: %s", folder, err_text(e));
	return e;
}

static enum err open_store(struct registrar *reg, const struct reg_conf *conf, struct buf *why)
{
	const struct reg_store_conf store = {
		.folder = conf->folder,
		.map_size = conf->map_size == 0 ? MAP_SIZE : conf->map_size,
		.sync = conf->sync,
		.log = conf->log,
	};
	enum err e = reg_store_open(&reg->store, &store, why);

	if (e != ERR_OK)
		return e;
	e = reg_writer_open(&reg->writer, reg->store, &conf->limits, conf->log);
	if (e != ERR_OK)
		buf_printf(why, "the store's writer can't be started: %s", err_text(e));
	return e;
}

enum err registrar_open(struct registrar **out, const struct reg_conf *conf, struct buf *why)
{
	struct registrar *reg = mem_zero(sizeof(*reg));
	enum err e;

	if (reg == NULL) {
		buf_z(why, err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	reg->log = conf->log;
	reg->lock_fd = -1;
	hash_key_from(&reg->content_key, CONTENT_SEED);
	if ((e = lock(reg, conf->folder, why)) != ERR_OK ||
	    (e = open_store(reg, conf, why)) != ERR_OK) {
		registrar_close(reg);
		return e;
	}
	*out = reg;
	return ERR_OK;
}

void registrar_close(struct registrar *reg)
{
	if (reg == NULL)
		return;
	reg_writer_close(reg->writer);
	reg_store_close(reg->store);
	if (reg->lock_fd >= 0)
		(void)close(reg->lock_fd);
	free(reg);
}

void registrar_configure(struct registrar *reg, const struct reg_limits *limits)
{
	reg_writer_limit(reg->writer, limits);
}

void registrar_counts(const struct registrar *reg, struct reg_counts *out)
{
	struct reg_store_counts store;

	reg_store_counts(reg->store, &store);
	*out = (struct reg_counts){
		.changes = reg_writer_done(reg->writer),
		.commits = store.commits,
		.queued = reg_writer_queued(reg->writer),
		.accounts = store.entries[REG_TABLE_ACCOUNTS],
		.addresses = store.entries[REG_TABLE_BINDINGS],
		.bytes = store.bytes,
		.failures = store.failures,
	};
}
