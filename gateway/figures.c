#include "gateway/figures.h"

#include "base/mem.h"

/* A figure of a struct of counters: one row each. */
struct figure {
	size_t at; /* of the uint64_t */
	const char *name;
	const char *type;
	const char *help;
};

#define WIRES(field, name, type, help)                                           \
	{                                                                        \
		offsetof(struct sip_wires_counts, field), (name), (type), (help) \
	}
#define DNS(field, name, type, help)                                            \
	{                                                                       \
		offsetof(struct resolver_counts, field), (name), (type), (help) \
	}
#define STORE(field, name, type, help)                                     \
	{                                                                  \
		offsetof(struct reg_counts, field), (name), (type), (help) \
	}

/* clang-format off */
static const struct figure wires_rows[] = {
	WIRES(datagrams_in,   "lotse_datagrams_received_total",    "counter", "Datagrams received"),
	WIRES(datagrams_out,  "lotse_datagrams_sent_total",        "counter", "Datagrams sent"),
	WIRES(datagrams_lost, "lotse_datagrams_lost_total",        "counter", "Datagrams not sent because the socket was full"),
	WIRES(frames_in,      "lotse_frames_received_total",       "counter", "Messages received over streams"),
	WIRES(frames_out,     "lotse_frames_sent_total",           "counter", "Messages sent over streams"),
	WIRES(connections,    "lotse_connections",                 "gauge",   "SIP connections that are open"),
	WIRES(accepted,       "lotse_connections_accepted_total",  "counter", "SIP connections accepted"),
	WIRES(opened,         "lotse_connections_opened_total",    "counter", "SIP connections opened"),
	WIRES(refused,        "lotse_connections_refused_total",   "counter", "SIP connections refused because of a bound"),
};

static const struct figure dns_rows[] = {
	DNS(hits,     "lotse_dns_cache_hits_total",      "counter", "Questions answered from the cache"),
	DNS(asked,    "lotse_dns_questions_total",       "counter", "Questions that went to a name server"),
	DNS(timeouts, "lotse_dns_timeouts_total",        "counter", "Questions without an answer in time"),
	DNS(errors,   "lotse_dns_errors_total",          "counter", "Questions that ended with an error"),
	DNS(refused,  "lotse_dns_targets_refused_total", "counter", "Targets refused because they point inwards"),
	DNS(cached,   "lotse_dns_cache_entries",         "gauge",   "Answers in the cache"),
};

static const struct figure store_rows[] = {
	STORE(changes,   "lotse_store_changes_total",  "counter", "Registrations planned by the writer"),
	STORE(commits,   "lotse_store_commits_total",  "counter", "Commits to stable storage"),
	STORE(failures,  "lotse_store_failures_total", "counter", "Commits that failed"),
	STORE(queued,    "lotse_store_queued",         "gauge",   "Changes that wait for the writer"),
	STORE(accounts,  "lotse_accounts",             "gauge",   "Accounts"),
	STORE(addresses, "lotse_registered_addresses", "gauge",   "Addresses with bindings in the store"),
	STORE(bytes,     "lotse_store_bytes",          "gauge",   "Size of the store on disk"),
};
/* clang-format on */

static uint64_t at(const void *counts, const struct figure *f)
{
	return *(const uint64_t *)((const char *)counts + f->at);
}

/* Add what one worker counted to the sum of all. */
static void add(uint64_t *sums, const void *counts, const struct figure *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sums[i] += at(counts, &rows[i]);
}

static void write_row(struct buf *out, const struct figure *f, uint64_t n)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", f->name, f->help, f->name, f->type,
	           f->name, (unsigned long long)n);
}

static void write_wires(struct gateway *g, struct buf *out)
{
	uint64_t sums[COUNT_OF(wires_rows)] = { 0 };

	for (unsigned i = 0; i < g->worker_count; i++) {
		struct sip_wires_counts c;

		sip_wires_counts(g->wires, i, &c);
		add(sums, &c, wires_rows, COUNT_OF(wires_rows));
	}
	for (size_t i = 0; i < COUNT_OF(wires_rows); i++)
		write_row(out, &wires_rows[i], sums[i]);
}

static void write_dns(struct gateway *g, struct buf *out)
{
	uint64_t sums[COUNT_OF(dns_rows)] = { 0 };

	for (unsigned i = 0; i < g->worker_count; i++) {
		struct resolver_counts c;

		resolver_counts_read(g->resolver, i, &c);
		add(sums, &c, dns_rows, COUNT_OF(dns_rows));
	}
	for (size_t i = 0; i < COUNT_OF(dns_rows); i++)
		write_row(out, &dns_rows[i], sums[i]);
}

static void write_store(struct gateway *g, struct buf *out)
{
	struct reg_counts c;

	registrar_counts(g->registrar, &c);
	for (size_t i = 0; i < COUNT_OF(store_rows); i++)
		write_row(out, &store_rows[i], at(&c, &store_rows[i]));
}

static void write_series(struct buf *out, const char *name, struct str peer, const char *outcome,
                         uint64_t n)
{
	buf_printf(out, "%s{peer=\"%.*s\",outcome=\"%s\"} %llu\n", name, STR_ARG(peer), outcome,
	           (unsigned long long)n);
}

static void write_asked(void *arg, const struct fed_peer_stats *s)
{
	const struct {
		const char *outcome;
		uint64_t n;
	} rows[] = { { "found", s->found },     { "nobody", s->nobody }, { "absent", s->absent },
		     { "unknown", s->unknown }, { "failed", s->failed }, { "cached", s->cached } };

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		write_series(arg, "lotse_peer_lookups_total", s->name, rows[i].outcome, rows[i].n);
}

static void write_answered(void *arg, const struct fed_peer_stats *s)
{
	write_series(arg, "lotse_peer_answers_total", s->name, "answered", s->answered);
	write_series(arg, "lotse_peer_answers_total", s->name, "refused", s->refused);
}

/* All series of a metric stand together: two walks. */
static void write_peers(struct gateway *g, struct buf *out)
{
	buf_z(out,
	      "# HELP lotse_peer_lookups_total Questions to peers, by outcome\n# TYPE lotse_peer_lookups_total counter\n");
	federation_stats(g->federation, write_asked, out);
	buf_z(out,
	      "# HELP lotse_peer_answers_total Questions of peers\n# TYPE lotse_peer_answers_total counter\n");
	federation_stats(g->federation, write_answered, out);
}

void figures_write(struct gateway *g, struct buf *out)
{
	metrics_write(g->metrics, out);
	write_wires(g, out);
	write_dns(g, out);
	write_store(g, out);
	write_peers(g, out);
}
