#include "gateway/web.h"

#include "base/http.h"
#include "base/mem.h"

struct web {
	struct gateway *gateway;
	struct http_server *server;
	struct reg_reader *reader; /* of the server's thread */
	struct http_change *change;
	const struct conf *prepared;
	struct addr bound[HTTP_LISTENERS_MAX]; /* by number in `listen` of what was prepared last */
	struct addr admin;
};

/* ---------------------------------------------------------------------------- look-ups */

static void on_lookup(void *arg, const struct http_request *request, struct http_reply *reply)
{
	struct web *web = arg;

	federation_serve(web->gateway->federation, web->reader, request, reply);
}

/* ---------------------------------------------------------------------------- figures */

static void write_peer(void *arg, const struct fed_peer_stats *s)
{
	struct buf *out = arg;
	const struct {
		const char *outcome;
		uint64_t n;
	} rows[] = { { "found", s->found },     { "nobody", s->nobody }, { "absent", s->absent },
		     { "unknown", s->unknown }, { "failed", s->failed }, { "cached", s->cached } };

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		buf_printf(out, "lotse_peer_lookups_total{peer=\"%.*s\",outcome=\"%s\"} %llu\n",
		           STR_ARG(s->name), rows[i].outcome, (unsigned long long)rows[i].n);
	buf_printf(out, "lotse_peer_answers_total{peer=\"%.*s\",outcome=\"answered\"} %llu\n",
	           STR_ARG(s->name), (unsigned long long)s->answered);
	buf_printf(out, "lotse_peer_answers_total{peer=\"%.*s\",outcome=\"refused\"} %llu\n",
	           STR_ARG(s->name), (unsigned long long)s->refused);
}

static void write_one(struct buf *out, const char *name, const char *type, const char *help,
                      uint64_t n)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
	           (unsigned long long)n);
}

static void write_wires(struct gateway *g, struct buf *out)
{
	struct sip_wires_counts sum = { 0 };

	for (unsigned i = 0; i < g->worker_count; i++) {
		struct sip_wires_counts c;

		sip_wires_counts(g->wires, i, &c);
		sum.datagrams_in += c.datagrams_in;
		sum.datagrams_out += c.datagrams_out;
		sum.datagrams_lost += c.datagrams_lost;
		sum.frames_in += c.frames_in;
		sum.frames_out += c.frames_out;
		sum.connections += c.connections;
		sum.accepted += c.accepted;
		sum.opened += c.opened;
		sum.refused += c.refused;
	}
	write_one(out, "lotse_datagrams_received_total", "counter", "Datagrams received",
	          sum.datagrams_in);
	write_one(out, "lotse_datagrams_sent_total", "counter", "Datagrams sent",
	          sum.datagrams_out);
	write_one(out, "lotse_datagrams_lost_total", "counter",
	          "Datagrams not sent because the socket was full", sum.datagrams_lost);
	write_one(out, "lotse_frames_received_total", "counter", "Messages received over streams",
	          sum.frames_in);
	write_one(out, "lotse_frames_sent_total", "counter", "Messages sent over streams",
	          sum.frames_out);
	write_one(out, "lotse_connections", "gauge", "SIP connections that are open",
	          sum.connections);
	write_one(out, "lotse_connections_accepted_total", "counter", "SIP connections accepted",
	          sum.accepted);
	write_one(out, "lotse_connections_opened_total", "counter", "SIP connections opened",
	          sum.opened);
	write_one(out, "lotse_connections_refused_total", "counter",
	          "SIP connections refused because of a bound", sum.refused);
}

static void write_resolver(struct gateway *g, struct buf *out)
{
	struct resolver_counts sum = { 0 };

	for (unsigned i = 0; i < g->worker_count; i++) {
		struct resolver_counts c;

		resolver_counts_read(g->resolver, i, &c);
		sum.hits += c.hits;
		sum.asked += c.asked;
		sum.timeouts += c.timeouts;
		sum.errors += c.errors;
		sum.refused += c.refused;
		sum.cached += c.cached;
	}
	write_one(out, "lotse_dns_cache_hits_total", "counter", "Questions answered from the cache",
	          sum.hits);
	write_one(out, "lotse_dns_questions_total", "counter",
	          "Questions that went to a name server", sum.asked);
	write_one(out, "lotse_dns_timeouts_total", "counter", "Questions without an answer in time",
	          sum.timeouts);
	write_one(out, "lotse_dns_errors_total", "counter", "Questions that ended with an error",
	          sum.errors);
	write_one(out, "lotse_dns_targets_refused_total", "counter",
	          "Targets refused because they point inwards", sum.refused);
	write_one(out, "lotse_dns_cache_entries", "gauge", "Answers in the cache", sum.cached);
}

static void write_store(struct gateway *g, struct buf *out)
{
	struct reg_counts c;

	registrar_counts(g->registrar, &c);
	write_one(out, "lotse_store_changes_total", "counter",
	          "Registrations planned by the writer", c.changes);
	write_one(out, "lotse_store_commits_total", "counter", "Commits to stable storage",
	          c.commits);
	write_one(out, "lotse_store_failures_total", "counter", "Commits that failed", c.failures);
	write_one(out, "lotse_store_queued", "gauge", "Changes that wait for the writer", c.queued);
	write_one(out, "lotse_accounts", "gauge", "Accounts", c.accounts);
	write_one(out, "lotse_registered_addresses", "gauge",
	          "Addresses with bindings in the store", c.addresses);
	write_one(out, "lotse_store_bytes", "gauge", "Size of the store on disk", c.bytes);
}

static void write_metrics(struct gateway *g, struct buf *out)
{
	metrics_write(g->metrics, out);
	write_wires(g, out);
	write_resolver(g, out);
	write_store(g, out);
	buf_z(out,
	      "# HELP lotse_peer_lookups_total Questions to peers, by outcome\n# TYPE lotse_peer_lookups_total counter\n"
	      "# HELP lotse_peer_answers_total Questions of peers\n# TYPE lotse_peer_answers_total counter\n");
	federation_stats(g->federation, write_peer, out);
}

static void on_admin(void *arg, const struct http_request *request, struct http_reply *reply)
{
	struct web *web = arg;

	if (!str_eq(request->head->method, STR("GET")) &&
	    !str_eq(request->head->method, STR("HEAD"))) {
		reply->status = 405;
		buf_z(&reply->headers, "Allow: GET, HEAD\r\n");
		return;
	}
	reply->status = 200;
	if (str_eq(request->head->path, STR("/metrics"))) {
		buf_z(&reply->headers,
		      "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
		write_metrics(web->gateway, &reply->body);
		return;
	}
	buf_z(&reply->headers, "Content-Type: text/plain; charset=utf-8\r\n");
	if (str_eq(request->head->path, STR("/"))) {
		buf_z(&reply->body, "Lotse. Figures for Prometheus: /metrics\n");
		return;
	}
	reply->status = 404;
	buf_z(&reply->body, "There is / and /metrics.\n");
}

/* ---------------------------------------------------------------------------- listeners */

enum err web_prepare(struct web *web, const struct conf *conf, struct buf *why)
{
	struct http_listener_conf listeners[HTTP_LISTENERS_MAX];
	size_t places[HTTP_LISTENERS_MAX];
	struct http_conf http = { .listeners = listeners,
		                  .certificate = conf->tls.certificate.bytes,
		                  .key = conf->tls.key.bytes,
		                  .ca = conf->tls.ca.bytes };
	enum err e;

	listeners[0] = (struct http_listener_conf){ .addr = conf->admin.addr,
		                                    .handler = on_admin,
		                                    .arg = web };
	http.listener_count = 1;
	for (size_t i = 0; i < conf->listen_count && http.listener_count < HTTP_LISTENERS_MAX;
	     i++) {
		if (conf->listen[i].scheme != CONF_SCHEME_HTTPS)
			continue;
		places[http.listener_count] = i;
		listeners[http.listener_count++] = (struct http_listener_conf){
			.addr = conf->listen[i].addr, .tls = true, .handler = on_lookup, .arg = web
		};
	}
	e = http_prepare(web->server, &http, &web->change, why);
	if (e != ERR_OK)
		return e;
	web->prepared = conf;
	web->admin = http_change_addr(web->change, 0);
	for (size_t i = 1; i < http.listener_count; i++)
		web->bound[places[i]] = http_change_addr(web->change, i);
	return ERR_OK;
}

const struct addr *web_bound(const struct web *web, const struct conf_listener *listener)
{
	return &web->bound[listener - web->prepared->listen];
}

const struct addr *web_admin_bound(const struct web *web)
{
	return &web->admin;
}

void web_switch(struct web *web)
{
	if (web->change != NULL)
		http_commit(web->server, web->change);
	web->change = NULL;
}

void web_abandon(struct web *web)
{
	http_abandon(web->server, web->change);
	web->change = NULL;
}

enum err web_open(struct web **out, struct gateway *g)
{
	const struct http_limits limits = { 0 };
	struct web *web = mem_zero(sizeof(*web));
	enum err e;

	if (web == NULL)
		return ERR_NOMEM;
	web->gateway = g;
	e = reg_reader_open(&web->reader, g->registrar);
	if (e == ERR_OK)
		e = http_open(&web->server, &limits);
	if (e != ERR_OK)
		web_close(web);
	else
		*out = web;
	return e;
}

void web_close(struct web *web)
{
	if (web == NULL)
		return;
	web_abandon(web);
	http_close(web->server);
	reg_reader_close(web->reader);
	free(web);
}
