#include "gateway/federate.h"

#include "base/mem.h"
#include "sip/uri.h"

/* ---------------------------------------------------------------------------- what it asks about us */

static bool is_own_domain(void *arg, struct str domain)
{
	const struct snapshot *s = gateway_snapshot(arg);
	bool own = conf_domain_find(s->conf, domain) != NULL;

	snapshot_unref(s);
	return own;
}

static bool is_own_number(void *arg, struct str number)
{
	const struct snapshot *s = gateway_snapshot(arg);
	bool own = conf_is_own_number(s->conf, number);

	snapshot_unref(s);
	return own;
}

/* The address under which a number of ours is kept: that of the domain which answers for its prefix. */
static bool number_aor(void *arg, struct str number, struct buf *out)
{
	const struct snapshot *s = gateway_snapshot(arg);
	const struct conf_domain *domain = conf_number_find(s->conf, number);

	if (domain != NULL)
		buf_printf(out, "sip:%.*s@%.*s", STR_ARG(number), STR_ARG(domain->name));
	snapshot_unref(s);
	return domain != NULL && out->err == ERR_OK;
}

static bool is_own_place(void *arg, const struct addr *addr)
{
	struct gateway *g = arg;

	return sip_wires_is_own(g->wires, addr);
}

enum err federate_open(struct gateway *g)
{
	const struct fed_env env = {
		.crew = g->crew,
		.resolver = g->resolver,
		.registrar = g->registrar,
		.log = g->log,
		.seal_key = g->keys.seal,
		.self = { .arg = g,
		          .is_own_domain = is_own_domain,
		          .is_own_number = is_own_number,
		          .is_own_place = is_own_place,
		          .number_aor = number_aor },
	};

	return federation_open(&g->federation, &env);
}

/* ---------------------------------------------------------------------------- peers */

static enum fed_reveal reveal_of(enum conf_reveal reveal)
{
	switch (reveal) {
	case CONF_REVEAL_CONTACT:
		return FED_REVEAL_CONTACT;
	case CONF_REVEAL_NOTHING:
		return FED_REVEAL_NOTHING;
	case CONF_REVEAL_INGRESS:
		break;
	}
	return FED_REVEAL_INGRESS;
}

static struct fed_peer_conf peer_of(const struct conf_peer *p)
{
	return (struct fed_peer_conf){
		.name = p->name,
		.domains = p->domains,
		.domain_count = p->domain_count,
		.numbers = p->numbers,
		.number_count = p->number_count,
		.url = p->url.text,
		.host = p->url.host,
		.port = p->url.port,
		.names = p->names,
		.name_count = p->name_count,
		.addresses = p->addresses,
		.address_count = p->address_count,
		.token = p->token_file.bytes,
		.reveal = reveal_of(p->reveal),
		.timeout_ms = p->timeout_ms,
	};
}

/* "sip:host:port;transport=tcp;lr" → "host:port;transport=tcp": what stands behind the @ of an opaque URI. */
static void write_edge(const struct snapshot *s, struct buf *out)
{
	struct sip_uri_param p;
	struct sip_uri uri;
	struct str rest;

	if (s->ingress_count == 0 || sip_uri_parse(&uri, s->ingress[0]) != ERR_OK)
		return;
	buf_z(out, uri.host_kind == SIP_HOST_IPV6 ? "[" : "");
	buf_str(out, uri.host);
	buf_z(out, uri.host_kind == SIP_HOST_IPV6 ? "]" : "");
	if (uri.has_port)
		buf_printf(out, ":%u", uri.port);
	rest = uri.params;
	while (sip_uri_param_next(&rest, &p)) {
		if (!str_eq_nocase(p.name, STR("lr")) && p.has_value)
			buf_printf(out, ";%.*s=%.*s", STR_ARG(p.name), STR_ARG(p.value));
	}
}

enum err federate_configure(struct gateway *g, const struct snapshot *s, struct buf *why)
{
	const struct conf *conf = s->conf;
	struct fed_peer_conf *peers = calloc(conf->peer_count + 1, sizeof(*peers));
	char edge[512];
	struct buf b;
	struct fed_conf fed;
	enum err e;

	if (peers == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < conf->peer_count; i++)
		peers[i] = peer_of(&conf->peers[i]);
	buf_wrap(&b, edge, sizeof(edge));
	write_edge(s, &b);
	fed = (struct fed_conf){
		.peers = peers,
		.peer_count = conf->peer_count,
		.certificate = conf->tls.certificate.bytes,
		.key = conf->tls.key.bytes,
		.ca = conf->tls.ca.bytes,
		.allow_targets = conf->resolver.allow_targets,
		.allow_target_count = conf->resolver.allow_target_count,
		.ingress = s->ingress,
		.ingress_count = s->ingress_count,
		.edge = buf_view(&b),
	};
	e = federation_configure(g->federation, &fed);
	if (e != ERR_OK)
		buf_printf(why, "the peers cannot be put in force: %s\n", err_text(e));
	free(peers);
	return e;
}
