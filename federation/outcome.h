/* federation/outcome.h: making answers that are shared. Any thread. */
#pragma once
#include "federation/federation.h"

/** A copy of `from` on its own memory, strings and targets with it; one reference. Never NULL: without memory it is an answer that says so. */
const struct fed_answer *fed_answer_copy(const struct fed_answer *from);
/** What failed, in words. Never NULL. */
const struct fed_answer *fed_answer_failed(struct str text);
/** `of` as it is told from the cache: how long it may still be used, and in other words where `text` is not empty. Never NULL. */
const struct fed_answer *fed_answer_again(const struct fed_answer *of, int64_t ttl_s,
                                          struct str text);
/** How much memory it takes. */
size_t fed_answer_size(const struct fed_answer *answer);
