#include "sip/transaction.h"

#include "base/mem.h"
#include "transport_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* Transactions on a real wire, among plain sockets: one worker, since which worker a message belongs to is for others to tell. T1 is short
 * here, so that nobody waits. */
#define T1_MS 40
#define KEY STR("secret")

struct hall {
	struct rig rig;
	struct sip_transactions *table;
	struct sip_server *held; /* the worker's: what has not been answered yet */
	bool hold;
	unsigned requests;
	/* Under rig's lock. */
	unsigned ended;
	unsigned failed;
	unsigned responses;
	unsigned known_acks;
	unsigned strange;
	unsigned closed;
	enum err why;
	unsigned status;
	bool stateless;
};

static void count(struct hall *hall, unsigned *counter)
{
	pthread_mutex_lock(&hall->rig.lock);
	(*counter)++;
	pthread_cond_broadcast(&hall->rig.changed);
	pthread_mutex_unlock(&hall->rig.lock);
}

/* ---------------------------------------------------------------------------- on the workers */

static void server_ended(void *arg, struct sip_server *server)
{
	struct hall *hall = arg;

	(void)server;
	count(hall, &hall->ended);
}

static void refuse(struct hall *hall, struct sip_server *server)
{
	if (sip_server_reply(server, 180, STR_NONE, NULL, NULL) != ERR_OK ||
	    sip_server_reply(server, 486, STR_NONE, NULL, NULL) != ERR_OK)
		count(hall, &hall->strange);
}

static void request(void *arg, struct sip_server *server, const struct sip_msg *msg,
                    struct packet *packet, const struct sip_flow *flow)
{
	struct hall *hall = arg;
	const struct sip_server_user user = { hall, server_ended };

	(void)msg;
	(void)packet;
	(void)flow;
	if (server == NULL) {
		count(hall, &hall->strange);
		return;
	}
	sip_server_use(server, &user);
	if (hall->hold)
		hall->held = server;
	else
		refuse(hall, server);
	count(hall, &hall->requests);
}

static void put_contact(void *arg, struct buf *out)
{
	(void)arg;
	sip_put_z(out, SIP_H_CONTACT, "<sip:bob@192.0.2.7>");
}

static void received(void *arg, struct sip_wire *wire, struct packet *packet,
                     const struct sip_flow *flow)
{
	struct hall *hall = arg;
	const struct sip_stateless reply = { .status = 302, .tag_key = KEY, .more = put_contact };
	struct sip_fault fault;
	struct sip_msg msg;

	if (sip_parse(&msg, packet_view(packet), &fault) != ERR_OK)
		count(hall, &hall->strange);
	else if (!hall->stateless)
		sip_transactions_receive(hall->table, &msg, packet, flow);
	else if (msg.method != SIP_ACK)
		sip_stateless_reply(wire, &msg, flow, &reply);
	else if (sip_stateless_is_ours(&msg, KEY))
		count(hall, &hall->known_acks);
	else
		count(hall, &hall->strange);
}

static void broken(void *arg, struct sip_wire *wire, struct str head, const struct sip_fault *fault,
                   const struct sip_flow *flow)
{
	struct hall *hall = arg;

	(void)wire;
	(void)head;
	(void)fault;
	(void)flow;
	count(hall, &hall->strange);
}

static void unreachable(void *arg, struct sip_wire *wire, const struct sip_flow *flow,
                        struct str head, enum err why)
{
	struct hall *hall = arg;

	(void)wire;
	sip_transactions_unreachable(hall->table, flow, head, why);
}

static void closed(void *arg, struct sip_wire *wire, uint64_t connection)
{
	struct hall *hall = arg;

	(void)wire;
	(void)connection;
	count(hall, &hall->closed);
}

static void response(void *arg, struct sip_client *client, const struct sip_msg *msg,
                     struct packet *packet, const struct sip_flow *flow)
{
	struct hall *hall = arg;

	(void)client;
	(void)packet;
	(void)flow;
	hall->status = msg->status;
	count(hall, &hall->responses);
}

static void failed(void *arg, struct sip_client *client, enum err why)
{
	struct hall *hall = arg;

	(void)client;
	hall->why = why;
	count(hall, &hall->failed);
}

static void over(void *arg, struct sip_client *client)
{
	struct hall *hall = arg;

	(void)client;
	count(hall, &hall->ended);
}

/* ---------------------------------------------------------------------------- set-up */

static unsigned hall_open(struct hall *hall, enum sip_listener_kind kind)
{
	const struct sip_transactions_conf conf = { .t1_ms = T1_MS,
		                                    .t2_ms = 4L * T1_MS,
		                                    .t4_ms = T1_MS };
	const struct sip_transactions_events events = { hall, request, NULL, NULL };
	const struct sip_wires_events wire_events = { .arg = hall,
		                                      .received = received,
		                                      .broken = broken,
		                                      .unreachable = unreachable,
		                                      .closed = closed };
	const struct sip_wires_conf wires_conf = { 0 };
	unsigned index;

	memset(hall, 0, sizeof(*hall));
	pthread_mutex_init(&hall->rig.lock, NULL);
	pthread_cond_init(&hall->rig.changed, NULL);
	assert_int_equal(crew_open(&hall->rig.crew, 1), ERR_OK);
	assert_int_equal(sip_wires_open(&hall->rig.wires, hall->rig.crew, NULL, &wires_conf,
	                                &wire_events),
	                 ERR_OK);
	assert_int_equal(sip_transactions_open(&hall->table, sip_wires_wire(hall->rig.wires, 0),
	                                       &conf, &events),
	                 ERR_OK);
	index = rig_listen(&hall->rig, kind, "127.0.0.1:0");
	rig_start(&hall->rig);
	return index;
}

static void close_table(struct sip_wire *w, void *arg)
{
	(void)w;
	sip_transactions_close(((struct hall *)arg)->table);
}

static void hall_close(struct hall *hall)
{
	assert_int_equal(rig_count(&hall->rig, &hall->strange), 0);
	rig_run(&hall->rig, 0, close_table, hall);
	rig_close(&hall->rig);
}

/* ---------------------------------------------------------------------------- messages */

static void write_request(int fd, const char *method, const char *transport, unsigned sent_by,
                          const char *to_tag)
{
	char text[1024];
	int n = snprintf(
		text, sizeof(text),
		"%s sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:%u;branch=z9hG4bKx\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>%s\r\nCall-ID: x\r\nCSeq: 1 %s\r\n"
		"Content-Length: 0\r\n\r\n",
		method, transport, sent_by, to_tag, method);

	rig_write(fd, text, (size_t)n);
}

/* Read one datagram, or what a stream has, up to the end of the header fields. */
static const char *read_head(int fd)
{
	static char text[4096];
	size_t len = 0;

	do {
		ssize_t n = recv(fd, text + len, 1, MSG_PEEK);

		assert_true(n == 1);
		n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
		assert_true(n > 0);
		len += (size_t)n;
		text[len] = '\0';
	} while (strstr(text, "\r\n\r\n") == NULL);
	return text;
}

static void expect(int fd, const char *first)
{
	const char *text = read_head(fd);

	if (strncmp(text, first, strlen(first)) != 0)
		fail_msg("not %s but: %s", first, text);
}

/* ";tag=..." of To. */
static const char *to_tag(const char *text)
{
	static char tag[64];
	const char *to = strstr(text, "\r\nTo: ");

	assert_non_null(to);
	to = strstr(to, ";tag=");
	assert_non_null(to);
	(void)snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(to, "\r"), to);
	return tag;
}

/* ---------------------------------------------------------------------------- the tests */

static void answers_over_udp_until_the_ack_comes(void **state)
{
	struct hall hall;
	unsigned index = hall_open(&hall, SIP_LISTEN_UDP);
	int fd = rig_socket(SOCK_DGRAM, "127.0.0.1", sip_listener_addr(hall.rig.wires, index));
	struct addr here = rig_bound(fd);
	unsigned port = addr_port(&here);

	(void)state;
	write_request(fd, "INVITE", "UDP", port, "");
	expect(fd, "SIP/2.0 180 ");
	expect(fd, "SIP/2.0 486 ");
	expect(fd, "SIP/2.0 486 ");
	write_request(fd, "ACK", "UDP", port, to_tag(read_head(fd)));
	assert_true(rig_wait(&hall.rig, &hall.ended, 1));
	close(fd);
	hall_close(&hall);
}

static void refuse_held(struct sip_wire *w, void *arg)
{
	struct hall *hall = arg;

	(void)w;
	refuse(hall, hall->held);
}

/* 18.2.2: over the connection that the request came by; when that is gone, over a new one to the port of sent-by. */
static void answers_over_the_connection_or_a_new_one(void **state)
{
	const struct linger reset = { 1, 0 };
	struct hall hall;
	unsigned index = hall_open(&hall, SIP_LISTEN_TCP);
	const struct addr *to = sip_listener_addr(hall.rig.wires, index);
	int home = rig_socket(SOCK_STREAM, "127.0.0.1", NULL);
	struct addr here = rig_bound(home);
	unsigned port = addr_port(&here);
	int fd = rig_socket(SOCK_STREAM, NULL, to);
	const char *text;

	(void)state;
	hall.hold = true;
	assert_int_equal(listen(home, 5), 0);
	write_request(fd, "INVITE", "TCP", port, "");
	assert_true(rig_wait(&hall.rig, &hall.requests, 1));
	/* A reset: whoever says but that he has said all may still be answered. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(fd);
	assert_true(rig_wait(&hall.rig, &hall.closed, 1));
	rig_run(&hall.rig, 0, refuse_held, &hall);
	fd = accept(home, NULL, NULL);
	assert_true(fd >= 0);
	/* What the first answer was doesn't matter any more, but for the last. */
	do
		text = read_head(fd);
	while (strstr(text, "SIP/2.0 486 ") == NULL);
	write_request(fd, "ACK", "TCP", port, to_tag(text));
	assert_true(rig_wait(&hall.rig, &hall.ended, 1));
	close(fd);
	close(home);
	hall_close(&hall);
}

struct start {
	struct hall *hall;
	struct sip_flow flow;
};

static void start_invite(struct sip_wire *w, void *arg)
{
	struct start *start = arg;
	struct hall *hall = start->hall;
	struct sip_client_start conf = { .user = { hall, response, failed, over } };
	struct sip_client *client;

	assert_int_equal(sip_wire_route(w, &start->flow), ERR_OK);
	conf.flow = start->flow;
	conf.request = packet_copy(
		STR("INVITE sip:bob@127.0.0.1 SIP/2.0\r\n"
	            "Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKours\r\nMax-Forwards: 70\r\n"
	            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
	            "Content-Length: 0\r\n\r\n"));
	assert_int_equal(sip_client_start(hall->table, &conf, &client), ERR_OK);
	packet_unref(conf.request);
}

static void fails_where_nobody_listens(void **state)
{
	static const enum sip_transport transports[] = { SIP_TRANSPORT_TCP, SIP_TRANSPORT_UDP };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(transports); i++) {
		bool udp = transports[i] == SIP_TRANSPORT_UDP;
		struct hall hall;
		struct start start = { .hall = &hall, .flow = { .transport = transports[i] } };
		int gone = rig_socket(udp ? SOCK_DGRAM : SOCK_STREAM, "127.0.0.1", NULL);

		(void)hall_open(&hall, udp ? SIP_LISTEN_UDP : SIP_LISTEN_TCP);
		start.flow.remote = rig_bound(gone);
		close(gone);
		rig_run(&hall.rig, 0, start_invite, &start);
		assert_true(rig_wait(&hall.rig, &hall.failed, 1));
		assert_int_equal(hall.why, ERR_REFUSED);
		hall_close(&hall);
	}
}

static void asks_over_one_connection(void **state)
{
	static const char answer[] =
		"SIP/2.0 486 Busy\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKours\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
		"Content-Length: 0\r\n\r\n";
	struct hall hall;
	struct start start = { .hall = &hall, .flow = { .transport = SIP_TRANSPORT_TCP } };
	int home = rig_socket(SOCK_STREAM, "127.0.0.1", NULL);
	int fd;

	(void)state;
	assert_int_equal(listen(home, 5), 0);
	(void)hall_open(&hall, SIP_LISTEN_TCP);
	start.flow.remote = rig_bound(home);
	rig_run(&hall.rig, 0, start_invite, &start);
	fd = accept(home, NULL, NULL);
	assert_true(fd >= 0);
	expect(fd, "INVITE sip:bob@127.0.0.1 SIP/2.0\r\n");
	rig_write(fd, answer, sizeof(answer) - 1);
	assert_true(rig_wait(&hall.rig, &hall.responses, 1));
	expect(fd, "ACK sip:bob@127.0.0.1 SIP/2.0\r\n");
	assert_true(rig_wait(&hall.rig, &hall.ended, 1));
	assert_int_equal(hall.status, 486);
	close(fd);
	close(home);
	hall_close(&hall);
}

static void redirects_without_state(void **state)
{
	struct hall hall;
	unsigned index = hall_open(&hall, SIP_LISTEN_UDP);
	int fd = rig_socket(SOCK_DGRAM, "127.0.0.1", sip_listener_addr(hall.rig.wires, index));
	int other = rig_socket(SOCK_DGRAM, "127.0.0.1", sip_listener_addr(hall.rig.wires, index));
	struct addr here = rig_bound(fd);
	unsigned port = addr_port(&here);
	char first[4096];
	const char *text;

	(void)state;
	hall.stateless = true;
	write_request(fd, "INVITE", "UDP", port, "");
	(void)snprintf(first, sizeof(first), "%s", read_head(fd));
	assert_memory_equal(first, "SIP/2.0 302 ", 12);
	assert_non_null(strstr(first, "\r\nContact: <sip:bob@192.0.2.7>\r\n"));
	write_request(fd, "INVITE", "UDP", port, "");
	text = read_head(fd);
	assert_string_equal(text, first);
	/* From another port. */
	write_request(other, "ACK", "UDP", port, to_tag(first));
	assert_true(rig_wait(&hall.rig, &hall.known_acks, 1));
	close(fd);
	close(other);
	hall_close(&hall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_over_udp_until_the_ack_comes),
		cmocka_unit_test(answers_over_the_connection_or_a_new_one),
		cmocka_unit_test(fails_where_nobody_listens),
		cmocka_unit_test(asks_over_one_connection),
		cmocka_unit_test(redirects_without_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
