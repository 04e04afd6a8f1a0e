#include "gateway/cli_csv.h"

#include "base/scan.h"

/* Behind the opening quote, up to and with the closing one; two quotes stand for one. */
static struct str quoted(struct scan *s, struct arena *arena)
{
	size_t len = 0;
	char *p = arena_alloc(arena, scan_left(s) + 1);

	if (p == NULL) {
		scan_fail(s, ERR_NOMEM);
		return STR_NONE;
	}
	for (;;) {
		struct str part = scan_until_char(s, '"');

		memcpy(p + len, part.len > 0 ? part.p : "", part.len);
		len += part.len;
		scan_expect(s, '"');
		if (s->err != ERR_OK || !scan_accept(s, '"'))
			break;
		p[len++] = '"';
	}
	return str_of(p, len);
}

static struct str field(struct scan *s, struct arena *arena)
{
	struct str plain;

	if (scan_accept(s, '"'))
		return quoted(s, arena);
	plain = scan_until_char(s, ',');
	if (str_find(plain, '"') < plain.len)
		scan_fail(s, ERR_SYNTAX);
	return plain;
}

enum err csv_split(struct str line, struct arena *arena, struct str *out, size_t cap, size_t *count)
{
	struct scan s = scan_of(line);

	*count = 0;
	do {
		struct str value = field(&s, arena);

		if (*count == cap) {
			scan_fail(&s, ERR_LIMIT);
			break;
		}
		out[(*count)++] = value;
	} while (scan_accept(&s, ','));
	return scan_end(&s);
}
