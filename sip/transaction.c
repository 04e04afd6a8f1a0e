#include "sip/transaction_table.h"

#include "base/mem.h"

#define T1_MS 500
#define T2_MS 4000
#define T4_MS 5000

/* ---------------------------------------------------------------------------- a wire as surroundings */

static struct mono wire_now(void *arg)
{
	return loop_now(sip_wire_loop(arg));
}

static struct packet *wire_packet(void *arg, size_t cap)
{
	return sip_wire_packet(arg, cap);
}

static void wire_send(void *arg, const struct sip_flow *flow, struct packet *packet, bool fallback,
                      struct sip_sending *sending)
{
	sip_wire_send(arg, flow, packet, fallback, sending);
}

static void wire_forget(void *arg, struct sip_sending *sending)
{
	(void)arg;
	sip_sending_forget(sending);
}

static void wire_timer_start(void *arg, struct timer *timer, int64_t delay_ms,
                             void (*fire)(struct timer *))
{
	loop_timer_start(sip_wire_loop(arg), timer, delay_ms, fire);
}

static void wire_timer_stop(void *arg, struct timer *timer)
{
	loop_timer_stop(sip_wire_loop(arg), timer);
}

struct sip_transactions_env sip_transactions_env_of(struct sip_wire *wire)
{
	return (struct sip_transactions_env){ .arg = wire,
		                              .now = wire_now,
		                              .packet = wire_packet,
		                              .send = wire_send,
		                              .forget = wire_forget,
		                              .timer_start = wire_timer_start,
		                              .timer_stop = wire_timer_stop };
}

/* ---------------------------------------------------------------------------- open and close */

static int64_t or_default(int64_t value, int64_t otherwise)
{
	return value > 0 ? value : otherwise;
}

enum err sip_transactions_open_on(struct sip_transactions **out,
                                  const struct sip_transactions_env *env,
                                  const struct sip_transactions_conf *conf,
                                  const struct sip_transactions_events *events)
{
	struct sip_transactions *table = mem_zero(sizeof(*table));
	enum err e;

	if (table == NULL)
		return ERR_NOMEM;
	if ((e = hash_key_init(&table->key)) != ERR_OK) {
		free(table);
		return e;
	}
	table->env = *env;
	table->events = *events;
	table->times = (struct sip_times){ or_default(conf->t1_ms, T1_MS),
		                           or_default(conf->t2_ms, T2_MS),
		                           or_default(conf->t4_ms, T4_MS) };
	table->limit = conf->limit == 0 ? SIP_TRANSACTIONS_MAX : conf->limit;
	map_init(&table->servers, table->limit, &table->key);
	map_init(&table->clients, table->limit, &table->key);
	*out = table;
	return ERR_OK;
}

enum err sip_transactions_open(struct sip_transactions **out, struct sip_wire *wire,
                               const struct sip_transactions_conf *conf,
                               const struct sip_transactions_events *events)
{
	const struct sip_transactions_env env = sip_transactions_env_of(wire);

	return sip_transactions_open_on(out, &env, conf, events);
}

void sip_transactions_close(struct sip_transactions *table)
{
	struct sip_transaction *t;
	size_t at = 0;

	if (table == NULL)
		return;
	while ((t = map_next(&table->servers, &at)) != NULL) {
		sip_transaction_leave(t, NULL);
		sip_server_close(container_of(t, struct sip_server, t));
	}
	at = 0;
	while ((t = map_next(&table->clients, &at)) != NULL) {
		sip_transaction_leave(t, NULL);
		sip_client_close(container_of(t, struct sip_client, t));
	}
	map_fini(&table->servers);
	map_fini(&table->clients);
	free(table);
}

size_t sip_transactions_count(const struct sip_transactions *table)
{
	return table->servers.count + table->clients.count;
}

uint64_t sip_transactions_begun(const struct sip_transactions *table)
{
	return table->begun;
}

uint64_t sip_transactions_refused(const struct sip_transactions *table)
{
	return table->refused;
}

uint64_t sip_transactions_stray(const struct sip_transactions *table)
{
	return table->stray;
}

/* ---------------------------------------------------------------------------- receive */

void sip_transactions_receive(struct sip_transactions *table, const struct sip_msg *msg,
                              struct packet *packet, const struct sip_flow *flow)
{
	if (msg->is_request)
		sip_server_receive(table, msg, packet, flow);
	else
		sip_client_receive(table, msg, packet, flow);
}

void sip_transactions_unreachable(struct sip_transactions *table, const struct sip_flow *flow,
                                  struct str head, enum err why)
{
	struct sip_client *client;
	struct sip_peek peek;
	struct sip_key key;

	if (sip_peek(head, &peek) != ERR_OK || !peek.is_request ||
	    !sip_client_key_of(&key, peek.branch, peek.method_name))
		return;
	client = map_get(&table->clients, buf_view(&key.text));
	if (client == NULL || client->t.flow.transport != SIP_TRANSPORT_UDP ||
	    !addr_eq(&client->t.flow.remote, &flow->remote))
		return;
	sip_client_event(client, SIP_EVENT_ERROR, NULL, why);
}
