#include "base/str.h"

#include <stdlib.h>

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (char_lower(a.p[i]) != char_lower(b.p[i]))
			return false;
	}
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter == 0 ? 0 : memcmp(a.p, b.p, shorter);

	if (order != 0)
		return order;
	return a.len == b.len ? 0 : (a.len < b.len ? -1 : 1);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_head(s, prefix.len), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq_nocase(str_head(s, prefix.len), prefix);
}

bool str_ends_nocase(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq_nocase(str_from_at(s, s.len - suffix.len), suffix);
}

struct str str_from_at(struct str s, size_t from)
{
	if (from >= s.len)
		return str_of(s.p == NULL ? NULL : s.p + s.len, 0);
	return str_of(s.p + from, s.len - from);
}

struct str str_head(struct str s, size_t len)
{
	return str_of(s.p, len < s.len ? len : s.len);
}

size_t str_find(struct str s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.p, c, s.len);

	return at == NULL ? s.len : (size_t)(at - s.p);
}

size_t str_rfind(struct str s, char c)
{
	const char *at = s.len == 0 ? NULL : memrchr(s.p, c, s.len);

	return at == NULL ? s.len : (size_t)(at - s.p);
}

bool str_contains_nocase(struct str s, struct str needle)
{
	for (size_t i = 0; i + needle.len <= s.len; i++) {
		if (str_eq_nocase(str_of(s.p + i, needle.len), needle))
			return true;
	}
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.p[0]))
		s = str_from_at(s, 1);
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

struct str str_cut(struct str *rest, char c)
{
	size_t at = str_find(*rest, c);
	struct str head = str_head(*rest, at);

	*rest = str_from_at(*rest, at + 1);
	return head;
}

enum err str_number(struct str s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return ERR_SYNTAX;
	}
	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(s.p[i] - '0');

		if (digit > max || n > (max - digit) / 10)
			return ERR_LIMIT;
		n = n * 10 + digit;
	}
	*out = n;
	return ERR_OK;
}

enum err str_to_z(struct str s, char *out, size_t size)
{
	if (s.len >= size)
		return ERR_LIMIT;
	if (s.len > 0 && memchr(s.p, '\0', s.len) != NULL)
		return ERR_SYNTAX;
	if (s.len > 0)
		memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return ERR_OK;
}

char *str_dup_z(struct str s)
{
	char *z = malloc(s.len + 1);

	if (z == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(z, s.p, s.len);
	z[s.len] = '\0';
	return z;
}
