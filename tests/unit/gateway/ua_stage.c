#include "ua_stage.h"

#include "gateway/ua_answer.h"
#include "gateway/ua_ask.h"
#include "gateway/ua_call.h"
#include "gateway/ua_register.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 24

void stage_block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

/* ---------------------------------------------------------------------------- the other side */

void peer_open(struct peer *p)
{
	socklen_t len = sizeof(p->addr.sa);

	*p = (struct peer){ .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
	assert_true(p->fd >= 0);
	assert_int_equal(addr_parse(&p->addr, STR("127.0.0.1"), 0), ERR_OK);
	assert_int_equal(bind(p->fd, &p->addr.sa.any, addr_len(&p->addr)), 0);
	assert_int_equal(getsockname(p->fd, &p->addr.sa.any, &len), 0);
}

void peer_close(struct peer *p)
{
	(void)close(p->fd);
}

static bool receive(struct peer *p, int ms)
{
	struct pollfd waiting = { .fd = p->fd, .events = POLLIN };
	socklen_t len = sizeof(p->remote.sa);
	struct sip_fault fault;
	ssize_t n;

	if (poll(&waiting, 1, ms) != 1)
		return false;
	n = recvfrom(p->fd, p->bytes, sizeof(p->bytes), 0, &p->remote.sa.any, &len);
	assert_true(n > 0);
	assert_int_equal(sip_parse(&p->msg, str_of(p->bytes, (size_t)n), &fault), ERR_OK);
	assert_int_equal(sip_check(&p->msg, &fault), ERR_OK);
	return true;
}

static bool is(const struct sip_msg *msg, const char *what)
{
	char status[16];

	(void)snprintf(status, sizeof(status), "%u", msg->status);
	return str_eq(msg->is_request ? msg->method_name : str_from(status), str_from(what));
}

void peer_expect_past(struct peer *p, const char *what, const char *past)
{
	do {
		if (!receive(p, STAGE_WAIT_MS))
			fail_msg("%s did not come", what);
	} while (is(&p->msg, past) && !is(&p->msg, what));
	if (!is(&p->msg, what))
		fail_msg("%s expected, received %.*s", what, STR_ARG(p->msg.raw));
}

void peer_expect(struct peer *p, const char *what)
{
	peer_expect_past(p, what, "");
}

void peer_expect_nothing(struct peer *p, int ms)
{
	if (receive(p, ms))
		fail_msg("nothing expected, received %.*s", STR_ARG(p->msg.raw));
}

static void send_bytes(const struct peer *p, struct str bytes)
{
	assert_int_equal(sendto(p->fd, bytes.p, bytes.len, 0, &p->remote.sa.any,
	                        addr_len(&p->remote)),
	                 (ssize_t)bytes.len);
}

void peer_send(struct peer *p, const char *text)
{
	send_bytes(p, str_from(text));
}

void peer_answer(struct peer *p, const struct sip_msg *req, unsigned status, const char *tag,
                 const char *headers, const char *body)
{
	const struct sip_response response = { .status = status,
		                               .to_tag = str_from(tag),
		                               .source = &p->remote };
	char memory[STAGE_BYTES];
	struct buf out;

	buf_wrap(&out, memory, sizeof(memory));
	sip_response_begin(&out, req, &response);
	buf_z(&out, headers);
	sip_finish(&out, body[0] == '\0' ? STR_NONE : STR("application/sdp"), str_from(body));
	assert_int_equal(out.err, ERR_OK);
	send_bytes(p, buf_view(&out));
}

void peer_aim(struct peer *p, const struct play *play)
{
	p->remote = *sip_listener_addr(play->ua->wires, play->ua->listeners[0]);
}

void peer_keep(const struct peer *p, struct kept *kept)
{
	struct sip_fault fault;

	memcpy(kept->bytes, p->msg.raw.p, p->msg.raw.len);
	assert_int_equal(sip_parse(&kept->msg, str_of(kept->bytes, p->msg.raw.len), &fault),
	                 ERR_OK);
}

/* ---------------------------------------------------------------------------- the user agent */

static enum err open_task(struct ua *ua)
{
	static enum err (*const open[])(struct ua *) = { [UA_REGISTER] = ua_register_open,
		                                         [UA_OPTIONS] = ua_ask_open,
		                                         [UA_CALL] = ua_call_open,
		                                         [UA_ANSWER] = ua_answer_open };

	return open[ua->args->command](ua);
}

static void *run(void *arg)
{
	struct play *play = arg;

	play->status = ua_run(play->ua);
	return NULL;
}

void play_begin(struct play *play, const char *command, int port)
{
	char line[1024];
	char *words[WORDS_MAX + 1] = { NULL };
	int count = 0;
	struct str rest = str_from(command);
	struct buf text;
	struct buf why;

	buf_wrap(&text, line, sizeof(line));
	while (rest.len > 0) {
		struct str part = str_cut(&rest, '%');

		buf_str(&text, part);
		if (rest.len > 0 && rest.p[0] == 'd') {
			buf_number(&text, (uint64_t)port);
			rest = str_from_at(rest, 1);
		}
	}
	*play = (struct play){ .status = UA_USAGE };
	(void)snprintf(play->words, sizeof(play->words), "%s", buf_cstr(&text));
	for (char *save = NULL, *word = strtok_r(play->words, " ", &save);
	     word != NULL && count < WORDS_MAX; word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	buf_init(&why, 4096);
	if (ua_args_parse(&play->args, count, words, &why) != ERR_OK ||
	    ua_open(&play->ua, &play->args, &why) != ERR_OK)
		fail_msg("%.*s", (int)why.len, why.data);
	buf_fini(&why);
	play->events = tmpfile();
	assert_non_null(play->events);
	play->ua->out = play->events;
	assert_int_equal(open_task(play->ua), ERR_OK);
	assert_int_equal(pthread_create(&play->thread, NULL, run, play), 0);
}

void play_stop(void)
{
	assert_int_equal(kill(getpid(), SIGTERM), 0);
}

enum ua_status play_end(struct play *play)
{
	size_t n;

	assert_int_equal(pthread_join(play->thread, NULL), 0);
	ua_close(play->ua);
	rewind(play->events);
	n = fread(play->told, 1, sizeof(play->told) - 1, play->events);
	play->told[n] = '\0';
	(void)fclose(play->events);
	(void)fputs(play->told, stdout); /* cmocka's own printing cuts */
	return play->status;
}
