#include "federation/federation.h"

#include "base/mem.h"
#include "federation/house.h"

enum err federation_open(struct federation **out, const struct fed_env *env)
{
	unsigned count = crew_count(env->crew);
	struct federation *fed = mem_zero(sizeof(*fed) + count * sizeof(fed->workers[0]));
	enum err e;

	if (fed == NULL)
		return ERR_NOMEM;
	fed->env = *env;
	if (env->seal_key != NULL)
		memcpy(fed->seal_key, env->seal_key, sizeof(fed->seal_key));
	fed->env.seal_key = fed->seal_key;
	fed->worker_count = count;
	must(pthread_mutex_init(&fed->lock, NULL) == 0);
	e = hash_key_init(&fed->hash);
	for (unsigned i = 0; i < count; i++) {
		fed->workers[i].fed = fed;
		fed->workers[i].loop = crew_loop(env->crew, i);
		fed_cache_init(&fed->workers[i].cache, FED_CACHE_MAX / count,
		               FED_CACHE_BYTES / count, &fed->hash);
	}
	if (e == ERR_OK)
		e = fed_https_open(&fed->https, &fed->env.self);
	if (e != ERR_OK) {
		federation_close(fed);
		return e;
	}
	*out = fed;
	return ERR_OK;
}

void federation_close(struct federation *fed)
{
	if (fed == NULL)
		return;
	fed_https_close(fed->https);
	for (unsigned i = 0; i < fed->worker_count; i++)
		fed_worker_fini(&fed->workers[i]);
	fed_peers_unref(fed->peers);
	(void)pthread_mutex_destroy(&fed->lock);
	free(fed);
}

enum err federation_configure(struct federation *fed, const struct fed_conf *conf)
{
	unsigned generation = atomic_load(&fed->generation) + 1;
	struct fed_peers *peers;
	struct fed_peers *before;
	char reason[300];
	struct buf why;
	enum err e;

	buf_wrap(&why, reason, sizeof(reason));
	e = fed_peers_make(&peers, conf, fed->peers, generation, &why);
	if (e != ERR_OK) {
		LOG_EVENT(fed->env.log, LOG_ERROR, "peers_refused", LOG_S("reason", buf_view(&why)),
		          LOG_E("err", e));
		return e;
	}
	(void)pthread_mutex_lock(&fed->lock);
	before = fed->peers;
	fed->peers = peers;
	atomic_store(&fed->generation, generation);
	(void)pthread_mutex_unlock(&fed->lock);
	fed_peers_unref(before);
	return ERR_OK;
}

struct fed_peers *fed_peers_now(struct federation *fed)
{
	struct fed_peers *peers;

	(void)pthread_mutex_lock(&fed->lock);
	peers = fed->peers == NULL ? NULL : fed_peers_ref(fed->peers);
	(void)pthread_mutex_unlock(&fed->lock);
	return peers;
}

struct fed_peers *fed_worker_peers(struct fed_worker *worker)
{
	unsigned generation = atomic_load(&worker->fed->generation);

	/* The lock is taken where the configuration has changed, and never else. */
	if (generation != 0 && (worker->peers == NULL || worker->peers->generation != generation)) {
		fed_peers_unref(worker->peers);
		worker->peers = fed_peers_now(worker->fed);
	}
	return worker->peers;
}

static struct fed_peer_stats stats_of(const struct fed_peer *peer)
{
	struct fed_tally *t = peer->tally;

	return (struct fed_peer_stats){
		.name = peer->conf.name,
		.asked = atomic_load_explicit(&t->asked, memory_order_relaxed),
		.cached = atomic_load_explicit(&t->cached, memory_order_relaxed),
		.found = atomic_load_explicit(&t->outcomes[FED_FOUND], memory_order_relaxed),
		.nobody = atomic_load_explicit(&t->outcomes[FED_NOBODY], memory_order_relaxed),
		.absent = atomic_load_explicit(&t->outcomes[FED_ABSENT], memory_order_relaxed),
		.unknown = atomic_load_explicit(&t->outcomes[FED_UNKNOWN], memory_order_relaxed),
		.failed = atomic_load_explicit(&t->outcomes[FED_FAILED], memory_order_relaxed),
		.answered = atomic_load_explicit(&t->answered, memory_order_relaxed),
		.refused = atomic_load_explicit(&t->refused, memory_order_relaxed),
		.last_ms = atomic_load_explicit(&t->last_ms, memory_order_relaxed),
	};
}

void federation_stats(struct federation *fed,
                      void (*visit)(void *arg, const struct fed_peer_stats *stats), void *arg)
{
	struct fed_peers *peers = fed_peers_now(fed);

	for (size_t i = 0; peers != NULL && i < peers->count; i++) {
		struct fed_peer_stats stats = stats_of(&peers->items[i]);

		visit(arg, &stats);
	}
	fed_peers_unref(peers);
}
