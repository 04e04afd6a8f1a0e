#include "stun/stun.h"

#include "../alloc_fail.h"
#include "base/mem.h"
#include "stun/reply.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define COOKIE "\x21\x12\xa4\x42"
#define ID "0123456789ab"
#define HEADER(type, len) type len COOKIE ID

/* ---------------------------------------------------------------------------- what a reply means */

static void reads_replies(void **state)
{
	static const struct {
		const char *what;
		struct str in;
		bool is; /* the answer at all */
		enum err err;
		unsigned code;
		const char *mapped;
	} rows[] = {
		{ "nothing", STR_INIT(""), false, ERR_OK, 0, NULL },
		{ "noise", STR_INIT("OPTIONS sip:a SIP/2.0\r\n\r\n"), false, ERR_OK, 0, NULL },
		{ "another's answer", STR_INIT("\1\1\0\0" COOKIE "0123456789aB"), false, ERR_OK, 0,
		  NULL },
		{ "our request come back", STR_INIT(HEADER("\0\1", "\0\0")), false, ERR_OK, 0,
		  NULL },
		{ "an indication", STR_INIT(HEADER("\0\x11", "\0\0")), false, ERR_OK, 0, NULL },
		{ "another method", STR_INIT(HEADER("\1\3", "\0\0")), false, ERR_OK, 0, NULL },
		{ "a wrong fingerprint", STR_INIT(HEADER("\1\1", "\0\x08") "\x80\x28\0\4abcd"),
		  false, ERR_OK, 0, NULL },
		{ "no address", STR_INIT(HEADER("\1\1", "\0\0")), true, ERR_UNSUPPORTED, 0, NULL },
		{ "a crippled address", STR_INIT(HEADER("\1\1", "\0\x08") "\0\x20\0\4\0\1\0\0"),
		  true, ERR_UNSUPPORTED, 0, NULL },
		{ "an address",
		  STR_INIT(HEADER("\1\1", "\0\x0c") "\0\x20\0\x08\0\1\x32\xd6\xe1\x12\xa6\x43"),
		  true, ERR_OK, 0, "192.0.2.1:5060" },
		{ "the address of an old server",
		  STR_INIT(HEADER(
			  "\1\1",
			  "\0\x18") "\0\1\0\x08\0\1\x13\xc4\xc0\0\2\1\0\5\0\x08\0\1\0\0\0\0\0\0"),
		  true, ERR_OK, 0, "192.0.2.1:5060" },
		{ "both, differing: a NAT rewrote the plain one",
		  STR_INIT(HEADER(
			  "\1\1",
			  "\0\x18") "\0\1\0\x08\0\1\0\1\x0a\0\0\1\0\x20\0\x08\0\1\x32\xd6\xe1\x12\xa6\x43"),
		  true, ERR_OK, 0, "192.0.2.1:5060" },
		{ "unknown, to be understood",
		  STR_INIT(HEADER("\1\1",
		                  "\0\x10") "\0\x20\0\x08\0\1\x32\xd6\xe1\x12\xa6\x43\x7f\xff\0\0"),
		  true, ERR_UNSUPPORTED, 0, NULL },
		{ "unknown, optional",
		  STR_INIT(HEADER("\1\1",
		                  "\0\x10") "\0\x20\0\x08\0\1\x32\xd6\xe1\x12\xa6\x43\xff\xff\0\0"),
		  true, ERR_OK, 0, "192.0.2.1:5060" },
		{ "a refusal", STR_INIT(HEADER("\1\x11", "\0\x0c") "\0\x09\0\7\0\0\4\x14why\0"),
		  true, ERR_DENIED, 420, NULL },
		{ "a refusal without a code", STR_INIT(HEADER("\1\x11", "\0\0")), true,
		  ERR_UNSUPPORTED, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = vector_copy(rows[i].in);
		struct stun_result result = { 0 };
		char text[ADDR_TEXT];

		print_message("%s\n", rows[i].what);
		assert_int_equal(stun_reply_read(in, (const unsigned char *)COOKIE ID, &result),
		                 rows[i].is);
		assert_int_equal(result.err, rows[i].err);
		assert_int_equal(result.code, rows[i].code);
		if (rows[i].code != 0)
			assert_true(str_eq(result.reason, STR("why")));
		if (rows[i].mapped != NULL)
			assert_string_equal(addr_text(&result.mapped, text), rows[i].mapped);
		vector_free(in);
	}
}

static void writes_a_request_that_servers_answer(void **state)
{
	struct addr from = { .sa.v4 = { .sin_family = AF_INET, .sin_port = htons(5060) } };
	unsigned char request[STUN_REQUEST_LEN];
	struct stun_result result = { 0 };
	char bytes[STUN_ANSWER_MAX];
	struct buf out;

	(void)state;
	stun_request_write(request, (const unsigned char *)COOKIE ID);
	assert_true(stun_is(str_of((char *)request, sizeof(request))));
	buf_wrap(&out, bytes, sizeof(bytes));
	assert_int_equal(stun_answer(str_of((char *)request, sizeof(request)), &from, NULL, &out),
	                 STUN_ANSWERED);
	assert_true(stun_reply_read(buf_view(&out), (const unsigned char *)COOKIE ID, &result));
	assert_true(addr_eq(&result.mapped, &from));
}

/* ---------------------------------------------------------------------------- a server on loopback */

/* What the server does with what it gets. */
enum manner {
	ANSWERS,
	MUTE,          /* says nothing, ever */
	DEAF_TWICE,    /* answers the third time */
	CHATTERS,      /* sends noise, an answer to another, a damaged answer, then the answer */
	TRICKLES,      /* stream: octet by octet */
	HANGS_UP,      /* stream: closes at the request */
	TALKS_NONSENSE /* stream: answers in another protocol */
};

struct server {
	struct loop *loop;
	enum manner manner;
	int fd;
	int stream; /* the connection, or -1 */
	struct watch *watch;
	struct watch *stream_watch;
	struct addr addr;
	struct addr peer;
	unsigned asked;
	struct buf in;
};

struct asked {
	struct loop *loop;
	unsigned calls;
	struct stun_result result;
	char reason[64];
};

static struct addr own_address(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	return addr_from_sockaddr((struct sockaddr *)&ss);
}

static void say(int fd, const void *p, size_t len, const struct addr *to)
{
	(void)sendto(fd, p, len, MSG_NOSIGNAL, to == NULL ? NULL : &to->sa.any,
	             to == NULL ? 0 : addr_len(to));
}

/* Before the answer: what is none. */
static void chatter(int fd, struct str answer, const struct addr *to, bool stream)
{
	char bytes[STUN_ANSWER_MAX];

	if (!stream)
		say(fd, "hello", 5, to);
	memcpy(bytes, answer.p, answer.len);
	bytes[19] = (char)(bytes[19] ^ 1); /* another id */
	say(fd, bytes, answer.len, to);
	bytes[19] = (char)(bytes[19] ^ 1);
	bytes[answer.len - 1] = (char)(bytes[answer.len - 1] ^ 1); /* the fingerprint */
	say(fd, bytes, answer.len, to);
}

static void serve(struct server *s, int fd, struct str request, const struct addr *source,
                  bool stream)
{
	char bytes[STUN_ANSWER_MAX];
	struct buf out;

	s->asked++;
	if (s->manner == MUTE || (s->manner == DEAF_TWICE && s->asked <= 2))
		return;
	buf_wrap(&out, bytes, sizeof(bytes));
	assert_int_equal(stun_answer(request, source, NULL, &out), STUN_ANSWERED);
	if (s->manner == CHATTERS)
		chatter(fd, buf_view(&out), stream ? NULL : source, stream);
	if (s->manner == TALKS_NONSENSE)
		say(fd, "HTTP/1.0 400", 12, NULL);
	for (size_t i = 0; s->manner == TRICKLES && i < out.len; i++)
		say(fd, bytes + i, 1, NULL);
	if (s->manner != TRICKLES && s->manner != HANGS_UP)
		say(fd, bytes, out.len, stream ? NULL : source);
}

static void on_datagram(void *arg, unsigned events)
{
	struct server *s = arg;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char bytes[2048];
	ssize_t n = recvfrom(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&ss,
	                     &len);
	struct addr source;

	(void)events;
	if (n < 0)
		return;
	source = addr_from_sockaddr((struct sockaddr *)&ss);
	serve(s, s->fd, str_of(bytes, (size_t)n), &source, false);
}

static void hang_up(struct server *s)
{
	watch_close(s->stream_watch);
	s->stream_watch = NULL;
	if (s->stream >= 0)
		(void)close(s->stream);
	s->stream = -1;
}

static void on_stream(void *arg, unsigned events)
{
	struct server *s = arg;
	struct stun_frame frame;
	char *room = buf_room(&s->in, 512);
	ssize_t n = room == NULL ? -1 : recv(s->stream, room, 512, MSG_DONTWAIT);

	(void)events;
	if (n <= 0) {
		hang_up(s);
		return;
	}
	buf_advance(&s->in, (size_t)n);
	frame = stun_frame(buf_view(&s->in));
	if (frame.kind == STUN_FRAME_MORE)
		return;
	assert_int_equal(frame.kind, STUN_FRAME_MESSAGE);
	serve(s, s->stream, str_head(buf_view(&s->in), frame.len), &s->peer, true);
	if (s->manner == HANGS_UP)
		hang_up(s);
}

static void on_connection(void *arg, unsigned events)
{
	struct server *s = arg;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	(void)events;
	s->stream = accept(s->fd, (struct sockaddr *)&ss, &len);
	if (s->stream < 0)
		return;
	s->peer = addr_from_sockaddr((struct sockaddr *)&ss);
	if (loop_watch(s->loop, &s->stream_watch, s->stream, LOOP_READ, on_stream, s) != ERR_OK)
		hang_up(s);
}

static enum err server_open(struct server *s, struct loop *loop, enum stun_transport transport,
                            enum manner manner, const char *host)
{
	bool stream = transport == STUN_TCP;

	*s = (struct server){ .loop = loop, .manner = manner, .stream = -1 };
	buf_init(&s->in, 4096);
	assert_int_equal(addr_parse(&s->addr, str_from(host), 0), ERR_OK);
	s->fd = socket(addr_family(&s->addr), stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, &s->addr.sa.any, addr_len(&s->addr)), 0);
	if (stream)
		assert_int_equal(listen(s->fd, 4), 0);
	s->addr = own_address(s->fd);
	return loop_watch(loop, &s->watch, s->fd, LOOP_READ, stream ? on_connection : on_datagram,
	                  s);
}

static void server_close(struct server *s)
{
	hang_up(s);
	watch_close(s->watch);
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	buf_fini(&s->in);
}

static void note(void *arg, const struct stun_result *result)
{
	struct asked *a = arg;

	a->calls++;
	a->result = *result;
	assert_int_equal(str_to_z(result->reason, a->reason, sizeof(a->reason)), ERR_OK);
	loop_stop(a->loop);
}

/* Ask such a server and wait for the end. */
static void ask(struct asked *a, unsigned *seen, enum stun_transport transport, enum manner manner,
                const char *host)
{
	struct stun_question question = { .transport = transport, .rto_ms = 4, .timeout_ms = 200 };
	struct stun_query *query;
	struct server server;
	struct loop *loop;

	assert_int_equal(loop_open(&loop, 0), ERR_OK);
	assert_int_equal(server_open(&server, loop, transport, manner, host), ERR_OK);
	*a = (struct asked){ .loop = loop };
	question.server = server.addr;
	assert_int_equal(stun_ask(loop, &question, note, a, &query), ERR_OK);
	assert_int_equal(a->calls, 0);
	loop_run(loop);
	assert_int_equal(a->calls, 1);
	assert_true(addr_eq(&a->result.server, &server.addr));
	*seen = server.asked;
	server_close(&server);
	loop_close(loop);
}

static void ends_as_the_server_behaves(void **state)
{
	static const struct {
		enum stun_transport transport;
		enum manner manner;
		enum err want;
		unsigned sent;
		unsigned seen;
	} rows[] = {
		{ STUN_UDP, MUTE, ERR_TIMEOUT, 7, 7 },
		{ STUN_TCP, MUTE, ERR_TIMEOUT, 1, 1 },
		{ STUN_TCP, HANGS_UP, ERR_CLOSED, 1, 1 },
		{ STUN_TCP, TALKS_NONSENSE, ERR_SYNTAX, 1, 1 },
		{ STUN_TCP, CHATTERS, ERR_OK, 1, 1 },
		{ STUN_TCP, TRICKLES, ERR_OK, 1, 1 },
		{ STUN_UDP, CHATTERS, ERR_OK, 1, 1 },
		{ STUN_UDP, DEAF_TWICE, ERR_OK, 3, 3 },
		{ STUN_UDP, ANSWERS, ERR_OK, 1, 1 },
		{ STUN_TCP, ANSWERS, ERR_OK, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bool patient = rows[i].manner == MUTE || rows[i].manner == DEAF_TWICE ||
		               rows[i].transport == STUN_TCP;
		struct asked a;
		unsigned seen;

		print_message("row %zu\n", i);
		ask(&a, &seen, rows[i].transport, rows[i].manner, "127.0.0.1");
		assert_int_equal(a.result.err, rows[i].want);
		/* A slow machine may send once more before the answer is read. */
		if (patient)
			assert_true(a.result.sent >= rows[i].sent && seen >= rows[i].seen);
		if (rows[i].want == ERR_OK) {
			assert_true(addr_eq(&a.result.local, &a.result.mapped));
			assert_int_not_equal(addr_port(&a.result.mapped), 0);
		}
	}
}

static void asks_over_ipv6(void **state)
{
	int probe = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 loopback = { .sin6_family = AF_INET6,
		                         .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool has_v6 = probe >= 0 &&
	              bind(probe, (struct sockaddr *)&loopback, sizeof(loopback)) == 0;
	struct asked a;
	unsigned seen;

	(void)state;
	if (probe >= 0)
		(void)close(probe);
	if (!has_v6) {
		print_message("this machine has no IPv6\n");
		return;
	}
	for (int i = 0; i < 2; i++) {
		ask(&a, &seen, i == 0 ? STUN_UDP : STUN_TCP, ANSWERS, "::1");
		assert_int_equal(a.result.err, ERR_OK);
		assert_int_equal(addr_family(&a.result.mapped), AF_INET6);
		assert_true(addr_eq(&a.result.local, &a.result.mapped));
	}
}

/* Sent at 0, 1, 3, 7, 15, 31, 63 times the first waiting time, given up at 79 (6.2.1). */
static void waits_as_long_as_it_should(void **state)
{
	struct mono start = mono_now();
	struct asked a;
	unsigned seen;
	int64_t ms;

	(void)state;
	ask(&a, &seen, STUN_UDP, MUTE, "127.0.0.1");
	ms = mono_ms_between(start, mono_now());
	assert_int_equal(a.result.err, ERR_TIMEOUT);
	assert_int_equal(a.result.sent, 7);
	assert_int_equal(seen, 7);
	assert_true(ms >= 79 * 4);
}

/* A port at which nobody is: known before we ask it. */
static struct addr deserted(enum stun_transport transport)
{
	struct server server;
	struct loop *loop;

	assert_int_equal(loop_open(&loop, 0), ERR_OK);
	assert_int_equal(server_open(&server, loop, transport, MUTE, "127.0.0.1"), ERR_OK);
	server_close(&server);
	loop_close(loop);
	return server.addr;
}

static void learns_that_nobody_is_there(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct stun_question question = { .transport = i == 0 ? STUN_UDP : STUN_TCP };
		struct stun_query *query;
		struct asked a;
		enum err e;

		question.server = deserted(question.transport);
		assert_int_equal(loop_open(&a.loop, 0), ERR_OK);
		a.calls = 0;
		e = stun_ask(a.loop, &question, note, &a, &query);
		if (e == ERR_OK) {
			loop_run(a.loop);
			assert_int_equal(a.calls, 1);
			e = a.result.err;
		}
		assert_int_equal(e, ERR_REFUSED);
		loop_close(a.loop);
	}
}

static void refuses_impossible_questions(void **state)
{
	static const struct {
		const char *server;
		const char *local;
		enum err want;
	} rows[] = {
		{ "127.0.0.1:3478", "192.0.2.1:0", ERR_UNREACHABLE }, /* no address of ours */
		{ "255.255.255.255:3478", NULL, ERR_DENIED }, /* broadcast was not asked for */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stun_question question = { .transport = STUN_UDP };
		struct stun_query *query;
		struct loop *loop;

		assert_int_equal(loop_open(&loop, 0), ERR_OK);
		assert_int_equal(addr_parse_port(&question.server, str_from(rows[i].server), 0),
		                 ERR_OK);
		if (rows[i].local != NULL)
			assert_int_equal(addr_parse_port(&question.local, str_from(rows[i].local),
			                                 0),
			                 ERR_OK);
		assert_int_equal(stun_ask(loop, &question, note, NULL, &query), rows[i].want);
		loop_close(loop);
	}
}

struct stopper {
	struct timer timer;
	struct loop *loop;
};

static void stop_loop(struct timer *t)
{
	loop_stop(container_of(t, struct stopper, timer)->loop);
}

static void forgets_a_cancelled_question(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct stun_question question = { .transport = i == 0 ? STUN_UDP : STUN_TCP,
			                          .rto_ms = 5,
			                          .timeout_ms = 5 };
		struct stopper stopper = { 0 };
		struct stun_query *query;
		struct server server;
		struct asked a = { 0 };

		assert_int_equal(loop_open(&a.loop, 0), ERR_OK);
		assert_int_equal(server_open(&server, a.loop, question.transport, ANSWERS,
		                             "127.0.0.1"),
		                 ERR_OK);
		question.server = server.addr;
		assert_int_equal(stun_ask(a.loop, &question, note, &a, &query), ERR_OK);
		stun_cancel(query);
		stun_cancel(NULL);
		stopper.loop = a.loop;
		loop_timer_start(a.loop, &stopper.timer, 30, stop_loop);
		loop_run(a.loop);
		assert_int_equal(a.calls, 0);
		server_close(&server);
		loop_close(a.loop);
	}
}

/* ---------------------------------------------------------------------------- without memory */

static void scenario(void *arg)
{
	struct stun_question question = { .transport = *(enum stun_transport *)arg,
		                          .timeout_ms = 2000 };
	struct stun_query *query;
	struct server server;
	struct asked a = { 0 };

	if (loop_open(&a.loop, 0) != ERR_OK)
		return;
	if (server_open(&server, a.loop, question.transport, ANSWERS, "127.0.0.1") == ERR_OK) {
		question.server = server.addr;
		if (stun_ask(a.loop, &question, note, &a, &query) == ERR_OK) {
			loop_run(a.loop);
			assert_int_equal(a.calls, 1);
			assert_true(a.result.err == ERR_OK || alloc_fail_happened());
		} else {
			assert_true(alloc_fail_happened());
		}
	}
	server_close(&server);
	loop_close(a.loop);
}

static void bears_lack_of_memory(void **state)
{
	enum stun_transport transports[] = { STUN_UDP, STUN_TCP };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(transports); i++)
		assert_true(alloc_fail_each(scenario, &transports[i]) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_replies),
		cmocka_unit_test(writes_a_request_that_servers_answer),
		cmocka_unit_test(refuses_impossible_questions),
		cmocka_unit_test(ends_as_the_server_behaves),
		cmocka_unit_test(asks_over_ipv6),
		cmocka_unit_test(waits_as_long_as_it_should),
		cmocka_unit_test(learns_that_nobody_is_there),
		cmocka_unit_test(forgets_a_cancelled_question),
		cmocka_unit_test(bears_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
