/* A table of transactions that gets any messages in any order, from clients and from the next hop, while the clock goes on: nothing is left
 * at the end. Records end with a NUL; the first octet of each but the first one says what it is.
 *
 * corpus: tests/corpus/callflow */
#include "base/mem.h"
#include "sip/transaction_table.h"

#define INPUT_MAX 16384
#define USERS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct sip_transactions *table;
	struct timer_wheel wheel;
	struct mono now;
	struct sip_server *servers[USERS_MAX];
	struct sip_client *clients[USERS_MAX];
	struct sip_sending *sending; /* the last one that is told of */
	unsigned calls; /* into the table by the user: he must not be told anything meanwhile */
	unsigned branches;
	bool stream;
};

/* ---------------------------------------------------------------------------- surroundings */

static struct mono now(void *arg)
{
	return ((struct world *)arg)->now;
}

static struct packet *new_packet(void *arg, size_t cap)
{
	(void)arg;
	return packet_new(cap);
}

static void forget(void *arg, struct sip_sending *sending)
{
	struct world *w = arg;

	if (w->sending == sending)
		w->sending = NULL;
}

static void send_packet(void *arg, const struct sip_flow *flow, struct packet *packet,
                        bool fallback, struct sip_sending *sending)
{
	struct world *w = arg;

	(void)flow;
	(void)fallback;
	must(packet->len > 0);
	if (sending != NULL)
		w->sending = sending;
}

static void start_timer(void *arg, struct timer *timer, int64_t delay_ms,
                        void (*fire)(struct timer *))
{
	struct world *w = arg;

	timer_start(&w->wheel, timer, w->now, delay_ms, fire);
}

static void stop_timer(void *arg, struct timer *timer)
{
	timer_stop(&((struct world *)arg)->wheel, timer);
}

static void wait_ms(struct world *w, int64_t ms)
{
	w->now = mono_add_ms(w->now, ms);
	timer_wheel_advance(&w->wheel, w->now);
}

/* ---------------------------------------------------------------------------- the user: a proxy of sorts */

static void server_ended(void *arg, struct sip_server *server)
{
	struct world *w = arg;

	must(w->calls == 0);
	for (size_t i = 0; i < USERS_MAX; i++) {
		if (w->servers[i] == server)
			w->servers[i] = NULL;
	}
}

static void drop_client(struct world *w, const struct sip_client *client)
{
	must(w->calls == 0);
	for (size_t i = 0; i < USERS_MAX; i++) {
		if (w->clients[i] == client)
			w->clients[i] = NULL;
	}
}

static void response(void *arg, struct sip_client *client, const struct sip_msg *msg,
                     struct packet *packet, const struct sip_flow *flow)
{
	(void)packet;
	(void)flow;
	must(((struct world *)arg)->calls == 0);
	must(sip_client_heard(client) && !msg->is_request);
	if (msg->status >= 200 && sip_client_request(client)->method != SIP_INVITE)
		drop_client(arg, client);
}

static void failed(void *arg, struct sip_client *client, enum err why)
{
	must(why != ERR_OK);
	drop_client(arg, client);
}

static void over(void *arg, struct sip_client *client)
{
	drop_client(arg, client);
}

/* The request with a Via of ours on top. */
static void forward(struct world *w, const struct sip_msg *msg, const struct sip_flow *flow)
{
	struct sip_client_start start = { .flow = *flow, .user = { w, response, failed, over } };
	const char *behind = msg->headers[0].name.p;
	struct buf text;
	size_t i = 0;

	while (i < USERS_MAX && w->clients[i] != NULL)
		i++;
	if (i == USERS_MAX || msg->count == 0)
		return;
	buf_init(&text, SIP_MESSAGE_MAX);
	buf_bytes(&text, msg->raw.p, (size_t)(behind - msg->raw.p));
	buf_printf(&text, "Via: SIP/2.0/UDP h;branch=z9hG4bK%u\r\n", w->branches++ % 8);
	buf_bytes(&text, behind, (size_t)(msg->raw.p + msg->raw.len - behind));
	start.request = packet_copy(buf_view(&text));
	start.try_ms = w->branches % 3 == 0 ? 4000 : 0;
	w->calls++;
	if (sip_client_start(w->table, &start, &w->clients[i]) != ERR_OK)
		w->clients[i] = NULL;
	w->calls--;
	packet_unref(start.request);
	buf_fini(&text);
}

static void request(void *arg, struct sip_server *server, const struct sip_msg *msg,
                    struct packet *packet, const struct sip_flow *flow)
{
	struct world *w = arg;
	const struct sip_server_user user = { w, server_ended };
	size_t i = 0;

	must(w->calls == 0);
	if (server == NULL)
		return;
	must(sip_server_packet(server) == packet && sip_server_final(server) == 0);
	while (i < USERS_MAX && w->servers[i] != NULL)
		i++;
	if (i == USERS_MAX) {
		sip_server_let_go(server);
		return;
	}
	w->servers[i] = server;
	sip_server_use(server, &user);
	forward(w, msg, flow);
}

static void reply(struct world *w, struct sip_server *server, unsigned status)
{
	w->calls++;
	must(sip_server_reply(server, status, STR_NONE, NULL, NULL) != ERR_NOMEM);
	w->calls--;
}

static void cancelled(void *arg, struct sip_server *server, const struct sip_msg *cancel)
{
	struct world *w = arg;

	must(w->calls == 0 && cancel->method == SIP_CANCEL && sip_server_final(server) == 0);
	reply(w, server, 487);
}

/* One of the users does something; which and what is `choice`. */
static void act(struct world *w, unsigned choice)
{
	static const unsigned statuses[] = { 100, 180, 200, 302, 404, 408, 486, 603 };
	size_t i = choice % USERS_MAX % 4;

	w->calls++;
	if ((choice & 64) != 0 && w->clients[i] != NULL) {
		sip_client_cancel(w->clients[i], STR("SIP"));
	} else if ((choice & 128) != 0) {
		sip_client_let_go(w->clients[i]);
		w->clients[i] = NULL;
	} else if (w->servers[i] != NULL) {
		reply(w, w->servers[i], statuses[choice / 4 % 8]);
	}
	w->calls--;
}

static void told_sent(struct world *w, bool good)
{
	struct sip_sending *sending = w->sending;

	w->sending = NULL;
	if (sending != NULL)
		sending->done(sending->arg, good ? ERR_OK : ERR_CLOSED, good ? 5 : 0);
}

/* ---------------------------------------------------------------------------- the input */

static struct sip_flow flow_of(const struct world *w, unsigned choice)
{
	struct sip_flow flow = { .transport = w->stream ? SIP_TRANSPORT_TCP : SIP_TRANSPORT_UDP,
		                 .connection = w->stream ? 3 : 0 };

	must(addr_parse(&flow.remote, choice % 2 == 0 ? STR("192.0.2.1") : STR("192.0.2.2"),
	                (uint16_t)(5060 + choice / 2 % 2)) == ERR_OK);
	return flow;
}

static void receive(struct world *w, struct str bytes, unsigned choice)
{
	struct packet *packet = packet_copy(bytes);
	struct sip_flow flow = flow_of(w, choice);
	struct sip_fault fault;
	struct sip_msg msg;

	/* Also what sip_check would refuse: the table must bear it. */
	if (sip_parse(&msg, packet_view(packet), &fault) == ERR_OK)
		sip_transactions_receive(w->table, &msg, packet, &flow);
	packet_unref(packet);
}

static void record(struct world *w, struct str text, bool first)
{
	unsigned choice = text.len == 0 || first ? 0 : (unsigned char)text.p[0];
	struct str rest = str_from_at(text, first ? 0 : 1);
	struct sip_flow flow = flow_of(w, choice);

	switch (first ? 0 : choice % 8) {
	case 0:
	case 1:
	case 2:
		receive(w, rest, choice / 8);
		break;
	case 3:
		wait_ms(w, (int64_t)(choice / 8) * 300);
		break;
	case 4:
		told_sent(w, (choice & 8) != 0);
		break;
	case 5:
		sip_transactions_unreachable(w->table, &flow, rest, ERR_REFUSED);
		break;
	default:
		for (size_t i = 0; i < rest.len && i < 8; i++)
			act(w, (unsigned char)rest.p[i]);
		break;
	}
}

static void finish(struct world *w)
{
	w->calls++;
	for (size_t i = 0; i < USERS_MAX; i++) {
		sip_client_let_go(w->clients[i]);
		if (w->servers[i] != NULL)
			sip_server_let_go(w->servers[i]);
	}
	w->calls--;
	for (int i = 0; i < 400; i++)
		wait_ms(w, 1000);
	must(sip_transactions_count(w->table) == 0);
	must(w->wheel.count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct world *w = &world;
	const struct sip_transactions_env env = { w,      now,         new_packet, send_packet,
		                                  forget, start_timer, stop_timer };
	const struct sip_transactions_events events = { w, request, cancelled, NULL };
	const struct sip_transactions_conf conf = { .limit = 24 };
	struct str rest;
	bool first = true;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	memset(w, 0, sizeof(*w));
	timer_wheel_init(&w->wheel, w->now);
	w->stream = data[size - 1] % 2 == 1;
	must(sip_transactions_open_on(&w->table, &env, &conf, &events) == ERR_OK);
	rest = str_of((const char *)data, size);
	for (; rest.len > 0; first = false)
		record(w, str_cut(&rest, '\0'), first);
	finish(w);
	sip_transactions_close(w->table);
	return 0;
}
