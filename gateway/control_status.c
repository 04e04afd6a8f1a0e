/* status: how the daemon does. */
#include "gateway/control_words.h"

#include "gateway/web.h"

#include <unistd.h>

struct figures {
	struct reg_counts store;
	int64_t open_transactions;
	int64_t transactions;
	int64_t open_calls;
	int64_t calls;
};

static struct figures figures_of(const struct gateway *g)
{
	struct figures f = { .open_transactions = metrics_total(g->metrics, M_OPEN_TRANSACTIONS),
		             .transactions = metrics_total(g->metrics, M_TRANSACTIONS),
		             .open_calls = metrics_total(g->metrics, M_CALLS_OPEN),
		             .calls = metrics_total(g->metrics, M_CALLS) };

	registrar_counts(g->registrar, &f.store);
	return f;
}

static const char *call_name(enum conf_call call)
{
	static const char *const names[] = { [CONF_CALL_VERIFIED] = "verified",
		                             [CONF_CALL_NONE] = "none",
		                             [CONF_CALL_ANY] = "any" };

	return names[call];
}

/* ---------------------------------------------------------------------------- for programs */

static void json_peer(void *arg, const struct fed_peer_stats *p)
{
	struct json *j = arg;

	json_begin(j, NULL, '{');
	json_str(j, "name", p->name);
	json_number(j, "asked", (int64_t)p->asked);
	json_number(j, "failed", (int64_t)p->failed);
	json_number(j, "answered", (int64_t)p->answered);
	json_number(j, "refused", (int64_t)p->refused);
	json_end(j, '}');
}

static void json_where(struct json *j, struct gateway *g, const struct snapshot *snapshot)
{
	char text[ADDR_TEXT];

	json_begin(j, "urls", '[');
	for (size_t i = 0; i < snapshot->url_count; i++)
		json_str(j, NULL, str_from(snapshot->urls[i].text));
	json_end(j, ']');
	json_str(j, "admin", str_from(addr_text(web_admin_bound(g->web), text)));
	json_begin(j, "domains", '[');
	for (size_t i = 0; i < snapshot->conf->domain_count; i++)
		json_str(j, NULL, snapshot->conf->domains[i].name);
	json_end(j, ']');
	json_str(j, "data", snapshot->conf->data);
	json_known(j, "file", snapshot->conf->file);
}

static void json_figures(struct json *j, const struct gateway *g)
{
	struct figures f = figures_of(g);

	json_number(j, "workers", g->worker_count);
	json_number(j, "reloads", (int64_t)g->reloads);
	json_number(j, "transactions", f.open_transactions);
	json_number(j, "transactions_total", f.transactions);
	json_number(j, "calls", f.open_calls);
	json_number(j, "calls_total", f.calls);
	json_number(j, "accounts", (int64_t)f.store.accounts);
	json_number(j, "addresses", (int64_t)f.store.addresses);
	json_number(j, "store_bytes", (int64_t)f.store.bytes);
	json_number(j, "store_failures", (int64_t)f.store.failures);
}

static void write_json(struct control_session *s)
{
	struct gateway *g = s->control->gateway;
	const struct snapshot *snapshot = atomic_load(&g->snapshot);
	struct json *j = &s->writer;
	char when[CONTROL_TIME];

	json_begin(j, NULL, '{');
	json_str(j, "version", STR(LOTSE_VERSION));
	json_number(j, "pid", getpid());
	json_str(j, "started", str_from(control_time(g->started, when)));
	json_number(j, "uptime", (wall_now().ms - g->started.ms) / 1000);
	json_where(j, g, snapshot);
	json_figures(j, g);
	json_known(j, "certificate", snapshot->conf->tls.certificate.path);
	json_bool(j, "auth_required", snapshot->conf->auth.required);
	json_str(j, "strangers_call", str_from(call_name(snapshot->conf->federation.call)));
	json_begin(j, "peers", '[');
	federation_stats(g->federation, json_peer, j);
	json_end(j, ']');
	json_end(j, '}');
	buf_char(&s->text, '\n');
}

/* ---------------------------------------------------------------------------- for people */

static void text_peer(void *arg, const struct fed_peer_stats *p)
{
	struct buf *out = arg;

	buf_z(out, "  ");
	control_clean(out, p->name);
	buf_printf(out, ": asked %llu times, %llu failed; asked us %llu times, %llu refused\n",
	           (unsigned long long)p->asked, (unsigned long long)p->failed,
	           (unsigned long long)p->answered + p->refused, (unsigned long long)p->refused);
}

static void text_uptime(struct buf *out, int64_t seconds)
{
	if (seconds >= 86400)
		buf_printf(out, "%lld d ", (long long)(seconds / 86400));
	if (seconds >= 3600)
		buf_printf(out, "%lld h ", (long long)(seconds / 3600 % 24));
	if (seconds >= 60)
		buf_printf(out, "%lld min ", (long long)(seconds / 60 % 60));
	buf_printf(out, "%lld s", (long long)(seconds % 60));
}

static void text_where(struct buf *out, struct gateway *g, const struct snapshot *snapshot)
{
	char text[ADDR_TEXT];

	buf_z(out, "domains       ");
	for (size_t i = 0; i < snapshot->conf->domain_count; i++)
		buf_printf(out, "%s%.*s", i == 0 ? "" : " ",
		           STR_ARG(snapshot->conf->domains[i].name));
	buf_z(out, "\nlistens at    ");
	for (size_t i = 0; i < snapshot->url_count; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : " ", snapshot->urls[i].text);
	buf_printf(out, "\nfigures at    http://%s/metrics\n",
	           addr_text(web_admin_bound(g->web), text));
	if (snapshot->conf->file.len > 0)
		buf_printf(out, "configured by %.*s, reloaded %llu times\n",
		           STR_ARG(snapshot->conf->file), (unsigned long long)g->reloads);
}

static void text_figures(struct buf *out, const struct gateway *g, const struct conf *conf)
{
	struct figures f = figures_of(g);

	buf_printf(out, "workers       %u\ntransactions  %lld open, %lld begun\n", g->worker_count,
	           (long long)f.open_transactions, (long long)f.transactions);
	buf_printf(out, "calls         %lld in progress, %lld over\n", (long long)f.open_calls,
	           (long long)f.calls);
	buf_printf(out, "accounts      %llu\nregistered    %llu addresses\n",
	           (unsigned long long)f.store.accounts, (unsigned long long)f.store.addresses);
	buf_printf(out, "store         %llu KiB in %.*s", (unsigned long long)f.store.bytes / 1024,
	           STR_ARG(conf->data));
	if (f.store.failures > 0)
		buf_printf(out, ", %llu commits FAILED", (unsigned long long)f.store.failures);
	buf_char(out, '\n');
}

static void text_rules(struct buf *out, const struct conf *conf)
{
	buf_printf(out, "certificate   %s\n",
	           conf->tls.certificate.path.len > 0 ? conf->tls.certificate.path.p : "none");
	buf_printf(out, "users         %s\n",
	           conf->auth.required ? "prove who they are by password"
	                               : "are believed WITHOUT a password (auth.required: false)");
	buf_printf(out, "strangers     %s\n",
	           conf->federation.call == CONF_CALL_ANY
	                   ? "may call our users (federation.call: any)"
	           : conf->federation.call == CONF_CALL_NONE
	                   ? "may not call (federation.call: none)"
	                   : "may call where they are verified (federation.call: verified)");
}

static void write_text(struct control_session *s)
{
	struct gateway *g = s->control->gateway;
	const struct snapshot *snapshot = atomic_load(&g->snapshot);
	struct buf *out = &s->text;
	char when[CONTROL_TIME];

	buf_printf(out, "lotse %s, process %ld, since %s (", LOTSE_VERSION, (long)getpid(),
	           control_time(g->started, when));
	text_uptime(out, (wall_now().ms - g->started.ms) / 1000);
	buf_z(out, ")\n");
	text_where(out, g, snapshot);
	text_figures(out, g, snapshot->conf);
	text_rules(out, snapshot->conf);
	buf_printf(out, "peers         %zu\n", snapshot->conf->peer_count);
	federation_stats(g->federation, text_peer, out);
}

void control_status(struct control_session *s)
{
	if (s->json)
		write_json(s);
	else
		write_text(s);
	control_say(s);
	control_exit(s, CONTROL_DONE);
}
