/* base/hash.h: keyed 64-bit hashes, so that nobody outside can choose where something goes.
 *
 * xxHash (XXH3) with a secret drawn at the start. Not a MAC: for what must not be forged, see base/crypto.h. Any thread. */
#pragma once
#include "base/str.h"

#define HASH_SECRET 192

struct hash_key {
	unsigned char secret[HASH_SECRET];
};

/** Draw a fresh secret. ERR_SYSTEM where the system gives no random bytes. */
NODISCARD enum err hash_key_init(struct hash_key *key);
/** A key derived from `seed` alone: for tests, and where the value must outlive the process. */
void hash_key_from(struct hash_key *key, uint64_t seed);
/** The hash of `s`. */
uint64_t hash_str(const struct hash_key *key, struct str s);
/** The hash of `s` with ASCII letters folded to lower case. */
uint64_t hash_str_nocase(const struct hash_key *key, struct str s);
