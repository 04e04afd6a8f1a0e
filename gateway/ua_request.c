#include "gateway/ua_request.h"

#include "base/mem.h"

#include <stdio.h>

#define FIELDS_MAX 8192
#define BODY_MAX 4096

static void give_up(struct ua_request *r)
{
	if (r->reason[0] == '\0')
		(void)snprintf(r->reason, sizeof(r->reason), "%s", err_text(r->why));
	r->user.failed(r->user.arg, r->why);
}

/* 8.1.1.7: a branch of its own for each attempt; RFC 3581: the answer shall come back to where it came from. */
static void via_write(const struct sip_flow *flow, struct buf *out)
{
	char branch[UA_ID_TEXT];

	ua_random(branch);
	buf_printf(out, "SIP/2.0/%.*s ", STR_ARG(sip_transport_name(flow->transport)));
	addr_write(&flow->local, out);
	buf_printf(out, ";branch=" SIP_BRANCH_COOKIE "%s;rport", branch);
}

static bool is_ours(const struct ua_request *r)
{
	return !r->foreign && r->ua->auth.name.len > 0;
}

static enum err put_credentials(const struct ua_request *r, struct str body, struct buf *out)
{
	char memory[SIP_URI_MAX];
	struct buf uri;

	if (!is_ours(r) || r->method == SIP_ACK)
		return ERR_OK;
	buf_wrap(&uri, memory, sizeof(memory));
	ua_dialog_request_uri(r->dialog, &uri);
	return ua_auth_write(&r->ua->auth, sip_method_name(r->method), buf_view(&uri), body, out);
}

static enum err compose(struct ua_request *r, struct buf *out)
{
	char via_memory[256];
	char fields_memory[FIELDS_MAX];
	char body_memory[BODY_MAX];
	struct buf via;
	struct buf fields;
	struct buf body;
	enum err e;

	buf_wrap(&via, via_memory, sizeof(via_memory));
	buf_wrap(&fields, fields_memory, sizeof(fields_memory));
	buf_wrap(&body, body_memory, sizeof(body_memory));
	via_write(&r->flow, &via);
	r->user.write(r->user.arg, &r->flow, &fields, &body);
	if (via.err != ERR_OK || fields.err != ERR_OK || body.err != ERR_OK)
		return ERR_LIMIT;
	ua_dialog_write(r->dialog, r->method, r->seq, buf_view(&via), out);
	e = put_credentials(r, buf_view(&body), out);
	buf_str(out, buf_view(&fields));
	sip_finish(out, body.len > 0 ? STR("application/sdp") : STR_NONE, buf_view(&body));
	return e != ERR_OK ? e : out->err;
}

static enum err make_packet(struct ua_request *r)
{
	struct packet *p = sip_wire_packet(r->ua->wire, SIP_MESSAGE_MAX);
	struct buf text;
	enum err e;

	if (p == NULL)
		return ERR_NOMEM;
	buf_wrap(&text, p->data, p->cap);
	e = compose(r, &text);
	p->len = (uint32_t)text.len;
	packet_unref(r->packet);
	r->packet = p;
	return e;
}

static void on_response(void *arg, struct sip_client *client, const struct sip_msg *msg,
                        struct packet *packet, const struct sip_flow *flow);
static void on_failed(void *arg, struct sip_client *client, enum err why);
static void on_ended(void *arg, struct sip_client *client);

static enum err begin_transaction(struct ua_request *r, bool last)
{
	struct sip_client_start start = { .request = r->packet,
		                          .flow = r->flow,
		                          .try_ms = last ? 0 : UA_TRY_MS,
		                          .user = { .arg = r,
		                                    .response = on_response,
		                                    .failed = on_failed,
		                                    .ended = on_ended } };

	if (r->method == SIP_ACK) {
		sip_stateless_send(r->ua->wire, r->packet, &r->flow);
		return ERR_OK;
	}
	return sip_client_start(r->ua->transactions, &start, &r->client);
}

static bool has_more(const struct ua_request *r)
{
	return r->next < r->result->target_count && r->tries < UA_TRIES_MAX;
}

static enum sip_transport transport_of(enum resolver_transport t)
{
	return t == RESOLVER_TCP ? SIP_TRANSPORT_TCP : SIP_TRANSPORT_UDP;
}

/* To the target before `next`. */
static enum err attempt(struct ua_request *r)
{
	const struct resolver_target *target = &r->result->targets[r->next - 1];
	enum err e;

	r->flow = (struct sip_flow){ .transport = transport_of(target->transport),
		                     .remote = target->addr };
	if ((e = sip_wire_route(r->ua->wire, &r->flow)) != ERR_OK || (e = make_packet(r)) != ERR_OK)
		return e;
	return begin_transaction(r, !has_more(r));
}

static void attempt_next(struct ua_request *r)
{
	while (has_more(r)) {
		r->next++;
		r->tries++;
		r->why = attempt(r);
		if (r->why != ERR_OK)
			continue;
		if (r->user.sent != NULL)
			r->user.sent(r->user.arg);
		return;
	}
	give_up(r);
}

static void let_go(struct ua_request *r)
{
	sip_client_let_go(r->client);
	r->client = NULL;
}

static bool is_challenge(const struct sip_msg *msg)
{
	return msg->status == 401 || msg->status == 407;
}

/* 22.2: the same request again with credentials, and the next number (8.1.3.5). */
static bool answer_challenge(struct ua_request *r, const struct sip_msg *msg)
{
	if (!is_challenge(msg) || r->cancelled || !is_ours(r) ||
	    r->challenges == UA_CHALLENGES_MAX || !ua_auth_learn(&r->ua->auth, msg, &r->answered))
		return false;
	r->challenges++;
	let_go(r);
	r->seq = ua_dialog_next(r->dialog);
	r->why = attempt(r);
	if (r->why != ERR_OK)
		attempt_next(r);
	return true;
}

static void on_response(void *arg, struct sip_client *client, const struct sip_msg *msg,
                        struct packet *packet, const struct sip_flow *flow)
{
	struct ua_request *r = arg;

	(void)client;
	(void)packet;
	if (msg->status >= 200 && r->method != SIP_INVITE)
		r->client = NULL;
	if (answer_challenge(r, msg))
		return;
	/* RFC 3263 4.3: a 503 is a server that is not there. */
	if (msg->status == 503 && has_more(r) && !r->cancelled) {
		let_go(r);
		attempt_next(r);
		return;
	}
	r->user.response(r->user.arg, msg, flow);
}

static void on_failed(void *arg, struct sip_client *client, enum err why)
{
	struct ua_request *r = arg;
	char text[ADDR_TEXT];

	(void)client;
	r->client = NULL;
	r->why = why;
	(void)snprintf(r->reason, sizeof(r->reason), "%s: %s", addr_text(&r->flow.remote, text),
	               err_text(why));
	if (r->cancelled)
		give_up(r);
	else
		attempt_next(r);
}

static void on_ended(void *arg, struct sip_client *client)
{
	struct ua_request *r = arg;

	if (r->client == client)
		r->client = NULL;
}

static void on_located(void *arg, struct resolver_result *result)
{
	struct ua_request *r = arg;

	r->query = NULL;
	r->result = result;
	r->why = ERR_UNREACHABLE;
	if (result->outcome == RESOLVER_FOUND) {
		attempt_next(r);
		return;
	}
	(void)snprintf(r->reason, sizeof(r->reason), "%.*s", STR_ARG(result->reason));
	give_up(r);
}

static enum resolver_transport wanted_transport(const struct sip_uri *uri)
{
	static const enum resolver_transport table[SIP_TRANSPORT_COUNT] = {
		[SIP_TRANSPORT_UDP] = RESOLVER_UDP, [SIP_TRANSPORT_TCP] = RESOLVER_TCP,
		[SIP_TRANSPORT_TLS] = RESOLVER_TLS, [SIP_TRANSPORT_SCTP] = RESOLVER_SCTP,
		[SIP_TRANSPORT_WS] = RESOLVER_WS,   [SIP_TRANSPORT_WSS] = RESOLVER_WSS
	};

	return table[sip_uri_transport(uri, SIP_TRANSPORT_OTHER)];
}

/* RFC 3263 4: where a URI is to be found, its maddr before its host. */
static enum err locate(struct ua_request *r)
{
	struct resolver_question question = { .supported = r->ua->supported,
		                              .limit = UA_TRIES_MAX };
	struct sip_uri uri;
	struct str maddr;

	if (sip_uri_parse(&uri, ua_dialog_hop(r->dialog)) != ERR_OK || uri.host.len == 0)
		return ERR_SYNTAX;
	maddr = sip_uri_param_value(&uri, STR("maddr"));
	question.host = maddr.len > 0 ? maddr : uri.host;
	question.port = uri.port;
	question.transport = wanted_transport(&uri);
	question.secure = uri.scheme == SIP_SCHEME_SIPS;
	/* Which networks others may send us to is for a configuration to say; without one everybody is somebody's neighbour in a laboratory. */
	question.foreign = r->foreign && r->ua->conf != NULL;
	return resolver_locate(r->ua->resolver, r->ua->loop, &question, on_located, r, &r->query);
}

enum err ua_request_start(struct ua_request *r, struct ua *ua, const struct ua_sending *sending)
{
	ua_request_stop(r);
	*r = (struct ua_request){ .ua = ua,
		                  .dialog = sending->dialog,
		                  .user = sending->user,
		                  .method = sending->method,
		                  .foreign = sending->foreign };
	r->seq = sending->seq != 0 ? sending->seq : ua_dialog_next(sending->dialog);
	return locate(r);
}

void ua_request_again(struct ua_request *r)
{
	if (r->packet != NULL)
		sip_stateless_send(r->ua->wire, r->packet, &r->flow);
}

bool ua_request_cancel(struct ua_request *r)
{
	r->cancelled = true;
	if (r->client == NULL) {
		ua_request_stop(r);
		return false;
	}
	sip_client_cancel(r->client, STR_NONE);
	return true;
}

void ua_request_stop(struct ua_request *r)
{
	resolver_cancel(r->query);
	r->query = NULL;
	resolver_result_free(r->result);
	r->result = NULL;
	let_go(r);
	packet_unref(r->packet);
	r->packet = NULL;
}

struct str ua_request_reason(const struct ua_request *r)
{
	return str_from(r->reason);
}
