#include "base/log.h"

#include "base/clock.h"
#include "base/mem.h"

#include "../alloc_fail.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A file that is gone when it is closed. */
static int scratch(void)
{
	char name[] = "/tmp/lotse-log-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	(void)unlink(name);
	return fd;
}

/* All that was written, for free(). */
static char *written(int fd)
{
	struct buf b;
	ssize_t n = 1;

	buf_init(&b, (size_t)64 << 20);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	while (n > 0) {
		char *room = buf_room(&b, 65536);

		assert_non_null(room);
		n = read(fd, room, 65536);
		buf_advance(&b, n > 0 ? (size_t)n : 0);
	}
	return buf_take(&b);
}

static char *log_once(enum log_format format, const struct log_field *fields, size_t count)
{
	struct log *l = NULL;
	int fd = scratch();
	char *text;

	assert_int_equal(log_open(&l, fd, format, LOG_INFO), ERR_OK);
	log_event(l, LOG_DEBUG, "too_low", NULL, 0);
	log_event(l, LOG_WARN, "happened", fields, count);
	log_close(l);
	text = written(fd);
	(void)close(fd);
	return text;
}

/* Values are quoted where they could be taken for something else; no octet breaks a line. */
static void lines_have_one_form(void **state)
{
	static const struct {
		struct str value;
		const char *text;
		const char *json;
	} cases[] = {
		{ STR_INIT("plain"), " k=plain\n", ",\"k\":\"plain\"}\n" },
		{ STR_INIT(""), " k=\"\"\n", ",\"k\":\"\"}\n" },
		{ STR_INIT("a b"), " k=\"a b\"\n", ",\"k\":\"a b\"}\n" },
		{ STR_INIT("a=b"), " k=\"a=b\"\n", ",\"k\":\"a=b\"}\n" },
		{ STR_INIT("\"\\"), " k=\"\\\"\\\\\"\n", ",\"k\":\"\\\"\\\\\"}\n" },
		{ STR_INIT("x\r\nevil=1"), " k=\"x\\u000d\\u000aevil=1\"\n",
		  ",\"k\":\"x\\u000d\\u000aevil=1\"}\n" },
		{ STR_INIT("\0\x1b\x7f\xff"), " k=\"\\u0000\\u001b\\u007f\\u00ff\"\n",
		  ",\"k\":\"\\u0000\\u001b\\u007f\\u00ff\"}\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct log_field field = LOG_S("k", cases[i].value);
		char *text = log_once(LOG_TEXT, &field, 1);

		assert_non_null(strstr(text, " level=warn event=happened k="));
		assert_string_equal(strstr(text, " k="), cases[i].text);
		assert_null(strstr(text, "too_low"));
		free(text);
		text = log_once(LOG_JSON, &field, 1);
		assert_non_null(strstr(text, "\"level\":\"warn\",\"event\":\"happened\""));
		assert_string_equal(strstr(text, ",\"k\":"), cases[i].json);
		free(text);
	}
}

/* A field that does not fit is left out whole, the rest stays. */
static void lines_are_bounded(void **state)
{
	static char lengthy[LOG_LINE_MAX];
	struct log_field fields[] = { LOG_N("first", -1), LOG_S("big", STR_NONE),
		                      LOG_E("last", ERR_TIMEOUT) };
	char *text;

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy));
	fields[1].text = str_of(lengthy, sizeof(lengthy));
	text = log_once(LOG_TEXT, fields, 3);
	assert_string_equal(strstr(text, " first="), " first=-1 last=\"timed out\"\n");
	free(text);
	lengthy[0] = '\n';
	text = log_once(LOG_JSON, fields, 3);
	assert_string_equal(strstr(text, ",\"first\":"), ",\"first\":-1,\"last\":\"timed out\"}\n");
	free(text);
}

static void no_log_is_silent(void **state)
{
	(void)state;
	assert_false(log_wants(NULL, LOG_ERROR));
	LOG_EVENT(NULL, LOG_ERROR, "nobody", LOG_Z("k", "v"));
	log_close(NULL);
}

#define THREADS 4
#define LINES 1000

struct writer {
	struct log *log;
	unsigned number;
};

static void *write_lines(void *arg)
{
	struct writer *w = arg;

	for (unsigned i = 0; i < LINES; i++)
		LOG_EVENT(w->log, LOG_INFO, "line", LOG_N("writer", w->number), LOG_N("i", i));
	return NULL;
}

/* Lines of many threads stay whole, in order for each, and none is lost below the bound. */
static void threads_share_a_log(void **state)
{
	struct writer writers[THREADS];
	unsigned next[THREADS] = { 0 };
	pthread_t threads[THREADS];
	struct log *l = NULL;
	int fd = scratch();
	struct str rest;
	char *text;

	(void)state;
	assert_int_equal(log_open(&l, fd, LOG_TEXT, LOG_DEBUG), ERR_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){ l, i };
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &writers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	log_close(l);
	text = written(fd);
	rest = str_from(text);
	while (!str_empty(rest)) {
		struct str line = str_cut(&rest, '\n');
		unsigned writer = THREADS;
		unsigned i = 0;

		/* The time has a fixed length. */
		assert_int_equal(sscanf(line.p + strlen("time=2000-01-01T00:00:00.000Z"),
		                        " level=info event=line writer=%u i=%u", &writer, &i),
		                 2);
		assert_in_range(writer, 0, THREADS - 1);
		assert_int_equal(i, next[writer]++);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(next[i], LINES);
	free(text);
	(void)close(fd);
}

/* A pipe that nobody reads holds nobody up: lines over the bound are dropped, and closing gives up. */
static void a_reader_that_sleeps_stops_nobody(void **state)
{
	struct log *l = NULL;
	struct mono start;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(log_open(&l, ends[1], LOG_TEXT, LOG_INFO), ERR_OK);
	start = mono_now();
	for (int i = 0; i < LOG_QUEUE_MAX + 3000; i++)
		LOG_EVENT(l, LOG_INFO, "line",
		          LOG_Z("padding", "0123456789012345678901234567890123456789"));
	log_close(l);
	assert_true(mono_ms_between(start, mono_now()) < 8000);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* A reader that comes back is told what it missed. */
static void dropped_lines_are_told(void **state)
{
	struct log *l = NULL;
	char *seen = calloc(1, 1 << 20);
	char piece[4096];
	size_t tail = 0;
	int ends[2];
	ssize_t n;

	(void)state;
	assert_non_null(seen);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(log_open(&l, ends[1], LOG_TEXT, LOG_INFO), ERR_OK);
	for (int i = 0; i < LOG_QUEUE_MAX * 2; i++)
		LOG_EVENT(l, LOG_INFO, "line",
		          LOG_Z("padding", "0123456789012345678901234567890123456789"));
	/* Keep the end of what was read, until it tells. */
	while (strstr(seen, "event=log_lines_dropped lines=") == NULL &&
	       (n = read(ends[0], piece, sizeof(piece))) > 0) {
		if (tail > 8192) {
			memmove(seen, seen + tail - 4096, 4096);
			tail = 4096;
		}
		memcpy(seen + tail, piece, (size_t)n);
		tail += (size_t)n;
		seen[tail] = '\0';
	}
	assert_non_null(strstr(seen, "event=log_lines_dropped lines="));
	free(seen);
	log_close(l);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void log_a_little(void *arg)
{
	struct log *l = NULL;

	if (log_open(&l, *(int *)arg, LOG_TEXT, LOG_INFO) == ERR_OK) {
		LOG_EVENT(l, LOG_INFO, "one", LOG_N("n", 1));
		LOG_EVENT(l, LOG_INFO, "two", LOG_N("n", 2));
	} else {
		assert_true(alloc_fail_happened());
	}
	log_close(l);
}

static void memory_may_run_out(void **state)
{
	int fd = scratch();

	(void)state;
	assert_true(alloc_fail_each(log_a_little, &fd) >= 3);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_have_one_form),
		cmocka_unit_test(lines_are_bounded),
		cmocka_unit_test(no_log_is_silent),
		cmocka_unit_test(threads_share_a_log),
		cmocka_unit_test(a_reader_that_sleeps_stops_nobody),
		cmocka_unit_test(dropped_lines_are_told),
		cmocka_unit_test(memory_may_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
