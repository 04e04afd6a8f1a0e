#include "sip/transaction_table.h"

#include "base/mem.h"

/* ---------------------------------------------------------------------------- send */

static void on_sent(void *arg, enum err e, uint64_t connection)
{
	struct sip_client *client = arg;

	if (e != ERR_OK)
		sip_client_event(client, SIP_EVENT_ERROR, NULL, e);
	else if (connection != 0)
		client->t.flow.connection = connection; /* for ACK and CANCEL */
}

static void send_packet(struct sip_client *client, struct packet *packet,
                        struct sip_sending *sending)
{
	const struct sip_transactions_env *env = &client->t.table->env;

	env->send(env->arg, &client->t.flow, packet, !client->pinned, sending);
}

static void acknowledge(struct sip_client *client, const struct sip_msg *response)
{
	if (client->ack == NULL)
		client->ack = sip_hop_compose(&client->t.table->env, SIP_ACK, client->t.msg,
		                              response, STR_NONE);
	/* Without memory: the response comes again, and has its ACK then. */
	if (client->ack != NULL)
		send_packet(client, client->ack, &client->t.sending);
}

/* ---------------------------------------------------------------------------- begin and end */

struct start {
	struct sip_transactions *table;
	const struct sip_key *key;
	const struct sip_msg *msg;
	struct packet *packet;
	const struct sip_flow *flow;
	bool pinned;
};

static enum err open_client(struct sip_client **out, const struct start *start)
{
	struct str key = buf_view(&start->key->text);
	struct sip_client *client = sip_transaction_alloc(sizeof(*client), key, start->msg);
	bool invite = start->msg->method == SIP_INVITE;
	enum err e;

	if (client == NULL)
		return ERR_NOMEM;
	sip_transaction_init(&client->t, sizeof(*client), key, start->msg, start->packet);
	client->t.table = start->table;
	client->t.machine = invite ? SIP_MACHINE_INVITE_CLIENT : SIP_MACHINE_CLIENT;
	client->t.reliable = sip_transport_is_reliable(start->flow->transport);
	client->t.flow = *start->flow;
	client->t.sending = (struct sip_sending){ .done = on_sent, .arg = client };
	client->pinned = start->pinned;
	if ((e = sip_transaction_begin(&client->t, &start->table->clients)) != ERR_OK) {
		sip_client_close(client);
		return e;
	}
	send_packet(client, start->packet, &client->t.sending);
	*out = client;
	return ERR_OK;
}

/* Parse, look up, open. `start` comes without key and index. */
static enum err start_client(struct sip_client **out, struct start start)
{
	struct sip_msg msg;
	struct sip_key key;
	struct sip_fault fault;

	if (sip_parse(&msg, packet_view(start.packet), &fault) != ERR_OK || !msg.is_request ||
	    msg.method == SIP_ACK || !sip_client_key(&key, &msg))
		return ERR_SYNTAX;
	if (map_get(&start.table->clients, buf_view(&key.text)) != NULL)
		return ERR_EXISTS;
	start.key = &key;
	start.msg = &msg;
	return open_client(out, &start);
}

/* No response at all within `try_ms`, where that is shorter than Timer B or F. */
static void bound_silence(struct sip_client *client, int64_t try_ms)
{
	const struct sip_transactions_env *env = &client->t.table->env;
	struct timer *lifetime = &client->t.lifetime;

	if (try_ms > 0 && try_ms < 64 * client->t.table->times.t1_ms)
		env->timer_start(env->arg, lifetime, try_ms, lifetime->fire);
}

enum err sip_client_start(struct sip_transactions *table, const struct sip_client_start *conf,
                          struct sip_client **out)
{
	const struct start start = { .table = table,
		                     .packet = conf->request,
		                     .flow = &conf->flow,
		                     .pinned = conf->flow.connection != 0 };
	enum err e = start_client(out, start);

	if (e != ERR_OK)
		return e;
	(*out)->user = conf->user;
	bound_silence(*out, conf->try_ms);
	return ERR_OK;
}

void sip_client_close(struct sip_client *client)
{
	packet_unref(client->ack);
	packet_unref(client->cancel);
	sip_transaction_free(&client->t);
}

static void end(struct sip_client *client, bool failed, enum err why)
{
	struct sip_client_user user = client->user;

	sip_transaction_leave(&client->t, &client->t.table->clients);
	if (failed && user.failed != NULL)
		user.failed(user.arg, client, why);
	if (!failed && user.ended != NULL)
		user.ended(user.arg, client);
	sip_client_close(client);
}

/* ---------------------------------------------------------------------------- CANCEL (9.1) */

static void send_cancel(struct sip_client *client)
{
	struct packet *packet = client->cancel;
	const struct start start = { .table = client->t.table,
		                     .packet = packet,
		                     .flow = &client->t.flow,
		                     .pinned = client->pinned };
	struct sip_client *cancel;

	client->cancel = NULL;
	client->cancelled = true;
	(void)sip_transaction_step(&client->t, SIP_EVENT_CANCELLED);
	/* A CANCEL that can't be looked after is still better than none. */
	if (start_client(&cancel, start) != ERR_OK)
		send_packet(client, packet, NULL);
	packet_unref(packet);
}

static bool may_cancel(const struct sip_client *client)
{
	return client->t.machine == SIP_MACHINE_INVITE_CLIENT && !client->cancelled &&
	       (client->t.state == SIP_STATE_CALLING || client->t.state == SIP_STATE_PROCEEDING);
}

void sip_client_cancel(struct sip_client *client, struct str reason)
{
	if (!may_cancel(client) || client->cancel != NULL)
		return;
	client->cancel = sip_hop_compose(&client->t.table->env, SIP_CANCEL, client->t.msg, NULL,
	                                 reason);
	if (client->t.state != SIP_STATE_PROCEEDING)
		return;
	/* Without memory for it, the wait at least is as long as after a CANCEL. */
	if (client->cancel == NULL)
		(void)sip_transaction_step(&client->t, SIP_EVENT_CANCELLED);
	else
		send_cancel(client);
}

/* ---------------------------------------------------------------------------- events */

static void pass(struct sip_client *client, const struct sip_received *received)
{
	struct sip_client_user user = client->user;

	/* Nothing more comes after a final response, but to an INVITE. */
	if (client->t.machine == SIP_MACHINE_CLIENT && client->t.state == SIP_STATE_COMPLETED)
		client->user = (struct sip_client_user){ 0 };
	if (user.response != NULL)
		user.response(user.arg, client, received->msg, received->packet, received->flow);
}

/* A provisional response has come: what waited for one. */
static void after_provisional(struct sip_client *client)
{
	if (client->t.state != SIP_STATE_PROCEEDING)
		return;
	if (client->cancel != NULL)
		send_cancel(client);
	else if (client->orphan && !client->cancelled && !timer_running(&client->t.lifetime))
		(void)sip_transaction_step(&client->t, SIP_EVENT_ORPHANED);
}

static void heard(struct sip_client *client, unsigned actions, const struct sip_received *received)
{
	if ((actions & SIP_DO_ACK) != 0)
		acknowledge(client, received->msg);
	if ((actions & SIP_DO_PASS) != 0)
		pass(client, received);
	if (received->msg->status < 200)
		after_provisional(client);
}

void sip_client_event(struct sip_client *client, enum sip_event event,
                      const struct sip_received *received, enum err why)
{
	struct sip_step step;

	/* An INVITE of which nobody wants to know has rung long enough. */
	if (event == SIP_EVENT_LIFETIME && client->t.state == SIP_STATE_PROCEEDING &&
	    client->orphan && may_cancel(client)) {
		sip_client_cancel(client, STR_NONE);
		if (client->cancelled)
			return;
	}
	step = sip_transaction_step(&client->t, event);
	if ((step.actions & SIP_DO_RESEND) != 0)
		send_packet(client, client->t.packet, NULL);
	if (received != NULL)
		heard(client, step.actions, received);
	if ((step.actions & (SIP_DO_FAIL | SIP_DO_END)) != 0)
		end(client, (step.actions & SIP_DO_FAIL) != 0, why);
}

void sip_client_receive(struct sip_transactions *table, const struct sip_msg *msg,
                        struct packet *packet, const struct sip_flow *flow)
{
	const struct sip_received received = { msg, packet, flow };
	struct sip_client *client = NULL;
	struct sip_key key;

	if (sip_client_key(&key, msg))
		client = map_get(&table->clients, buf_view(&key.text));
	if (client == NULL) {
		table->stray++;
		if (table->events.stray != NULL)
			table->events.stray(table->events.arg, msg, flow);
		return;
	}
	client->heard = true;
	sip_client_event(client, sip_fsm_response(SIP_MACHINE_CLIENT, msg->status), &received,
	                 ERR_OK);
}

void sip_client_let_go(struct sip_client *client)
{
	if (client == NULL)
		return;
	client->user = (struct sip_client_user){ 0 };
	client->orphan = true;
	if (client->t.state == SIP_STATE_PROCEEDING && may_cancel(client))
		(void)sip_transaction_step(&client->t, SIP_EVENT_ORPHANED);
}

bool sip_client_heard(const struct sip_client *client)
{
	return client->heard;
}

const struct sip_msg *sip_client_request(const struct sip_client *client)
{
	return client->t.msg;
}

const struct sip_flow *sip_client_flow(const struct sip_client *client)
{
	return &client->t.flow;
}
