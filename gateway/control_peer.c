/* peer list, show, test: the other providers. */
#include "gateway/control_words.h"

#include "base/mem.h"

/* ---------------------------------------------------------------------------- figures */

struct search {
	struct str name;
	struct fed_peer_stats found;
};

static void on_stats(void *arg, const struct fed_peer_stats *stats)
{
	struct search *search = arg;

	if (str_eq(stats->name, search->name))
		search->found = *stats;
}

static struct fed_peer_stats stats_of(struct control_session *s, const struct conf_peer *p)
{
	struct search search = { .name = p->name };

	federation_stats(s->control->gateway->federation, on_stats, &search);
	return search.found;
}

static const char *reveal_name(enum conf_reveal reveal)
{
	static const char *const names[] = { [CONF_REVEAL_INGRESS] = "ingress",
		                             [CONF_REVEAL_NOTHING] = "nothing",
		                             [CONF_REVEAL_CONTACT] = "contact" };

	return names[reveal];
}

/* ---------------------------------------------------------------------------- for programs */

static void json_stats(struct json *j, const struct fed_peer_stats *stats)
{
	json_number(j, "asked", (int64_t)stats->asked);
	json_number(j, "cached", (int64_t)stats->cached);
	json_number(j, "found", (int64_t)stats->found);
	json_number(j, "nobody", (int64_t)stats->nobody);
	json_number(j, "absent", (int64_t)stats->absent);
	json_number(j, "unknown", (int64_t)stats->unknown);
	json_number(j, "failed", (int64_t)stats->failed);
	json_number(j, "answered", (int64_t)stats->answered);
	json_number(j, "refused", (int64_t)stats->refused);
	if (stats->asked > 0)
		json_number(j, "last_ms", stats->last_ms);
	else
		json_null(j, "last_ms");
}

static void json_networks(struct json *j, const struct conf_peer *p)
{
	json_begin(j, "addresses", '[');
	for (size_t i = 0; i < p->address_count; i++) {
		char text[ADDR_TEXT + 8];
		struct buf b;

		buf_wrap(&b, text, sizeof(text));
		network_write(&p->addresses[i], &b);
		json_str(j, NULL, buf_view(&b));
	}
	json_end(j, ']');
}

static void json_peer(struct control_session *s, const struct conf_peer *p)
{
	struct fed_peer_stats stats = stats_of(s, p);
	struct json *j = &s->writer;

	json_begin(j, NULL, '{');
	json_str(j, "name", p->name);
	json_strs(j, "domains", p->domains, p->domain_count);
	json_strs(j, "numbers", p->numbers, p->number_count);
	json_known(j, "url", p->url.text);
	json_known(j, "ingress", p->ingress);
	json_strs(j, "names", p->names, p->name_count);
	json_networks(j, p);
	json_bool(j, "token", p->token_file.path.len > 0);
	json_str(j, "reveal", str_from(reveal_name(p->reveal)));
	json_number(j, "timeout_ms", p->timeout_ms);
	json_stats(j, &stats);
	json_end(j, '}');
}

/* ---------------------------------------------------------------------------- for people */

static void text_strs(struct buf *out, const struct str *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_z(out, i == 0 ? "" : " ");
		control_clean(out, items[i]);
	}
}

static void text_line(struct buf *out, const struct conf_peer *p,
                      const struct fed_peer_stats *stats)
{
	control_clean(out, p->name);
	buf_z(out, "  ");
	text_strs(out, p->domains, p->domain_count);
	buf_z(out, p->domain_count > 0 && p->number_count > 0 ? " " : "");
	text_strs(out, p->numbers, p->number_count);
	buf_z(out, "  ");
	buf_str(out, p->url.text.len > 0 ? p->url.text : STR("not asked over https"));
	buf_printf(out, "  learns %s  asked %llu, failed %llu; asks %llu, refused %llu\n",
	           reveal_name(p->reveal), (unsigned long long)stats->asked,
	           (unsigned long long)stats->failed, (unsigned long long)stats->answered,
	           (unsigned long long)stats->refused);
}

static void text_row(struct buf *out, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	buf_printf(out, "  %-10s", name);
	control_clean(out, value);
	buf_char(out, '\n');
}

static void text_list(struct buf *out, const char *name, const struct str *items, size_t count)
{
	if (count == 0)
		return;
	buf_printf(out, "  %-10s", name);
	text_strs(out, items, count);
	buf_char(out, '\n');
}

static void text_figures(struct buf *out, const struct fed_peer_stats *s)
{
	buf_printf(
		out,
		"  %-10s%llu, from the cache %llu: found %llu, nobody %llu, absent %llu, unknown %llu, failed %llu",
		"asked", (unsigned long long)s->asked, (unsigned long long)s->cached,
		(unsigned long long)s->found, (unsigned long long)s->nobody,
		(unsigned long long)s->absent, (unsigned long long)s->unknown,
		(unsigned long long)s->failed);
	if (s->asked > 0)
		buf_printf(out, "; last time %lld ms", (long long)s->last_ms);
	buf_printf(out, "\n  %-10s%llu answered, %llu refused\n", "asks",
	           (unsigned long long)s->answered, (unsigned long long)s->refused);
}

static void text_peer(struct control_session *s, const struct conf_peer *p)
{
	struct fed_peer_stats stats = stats_of(s, p);
	struct buf *out = &s->text;

	control_clean(out, p->name);
	buf_char(out, '\n');
	text_list(out, "domains", p->domains, p->domain_count);
	text_list(out, "numbers", p->numbers, p->number_count);
	text_row(out, "url", p->url.text);
	text_row(out, "ingress", p->ingress);
	text_list(out, "names", p->names, p->name_count);
	if (p->address_count > 0) {
		buf_printf(out, "  %-10s", "addresses");
		for (size_t i = 0; i < p->address_count; i++) {
			buf_z(out, i == 0 ? "" : " ");
			network_write(&p->addresses[i], out);
		}
		buf_char(out, '\n');
	}
	text_row(out, "token", p->token_file.path);
	text_row(out, "learns", str_from(reveal_name(p->reveal)));
	buf_printf(out, "  %-10s%lld ms\n", "timeout", (long long)p->timeout_ms);
	text_figures(out, &stats);
}

/* ---------------------------------------------------------------------------- list and show */

void control_peer_list(struct control_session *s)
{
	const struct conf *conf = control_conf(s->control);

	if (s->json) {
		s->writer.lines = true;
		json_begin(&s->writer, NULL, '[');
	}
	for (size_t i = 0; i < conf->peer_count; i++) {
		const struct conf_peer *p = &conf->peers[i];

		if (s->json) {
			json_peer(s, p);
		} else {
			struct fed_peer_stats stats = stats_of(s, p);

			text_line(&s->text, p, &stats);
		}
	}
	if (s->json) {
		json_end(&s->writer, ']');
		buf_char(&s->text, '\n');
	}
	control_say(s);
	control_exit(s, CONTROL_DONE);
}

/* The peer that the first argument names; where there is none, the session has been answered. */
static const struct conf_peer *find_peer(struct control_session *s)
{
	const struct conf_peer *p = conf_peer_find(control_conf(s->control), s->args[0]);

	if (p != NULL)
		return p;
	control_err(s, "there is no peer \"%.*s\"; `lotse peer list` names them\n",
	            STR_ARG(s->args[0]));
	control_exit(s, CONTROL_NO);
	return NULL;
}

void control_peer_show(struct control_session *s)
{
	const struct conf_peer *p = find_peer(s);

	if (p == NULL)
		return;
	if (s->json) {
		json_peer(s, p);
		buf_char(&s->text, '\n');
	} else {
		text_peer(s, p);
	}
	control_say(s);
	control_exit(s, CONTROL_DONE);
}

/* ---------------------------------------------------------------------------- test */

struct test_job {
	struct control_job job;
	struct fed_question *question;
	struct str peer; /* these two in the session's arena */
	struct str address;
	int64_t timeout_ms;
	enum err e;
};

static void json_answer(const struct test_job *t, const struct fed_answer *answer)
{
	struct json j = json_to((struct buf *)(uintptr_t)&t->job.text);

	json_begin(&j, NULL, '{');
	json_str(&j, "peer", t->peer);
	json_str(&j, "address", t->address);
	json_str(&j, "outcome", str_from(fed_outcome_name(answer->outcome)));
	json_number(&j, "ms", answer->ms);
	json_str(&j, "answer", answer->text);
	json_number(&j, "targets", (int64_t)answer->target_count);
	if (answer->ttl_s >= 0)
		json_number(&j, "ttl", answer->ttl_s);
	else
		json_null(&j, "ttl");
	json_end(&j, '}');
	buf_char(j.out, '\n');
}

static void text_answer(struct test_job *t, const struct fed_answer *answer)
{
	struct buf *out = &t->job.text;

	buf_printf(out, "%s  %lld ms  ", fed_outcome_name(answer->outcome), (long long)answer->ms);
	control_clean(out, answer->text);
	buf_char(out, '\n');
}

static void on_answer(void *arg, const struct fed_answer *answer)
{
	struct test_job *t = arg;

	t->question = NULL;
	if (t->job.session->json)
		json_answer(t, answer);
	else
		text_answer(t, answer);
	t->job.status = answer->outcome == FED_FAILED ? CONTROL_NO : CONTROL_DONE;
	control_job_done(&t->job);
}

static void begin(struct control_job *job)
{
	struct test_job *t = container_of(job, struct test_job, job);
	const struct fed_ask ask = { .peer = t->peer,
		                     .address = t->address,
		                     .no_cache = true,
		                     .deadline_ms = t->timeout_ms };

	t->e = federation_ask(job->worker->gateway->federation, job->worker->loop, &ask, on_answer,
	                      t, &t->question);
	if (t->e != ERR_OK)
		control_job_done(job);
}

static void cancel(struct control_job *job)
{
	struct test_job *t = container_of(job, struct test_job, job);

	federation_cancel(t->question);
	t->e = ERR_CANCELLED;
	control_job_done(job);
}

static void answer_test(struct control_job *job, struct control_session *s)
{
	struct test_job *t = container_of(job, struct test_job, job);

	if (t->e != ERR_OK)
		control_fail(s, t->e);
	else
		control_job_answer(job, s);
}

static void free_test(struct control_job *job)
{
	free(container_of(job, struct test_job, job));
}

/* An address that the peer serves, for those who only want to know whether it answers. */
static struct str some_address(struct control_session *s, const struct conf_peer *p)
{
	char text[ADDRESS_MAX];
	struct str out = STR_NONE;
	struct buf b;

	buf_wrap(&b, text, sizeof(text));
	if (p->domain_count == 0) {
		buf_z(&b, "tel:");
		buf_str(&b, p->number_count > 0 ? p->numbers[0] : STR("+1"));
	} else {
		bool below = str_starts(p->domains[0], STR("*."));

		buf_z(&b, below ? "sip:test@test." : "sip:test@");
		buf_str(&b, str_from_at(p->domains[0], below ? 2 : 0));
	}
	return b.err == ERR_OK && arena_str(&s->arena, buf_view(&b), &out) == ERR_OK ? out
	                                                                             : STR_NONE;
}

void control_peer_test(struct control_session *s)
{
	const struct conf_peer *p = find_peer(s);
	struct address address = { 0 };
	struct sip_uri uri;
	struct test_job *t;

	if (p == NULL)
		return;
	if (control_address(s, s->arg_count > 1 ? s->args[1] : some_address(s, p), &address,
	                    &uri) != ERR_OK)
		return;
	t = mem_zero(sizeof(*t));
	if (t == NULL) {
		control_fail(s, ERR_NOMEM);
		return;
	}
	t->peer = s->args[0];
	t->address = address.aor;
	t->timeout_ms = p->timeout_ms;
	t->job = (struct control_job){
		.begin = begin, .cancel = cancel, .answer = answer_test, .free = free_test
	};
	control_job_start(s, &t->job, gateway_home(s->control->gateway, address.aor));
}
