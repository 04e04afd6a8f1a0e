#include "resolver/resolver.h"

#include "base/mem.h"
#include "resolver/query.h"
#include "resolver/walk.h"

const unsigned resolver_latency_bounds_ms[RESOLVER_LATENCY_CLASSES - 1] = { 1,  2,   5,    10,
	                                                                    50, 200, 1000, 5000 };

const char *resolver_transport_text(enum resolver_transport t)
{
	switch (t) {
	case RESOLVER_UDP:
		return "udp";
	case RESOLVER_TCP:
		return "tcp";
	case RESOLVER_TLS:
		return "tls";
	case RESOLVER_SCTP:
		return "sctp";
	case RESOLVER_WS:
		return "ws";
	case RESOLVER_WSS:
		return "wss";
	case RESOLVER_NO_TRANSPORT:
		break;
	}
	return "";
}

const char *resolver_outcome_text(enum resolver_outcome o)
{
	switch (o) {
	case RESOLVER_FOUND:
		return "found";
	case RESOLVER_NOBODY:
		return "nobody";
	case RESOLVER_FAILED:
		break;
	}
	return "failed";
}

/* ---------------------------------------------------------------------------- settings */

/* One upstream a worker, or none at all. */
static enum err open_upstreams(struct upstream *list[CREW_MAX], const struct resolver *r,
                               struct settings *settings)
{
	for (unsigned i = 0; i < r->count; i++) {
		enum err e = upstream_open(&list[i], crew_loop(r->crew, i), settings);

		if (e != ERR_OK) {
			while (i > 0)
				upstream_close(list[--i]);
			return e;
		}
	}
	return ERR_OK;
}

static enum err open_homes(struct resolver *r, struct settings *settings)
{
	struct upstream *list[CREW_MAX];
	enum err e = open_upstreams(list, r, settings);

	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < r->count; i++) {
		r->homes[i] = home_new(r, i, list[i]);
		if (r->homes[i] == NULL)
			e = ERR_NOMEM;
	}
	return e;
}

enum err resolver_open(struct resolver **out, struct crew *crew, const struct resolver_conf *conf)
{
	struct resolver *r = mem_zero(sizeof(*r));
	struct settings *settings = NULL;
	enum err e;

	if (r == NULL)
		return ERR_NOMEM;
	r->crew = crew;
	r->count = crew_count(crew);
	if ((e = hash_key_init(&r->key)) != ERR_OK || (e = cares_library_open()) != ERR_OK)
		goto fail;
	r->library = true;
	if ((e = settings_new(&settings, conf)) != ERR_OK ||
	    (e = open_homes(r, settings)) != ERR_OK)
		goto fail;
	settings_unref(settings);
	*out = r;
	return ERR_OK;
fail:
	settings_unref(settings);
	resolver_close(r);
	return e;
}

enum err resolver_configure(struct resolver *r, const struct resolver_conf *conf)
{
	struct upstream *list[CREW_MAX];
	struct settings *settings;
	enum err e = settings_new(&settings, conf);

	if (e != ERR_OK)
		return e;
	e = open_upstreams(list, r, settings);
	settings_unref(settings);
	for (unsigned i = 0; e == ERR_OK && i < r->count; i++)
		home_switch(r->homes[i], list[i]);
	return e;
}

void resolver_close(struct resolver *r)
{
	if (r == NULL)
		return;
	/* What one worker waits for hangs on itself, where it lives on another: first all who wait. */
	for (unsigned i = 0; i < r->count; i++) {
		while (r->homes[i] != NULL && r->homes[i]->queries != NULL)
			query_free(r->homes[i]->queries);
	}
	for (unsigned i = 0; i < r->count; i++)
		home_free(r->homes[i]);
	if (r->library)
		cares_library_close();
	free(r);
}

/* ---------------------------------------------------------------------------- questions */

static struct home *home_at(const struct resolver *r, const struct loop *loop)
{
	must(loop_index(loop) < r->count);
	return r->homes[loop_index(loop)];
}

enum err resolver_locate(struct resolver *r, struct loop *loop,
                         const struct resolver_question *question, resolver_done_fn done, void *arg,
                         struct resolver_query **handle)
{
	return query_begin(handle, home_at(r, loop), question, true, done, arg);
}

enum err resolver_addresses(struct resolver *r, struct loop *loop,
                            const struct resolver_question *question, resolver_done_fn done,
                            void *arg, struct resolver_query **handle)
{
	return query_begin(handle, home_at(r, loop), question, false, done, arg);
}

void resolver_cancel(struct resolver_query *query)
{
	if (query != NULL)
		query_free(query);
}

/* ---------------------------------------------------------------------------- the cache, figures */

enum err resolver_cache_list(struct resolver *r, struct loop *loop, resolver_cached_fn each,
                             resolver_walked_fn done, void *arg)
{
	return walk_begin(home_at(r, loop), STR_NONE, each, done, arg);
}

enum err resolver_cache_flush(struct resolver *r, struct loop *loop, struct str name,
                              resolver_walked_fn done, void *arg)
{
	char text[NAME_TEXT_MAX];
	size_t len = 0;

	if (name.len > 0) {
		enum err e = name_canonical(name, text, &len);

		if (e != ERR_OK)
			return ERR_SYNTAX;
	}
	return walk_begin(home_at(r, loop), str_of(text, len), NULL, done, arg);
}

void resolver_counts_read(const struct resolver *r, unsigned index, struct resolver_counts *out)
{
	const uint64_t *from;
	uint64_t *to = (uint64_t *)out;

	must(index < r->count);
	from = (const uint64_t *)&r->homes[index]->counts;
	/* All of it is counters. */
	_Static_assert(sizeof(*out) % sizeof(*to) == 0, "counters alone");
	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
