#include "base/hash.h"

#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum err hash_key_init(struct hash_key *key)
{
	return getrandom(key->secret, sizeof(key->secret), 0) == sizeof(key->secret) ? ERR_OK
	                                                                             : ERR_SYSTEM;
}

void hash_key_from(struct hash_key *key, uint64_t seed)
{
	XXH3_generateSecret_fromSeed(key->secret, seed);
}

uint64_t hash_str(const struct hash_key *key, struct str s)
{
	return XXH3_64bits_withSecret(s.p, s.len, key->secret, sizeof(key->secret));
}

uint64_t hash_str_nocase(const struct hash_key *key, struct str s)
{
	char folded[256];
	uint64_t h = s.len;

	do {
		size_t n = s.len < sizeof(folded) ? s.len : sizeof(folded);

		for (size_t i = 0; i < n; i++)
			folded[i] = char_lower(s.p[i]);
		h = h * 0x9e3779b97f4a7c15u + hash_str(key, str_of(folded, n));
		s = str_from_at(s, n);
	} while (s.len > 0);
	return h;
}
