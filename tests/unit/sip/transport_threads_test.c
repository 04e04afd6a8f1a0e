#include "tests/unit/alloc_fail.h"
#include "transport_rig.h"

#include "base/mem.h"

#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

static void nothing_received(void *arg, struct sip_wire *wire, struct packet *packet,
                             const struct sip_flow *flow)
{
	(void)arg;
	sip_wire_send(wire, flow, packet, false, NULL);
}

/* Everything on one thread, so that which allocation fails is no chance. */
static void short_of_memory(void *arg)
{
	struct sip_wires_conf conf = { 0 };
	struct sip_wires_events events = { .received = nothing_received };
	struct sip_listener_conf udp = { .kind = SIP_LISTEN_UDP, .addr = rig_addr("127.0.0.1") };
	struct sip_wires *t = NULL;
	struct crew *crew;
	unsigned index;

	(void)arg;
	if (crew_open(&crew, 2) != ERR_OK)
		return;
	if (sip_wires_open(&t, crew, NULL, &conf, &events) == ERR_OK &&
	    sip_listener_open(t, &udp, &index) == ERR_OK) {
		sip_listener_start(t, index);
		crew_stop(crew);
	}
	sip_wires_close(t);
	crew_close(crew);
}

static void survives_want_of_memory(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(short_of_memory, NULL) > 5);
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
		cmocka_unit_test(survives_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
