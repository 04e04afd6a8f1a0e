/* One target of a fork: where its next hop is, and one address after the other (RFC 3263 4.3). See gateway/fork.h. */
#include "gateway/fork_build.h"

#include "base/mem.h"
#include "gateway/forward.h"
#include "sip/field.h"

static void try_next(struct branch *b);
static void leave_flow(struct branch *b);

static struct worker *worker_of(const struct branch *b)
{
	return b->fork->request->worker;
}

static void end(struct branch *b, unsigned status, const struct sip_msg *msg, struct packet *packet)
{
	loop_timer_stop(worker_of(b)->loop, &b->timer_c);
	resolver_result_free(b->places);
	b->places = NULL;
	fork_ended(b, status, msg, packet);
}

/* ---------------------------------------------------------------------------- answers */

static void on_timer_c(struct timer *t)
{
	struct branch *b = container_of(t, struct branch, timer_c);
	struct request *r = b->fork->request;

	/* 16.8: cancel what rings; what has never been heard ends as if it had said 408. */
	if (b->client != NULL && sip_client_heard(b->client)) {
		branch_cancel(b, STR_NONE);
		return;
	}
	sip_client_let_go(b->client);
	b->client = NULL;
	end(b, 408, NULL, NULL);
	request_maybe_free(r);
}

static void start_timer_c(struct branch *b)
{
	if (b->fork->request->msg->method == SIP_INVITE)
		loop_timer_start(worker_of(b)->loop, &b->timer_c, FORK_TIMER_C_MS, on_timer_c);
}

static bool has_place(const struct branch *b)
{
	return !b->cancelled && b->places != NULL && b->place < b->places->target_count &&
	       b->tries < b->fork->request->snapshot->conf->routing.tries;
}

static void take_final(struct branch *b, const struct sip_msg *msg, struct packet *packet)
{
	/* 503 is about that server, not about the user: the next address may do (RFC 3263 4.3). */
	if (msg->status == 503 && has_place(b)) {
		b->last = 503;
		try_next(b);
		return;
	}
	end(b, msg->status, msg, packet);
}

static void take_response(struct branch *b, struct sip_client *client, const struct sip_msg *msg,
                          struct packet *packet)
{
	bool invite = b->fork->request->msg->method == SIP_INVITE;

	if (msg->status < 200) {
		b->rang = true;
		if (msg->status > 100) {
			start_timer_c(b);
			fork_response(b, msg, packet);
		}
		return;
	}
	if (msg->status < 300) {
		if (!invite)
			b->client = NULL;
		fork_response(b, msg, packet);
		if (b->status == 0)
			end(b, msg->status, msg, packet);
		return;
	}
	/* Whoever answers has been reached: the transaction ends by itself, and nothing more is wanted of it. */
	if (invite)
		sip_client_let_go(client);
	b->client = NULL;
	take_final(b, msg, packet);
}

static void on_response(void *arg, struct sip_client *client, const struct sip_msg *msg,
                        struct packet *packet, const struct sip_flow *flow)
{
	struct branch *b = arg;
	struct request *r = b->fork->request;

	(void)flow;
	take_response(b, client, msg, packet);
	request_maybe_free(r);
}

static unsigned status_of(enum err why)
{
	return why == ERR_TIMEOUT ? 408 : 503;
}

static void on_failed(void *arg, struct sip_client *client, enum err why)
{
	struct branch *b = arg;
	struct request *r = b->fork->request;

	(void)client;
	b->client = NULL;
	b->last = status_of(why);
	if (!b->rang && b->by_flow && !b->cancelled)
		leave_flow(b);
	else if (!b->rang && has_place(b))
		try_next(b);
	else
		end(b, b->cancelled ? 487 : b->last, NULL, NULL);
	request_maybe_free(r);
}

static void on_ended(void *arg, struct sip_client *client)
{
	struct branch *b = arg;
	struct request *r = b->fork->request;

	(void)client;
	b->client = NULL;
	if (b->status == 0)
		end(b, 408, NULL, NULL);
	request_maybe_free(r);
}

/* ---------------------------------------------------------------------------- one address */

static enum sip_transport transport_of(enum resolver_transport t)
{
	return t == RESOLVER_TCP   ? SIP_TRANSPORT_TCP
	       : t == RESOLVER_UDP ? SIP_TRANSPORT_UDP
	                           : SIP_TRANSPORT_OTHER;
}

/* Send a copy by `flow`. */
static enum err send_copy(struct branch *b, struct sip_flow flow)
{
	struct request *r = b->fork->request;
	const struct conf *conf = r->snapshot->conf;
	struct forward forward = { .request = r, .target = b->target, .flow = &flow };
	struct sip_client_start start = {
		.try_ms = conf->routing.try_ms,
		.user = { .arg = b,
		          .response = on_response,
		          .failed = on_failed,
		          .ended = on_ended },
	};
	enum err e = sip_wire_route(r->worker->wire, &flow);

	if (e == ERR_OK)
		e = forward_write(&forward, &start.request);
	if (e != ERR_OK)
		return e;
	start.flow = flow;
	e = sip_client_start(r->worker->transactions, &start, &b->client);
	packet_unref(start.request);
	if (e == ERR_OK)
		start_timer_c(b);
	return e;
}

static void try_next(struct branch *b)
{
	while (has_place(b)) {
		const struct resolver_target *place = &b->places->targets[b->place++];
		struct sip_flow flow = { .transport = transport_of(place->transport),
			                 .listener = b->fork->request->flow->listener,
			                 .remote = place->addr };

		b->tries++;
		if (send_copy(b, flow) == ERR_OK)
			return;
		b->last = 503;
	}
	end(b, b->cancelled ? 487 : b->last != 0 ? b->last : 503, NULL, NULL);
}

/* ---------------------------------------------------------------------------- where the next hop is */

static void on_resolved(void *arg, struct resolver_result *result)
{
	struct branch *b = arg;
	struct request *r = b->fork->request;

	b->resolving = NULL;
	if (result->outcome == RESOLVER_FOUND) {
		b->places = result;
		try_next(b);
		request_maybe_free(r);
		return;
	}
	LOG_EVENT(worker_log(worker_of(b)), LOG_WARN, "next_hop_not_found",
	          LOG_S("call_id", sip_value(b->fork->request->msg, SIP_H_CALL_ID)),
	          LOG_Z("outcome", resolver_outcome_text(result->outcome)),
	          LOG_S("reason", result->reason));
	end(b, result->outcome == RESOLVER_NOBODY ? 404 : 503, NULL, NULL);
	resolver_result_free(result);
	request_maybe_free(r);
}

static enum resolver_transport wanted(const struct sip_uri *uri)
{
	switch (sip_uri_transport(uri, SIP_TRANSPORT_OTHER)) {
	case SIP_TRANSPORT_UDP:
		return RESOLVER_UDP;
	case SIP_TRANSPORT_TCP:
		return RESOLVER_TCP;
	case SIP_TRANSPORT_TLS:
		return RESOLVER_TLS;
	case SIP_TRANSPORT_SCTP:
		return RESOLVER_SCTP;
	case SIP_TRANSPORT_WS:
		return RESOLVER_WS;
	case SIP_TRANSPORT_WSS:
		return RESOLVER_WSS;
	case SIP_TRANSPORT_OTHER:
	case SIP_TRANSPORT_COUNT:
		break;
	}
	return RESOLVER_NO_TRANSPORT;
}

static enum err resolve(struct branch *b, const struct sip_uri *uri)
{
	struct request *r = b->fork->request;
	struct str maddr = sip_uri_param_value(uri, STR("maddr"));
	struct resolver_question q = {
		.host = maddr.len > 0 ? maddr : uri->host,
		.port = uri->port,
		.transport = wanted(uri),
		.secure = uri->scheme == SIP_SCHEME_SIPS,
		.supported = RESOLVER_UDP | RESOLVER_TCP,
		.foreign = b->target != NULL && b->target->foreign,
		.limit = r->snapshot->conf->routing.tries,
		.seed = hash_str(&r->worker->gateway->keys.home, sip_value(r->msg, SIP_H_CALL_ID)),
	};

	return resolver_locate(r->worker->gateway->resolver, r->worker->loop, &q, on_resolved, b,
	                       &b->resolving);
}

/* A device that said a private address of its own, and came from another: it sits behind a NAT, and only the way back leads to it. */
static bool is_behind_nat(const struct target *t, const struct sip_uri *uri)
{
	struct addr said;

	if (!t->has_flow || uri->host_kind == SIP_HOST_NAME ||
	    addr_parse(&said, uri->host, 0) != ERR_OK)
		return false;
	return addr_is_inward(&said) && !addr_is_loopback(&said) &&
	       !addr_eq_host(&said, &t->flow.remote);
}

/* The flow by which a device registered, where requests to it go back by that. */
static bool by_flow(const struct branch *b, const struct sip_uri *uri, struct sip_flow *flow)
{
	const struct target *t = b->target;
	bool same_run = t != NULL && t->has_flow &&
	                t->flow.boot == sip_wires_boot(worker_of(b)->gateway->wires);
	bool stream = same_run && t->flow.connection != 0;

	if (t == NULL || !t->has_flow || t->route.len > 0)
		return false;
	if (!stream && !(t->flow.transport == SIP_TRANSPORT_UDP && is_behind_nat(t, uri)))
		return false;
	*flow = (struct sip_flow){ .transport = t->flow.transport,
		                   .remote = t->flow.remote,
		                   .local = t->flow.local,
		                   .listener = b->fork->request->flow->listener,
		                   .connection = stream ? t->flow.connection : 0 };
	return true;
}

/* A numeric host needs no resolver. */
static bool is_direct(const struct branch *b, const struct sip_uri *uri, struct sip_flow *flow)
{
	enum resolver_transport t = wanted(uri);
	uint16_t port = uri->has_port ? uri->port : 5060;

	if (uri->scheme != SIP_SCHEME_SIP || uri->host_kind == SIP_HOST_NAME ||
	    sip_uri_param_has(uri, STR("maddr")) || (b->target != NULL && b->target->foreign))
		return false;
	if (t != RESOLVER_NO_TRANSPORT && t != RESOLVER_UDP && t != RESOLVER_TCP)
		return false;
	*flow = (struct sip_flow){ .transport = t == RESOLVER_TCP ? SIP_TRANSPORT_TCP
		                                                  : SIP_TRANSPORT_UDP,
		                   .listener = b->fork->request->flow->listener };
	return addr_parse(&flow->remote, uri->host, port) == ERR_OK;
}

/* Find the way to the next hop and take it. */
static void go(struct branch *b)
{
	struct sip_uri uri;
	struct sip_flow flow;
	struct str next;
	enum err e = forward_next_hop(b->fork->request, b->target, &next);

	if (e == ERR_OK)
		e = sip_uri_parse(&uri, next);
	if (e == ERR_OK && uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS)
		e = ERR_UNSUPPORTED;
	b->by_flow = e == ERR_OK && !b->flow_gone && by_flow(b, &uri, &flow);
	if (e == ERR_OK && (b->by_flow || is_direct(b, &uri, &flow)))
		e = send_copy(b, flow);
	else if (e == ERR_OK)
		e = resolve(b, &uri);
	if (e != ERR_OK)
		end(b, e == ERR_UNSUPPORTED ? 416 : e == ERR_LIMIT ? 513 : 503, NULL, NULL);
}

/* The connection on which the device registered is gone. If it listens where its Contact says, it can still be reached; behind a NAT
 * it can't. */
static void leave_flow(struct branch *b)
{
	struct sip_uri uri;

	b->flow_gone = true;
	if (sip_uri_parse(&uri, b->target->uri) == ERR_OK && !is_behind_nat(b->target, &uri))
		go(b);
	else
		end(b, 430, NULL, NULL);
}

void branch_begin(struct branch *b, struct fork *f, const struct target *target)
{
	*b = (struct branch){ .fork = f, .target = target };
	go(b);
}

void branch_cancel(struct branch *b, struct str reason)
{
	b->cancelled = true;
	if (b->status != 0)
		return;
	if (b->client != NULL) {
		sip_client_cancel(b->client, reason);
		return;
	}
	resolver_cancel(b->resolving);
	b->resolving = NULL;
	end(b, 487, NULL, NULL);
}

bool branch_is_live(const struct branch *b)
{
	return b->client != NULL || b->resolving != NULL;
}

void branch_fini(struct branch *b)
{
	loop_timer_stop(worker_of(b)->loop, &b->timer_c);
	resolver_cancel(b->resolving);
	resolver_result_free(b->places);
	sip_client_let_go(b->client);
}
