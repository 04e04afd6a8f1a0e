#include "base/scan.h"

struct scan_set scan_set(struct str members)
{
	struct scan_set set = { { 0 } };

	for (size_t i = 0; i < members.len; i++) {
		unsigned char u = (unsigned char)members.p[i];

		set.bits[u >> 6] |= (uint64_t)1 << (u & 63);
	}
	return set;
}

bool scan_accept(struct scan *s, char c)
{
	if (scan_peek(s) != (unsigned char)c)
		return false;
	s->p++;
	return true;
}

void scan_expect(struct scan *s, char c)
{
	if (!scan_accept(s, c))
		scan_fail(s, ERR_SYNTAX);
}

bool scan_accept_word(struct scan *s, struct str word)
{
	if (s->err != ERR_OK || !str_starts_nocase(str_of(s->p, scan_left(s)), word))
		return false;
	s->p += word.len;
	return true;
}

static struct str take_run(struct scan *s, const struct scan_set *set, bool wanted)
{
	const char *start = s->p;

	if (s->err != ERR_OK)
		return STR_NONE;
	while (s->p < s->end && scan_set_has(set, *s->p) == wanted)
		s->p++;
	return str_of(start, (size_t)(s->p - start));
}

struct str scan_while(struct scan *s, const struct scan_set *set)
{
	return take_run(s, set, true);
}

struct str scan_until(struct scan *s, const struct scan_set *set)
{
	return take_run(s, set, false);
}

struct str scan_until_char(struct scan *s, char c)
{
	if (s->err != ERR_OK)
		return STR_NONE;
	return scan_bytes(s, str_find(str_of(s->p, scan_left(s)), c));
}

struct str scan_some(struct scan *s, const struct scan_set *set)
{
	struct str run = take_run(s, set, true);

	if (run.len == 0)
		scan_fail(s, ERR_SYNTAX);
	return run;
}

uint64_t scan_number(struct scan *s, uint64_t max)
{
	const char *start = s->p;
	uint64_t n = 0;
	enum err e;

	if (s->err != ERR_OK)
		return 0;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	e = str_number(str_of(start, (size_t)(s->p - start)), max, &n);
	if (e != ERR_OK) {
		scan_fail(s, e);
		return 0;
	}
	return n;
}

struct str scan_bytes(struct scan *s, size_t n)
{
	const char *start = s->p;

	if (s->err != ERR_OK)
		return STR_NONE;
	if (scan_left(s) < n) {
		scan_fail(s, ERR_SYNTAX);
		return STR_NONE;
	}
	s->p += n;
	return str_of(start, n);
}

struct str scan_rest(struct scan *s)
{
	return scan_bytes(s, s->err == ERR_OK ? scan_left(s) : 0);
}

enum err scan_end(struct scan *s)
{
	if (s->err == ERR_OK && s->p != s->end)
		s->err = ERR_SYNTAX;
	return s->err;
}
