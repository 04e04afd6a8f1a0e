#include "gateway/route.h"

static void add(struct route_plan *plan, struct route_ask ask)
{
	if (plan->count < ROUTE_PLAN_MAX)
		plan->asks[plan->count++] = ask;
}

static bool has_peer(const struct route_plan *plan, const struct conf_peer *peer)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->asks[i].peer == peer)
			return true;
	}
	return false;
}

/* A peer's ways to be asked in, and what is left where none worked. */
static void add_peer(struct route_plan *plan, const struct conf_peer *peer, struct route_ask like)
{
	if (has_peer(plan, peer))
		return;
	like.peer = peer;
	like.kind = ROUTE_PEER;
	for (size_t i = 0; i < peer->lookup_count; i++) {
		like.way = (enum conf_way)peer->lookup[i];
		add(plan, like);
	}
	like.kind = ROUTE_INGRESS;
	if (peer->ingress.len > 0)
		add(plan, like);
}

static void add_route_target(struct route_plan *plan, const struct conf_target *to,
                             struct route_ask like)
{
	switch (to->kind) {
	case CONF_TO_PEER:
		add_peer(plan, to->peer, like);
		return;
	case CONF_TO_URI:
		like.kind = ROUTE_URI;
		like.uri = to->text;
		break;
	case CONF_TO_DNS:
		like.kind = ROUTE_DNS;
		break;
	case CONF_TO_REFUSE:
		like.kind = ROUTE_REFUSE;
		break;
	}
	add(plan, like);
}

static void add_routes(struct route_plan *plan, const struct conf *conf,
                       const struct address *address)
{
	size_t index = 0;
	const struct conf_route *route = conf_route_find(conf, address->domain, address->number,
	                                                 &index);

	if (route == NULL)
		return;
	for (size_t i = 0; i < route->to_count; i++)
		add_route_target(plan, &route->to[i],
		                 (struct route_ask){ .is_route = true, .route = index });
}

static void add_peers(struct route_plan *plan, const struct conf *conf,
                      const struct address *address)
{
	const struct conf_peer *peers[CONF_MATCHES_MAX];
	size_t count = 0;

	if (address->own == NULL && address->domain.len > 0)
		count = conf_peers_for_domain(conf, address->domain, peers, CONF_MATCHES_MAX);
	for (size_t i = 0; i < count; i++)
		add_peer(plan, peers[i], (struct route_ask){ 0 });
	count = address->number.len > 0
	                ? conf_peers_for_number(conf, address->number, peers, CONF_MATCHES_MAX)
	                : 0;
	for (size_t i = 0; i < count; i++)
		add_peer(plan, peers[i], (struct route_ask){ 0 });
}

static void add_open(struct route_plan *plan, const struct conf *conf,
                     const struct address *address)
{
	if (address->own != NULL || address->domain.len == 0)
		return;
	for (size_t i = 0; i < conf->federation.open_count; i++) {
		if (conf->federation.open[i] == CONF_WAY_DNS)
			add(plan, (struct route_ask){ .kind = ROUTE_DNS });
	}
}

void route_plan_make(struct route_plan *plan, const struct conf *conf,
                     const struct address *address)
{
	plan->count = 0;
	/* With a port of its own it is a place, not an address of record: peers don't know it. */
	if (address->port && address->own == NULL) {
		add_routes(plan, conf, address);
		add_open(plan, conf, address);
		return;
	}
	add_routes(plan, conf, address);
	add_peers(plan, conf, address);
	add_open(plan, conf, address);
}

static bool is_open_dns(const struct route_ask *ask)
{
	return ask->kind == ROUTE_DNS && !ask->is_route;
}

size_t route_plan_next(const struct route_plan *plan, size_t at, enum route_outcome outcome,
                       bool failed_before)
{
	const struct conf_peer *peer = plan->asks[at].peer;

	if (outcome == ROUTE_SETTLED)
		return plan->count;
	for (size_t i = at + 1; i < plan->count; i++) {
		const struct route_ask *ask = &plan->asks[i];

		/* The ingress stands in for a look-up that failed, not for one that said "not mine". */
		if (ask->kind == ROUTE_INGRESS && (outcome != ROUTE_FAILED || ask->peer != peer))
			continue;
		if (is_open_dns(ask) && failed_before)
			continue;
		return i;
	}
	return plan->count;
}

static const char *way_name(enum conf_way way)
{
	return way == CONF_WAY_HTTPS ? "https" : "dns";
}

void route_source(const struct route_ask *ask, struct buf *out)
{
	switch (ask->kind) {
	case ROUTE_PEER:
	case ROUTE_INGRESS:
		buf_z(out, "peer:");
		buf_str(out, ask->peer->name);
		buf_char(out, '/');
		buf_z(out, ask->kind == ROUTE_INGRESS ? "ingress" : way_name(ask->way));
		break;
	case ROUTE_URI:
	case ROUTE_REFUSE:
		buf_printf(out, "route:%zu", ask->route);
		break;
	case ROUTE_DNS:
		buf_z(out, "dns");
		break;
	}
}

/* What stands behind the @ of a number that goes to this peer. */
static struct str domain_of(const struct conf_peer *peer)
{
	struct sip_uri uri;

	for (size_t i = 0; i < peer->domain_count; i++) {
		if (!str_starts(peer->domains[i], STR("*.")))
			return peer->domains[i];
	}
	if (peer->ingress.len > 0 && sip_uri_parse(&uri, peer->ingress) == ERR_OK)
		return uri.host;
	return peer->url.host;
}

void route_uri_at_peer(const struct conf_peer *peer, const struct address *address, struct buf *out)
{
	/* A foreign address stays as it was asked for, where the peer serves its domain. */
	if (address->number.len == 0 || (address->domain.len > 0 && address->own == NULL &&
	                                 conf_peer_serves_domain(peer, address->domain)))
		return;
	buf_z(out, "sip:");
	buf_str(out, address->number);
	buf_char(out, '@');
	buf_str(out, domain_of(peer));
	buf_z(out, ";user=phone");
}
