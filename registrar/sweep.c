#include "registrar/sweep.h"

#include "base/mem.h"
#include "registrar/kv.h"
#include "registrar/record.h"

#define PASS_MS 60000
#define PIECE_MS 250   /* between two pieces of a pass */
#define BUSY_MS 20     /* between two pieces that both had much to remove */
#define PIECE_MIN 1000 /* records looked at in one piece, at least */
#define FOUND_MAX 1000 /* records changed in one piece */
#define FOUND_OCTETS 65536

struct reg_sweep {
	struct reg_store *store;
	struct reg_store_reader *reader;
	struct mono pass; /* when this pass began */
	struct mono next;
	struct str after; /* how far it is, in `after_text` */
	char after_text[KV_KEY_MAX];

	/* The piece at hand. */
	struct wall now;
	size_t looked;
	size_t piece;
	bool ended;
	size_t found_count;
	struct str found[FOUND_MAX];
	struct buf keys; /* holds what `found` points to */
	char keys_text[FOUND_OCTETS];
};

enum err reg_sweep_open(struct reg_sweep **out, struct reg_store *store)
{
	struct reg_sweep *s = mem_zero(sizeof(*s));
	enum err e;

	if (s == NULL)
		return ERR_NOMEM;
	s->store = store;
	s->pass = s->next = mono_now();
	e = reg_store_reader_open(&s->reader, store);
	if (e != ERR_OK) {
		free(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void reg_sweep_close(struct reg_sweep *s)
{
	if (s == NULL)
		return;
	reg_store_reader_close(s->reader);
	free(s);
}

/* ---------------------------------------------------------------------------- looking */

static bool look(void *arg, struct str key, struct str value)
{
	struct reg_sweep *s = arg;

	if (s->looked == s->piece || s->found_count == FOUND_MAX ||
	    s->keys.len + key.len > FOUND_OCTETS) {
		s->ended = false;
		return false;
	}
	if (reg_record_is_stale(value, s->now)) {
		s->found[s->found_count++] = str_of(s->keys_text + s->keys.len, key.len);
		buf_str(&s->keys, key);
	}
	s->looked++;
	memcpy(s->after_text, key.p, key.len);
	s->after = str_of(s->after_text, key.len);
	return true;
}

static size_t piece_size(const struct reg_sweep *s)
{
	struct reg_store_counts counts;
	size_t even;

	reg_store_counts(s->store, &counts);
	even = (size_t)counts.entries[REG_TABLE_BINDINGS] / (PASS_MS / PIECE_MS / 2);
	return even > PIECE_MIN ? even : PIECE_MIN;
}

static enum err look_for_stale(struct reg_sweep *s, struct wall now)
{
	enum err e;

	s->now = now;
	s->looked = 0;
	s->piece = piece_size(s);
	s->ended = true;
	s->found_count = 0;
	buf_wrap(&s->keys, s->keys_text, sizeof(s->keys_text));
	e = reg_store_read_begin(s->reader);
	if (e != ERR_OK)
		return e;
	e = reg_store_read_walk(s->reader, REG_TABLE_BINDINGS, s->after, look, s);
	reg_store_read_end(s->reader);
	return e;
}

/* ---------------------------------------------------------------------------- removing */

/* Write the record at `key` without what has expired. It may have changed since it was looked at. */
static enum err clean(struct reg_store *st, struct reg_batch *batch, struct str key,
                      struct wall now)
{
	/* Expired bindings alone go, so what is left is never longer. */
	struct reg_binding *items = batch->stored;
	size_t stored;
	size_t count;
	size_t size;
	struct str record;
	void *memory;
	enum err e = reg_store_get(st, REG_TABLE_BINDINGS, key, &record);

	if (e != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	/* One that can't be read is left to whoever asks for it. */
	if (reg_record_count(record, &stored) != ERR_OK ||
	    reg_record_decode(record, now, items, &count) != ERR_OK || count == stored)
		return ERR_OK;
	if (count == 0)
		return reg_store_del(st, REG_TABLE_BINDINGS, key);
	size = reg_record_size(items, count);
	memory = malloc(size);
	if (memory == NULL)
		return ERR_OK; /* the next pass finds it again */
	e = reg_record_encode(items, count, memory, size, &size);
	if (e == ERR_OK)
		e = reg_store_put(st, REG_TABLE_BINDINGS, key, str_of(memory, size));
	free(memory);
	return e;
}

static enum err remove_stale(struct reg_sweep *s, struct reg_batch *batch)
{
	enum err e = reg_store_begin(s->store);

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; e == ERR_OK && i < s->found_count; i++)
		e = clean(s->store, batch, s->found[i], s->now);
	if (e != ERR_OK) {
		reg_store_abort(s->store, e);
		return e;
	}
	return reg_store_commit(s->store);
}

/* ---------------------------------------------------------------------------- pace */

int64_t reg_sweep_run(struct reg_sweep *s, struct reg_batch *batch, struct wall now)
{
	struct mono at = mono_now();
	int64_t pause = PIECE_MS;
	enum err e;

	if (mono_after(s->next, at))
		return mono_ms_between(at, s->next) + 1;
	e = look_for_stale(s, now);
	if (e == ERR_OK && s->found_count > 0)
		e = remove_stale(s, batch);
	if (e == ERR_OK && s->ended) {
		/* To the next pass; at once where this one took longer than that. */
		s->after = STR_NONE;
		pause = PASS_MS - mono_ms_between(s->pass, at);
		pause = pause < PIECE_MS ? PIECE_MS : pause;
		s->pass = mono_add_ms(at, pause);
	} else if (e == ERR_OK && s->found_count == FOUND_MAX) {
		pause = BUSY_MS;
	} else if (e != ERR_OK) {
		pause = 1000;
	}
	s->next = mono_add_ms(at, pause);
	return pause;
}
