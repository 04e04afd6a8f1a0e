/* resolver/walk.h: a walk through the cache of every worker, for operators: telling what is there, or removing it.
 *
 * It goes from home to home as a message, with room for what it carries, and does a part at a time. */
#pragma once
#include "resolver/home.h"

/** Entries told at a time. */
#define WALK_TOLD 32
/** Entries removed at a time. */
#define WALK_REMOVED 256

/** Begin one, from `asker`: with `each`, tell all; without, remove all, or what is known about `name` where it isn't empty.
 * ERR_NOMEM. */
NODISCARD enum err walk_begin(struct home *asker, struct str name, resolver_cached_fn each,
                              resolver_walked_fn done, void *arg);
/** Free it at once. No loop runs. */
void walk_free(struct walk *w);
