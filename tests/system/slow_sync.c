/* tests/system/slow_sync.c: a disk that takes its time, for LD_PRELOAD.
 *
 * Each fsync, fdatasync and msync, and each write to a descriptor that is synchronous (O_SYNC, O_DSYNC), is held for SLOW_SYNC_MS before it is done, and
 * noted in the file SLOW_SYNC_NOTES when it is: a line "WHAT BEGIN END", in nanoseconds of CLOCK_MONOTONIC. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long hold(void)
{
	const char *ms = getenv("SLOW_SYNC_MS");
	long long begin = now_ns();
	long long left = (ms != NULL ? atoll(ms) : 0) * 1000000;
	struct timespec pause = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };

	while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
		;
	return begin;
}

/* errno is the caller's. */
static void note(const char *what, long long begin)
{
	const char *path = getenv("SLOW_SYNC_NOTES");
	int kept = errno;
	int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	char line[96];
	int len = snprintf(line, sizeof(line), "%s %lld %lld\n", what, begin, now_ns());

	if (fd >= 0) {
		if (syscall(SYS_write, fd, line, (size_t)len) != len)
			abort();
		close(fd);
	}
	errno = kept;
}

static bool is_synchronous(int fd)
{
	int kept = errno;
	int flags = fcntl(fd, F_GETFL);

	errno = kept;
	return flags >= 0 && (flags & O_DSYNC) != 0; /* O_SYNC has that bit too */
}

/* The macros below write whole functions, whose parameters and arguments are lists in parentheses already. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define SYNC(name, parameters, arguments)        \
	int name parameters                      \
	{                                        \
		long long begin = hold();        \
		int done = REAL(name) arguments; \
                                                 \
		note(#name, begin);              \
		return done;                     \
	}

#define WRITE(name, parameters, arguments)           \
	ssize_t name parameters                      \
	{                                            \
		bool slow = is_synchronous(fd);      \
		long long begin = slow ? hold() : 0; \
		ssize_t done = REAL(name) arguments; \
                                                     \
		if (slow)                            \
			note(#name, begin);          \
		return done;                         \
	}

SYNC(fsync, (int fd), (fd))
SYNC(fdatasync, (int fd), (fd))
SYNC(msync, (void *at, size_t len, int flags), (at, len, flags))
WRITE(write, (int fd, const void *data, size_t len), (fd, data, len))
WRITE(pwrite, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
WRITE(pwrite64, (int fd, const void *data, size_t len, off64_t at), (fd, data, len, at))
WRITE(writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
WRITE(pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at))
WRITE(pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at))
/* NOLINTEND(bugprone-macro-parentheses) */
