#include "gateway/cli_stun.h"

#include "base/mem.h"
#include "stun/stun.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 5

/* A server on loopback, UDP and TCP at one port, in a process of its own. Where `nat`, it sees everybody at another port. */
struct server {
	pid_t pid;
	unsigned port;
	int udp;
	int tcp;
	bool nat;
};

static struct addr loopback(uint16_t port)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, STR("127.0.0.1"), port), ERR_OK);
	return a;
}

static size_t answer_to(const struct server *s, struct str request,
                        const struct sockaddr_storage *from, char *out)
{
	struct addr source = addr_from_sockaddr((const struct sockaddr *)from);
	struct buf answer;

	if (s->nat)
		addr_set_port(&source, 1);
	buf_wrap(&answer, out, STUN_ANSWER_MAX);
	(void)stun_answer(request, &source, NULL, &answer);
	return answer.len;
}

static void serve_datagram(const struct server *s)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char answer[STUN_ANSWER_MAX];
	char in[2048];
	ssize_t n = recvfrom(s->udp, in, sizeof(in), 0, (struct sockaddr *)&from, &len);

	if (n > 0)
		(void)sendto(s->udp, answer, answer_to(s, str_of(in, (size_t)n), &from, answer), 0,
		             (struct sockaddr *)&from, len);
}

static void serve_connection(const struct server *s)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	int fd = accept(s->tcp, (struct sockaddr *)&from, &len);
	char answer[STUN_ANSWER_MAX];
	char in[2048];
	ssize_t n = recv(fd, in, sizeof(in), 0);

	if (n > 0)
		(void)send(fd, answer, answer_to(s, str_of(in, (size_t)n), &from, answer),
		           MSG_NOSIGNAL);
	(void)close(fd);
}

static _Noreturn void serve(const struct server *s)
{
	struct pollfd fds[] = { { .fd = s->udp, .events = POLLIN },
		                { .fd = s->tcp, .events = POLLIN } };

	/* Nobody is left behind, however the test ends. */
	(void)alarm(60);
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents != 0)
			serve_datagram(s);
		if (fds[1].revents != 0)
			serve_connection(s);
	}
	_exit(0);
}

/* One port free for both, or false. */
static bool bind_both(struct server *s)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr addr = loopback(0);

	s->udp = socket(AF_INET, SOCK_DGRAM, 0);
	s->tcp = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->udp, &addr.sa.any, addr_len(&addr)), 0);
	assert_int_equal(getsockname(s->udp, (struct sockaddr *)&ss, &len), 0);
	addr = addr_from_sockaddr((struct sockaddr *)&ss);
	s->port = addr_port(&addr);
	if (bind(s->tcp, &addr.sa.any, addr_len(&addr)) == 0 && listen(s->tcp, 4) == 0)
		return true;
	(void)close(s->udp);
	(void)close(s->tcp);
	return false;
}

static void server_open(struct server *s, bool nat)
{
	s->nat = nat;
	while (!bind_both(s))
		continue;
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		serve(s);
	(void)close(s->udp);
	(void)close(s->tcp);
}

static void server_close(const struct server *s)
{
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
}

/* Run the command with its output (both streams) in `out`. An argument's last octet "@" stands for the port. */
static int run(const char *const *arguments, unsigned port, char *out, size_t size)
{
	char words[ARGUMENTS_MAX][64];
	char *argv[ARGUMENTS_MAX + 1] = { 0 };
	FILE *file = tmpfile();
	int saved[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
	int argc = 0;
	int status;

	assert_non_null(file);
	for (; argc < ARGUMENTS_MAX && arguments[argc] != NULL; argc++) {
		(void)snprintf(words[argc], sizeof(words[argc]), "%s", arguments[argc]);
		if (str_ends_nocase(str_from(words[argc]), STR("@")))
			(void)snprintf(words[argc] + strlen(words[argc]) - 1, 7, "%u",
			               port & 0xffff);
		argv[argc] = words[argc];
	}
	(void)fflush(stdout);
	(void)dup2(fileno(file), STDOUT_FILENO);
	(void)dup2(fileno(file), STDERR_FILENO);
	status = cli_stun(argc, argv);
	(void)fflush(stdout);
	(void)dup2(saved[0], STDOUT_FILENO);
	(void)dup2(saved[1], STDERR_FILENO);
	(void)close(saved[0]);
	(void)close(saved[1]);
	rewind(file);
	out[fread(out, 1, size - 1, file)] = '\0';
	(void)fclose(file);
	return status;
}

static void does_as_it_is_told(void **state)
{
	static const struct {
		const char *arguments[ARGUMENTS_MAX];
		bool nat;
		int want;
		const char *says;
	} rows[] = {
		{ { "stun" }, false, 2, "usage: lotse stun" },
		{ { "stun", "a", "b" }, false, 2, "usage: lotse stun" },
		{ { "stun", "--rapidly", "a" }, false, 2, "usage: lotse stun" },
		{ { "stun", "a b" }, false, 2, "not a host" },
		{ { "stun", "a:0" }, false, 2, "no port 0" },
		{ { "stun", "a:65536" }, false, 2, "not a host" },
		{ { "stun", "" }, false, 2, "not a host" },
		{ { "stun", "stuns:a" }, false, 2, "not built yet" },
		{ { "stun", "127.0.0.1:@" }, false, 0, "sees us, local 127.0.0.1:" },
		{ { "stun", "127.0.0.1:@" }, false, 0, ": no NAT is between\n" },
		{ { "stun", "127.0.0.1:@" }, true, 0, ": a NAT is between\n" },
		{ { "stun", "127.0.0.1:@" }, true, 0, "127.0.0.1:1 as 127.0.0.1:" },
		{ { "stun", "stun:127.0.0.1:@" }, false, 0, "no NAT" },
		{ { "stun", "--tcp", "127.0.0.1:@" }, false, 0, "no NAT" },
		{ { "stun", "--tcp", "localhost:@" },
		  true,
		  0,
		  "127.0.0.1:1 as localhost at 127.0.0.1:" },
		{ { "stun", "--json", "127.0.0.1:@" }, false, 0, "\", \"nat\": false}\n" },
		{ { "stun", "--json", "127.0.0.1:@" },
		  true,
		  0,
		  "\", \"mapped\": \"127.0.0.1:1\", \"nat\": true}\n" },
		{ { "stun", "--json", "127.0.0.1:@" }, false, 0, "{\"server\": \"127.0.0.1:" },
		{ { "stun", "nobody.invalid" },
		  false,
		  3,
		  "cannot find the address of nobody.invalid: there is no such name" },
	};

	(void)state;
	for (int nat = 0; nat <= 1; nat++) {
		struct server server;

		server_open(&server, nat == 1);
		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			char out[4096];
			int status;

			if (rows[i].nat != server.nat)
				continue;
			status = run(rows[i].arguments, server.port, out, sizeof(out));
			print_message("row %zu: %s", i, out);
			assert_int_equal(status, rows[i].want);
			assert_non_null(strstr(out, rows[i].says));
		}
		server_close(&server);
	}
}

/* The port was ours until now, and nobody is there any more. */
static void says_that_nobody_is_there(void **state)
{
	static const char *const udp[] = { "stun", "127.0.0.1:@", NULL };
	static const char *const tcp[] = { "stun", "--tcp", "--json", "127.0.0.1:@", NULL };
	struct server server;
	char out[4096];

	(void)state;
	server_open(&server, false);
	server_close(&server);
	assert_int_equal(run(udp, server.port, out, sizeof(out)), 3);
	assert_non_null(strstr(out, "over UDP: nobody listens there"));
	assert_int_equal(run(tcp, server.port, out, sizeof(out)), 3);
	assert_non_null(strstr(out, "over TCP: nobody listens there"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_as_it_is_told),
		cmocka_unit_test(says_that_nobody_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
