#include "registrar/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROBE_OCTETS = 65536 };

enum err folder_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = ERR_OK;

	if (fd < 0)
		return err_from_errno(errno);
	if (fsync(fd) != 0)
		e = err_from_errno(errno);
	(void)close(fd);
	return e;
}

/* Make one folder, whose parent is there. */
static enum err make_one(char *path)
{
	char *slash;
	enum err e;

	if (mkdir(path, 0700) != 0)
		return errno == EEXIST ? ERR_OK : err_from_errno(errno);
	slash = strrchr(path, '/');
	if (slash == NULL)
		return folder_sync(".");
	if (slash == path)
		return folder_sync("/");
	*slash = '\0';
	e = folder_sync(path);
	*slash = '/';
	return e;
}

enum err folder_make(const char *path)
{
	char at[PATH_MAX];
	struct stat is;
	enum err e = str_to_z(str_from(path), at, sizeof(at));

	if (e != ERR_OK || at[0] == '\0')
		return ERR_LIMIT;
	for (char *p = at + 1; e == ERR_OK && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		/* Not only mkdir(): one that is there may lie below what we may not write. */
		e = stat(at, &is) == 0 ? ERR_OK : make_one(at);
		*p = '/';
	}
	if (e == ERR_OK)
		e = make_one(at);
	if (e == ERR_OK && (stat(at, &is) != 0 || !S_ISDIR(is.st_mode)))
		e = ERR_NOTFOUND;
	return e;
}

static enum err open_in(const char *folder, const char *name, int flags, int *fd)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return ERR_LIMIT;
	*fd = open(path, flags | O_CLOEXEC, 0600);
	return *fd < 0 ? err_from_errno(errno) : ERR_OK;
}

static long read_owner(int fd)
{
	char text[24] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n <= 0 ? 0 : strtol(text, NULL, 10);
}

static enum err write_owner(int fd)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return errno == 0 ? ERR_FULL : err_from_errno(errno);
	return ERR_OK;
}

enum err folder_lock(const char *folder, int *fd, long *owner)
{
	enum err e = open_in(folder, "lock", O_RDWR | O_CREAT, fd);

	*owner = 0;
	if (e != ERR_OK)
		return e;
	/* The file is never removed: whoever opened it meanwhile would hold another lock. */
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		e = errno == EWOULDBLOCK ? ERR_INUSE : err_from_errno(errno);
		*owner = read_owner(*fd);
	} else {
		e = write_owner(*fd);
	}
	if (e != ERR_OK) {
		(void)close(*fd);
		*fd = -1;
	}
	return e;
}

enum err folder_probe(const char *folder)
{
	static const char zeroes[PROBE_OCTETS];
	int fd;
	enum err e = open_in(folder, "probe", O_RDWR | O_CREAT | O_TRUNC, &fd);
	ssize_t n;

	if (e != ERR_OK)
		return e;
	n = pwrite(fd, zeroes, sizeof(zeroes), 0);
	if (n != (ssize_t)sizeof(zeroes))
		e = n < 0 ? err_from_errno(errno) : ERR_FULL;
	else if (fsync(fd) != 0)
		e = err_from_errno(errno);
	/* It holds no room that others need; where that can't be given back it is used again. */
	(void)!ftruncate(fd, 0);
	(void)close(fd);
	return e;
}
