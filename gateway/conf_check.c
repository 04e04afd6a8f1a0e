#include "gateway/conf_build.h"

#include "base/mem.h"

#include <stdio.h>

#define LISTENERS_MAX 256
#define TRUSTED_MAX 1024
#define PLACE_MAX 64

#define MUTABLE(type, pointer) ((type *)(uintptr_t)(pointer))

/* The path of a key in a variable `name`. */
#define PLACE(name, ...)      \
	char name[PLACE_MAX]; \
	(void)snprintf(name, sizeof(name), __VA_ARGS__)

struct check {
	struct conf *conf;
	const struct yaml_node *root;
	struct schema_load *load;
};

/* --- what depends on other keys --- */

static void complete_domain(const struct conf *conf, struct conf_domain *domain)
{
	/* -1 stands for a word that is not set. */
	if ((int)domain->mode < 0)
		domain->mode = conf->mode;
	if (str_empty(domain->realm))
		domain->realm = conf->auth.realm;
	/* Below a wildcard every domain is its own realm. */
	if (str_empty(domain->realm) && !str_starts(domain->name, STR("*")))
		domain->realm = domain->name;
}

static void complete_trust(struct conf_trust *trust)
{
	for (size_t i = 0; i < trust->may_count; i++) {
		trust->relay = trust->relay || trust->may[i] == CONF_MAY_RELAY;
		trust->assert_identity = trust->assert_identity || trust->may[i] == CONF_MAY_ASSERT;
	}
}

/* A certificate bears whole names (RFC 5922 7.2): wildcards among the domains are none. */
static enum err default_names(struct conf *conf, struct conf_peer *peer)
{
	struct str *names = arena_alloc(&conf->arena, peer->domain_count * sizeof(*names) + 1);

	if (names == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < peer->domain_count; i++)
		if (!str_starts(peer->domains[i], STR("*")))
			names[peer->name_count++] = peer->domains[i];
	peer->names = names;
	return ERR_OK;
}

/* Without a url nobody can be asked over https, so the default leaves it out; conf_check() refuses it where it was said. */
static void default_lookup(struct conf_peer *peer)
{
	int *ways = MUTABLE(int, peer->lookup);
	size_t count = 0;

	for (size_t i = 0; i < peer->lookup_count; i++)
		if (ways[i] != CONF_WAY_HTTPS)
			ways[count++] = ways[i];
	peer->lookup_count = count;
}

static enum err complete_peer(struct conf *conf, struct conf_peer *peer, size_t i,
                              const struct yaml_node *root)
{
	PLACE(lookup, "peers[%zu].lookup", i);

	peer->index = i;
	if (str_empty(peer->url.text) && schema_find(root, lookup, false) == NULL)
		default_lookup(peer);
	return peer->name_count == 0 ? default_names(conf, peer) : ERR_OK;
}

enum err conf_complete(struct conf *conf, const struct yaml_node *root)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < conf->domain_count; i++)
		complete_domain(conf, MUTABLE(struct conf_domain, &conf->domains[i]));
	for (size_t i = 0; i < conf->listen_count; i++)
		if (str_empty(conf->listen[i].advertise.text))
			MUTABLE(struct conf_listener, &conf->listen[i])->advertise =
				conf->advertise;
	for (size_t i = 0; i < conf->trusted_count; i++)
		complete_trust(MUTABLE(struct conf_trust, &conf->trusted[i]));
	for (size_t i = 0; i < conf->peer_count && e == ERR_OK; i++)
		e = complete_peer(conf, MUTABLE(struct conf_peer, &conf->peers[i]), i, root);
	if (e == ERR_OK && str_empty(conf->data))
		e = conf_default_data(&conf->arena, &conf->data);
	return e;
}

/* --- what can't be seen at one key alone --- */

#define WRONG(check, path, ...) schema_wrong_at((check)->load, (check)->root, (path), __VA_ARGS__)

static void check_pair(struct check *c, const struct conf_tls *tls, const char *path)
{
	if (str_empty(tls->certificate.path) != str_empty(tls->key.path))
		WRONG(c, path, "%s is missing; a certificate and its key belong together",
		      str_empty(tls->key.path) ? "key" : "certificate");
}

static bool lists_number(const struct conf_domain *domain, struct str number)
{
	for (size_t i = 0; i < domain->number_count; i++)
		if (str_eq(domain->numbers[i], number))
			return true;
	return false;
}

/* A longer prefix within another domain's is fine, as the longest counts; the same one is not. */
static void check_domain_numbers(struct check *c, const struct conf_domain *domain, size_t i)
{
	for (size_t j = 0; j < domain->number_count; j++) {
		PLACE(path, "domains[%zu].numbers[%zu]", i, j);
		const struct conf_domain *other = conf_number_find(c->conf, domain->numbers[j]);

		if (other != NULL && other != domain && lists_number(other, domain->numbers[j]))
			WRONG(c, path, "%.*s belongs to \"%.*s\" already; a number has one domain",
			      STR_ARG(domain->numbers[j]), STR_ARG(other->name));
	}
}

static void check_domains(struct check *c)
{
	const struct conf *conf = c->conf;

	for (size_t i = 0; i < conf->domain_count; i++) {
		const struct conf_domain *domain = &conf->domains[i];
		PLACE(path, "domains[%zu]", i);
		PLACE(tls, "domains[%zu].tls", i);
		const struct conf_domain *first = conf_domain_find(conf, domain->name);

		if (!str_empty(domain->name) && first != domain && first != NULL &&
		    str_eq(first->name, domain->name))
			WRONG(c, path, "\"%.*s\" stands in the list twice; keep one",
			      STR_ARG(domain->name));
		check_pair(c, &domain->tls, tls);
		check_domain_numbers(c, domain, i);
	}
}

/* The sockets that a scheme binds. */
static unsigned sockets_of(enum conf_scheme scheme)
{
	enum { UDP = 1, TCP = 2 };

	if (scheme == CONF_SCHEME_UDP)
		return UDP;
	return scheme == CONF_SCHEME_STUN ? UDP | TCP : TCP;
}

static bool collide(const struct conf_listener *a, const struct conf_listener *b)
{
	return addr_family(&a->addr) != 0 && addr_family(&b->addr) != 0 &&
	       addr_port(&a->addr) != 0 && addr_eq(&a->addr, &b->addr) &&
	       (sockets_of(a->scheme) & sockets_of(b->scheme)) != 0;
}

static void check_listen(struct check *c)
{
	const struct conf *conf = c->conf;
	bool https = false;

	if (conf->listen_count > LISTENERS_MAX) {
		WRONG(c, "listen", "%zu listeners; %d at most", conf->listen_count, LISTENERS_MAX);
		return;
	}
	for (size_t i = 0; i < conf->listen_count; i++) {
		const struct conf_listener *listener = &conf->listen[i];
		PLACE(path, "listen[%zu]", i);

		if (!https && listener->scheme == CONF_SCHEME_HTTPS &&
		    str_empty(conf->tls.certificate.path)) {
			https = true;
			WRONG(c, path,
			      "https:// needs a certificate; set tls.certificate and tls.key");
		}
		if (collide(listener, &conf->admin))
			WRONG(c, path,
			      "%.*s takes the port of admin, %.*s; give one of them another",
			      STR_ARG(listener->url), STR_ARG(conf->admin.url));
		for (size_t j = 0; j < i; j++)
			if (collide(listener, &conf->listen[j])) {
				WRONG(c, path,
				      "%.*s takes the port of %.*s; give one of them another, or leave it out",
				      STR_ARG(listener->url), STR_ARG(conf->listen[j].url));
				break;
			}
	}
}

static void check_registrar(struct check *c)
{
	const struct conf_registrar *r = &c->conf->registrar;

	/* 0: it was wrong by itself. */
	if (r->min_expires_ms == 0 || r->default_expires_ms == 0 || r->max_expires_ms == 0)
		return;
	if (r->min_expires_ms > r->max_expires_ms)
		WRONG(c, "registrar.min_expires", "longer than max_expires; nobody could register");
	else if (r->default_expires_ms < r->min_expires_ms ||
	         r->default_expires_ms > r->max_expires_ms)
		WRONG(c, "registrar.default_expires",
		      "must lie between min_expires and max_expires");
}

static bool asks_https(const struct conf_peer *peer)
{
	for (size_t i = 0; i < peer->lookup_count; i++)
		if (peer->lookup[i] == CONF_WAY_HTTPS)
			return true;
	return false;
}

static void check_peer(struct check *c, const struct conf_peer *peer)
{
	const struct conf *conf = c->conf;
	PLACE(path, "peers[%zu]", peer->index);
	PLACE(lookup, "peers[%zu].lookup", peer->index);
	PLACE(token, "peers[%zu].token_file", peer->index);
	const struct conf_peer *other = conf_peer_find(conf, peer->name);

	if (other != NULL && other != peer)
		WRONG(c, path, "there is a peer \"%.*s\" already; give each its own name",
		      STR_ARG(peer->name));
	for (size_t i = 0; i < peer->domain_count; i++) {
		PLACE(domain, "peers[%zu].domains[%zu]", peer->index, i);

		/* "*.x" is looked up like a name below x: what is found then is the same wildcard or one above it. */
		if (conf_domain_find(conf, peer->domains[i]) != NULL)
			WRONG(c, domain, "\"%.*s\" is a domain of ours; a peer can't serve it",
			      STR_ARG(peer->domains[i]));
	}
	if (str_empty(peer->url.text) && asks_https(peer))
		WRONG(c, lookup,
		      "https needs the url of the peer's location service; set url, or leave https out");
	other = str_empty(peer->token_file.bytes)
	                ? NULL
	                : conf_peer_by_token(conf, peer->token_file.bytes);
	if (other != NULL && other != peer)
		WRONG(c, token, "the token of \"%.*s\" too; give each peer its own",
		      STR_ARG(other->name));
}

static void check_peers(struct check *c)
{
	const struct conf *conf = c->conf;
	const struct conf_peer *a;
	const struct conf_peer *b;
	size_t i;
	size_t j;
	size_t next = 0;

	for (size_t n = 0; n < conf->peer_count; n++)
		check_peer(c, &conf->peers[n]);
	while (conf_index_overlap(conf, next, &a, &i, &b, &j, &next)) {
		PLACE(path, "peers[%zu].addresses[%zu]", b->index, j);
		char text[ADDR_TEXT + 8];
		struct buf network;

		buf_wrap(&network, text, sizeof(text));
		network_write(&a->addresses[i], &network);
		WRONG(c, path,
		      "shares addresses with %.*s of peer \"%.*s\"; a request from there could be from \"%.*s\" or \"%.*s\"",
		      STR_ARG(buf_view(&network)), STR_ARG(a->name), STR_ARG(a->name),
		      STR_ARG(b->name));
	}
}

static bool all_peers_named(const struct conf *conf)
{
	for (size_t i = 0; i < conf->peer_count; i++)
		if (str_empty(conf->peers[i].name))
			return false;
	return true;
}

static void check_target(struct check *c, const struct conf_route *route, size_t i, size_t j)
{
	struct conf_target *target = MUTABLE(struct conf_target, &route->to[j]);
	PLACE(path, "routes[%zu].to[%zu]", i, j);

	/* Empty: it was wrong by itself. */
	if (str_empty(target->text))
		return;
	if (target->kind != CONF_TO_PEER) {
		if (route->to_count > 1)
			WRONG(c, path, "\"%.*s\" must stand alone; a list is of peers only",
			      STR_ARG(target->text));
		return;
	}
	target->peer = conf_peer_find(c->conf, str_from_at(target->text, 5));
	if (target->peer == NULL && all_peers_named(c->conf))
		WRONG(c, path, "there is no peer \"%.*s\"; add it to peers, or correct the name",
		      STR_ARG(str_head(str_from_at(target->text, 5), 64)));
	for (size_t k = 0; k < j && target->peer != NULL; k++)
		if (route->to[k].peer == target->peer) {
			WRONG(c, path, "\"%.*s\" stands in the list twice; keep one",
			      STR_ARG(target->text));
			break;
		}
}

static void check_routes(struct check *c)
{
	const struct conf *conf = c->conf;

	for (size_t i = 0; i < conf->route_count; i++) {
		const struct conf_route *route = &conf->routes[i];
		PLACE(match, "routes[%zu].match", i);
		const struct yaml_node *said = schema_find(c->root, match, false);

		if (said != NULL && said->kind == YAML_MAPPING && said->count == 0)
			WRONG(c, match,
			      "matches nothing; give domain or number, or leave match out to match everything");
		if (route->to_count > CONF_MATCHES_MAX) {
			WRONG(c, match, "more than %d peers in one route", CONF_MATCHES_MAX);
			continue;
		}
		for (size_t j = 0; j < route->to_count; j++)
			check_target(c, route, i, j);
	}
}

void conf_check(struct conf *conf, const struct yaml_node *root, struct schema_load *load)
{
	struct check c = { .conf = conf, .root = root, .load = load };

	check_domains(&c);
	check_listen(&c);
	check_pair(&c, &conf->tls, "tls");
	check_registrar(&c);
	check_peers(&c);
	check_routes(&c);
	if (conf->trusted_count > TRUSTED_MAX)
		WRONG(&c, "trusted", "%zu networks; %d at most", conf->trusted_count, TRUSTED_MAX);
}
