#include "sip/transaction_table.h"

/* What an answer has beside what it repeats of the request: status line, stamps in Via, tag, Content-Length; and some of `more`. */
#define REPLY_EXTRA 1024

static void write_reply(struct buf *out, const struct sip_msg *req, const struct sip_flow *flow,
                        const struct sip_reply *reply)
{
	const struct sip_response head = { .status = reply->status,
		                           .reason = reply->reason,
		                           .to_tag = reply->tag,
		                           .source = &flow->remote };

	sip_response_begin(out, req, &head);
	if (reply->more != NULL)
		reply->more(reply->arg, out);
	sip_finish(out, STR_NONE, STR_NONE);
}

static enum err compose_in(struct packet **out, struct packet *packet, const struct sip_msg *req,
                           const struct sip_flow *flow, const struct sip_reply *reply)
{
	struct buf text;

	if (packet == NULL)
		return ERR_NOMEM;
	buf_wrap(&text, packet->data, packet->cap);
	write_reply(&text, req, flow, reply);
	if (text.err != ERR_OK) {
		packet_unref(packet);
		return text.err;
	}
	packet->len = (uint32_t)text.len;
	*out = packet;
	return ERR_OK;
}

enum err sip_reply_compose(struct packet **out, const struct sip_transactions_env *env,
                           const struct sip_msg *req, const struct sip_flow *flow,
                           const struct sip_reply *reply)
{
	size_t likely = req->raw.len - req->body.len + REPLY_EXTRA;
	enum err e = compose_in(out, env->packet(env->arg, likely), req, flow, reply);

	if (e != ERR_LIMIT || reply->more == NULL)
		return e;
	return compose_in(out, env->packet(env->arg, SIP_MESSAGE_MAX), req, flow, reply);
}

struct packet *sip_hop_compose(const struct sip_transactions_env *env, enum sip_method method,
                               const struct sip_msg *request, const struct sip_msg *response,
                               struct str reason)
{
	size_t to = response == NULL ? 0 : sip_value(response, SIP_H_TO).len;
	struct packet *packet = env->packet(env->arg,
	                                    request->raw.len + to + reason.len + REPLY_EXTRA);
	struct buf text;

	if (packet == NULL)
		return NULL;
	buf_wrap(&text, packet->data, packet->cap);
	sip_hop_request_begin(&text, method, request, response);
	if (reason.len > 0)
		sip_put(&text, SIP_H_REASON, reason);
	sip_finish(&text, STR_NONE, STR_NONE);
	if (text.err != ERR_OK) {
		packet_unref(packet);
		return NULL;
	}
	packet->len = (uint32_t)text.len;
	return packet;
}

enum err sip_reply_via(struct sip_via *via, const struct sip_msg *req)
{
	struct str value;

	if (!sip_first_value(req, SIP_H_VIA, &value))
		return ERR_NOTFOUND;
	if (sip_via_parse(via, value) == ERR_OK)
		return ERR_OK;
	return sip_via_parse(via, str_head(value, str_find(value, ';')));
}

uint16_t sip_sent_by_port(const struct sip_via *via)
{
	uint16_t port = via->has_port ? via->port : sip_transport_port(via->transport);

	return port == 0 ? 5060 : port;
}

struct sip_flow sip_reply_flow(const struct sip_flow *flow, uint16_t sent_by_port, bool has_rport)
{
	struct sip_flow to = *flow;

	if (flow->transport == SIP_TRANSPORT_UDP && !has_rport)
		addr_set_port(&to.remote, sent_by_port);
	return to;
}

void sip_reply_send(const struct sip_transactions_env *env, const struct sip_msg *req,
                    const struct sip_flow *flow, const struct sip_reply *reply)
{
	struct packet *packet;
	struct sip_flow to;
	struct sip_via via;

	if (req->method == SIP_ACK || sip_reply_via(&via, req) != ERR_OK ||
	    sip_reply_compose(&packet, env, req, flow, reply) != ERR_OK)
		return;
	to = sip_reply_flow(flow, sip_sent_by_port(&via), via.has_rport);
	env->send(env->arg, &to, packet, false, NULL);
	packet_unref(packet);
}

void sip_stateless_send(struct sip_wire *wire, struct packet *request, const struct sip_flow *flow)
{
	sip_wire_send(wire, flow, request, flow->connection == 0, NULL);
}

void sip_stateless_reply(struct sip_wire *wire, const struct sip_msg *req,
                         const struct sip_flow *flow, const struct sip_stateless *stateless)
{
	const struct sip_transactions_env env = sip_transactions_env_of(wire);
	char tag[SIP_TAG_TEXT];
	const struct sip_reply reply = { .status = stateless->status,
		                         .reason = stateless->reason,
		                         .tag = str_of(tag, sizeof(tag)),
		                         .more = stateless->more,
		                         .arg = stateless->arg };

	sip_stateless_tag(req, stateless->tag_key, tag);
	sip_reply_send(&env, req, flow, &reply);
}

bool sip_stateless_is_ours(const struct sip_msg *ack, struct str tag_key)
{
	char tag[SIP_TAG_TEXT];
	struct str given = sip_tag(ack, SIP_H_TO);

	if (given.len != sizeof(tag))
		return false;
	sip_stateless_tag(ack, tag_key, tag);
	return str_eq(given, str_of(tag, sizeof(tag)));
}
