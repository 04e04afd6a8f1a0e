#include "sip/transport_inside.h"

#include "base/socket.h"

/* From which address would the system send there? Asked once a destination and minute. No address: it knows no way. */
static struct addr source_to(struct sip_wire *w, const struct addr *remote)
{
	struct sip_route *r = &w->routes[addr_hash_host(&w->all->key, remote) % SIP_ROUTES];
	struct mono now = loop_now(w->loop);

	if (addr_eq_host(&r->remote, remote) && mono_after(r->until, now))
		return r->source;
	r->remote = *remote;
	r->until = mono_add_ms(now, SIP_ROUTE_MS);
	if (socket_source(remote, &r->source) != ERR_OK) {
		/* A way may be there in a moment: not remembered. */
		r->until = now;
		r->source = (struct addr){ 0 };
	}
	return r->source;
}

static const struct addr *listens_at(const struct sip_wire *w, unsigned index)
{
	return &w->ports[index]->listener->addr;
}

/* The one asked for; else the one at the system's choice, else a wildcard, else the first that fits. */
static unsigned choose_listener(const struct sip_wire *w, const struct sip_flow *flow,
                                const struct addr *source)
{
	unsigned any = SIP_LISTENERS_MAX;
	unsigned first = SIP_LISTENERS_MAX;

	if (sip_port_fits(w, flow->listener, flow))
		return flow->listener;
	for (unsigned i = 0; i < SIP_LISTENERS_MAX; i++) {
		if (!sip_port_fits(w, i, flow))
			continue;
		if (addr_eq_host(listens_at(w, i), source))
			return i;
		if (any == SIP_LISTENERS_MAX && addr_is_any(listens_at(w, i)))
			any = i;
		if (first == SIP_LISTENERS_MAX)
			first = i;
	}
	return any != SIP_LISTENERS_MAX ? any : first;
}

enum err sip_wire_route(struct sip_wire *w, struct sip_flow *flow)
{
	struct addr source;
	unsigned chosen;

	if (addr_family(&flow->remote) == AF_UNSPEC)
		return ERR_UNREACHABLE;
	/* A listener with an address of its own needs no advice. */
	if (sip_port_fits(w, flow->listener, flow) && !addr_is_any(listens_at(w, flow->listener))) {
		flow->local = *listens_at(w, flow->listener);
		return ERR_OK;
	}
	source = source_to(w, &flow->remote);
	chosen = choose_listener(w, flow, &source);
	if (chosen == SIP_LISTENERS_MAX)
		return ERR_UNREACHABLE;
	flow->listener = chosen;
	flow->local = *listens_at(w, chosen);
	if (!addr_is_any(&flow->local))
		return ERR_OK;
	if (addr_family(&source) == AF_UNSPEC)
		return ERR_UNREACHABLE;
	flow->local = source;
	addr_set_port(&flow->local, addr_port(listens_at(w, chosen)));
	return ERR_OK;
}
