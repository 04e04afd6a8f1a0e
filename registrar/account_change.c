/* Changes of accounts on their way: copied by the asker, applied all or none in the writer's batch, answered on the loop. */
#include "registrar/account.h"
#include "registrar/state.h"

#include "base/map.h"
#include "base/mem.h"

struct accounts_job {
	struct reg_job job;
	reg_changed_fn done;
	void *arg;
	enum err e;
	size_t index;
	size_t count;
	struct reg_account_change changes[];
};

/* ---------------------------------------------------------------------------- asking */

static struct str put(char **at, struct str s)
{
	struct str copy = str_of(*at, s.len);

	if (s.len > 0)
		memcpy(*at, s.p, s.len);
	*at += s.len;
	return copy;
}

static size_t text_octets(const struct reg_account *a)
{
	return a->address.len + a->realm.len + a->md5.len + a->sha256.len;
}

static void copy_changes(struct accounts_job *j, const struct reg_account_change *changes,
                         size_t count)
{
	char *at = (char *)&j->changes[count];

	j->count = count;
	for (size_t i = 0; i < count; i++) {
		struct reg_account *a = &j->changes[i].account;

		j->changes[i] = changes[i];
		a->address = put(&at, changes[i].account.address);
		a->realm = put(&at, changes[i].account.realm);
		a->md5 = put(&at, changes[i].account.md5);
		a->sha256 = put(&at, changes[i].account.sha256);
	}
}

static const struct reg_job_kind kind;

enum err registrar_accounts_change(struct registrar *reg, struct loop *loop,
                                   const struct reg_account_change *changes, size_t count,
                                   reg_changed_fn done, void *arg)
{
	size_t size = sizeof(struct accounts_job) + count * sizeof(changes[0]);
	struct accounts_job *j;
	enum err e;

	for (size_t i = 0; i < count; i++)
		size += text_octets(&changes[i].account);
	j = malloc(size);
	if (j == NULL)
		return ERR_NOMEM;
	j->job = (struct reg_job){ .kind = &kind, .loop = loop, .size = size };
	j->done = done;
	j->arg = arg;
	j->e = ERR_OK;
	j->index = 0;
	copy_changes(j, changes, count);
	e = reg_writer_give(reg->writer, &j->job);
	if (e != ERR_OK)
		free(j);
	return e;
}

/* ---------------------------------------------------------------------------- deciding: nothing is changed yet */

static bool op_fits(enum reg_account_op op, bool exists, enum err *e)
{
	*e = ERR_OK;
	if (op == REG_ACCOUNT_ADD && exists)
		*e = ERR_EXISTS;
	else if ((op == REG_ACCOUNT_SET || op == REG_ACCOUNT_REMOVE) && !exists)
		*e = ERR_NOTFOUND;
	return *e == ERR_OK;
}

/* Is the account there once the changes before this one are done? `seen` leads from an address to the last change of it. */
static enum err exists_then(struct reg_store *st, const struct map *seen, struct str address,
                            bool *exists)
{
	const struct reg_account_change *last = map_get(seen, address);
	struct str value;
	enum err e;

	if (last != NULL) {
		*exists = last->op != REG_ACCOUNT_REMOVE;
		return ERR_OK;
	}
	e = reg_store_get(st, REG_TABLE_ACCOUNTS, address, &value);
	*exists = e == ERR_OK;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* May the changes be done, in their order? The answer is in j->e and j->index; an err says that the store failed. */
static enum err decide_all(struct accounts_job *j, struct reg_store *st, struct map *seen)
{
	for (j->index = 0; j->index < j->count; j->index++) {
		struct reg_account_change *c = &j->changes[j->index];
		bool exists;
		enum err e;

		j->e = reg_account_check(&c->account);
		if (j->e != ERR_OK)
			return ERR_OK;
		e = exists_then(st, seen, c->account.address, &exists);
		if (e != ERR_OK)
			return e;
		if (!op_fits(c->op, exists, &j->e))
			return ERR_OK;
		/* The last of them has nobody behind it who would ask. */
		if (j->index + 1 < j->count)
			j->e = map_put(seen, c->account.address, c);
		if (j->e != ERR_OK)
			return ERR_OK;
	}
	j->index = 0;
	return ERR_OK;
}

static enum err decide(struct accounts_job *j, struct reg_store *st, const struct hash_key *key)
{
	struct map seen;
	enum err e;

	map_init(&seen, j->count, key);
	e = decide_all(j, st, &seen);
	map_fini(&seen);
	return e;
}

/* ---------------------------------------------------------------------------- acting */

static enum err remove_one(struct reg_store *st, struct str address)
{
	char memory[4 + REG_USER_MAX];
	enum err e = reg_store_del(st, REG_TABLE_ACCOUNTS, address);

	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	e = reg_store_del(st, REG_TABLE_BINDINGS, reg_account_aor(address, memory));
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err act(struct reg_store *st, const struct reg_account_change *c)
{
	unsigned char memory[REG_ACCOUNT_RECORD_MAX];
	size_t len;

	if (c->op == REG_ACCOUNT_REMOVE)
		return remove_one(st, c->account.address);
	len = reg_account_encode(&c->account, memory);
	return reg_store_put(st, REG_TABLE_ACCOUNTS, c->account.address,
	                     str_of((const char *)memory, len));
}

static enum err apply(struct reg_job *job, struct reg_batch *batch)
{
	struct accounts_job *j = container_of(job, struct accounts_job, job);
	enum err e = decide(j, batch->store, &batch->key);

	for (size_t i = 0; e == ERR_OK && j->e == ERR_OK && i < j->count; i++)
		e = act(batch->store, &j->changes[i]);
	return e;
}

static void fail(struct reg_job *job, enum err e)
{
	struct accounts_job *j = container_of(job, struct accounts_job, job);

	j->e = e;
	j->index = 0;
}

static void deliver(struct reg_job *job)
{
	struct accounts_job *j = container_of(job, struct accounts_job, job);

	j->done(j->arg, j->e, j->index);
	free(j);
}

static const struct reg_job_kind kind = { apply, fail, deliver };
