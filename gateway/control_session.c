#include "gateway/control_session.h"

#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 << 10)
#define READS_A_TURN 4
#define FRAME_MAX \
	((size_t)16 << 10) /* octets of text in one; escaped it may be six times as long */
#define LOW_WATER ((size_t)64 << 10) /* below this the next part of a stream is written */
#define WORDS_MAX 8                  /* of a line of a body */
#define ARENA_MAX ((size_t)256 << 10)
#define MIB ((size_t)1 << 20)

/* ---------------------------------------------------------------------------- coming and going */

static void unlink_session(struct control_session *s)
{
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	s->control->session_count--;
}

static void free_session(struct control_session *s)
{
	unlink_session(s);
	arena_fini(&s->arena);
	arena_fini(&s->body);
	buf_fini(&s->in);
	buf_fini(&s->out);
	buf_fini(&s->text);
	free(s->changes);
	free(s);
}

/* The client is gone, or has all. */
static void close_session(struct control_session *s)
{
	loop_timer_stop(s->control->loop, &s->timer);
	watch_close(s->watch);
	s->watch = NULL;
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	if (!s->waiting)
		free_session(s);
}

static void on_timer(struct timer *t)
{
	close_session(container_of(t, struct control_session, timer));
}

static void on_ready(void *arg, unsigned events);

void control_adopt(struct control *c, int fd)
{
	struct control_session *s = mem_zero(sizeof(*s));

	if (s == NULL || loop_watch(c->loop, &s->watch, fd, LOOP_READ, on_ready, s) != ERR_OK) {
		free(s);
		(void)close(fd);
		return;
	}
	s->control = c;
	s->fd = fd;
	arena_init(&s->arena, NULL, 0, ARENA_MAX);
	arena_init(&s->body, NULL, 0, CONTROL_REQUEST_MAX);
	buf_init(&s->in, CONTROL_LINE_MAX + READ_SIZE);
	buf_init(&s->out, CONTROL_ANSWER_MAX);
	buf_init(&s->text, CONTROL_ANSWER_MAX);
	s->writer = json_to(&s->text);
	s->next = c->sessions;
	s->prev = &c->sessions;
	if (s->next != NULL)
		s->next->prev = &s->next;
	c->sessions = s;
	c->session_count++;
	loop_timer_start(c->loop, &s->timer, CONTROL_REQUEST_MS, on_timer);
}

/* ---------------------------------------------------------------------------- sending */

static bool send_some(struct control_session *s)
{
	while (s->sent < s->out.len) {
		ssize_t n = send(s->fd, s->out.data + s->sent, s->out.len - s->sent,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		s->sent += (size_t)n;
		loop_timer_start(s->control->loop, &s->timer, CONTROL_STALL_MS, on_timer);
	}
	buf_clear(&s->out);
	s->sent = 0;
	return true;
}

/* Send what there is, write the next part where there is room, close when all is said. Not for those that wait. */
static void go_on(struct control_session *s)
{
	if (s->out.err != ERR_OK || s->text.err != ERR_OK || !send_some(s)) {
		close_session(s); /* without "exit" the client knows that something is missing */
		return;
	}
	if (s->ended && s->out.len == 0) {
		close_session(s);
		return;
	}
	watch_set(s->watch, LOOP_WRITE);
}

static void on_writable(struct control_session *s)
{
	if (!s->ended && s->more != NULL && s->out.len - s->sent < LOW_WATER)
		s->more(s);
	go_on(s);
}

void control_sessions_end(struct control *c)
{
	struct control_session *s = c->sessions;

	while (s != NULL) {
		struct control_session *next = s->next;
		struct control_job *job = s->job;

		if (job != NULL) {
			job->abroad++;
			loop_post(job->worker->loop, &job->stop);
		}
		if (!s->ended) {
			control_err(s, "the daemon is ending\n");
			control_exit(s, CONTROL_FAILED);
			(void)send_some(s); /* as far as it goes at once */
		}
		close_session(s);
		s = next;
	}
}

/* ---------------------------------------------------------------------------- receiving */

static void say_wrong(struct control_session *s, const char *what)
{
	control_err(s,
	            "the daemon does not understand this command (%s); is it of another version?\n",
	            what);
	control_exit(s, CONTROL_WRONG);
}

static void take_flags(struct control_session *s, const struct str *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(words[i], STR("--json")))
			s->json = true;
		else if (str_eq(words[i], STR("--trace")))
			s->trace = true;
		else
			s->args[s->arg_count++] = words[i];
	}
}

/* The first line. */
static void take_word(struct control_session *s, struct str line)
{
	struct str words[CONTROL_ARGS_MAX];
	size_t count;

	if (json_read_strs(line, &s->arena, words, CONTROL_ARGS_MAX, &count) != ERR_OK ||
	    count == 0) {
		say_wrong(s, "malformed");
		return;
	}
	s->word = control_word_find(words[0]);
	take_flags(s, words + 1, count - 1);
	if (s->word == NULL || (s->control->gateway == NULL && !s->word->alone))
		say_wrong(s, "no such word");
	else if (s->arg_count < s->word->least || s->arg_count > s->word->most)
		say_wrong(s, "arguments");
}

static void take_line(struct control_session *s, struct str line)
{
	struct str words[WORDS_MAX];
	size_t count;

	if (s->word == NULL)
		take_word(s, line);
	else if (line.len == 0)
		s->whole = true;
	else if (s->word->line == NULL ||
	         json_read_strs(line, &s->body, words, WORDS_MAX, &count) != ERR_OK)
		say_wrong(s, "body");
	else
		(void)s->word->line(s, words, count);
}

/* All lines that are whole. False: one is over-long. */
static bool take_lines(struct control_session *s)
{
	struct str rest = buf_view(&s->in);

	while (!s->whole && !s->ended) {
		size_t at = str_find(rest, '\n');

		if (at == rest.len)
			break;
		take_line(s, str_head(rest, at));
		rest = str_from_at(rest, at + 1);
	}
	buf_drop(&s->in, s->in.len - rest.len);
	return s->whole || s->ended || rest.len < CONTROL_LINE_MAX;
}

static void answer(struct control_session *s)
{
	watch_set(s->watch, 0);
	loop_timer_start(s->control->loop, &s->timer, CONTROL_STALL_MS, on_timer);
	if (!s->ended)
		s->word->run(s);
	if (!s->waiting)
		go_on(s);
}

/* 0: the client has ended. */
static ssize_t receive(struct control_session *s)
{
	char *room = buf_room(&s->in, READ_SIZE);
	ssize_t n;

	if (room == NULL)
		return 0;
	do {
		n = recv(s->fd, room, READ_SIZE, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -1 : 0;
	buf_advance(&s->in, (size_t)n);
	if (s->received / MIB != (s->received + (size_t)n) / MIB)
		loop_timer_start(s->control->loop, &s->timer, CONTROL_REQUEST_MS, on_timer);
	s->received += (size_t)n;
	return n;
}

static void on_readable(struct control_session *s)
{
	for (unsigned i = 0; i < READS_A_TURN; i++) {
		ssize_t n = receive(s);

		if (n < 0)
			return;
		if (n == 0 || s->received > CONTROL_REQUEST_MAX || !take_lines(s)) {
			close_session(s);
			return;
		}
		if (s->whole || s->ended) {
			answer(s);
			return;
		}
	}
}

static void on_ready(void *arg, unsigned events)
{
	struct control_session *s = arg;

	if (s->whole || s->ended)
		on_writable(s);
	else if ((events & LOOP_READ) != 0)
		on_readable(s);
}

/* ---------------------------------------------------------------------------- answering */

void control_frame(struct control_session *s, const struct str *words, size_t count)
{
	struct json j = json_to(&s->out);

	json_strs(&j, NULL, words, count);
	buf_char(&s->out, '\n');
}

/* At most `max` octets, no character cut in two. */
static struct str part_of(struct str text, size_t max)
{
	size_t len = text.len < max ? text.len : max;

	while (len < text.len && len > max - 4 && ((unsigned char)text.p[len] & 0xc0) == 0x80)
		len--;
	return str_head(text, len);
}

void control_put(struct control_session *s, struct str kind, struct str text)
{
	while (text.len > 0) {
		const struct str words[] = { kind, part_of(text, FRAME_MAX) };

		control_frame(s, words, COUNT_OF(words));
		text = str_from_at(text, words[1].len);
	}
}

void control_out(struct control_session *s, struct str text)
{
	control_put(s, STR("out"), text);
}

void control_err(struct control_session *s, const char *format, ...)
{
	char text[2048];
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (n > 0)
		control_put(s, STR("err"),
		            str_of(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));
}

void control_say(struct control_session *s)
{
	if (s->text.err != ERR_OK)
		return; /* the session is ended by go_on() */
	control_out(s, buf_view(&s->text));
	buf_clear(&s->text);
}

void control_exit(struct control_session *s, enum control_exit status)
{
	const char digit = (char)('0' + status);
	const struct str words[] = { STR("exit"), str_of(&digit, 1) };

	if (s->ended)
		return;
	control_frame(s, words, COUNT_OF(words));
	s->ended = true;
}

void control_fail(struct control_session *s, enum err e)
{
	buf_clear(&s->text);
	control_err(s, "the daemon cannot do this now: %s\n", err_text(e));
	control_exit(s, CONTROL_FAILED);
}

void control_walked(struct control_session *s, struct str key)
{
	s->after_len = key.len < sizeof(s->after) ? key.len : sizeof(s->after);
	memcpy(s->after, key.p, s->after_len);
}

void control_stream(struct control_session *s, void (*more)(struct control_session *s))
{
	s->more = more;
	more(s);
}

void control_wait(struct control_session *s)
{
	s->waiting = true;
	s->control->waiting++;
	loop_timer_stop(s->control->loop, &s->timer);
	watch_set(s->watch, 0);
}

bool control_resume(struct control_session *s)
{
	struct control *c = s->control;

	s->waiting = false;
	c->waiting--;
	if (c->closing && c->waiting == 0)
		loop_stop(c->loop);
	if (s->fd >= 0) {
		loop_timer_start(c->loop, &s->timer, CONTROL_STALL_MS, on_timer);
		watch_set(s->watch, LOOP_WRITE); /* what will be written is sent in its turn */
		return true;
	}
	free_session(s);
	return false;
}

/* ---------------------------------------------------------------------------- jobs */

static void come_back(struct control_job *job)
{
	struct control_session *s = job->session;

	if (--job->abroad > 0)
		return;
	s->job = NULL;
	if (control_resume(s))
		job->answer(job, s);
	buf_fini(&job->text);
	job->free(job);
}

static void on_done(struct post *post, struct loop *loop)
{
	(void)loop;
	come_back(container_of(post, struct control_job, post));
}

static void on_stopped(struct post *post, struct loop *loop)
{
	(void)loop;
	come_back(container_of(post, struct control_job, stop));
}

static void on_begin(struct post *post, struct loop *loop)
{
	struct control_job *job = container_of(post, struct control_job, post);

	(void)loop;
	job->begin(job);
}

static void on_stop(struct post *post, struct loop *loop)
{
	struct control_job *job = container_of(post, struct control_job, stop);
	struct loop *home = job->session->control->loop;

	(void)loop;
	if (!job->done && job->cancel != NULL)
		job->cancel(job);
	job->stop.run = on_stopped;
	loop_post(home, &job->stop);
}

void control_job_start(struct control_session *s, struct control_job *job, struct worker *worker)
{
	job->session = s;
	job->worker = worker;
	job->post.run = on_begin;
	job->stop.run = on_stop;
	job->abroad = 1;
	buf_init(&job->text, CONTROL_ANSWER_MAX);
	s->job = job;
	control_wait(s);
	loop_post(worker->loop, &job->post);
}

void control_job_done(struct control_job *job)
{
	struct loop *home = job->session->control->loop;

	must(!job->done);
	job->done = true;
	job->post.run = on_done;
	loop_post(home, &job->post);
}

void control_job_answer(struct control_job *job, struct control_session *s)
{
	if (job->text.err != ERR_OK) {
		control_fail(s, job->text.err);
		return;
	}
	control_out(s, buf_view(&job->text));
	control_exit(s, job->status);
}
