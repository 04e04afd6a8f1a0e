/* base/err.h: the few reasons for which work could not be done.
 *
 * An `enum err` says "this could not be done". A refusal that a protocol knows (a 403, an NXDOMAIN) is an answer, not an err.
 * All functions: any thread, no allocation. */
#pragma once
#include <stdbool.h>

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

/* clang-format off */
#define ERR_TABLE(X)                                    \
	X(OK,          "ok")                            \
	X(NOMEM,       "out of memory")                 \
	X(SYNTAX,      "malformed input")               \
	X(LIMIT,       "limit reached")                 \
	X(RANGE,       "value out of range")            \
	X(NOTFOUND,    "not found")                     \
	X(EXISTS,      "exists already")                \
	X(INUSE,       "address already in use")        \
	X(IO,          "input/output error")            \
	X(FULL,        "no space left")                 \
	X(TIMEOUT,     "timed out")                     \
	X(AGAIN,       "not now, try again")            \
	X(REFUSED,     "connection refused")            \
	X(UNREACHABLE, "destination unreachable")       \
	X(CLOSED,      "closed")                        \
	X(CANCELLED,   "cancelled")                     \
	X(DENIED,      "permission denied")             \
	X(UNSUPPORTED, "not supported")                 \
	X(CORRUPT,     "damaged data")                  \
	X(VERSION,     "made by another version")       \
	X(CERT,        "certificate not accepted")      \
	X(SYSTEM,      "system call failed")
/* clang-format on */

enum err {
#define X(name, text) ERR_##name,
	ERR_TABLE(X)
#undef X
		ERR_COUNT
};

/** The reason in words, for a log line or an operator. Never NULL. */
const char *err_text(enum err e);

/** The err that an errno value means. */
enum err err_from_errno(int number);

/** An impossible state: print where and abort, in release builds too. */
#define must(condition) ((condition) ? (void)0 : must_failed(#condition, __FILE__, __LINE__))

/** What `must` calls. */
_Noreturn void must_failed(const char *condition, const char *file, int line);
