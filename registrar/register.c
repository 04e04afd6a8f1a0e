/* A REGISTER on its way: copied on the asker's loop, planned in the writer's batch, answered on the loop. */
#include "registrar/record.h"
#include "registrar/state.h"

#include "base/mem.h"

#define RETRY_AFTER_S 5
#define ROOM_EXTRA \
	256 /* beside the request's own contacts, for one binding more of some other device */

/* The numbers of a contact, laid down so that they can be hashed together with its texts. */
struct contact_numbers {
	uint32_t q;
	uint32_t has_expires;
	uint32_t expires_s;
	uint32_t reg_id;
	uint32_t lens[4];
};

/* One block of memory: this, the contacts, their numbers, all texts, room for the answer's record. */
struct register_job {
	struct reg_job job;
	struct reg_request asked;
	uint64_t content;
	reg_done_fn done;
	void *arg;
	struct reg_result result;
	struct str record; /* for 200: what is bound then; in `room`, or in `more` */
	char *more;        /* malloc'd where `room` was too small */
	size_t room_size;
	char *room;
};

/* ---------------------------------------------------------------------------- asking */

static size_t contact_octets(const struct reg_contact *c)
{
	return c->uri.len + c->instance.len + c->methods.len + c->params.len;
}

static size_t text_octets(const struct reg_request *asked)
{
	size_t size = asked->aor.len + asked->call_id.len + asked->user_agent.len;

	for (size_t i = 0; i < asked->contact_count; i++)
		size += contact_octets(&asked->contacts[i]);
	return size;
}

static struct str put(char **at, struct str s)
{
	struct str copy = str_of(*at, s.len);

	if (s.len > 0)
		memcpy(*at, s.p, s.len);
	*at += s.len;
	return copy;
}

static struct reg_contact put_contact(char **at, const struct reg_contact *c)
{
	struct reg_contact copy = *c;

	copy.uri = put(at, c->uri);
	copy.instance = put(at, c->instance);
	copy.methods = put(at, c->methods);
	copy.params = put(at, c->params);
	return copy;
}

static struct contact_numbers numbers_of(const struct reg_contact *c)
{
	return (struct contact_numbers){
		.q = c->q,
		.has_expires = c->has_expires ? 1 : 0,
		.expires_s = c->has_expires ? c->expires_s : 0,
		.reg_id = c->reg_id,
		.lens = { (uint32_t)c->uri.len, (uint32_t)c->instance.len, (uint32_t)c->methods.len,
		          (uint32_t)c->params.len },
	};
}

/* Copy all texts to `at`; the hash is over the contacts' numbers and texts, which lie together, and what the header fields add. */
static void copy_request(struct register_job *j, const struct reg_request *asked, char *at,
                         const struct hash_key *key)
{
	struct reg_contact *contacts = (struct reg_contact *)(void *)at;
	struct contact_numbers *numbers =
		(struct contact_numbers *)(void *)&contacts[asked->contact_count];
	char *begin = (char *)numbers;

	at = (char *)&numbers[asked->contact_count];
	j->asked = *asked;
	j->asked.contacts = contacts;
	for (size_t i = 0; i < asked->contact_count; i++) {
		numbers[i] = numbers_of(&asked->contacts[i]);
		contacts[i] = put_contact(&at, &asked->contacts[i]);
	}
	j->content = hash_str(key, str_of(begin, (size_t)(at - begin)));
	j->content ^= asked->has_expires ? (uint64_t)asked->expires_s + 1 : 0;
	j->content ^= asked->star ? (uint64_t)1 << 63 : 0;
	j->asked.aor = put(&at, asked->aor);
	j->asked.call_id = put(&at, asked->call_id);
	j->asked.user_agent = put(&at, asked->user_agent);
	j->room = at;
}

static const struct reg_job_kind kind;

enum err registrar_register(struct registrar *reg, struct loop *loop,
                            const struct reg_request *request, reg_done_fn done, void *arg)
{
	struct reg_request asked = *request;
	struct register_job *j;
	size_t count = asked.contact_count;
	size_t texts;
	size_t room;
	size_t size;
	enum err e;

	asked.user_agent = str_head(asked.user_agent, REG_USER_AGENT_MAX);
	texts = text_octets(&asked);
	room = texts + (count + 1) * (size_t)ROOM_EXTRA;
	size = sizeof(*j) + count * (sizeof(struct reg_contact) + sizeof(struct contact_numbers)) +
	       texts + room;
	j = malloc(size);
	if (j == NULL)
		return ERR_NOMEM;
	j->job = (struct reg_job){ .kind = &kind, .loop = loop, .size = size };
	copy_request(j, &asked, (char *)(j + 1), &reg->content_key);
	j->room_size = room;
	j->done = done;
	j->arg = arg;
	j->result = (struct reg_result){ .now = asked.now };
	j->record = STR_NONE;
	j->more = NULL;
	e = reg_writer_give(reg->writer, &j->job);
	if (e != ERR_OK)
		free(j);
	return e;
}

/* ---------------------------------------------------------------------------- in the batch */

static void refuse(struct register_job *j, unsigned status, const char *reason)
{
	j->result.status = status;
	j->result.reason = reason;
	j->result.retry_after_s = status == 503 ? RETRY_AFTER_S : 0;
	j->record = STR_NONE;
}

/* Room for a record of `size` octets, or NULL. */
static char *answer_room(struct register_job *j, size_t size)
{
	if (size <= j->room_size)
		return j->room;
	j->more = malloc(size);
	return j->more;
}

/* Everything that can fail without the store comes before the first change. */
static enum err write_bindings(struct register_job *j, const struct reg_plan *plan,
                               struct reg_store *st)
{
	size_t size;
	char *room;
	enum err e;

	if (plan->count == 0) {
		e = reg_store_del(st, REG_TABLE_BINDINGS, j->asked.aor);
		return e == ERR_NOTFOUND ? ERR_OK : e;
	}
	size = reg_record_size(plan->items, plan->count);
	room = answer_room(j, size);
	if (room == NULL) {
		refuse(j, 503, "Out Of Memory");
		return ERR_OK;
	}
	must(reg_record_encode(plan->items, plan->count, room, size, &size) == ERR_OK);
	j->record = str_of(room, size);
	return reg_store_put(st, REG_TABLE_BINDINGS, j->asked.aor, j->record);
}

static void keep_stored(struct register_job *j, struct str stored)
{
	char *room;

	if (str_empty(stored))
		return;
	room = answer_room(j, stored.len);
	if (room == NULL) {
		refuse(j, 503, "Out Of Memory");
		return;
	}
	memcpy(room, stored.p, stored.len);
	j->record = str_of(room, stored.len);
}

static enum err apply(struct reg_job *job, struct reg_batch *batch)
{
	struct register_job *j = container_of(job, struct register_job, job);
	struct reg_plan *plan = &batch->plan;
	struct str stored = STR_NONE;
	size_t count = 0;
	enum err e = reg_store_get(batch->store, REG_TABLE_BINDINGS, j->asked.aor, &stored);

	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (e == ERR_OK &&
	    (e = reg_record_decode(stored, j->asked.now, batch->stored, &count)) != ERR_OK) {
		LOG_EVENT(batch->log, LOG_ERROR, "record_unreadable", LOG_S("aor", j->asked.aor),
		          LOG_E("error", e));
		refuse(j, 500, "Stored Bindings Unreadable");
		return ERR_OK;
	}
	reg_plan(plan, batch->stored, count, &j->asked, j->content, &batch->limits);
	j->result.status = plan->status;
	j->result.reason = plan->reason;
	j->result.min_expires_s = plan->min_expires_s;
	if (plan->changed)
		return write_bindings(j, plan, batch->store);
	if (plan->status == 200)
		keep_stored(j, stored);
	return ERR_OK;
}

static void fail(struct reg_job *job, enum err e)
{
	struct register_job *j = container_of(job, struct register_job, job);

	refuse(j, 503, e == ERR_FULL ? "Location Store Full" : "Location Store Unavailable");
}

/* ---------------------------------------------------------------------------- answering */

static void deliver(struct reg_job *job)
{
	struct register_job *j = container_of(job, struct register_job, job);
	struct reg_binding items[REG_CONTACTS_MAX];

	if (!str_empty(j->record)) {
		j->result.bindings.items = items;
		must(reg_record_decode(j->record, j->asked.now, items, &j->result.bindings.count) ==
		     ERR_OK);
	}
	j->done(j->arg, &j->result);
	free(j->more);
	free(j);
}

static const struct reg_job_kind kind = { apply, fail, deliver };
