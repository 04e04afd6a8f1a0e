#include "tests/unit/alloc_fail.h"
#include "transport_rig.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* ---------------------------------------------------------------------------- datagrams */

static void answers_datagrams_from_where_they_were_sent(void **state)
{
	static const struct {
		const char *listen;
		const char *ask;
	} rows[] = {
		{ "127.0.0.1:0", "127.0.0.1" }, { "0.0.0.0:0", "127.0.0.1" },
		{ "0.0.0.0:0", "127.0.0.2" },   { "127.0.0.3:0", "127.0.0.3" },
		{ "[::1]:0", "[::1]" },         { "[::]:0", "[::1]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct addr to = rig_addr(rows[i].ask);
		char got[64] = "";
		struct rig rig;
		unsigned index;
		int fd;

		rig_open(&rig, NULL);
		rig.received = rig_echo;
		index = rig_listen(&rig, SIP_LISTEN_UDP, rows[i].listen);
		addr_set_port(&to, addr_port(sip_listener_addr(rig.wires, index)));
		rig_start(&rig);
		/* A connected socket hears nobody else. */
		fd = rig_socket(SOCK_DGRAM, NULL, &to);
		for (int k = 0; k < 3; k++) {
			rig_write(fd, "hello", 5);
			assert_int_equal(recv(fd, got, sizeof(got), 0), 5);
			assert_memory_equal(got, "hello", 5);
		}
		assert_true(rig_wait(&rig, &rig.received_count, 3));
		assert_true(addr_eq(&rig.last.local, &to));
		assert_int_equal(rig.last.transport, SIP_TRANSPORT_UDP);
		assert_int_equal(rig.last.listener, index);
		close(fd);
		rig_close(&rig);
	}
}

static void takes_datagrams_of_every_size(void **state)
{
	static const size_t sizes[] = { 1, 2035, 2036, 2037, 4096, 40000, 65507 };
	char *out = malloc(65507);
	char *in = malloc(65508);
	struct rig rig;
	unsigned index;
	int fd;

	(void)state;
	assert_true(out != NULL && in != NULL);
	rig_open(&rig, NULL);
	rig.received = rig_echo;
	index = rig_listen(&rig, SIP_LISTEN_UDP, "127.0.0.1:0");
	rig_start(&rig);
	fd = rig_socket(SOCK_DGRAM, NULL, sip_listener_addr(rig.wires, index));
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		for (size_t k = 0; k < sizes[i]; k++)
			out[k] = (char)(k * 31 + sizes[i]);
		rig_write(fd, out, sizes[i]);
		assert_int_equal(recv(fd, in, 65508, 0), sizes[i]);
		assert_memory_equal(in, out, sizes[i]);
	}
	close(fd);
	rig_close(&rig);
	free(out);
	free(in);
}

#define MANY 1000

static struct packet *kept[MANY];

static void keep(struct rig *rig, struct sip_wire *wire, struct packet *packet,
                 const struct sip_flow *flow)
{
	int number;

	(void)rig;
	(void)wire;
	(void)flow;
	assert_int_equal(sscanf(packet->data, "%d", &number), 1);
	assert_true(number >= 0 && number < MANY && kept[number] == NULL);
	kept[number] = packet_ref(packet);
}

static void leaves_packets_to_those_who_keep_them(void **state)
{
	struct rig rig;
	unsigned index;
	char text[64];

	(void)state;
	rig_open(&rig, NULL);
	rig.received = keep;
	index = rig_listen(&rig, SIP_LISTEN_UDP, "127.0.0.1:0");
	/* Before the workers run: they find full batches. */
	for (int i = 0; i < MANY; i++) {
		int fd = rig_socket(SOCK_DGRAM, NULL, sip_listener_addr(rig.wires, index));

		(void)snprintf(text, sizeof(text), "%d %0*d", i, i % 20 + 1, i);
		rig_write(fd, text, strlen(text) + 1);
		close(fd);
	}
	rig_start(&rig);
	assert_true(rig_wait(&rig, &rig.received_count, MANY));
	for (unsigned i = 0; i < RIG_WORKERS; i++)
		assert_true(rig.received_by[i] > MANY / 10);
	rig_close(&rig);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(text, sizeof(text), "%d %0*d", i, i % 20 + 1, i);
		assert_non_null(kept[i]);
		assert_string_equal(kept[i]->data, text);
		packet_unref(kept[i]);
		kept[i] = NULL;
	}
}

static void tells_what_came_to_nothing(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "[::1]" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		struct sip_flow dead = { .transport = SIP_TRANSPORT_UDP };
		struct sip_flow live = dead;
		struct rig_sent sent[20];
		struct rig rig;
		int fd = rig_socket(SOCK_DGRAM, hosts[i], NULL);
		int gone = rig_socket(SOCK_DGRAM, hosts[i], NULL);
		char got[16];

		rig_open(&rig, NULL);
		dead.listener = live.listener = rig_listen(&rig, SIP_LISTEN_UDP, hosts[i]);
		rig_start(&rig);
		live.remote = rig_bound(fd);
		dead.remote = rig_bound(gone);
		close(gone);
		/* The refusal of one must not swallow the next. */
		for (size_t k = 0; k < COUNT_OF(sent); k++)
			rig_send(&rig, 1, k % 2 == 0 ? &dead : &live, "OPTIONS sip:x", false,
			         &sent[k]);
		for (size_t k = 0; k < COUNT_OF(sent); k++)
			assert_int_equal(rig_told(&sent[k]), ERR_OK);
		for (size_t k = 0; k < COUNT_OF(sent) / 2; k++)
			assert_int_equal(recv(fd, got, sizeof(got), 0), 13);
		assert_true(rig_wait(&rig, &rig.unreachable_count, 1));
		assert_int_equal(rig.unreachable_why, ERR_REFUSED);
		assert_string_equal(rig.unreachable_head, "OPTIONS sip:x");
		assert_true(addr_eq(&rig.unreachable_flow.remote, &dead.remote));
		assert_int_equal(rig.unreachable_flow.listener, dead.listener);
		close(fd);
		rig_close(&rig);
	}
}

static void chooses_where_to_send_from(void **state)
{
	struct rig rig;
	unsigned any4;
	unsigned one4;
	unsigned any6;
	struct sip_flow flow = { .transport = SIP_TRANSPORT_UDP };
	struct addr here = rig_addr("127.0.0.1");
	struct addr other = rig_addr("127.0.0.9");
	struct addr here6 = rig_addr("::1");

	(void)state;
	rig_open(&rig, NULL);
	any4 = rig_listen(&rig, SIP_LISTEN_UDP, "0.0.0.0:0");
	one4 = rig_listen(&rig, SIP_LISTEN_UDP, "127.0.0.9:0");
	any6 = rig_listen(&rig, SIP_LISTEN_UDP, "[::]:0");
	crew_stop(rig.crew); /* what was posted runs here */
	flow.remote = rig_addr("127.0.0.1:7");
	flow.listener = one4;
	assert_int_equal(sip_wire_route(sip_wires_wire(rig.wires, 0), &flow), ERR_OK);
	assert_int_equal(flow.listener, one4);
	assert_true(addr_eq_host(&flow.local, &other));
	flow.listener = SIP_LISTENERS_MAX;
	assert_int_equal(sip_wire_route(sip_wires_wire(rig.wires, 0), &flow), ERR_OK);
	assert_int_equal(flow.listener, any4);
	assert_true(addr_eq_host(&flow.local, &here));
	assert_int_equal(addr_port(&flow.local), addr_port(sip_listener_addr(rig.wires, any4)));
	flow.remote = rig_addr("[::1]:7");
	for (int i = 0; i < 2; i++) { /* asked, then remembered */
		flow.listener = any4;
		assert_int_equal(sip_wire_route(sip_wires_wire(rig.wires, 3), &flow), ERR_OK);
		assert_int_equal(flow.listener, any6);
		assert_true(addr_eq_host(&flow.local, &here6));
	}
	flow.transport = SIP_TRANSPORT_TCP;
	assert_int_equal(sip_wire_route(sip_wires_wire(rig.wires, 0), &flow), ERR_UNREACHABLE);
	rig_close(&rig);
}

static void knows_its_own_addresses(void **state)
{
	struct rig rig;
	unsigned any;
	unsigned one;
	struct addr a;

	(void)state;
	rig_open(&rig, NULL);
	any = rig_listen(&rig, SIP_LISTEN_UDP, "0.0.0.0:0");
	one = rig_listen(&rig, SIP_LISTEN_UDP, "127.0.0.2:0");
	a = rig_addr("127.0.0.1");
	assert_false(sip_wires_is_own(rig.wires, &a));
	addr_set_port(&a, addr_port(sip_listener_addr(rig.wires, any)));
	assert_true(sip_wires_is_own(rig.wires, &a));
	addr_set_port(&a, addr_port(sip_listener_addr(rig.wires, one)));
	assert_false(sip_wires_is_own(rig.wires, &a));
	a = *sip_listener_addr(rig.wires, one);
	assert_true(sip_wires_is_own(rig.wires, &a));
	a = rig_addr("192.0.2.1");
	addr_set_port(&a, addr_port(sip_listener_addr(rig.wires, any)));
	assert_false(sip_wires_is_own(rig.wires, &a));
	a = rig_addr("[::1]");
	addr_set_port(&a, addr_port(sip_listener_addr(rig.wires, any)));
	assert_false(sip_wires_is_own(rig.wires, &a));
	a = *sip_listener_addr(rig.wires, one);
	sip_listener_close(rig.wires, one);
	assert_false(sip_wires_is_own(rig.wires, &a));
	sip_wires_refresh(rig.wires);
	rig_close(&rig);
}

static void refuses_an_address_that_is_taken(void **state)
{
	struct rig first;
	struct rig second;
	unsigned index;
	struct sip_listener_conf conf = { .kind = SIP_LISTEN_UDP };

	(void)state;
	rig_open(&first, NULL);
	rig_open(&second, NULL);
	index = rig_listen(&first, SIP_LISTEN_UDP, "127.0.0.1:0");
	conf.addr = *sip_listener_addr(first.wires, index);
	assert_int_equal(sip_listener_open(first.wires, &conf, &index), ERR_INUSE);
	assert_int_equal(sip_listener_open(second.wires, &conf, &index), ERR_INUSE);
	conf.addr = rig_addr("0.0.0.0");
	addr_set_port(&conf.addr, addr_port(sip_listener_addr(first.wires, 0)));
	assert_int_equal(sip_listener_open(second.wires, &conf, &index), ERR_INUSE);
	/* Beside what is ours already it may be. */
	assert_int_equal(sip_listener_open(first.wires, &conf, &index), ERR_OK);
	conf.addr = rig_addr("192.0.2.1");
	assert_int_equal(sip_listener_open(first.wires, &conf, &index), ERR_UNREACHABLE);
	rig_close(&first);
	rig_close(&second);
}

static void opens_and_closes_listeners_while_it_runs(void **state)
{
	struct rig rig;
	unsigned fixed;
	char got[8];
	int fd;

	(void)state;
	rig_open(&rig, NULL);
	rig.received = rig_echo;
	fixed = rig_listen(&rig, SIP_LISTEN_UDP, "127.0.0.1:0");
	rig_start(&rig);
	fd = rig_socket(SOCK_DGRAM, NULL, sip_listener_addr(rig.wires, fixed));
	for (unsigned i = 0; i < SIP_LISTENERS_MAX * 3; i++) {
		unsigned index = rig_listen(&rig, SIP_LISTEN_UDP, "127.0.0.1:0");
		int other = rig_socket(SOCK_DGRAM, NULL, sip_listener_addr(rig.wires, index));

		rig_write(fd, "a", 1);
		rig_write(other, "b", 1);
		assert_int_equal(recv(other, got, sizeof(got), 0), 1);
		assert_int_equal(recv(fd, got, sizeof(got), 0), 1);
		if (i % 2 == 0)
			rig_write(other, "c", 1);
		sip_listener_close(rig.wires, index);
		close(other);
	}
	close(fd);
	rig_close(&rig);
}

struct flood {
	struct sip_flow flow;
	struct rig *rig;
	unsigned count;
	unsigned told;
	unsigned good;
	struct sip_sending *sendings;
};

static void flood_told(void *arg, enum err e, uint64_t connection)
{
	struct flood *f = arg;

	assert_int_equal(connection, 0);
	pthread_mutex_lock(&f->rig->lock);
	f->told++;
	f->good += e == ERR_OK;
	pthread_cond_broadcast(&f->rig->changed);
	pthread_mutex_unlock(&f->rig->lock);
}

static void flood_here(struct sip_wire *w, void *arg)
{
	struct flood *f = arg;

	for (unsigned i = 0; i < f->count; i++) {
		struct packet *p = sip_wire_packet(w, 8);

		assert_non_null(p);
		p->len = (uint32_t)snprintf(p->data, p->cap, "%u", i);
		f->sendings[i] = (struct sip_sending){ .done = flood_told, .arg = f };
		sip_wire_send(w, &f->flow, p, false, &f->sendings[i]);
		packet_unref(p);
		/* Every third one's sender goes away. */
		if (i % 3 == 0)
			sip_sending_forget(&f->sendings[i]);
	}
}

static void sends_in_batches_and_tells_each_sender(void **state)
{
	struct flood f = { .flow.transport = SIP_TRANSPORT_UDP, .count = 3000 };
	struct sip_wires_counts counts;
	struct rig rig;
	int fd = rig_socket(SOCK_DGRAM, "127.0.0.1", NULL);

	(void)state;
	rig_open(&rig, NULL);
	f.rig = &rig;
	f.flow.listener = rig_listen(&rig, SIP_LISTEN_UDP, "127.0.0.1:0");
	f.flow.remote = rig_bound(fd);
	f.sendings = calloc(f.count, sizeof(*f.sendings));
	assert_non_null(f.sendings);
	rig_start(&rig);
	rig_run(&rig, 2, flood_here, &f);
	assert_true(rig_wait(&rig, &f.told, f.count - f.count / 3));
	assert_int_equal(f.told, f.count - f.count / 3);
	sip_wires_counts(rig.wires, 2, &counts);
	assert_int_equal(counts.datagrams_out + counts.datagrams_lost, f.count);
	assert_true(f.good <= counts.datagrams_out && f.good > 0);
	close(fd);
	rig_close(&rig);
	free(f.sendings);
}

/* ---------------------------------------------------------------------------- streams */

/* Responses, so that nobody is owed an answer. */
#define HEAD "SIP/2.0 180 Yes\r\nContent-Length: "
#define EMPTY HEAD "0\r\n\r\n"
#define REQUEST "OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"
#define BODY HEAD "5\r\n\r\nhello"
#define ANSWER "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"

static unsigned listen_streams(struct rig *rig, const struct sip_wires_conf *conf)
{
	unsigned index;

	rig_open(rig, conf);
	rig->received = rig_echo;
	index = rig_listen(rig, SIP_LISTEN_TCP, "127.0.0.1:0");
	rig_start(rig);
	return index;
}

static void expect(int fd, const char *text)
{
	char got[256];

	assert_true(strlen(text) < sizeof(got));
	rig_read(fd, got, strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void cuts_streams_however_they_come(void **state)
{
	static const char stream[] = "\r\n\r\n" BODY "\r\n" EMPTY BODY "\r\n\r\n" EMPTY;
	static const char answer[] = "\r\n" BODY EMPTY BODY "\r\n" EMPTY;
	static const size_t steps[] = { 1, 3, 17, 50, sizeof(stream) };
	char got[sizeof(answer)];
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		int fd = rig_socket(SOCK_STREAM, NULL, sip_listener_addr(rig.wires, index));

		for (size_t at = 0; at < sizeof(stream) - 1; at += steps[i]) {
			size_t left = sizeof(stream) - 1 - at;

			rig_write(fd, stream + at, left < steps[i] ? left : steps[i]);
			if (steps[i] > 1 && steps[i] < 50)
				usleep(300);
		}
		rig_read(fd, got, sizeof(answer) - 1);
		assert_memory_equal(got, answer, sizeof(answer) - 1);
		close(fd);
	}
	assert_true(rig_wait(&rig, &rig.closed_count, COUNT_OF(steps)));
	assert_int_equal(rig.received_count, 4 * COUNT_OF(steps));
	rig_close(&rig);
}

static void takes_streams_over_ipv6_and_wildcards(void **state)
{
	static const struct {
		const char *listen;
		const char *ask;
	} rows[] = { { "[::1]:0", "[::1]" }, { "[::]:0", "[::1]" }, { "0.0.0.0:0", "127.0.0.2" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct addr to = rig_addr(rows[i].ask);
		struct addr from;
		struct rig rig;
		unsigned index;
		int fd;

		rig_open(&rig, NULL);
		rig.received = rig_echo;
		index = rig_listen(&rig, SIP_LISTEN_TCP, rows[i].listen);
		addr_set_port(&to, addr_port(sip_listener_addr(rig.wires, index)));
		rig_start(&rig);
		fd = rig_socket(SOCK_STREAM, NULL, &to);
		from = rig_bound(fd);
		rig_write(fd, BODY, strlen(BODY));
		expect(fd, BODY);
		assert_true(rig_wait(&rig, &rig.received_count, 1));
		assert_true(addr_eq(&rig.last.local, &to));
		assert_true(addr_eq(&rig.last.remote, &from));
		assert_int_equal(rig.last.transport, SIP_TRANSPORT_TCP);
		assert_int_equal(rig.last.listener, index);
		assert_int_not_equal(rig.last.connection, 0);
		close(fd);
		rig_close(&rig);
	}
}

static void takes_long_messages_and_many(void **state)
{
	const size_t body = 65000;
	char head[64];
	size_t len = (size_t)snprintf(head, sizeof(head), HEAD "%zu\r\n\r\n", body);
	char *out = malloc(len + body);
	char *in = malloc(len + body);
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	int fd = rig_socket(SOCK_STREAM, NULL, sip_listener_addr(rig.wires, index));

	(void)state;
	assert_true(out != NULL && in != NULL);
	memcpy(out, head, len);
	memset(out + len, 'x', body);
	for (int i = 0; i < 20; i++) {
		rig_write(fd, out, len + body);
		rig_write(fd, EMPTY, strlen(EMPTY));
		rig_read(fd, in, len + body);
		assert_memory_equal(in, out, len + body);
		expect(fd, EMPTY);
	}
	/* Pipelined, with nobody reading the answers until the end. */
	for (int i = 0; i < 20000; i++)
		rig_write(fd, EMPTY, strlen(EMPTY));
	for (int i = 0; i < 20000; i++)
		expect(fd, EMPTY);
	close(fd);
	rig_close(&rig);
	free(out);
	free(in);
}

static void say_why(struct rig *rig, struct sip_wire *wire, struct packet *packet,
                    const struct sip_flow *flow)
{
	struct packet *p = packet_copy(STR(ANSWER));

	(void)rig;
	(void)packet;
	assert_non_null(p);
	sip_wire_send(wire, flow, p, false, NULL);
	packet_unref(p);
}

static void ends_streams_that_make_no_sense(void **state)
{
	static const struct {
		const char *in;
		unsigned status;
	} rows[] = {
		{ "GARBAGE\r\n\r\n", 0 },
		{ "OPTIONS sip:a SIP/2.0\r\n\r\n", 400 },
		{ HEAD "99999\r\n\r\n", 513 },
		{ HEAD "x\r\n\r\n lots of it that nobody reads", 400 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct rig rig;
		unsigned index = listen_streams(&rig, NULL);
		int fd = rig_socket(SOCK_STREAM, NULL, sip_listener_addr(rig.wires, index));

		rig.broken = say_why;
		rig_write(fd, EMPTY, strlen(EMPTY));
		rig_write(fd, rows[i].in, strlen(rows[i].in));
		expect(fd, EMPTY);
		expect(fd, ANSWER);
		assert_true(rig_at_end(fd));
		assert_true(rig_wait(&rig, &rig.broken_count, 1));
		assert_int_equal(rig.broken_status, rows[i].status);
		assert_int_equal(rig.received_count, 1);
		close(fd);
		assert_true(rig_wait(&rig, &rig.closed_count, 1));
		rig_close(&rig);
	}
}

/* A connection from outside, and its flow as the rig knows it. */
static int connect_and_say(struct rig *rig, unsigned listener, struct sip_flow *flow)
{
	int fd = rig_socket(SOCK_STREAM, NULL, sip_listener_addr(rig->wires, listener));
	unsigned before = rig_count(rig, &rig->received_count);

	rig_write(fd, EMPTY, strlen(EMPTY));
	expect(fd, EMPTY);
	assert_true(rig_wait(rig, &rig->received_count, before + 1));
	*flow = rig->last;
	return fd;
}

static void sends_over_a_connection_from_any_worker(void **state)
{
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	struct sip_flow flow;
	struct sip_flow by_place;
	int fd = connect_and_say(&rig, index, &flow);

	(void)state;
	by_place = flow;
	by_place.connection = 0;
	for (unsigned i = 0; i < RIG_WORKERS; i++) {
		struct rig_sent sent[2];

		rig_send(&rig, i, &flow, "by its id", false, &sent[0]);
		assert_int_equal(rig_told(&sent[0]), ERR_OK);
		rig_send(&rig, i, &by_place, "by its place", false, &sent[1]);
		assert_int_equal(rig_told(&sent[1]), ERR_OK);
		assert_int_equal(sent[0].connection, flow.connection);
		assert_int_equal(sent[1].connection, flow.connection);
		expect(fd, "by its idby its place");
	}
	close(fd);
	rig_close(&rig);
}

static void opens_one_connection_for_all_workers(void **state)
{
	struct sip_flow flow = { .transport = SIP_TRANSPORT_TCP };
	struct addr here = rig_addr("127.0.0.5");
	struct addr from = { 0 };
	socklen_t len = sizeof(from.sa);
	struct rig_sent sent[RIG_WORKERS * 4];
	struct rig rig;
	int listener = rig_socket(SOCK_STREAM, "127.0.0.1", NULL);
	int fd;

	(void)state;
	assert_int_equal(listen(listener, 8), 0);
	rig_open(&rig, NULL);
	rig.received = rig_echo;
	flow.listener = rig_listen(&rig, SIP_LISTEN_TCP, "127.0.0.5:0");
	rig_start(&rig);
	flow.remote = rig_bound(listener);
	for (unsigned i = 0; i < COUNT_OF(sent); i++)
		rig_send(&rig, i % RIG_WORKERS, &flow, "x", false, &sent[i]);
	for (unsigned i = 0; i < COUNT_OF(sent); i++) {
		assert_int_equal(rig_told(&sent[i]), ERR_OK);
		assert_int_equal(sent[i].connection, sent[0].connection);
	}
	fd = accept(listener, &from.sa.any, &len);
	assert_true(fd >= 0);
	/* From the listener's address. */
	assert_true(addr_eq_host(&from, &here));
	expect(fd, "xxxxxxxxxxxxxxxx");
	/* It is one like any other. */
	rig_write(fd, BODY, strlen(BODY));
	expect(fd, BODY);
	assert_int_equal(rig.last.connection, sent[0].connection);
	close(fd);
	close(listener);
	assert_true(rig_wait(&rig, &rig.closed_count, 1));
	rig_close(&rig);
}

static void falls_back_when_a_connection_is_gone(void **state)
{
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	struct sip_flow flow;
	int other = rig_socket(SOCK_STREAM, "127.0.0.1", NULL);
	int fd = connect_and_say(&rig, index, &flow);

	(void)state;
	assert_int_equal(listen(other, 8), 0);
	close(fd);
	assert_true(rig_wait(&rig, &rig.closed_count, 1));
	flow.remote = rig_bound(other);
	for (unsigned i = 0; i < RIG_WORKERS; i++) {
		struct rig_sent sent;
		char c;

		rig_send(&rig, i, &flow, "x", false, &sent);
		assert_int_equal(rig_told(&sent), ERR_CLOSED);
		rig_send(&rig, i, &flow, "y", true, &sent);
		assert_int_equal(rig_told(&sent), ERR_OK);
		assert_int_not_equal(sent.connection, flow.connection);
		fd = accept(other, NULL, NULL);
		assert_true(fd >= 0);
		rig_read(fd, &c, 1);
		assert_int_equal(c, 'y');
		close(fd);
		assert_true(rig_wait(&rig, &rig.closed_count, 2 + i));
	}
	/* What names no connection of ours at all. */
	flow.connection = UINT64_MAX;
	{
		struct rig_sent sent;

		rig_send(&rig, 0, &flow, "x", false, &sent);
		assert_int_equal(rig_told(&sent), ERR_CLOSED);
	}
	close(other);
	rig_close(&rig);
}

static void tells_why_nobody_can_be_reached(void **state)
{
	struct sip_wires_conf conf = { .connect_ms = 150 };
	struct sip_flow flow = { .transport = SIP_TRANSPORT_TCP };
	struct sip_flow strange = { .transport = SIP_TRANSPORT_SCTP };
	struct rig rig;
	struct rig_sent sent;
	int gone = rig_socket(SOCK_STREAM, "127.0.0.1", NULL);
	int full = rig_socket(SOCK_STREAM, "127.0.0.1", NULL);
	int filling[3];

	(void)state;
	flow.listener = listen_streams(&rig, &conf);
	flow.remote = rig_bound(gone);
	close(gone);
	for (unsigned i = 0; i < RIG_WORKERS; i++) {
		rig_send(&rig, i, &flow, "x", true, &sent);
		assert_int_equal(rig_told(&sent), ERR_REFUSED);
		assert_int_equal(sent.connection, 0);
	}
	flow.remote = rig_addr("[::1]:9");
	rig_send(&rig, 0, &flow, "x", true, &sent);
	assert_int_equal(rig_told(&sent), ERR_UNREACHABLE);
	strange.remote = flow.remote;
	rig_send(&rig, 0, &strange, "x", true, &sent);
	assert_int_equal(rig_told(&sent), ERR_UNSUPPORTED);
	/* A place that does not answer: its backlog is full. */
	assert_int_equal(listen(full, 0), 0);
	flow.remote = rig_bound(full);
	for (size_t i = 0; i < COUNT_OF(filling); i++) {
		filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(filling[i], &flow.remote.sa.any, addr_len(&flow.remote));
	}
	rig_send(&rig, 0, &flow, "x", true, &sent);
	assert_int_equal(rig_told(&sent), ERR_TIMEOUT);
	for (size_t i = 0; i < COUNT_OF(filling); i++)
		close(filling[i]);
	close(full);
	assert_int_equal(rig.closed_count, 0);
	rig_close(&rig);
}

static void cuts_off_who_reads_too_slowly(void **state)
{
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	struct sip_flow flow;
	struct rig_sent last;
	char *text = malloc(60001);
	int small = 4096;
	int fd;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 60000);
	text[60000] = '\0';
	fd = connect_and_say(&rig, index, &flow);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	/* What the system takes, what waits, and then no more. */
	for (int i = 0; i < 400 && rig_count(&rig, &rig.closed_count) == 0; i++)
		rig_send(&rig, (unsigned)i % RIG_WORKERS, &flow, text, false, NULL);
	assert_true(rig_wait(&rig, &rig.closed_count, 1));
	rig_send(&rig, 0, &flow, "x", false, &last);
	assert_int_equal(rig_told(&last), ERR_CLOSED);
	close(fd);
	rig_close(&rig);
	free(text);
}

struct heap_of {
	const struct sip_flow *flow;
	struct rig_sent *sent;
	unsigned count;
};

static void tell_rig(void *arg, enum err e, uint64_t connection)
{
	struct rig_sent *sent = arg;

	pthread_mutex_lock(&sent->rig->lock);
	sent->told++;
	sent->why = e;
	sent->connection = connection;
	pthread_cond_broadcast(&sent->rig->changed);
	pthread_mutex_unlock(&sent->rig->lock);
}

static void send_heap(struct sip_wire *w, void *arg)
{
	struct heap_of *heap = arg;
	struct packet *p = sip_wire_packet(w, 60000);

	assert_non_null(p);
	memset(p->data, 'x', 60000);
	p->len = 60000;
	for (unsigned i = 0; i < heap->count; i++) {
		heap->sent[i].sending = (struct sip_sending){ .done = tell_rig,
			                                      .arg = &heap->sent[i] };
		sip_wire_send(w, heap->flow, p, true, &heap->sent[i].sending);
	}
	packet_unref(p);
}

static void bounds_what_waits(void **state)
{
	enum { COUNT = 40 };
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	struct rig_sent sent[COUNT] = { 0 };
	struct sip_flow flow;
	struct heap_of heap = { &flow, sent, COUNT };
	int fd = connect_and_say(&rig, index, &flow);
	unsigned limited = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		sent[i].rig = &rig;
	/* In one turn, so that nothing leaves in between. */
	rig_run(&rig, sip_connection_worker(flow.connection), send_heap, &heap);
	for (size_t i = 0; i < COUNT; i++) {
		enum err e = rig_told(&sent[i]);

		limited += e == ERR_LIMIT;
		assert_true(e == ERR_LIMIT || e == ERR_REFUSED);
	}
	/* 17 fit; with the one that does not, all of them are lost; the rest finds no connection, and nobody listens there. Of that, too, 17 fit. */
	assert_true(limited >= 18 && limited <= COUNT - 17);
	assert_true(rig_wait(&rig, &rig.closed_count, 1));
	close(fd);
	rig_close(&rig);
}

static void ends_what_is_idle_or_unfinished(void **state)
{
	struct sip_wires_conf conf = { .idle_ms = 400, .partial_ms = 100 };
	struct rig rig;
	unsigned index = listen_streams(&rig, &conf);
	struct sip_flow flow;
	int silent = rig_socket(SOCK_STREAM, NULL, sip_listener_addr(rig.wires, index));
	int unfinished = connect_and_say(&rig, index, &flow);
	int idle = connect_and_say(&rig, index, &flow);
	struct mono start = mono_now();

	(void)state;
	for (int i = 0; i < 20; i++) {
		ssize_t n = send(unfinished, "O", 1, MSG_NOSIGNAL);

		if (n < 0)
			break;
		usleep(20000);
	}
	assert_true(rig_at_end(unfinished));
	assert_true(rig_at_end(silent));
	assert_true(rig_at_end(idle));
	assert_true(mono_ms_between(start, mono_now()) >= 300);
	assert_true(rig_wait(&rig, &rig.closed_count, 3));
	close(silent);
	close(unfinished);
	close(idle);
	rig_close(&rig);
}

static void bounds_connections(void **state)
{
	static const struct {
		unsigned max;
		unsigned per_source;
		unsigned least;
		unsigned most;
	} rows[] = {
		{ 5, 0, 5, 5 },
		{ 0, 2, 2, 2 * RIG_WORKERS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_wires_conf conf = { .connections_max = rows[i].max,
			                       .per_source_max = rows[i].per_source };
		struct rig rig;
		unsigned index = listen_streams(&rig, &conf);
		struct sip_wires_counts sum = { 0 };
		unsigned good = 0;
		int fds[20];

		for (size_t k = 0; k < COUNT_OF(fds); k++) {
			char c;

			fds[k] = rig_socket(SOCK_STREAM, NULL, sip_listener_addr(rig.wires, index));
			(void)!send(fds[k], EMPTY, strlen(EMPTY), MSG_NOSIGNAL);
			good += recv(fds[k], &c, 1, 0) == 1;
		}
		assert_true(good >= rows[i].least && good <= rows[i].most);
		for (unsigned k = 0; k < RIG_WORKERS; k++) {
			struct sip_wires_counts c;

			sip_wires_counts(rig.wires, k, &c);
			sum.connections += c.connections;
			sum.accepted += c.accepted;
			sum.refused += c.refused;
		}
		assert_int_equal(sum.connections, good);
		assert_int_equal(sum.accepted, good);
		assert_int_equal(sum.refused, COUNT_OF(fds) - good);
		for (size_t k = 0; k < COUNT_OF(fds); k++)
			close(fds[k]);
		assert_true(rig_wait(&rig, &rig.closed_count, good));
		/* And there is room again. */
		close(connect_and_say(&rig, index, &rig.last));
		rig_close(&rig);
	}
}

static void answers_who_has_stopped_sending(void **state)
{
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	struct rig_sent sent;
	int fd;

	(void)state;
	rig.received = NULL;
	fd = rig_socket(SOCK_STREAM, NULL, sip_listener_addr(rig.wires, index));
	rig_write(fd, REQUEST, strlen(REQUEST));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(rig_wait(&rig, &rig.received_count, 1));
	usleep(20000);
	rig_send(&rig, 3, &rig.last, ANSWER, false, &sent);
	assert_int_equal(rig_told(&sent), ERR_OK);
	expect(fd, ANSWER);
	/* Nothing is due any more. */
	assert_true(rig_at_end(fd));
	assert_true(rig_wait(&rig, &rig.closed_count, 1));
	close(fd);
	rig_close(&rig);
}

static void waits_when_descriptors_run_out(void **state)
{
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	struct rlimit before;
	struct rlimit now;
	int fds[4];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	now = before;
	now.rlim_cur = (rlim_t)fds[COUNT_OF(fds) - 1] + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		const struct addr *to = sip_listener_addr(rig.wires, index);

		assert_int_equal(connect(fds[i], &to->sa.any, addr_len(to)), 0);
		rig_write(fds[i], EMPTY, strlen(EMPTY));
	}
	usleep(300000);
	assert_int_equal(rig_count(&rig, &rig.received_count), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		expect(fds[i], EMPTY);
		close(fds[i]);
	}
	rig_close(&rig);
}

static void keeps_connections_when_a_listener_closes(void **state)
{
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	struct addr at = *sip_listener_addr(rig.wires, index);
	struct sip_listener_conf conf = { .kind = SIP_LISTEN_TCP, .addr = at };
	struct sip_flow flow;
	int fd = connect_and_say(&rig, index, &flow);
	int other;

	(void)state;
	sip_listener_close(rig.wires, index);
	rig_write(fd, BODY, strlen(BODY));
	expect(fd, BODY);
	/* The port is ours, though the workers may not have let go of it yet. */
	assert_int_equal(sip_listener_open(rig.wires, &conf, &index), ERR_OK);
	sip_listener_start(rig.wires, index);
	other = connect_and_say(&rig, index, &flow);
	rig_write(fd, BODY, strlen(BODY));
	expect(fd, BODY);
	close(other);
	close(fd);
	rig_close(&rig);
}

static void number_here(struct sip_wire *w, void *arg)
{
	struct heap_of *heap = arg;

	for (unsigned i = 0; i < heap->count; i++) {
		struct packet *p = sip_wire_packet(w, 8);

		assert_non_null(p);
		p->len = (uint32_t)snprintf(p->data, p->cap, "%06u\n", i);
		sip_wire_send(w, heap->flow, p, false, NULL);
		packet_unref(p);
	}
}

static void keeps_the_order_of_each_sender(void **state)
{
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	struct sip_flow flow;
	struct heap_of heap = { &flow, NULL, 5000 };
	int fd = connect_and_say(&rig, index, &flow);

	(void)state;
	for (unsigned i = 0; i < RIG_WORKERS; i++) {
		rig_run(&rig, i, number_here, &heap);
		for (unsigned k = 0; k < heap.count; k++) {
			char want[8];

			(void)snprintf(want, sizeof(want), "%06u\n", k % 1000000);
			expect(fd, want);
		}
	}
	close(fd);
	rig_close(&rig);
}

/* ---------------------------------------------------------------------------- all at once */

#define STORM_SENDS 400

struct storm {
	struct rig *rig;
	unsigned listener;
	struct sip_flow flows[8];
	unsigned told;
	struct rig_sent sent[RIG_WORKERS][STORM_SENDS];
};

struct storm_part {
	struct post post;
	struct storm *storm;
	struct timer timer;
	unsigned at;
	unsigned worker;
	unsigned forgotten;
	unsigned done;
};

static void storm_told(void *arg, enum err e, uint64_t connection)
{
	struct rig_sent *sent = arg;

	(void)e;
	(void)connection;
	assert_int_equal(sent->told, 0);
	sent->told = 1;
}

/* A few messages a millisecond, some to connections that may have gone, some by place, and some senders that go away. */
static void storm_turn(struct timer *t)
{
	struct storm_part *part = container_of(t, struct storm_part, timer);
	struct storm *storm = part->storm;
	struct sip_wire *w = sip_wires_wire(storm->rig->wires, part->worker);

	for (int i = 0; i < 10 && part->at < STORM_SENDS; i++) {
		unsigned n = part->at++;
		struct rig_sent *sent = &storm->sent[part->worker][n];
		struct sip_flow flow = storm->flows[(n * 7 + part->worker) % 8];
		struct packet *p = sip_wire_packet(w, 64);

		assert_non_null(p);
		memcpy(p->data, EMPTY, strlen(EMPTY));
		p->len = (uint32_t)strlen(EMPTY);
		if (n % 3 == 0)
			flow.connection = 0;
		sent->sending = (struct sip_sending){ .done = storm_told, .arg = sent };
		sip_wire_send(w, &flow, p, n % 2 == 0, &sent->sending);
		packet_unref(p);
		if (n % 5 == 0 && sent->told == 0) {
			sip_sending_forget(&sent->sending);
			sent->told = 2;
			part->forgotten++;
		}
	}
	if (part->at < STORM_SENDS) {
		loop_timer_start(sip_wire_loop(w), t, 1, storm_turn);
		return;
	}
	for (unsigned n = 0; n < STORM_SENDS; n++) {
		if (storm->sent[part->worker][n].told == 0) {
			loop_timer_start(sip_wire_loop(w), t, 5, storm_turn);
			return;
		}
	}
	pthread_mutex_lock(&storm->rig->lock);
	part->done = 1;
	pthread_cond_broadcast(&storm->rig->changed);
	pthread_mutex_unlock(&storm->rig->lock);
}

static void storm_begin(struct post *post, struct loop *loop)
{
	struct storm_part *part = container_of(post, struct storm_part, post);

	loop_timer_start(loop, &part->timer, 1, storm_turn);
}

/* Clients come and go, listeners too, while every worker sends to all of them: each send is told once, or forgotten. */
static void bears_all_at_once(void **state)
{
	struct rig rig;
	struct storm *storm = calloc(1, sizeof(*storm));
	struct storm_part parts[RIG_WORKERS] = { 0 };
	int fds[8];

	(void)state;
	assert_non_null(storm);
	storm->rig = &rig;
	storm->listener = listen_streams(&rig, NULL);
	rig.received = NULL;
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		fds[i] = rig_socket(SOCK_STREAM, NULL,
		                    sip_listener_addr(rig.wires, storm->listener));
		rig_write(fds[i], EMPTY, strlen(EMPTY));
		assert_true(rig_wait(&rig, &rig.received_count, (unsigned)i + 1));
		storm->flows[i] = rig.last;
	}
	for (unsigned i = 0; i < RIG_WORKERS; i++) {
		parts[i].storm = storm;
		parts[i].worker = i;
		parts[i].post.run = storm_begin;
		loop_post(crew_loop(rig.crew, i), &parts[i].post);
	}
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		unsigned index = rig_listen(&rig, SIP_LISTEN_TCP, "127.0.0.1:0");

		usleep(4000);
		if (i % 2 == 0)
			shutdown(fds[i], SHUT_RDWR);
		close(fds[i]);
		sip_listener_close(rig.wires, index);
	}
	for (unsigned i = 0; i < RIG_WORKERS; i++)
		assert_true(rig_wait(&rig, &parts[i].done, 1));
	rig_close(&rig);
	free(storm);
}

/* Stopped in the middle: nothing that was under way is lost or told. */
static void stops_in_the_middle(void **state)
{
	(void)state;
	for (useconds_t round = 0; round < 8; round++) {
		struct rig rig;
		struct storm *storm = calloc(1, sizeof(*storm));
		struct storm_part parts[RIG_WORKERS] = { 0 };
		int fds[8];

		assert_non_null(storm);
		storm->rig = &rig;
		storm->listener = listen_streams(&rig, NULL);
		for (size_t i = 0; i < COUNT_OF(fds); i++)
			fds[i] = connect_and_say(&rig, storm->listener, &storm->flows[i]);
		rig.received = NULL;
		for (unsigned i = 0; i < RIG_WORKERS; i++) {
			parts[i].storm = storm;
			parts[i].worker = i;
			parts[i].post.run = storm_begin;
			loop_post(crew_loop(rig.crew, i), &parts[i].post);
		}
		usleep(round * 1500);
		crew_stop(rig.crew);
		for (unsigned i = 0; i < RIG_WORKERS; i++) {
			for (unsigned n = 0; n < STORM_SENDS; n++)
				sip_sending_forget(&storm->sent[i][n].sending);
		}
		rig_close(&rig);
		for (size_t i = 0; i < COUNT_OF(fds); i++)
			close(fds[i]);
		free(storm);
	}
}

/* Who is closed after the workers may still send: nothing of it is lost, and nobody is told. */
static void gives_everything_back_after_the_stop(void **state)
{
	struct sip_flow flows[3];
	struct rig_sent sent[RIG_WORKERS][3] = { 0 };
	struct rig rig;
	unsigned index = listen_streams(&rig, NULL);
	unsigned udp = rig_listen(&rig, SIP_LISTEN_UDP, "127.0.0.1:0");
	int fd = connect_and_say(&rig, index, &flows[0]);

	(void)state;
	crew_stop(rig.crew);
	flows[1] = flows[0];
	flows[1].connection = 0;
	flows[1].remote = *sip_listener_addr(rig.wires, index);
	flows[2] = (struct sip_flow){ .transport = SIP_TRANSPORT_UDP,
		                      .listener = udp,
		                      .remote = *sip_listener_addr(rig.wires, udp) };
	for (unsigned i = 0; i < RIG_WORKERS; i++) {
		for (unsigned k = 0; k < COUNT_OF(flows); k++) {
			struct packet *p = packet_copy(STR(EMPTY));

			assert_non_null(p);
			sent[i][k].rig = &rig;
			sent[i][k].sending.done = tell_rig;
			sent[i][k].sending.arg = &sent[i][k];
			sip_wire_send(sip_wires_wire(rig.wires, i), &flows[k], p, true,
			              &sent[i][k].sending);
			packet_unref(p);
			if (i % 2 == 0)
				sip_sending_forget(&sent[i][k].sending);
		}
	}
	sip_listener_close(rig.wires, index);
	rig_close(&rig);
	for (unsigned i = 0; i < RIG_WORKERS; i++) {
		for (unsigned k = 0; k < COUNT_OF(flows); k++)
			assert_int_equal(sent[i][k].told, 0);
	}
	close(fd);
}

/* ---------------------------------------------------------------------------- want of memory */

struct scarce {
	struct crew *crew;
	struct timer timer;
	unsigned streams;
	unsigned waits;
	bool again;
};

/* What a failure has kept from happening is not waited for; all else is. */
static void scarce_end(struct timer *t)
{
	struct scarce *scarce = container_of(t, struct scarce, timer);
	struct loop *loop = crew_loop(scarce->crew, 0);

	if (scarce->streams < 2 && !alloc_fail_happened() && ++scarce->waits < 200)
		loop_timer_start(loop, t, 25, scarce_end);
	else
		loop_stop(loop);
}

static void scarce_received(void *arg, struct sip_wire *wire, struct packet *packet,
                            const struct sip_flow *flow)
{
	struct scarce *scarce = arg;
	struct sip_flow back = *flow;

	if (flow->transport == SIP_TRANSPORT_TCP)
		scarce->streams++;
	if (scarce->streams < 2)
		sip_wire_send(wire, flow, packet, false, NULL);
	else
		loop_timer_start(sip_wire_loop(wire), &scarce->timer, 1, scarce_end);
	if (scarce->streams != 1 || scarce->again)
		return;
	/* Over a new connection to ourselves, once. */
	scarce->again = true;
	back.connection = 0;
	addr_set_port(&back.remote, addr_port(sip_listener_addr(sip_wire_transport(wire), 1)));
	sip_wire_send(wire, &back, packet, true, NULL);
}

static void talk(struct scarce *scarce, struct sip_wires *t)
{
	int udp = rig_socket(SOCK_DGRAM, NULL, sip_listener_addr(t, 0));
	int tcp = rig_socket(SOCK_STREAM, NULL, sip_listener_addr(t, 1));

	rig_write(udp, "x", 1);
	rig_write(tcp, EMPTY "OPT", strlen(EMPTY "OPT"));
	loop_timer_start(crew_loop(scarce->crew, 0), &scarce->timer, 25, scarce_end);
	loop_run(crew_loop(scarce->crew, 0));
	loop_timer_stop(crew_loop(scarce->crew, 0), &scarce->timer);
	close(udp);
	close(tcp);
}

/* Everything on one thread, so that which allocation fails is no chance. */
static void short_of_memory(void *arg)
{
	struct scarce scarce = { 0 };
	struct sip_wires_conf conf = { 0 };
	struct sip_wires_events events = { .arg = &scarce, .received = scarce_received };
	struct sip_listener_conf udp = { .kind = SIP_LISTEN_UDP, .addr = rig_addr("127.0.0.1") };
	struct sip_listener_conf tcp = { .kind = SIP_LISTEN_TCP, .addr = rig_addr("127.0.0.1") };
	struct sip_wires *t = NULL;
	unsigned index[2];

	(void)arg;
	if (crew_open(&scarce.crew, 1) != ERR_OK)
		return;
	if (sip_wires_open(&t, scarce.crew, NULL, &conf, &events) == ERR_OK &&
	    sip_listener_open(t, &udp, &index[0]) == ERR_OK &&
	    sip_listener_open(t, &tcp, &index[1]) == ERR_OK) {
		sip_listener_start(t, index[0]);
		sip_listener_start(t, index[1]);
		talk(&scarce, t);
		assert_true(scarce.streams == 2 || alloc_fail_happened());
	}
	crew_stop(scarce.crew);
	sip_wires_close(t);
	crew_close(scarce.crew);
}

static void survives_want_of_memory(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(short_of_memory, NULL) > 20);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_datagrams_from_where_they_were_sent),
		cmocka_unit_test(takes_datagrams_of_every_size),
		cmocka_unit_test(leaves_packets_to_those_who_keep_them),
		cmocka_unit_test(tells_what_came_to_nothing),
		cmocka_unit_test(chooses_where_to_send_from),
		cmocka_unit_test(knows_its_own_addresses),
		cmocka_unit_test(refuses_an_address_that_is_taken),
		cmocka_unit_test(opens_and_closes_listeners_while_it_runs),
		cmocka_unit_test(sends_in_batches_and_tells_each_sender),
		cmocka_unit_test(cuts_streams_however_they_come),
		cmocka_unit_test(takes_streams_over_ipv6_and_wildcards),
		cmocka_unit_test(takes_long_messages_and_many),
		cmocka_unit_test(ends_streams_that_make_no_sense),
		cmocka_unit_test(sends_over_a_connection_from_any_worker),
		cmocka_unit_test(opens_one_connection_for_all_workers),
		cmocka_unit_test(falls_back_when_a_connection_is_gone),
		cmocka_unit_test(tells_why_nobody_can_be_reached),
		cmocka_unit_test(cuts_off_who_reads_too_slowly),
		cmocka_unit_test(bounds_what_waits),
		cmocka_unit_test(ends_what_is_idle_or_unfinished),
		cmocka_unit_test(bounds_connections),
		cmocka_unit_test(answers_who_has_stopped_sending),
		cmocka_unit_test(waits_when_descriptors_run_out),
		cmocka_unit_test(keeps_connections_when_a_listener_closes),
		cmocka_unit_test(keeps_the_order_of_each_sender),
		cmocka_unit_test(bears_all_at_once),
		cmocka_unit_test(stops_in_the_middle),
		cmocka_unit_test(gives_everything_back_after_the_stop),
		cmocka_unit_test(survives_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
