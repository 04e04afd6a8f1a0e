#include "base/log.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/stock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define LINE_ROOM \
	500 /* octets of the lines that are kept for the next ones; longer ones are rare */
#define STOCK_MAX 2048
#define WAIT_MS 500 /* for a reader, before what waits is given up at the end */

struct log {
	struct mailbox mailbox;
	struct stock *
		stock; /* lines to be used again: freed here, they would cost their makers' heaps the lock */
	pthread_t thread;
	int fd;
	enum log_format format;
	enum log_level least;
	atomic_uint waiting;
	atomic_ullong dropped;
	atomic_bool ending;
	bool given_up; /* the writer's own */
};

struct line {
	struct post post;
	size_t len;
	size_t room;
	char text[];
};

static const char *const level_names[] = { "debug", "info", "warn", "error" };

/* Wait until `fd` takes something: a pipe that nobody reads must not keep the program from ending. */
static bool wait_for_room(struct log *l)
{
	struct pollfd wait = { .fd = l->fd, .events = POLLOUT };

	while (!l->given_up && poll(&wait, 1, WAIT_MS) <= 0)
		l->given_up = atomic_load(&l->ending);
	return !l->given_up;
}

static void write_all(struct log *l, const char *p, size_t len)
{
	while (len > 0 && wait_for_room(l)) {
		ssize_t n = write(l->fd, p, len);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return; /* Nobody reads it any more; there is nowhere to say so. */
		p += n;
		len -= (size_t)n;
	}
}

static void write_waiting(struct log *l)
{
	struct post *p = mailbox_take(&l->mailbox);
	unsigned long long dropped = atomic_exchange(&l->dropped, 0);

	while (p != NULL) {
		struct line *line = container_of(p, struct line, post);

		p = p->next;
		write_all(l, line->text, line->len);
		atomic_fetch_sub(&l->waiting, 1);
		if (line->room == LINE_ROOM)
			stock_put(l->stock, line);
		else
			free(line);
	}
	if (dropped > 0)
		LOG_EVENT(l, LOG_WARN, "log_lines_dropped", LOG_N("lines", dropped));
}

static void *run_log(void *arg)
{
	struct log *l = arg;

	(void)pthread_setname_np(pthread_self(), "log");
	for (;;) {
		struct pollfd wait = { .fd = l->mailbox.wake_fd, .events = POLLIN };
		bool ending = atomic_load(&l->ending);
		uint64_t rings;

		write_waiting(l);
		if (ending)
			return NULL;
		(void)poll(&wait, 1, 1000);
		(void)!read(l->mailbox.wake_fd, &rings, sizeof(rings));
	}
}

enum err log_open(struct log **out, int fd, enum log_format format, enum log_level least)
{
	struct log *l = mem_zero(sizeof(*l));
	sigset_t all;
	sigset_t before;
	int failed;
	enum err e;

	if (l == NULL)
		return ERR_NOMEM;
	l->fd = fd;
	l->format = format;
	l->least = least;
	if ((e = stock_open(&l->stock, STOCK_MAX)) != ERR_OK ||
	    (e = mailbox_init(&l->mailbox)) != ERR_OK) {
		stock_close(l->stock);
		free(l);
		return e;
	}
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&l->thread, NULL, run_log, l);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		mailbox_fini(&l->mailbox);
		stock_close(l->stock);
		free(l);
		return ERR_SYSTEM;
	}
	*out = l;
	return ERR_OK;
}

void log_close(struct log *l)
{
	uint64_t one = 1;

	if (l == NULL)
		return;
	atomic_store(&l->ending, true);
	(void)!write(l->mailbox.wake_fd, &one, sizeof(one));
	must(pthread_join(l->thread, NULL) == 0);
	/* Twice: the first may have left a line that tells of lines dropped. */
	write_waiting(l);
	write_waiting(l);
	mailbox_fini(&l->mailbox);
	stock_close(l->stock);
	free(l);
}

bool log_wants(const struct log *l, enum log_level level)
{
	return l != NULL && level >= l->least;
}

static void write_json_text(struct buf *b, struct str s)
{
	buf_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\') {
			buf_char(b, '\\');
			buf_char(b, (char)c);
		} else if (c < 0x20 || c >= 0x7f) {
			/* Octets beyond ASCII may be no UTF-8 at all: shown by number. */
			buf_printf(b, "\\u%04x", c);
		} else {
			buf_char(b, (char)c);
		}
	}
	buf_char(b, '"');
}

static bool needs_quotes(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return true;
	}
	return s.len == 0;
}

static void write_time(struct buf *b)
{
	struct wall now = wall_now();
	time_t seconds = (time_t)(now.ms / 1000);
	struct tm tm;
	char text[32];

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(b, "%s.%03dZ", text, (int)(now.ms % 1000));
}

static void write_field(const struct log *l, struct buf *b, const struct log_field *f)
{
	if (l->format == LOG_JSON)
		buf_printf(b, ",\"%s\":", f->key);
	else
		buf_printf(b, " %s=", f->key);
	if (f->is_number)
		buf_printf(b, "%lld", (long long)f->number);
	else if (l->format == LOG_JSON || needs_quotes(f->text))
		write_json_text(b, f->text);
	else
		buf_str(b, f->text);
}

static void write_line(const struct log *l, struct buf *b, enum log_level level, const char *event,
                       const struct log_field *fields, size_t count)
{
	if (l->format == LOG_JSON) {
		buf_z(b, "{\"time\":\"");
		write_time(b);
		buf_printf(b, "\",\"level\":\"%s\",\"event\":\"%s\"", level_names[level], event);
	} else {
		buf_z(b, "time=");
		write_time(b);
		buf_printf(b, " level=%s event=%s", level_names[level], event);
	}
	for (size_t i = 0; i < count; i++) {
		size_t before = b->len;

		write_field(l, b, &fields[i]);
		/* A field that does not fit is left out whole. */
		if (b->err != ERR_OK) {
			b->len = before;
			b->err = ERR_OK;
		}
	}
}

static struct line *line_new(struct log *l, size_t len)
{
	struct line *line = len <= LINE_ROOM ? stock_take(l->stock) : NULL;
	size_t room = len <= LINE_ROOM ? LINE_ROOM : len;

	if (line == NULL)
		line = malloc(sizeof(*line) + room);
	if (line != NULL)
		line->room = room;
	return line;
}

void log_event(struct log *l, enum log_level level, const char *event,
               const struct log_field *fields, size_t count)
{
	char memory[LOG_LINE_MAX];
	struct buf b;
	struct line *line;

	if (!log_wants(l, level))
		return;
	if (atomic_fetch_add(&l->waiting, 1) >= LOG_QUEUE_MAX)
		goto drop;
	/* Room is kept for the end of the line. */
	buf_wrap(&b, memory, sizeof(memory) - 2);
	write_line(l, &b, level, event, fields, count);
	line = line_new(l, b.len + 2);
	if (line == NULL)
		goto drop;
	memcpy(line->text, b.data, b.len);
	line->len = b.len;
	if (l->format == LOG_JSON)
		line->text[line->len++] = '}';
	line->text[line->len++] = '\n';
	mailbox_post(&l->mailbox, &line->post);
	return;
drop:
	atomic_fetch_sub(&l->waiting, 1);
	atomic_fetch_add(&l->dropped, 1);
}
