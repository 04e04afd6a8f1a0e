/* resolver/result.h: what is given to who asked, in memory of its own. */
#pragma once
#include "base/arena.h"
#include "resolver/resolver.h"

struct search;

#define RESULT_FIRST 1024

struct result {
	struct resolver_result public;
	struct arena arena;
	char first[RESULT_FIRST];
};

/** An empty one, made before anything is asked, so that there is always something to answer with; NULL without memory. */
struct result *result_new(void);
/** Copy in what `s` has found for `q`, with the trace where one is wanted. Without memory it says FAILED. */
void result_fill(struct result *r, const struct resolver_query *q, const struct search *s);
/** Free it. NULL is fine. */
void result_free(struct result *r);
