/* locate: where is an address to be reached now, asked as a call would ask, at the home of the address. */
#include "gateway/control_words.h"

#include "base/mem.h"
#include "gateway/locate.h"
#include "sip/message.h"

#define ROUTES_MAX 32

struct locate_job {
	struct control_job job;
	const struct snapshot *snapshot;
	struct locate_question question;
	struct locate *locate;
};

/* ---------------------------------------------------------------------------- what a target says */

/* What the Request-URI becomes. */
static struct str uri_of(const struct locate_job *l, const struct target *t)
{
	return t->uri.len > 0 ? t->uri : l->question.address.aor;
}

static size_t routes_of(const struct target *t, struct str out[ROUTES_MAX])
{
	struct sip_list list = sip_list_of(t->route.len > 0 ? t->route : t->next_hop);
	size_t count = 0;

	while (count < ROUTES_MAX && sip_list_next(&list, &out[count]))
		count++;
	return count;
}

static int64_t seconds_left(const struct target *t, struct wall now)
{
	return wall_seconds_left(now, t->expires);
}

/* ---------------------------------------------------------------------------- for programs */

static void json_target(struct json *j, const struct locate_job *l, const struct target *t,
                        struct wall now)
{
	struct str routes[ROUTES_MAX];

	json_begin(j, NULL, '{');
	json_str(j, "uri", uri_of(l, t));
	json_strs(j, "route", routes, routes_of(t, routes));
	json_thousandths(j, "q", t->q);
	if (t->expires.ms != 0)
		json_number(j, "expires", seconds_left(t, now));
	else
		json_null(j, "expires");
	json_known(j, "identity", t->identity);
	json_known(j, "source", t->source);
	json_end(j, '}');
}

static void json_step(struct json *j, const struct locate_step *step)
{
	json_begin(j, NULL, '{');
	json_str(j, "source", step->source);
	json_number(j, "ms", step->ms);
	json_str(j, "answer", step->answer);
	if (step->ttl_s >= 0)
		json_number(j, "ttl", step->ttl_s);
	else
		json_null(j, "ttl");
	json_end(j, '}');
}

static void write_json(const struct locate_job *l, const struct locate_result *r, struct buf *out)
{
	struct json j = json_to(out);
	struct wall now = wall_now();

	json_begin(&j, NULL, '{');
	json_str(&j, "outcome", str_from(located_name(r->outcome)));
	json_begin(&j, "targets", '[');
	for (size_t i = 0; i < r->target_count; i++)
		json_target(&j, l, &r->targets[i], now);
	json_end(&j, ']');
	json_begin(&j, "trace", '[');
	for (size_t i = 0; i < r->step_count; i++)
		json_step(&j, &r->steps[i]);
	json_end(&j, ']');
	json_end(&j, '}');
	buf_char(out, '\n');
}

/* ---------------------------------------------------------------------------- for people */

static void text_target(const struct locate_job *l, const struct target *t, struct wall now,
                        struct buf *out)
{
	struct json number = json_to(out);

	buf_z(out, "  ");
	control_clean(out, uri_of(l, t));
	if (t->route.len > 0 || t->next_hop.len > 0) {
		buf_z(out, "  by ");
		control_clean(out, t->route.len > 0 ? t->route : t->next_hop);
	}
	buf_z(out, "  q ");
	json_thousandths(&number, NULL, t->q);
	if (t->expires.ms != 0)
		buf_printf(out, "  for %lld s", (long long)seconds_left(t, now));
	if (t->identity.len > 0) {
		buf_z(out, "  certificate of ");
		control_clean(out, t->identity);
	}
	buf_z(out, "  from ");
	control_clean(out, t->source);
	buf_char(out, '\n');
}

/* How wide the column must be. */
static int widest(const struct locate_result *r, bool answers)
{
	size_t most = 0;

	for (size_t i = 0; i < r->step_count; i++) {
		size_t len = answers ? r->steps[i].answer.len : r->steps[i].source.len;

		if (len > most)
			most = len;
	}
	return most > 60 ? 60 : (int)most;
}

static void pad(struct buf *out, size_t from, int width)
{
	while (out->err == ERR_OK && out->len - from < (size_t)width)
		buf_char(out, ' ');
}

static void text_steps(const struct locate_result *r, struct buf *out)
{
	int source = widest(r, false);
	int answer = widest(r, true);

	buf_z(out, "asked\n");
	for (size_t i = 0; i < r->step_count; i++) {
		const struct locate_step *step = &r->steps[i];
		size_t at;

		buf_z(out, "  ");
		at = out->len;
		control_clean(out, step->source);
		pad(out, at, source);
		buf_printf(out, "  %5lld ms  ", (long long)step->ms);
		at = out->len;
		control_clean(out, step->answer);
		if (step->ttl_s >= 0) {
			pad(out, at, answer);
			buf_printf(out, "  ttl %lld s", (long long)step->ttl_s);
		}
		buf_char(out, '\n');
	}
}

static void write_text(const struct locate_job *l, const struct locate_result *r, bool trace,
                       struct buf *out)
{
	struct wall now = wall_now();

	buf_printf(out, "%s\n", located_name(r->outcome));
	for (size_t i = 0; i < r->target_count; i++)
		text_target(l, &r->targets[i], now, out);
	if (trace)
		text_steps(r, out);
}

/* ---------------------------------------------------------------------------- on the worker */

static enum control_exit status_of(enum located outcome)
{
	if (outcome == LOCATED_FOUND)
		return CONTROL_DONE;
	return outcome == LOCATED_FAILED ? CONTROL_FAILED : CONTROL_NO;
}

static void finish(struct locate_job *l, const struct locate_result *r)
{
	const struct control_session *s = l->job.session; /* its flags don't change any more */

	if (s->json)
		write_json(l, r, &l->job.text);
	else
		write_text(l, r, s->trace, &l->job.text);
	l->job.status = status_of(r->outcome);
	locate_free(l->locate);
	l->locate = NULL;
	control_job_done(&l->job);
}

static void on_located(void *arg, struct locate *locate, const struct locate_result *result)
{
	(void)locate;
	finish(arg, result);
}

/* Without an answer. */
static void give_up(struct locate_job *l)
{
	l->job.text.err = ERR_NOMEM;
	control_job_done(&l->job);
}

static void begin(struct control_job *job)
{
	struct locate_job *l = container_of(job, struct locate_job, job);

	if (locate_start(job->worker, &l->question, on_located, l, &l->locate))
		finish(l, locate_result(l->locate));
	else if (l->locate == NULL)
		give_up(l);
}

static void cancel(struct control_job *job)
{
	struct locate_job *l = container_of(job, struct locate_job, job);

	locate_free(l->locate);
	l->locate = NULL;
	give_up(l);
}

/* ---------------------------------------------------------------------------- on main */

static void free_job(struct control_job *job)
{
	struct locate_job *l = container_of(job, struct locate_job, job);

	snapshot_unref(l->snapshot);
	free(l);
}

static enum resolver_transport transport_of(const struct sip_uri *uri)
{
	switch (sip_uri_transport(uri, SIP_TRANSPORT_OTHER)) {
	case SIP_TRANSPORT_UDP:
		return RESOLVER_UDP;
	case SIP_TRANSPORT_TCP:
		return RESOLVER_TCP;
	default:
		return RESOLVER_NO_TRANSPORT;
	}
}

void control_locate(struct control_session *s)
{
	struct gateway *g = s->control->gateway;
	struct address address;
	struct sip_uri uri;
	struct locate_job *l;

	if (control_address(s, s->args[0], &address, &uri) != ERR_OK)
		return;
	l = mem_zero(sizeof(*l));
	if (l == NULL) {
		control_fail(s, ERR_NOMEM);
		return;
	}
	l->snapshot = snapshot_ref(atomic_load(&g->snapshot));
	l->question = (struct locate_question){ .snapshot = l->snapshot,
		                                .address = address,
		                                .port = uri.port,
		                                .transport = transport_of(&uri) };
	l->job = (struct control_job){
		.begin = begin, .cancel = cancel, .answer = control_job_answer, .free = free_job
	};
	control_job_start(s, &l->job, gateway_home(g, address.aor));
}
