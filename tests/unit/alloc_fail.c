#include "tests/unit/alloc_fail.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ALLOC_FAIL_MAX = 10000 };

/* The one place of our code with a mutable variable at file scope: the linker's --wrap has nowhere to pass a context. */
static struct {
	atomic_uint count;
	atomic_uint fail_at;
	atomic_bool happened;
} state;

void alloc_fail_at(unsigned n)
{
	atomic_store(&state.fail_at, 0);
	atomic_store(&state.count, 0);
	atomic_store(&state.happened, false);
	atomic_store(&state.fail_at, n);
}

bool alloc_fail_happened(void)
{
	return atomic_load(&state.happened);
}

unsigned alloc_fail_count(void)
{
	return atomic_load(&state.count);
}

unsigned alloc_fail_each(void (*scenario)(void *arg), void *arg)
{
	unsigned n = 0;

	do {
		if (++n > ALLOC_FAIL_MAX)
			fail_msg("more than %d allocations in one scenario", ALLOC_FAIL_MAX);
		alloc_fail_at(n);
		scenario(arg);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	return n - 1;
}

static bool fails_now(void)
{
	unsigned n = atomic_fetch_add(&state.count, 1) + 1;

	if (n != atomic_load(&state.fail_at))
		return false;
	atomic_store(&state.happened, true);
	errno = ENOMEM;
	return true;
}

/* The names are the linker's: --wrap=malloc sends malloc to __wrap_malloc and __real_malloc to malloc. */
#define WRAP(type, name, parameters, arguments) \
	type __real_##name parameters;          \
	type __wrap_##name parameters;          \
	type __wrap_##name parameters           \
	{                                       \
		if (fails_now())                \
			return NULL;            \
		return __real_##name arguments; \
	}

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, (void *old, size_t size), (old, size))
WRAP(void *, reallocarray, (void *old, size_t count, size_t size), (old, count, size))
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAP(char *, strdup, (const char *text), (text))
WRAP(char *, strndup, (const char *text, size_t size), (text, size))
