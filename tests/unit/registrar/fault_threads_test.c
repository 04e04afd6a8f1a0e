/* A disk that fails: registrations get 503, look-ups go on, and it is well again without a restart.
 *
 * The system calls with which LMDB writes come through here. */
#include "tests/unit/registrar/scene.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define ALICE "sip:alice@alpha.example"

/* What fails. Here, since system calls have no argument for it. */
enum fault {
	NO_FAULT,
	FAULT_SYNC,      /* fsync, fdatasync: EIO */
	FAULT_WRITE,     /* of data: ENOSPC */
	FAULT_ROOT,      /* of LMDB's root, once: EIO */
	FAULT_ROOT_DONE, /* it has happened */
};
static atomic_int fault;
static atomic_uint faults;

static bool fails(enum fault which, int error)
{
	if (atomic_load(&fault) != (int)which)
		return false;
	(void)atomic_fetch_add(&faults, 1);
	errno = error;
	return true;
}

int fdatasync(int fd)
{
	return fails(FAULT_SYNC, EIO) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return fails(FAULT_SYNC, EIO) ? -1 : (int)syscall(SYS_fsync, fd);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	/* LMDB's roots are in its first two pages, and nothing else of it is that small. */
	if (at < 8192 && n < 512 && n > 64 && fails(FAULT_ROOT, EIO)) {
		atomic_store(&fault, FAULT_ROOT_DONE);
		return -1;
	}
	if (n >= 4096 && fails(FAULT_WRITE, ENOSPC))
		return -1;
	return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	return fails(FAULT_WRITE, ENOSPC) ? -1 : syscall(SYS_writev, fd, parts, count);
}

/* ---------------------------------------------------------------------------- a reader beside it */

struct watcher {
	struct scene *scene;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint found;
	atomic_uint closed; /* look-ups that met the store while it was opened again */
};

static void look_at(struct watcher *w, struct reg_reader *reader)
{
	char memory[4096];
	struct arena arena;
	struct reg_bindings found;
	enum reg_known known;
	enum err e;

	arena_init(&arena, memory, sizeof(memory), 0);
	e = reg_lookup(reader, STR(ALICE), (struct wall){ SCENE_NOW_MS }, &arena, &known, &found);
	if (e == ERR_IO) {
		(void)atomic_fetch_add(&w->closed, 1);
		return;
	}
	must(e == ERR_OK && known == REG_FOUND && found.count == 1);
	(void)atomic_fetch_add(&w->found, 1);
}

static void *watch(void *arg)
{
	struct watcher *w = arg;
	struct reg_reader *reader;

	must(reg_reader_open(&reader, w->scene->reg) == ERR_OK);
	while (!atomic_load(&w->stop)) {
		look_at(w, reader);
		(void)usleep(200);
	}
	reg_reader_close(reader);
	return NULL;
}

/* ---------------------------------------------------------------------------- the story */

/* How often `word` stands in the file. */
static unsigned count_in(FILE *f, const char *word)
{
	char line[LOG_LINE_MAX];
	unsigned n = 0;

	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, word) != NULL ? 1 : 0;
	return n;
}

static unsigned bind_alice(struct scene *s, uint32_t cseq)
{
	return scene_bind(s, ALICE, "sip:alice@192.0.2.1", "a", cseq, 600);
}

static void fail_and_recover(enum fault which)
{
	static struct scene s;
	static struct watcher w;
	struct reg_counts counts;
	FILE *log_file = tmpfile();
	uint32_t cseq = 1;
	unsigned found;

	assert_non_null(log_file);
	scene_init(&s);
	assert_int_equal(log_open(&s.conf.log, fileno(log_file), LOG_TEXT, LOG_INFO), ERR_OK);
	scene_open(&s);
	assert_int_equal(bind_alice(&s, cseq++), 200);
	memset(&w, 0, sizeof(w));
	w.scene = &s;
	assert_int_equal(pthread_create(&w.thread, NULL, watch, &w), 0);

	atomic_store(&faults, 0);
	atomic_store(&fault, which);
	assert_int_equal(bind_alice(&s, cseq++), 503);
	assert_true(s.retry_after_s > 0);
	assert_true(atomic_load(&faults) > 0);
	/* At once again: it isn't tried, and refused. On a busy machine it may be later, and the root is lost only once. */
	if (which != FAULT_ROOT) {
		assert_int_equal(bind_alice(&s, cseq++), 503);
		assert_int_equal(scene_bind(&s, "sip:bob@alpha.example", "sip:b@192.0.2.1", "b", 1,
		                            600),
		                 503);
	}
	assert_int_equal(scene_look(&s, "sip:bob@alpha.example"), REG_NOBODY);
	(void)usleep(1500000);
	if (which != FAULT_ROOT)
		assert_int_equal(bind_alice(&s, cseq++), 503);
	assert_int_equal(scene_look(&s, ALICE), REG_FOUND);
	assert_string_equal(s.text, "sip:alice@192.0.2.1 1000 600");
	found = atomic_load(&w.found);

	atomic_store(&fault, NO_FAULT);
	(void)usleep(1100000);
	assert_true(atomic_load(&w.found) > found);
	assert_int_equal(bind_alice(&s, cseq++), 200);
	assert_int_equal(scene_bind(&s, "sip:bob@alpha.example", "sip:b@192.0.2.1", "b", 1, 600),
	                 200);
	assert_int_equal(scene_look(&s, "sip:bob@alpha.example"), REG_FOUND);
	registrar_counts(s.reg, &counts);
	assert_true(counts.failures > 0);

	atomic_store(&w.stop, true);
	assert_int_equal(pthread_join(w.thread, NULL), 0);
	/* The store was away for moments, not for as long as the disk. */
	assert_true(atomic_load(&w.closed) < atomic_load(&w.found) / 10);
	scene_close(&s);
	log_close(s.conf.log);
	assert_int_equal(count_in(log_file, "store_failed"), 1);
	assert_int_equal(count_in(log_file, "store_recovered"), 1);
	(void)fclose(log_file);
	s.conf.log = NULL;
	scene_open(&s);
	assert_int_equal(scene_look(&s, "sip:bob@alpha.example"), REG_FOUND);
	assert_int_equal(scene_look(&s, ALICE), REG_FOUND);
	scene_fini(&s);
}

static void a_failed_sync(void **state)
{
	(void)state;
	fail_and_recover(FAULT_SYNC);
}

static void a_full_disk(void **state)
{
	(void)state;
	fail_and_recover(FAULT_WRITE);
}

static void a_failed_root(void **state)
{
	(void)state;
	fail_and_recover(FAULT_ROOT);
}

/* The map is full, the disk is not: what was there stays, and what is given back can be used. */
static void a_full_map(void **state)
{
	static struct scene s;
	unsigned status = 200;
	unsigned n = 0;
	char aor[64];
	char uri[REG_URI_MAX] = "sip:a@192.0.2.1;x=";

	(void)state;
	memset(uri + strlen(uri), 'x', sizeof(uri) - 1 - strlen(uri));
	uri[sizeof(uri) - 1] = '\0';
	scene_init(&s);
	s.conf.map_size = (size_t)1 << 20;
	scene_open(&s);
	while (status == 200 && n < 20000) {
		(void)snprintf(aor, sizeof(aor), "sip:%u@alpha.example", n++);
		status = scene_bind(&s, aor, uri, "a", 1, 600);
	}
	assert_int_equal(status, 503);
	assert_string_equal(s.reason, "Location Store Full");
	assert_int_equal(scene_look(&s, "sip:0@alpha.example"), REG_FOUND);
	scene_close(&s);
	s.conf.map_size = (size_t)2 << 20;
	scene_open(&s);
	assert_int_equal(scene_bind(&s, aor, uri, "a", 1, 600), 200);
	scene_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_sync),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(a_failed_root),
		cmocka_unit_test(a_full_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
