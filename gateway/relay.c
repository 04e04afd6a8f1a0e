#include "gateway/relay.h"

#include "gateway/forward.h"
#include "gateway/route_set.h"

#include "base/mem.h"
#include "sip/field.h"

/* An ACK is a request that nobody answers: it borrows the request's shape, so that it is forwarded by the same rules. */
struct relay {
	struct request request;
	struct sip_flow came;
	struct resolver_query *resolving;
};

static void relay_free(struct relay *a)
{
	snapshot_unref(a->request.snapshot);
	arena_fini(&a->request.arena);
	free(a);
}

static void send_copy(struct relay *a, struct sip_flow flow)
{
	const struct forward f = { .request = &a->request, .flow = &flow };
	struct worker *w = a->request.worker;
	struct packet *packet;

	if (sip_wire_route(w->wire, &flow) != ERR_OK || forward_write(&f, &packet) != ERR_OK)
		return;
	sip_stateless_send(w->wire, packet, &flow);
	packet_unref(packet);
}

static void on_resolved(void *arg, struct resolver_result *result)
{
	struct relay *a = arg;

	if (result->outcome == RESOLVER_FOUND) {
		const struct resolver_target *t = &result->targets[0];
		struct sip_flow flow = { .transport = t->transport == RESOLVER_TCP
			                                      ? SIP_TRANSPORT_TCP
			                                      : SIP_TRANSPORT_UDP,
			                 .listener = a->came.listener,
			                 .remote = t->addr };

		send_copy(a, flow);
	}
	resolver_result_free(result);
	relay_free(a);
}

static bool resolve(struct relay *a, const struct sip_uri *uri)
{
	struct worker *w = a->request.worker;
	struct str maddr = sip_uri_param_value(uri, STR("maddr"));
	enum sip_transport t = sip_uri_transport(uri, SIP_TRANSPORT_OTHER);
	struct resolver_question q = {
		.host = maddr.len > 0 ? maddr : uri->host,
		.port = uri->port,
		.supported = RESOLVER_UDP | RESOLVER_TCP,
		.transport = t == SIP_TRANSPORT_TCP   ? RESOLVER_TCP
		             : t == SIP_TRANSPORT_UDP ? RESOLVER_UDP
		                                      : RESOLVER_NO_TRANSPORT,
		.secure = uri->scheme == SIP_SCHEME_SIPS,
		.limit = 1,
		/* The same choice among equals as the INVITE's. */
		.seed = hash_str(&w->gateway->keys.home, sip_value(a->request.msg, SIP_H_CALL_ID)),
	};

	return resolver_locate(w->gateway->resolver, w->loop, &q, on_resolved, a, &a->resolving) ==
	       ERR_OK;
}

/* Reads Route, and keeps a copy of the message: it outlives the call. */
static bool fill(struct relay *a, struct worker *w, const struct sip_msg *msg,
                 const struct sip_flow *flow)
{
	struct str key = str_of((const char *)w->gateway->keys.route, REG_SECRET);
	struct request *r = &a->request;
	struct route_set set;

	memset(a, 0, offsetof(struct relay, request.memory));
	arena_init(&r->arena, NULL, 0, REQUEST_ARENA_MAX);
	r->worker = w;
	r->snapshot = snapshot_ref(w->snapshot);
	a->came = *flow;
	a->resolving = NULL;
	r->flow = &a->came;
	r->msg = sip_msg_keep(msg, &r->arena, true);
	if (r->msg == NULL ||
	    route_set_read(&set, r->snapshot, w->gateway->wires, key, r->msg) != ERR_OK)
		return false;
	r->uri_text = set.uri;
	r->popped = set.popped;
	r->restored = set.restored;
	r->routed = set.left > 0;
	r->proven = set.proven;
	return set.proven && sip_uri_parse(&r->uri, r->uri_text) == ERR_OK;
}

static bool is_numeric(const struct sip_uri *uri, struct sip_flow *flow)
{
	enum sip_transport t = sip_uri_transport(uri, SIP_TRANSPORT_UDP);

	flow->transport = t;
	return uri->scheme == SIP_SCHEME_SIP && uri->host_kind != SIP_HOST_NAME &&
	       !sip_uri_param_has(uri, STR("maddr")) &&
	       (t == SIP_TRANSPORT_UDP || t == SIP_TRANSPORT_TCP) &&
	       addr_parse(&flow->remote, uri->host, uri->has_port ? uri->port : 5060) == ERR_OK;
}

void relay_ack(struct worker *w, const struct sip_msg *msg, const struct sip_flow *flow)
{
	struct sip_flow out = { .listener = flow->listener };
	struct relay *a = malloc(sizeof(*a));
	unsigned hops = 70;
	struct sip_uri uri;
	struct str next;

	if (a == NULL)
		return;
	if (!fill(a, w, msg, flow) || forward_is_loop(w, msg) ||
	    (sip_has(msg, SIP_H_MAX_FORWARDS) &&
	     (sip_max_forwards_parse(&hops, sip_value(msg, SIP_H_MAX_FORWARDS)) != ERR_OK ||
	      hops == 0)) ||
	    forward_next_hop(&a->request, NULL, &next) != ERR_OK ||
	    sip_uri_parse(&uri, next) != ERR_OK) {
		relay_free(a);
		return;
	}
	if (is_numeric(&uri, &out)) {
		send_copy(a, out);
		relay_free(a);
	} else if (!resolve(a, &uri)) {
		relay_free(a);
	}
}
