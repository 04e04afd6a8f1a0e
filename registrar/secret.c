/* Secrets that outlive restarts: read, or made by the writer, while whoever asks waits. */
#include "registrar/state.h"

#include "base/crypto.h"
#include "base/mem.h"

#include <pthread.h>

#define NAME_MAX_OCTETS 64

struct secret_job {
	struct reg_job job;
	struct str key;
	unsigned char secret[REG_SECRET];
	enum err e;
	bool done;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

static enum err copy_secret(struct str value, unsigned char out[REG_SECRET])
{
	if (value.len != REG_SECRET)
		return ERR_CORRUPT;
	memcpy(out, value.p, REG_SECRET);
	return ERR_OK;
}

static enum err apply(struct reg_job *job, struct reg_batch *batch)
{
	struct secret_job *j = container_of(job, struct secret_job, job);
	struct str value;
	enum err e = reg_store_get(batch->store, REG_TABLE_META, j->key, &value);

	if (e == ERR_OK)
		j->e = copy_secret(value, j->secret);
	if (e != ERR_NOTFOUND)
		return e;
	j->e = crypto_random(j->secret, REG_SECRET);
	if (j->e != ERR_OK)
		return ERR_OK;
	return reg_store_put(batch->store, REG_TABLE_META, j->key,
	                     str_of((const char *)j->secret, REG_SECRET));
}

static void fail(struct reg_job *job, enum err e)
{
	container_of(job, struct secret_job, job)->e = e;
}

/* On the writer's thread. Who waits may be gone as soon as the mutex is free. */
static void deliver(struct reg_job *job)
{
	struct secret_job *j = container_of(job, struct secret_job, job);

	must(pthread_mutex_lock(&j->mutex) == 0);
	j->done = true;
	must(pthread_cond_signal(&j->changed) == 0);
	must(pthread_mutex_unlock(&j->mutex) == 0);
}

static const struct reg_job_kind kind = { apply, fail, deliver };

static enum err ask(struct registrar *reg, struct secret_job *j)
{
	enum err e = reg_writer_give(reg->writer, &j->job);

	if (e != ERR_OK)
		return e;
	must(pthread_mutex_lock(&j->mutex) == 0);
	while (!j->done)
		must(pthread_cond_wait(&j->changed, &j->mutex) == 0);
	must(pthread_mutex_unlock(&j->mutex) == 0);
	return j->e;
}

enum err registrar_secret(struct registrar *reg, struct str name, unsigned char out[REG_SECRET])
{
	char memory[sizeof("secret:") + NAME_MAX_OCTETS];
	struct secret_job j = { .job = { .kind = &kind, .size = sizeof(j) } };
	struct buf key;
	enum err e;

	if (name.len == 0 || name.len > NAME_MAX_OCTETS)
		return ERR_LIMIT;
	buf_wrap(&key, memory, sizeof(memory));
	buf_z(&key, "secret:");
	buf_str(&key, name);
	j.key = buf_view(&key);
	must(pthread_mutex_init(&j.mutex, NULL) == 0);
	must(pthread_cond_init(&j.changed, NULL) == 0);
	e = ask(reg, &j);
	if (e == ERR_OK)
		memcpy(out, j.secret, REG_SECRET);
	(void)pthread_cond_destroy(&j.changed);
	(void)pthread_mutex_destroy(&j.mutex);
	return e;
}
