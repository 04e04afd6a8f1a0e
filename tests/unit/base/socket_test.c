#include "base/socket.h"

#include "base/datagram.h"
#include "base/mem.h"
#include "tests/unit/alloc_fail.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 5000

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse_port(&a, str_from(text), 0), ERR_OK);
	return a;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

/* ---------------------------------------------------------------------------- binding */

static void binds_one_address_for_several(void **state)
{
	static const struct {
		enum socket_kind kind;
		const char *text;
	} rows[] = {
		{ SOCKET_DATAGRAM, "127.0.0.1:0" }, { SOCKET_DATAGRAM, "0.0.0.0:0" },
		{ SOCKET_DATAGRAM, "[::1]:0" },     { SOCKET_DATAGRAM, "[::]:0" },
		{ SOCKET_STREAM, "127.0.0.1:0" },   { SOCKET_STREAM, "[::]:0" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct addr a = at(rows[i].text);
		struct addr again;
		int fds[4];
		int other[2];

		assert_int_equal(socket_bind(rows[i].kind, &a, false, fds, 4), ERR_OK);
		assert_int_not_equal(addr_port(&a), 0);
		for (size_t k = 0; k < 4; k++) {
			struct addr bound = socket_local(fds[k]);

			assert_true(addr_eq(&bound, &a));
		}
		/* Another program is refused, who shares is not. */
		again = a;
		assert_int_equal(socket_bind(rows[i].kind, &again, false, other, 2), ERR_INUSE);
		assert_int_equal(socket_bind(rows[i].kind, &again, true, other, 2), ERR_OK);
		close_all(other, 2);
		close_all(fds, 4);
		assert_int_equal(socket_bind(rows[i].kind, &again, false, fds, 1), ERR_OK);
		close_all(fds, 1);
	}
}

static void binds_both_families_to_one_port(void **state)
{
	struct addr v4 = at("0.0.0.0:0");
	struct addr v6 = at("[::]:0");
	int fds[2];

	(void)state;
	assert_int_equal(socket_bind(SOCKET_STREAM, &v4, false, &fds[0], 1), ERR_OK);
	addr_set_port(&v6, addr_port(&v4));
	assert_int_equal(socket_bind(SOCKET_STREAM, &v6, false, &fds[1], 1), ERR_OK);
	close_all(fds, 2);
}

static void says_why_it_cannot_bind(void **state)
{
	struct addr strange = at("192.0.2.1:0");
	struct addr nothing = { 0 };
	int fd;

	(void)state;
	assert_int_equal(socket_bind(SOCKET_DATAGRAM, &strange, false, &fd, 1), ERR_UNREACHABLE);
	assert_int_not_equal(socket_bind(SOCKET_DATAGRAM, &nothing, false, &fd, 1), ERR_OK);
}

/* ---------------------------------------------------------------------------- streams */

static void connects_from_a_host(void **state)
{
	struct addr listen_at = at("127.0.0.1:0");
	struct addr from = at("127.0.0.7:99");
	struct addr host = at("127.0.0.7");
	struct addr remote;
	int listener;
	int here;
	int there;

	(void)state;
	assert_int_equal(socket_bind(SOCKET_STREAM, &listen_at, false, &listener, 1), ERR_OK);
	assert_int_equal(socket_accept(listener, &there, &remote), ERR_AGAIN);
	assert_int_equal(socket_connect(&from, &listen_at, &here), ERR_OK);
	wait_for(here, POLLOUT);
	assert_int_equal(socket_error(here), ERR_OK);
	wait_for(listener, POLLIN);
	assert_int_equal(socket_accept(listener, &there, &remote), ERR_OK);
	assert_true(addr_eq_host(&remote, &host));
	assert_int_not_equal(addr_port(&remote), 99);
	socket_shut_writing(here);
	wait_for(there, POLLIN);
	{
		char c;
		int nodelay = 0;
		socklen_t len = sizeof(nodelay);

		assert_int_equal(recv(there, &c, 1, 0), 0);
		assert_int_equal(getsockopt(there, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len), 0);
		assert_int_equal(nodelay, 1);
	}
	close(here);
	close(there);
	close(listener);
}

static void says_why_it_cannot_connect(void **state)
{
	struct addr gone = at("127.0.0.1:0");
	struct addr strange = at("192.0.2.1:0");
	struct addr none = { 0 };
	int fd;
	enum err e;

	(void)state;
	assert_int_equal(socket_bind(SOCKET_STREAM, &gone, false, &fd, 1), ERR_OK);
	close(fd);
	e = socket_connect(&none, &gone, &fd);
	if (e == ERR_OK) {
		wait_for(fd, POLLOUT);
		e = socket_error(fd);
		assert_int_equal(socket_error(fd), ERR_OK);
		close(fd);
	}
	assert_int_equal(e, ERR_REFUSED);
	assert_int_equal(socket_connect(&strange, &gone, &fd), ERR_UNREACHABLE);
}

static void knows_where_it_would_send_from(void **state)
{
	struct addr to = at("127.0.0.1:5060");
	struct addr to6 = at("[::1]:5060");
	struct addr source;
	struct addr found[64];
	size_t n = socket_interfaces(found, COUNT_OF(found));
	bool there = false;

	(void)state;
	assert_int_equal(socket_source(&to, &source), ERR_OK);
	assert_true(addr_eq_host(&source, &to));
	assert_int_equal(addr_port(&source), 0);
	assert_int_equal(socket_source(&to6, &source), ERR_OK);
	assert_true(addr_eq_host(&source, &to6));
	for (size_t i = 0; i < n; i++)
		there = there || addr_eq_host(&found[i], &to);
	assert_true(there);
	assert_int_equal(socket_interfaces(found, 1), 1);
}

/* ---------------------------------------------------------------------------- datagrams */

static struct datagram_inbox *inbox_new(void)
{
	struct datagram_inbox *in;

	assert_int_equal(datagram_inbox_open(&in), ERR_OK);
	return in;
}

static void tells_where_a_datagram_was_sent(void **state)
{
	static const struct {
		const char *listen;
		const char *ask;
		bool told;
	} rows[] = {
		{ "0.0.0.0:0", "127.0.0.1", true },
		{ "0.0.0.0:0", "127.0.0.4", true },
		{ "127.0.0.4:0", "127.0.0.4", false },
		{ "[::]:0", "[::1]", true },
	};
	struct datagram_inbox *in = inbox_new();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct addr to = at(rows[i].listen);
		struct addr client = at(addr_family(&to) == AF_INET6 ? "[::1]:0" : "127.0.0.1:0");
		struct datagram_out out = { .bytes = STR("ask") };
		struct datagram_out back;
		struct datagram_in got;
		unsigned n;
		int fds[2];

		assert_int_equal(socket_bind(SOCKET_DATAGRAM, &to, false, &fds[0], 1), ERR_OK);
		assert_int_equal(socket_bind(SOCKET_DATAGRAM, &client, false, &fds[1], 1), ERR_OK);
		out.remote = at(rows[i].ask);
		addr_set_port(&out.remote, addr_port(&to));
		assert_int_equal(datagram_receive(in, fds[0], &n), ERR_AGAIN);
		assert_int_equal(datagram_send(fds[1], &out, 1, &n), ERR_OK);
		assert_int_equal(n, 1);
		wait_for(fds[0], POLLIN);
		assert_int_equal(datagram_receive(in, fds[0], &n), ERR_OK);
		assert_int_equal(n, 1);
		got = datagram_at(in, 0);
		assert_true(str_eq(packet_view(got.packet), STR("ask")));
		assert_true(addr_eq(&got.remote, &client));
		assert_int_equal(addr_family(&got.local) != AF_UNSPEC, rows[i].told);
		if (rows[i].told)
			assert_true(addr_eq_host(&got.local, &out.remote));
		/* And back, from there. */
		back = (struct datagram_out){ packet_view(got.packet), got.remote, got.local };
		assert_int_equal(datagram_send(fds[0], &back, 1, &n), ERR_OK);
		wait_for(fds[1], POLLIN);
		assert_int_equal(datagram_receive(in, fds[1], &n), ERR_OK);
		got = datagram_at(in, 0);
		assert_true(addr_eq(&got.remote, &out.remote));
		close_all(fds, 2);
	}
	datagram_inbox_close(in);
}

static void receives_in_batches_and_spares_packets(void **state)
{
	struct datagram_inbox *in = inbox_new();
	struct addr to = at("127.0.0.1:0");
	struct datagram_out out[DATAGRAM_BATCH + 6];
	struct packet *first = NULL;
	struct packet *kept = NULL;
	unsigned n;
	int fd;

	(void)state;
	assert_int_equal(socket_bind(SOCKET_DATAGRAM, &to, false, &fd, 1), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(out); i++)
		out[i] = (struct datagram_out){ .bytes = STR("x"), .remote = to };
	for (int round = 0; round < 3; round++) {
		assert_int_equal(datagram_send(fd, out, COUNT_OF(out), &n), ERR_OK);
		assert_int_equal(n, DATAGRAM_BATCH);
		assert_int_equal(datagram_send(fd, out + n, COUNT_OF(out) - n, &n), ERR_OK);
		assert_int_equal(n, 6);
		assert_int_equal(datagram_receive(in, fd, &n), ERR_OK);
		assert_int_equal(n, DATAGRAM_BATCH);
		/* Nobody kept it, so it is there again. */
		if (round == 1)
			assert_ptr_equal(datagram_at(in, 0).packet, first);
		if (round == 2)
			assert_ptr_not_equal(datagram_at(in, 0).packet, first);
		first = datagram_at(in, 0).packet;
		assert_int_equal(datagram_receive(in, fd, &n), ERR_OK);
		assert_int_equal(n, 6);
		if (round == 1)
			kept = packet_ref(first);
	}
	assert_true(str_eq(packet_view(kept), STR("x")));
	packet_unref(kept);
	close(fd);
	datagram_inbox_close(in);
}

static void tells_what_icmp_says(void **state)
{
	static const char *const hosts[] = { "127.0.0.1:0", "[::1]:0" };
	struct datagram_failure f;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		struct addr here = at(hosts[i]);
		struct datagram_out out = { .bytes = STR("to nobody"), .remote = here };
		unsigned n;
		int fds[2];

		assert_int_equal(socket_bind(SOCKET_DATAGRAM, &here, false, &fds[0], 1), ERR_OK);
		assert_int_equal(socket_bind(SOCKET_DATAGRAM, &out.remote, false, &fds[1], 1),
		                 ERR_OK);
		assert_int_equal(datagram_failed(fds[0], &f), ERR_AGAIN);
		close(fds[1]);
		assert_int_equal(datagram_send(fds[0], &out, 1, &n), ERR_OK);
		wait_for(fds[0], POLLERR);
		assert_int_equal(datagram_failed(fds[0], &f), ERR_OK);
		assert_int_equal(f.why, ERR_REFUSED);
		assert_true(addr_eq(&f.remote, &out.remote));
		assert_true(str_eq(str_of(f.head, f.len), out.bytes));
		assert_int_equal(datagram_failed(fds[0], &f), ERR_AGAIN);
		close(fds[0]);
	}
}

struct scene {
	int fd;
	struct addr at;
	char *long_one;
};

#define LONG 5000

static void receive_short_of_memory(void *arg)
{
	const struct scene *scene = arg;
	const struct datagram_out out[] = {
		{ .bytes = STR("short"), .remote = scene->at },
		{ .bytes = str_of(scene->long_one, LONG), .remote = scene->at },
	};
	struct datagram_inbox *in;
	unsigned n;

	if (datagram_inbox_open(&in) != ERR_OK)
		return;
	assert_int_equal(datagram_send(scene->fd, out, 2, &n), ERR_OK);
	assert_int_equal(n, 2);
	assert_int_equal(datagram_receive(in, scene->fd, &n), ERR_OK);
	assert_int_equal(n, 2);
	/* Either whole, or said to be lost. */
	for (unsigned i = 0; i < 2; i++) {
		const struct packet *p = datagram_at(in, i).packet;

		assert_true(p != NULL || alloc_fail_happened());
		assert_true(p == NULL || str_eq(packet_view(p), out[i].bytes));
	}
	datagram_inbox_close(in);
}

static void loses_what_it_has_no_memory_for(void **state)
{
	struct scene scene = { .at = at("127.0.0.1:0"), .long_one = malloc(LONG) };

	(void)state;
	assert_non_null(scene.long_one);
	memset(scene.long_one, 'l', LONG);
	assert_int_equal(socket_bind(SOCKET_DATAGRAM, &scene.at, false, &scene.fd, 1), ERR_OK);
	/* The inbox, its slots, and the long one's packet. */
	assert_int_equal(alloc_fail_each(receive_short_of_memory, &scene), 2 + DATAGRAM_BATCH);
	close(scene.fd);
	free(scene.long_one);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(binds_one_address_for_several),
		cmocka_unit_test(binds_both_families_to_one_port),
		cmocka_unit_test(says_why_it_cannot_bind),
		cmocka_unit_test(connects_from_a_host),
		cmocka_unit_test(says_why_it_cannot_connect),
		cmocka_unit_test(knows_where_it_would_send_from),
		cmocka_unit_test(tells_where_a_datagram_was_sent),
		cmocka_unit_test(receives_in_batches_and_spares_packets),
		cmocka_unit_test(tells_what_icmp_says),
		cmocka_unit_test(loses_what_it_has_no_memory_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
