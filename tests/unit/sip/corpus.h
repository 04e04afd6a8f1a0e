/* tests/unit/sip/corpus.h: the messages of tests/corpus, each in memory of exactly its size, so that ASan sees every step beyond. */
#pragma once
#include "base/str.h"

/** The file tests/corpus/`path`, or an empty str where it can't be read. Free with corpus_free. */
struct str corpus_read(const char *path);
/** Give it back. */
void corpus_free(struct str file);

typedef void corpus_fn(void *arg, const char *path, struct str file);
/** Call `each` for every file in the folder tests/corpus/`folder` whose name ends in `suffix`: how many there were. */
unsigned corpus_each(const char *folder, const char *suffix, corpus_fn *each, void *arg);
/** A copy of `s` in memory of exactly its size. Free with corpus_free. */
struct str corpus_copy(struct str s);
