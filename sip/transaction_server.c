#include "sip/transaction_table.h"

#include "base/mem.h"

/* Seconds, in a 503 from a full table: about what it takes for transactions of now to be over. */
#define RETRY_AFTER_S 10

static void on_sent(void *arg, enum err e, uint64_t connection);

/* ---------------------------------------------------------------------------- begin and end */

enum err sip_server_open(struct sip_server **out, struct sip_transactions *table,
                         const struct sip_key *key, const struct sip_msg *msg,
                         struct packet *packet, const struct sip_flow *flow)
{
	struct sip_server *server = sip_transaction_alloc(sizeof(*server), buf_view(&key->text),
	                                                  msg);
	bool invite = msg->method == SIP_INVITE;
	enum err e;

	if (server == NULL)
		return ERR_NOMEM;
	sip_transaction_init(&server->t, sizeof(*server), buf_view(&key->text), msg, packet);
	server->t.table = table;
	server->t.machine = invite ? SIP_MACHINE_INVITE_SERVER : SIP_MACHINE_SERVER;
	server->t.reliable = sip_transport_is_reliable(flow->transport);
	server->t.flow = *flow;
	server->t.sending = (struct sip_sending){ .done = on_sent, .arg = server };
	server->sent_by_port = key->sent_by_port;
	server->has_rport = key->has_rport;
	server->is_2543 = key->is_2543;
	sip_server_key_tag(table, key, server->tag);
	if ((e = sip_transaction_begin(&server->t, &table->servers)) != ERR_OK) {
		sip_server_close(server);
		return e;
	}
	*out = server;
	return ERR_OK;
}

void sip_server_close(struct sip_server *server)
{
	packet_unref(server->response);
	sip_transaction_free(&server->t);
}

static void end(struct sip_server *server)
{
	struct sip_server_user user = server->user;

	sip_transaction_leave(&server->t, &server->t.table->servers);
	if (user.ended != NULL)
		user.ended(user.arg, server);
	sip_server_close(server);
}

/* ---------------------------------------------------------------------------- send */

/* 18.2.2: when its stream is gone, to where the request came from, at the port of sent-by. */
static struct sip_flow fallback_flow(const struct sip_server *server)
{
	struct sip_flow to = server->t.flow;

	to.connection = 0;
	addr_set_port(&to.remote, server->sent_by_port);
	return to;
}

static void send_response(struct sip_server *server)
{
	const struct sip_transactions_env *env = &server->t.table->env;
	struct sip_sending *sending = server->t.reliable ? &server->t.sending : NULL;
	struct sip_flow to = server->fell_back
	                             ? fallback_flow(server)
	                             : sip_reply_flow(&server->t.flow, server->sent_by_port,
	                                              server->has_rport);

	if (server->response == NULL)
		return;
	/* What becomes of the newest one is what matters: its predecessor's fate is forgotten. */
	env->send(env->arg, &to, server->response, server->fell_back, sending);
}

static void on_sent(void *arg, enum err e, uint64_t connection)
{
	struct sip_server *server = arg;

	(void)connection;
	if (e == ERR_OK)
		return;
	if (server->fell_back || !server->t.reliable) {
		sip_server_event(server, SIP_EVENT_ERROR, NULL);
		return;
	}
	server->fell_back = true;
	send_response(server);
}

/* A response that is kept is as long as it is, and the wire's packet free for the next one: a table holds very many of them. */
static enum err compose(struct sip_server *server, struct packet **out, struct sip_reply *reply)
{
	const struct sip_transactions_env *env = &server->t.table->env;
	struct packet *roomy;
	enum err e;

	reply->tag = sip_server_tag(server);
	e = sip_reply_compose(&roomy, env, server->t.msg, &server->t.flow, reply);
	if (e != ERR_OK)
		return e;
	*out = packet_copy(packet_view(roomy));
	packet_unref(roomy);
	return *out == NULL ? ERR_NOMEM : ERR_OK;
}

/* Takes the reference. */
static void remember(struct sip_server *server, struct packet *response)
{
	packet_unref(server->response);
	server->response = response;
}

static void send_trying(struct sip_server *server)
{
	struct sip_reply reply = { .status = 100 };
	struct packet *packet;

	/* Without memory this 100 is lost, as over UDP it may be anyway. */
	if (compose(server, &packet, &reply) != ERR_OK)
		return;
	remember(server, packet);
	send_response(server);
}

void sip_server_event(struct sip_server *server, enum sip_event event, struct packet *response)
{
	struct sip_step step = sip_transaction_step(&server->t, event);

	if ((step.actions & SIP_DO_SEND) != 0) {
		remember(server, packet_ref(response));
		send_response(server);
	}
	if ((step.actions & SIP_DO_TRYING) != 0)
		send_trying(server);
	if ((step.actions & SIP_DO_RESEND) != 0)
		send_response(server);
	if ((step.actions & SIP_DO_END) != 0)
		end(server);
}

/* ---------------------------------------------------------------------------- receive */

/* The client may have another port (a NAT forgot it) or another connection by now. Another host's copy changes nothing: whoever has seen a
 * request could else draw its answers to himself. */
static void follow(struct sip_server *server, const struct sip_flow *flow)
{
	if (flow->transport != server->t.flow.transport ||
	    !addr_eq_host(&flow->remote, &server->t.flow.remote))
		return;
	server->t.flow = *flow;
	server->fell_back = false;
}

void sip_server_again(struct sip_server *server, const struct sip_flow *flow)
{
	follow(server, flow);
	sip_server_event(server, SIP_EVENT_REQUEST, NULL);
}

static struct str table_secret(const struct sip_transactions *table)
{
	return str_of((const char *)table->key.secret, sizeof(table->key.secret));
}

static void receive_ack(struct sip_transactions *table, struct sip_server *server,
                        const struct sip_msg *msg, struct packet *packet,
                        const struct sip_flow *flow)
{
	if (server != NULL && sip_server_ack_fits(server, msg)) {
		if ((sip_transaction_step(&server->t, SIP_EVENT_ACK).actions & SIP_DO_PASS) == 0)
			return;
	} else if (table->refused > 0 && sip_stateless_is_ours(msg, table_secret(table))) {
		return;
	}
	table->events.request(table->events.arg, NULL, msg, packet, flow);
}

static void put_retry_after(void *arg, struct buf *out)
{
	(void)arg;
	sip_put_number(out, SIP_H_RETRY_AFTER, RETRY_AFTER_S);
}

static void refuse(struct sip_transactions *table, const struct sip_msg *msg,
                   const struct sip_flow *flow)
{
	char tag[SIP_TAG_TEXT];
	const struct sip_reply reply = { .status = 503,
		                         .tag = str_of(tag, sizeof(tag)),
		                         .more = put_retry_after };

	table->refused++;
	sip_stateless_tag(msg, table_secret(table), tag);
	sip_reply_send(&table->env, msg, flow, &reply);
}

static void receive_new(struct sip_transactions *table, const struct sip_key *key,
                        const struct sip_msg *msg, struct packet *packet,
                        const struct sip_flow *flow)
{
	struct sip_server *server;

	if (sip_server_open(&server, table, key, msg, packet, flow) != ERR_OK)
		refuse(table, msg, flow);
	else
		table->events.request(table->events.arg, server, server->t.msg, packet, flow);
}

void sip_server_receive(struct sip_transactions *table, const struct sip_msg *msg,
                        struct packet *packet, const struct sip_flow *flow)
{
	bool ack = msg->method == SIP_ACK;
	struct str method = ack ? sip_method_name(SIP_INVITE) : msg->method_name;
	struct sip_server *server;
	struct sip_via via;
	struct sip_key key;

	if (sip_reply_via(&via, msg) != ERR_OK || !sip_server_key(&key, table, msg, &via, method))
		return;
	server = map_get(&table->servers, buf_view(&key.text));
	if (ack)
		receive_ack(table, server, msg, packet, flow);
	else if (server != NULL)
		sip_server_again(server, flow);
	else if (msg->method == SIP_CANCEL)
		sip_cancel_receive(table, &key, msg, packet, flow);
	else
		receive_new(table, &key, msg, packet, flow);
}

/* ---------------------------------------------------------------------------- for the user */

void sip_server_use(struct sip_server *server, const struct sip_server_user *user)
{
	server->user = *user;
}

void *sip_server_arg(const struct sip_server *server)
{
	return server->user.arg;
}

void sip_server_finish(struct sip_server *server, unsigned status)
{
	server->user = (struct sip_server_user){ 0 };
	/* Where nobody will ever answer it the client had better begin anew. */
	if (server->final == 0 && sip_server_reply(server, status, STR_NONE, NULL, NULL) != ERR_OK)
		end(server);
}

void sip_server_let_go(struct sip_server *server)
{
	sip_server_finish(server, 500);
}

const struct sip_msg *sip_server_request(const struct sip_server *server)
{
	return server->t.msg;
}

struct packet *sip_server_packet(const struct sip_server *server)
{
	return server->t.packet;
}

const struct sip_flow *sip_server_flow(const struct sip_server *server)
{
	return &server->t.flow;
}

unsigned sip_server_final(const struct sip_server *server)
{
	return server->final;
}

struct str sip_server_tag(const struct sip_server *server)
{
	return str_of(server->tag, sizeof(server->tag));
}

void sip_server_respond(struct sip_server *server, struct packet *response, unsigned status)
{
	enum sip_event event = sip_fsm_response(server->t.machine, status);

	if (event == SIP_EVENT_COUNT)
		return;
	if (status >= 200 && server->final == 0)
		server->final = (uint16_t)status;
	sip_server_event(server, event, response);
}

enum err sip_server_reply(struct sip_server *server, unsigned status, struct str reason,
                          void (*more)(void *arg, struct buf *out), void *arg)
{
	struct sip_reply reply = { .status = status, .reason = reason, .more = more, .arg = arg };
	struct packet *packet;
	enum err e = compose(server, &packet, &reply);

	if (e != ERR_OK)
		return e;
	sip_server_respond(server, packet, status);
	packet_unref(packet);
	return ERR_OK;
}
