/* tests/unit/stun/vectors.h: the messages of tests/corpus/stun, each in memory of exactly its size, so that ASan sees every step
 * beyond. */
#pragma once
#include "base/str.h"

/** A copy of `s` in memory of exactly its size. Free with vector_free. */
struct str vector_copy(struct str s);
/** The file tests/corpus/stun/`name`; the test fails where it can't be read. Free with vector_free. */
struct str vector_read(const char *name);
/** Give it back. */
void vector_free(struct str vector);
/** Its octets, to be changed. */
char *vector_octets(struct str vector);
