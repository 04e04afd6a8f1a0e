/* Look-ups: from the newest snapshot into the caller's arena. */
#include "registrar/account.h"
#include "registrar/record.h"
#include "registrar/state.h"

#include "base/mem.h"

struct reg_reader {
	struct reg_store_reader *store;
};

enum err reg_reader_open(struct reg_reader **out, struct registrar *reg)
{
	struct reg_reader *r = mem_zero(sizeof(*r));
	enum err e;

	if (r == NULL)
		return ERR_NOMEM;
	e = reg_store_reader_open(&r->store, reg->store);
	if (e != ERR_OK) {
		free(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void reg_reader_close(struct reg_reader *reader)
{
	if (reader == NULL)
		return;
	reg_store_reader_close(reader->store);
	free(reader);
}

/* ---------------------------------------------------------------------------- bindings */

/* Copy the record, so that it outlives the snapshot, and what is live in it: two pieces of the arena. */
static enum err copy_bindings(struct str record, struct wall now, struct arena *arena,
                              struct reg_bindings *out)
{
	struct reg_binding items[REG_CONTACTS_MAX];
	struct str copy;
	enum err e = arena_str(arena, record, &copy);

	if (e == ERR_OK)
		e = reg_record_decode(copy, now, items, &out->count);
	if (e != ERR_OK || out->count == 0)
		return e;
	out->items = arena_alloc(arena, out->count * sizeof(items[0]));
	if (out->items == NULL)
		return ERR_NOMEM;
	memcpy(out->items, items, out->count * sizeof(items[0]));
	return ERR_OK;
}

/* ERR_NOTFOUND: no account. */
static enum err has_account(struct reg_reader *reader, struct str aor)
{
	struct str record;

	return reg_store_read(reader->store, REG_TABLE_ACCOUNTS, reg_aor_account(aor), &record);
}

static enum err look_up(struct reg_reader *reader, struct str aor, struct wall now,
                        struct arena *arena, enum reg_known *known, struct reg_bindings *out)
{
	struct str record;
	enum err e = reg_store_read(reader->store, REG_TABLE_BINDINGS, aor, &record);

	if (e == ERR_OK)
		e = copy_bindings(record, now, arena, out);
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (out->count > 0) {
		*known = REG_FOUND;
		return ERR_OK;
	}
	e = has_account(reader, aor);
	*known = e == ERR_OK ? REG_ABSENT : REG_NOBODY;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err reg_lookup(struct reg_reader *reader, struct str aor, struct wall now, struct arena *arena,
                    enum reg_known *known, struct reg_bindings *out)
{
	enum err e = reg_store_read_begin(reader->store);

	*out = (struct reg_bindings){ 0 };
	if (e != ERR_OK)
		return e;
	e = look_up(reader, aor, now, arena, known, out);
	reg_store_read_end(reader->store);
	return e;
}

/* ---------------------------------------------------------------------------- walks */

struct walk {
	size_t max;
	size_t seen;
	bool more;
	enum err err;
	struct wall now;
	reg_visit_fn visit;
	reg_account_visit_fn visit_account;
	void *arg;
};

static bool visit_bindings(void *arg, struct str key, struct str value)
{
	struct walk *w = arg;
	struct reg_binding items[REG_CONTACTS_MAX];
	struct reg_bindings bindings = { .items = items };

	w->more = w->seen == w->max;
	if (w->more)
		return false;
	w->err = reg_record_decode(value, w->now, items, &bindings.count);
	if (w->err != ERR_OK)
		return false;
	w->seen++;
	if (w->visit(w->arg, key, &bindings))
		return true;
	w->more = true;
	return false;
}

enum err reg_walk(struct reg_reader *reader, struct str after, size_t max, struct wall now,
                  reg_visit_fn visit, void *arg, bool *more)
{
	struct walk w = { .max = max, .now = now, .visit = visit, .arg = arg };
	enum err e = reg_store_read_begin(reader->store);

	if (e != ERR_OK)
		return e;
	e = reg_store_read_walk(reader->store, REG_TABLE_BINDINGS, after, visit_bindings, &w);
	reg_store_read_end(reader->store);
	*more = w.more;
	return e == ERR_OK ? w.err : e;
}

static bool visit_account(void *arg, struct str key, struct str value)
{
	struct walk *w = arg;
	struct reg_account account;
	char memory[2048];
	struct arena arena;
	bool on;

	w->more = w->seen == w->max;
	if (w->more)
		return false;
	arena_init(&arena, memory, sizeof(memory), 0);
	w->err = reg_account_decode(key, value, &arena, &account);
	if (w->err != ERR_OK)
		return false;
	w->seen++;
	on = w->visit_account(w->arg, &account);
	w->more = !on;
	return on;
}

enum err reg_account_walk(struct reg_reader *reader, struct str after, size_t max,
                          reg_account_visit_fn visit, void *arg, bool *more)
{
	struct walk w = { .max = max, .visit_account = visit, .arg = arg };
	enum err e = reg_store_read_begin(reader->store);

	if (e != ERR_OK)
		return e;
	e = reg_store_read_walk(reader->store, REG_TABLE_ACCOUNTS, after, visit_account, &w);
	reg_store_read_end(reader->store);
	*more = w.more;
	return e == ERR_OK ? w.err : e;
}

enum err reg_account_find(struct reg_reader *reader, struct str address, struct arena *arena,
                          struct reg_account *out)
{
	struct str record;
	enum err e = reg_store_read_begin(reader->store);

	if (e != ERR_OK)
		return e;
	e = reg_store_read(reader->store, REG_TABLE_ACCOUNTS, address, &record);
	if (e == ERR_OK)
		e = reg_account_decode(address, record, arena, out);
	reg_store_read_end(reader->store);
	return e;
}
