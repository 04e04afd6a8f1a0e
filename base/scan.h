/* base/scan.h: a reading cursor that remembers its first failure.
 *
 * Readers do nothing once something has failed, so a grammar is written as one run of calls with one check at the end.
 * Nothing is copied: every str returned points into the input. All functions: any thread, no allocation. */
#pragma once
#include "base/str.h"

struct scan {
	const char *p;
	const char *end;
	enum err err;
};

/** A set of octets: bit c of the 256. Make one with scan_set() or as a constant table. */
struct scan_set {
	uint64_t bits[4];
};

/** Is `c` in the set? */
static inline bool scan_set_has(const struct scan_set *set, char c)
{
	unsigned char u = (unsigned char)c;

	return ((set->bits[u >> 6] >> (u & 63)) & 1) != 0;
}

/** The set of all octets that stand in `members`. */
struct scan_set scan_set(struct str members);

/** A cursor at the start of `in`. */
static inline struct scan scan_of(struct str in)
{
	return (struct scan){ in.p, in.p == NULL ? NULL : in.p + in.len, ERR_OK };
}

/** Is everything read, or has something failed? */
static inline bool scan_done(const struct scan *s)
{
	return s->err != ERR_OK || s->p == s->end;
}

/** How many bytes are left. */
static inline size_t scan_left(const struct scan *s)
{
	return (size_t)(s->end - s->p);
}

/** The next octet without taking it; -1 at the end or after a failure. */
static inline int scan_peek(const struct scan *s)
{
	return scan_done(s) ? -1 : (unsigned char)*s->p;
}

/** Record a failure, unless there was one before. */
static inline void scan_fail(struct scan *s, enum err e)
{
	if (s->err == ERR_OK)
		s->err = e;
}

/** Take `c` if it is next: whether it was. */
bool scan_accept(struct scan *s, char c);
/** Take `c`, or fail with ERR_SYNTAX. */
void scan_expect(struct scan *s, char c);
/** Take `word` if it is next, but for ASCII case: whether it was. */
bool scan_accept_word(struct scan *s, struct str word);
/** Take as many octets of `set` as come; may be none. */
struct str scan_while(struct scan *s, const struct scan_set *set);
/** Take as many octets as come that are not in `set`; may be none. */
struct str scan_until(struct scan *s, const struct scan_set *set);
/** Take octets up to (not with) `c`, or all that is left. */
struct str scan_until_char(struct scan *s, char c);
/** Like scan_while, but at least one octet or ERR_SYNTAX. */
struct str scan_some(struct scan *s, const struct scan_set *set);
/** A decimal number of at most `max`; ERR_SYNTAX without a digit, ERR_LIMIT above `max` (the digits are taken all the same). */
uint64_t scan_number(struct scan *s, uint64_t max);
/** Exactly `n` bytes, or ERR_SYNTAX. */
struct str scan_bytes(struct scan *s, size_t n);
/** What is left, all of it. */
struct str scan_rest(struct scan *s);
/** ERR_OK if nothing failed and nothing is left, otherwise the first failure (ERR_SYNTAX for leftovers). */
NODISCARD enum err scan_end(struct scan *s);
