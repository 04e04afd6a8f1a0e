/* The control socket of a whole gateway: what commands ask, what they are answered, and clients that behave as they like. */
#include "gateway/control.h"

#include "base/json.h"
#include "base/mem.h"
#include "gateway/control_client.h"
#include "gateway/worker.h"

#include "tests/unit/alloc_fail.h"

#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 60

struct stage {
	char folder[64];
	char file[96];
	char data[96];
	char path[128];
	char mute[ADDR_TEXT]; /* a name server that never answers */
	int mute_fd;
	struct conf_options options;
	struct gateway *gateway;
	pthread_t thread;

	/* The last answer. */
	struct buf out;
	struct buf err;
	struct buf other;
	int status; /* -1: the answer is not whole */
};

/* ---------------------------------------------------------------------------- a daemon */

static int remove_entry(const char *path, const struct stat *is, int type, struct FTW *at)
{
	(void)is;
	(void)type;
	(void)at;
	return remove(path);
}

static void write_conf(const struct stage *s, const char *more)
{
	FILE *f = fopen(s->file, "we");

	assert_non_null(f);
	assert_true(
		fprintf(f,
	                "domains: [alpha.example, {name: corp.example, realm: corp}]\n"
	                "listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0']\n"
	                "admin: http://127.0.0.1:0\n"
	                "data: data\n"
	                "workers: 2\n"
	                "resolver: {servers: ['%s'], timeout: 20s}\n"
	                "peers:\n"
	                "  - {name: beta, domains: [beta.example], url: 'https://127.0.0.1:9', lookup: [https], timeout: 1s}\n"
	                "%s",
	                s->mute, more) > 0);
	assert_int_equal(fclose(f), 0);
}

static void open_mute(struct stage *s)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, STR("127.0.0.1"), 0), ERR_OK);
	s->mute_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(s->mute_fd >= 0);
	assert_int_equal(bind(s->mute_fd, &a.sa.any, addr_len(&a)), 0);
	{
		struct sockaddr_storage bound;
		socklen_t len = sizeof(bound);

		assert_int_equal(getsockname(s->mute_fd, (struct sockaddr *)&bound, &len), 0);
		a = addr_from_sockaddr((const struct sockaddr *)&bound);
	}
	(void)addr_text(&a, s->mute);
}

static void *run(void *arg)
{
	struct stage *s = arg;

	loop_run(s->gateway->loop);
	return NULL;
}

static void start(struct stage *s)
{
	struct buf why;

	buf_init(&why, 65536);
	if (gateway_open(&s->gateway, &s->options, &why) != ERR_OK)
		fail_msg("%.*s", STR_ARG(buf_view(&why)));
	buf_fini(&why);
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

static void on_stop(struct post *post, struct loop *loop)
{
	(void)post;
	loop_stop(loop);
}

static void stop(struct stage *s)
{
	struct post post = { .run = on_stop };

	loop_post(s->gateway->loop, &post);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	gateway_close(s->gateway);
	s->gateway = NULL;
}

static int set_up(void **state)
{
	struct stage *s = mem_zero(sizeof(*s));

	assert_non_null(s);
	(void)snprintf(s->folder, sizeof(s->folder), "/tmp/lotse-control.XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	(void)snprintf(s->file, sizeof(s->file), "%s/lotse.yaml", s->folder);
	(void)snprintf(s->data, sizeof(s->data), "%s/data", s->folder);
	assert_int_equal(control_path(str_from(s->data), s->path, sizeof(s->path)), ERR_OK);
	open_mute(s);
	write_conf(s, "");
	s->options.file = s->file;
	buf_init(&s->out, (size_t)1 << 24);
	buf_init(&s->err, (size_t)1 << 20);
	buf_init(&s->other, (size_t)1 << 20);
	start(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *s = *state;

	stop(s);
	assert_int_equal(access(s->path, F_OK), -1);
	(void)close(s->mute_fd);
	(void)nftw(s->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	buf_fini(&s->out);
	buf_fini(&s->err);
	buf_fini(&s->other);
	free(s);
	return 0;
}

/* ---------------------------------------------------------------------------- asking */

static int dial(const struct stage *s)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = -1;

	assert_int_equal(control_connect(s->path, &fd), ERR_OK);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static void send_z(int fd, const char *text)
{
	/* What is refused early is not read to its end. */
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void take_frame(struct stage *s, const struct str *words, size_t count)
{
	if (count == 2 && str_eq(words[0], STR("out"))) {
		buf_str(&s->out, words[1]);
	} else if (count == 2 && str_eq(words[0], STR("err"))) {
		buf_str(&s->err, words[1]);
	} else if (count == 2 && str_eq(words[0], STR("exit"))) {
		s->status = words[1].p[0] - '0';
	} else {
		for (size_t i = 0; i < count; i++)
			buf_printf(&s->other, "%s%.*s", i == 0 ? "" : " ", STR_ARG(words[i]));
		buf_char(&s->other, ';');
	}
}

/* All of the answer, to the connection's end. */
static void read_answer(struct stage *s, int fd)
{
	struct buf all;
	struct str rest;
	ssize_t n;

	buf_init(&all, (size_t)1 << 24);
	buf_clear(&s->out);
	buf_clear(&s->err);
	buf_clear(&s->other);
	s->status = -1;
	while ((n = recv(fd, buf_room(&all, 65536), 65536, 0)) > 0)
		buf_advance(&all, (size_t)n);
	(void)close(fd);
	rest = buf_view(&all);
	while (rest.len > 0) {
		struct str words[8];
		struct arena arena;
		size_t count;

		arena_init(&arena, NULL, 0, (size_t)1 << 20);
		assert_int_equal(json_read_strs(str_cut(&rest, '\n'), &arena, words, 8, &count),
		                 ERR_OK);
		take_frame(s, words, count);
		arena_fini(&arena);
	}
	buf_fini(&all);
}

static int ask(struct stage *s, const char *request)
{
	int fd = dial(s);

	send_z(fd, request);
	read_answer(s, fd);
	return s->status;
}

static const char *said(struct stage *s)
{
	return buf_cstr(&s->out);
}

static void has(struct buf *b, const char *what)
{
	if (strstr(buf_cstr(b), what) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", what, buf_cstr(b));
}

/* ---------------------------------------------------------------------------- users of ours */

#define MD5_1 "11111111111111111111111111111111"
#define SHA_1 MD5_1 MD5_1

static void add_alice(struct stage *s)
{
	assert_int_equal(
		ask(s,
	            "[\"user change\"]\n[\"add\", \"alice@alpha.example\", \"alpha.example\", \"" MD5_1
	            "\", \"" SHA_1 "\"]\n\n"),
		0);
}

struct binding {
	struct loop *loop;
	unsigned status;
};

static void on_bound(void *arg, const struct reg_result *result)
{
	struct binding *b = arg;

	b->status = result->status;
	loop_stop(b->loop);
}

static void bind_alice(struct stage *s)
{
	struct reg_contact contact = { .uri = STR("sip:alice@192.0.2.7:5070"),
		                       .q = 700,
		                       .has_expires = true,
		                       .expires_s = 600 };
	struct reg_request request = { .aor = STR("sip:alice@alpha.example"),
		                       .contacts = &contact,
		                       .contact_count = 1,
		                       .call_id = STR("c"),
		                       .cseq = 1,
		                       .user_agent = STR("Phone \x1b[31m\xc2\x9b 1"),
		                       .now = wall_now() };
	struct binding b = { 0 };

	request.source.transport = SIP_TRANSPORT_TCP;
	assert_int_equal(addr_parse(&request.source.remote, STR("192.0.2.7"), 40000), ERR_OK);
	assert_int_equal(loop_open(&b.loop, 0), ERR_OK);
	assert_int_equal(registrar_register(s->gateway->registrar, b.loop, &request, on_bound, &b),
	                 ERR_OK);
	loop_run(b.loop);
	loop_close(b.loop);
	assert_int_equal(b.status, 200);
}

/* ---------------------------------------------------------------------------- tests */

static const struct {
	const char *request;
	int status;      /* -1: it is cut */
	const char *out; /* what stands in it */
	const char *err;
} cases[] = {
	{ "[\"status\"]\n\n", 0, "process", "" },
	{ "[\"status\", \"--json\"]\n\n", 0, "\"domains\": [\"alpha.example\", \"corp.example\"]",
	  "" },
	{ "[\"status\"]\n\n[\"status\"]\n\n", 0, "process", "" }, /* one a connection */
	{ "[\"reload\"]\n\n", 0, "reloaded", "" },
	{ "[\"locate\", \"nobody@alpha.example\"]\n\n", 1, "nobody", "" },
	{ "[\"locate\", \"--json\", \"nobody@alpha.example\"]\n\n", 1,
	  "{\"outcome\": \"nobody\", \"targets\": [], \"trace\": [{\"source\": \"registrar\", \"ms\": ",
	  "" },
	{ "[\"locate\", \"+49 30 1\"]\n\n", 1, "unknown", "" },
	{ "[\"locate\", \"--trace\", \"x@beta.example\"]\n\n", 3, "peer:beta/https", "" },
	{ "[\"locate\", \":::\"]\n\n", 2, "", "is no address" },
	{ "[\"locate\", \"mailto:a@b\"]\n\n", 2, "", "is no address" },
	{ "[\"location list\"]\n\n", 0, "", "" },
	{ "[\"location list\", \"--json\"]\n\n", 0, "[]\n", "" },
	{ "[\"location show\", \"x@alpha.example\"]\n\n", 1, "no such account", "" },
	{ "[\"location show\", \"x@gamma.example\"]\n\n", 1, "in no domain of ours", "" },
	{ "[\"location show\", \"--json\", \"x@alpha.example\"]\n\n", 1, "\"bindings\": []}", "" },
	{ "[\"peer list\"]\n\n", 0, "beta  beta.example  https://127.0.0.1:9", "" },
	{ "[\"peer list\", \"--json\"]\n\n", 0, "\"reveal\": \"ingress\"", "" },
	{ "[\"peer show\", \"beta\"]\n\n", 0, "timeout   1000 ms", "" },
	{ "[\"peer show\", \"gamma\"]\n\n", 1, "", "there is no peer" },
	{ "[\"peer test\", \"beta\"]\n\n", 1, "failed", "" },
	{ "[\"peer test\", \"--json\", \"beta\", \"bob@beta.example\"]\n\n", 1,
	  "\"address\": \"sip:bob@beta.example\", \"outcome\": \"failed\"", "" },
	{ "[\"peer test\", \"gamma\"]\n\n", 1, "", "there is no peer" },
	{ "[\"resolver cache\"]\n\n", 0, "", "" },
	{ "[\"resolver cache\", \"--json\"]\n\n", 0, "[]\n", "" },
	{ "[\"resolver flush\"]\n\n", 0, "forgotten", "" },
	{ "[\"resolver flush\", \"beta.example\"]\n\n", 0, "0 forgotten", "" },
	{ "[\"resolver flush\", \"a b\"]\n\n", 2, "", "no host name" },
	{ "[\"user list\"]\n\n", 0, "", "" },
	{ "[\"user list\", \"--json\"]\n\n", 0, "[]\n", "" },
	{ "[\"user export\"]\n\n", 0, "", "" },
	{ "[\"user change\"]\n\n", 0, "", "" },
	{ "[\"user change\"]\n[\"add\"]\n\n", 2, "", "does not understand line 0" },
	{ "[\"user change\"]\n[\"eat\", \"a@b\"]\n\n", 2, "", "does not understand line 0" },
	{ "[\"user realms\"]\n[]\n\n", 2, "", "does not understand line 0" },
	{ "\n", 2, "", "malformed" },
	{ "[]\n\n", 2, "", "malformed" },
	{ "{}\n\n", 2, "", "malformed" },
	{ "[\"dance\"]\n\n", 2, "", "no such word" },
	{ "[\"locate\"]\n\n", 2, "", "arguments" },
	{ "[\"status\", \"now\"]\n\n", 2, "", "arguments" },
	{ "[\"status\"]\n[\"body\"]\n\n", 2, "", "body" },
	{ "[\"user change\"]\n[\"add\", \n\n", 2, "", "body" },
};

static void words_are_answered(void **state)
{
	struct stage *s = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (ask(s, cases[i].request) != cases[i].status)
			fail_msg("%s: %d \"%s\" \"%s\"", cases[i].request, s->status, said(s),
			         buf_cstr(&s->err));
		has(&s->out, cases[i].out);
		has(&s->err, cases[i].err);
	}
}

static void the_socket_is_the_operators(void **state)
{
	struct stage *s = *state;
	struct stat is;

	assert_int_equal(stat(s->path, &is), 0);
	assert_true(S_ISSOCK(is.st_mode));
	assert_int_equal(is.st_mode & 0777, 0600);
}

static void changes_are_all_or_none(void **state)
{
	struct stage *s = *state;

	add_alice(s);
	assert_int_equal(
		ask(s, "[\"user change\"]\n[\"add\", \"b@alpha.example\", \"r\", \"\", \"\"]\n"
	               "[\"add\", \"alice@alpha.example\", \"r\", \"\", \"\"]\n\n"),
		1);
	assert_string_equal(buf_cstr(&s->other), "refused 1 exists already;");
	assert_int_equal(ask(s, "[\"user change\"]\n[\"remove\", \"nobody@alpha.example\"]\n\n"),
	                 1);
	assert_string_equal(buf_cstr(&s->other), "refused 0 not found;");
	assert_int_equal(
		ask(s, "[\"user change\"]\n[\"put\", \"b@alpha.example\", \"r,\\\"\", \"" MD5_1
	               "\", \"\"]\n\n"),
		0);
	assert_int_equal(ask(s, "[\"user list\"]\n\n"), 0);
	assert_string_equal(
		said(s), "alice@alpha.example  realm alpha.example\nb@alpha.example  realm r,\"\n");
	assert_int_equal(ask(s, "[\"user list\", \"--json\"]\n\n"), 0);
	has(&s->out,
	    "{\"address\": \"b@alpha.example\", \"realm\": \"r,\\\"\", \"algorithms\": [\"MD5\"], \"disabled\": false}\n]\n");
	assert_int_equal(ask(s, "[\"user export\"]\n\n"), 0);
	assert_string_equal(said(s), "alice@alpha.example,alpha.example," MD5_1 "," SHA_1
	                             "\nb@alpha.example,\"r,\"\"\"," MD5_1 ",\n");
	assert_int_equal(
		ask(s,
	            "[\"user change\"]\n[\"remove\", \"alice@alpha.example\"]\n[\"remove\", \"b@alpha.example\"]\n\n"),
		0);
	assert_int_equal(ask(s, "[\"user list\"]\n\n"), 0);
	assert_string_equal(said(s), "");
}

static void realms_are_told(void **state)
{
	struct stage *s = *state;

	assert_int_equal(
		ask(s,
	            "[\"user realms\"]\n[\"alpha.example\"]\n[\"corp.example\"]\n[\"x.example\"]\n\n"),
		0);
	assert_string_equal(
		buf_cstr(&s->other),
		"realm alpha.example alpha.example;realm corp.example corp;stranger x.example;");
}

/* More than is walked in a turn, and than fits into a frame. */
static void long_lists_come_whole(void **state)
{
	struct stage *s = *state;
	struct buf request;
	struct buf want;

	buf_init(&request, (size_t)1 << 20);
	buf_init(&want, (size_t)1 << 20);
	buf_z(&request, "[\"user change\"]\n");
	for (int i = 0; i < 1500; i++) {
		buf_printf(&request,
		           "[\"add\", \"user%04d@alpha.example\", \"alpha.example\", \"\", \"" SHA_1
		           "\"]\n",
		           i);
		buf_printf(&want, "user%04d@alpha.example  realm alpha.example\n", i);
	}
	buf_char(&request, '\n');
	assert_int_equal(ask(s, buf_cstr(&request)), 0);
	assert_int_equal(ask(s, "[\"user list\"]\n\n"), 0);
	assert_string_equal(said(s), buf_cstr(&want));
	buf_fini(&request);
	buf_fini(&want);
}

static void a_registered_user_is_found(void **state)
{
	struct stage *s = *state;

	add_alice(s);
	assert_int_equal(ask(s, "[\"locate\", \"alice@alpha.example\"]\n\n"), 1);
	assert_string_equal(said(s), "absent\n");
	assert_int_equal(ask(s, "[\"location show\", \"alice@alpha.example\"]\n\n"), 1);
	has(&s->out, "nobody is registered");
	bind_alice(s);
	assert_int_equal(ask(s, "[\"locate\", \"alice@alpha.example\", \"--trace\"]\n\n"), 0);
	has(&s->out, "found\n  sip:alice@192.0.2.7:5070  q 0.7  for ");
	has(&s->out, "\nasked\n  registrar ");
	assert_int_equal(ask(s, "[\"locate\", \"sip:alice@Alpha.Example;user=x\", \"--json\"]\n\n"),
	                 0);
	has(&s->out,
	    "{\"outcome\": \"found\", \"targets\": [{\"uri\": \"sip:alice@192.0.2.7:5070\", \"route\": [], \"q\": 0.7, \"expires\": ");
	has(&s->out, "\"identity\": null, \"source\": \"registrar\"}], \"trace\": [");
	assert_int_equal(ask(s, "[\"location show\", \"alice@alpha.example\"]\n\n"), 0);
	has(&s->out, "from tcp 192.0.2.7:40000");
	has(&s->out, "Phone ?[31m? 1\n"); /* nothing that a terminal would obey */
	assert_int_equal(ask(s, "[\"location list\", \"--json\"]\n\n"), 0);
	has(&s->out,
	    "[\n{\"address\": \"sip:alice@alpha.example\", \"bindings\": [{\"uri\": \"sip:alice@192.0.2.7:5070\", \"q\": 0.7, \"expires\": ");
	has(&s->out,
	    "\"transport\": \"tcp\", \"source\": \"192.0.2.7:40000\", \"registered\": \"20");
}

/* An address at one of our listeners is that of our first domain. */
static void our_own_places_are_ours(void **state)
{
	struct stage *s = *state;
	char request[256];
	const char *url = atomic_load(&s->gateway->snapshot)->urls[0].text;

	add_alice(s);
	bind_alice(s);
	(void)snprintf(request, sizeof(request), "[\"locate\", \"sip:alice@%s\"]\n\n",
	               strstr(url, "//") + 2);
	assert_int_equal(ask(s, request), 0);
	has(&s->out, "sip:alice@192.0.2.7:5070");
}

static void a_wrong_configuration_is_refused(void **state)
{
	struct stage *s = *state;

	write_conf(s, "nonsense: 1\n");
	assert_int_equal(ask(s, "[\"reload\"]\n\n"), 2);
	has(&s->err, "nonsense");
	has(&s->err, "what was in force stays in force");
	write_conf(s, "mode: redirect\n");
	assert_int_equal(ask(s, "[\"reload\"]\n\n"), 0);
	assert_int_equal(ask(s, "[\"status\", \"--json\"]\n\n"), 0);
	has(&s->out, "\"reloads\": 1");
}

static void requests_may_come_in_pieces(void **state)
{
	static const char request[] = "[\"user realms\"]\n[\"alpha.example\"]\n\n";
	struct stage *s = *state;
	int fd = dial(s);

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
		if (i % 7 == 0)
			(void)usleep(1000);
	}
	read_answer(s, fd);
	assert_int_equal(s->status, 0);
}

static void over_long_lines_are_cut(void **state)
{
	struct stage *s = *state;
	char line[CONTROL_LINE_MAX + 2];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(ask(s, line), -1);
	assert_int_equal(ask(s, "[\"status\"]\n\n"), 0);
}

static void half_requests_are_no_requests(void **state)
{
	struct stage *s = *state;
	int fd = dial(s);

	send_z(fd, "[\"user change\"]\n[\"add\", \"x@alpha.example\", \"r\", \"\", \"\"]\n");
	(void)shutdown(fd, SHUT_WR);
	read_answer(s, fd);
	assert_int_equal(s->status, -1);
	assert_int_equal(ask(s, "[\"user list\"]\n\n"), 0);
	assert_string_equal(said(s), "");
}

static void there_is_a_bound_on_clients(void **state)
{
	struct stage *s = *state;
	int fds[CONTROL_CLIENTS_MAX];

	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = dial(s);
	read_answer(s, dial(s));
	assert_int_equal(s->status, 3);
	has(&s->err, "as many commands as it can");
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		(void)close(fds[i]);
	/* They are gone when the daemon has seen it. */
	for (int i = 0; i < 1000 && ask(s, "[\"status\"]\n\n") != 0; i++)
		(void)usleep(10000);
	assert_int_equal(s->status, 0);
}

static void clients_may_vanish(void **state)
{
	struct stage *s = *state;

	for (int i = 0; i < 40; i++) {
		int fd = dial(s);

		send_z(fd, i % 2 == 0 ? "[\"locate\", \"x@far.example\"]\n\n"
		                      : "[\"peer test\", \"beta\"]\n\n");
		(void)close(fd);
	}
	assert_int_equal(ask(s, "[\"status\"]\n\n"), 0);
}

/* Its question to DNS would take 20 s. */
static void who_waits_is_told_of_the_end(void **state)
{
	struct stage *s = *state;
	struct mono before = mono_now();
	int fd = dial(s);

	send_z(fd, "[\"locate\", \"x@far.example\"]\n\n");
	assert_int_equal(ask(s, "[\"status\"]\n\n"), 0);
	stop(s);
	read_answer(s, fd);
	assert_int_equal(s->status, 3);
	has(&s->err, "ending");
	assert_true(mono_ms_between(before, mono_now()) < 15000);
	start(s);
}

static void a_second_daemon_is_refused(void **state)
{
	struct stage *s = *state;
	struct control *second = NULL;
	struct buf why;

	buf_init(&why, 4096);
	assert_int_equal(control_open(&second, s->gateway, str_from(s->data), &why), ERR_INUSE);
	has(&why, "another daemon answers there");
	assert_int_equal(ask(s, "[\"status\"]\n\n"), 0);
	buf_fini(&why);
}

static void what_a_killed_daemon_left_is_replaced(void **state)
{
	struct stage *s = *state;
	char saved[160];

	(void)snprintf(saved, sizeof(saved), "%s.left", s->path);
	assert_int_equal(link(s->path, saved), 0);
	stop(s);
	assert_int_equal(rename(saved, s->path), 0);
	start(s);
	assert_int_equal(ask(s, "[\"status\"]\n\n"), 0);
}

static void paths_have_a_bound(void **state)
{
	char folder[200];
	char path[256];

	(void)state;
	memset(folder, 'd', sizeof(folder));
	folder[0] = '/';
	for (size_t len = 1; len < sizeof(folder); len++) {
		size_t whole = len + 1 + strlen(CONTROL_SOCKET);
		enum err e = control_path(str_of(folder, len), path, sizeof(path));

		/* 108 octets with the NUL (unix(7)). */
		assert_int_equal(e, whole < 108 ? ERR_OK : ERR_LIMIT);
	}
	assert_int_equal(control_path(STR("/a/b//"), path, sizeof(path)), ERR_OK);
	assert_string_equal(path, "/a/b/" CONTROL_SOCKET);
}

/* ---------------------------------------------------------------------------- without memory */

struct poor {
	struct control *control;
	struct loop *loop;
	const char *request;
	int fd; /* the client's */
	struct timer tick;
	char answer[4096];
	size_t len;
};

/* Until the other side has closed. */
static void on_tick(struct timer *t)
{
	struct poor *p = container_of(t, struct poor, tick);
	ssize_t n = recv(p->fd, p->answer + p->len, sizeof(p->answer) - 1 - p->len, MSG_DONTWAIT);

	if (n > 0)
		p->len += (size_t)n;
	if (n == 0)
		loop_stop(p->loop);
	else
		loop_timer_start(p->loop, t, 1, on_tick);
}

static void ask_without_memory(void *arg)
{
	struct poor *p = arg;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	p->fd = ends[0];
	p->len = 0;
	send_z(p->fd, p->request);
	control_adopt(p->control, ends[1]);
	loop_timer_start(p->loop, &p->tick, 1, on_tick);
	loop_run(p->loop);
	(void)close(p->fd);
	p->answer[p->len] = '\0';
	if (!alloc_fail_happened())
		assert_non_null(strstr(p->answer, "[\"exit\", \"0\"]"));
}

static void memory_may_run_out(void **state)
{
	static const char *const requests[] = {
		"[\"user list\", \"--json\"]\n\n",
		"[\"user export\"]\n\n",
		"[\"user realms\"]\n[\"alpha.example\"]\n[\"x.example\"]\n\n",
		"[\"user change\"]\n[\"put\", \"b@alpha.example\", \"r\", \"" MD5_1 "\", \"\"]\n\n",
	};
	struct stage *s = *state;
	struct poor p = { 0 };
	struct control *c = NULL;

	add_alice(s);
	assert_int_equal(loop_open(&p.loop, 0), ERR_OK);
	assert_int_equal(control_alone(&c, p.loop, s->gateway->registrar,
	                               atomic_load(&s->gateway->snapshot)->conf),
	                 ERR_OK);
	p.control = c;
	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		p.request = requests[i];
		assert_true(alloc_fail_each(ask_without_memory, &p) > 3);
	}
	control_close(c);
	loop_close(p.loop);
	assert_int_equal(ask(s, "[\"user list\"]\n\n"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(words_are_answered),
		TEST(the_socket_is_the_operators),
		TEST(changes_are_all_or_none),
		TEST(realms_are_told),
		TEST(long_lists_come_whole),
		TEST(a_registered_user_is_found),
		TEST(our_own_places_are_ours),
		TEST(a_wrong_configuration_is_refused),
		TEST(requests_may_come_in_pieces),
		TEST(over_long_lines_are_cut),
		TEST(half_requests_are_no_requests),
		TEST(there_is_a_bound_on_clients),
		TEST(clients_may_vanish),
		TEST(who_waits_is_told_of_the_end),
		TEST(a_second_daemon_is_refused),
		TEST(what_a_killed_daemon_left_is_replaced),
		TEST(memory_may_run_out),
		cmocka_unit_test(paths_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
