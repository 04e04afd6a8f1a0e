#include "resolver/settings.h"

#include "base/mem.h"
#include "resolver/cares.h"

#define NETWORKS_MAX 65536
#define TIMEOUT_MS 2000
#define TIMEOUT_MAX_MS 60000
#define CACHE_LIMIT 100000

static void take_servers(struct settings *s, const struct resolver_conf *conf)
{
	size_t count = conf->server_count < RESOLVER_SERVERS_MAX ? conf->server_count
	                                                         : RESOLVER_SERVERS_MAX;

	if (count > 0)
		memcpy(s->servers, conf->servers, count * sizeof(s->servers[0]));
	else if (cares_system_servers(s->servers, RESOLVER_SERVERS_MAX, &count) != ERR_OK)
		/* resolv.conf(5): without any it is the one on this machine. */
		count = addr_parse(&s->servers[0], STR("127.0.0.1"), 53) == ERR_OK ? 1 : 0;
	for (size_t i = 0; i < count; i++) {
		if (addr_port(&s->servers[i]) == 0)
			addr_set_port(&s->servers[i], 53);
	}
	s->conf.servers = s->servers;
	s->conf.server_count = count;
}

static struct network *take_networks(struct network *to, const struct network **list, size_t count)
{
	if (count > 0)
		memcpy(to, *list, count * sizeof(*to));
	*list = to;
	return to + count;
}

enum err settings_new(struct settings **out, const struct resolver_conf *conf)
{
	size_t networks = conf->allow_count + conf->own_count;
	struct settings *s;
	struct network *end;

	if (conf->allow_count > NETWORKS_MAX || conf->own_count > NETWORKS_MAX)
		return ERR_LIMIT;
	s = mem_zero(sizeof(*s) + networks * sizeof(s->networks[0]));
	if (s == NULL)
		return ERR_NOMEM;
	atomic_init(&s->refs, 1);
	s->conf = *conf;
	end = take_networks(s->networks, &s->conf.allow_targets, conf->allow_count);
	(void)take_networks(end, &s->conf.own, conf->own_count);
	if (s->conf.timeout_ms <= 0)
		s->conf.timeout_ms = TIMEOUT_MS;
	if (s->conf.timeout_ms > TIMEOUT_MAX_MS)
		s->conf.timeout_ms = TIMEOUT_MAX_MS;
	if (s->conf.cache_limit == 0)
		s->conf.cache_limit = CACHE_LIMIT;
	take_servers(s, conf);
	*out = s;
	return ERR_OK;
}

struct settings *settings_ref(struct settings *s)
{
	(void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void settings_unref(struct settings *s)
{
	if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free(s);
}

bool resolver_may_point_at(const struct resolver_conf *conf, const struct addr *addr)
{
	bool refused = addr_is_inward(addr);

	for (size_t i = 0; i < conf->own_count; i++)
		refused |= network_has(&conf->own[i], addr);
	for (size_t i = 0; refused && i < conf->allow_count; i++)
		refused = !network_has(&conf->allow_targets[i], addr);
	return !refused;
}
