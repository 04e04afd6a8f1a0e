/* resolver cache, resolver flush: what this daemon knows from DNS, all workers together. Asked on one of them: the resolver answers loops of its crew alone. */
#include "gateway/control_words.h"

#include "base/mem.h"

struct resolver_job {
	struct control_job job;
	struct json writer;
	struct str name; /* flush: in the session's arena */
	bool flush;
	size_t count;
	enum err e;
};

static void on_entry(void *arg, const struct resolver_cached *entry)
{
	struct resolver_job *r = arg;
	struct buf *out = &r->job.text;

	if (r->job.session->json) {
		json_begin(&r->writer, NULL, '{');
		json_str(&r->writer, "name", entry->name);
		json_str(&r->writer, "type", str_from(entry->type));
		json_str(&r->writer, "answer", entry->answer);
		json_number(&r->writer, "ttl", entry->ttl);
		json_number(&r->writer, "worker", entry->home);
		json_end(&r->writer, '}');
		return;
	}
	control_clean(out, entry->name);
	buf_printf(out, "  %s  ", entry->type);
	control_clean(out, entry->answer);
	buf_printf(out, "  ttl %u s  worker %u\n", entry->ttl, entry->home);
}

static void on_end(void *arg, size_t count)
{
	struct resolver_job *r = arg;

	r->count = count;
	control_job_done(&r->job);
}

static void begin(struct control_job *job)
{
	struct resolver_job *r = container_of(job, struct resolver_job, job);
	struct resolver *resolver = job->worker->gateway->resolver;
	struct loop *loop = job->worker->loop;

	r->writer = json_to(&job->text);
	r->writer.lines = true;
	if (!r->flush && job->session->json)
		json_begin(&r->writer, NULL, '[');
	r->e = r->flush ? resolver_cache_flush(resolver, loop, r->name, on_end, r)
	                : resolver_cache_list(resolver, loop, on_entry, on_end, r);
	if (r->e != ERR_OK)
		control_job_done(job);
}

static void answer(struct control_job *job, struct control_session *s)
{
	struct resolver_job *r = container_of(job, struct resolver_job, job);

	if (r->e == ERR_SYNTAX) {
		control_err(s, "\"%.*s\" is no host name\n", STR_ARG(r->name));
		control_exit(s, CONTROL_WRONG);
		return;
	}
	if (r->e != ERR_OK) {
		control_fail(s, r->e);
		return;
	}
	if (r->flush) {
		buf_printf(&job->text, "%zu forgotten\n", r->count);
	} else if (s->json) {
		json_end(&r->writer, ']');
		buf_char(&job->text, '\n');
	}
	control_job_answer(job, s);
}

static void free_job(struct control_job *job)
{
	free(container_of(job, struct resolver_job, job));
}

static void start(struct control_session *s, bool flush)
{
	struct resolver_job *r = mem_zero(sizeof(*r));

	if (r == NULL) {
		control_fail(s, ERR_NOMEM);
		return;
	}
	r->flush = flush;
	r->name = s->arg_count > 0 ? s->args[0] : STR_NONE;
	r->job = (struct control_job){ .begin = begin, .answer = answer, .free = free_job };
	control_job_start(s, &r->job, s->control->gateway->workers[0]);
}

void control_resolver_cache(struct control_session *s)
{
	start(s, false);
}

void control_resolver_flush(struct control_session *s)
{
	start(s, true);
}
