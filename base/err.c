#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *err_text(enum err e)
{
	static const char *const texts[] = {
#define X(name, text) [ERR_##name] = (text),
		ERR_TABLE(X)
#undef X
	};

	return (unsigned)e < ERR_COUNT ? texts[e] : "unknown error";
}

enum err err_from_errno(int number)
{
	static const struct {
		int number;
		enum err e;
	} rows[] = {
		{ 0, ERR_OK },
		{ ENOMEM, ERR_NOMEM },
		{ ENOBUFS, ERR_AGAIN },
		{ EINVAL, ERR_RANGE },
		{ ENOENT, ERR_NOTFOUND },
		{ EEXIST, ERR_EXISTS },
		{ EADDRINUSE, ERR_INUSE },
		{ EIO, ERR_IO },
		{ ENOSPC, ERR_FULL },
		{ EDQUOT, ERR_FULL },
		{ ETIMEDOUT, ERR_TIMEOUT },
		{ EAGAIN, ERR_AGAIN },
		{ EINTR, ERR_AGAIN },
		{ ECONNREFUSED, ERR_REFUSED },
		{ EHOSTUNREACH, ERR_UNREACHABLE },
		{ ENETUNREACH, ERR_UNREACHABLE },
		{ ENETDOWN, ERR_UNREACHABLE },
		{ EHOSTDOWN, ERR_UNREACHABLE },
		{ EADDRNOTAVAIL, ERR_UNREACHABLE },
		{ ECONNRESET, ERR_CLOSED },
		{ EPIPE, ERR_CLOSED },
		{ ENOTCONN, ERR_CLOSED },
		{ EACCES, ERR_DENIED },
		{ EPERM, ERR_DENIED },
		{ EROFS, ERR_DENIED },
		{ EMFILE, ERR_LIMIT },
		{ ENFILE, ERR_LIMIT },
		{ EMSGSIZE, ERR_LIMIT },
		{ EAFNOSUPPORT, ERR_UNSUPPORTED },
		{ ENOSYS, ERR_UNSUPPORTED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].number == number)
			return rows[i].e;
	}
	return ERR_SYSTEM;
}

_Noreturn void must_failed(const char *condition, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: impossible state: %s is false\n", file, line, condition);
	abort();
}
