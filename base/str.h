/* base/str.h: a slice of bytes that somebody else owns.
 *
 * A str is a view: it lives as long as what it points into, may hold any octet (NUL too), and is never written through.
 * All functions: any thread, no allocation. */
#pragma once
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t len;
};

/** A slice of a string literal. */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
/** The same where only a constant initializer will do. */
#define STR_INIT(literal)                       \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}
/** An empty slice. */
#define STR_NONE ((struct str){ NULL, 0 })
/** For printf: "%.*s" takes STR_ARG(s). */
#define STR_ARG(s) ((int)(s).len), ((s).p == NULL ? "" : (s).p)

/** A slice of `len` bytes at `p`. */
static inline struct str str_of(const char *p, size_t len)
{
	return (struct str){ p, len };
}

/** A slice of a C string; NULL makes an empty one. */
static inline struct str str_from(const char *z)
{
	return (struct str){ z, z == NULL ? 0 : strlen(z) };
}

/** Is there nothing in it? */
static inline bool str_empty(struct str s)
{
	return s.len == 0;
}

/** Equal to the octet. */
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/** The ASCII lower-case form of one octet. */
static inline char char_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/** Equal but for the case of ASCII letters. */
bool str_eq_nocase(struct str a, struct str b);
/** Like memcmp over both, a shorter prefix first: <0, 0, >0. */
int str_cmp(struct str a, struct str b);
/** Does `s` begin with `prefix`, to the octet? */
bool str_starts(struct str s, struct str prefix);
/** Does `s` begin with `prefix`, but for ASCII case? */
bool str_starts_nocase(struct str s, struct str prefix);
/** Does `s` end with `suffix`, but for ASCII case? */
bool str_ends_nocase(struct str s, struct str suffix);
/** The part from `from` (clamped) to the end. */
struct str str_from_at(struct str s, size_t from);
/** The first `len` bytes (clamped). */
struct str str_head(struct str s, size_t len);
/** Where `c` stands first, or s.len. */
size_t str_find(struct str s, char c);
/** Where `c` stands last, or s.len. */
size_t str_rfind(struct str s, char c);
/** Is `needle` anywhere in `s`, but for ASCII case? */
bool str_contains_nocase(struct str s, struct str needle);
/** Without spaces, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);
/** Cut `*rest` at the first `c`: returns what stands before it, `*rest` becomes what follows (empty at the end). */
struct str str_cut(struct str *rest, char c);
/** The whole of `s` as a decimal number of at most `max`. ERR_SYNTAX: not digits alone; ERR_LIMIT: more than max. */
NODISCARD enum err str_number(struct str s, uint64_t max, uint64_t *out);
/** Copy into `out` with a final NUL. ERR_LIMIT where it does not fit, ERR_SYNTAX where it holds a NUL. */
NODISCARD enum err str_to_z(struct str s, char *out, size_t size);
/** A malloc'd C string of it, or NULL. The caller frees. */
char *str_dup_z(struct str s);
