#include "federation/peer.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "sip/field.h"

#define SNAPSHOT_MAX ((size_t)64 << 20)

/* ---------------------------------------------------------------------------- making */

static bool copy_str(struct arena *a, struct str from, struct str *to)
{
	return arena_str(a, from, to) == ERR_OK;
}

static bool copy_strs(struct arena *a, const struct str **list, size_t count)
{
	struct str *copy;

	if (count == 0)
		return true;
	copy = arena_alloc(a, count * sizeof(*copy));
	if (copy == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!copy_str(a, (*list)[i], &copy[i]))
			return false;
	}
	*list = copy;
	return true;
}

static bool copy_networks(struct arena *a, const struct network **list, size_t count)
{
	struct network *copy;

	if (count == 0)
		return true;
	copy = arena_alloc(a, count * sizeof(*copy));
	if (copy == NULL)
		return false;
	memcpy(copy, *list, count * sizeof(*copy));
	*list = copy;
	return true;
}

static struct fed_tally *tally_for(const struct fed_peers *before, struct str name)
{
	const struct fed_peer *old = before == NULL ? NULL : fed_peer_find(before, name);
	struct fed_tally *tally;

	if (old != NULL) {
		(void)atomic_fetch_add_explicit(&old->tally->refs, 1, memory_order_relaxed);
		return old->tally;
	}
	tally = mem_zero(sizeof(*tally));
	if (tally != NULL)
		atomic_init(&tally->refs, 1);
	return tally;
}

static void tally_unref(struct fed_tally *tally)
{
	if (tally != NULL && atomic_fetch_sub_explicit(&tally->refs, 1, memory_order_acq_rel) == 1)
		free(tally);
}

static enum err add_peer(struct fed_peers *peers, const struct fed_peer_conf *conf,
                         const struct fed_peers *before)
{
	struct arena *a = &peers->arena;
	struct fed_peer *peer = &peers->items[peers->count];
	struct fed_peer_conf *copy = &peer->conf;

	*copy = *conf;
	peer->index = peers->count;
	if (!copy_str(a, conf->name, &copy->name) || !copy_str(a, conf->url, &copy->url) ||
	    !copy_str(a, conf->host, &copy->host) || !copy_str(a, conf->token, &copy->token) ||
	    !copy_strs(a, &copy->domains, conf->domain_count) ||
	    !copy_strs(a, &copy->numbers, conf->number_count) ||
	    !copy_strs(a, &copy->names, conf->name_count) ||
	    !copy_networks(a, &copy->addresses, conf->address_count))
		return ERR_NOMEM;
	if (addr_parse(&peer->numeric, copy->host, copy->port) != ERR_OK)
		peer->numeric = (struct addr){ 0 };
	peer->identity = copy->domain_count > 0 ? copy->domains[0] : copy->host;
	if (str_starts(peer->identity, STR("*.")))
		peer->identity = str_from_at(peer->identity, 2);
	peer->tally = tally_for(before, conf->name);
	if (peer->tally == NULL)
		return ERR_NOMEM;
	peers->count++;
	return ERR_OK;
}

static enum err copy_rest(struct fed_peers *peers, const struct fed_conf *conf)
{
	struct arena *a = &peers->arena;
	struct fed_conf *copy = &peers->conf;

	*copy = *conf;
	copy->peers = NULL;
	copy->peer_count = 0;
	if (!copy_str(a, conf->certificate, &copy->certificate) ||
	    !copy_str(a, conf->key, &copy->key) || !copy_str(a, conf->edge, &copy->edge) ||
	    !copy_networks(a, &copy->allow_targets, conf->allow_target_count) ||
	    !copy_strs(a, &copy->ingress, conf->ingress_count))
		return ERR_NOMEM;
	copy->ca = STR_NONE;
	return ERR_OK;
}

/* What we show when we ask must be good: found out now, not at the first question. */
static enum err check_certificate(const struct fed_peers *peers, struct buf *why)
{
	struct tls_server *server;
	enum err e = tls_server_open(&server, peers->conf.certificate, peers->conf.key,
	                             peers->trust, why);

	if (e == ERR_OK)
		tls_server_close(server);
	return e;
}

enum err fed_peers_make(struct fed_peers **out, const struct fed_conf *conf,
                        const struct fed_peers *before, unsigned generation, struct buf *why)
{
	struct fed_peers *peers = mem_zero(sizeof(*peers));
	enum err e;

	if (peers == NULL)
		return ERR_NOMEM;
	atomic_init(&peers->refs, 1);
	peers->generation = generation;
	arena_init(&peers->arena, NULL, 0, SNAPSHOT_MAX);
	e = copy_rest(peers, conf);
	peers->items = arena_zero(&peers->arena, (conf->peer_count + 1) * sizeof(*peers->items));
	if (peers->items == NULL)
		e = ERR_NOMEM;
	for (size_t i = 0; i < conf->peer_count && e == ERR_OK; i++)
		e = add_peer(peers, &conf->peers[i], before);
	if (e == ERR_OK)
		e = tls_trust_open(&peers->trust, conf->ca, why);
	if (e == ERR_OK && conf->certificate.len > 0)
		e = check_certificate(peers, why);
	if (e != ERR_OK) {
		fed_peers_unref(peers);
		return e;
	}
	*out = peers;
	return ERR_OK;
}

struct fed_peers *fed_peers_ref(struct fed_peers *peers)
{
	(void)atomic_fetch_add_explicit(&peers->refs, 1, memory_order_relaxed);
	return peers;
}

void fed_peers_unref(struct fed_peers *peers)
{
	if (peers == NULL || atomic_fetch_sub_explicit(&peers->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < peers->count; i++)
		tally_unref(peers->items[i].tally);
	tls_trust_close(peers->trust);
	arena_fini(&peers->arena);
	free(peers);
}

const struct fed_peer *fed_peer_find(const struct fed_peers *peers, struct str name)
{
	for (size_t i = 0; i < peers->count; i++) {
		if (str_eq(peers->items[i].conf.name, name))
			return &peers->items[i];
	}
	return NULL;
}

/* ---------------------------------------------------------------------------- who asks */

static bool has_name(const struct fed_peer *peer, const struct fed_request *request)
{
	for (size_t i = 0; i < request->name_count; i++) {
		for (size_t k = 0; k < peer->conf.name_count; k++) {
			if (str_eq_nocase(request->names[i], peer->conf.names[k]))
				return true;
		}
	}
	return false;
}

/* Whatever it is compared with, the time tells nothing: digests are compared, not tokens. */
static bool has_token(const struct fed_peer *peer, struct str token)
{
	unsigned char ours[CRYPTO_DIGEST_MAX];
	unsigned char theirs[CRYPTO_DIGEST_MAX];
	size_t len;

	if (peer->conf.token.len == 0 || token.len == 0)
		return false;
	len = crypto_digest(CRYPTO_DIGEST_SHA256, &peer->conf.token, 1, '\0', ours);
	return crypto_digest(CRYPTO_DIGEST_SHA256, &token, 1, '\0', theirs) == len && len > 0 &&
	       crypto_equal(ours, theirs, len);
}

static bool has_address(const struct fed_peer *peer, const struct addr *remote)
{
	for (size_t i = 0; i < peer->conf.address_count; i++) {
		if (network_has(&peer->conf.addresses[i], remote))
			return true;
	}
	return false;
}

static struct str bearer_of(struct str authorization)
{
	struct str rest = str_trim(authorization);
	struct str scheme = str_cut(&rest, ' ');

	return str_eq_nocase(scheme, STR("Bearer")) ? str_trim(rest) : STR_NONE;
}

const struct fed_peer *fed_peer_who(const struct fed_peers *peers,
                                    const struct fed_request *request, bool *refused)
{
	const struct fed_peer *named = NULL;
	const struct fed_peer *bearer = NULL;
	const struct fed_peer *near = NULL;
	struct str token = bearer_of(request->authorization);

	for (size_t i = 0; i < peers->count; i++) {
		const struct fed_peer *peer = &peers->items[i];

		if (has_token(peer, token))
			bearer = peer;
		if (named == NULL && has_name(peer, request))
			named = peer;
		if (near == NULL && has_address(peer, &request->remote))
			near = peer;
	}
	*refused = named != NULL && bearer != NULL && named != bearer;
	if (*refused)
		return NULL;
	/* A network is the weakest proof: it never speaks against the others. */
	return named != NULL ? named : bearer != NULL ? bearer : near;
}

/* ---------------------------------------------------------------------------- where answers may point */

static bool host_allowed(const struct fed_peers *peers, const struct fed_self *self,
                         struct str host, uint16_t port)
{
	struct addr addr;

	if (addr_parse(&addr, host, port == 0 ? 5060 : port) != ERR_OK)
		return true;
	for (size_t i = 0; i < peers->conf.allow_target_count; i++) {
		if (network_has(&peers->conf.allow_targets[i], &addr))
			return true;
	}
	return !addr_is_inward(&addr) &&
	       (self->is_own_place == NULL || !self->is_own_place(self->arg, &addr));
}

bool fed_place_allowed(const struct fed_peers *peers, const struct fed_self *self, struct str uri)
{
	struct sip_uri parsed;
	struct str maddr;

	if (sip_uri_parse(&parsed, uri) != ERR_OK)
		return false;
	maddr = sip_uri_param_value(&parsed, STR("maddr"));
	return host_allowed(peers, self, parsed.host, parsed.port) &&
	       (maddr.len == 0 || host_allowed(peers, self, maddr, parsed.port));
}
