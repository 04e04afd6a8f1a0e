#include "gateway/gateway.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "base/socket.h"
#include "gateway/control.h"
#include "gateway/demux.h"
#include "gateway/federate.h"
#include "gateway/listeners.h"
#include "gateway/web.h"
#include "gateway/worker.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define OWN_MAX 64        /* addresses of this machine that are looked at */
#define SOURCES_MAX 65536 /* addresses whose rate is watched */

/* ---------------------------------------------------------------------------- what any thread asks */

const struct snapshot *gateway_snapshot(struct gateway *g)
{
	const struct snapshot *s;

	(void)atomic_fetch_add(&g->snapshot_readers, 1);
	s = snapshot_ref(atomic_load(&g->snapshot));
	(void)atomic_fetch_sub(&g->snapshot_readers, 1);
	return s;
}

struct worker *gateway_home(const struct gateway *g, struct str key)
{
	return g->workers[crew_home(g->crew, hash_str(&g->keys.home, key))];
}

/* ---------------------------------------------------------------------------- opening */

static unsigned worker_count(const struct conf *conf)
{
	cpu_set_t cores;
	int n = conf->workers > 0 ? (int)conf->workers : 1;

	if (conf->workers == 0 && sched_getaffinity(0, sizeof(cores), &cores) == 0)
		n = CPU_COUNT(&cores);
	return n < 1 ? 1 : n > CREW_MAX ? CREW_MAX : (unsigned)n;
}

static struct reg_limits limits_of(const struct conf *conf)
{
	const struct conf_registrar *r = &conf->registrar;

	return (struct reg_limits){ .min_expires_s = r->min_expires_ms / 1000,
		                    .default_expires_s = r->default_expires_ms / 1000,
		                    .max_expires_s = r->max_expires_ms / 1000,
		                    .max_contacts = r->max_contacts };
}

static enum err open_store(struct gateway *g, const struct conf *conf, struct buf *why)
{
	const struct reg_conf reg = { .folder = conf->data.p,
		                      .limits = limits_of(conf),
		                      .sync = conf->registrar.durability == CONF_SYNC,
		                      .log = g->log };
	const struct {
		struct str name;
		unsigned char *out;
	} secrets[] = { { STR("nonce"), g->keys.nonce },
		        { STR("route"), g->keys.route },
		        { STR("seal"), g->keys.seal } };
	enum err e = registrar_open(&g->registrar, &reg, why);

	for (size_t i = 0; e == ERR_OK && i < COUNT_OF(secrets); i++) {
		e = registrar_secret(g->registrar, secrets[i].name, secrets[i].out);
		if (e != ERR_OK)
			buf_printf(why, "%.*s: cannot keep its keys: %s\n", STR_ARG(conf->data),
			           err_text(e));
	}
	return e;
}

static enum err open_tables(struct gateway *g)
{
	enum err e;

	if ((e = hash_key_init(&g->keys.home)) != ERR_OK ||
	    (e = crypto_random(g->keys.tag, sizeof(g->keys.tag))) != ERR_OK)
		return e;
	if ((e = limit_open(&g->sources, SOURCES_MAX)) != ERR_OK ||
	    (e = limit_open(&g->logins, SOURCES_MAX)) != ERR_OK)
		return e;
	return metrics_open(&g->metrics, metric_table(), METRIC_ID_COUNT, g->worker_count);
}

/* A resolver's settings, with this machine's own addresses, to which nobody else's records may lead. */
struct resolver_settings {
	struct resolver_conf conf;
	struct network own[OWN_MAX];
};

static void resolver_settings_of(struct resolver_settings *out, const struct conf *conf)
{
	struct addr addrs[OWN_MAX];
	size_t count = socket_interfaces(addrs, OWN_MAX);

	for (size_t i = 0; i < count; i++) {
		addr_set_port(&addrs[i], 0);
		out->own[i] = (struct network){ .addr = addrs[i],
			                        .prefix = addr_family(&addrs[i]) == AF_INET6 ? 128
			                                                                     : 32 };
	}
	out->conf = (struct resolver_conf){ .servers = conf->resolver.servers,
		                            .server_count = conf->resolver.server_count,
		                            .timeout_ms = conf->resolver.timeout_ms,
		                            .allow_targets = conf->resolver.allow_targets,
		                            .allow_count = conf->resolver.allow_target_count,
		                            .own = out->own,
		                            .own_count = count };
}

static enum err open_services(struct gateway *g, const struct conf *conf, struct buf *why)
{
	const struct sip_wires_events events = demux_events(g);
	const struct sip_wires_conf wires = { 0 };
	struct resolver_settings resolver;
	enum err e;

	resolver_settings_of(&resolver, conf);
	if ((e = loop_open(&g->loop, 0)) != ERR_OK ||
	    (e = crew_open(&g->crew, g->worker_count)) != ERR_OK)
		return e;
	if ((e = sip_wires_open(&g->wires, g->crew, g->log, &wires, &events)) != ERR_OK)
		return e;
	if ((e = resolver_open(&g->resolver, g->crew, &resolver.conf)) != ERR_OK) {
		buf_printf(why, "the resolver cannot start: %s; set resolver.servers\n",
		           err_text(e));
		return e;
	}
	if ((e = open_store(g, conf, why)) != ERR_OK)
		return e;
	if ((e = federate_open(g)) != ERR_OK)
		return e;
	return web_open(&g->web, g);
}

static enum err open_workers(struct gateway *g)
{
	enum err e = ERR_OK;

	g->workers = mem_zero(g->worker_count * sizeof(void *));
	if (g->workers == NULL)
		return ERR_NOMEM;
	for (unsigned i = 0; e == ERR_OK && i < g->worker_count; i++)
		e = worker_open(&g->workers[i], g, i);
	return e;
}

static void warn_of_dangers(const struct gateway *g, const struct conf *conf)
{
	if (!conf->auth.required)
		LOG_EVENT(
			g->log, LOG_WARN, "auth_not_required",
			LOG_Z("means",
		              "anybody registers as anybody, and calls as anybody of ours; not for a network that others can reach"));
	if (conf->federation.call == CONF_CALL_ANY)
		LOG_EVENT(g->log, LOG_WARN, "call_any",
		          LOG_Z("means",
		                "strangers may call our users under any name that isn't ours"));
}

/* Everything but the listeners and the threads. */
static enum err open_house(struct gateway *g, const struct conf *conf, struct buf *why)
{
	enum err e = log_open(&g->log, STDERR_FILENO, LOG_TEXT, LOG_INFO);

	g->worker_count = worker_count(conf);
	if (e == ERR_OK)
		e = open_tables(g);
	if (e == ERR_OK)
		e = open_services(g, conf, why);
	if (e == ERR_OK)
		e = open_workers(g);
	return e;
}

static enum err start(struct gateway *g, struct snapshot *first, struct buf *why)
{
	/* The threads run before there is anything to receive: an address may have to be asked for. */
	enum err e = crew_start(g->crew);

	if (e != ERR_OK || (e = listeners_open(g, first, why)) != ERR_OK)
		return e;
	if ((e = federate_configure(g, first, why)) != ERR_OK)
		return e;
	if ((e = control_open(&g->control, g, first->conf->data, why)) != ERR_OK)
		return e;
	atomic_store(&g->snapshot, first);
	/* The posts by which listeners begin to read make this known to the workers. */
	for (unsigned i = 0; i < g->worker_count; i++)
		g->workers[i]->snapshot = snapshot_ref(first);
	listeners_switch(g, NULL, first);
	warn_of_dangers(g, first->conf);
	return ERR_OK;
}

enum err gateway_open(struct gateway **out, const struct conf_options *options, struct buf *why)
{
	struct gateway *g = mem_zero(sizeof(*g));
	struct snapshot *first = NULL;
	struct conf *conf = NULL;
	size_t said;
	enum err e;

	if (g == NULL)
		return ERR_NOMEM;
	g->options = *options;
	g->started = wall_now();
	if ((e = conf_load(options, &conf, why)) != ERR_OK)
		goto fail;
	said = why->len;
	if ((e = snapshot_new(&first, conf)) != ERR_OK) {
		conf_unref(conf);
		goto fail;
	}
	g->begun = conf_ref(conf);
	e = open_house(g, conf, why);
	if (e == ERR_OK)
		e = start(g, first, why);
	if (e == ERR_OK) {
		*out = g;
		return ERR_OK;
	}
	if (why->len == said)
		buf_printf(why, "cannot start: %s\n", err_text(e));
	if (atomic_load(&g->snapshot) != first)
		snapshot_unref(first);
fail:
	gateway_close(g);
	return e;
}

void gateway_close(struct gateway *g)
{
	if (g == NULL)
		return;
	control_close(g->control);
	web_close(g->web);
	if (g->crew != NULL)
		crew_stop(g->crew);
	for (unsigned i = 0; g->workers != NULL && i < g->worker_count; i++)
		worker_leave_store(g->workers[i]);
	registrar_close(g->registrar);
	/* What it has answered meanwhile lies in the loops' mailboxes. */
	for (unsigned i = 0; g->crew != NULL && i < g->worker_count; i++)
		(void)loop_drain(crew_loop(g->crew, i));
	for (unsigned i = 0; g->workers != NULL && i < g->worker_count; i++)
		worker_close(g->workers[i]);
	free(g->workers);
	federation_close(g->federation);
	resolver_close(g->resolver);
	sip_wires_close(g->wires);
	crew_close(g->crew);
	loop_close(g->loop);
	snapshot_unref(atomic_load(&g->snapshot));
	conf_unref(g->begun);
	limit_close(g->sources);
	limit_close(g->logins);
	metrics_close(g->metrics);
	log_close(g->log);
	free(g);
}

/* ---------------------------------------------------------------------------- reload */

/* A snapshot on its way to all workers; whoever takes it last frees this. */
struct switching {
	_Atomic unsigned left;
	const struct snapshot *next;
	struct switch_post {
		struct post post;
		struct worker *worker;
		struct switching *all;
	} posts[];
};

static void switch_worker(struct post *post, struct loop *loop)
{
	struct switch_post *p = container_of(post, struct switch_post, post);
	struct switching *all = p->all;

	(void)loop;
	snapshot_unref(p->worker->snapshot);
	p->worker->snapshot = snapshot_ref(all->next);
	if (atomic_fetch_sub(&all->left, 1) != 1)
		return;
	snapshot_unref(all->next);
	free(all);
}

/* All that can fail, before anything is switched. */
static struct switching *make_switching(struct gateway *g, const struct snapshot *next)
{
	struct switching *all = mem_zero(sizeof(*all) + g->worker_count * sizeof(all->posts[0]));

	if (all == NULL)
		return NULL;
	atomic_init(&all->left, g->worker_count);
	all->next = next;
	for (unsigned i = 0; i < g->worker_count; i++)
		all->posts[i] = (struct switch_post){ .post.run = switch_worker,
			                              .worker = g->workers[i],
			                              .all = all };
	return all;
}

static void switch_all(struct gateway *g, const struct snapshot *next, struct switching *all)
{
	const struct snapshot *before = atomic_load(&g->snapshot);
	unsigned count = g->worker_count;

	(void)snapshot_ref(next);
	for (unsigned i = 0; i < count; i++)
		loop_post(g->workers[i]->loop, &all->posts[i].post);
	atomic_store(&g->snapshot, next);
	while (atomic_load(&g->snapshot_readers) != 0)
		(void)sched_yield(); /* they hold it for a few instructions */
	listeners_switch(g, before, next);
	snapshot_unref(before);
}

static enum err prepare(struct gateway *g, struct snapshot *next, struct switching **all,
                        struct buf *said)
{
	struct resolver_settings resolver;
	enum err e = listeners_open(g, next, said);

	if (e != ERR_OK)
		return e;
	if ((*all = make_switching(g, next)) == NULL) {
		listeners_undo(g, atomic_load(&g->snapshot), next);
		return ERR_NOMEM;
	}
	resolver_settings_of(&resolver, next->conf);
	e = federate_configure(g, next, said);
	if (e == ERR_OK && (e = resolver_configure(g->resolver, &resolver.conf)) != ERR_OK)
		buf_printf(said, "the resolver cannot take its servers: %s\n", err_text(e));
	if (e == ERR_OK)
		return ERR_OK;
	/* What was in force comes back: it was accepted before. */
	if (federate_configure(g, atomic_load(&g->snapshot), said) != ERR_OK)
		LOG_EVENT(g->log, LOG_ERROR, "peers_half_reloaded",
		          LOG_Z("do", "mend the configuration and reload"));
	listeners_undo(g, atomic_load(&g->snapshot), next);
	free(*all);
	return e;
}

static void say_what_waits(struct gateway *g, const struct conf *before, const struct conf *after,
                           struct buf *said)
{
	char text[512];
	struct buf keys;

	buf_wrap(&keys, text, sizeof(text));
	if (conf_diff(before, after, &keys) == 0)
		return;
	buf_printf(said, "in force after a restart: %.*s\n", STR_ARG(buf_view(&keys)));
	LOG_EVENT(g->log, LOG_WARN, "restart_needed", LOG_S("keys", buf_view(&keys)));
}

enum err gateway_reload(struct gateway *g, struct buf *said)
{
	struct switching *all = NULL;
	struct snapshot *next = NULL;
	struct conf *conf = NULL;
	struct reg_limits limits;
	enum err e = conf_load(&g->options, &conf, said);

	if (e == ERR_OK && (e = snapshot_new(&next, conf)) != ERR_OK)
		conf_unref(conf);
	if (e == ERR_OK && (e = prepare(g, next, &all, said)) != ERR_OK)
		snapshot_unref(next);
	if (e != ERR_OK) {
		LOG_EVENT(g->log, LOG_ERROR, "reload_refused", LOG_E("reason", e),
		          LOG_S("said", str_trim(buf_view(said))));
		return e;
	}
	say_what_waits(g, g->begun, conf, said);
	limits = limits_of(conf);
	registrar_configure(g->registrar, &limits);
	switch_all(g, next, all);
	g->reloads++;
	warn_of_dangers(g, conf);
	LOG_EVENT(g->log, LOG_INFO, "reloaded", LOG_S("file", conf->file));
	return ERR_OK;
}

bool gateway_drain(struct gateway *g)
{
	for (unsigned i = 0; i < g->worker_count; i++) {
		if (atomic_load_explicit(&g->workers[i]->pending, memory_order_relaxed) != 0)
			return false;
	}
	return true;
}
