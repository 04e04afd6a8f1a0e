#include "base/json.h"

#include "base/scan.h"

/* ---------------------------------------------------------------------------- UTF-8 */

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The second octet decides over-long forms, surrogates and what is beyond U+10FFFF. */
static bool is_second(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second < 0xa0;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second < 0x90;
	default:
		return true;
	}
}

size_t json_utf8_len(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t len = 0;

	if (s.len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] < 0xe0)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] < 0xf0)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] < 0xf5)
		len = 4;
	if (len == 0 || s.len < len || !is_second(p[0], p[1]))
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (!is_tail(p[i]))
			return 0;
	}
	return len;
}

static void put_utf8(uint32_t c, struct buf *out)
{
	if (c < 0x80) {
		buf_char(out, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_char(out, (char)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		buf_char(out, (char)(0xe0 | c >> 12));
		buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
	} else {
		buf_char(out, (char)(0xf0 | c >> 18));
		buf_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_char(out, (char)(0x80 | (c & 0x3f)));
}

/* ---------------------------------------------------------------------------- writing */

/* How many octets from the start may stand as they are. */
static size_t plain_len(struct str s)
{
	size_t at = 0;

	while (at < s.len) {
		unsigned char c = (unsigned char)s.p[at];
		size_t len = c < ' ' || c == '"' || c == '\\' || c == 0x7f
		                     ? 0
		                     : json_utf8_len(str_from_at(s, at));

		if (len == 0)
			break;
		at += len;
	}
	return at;
}

static void put_escaped(unsigned char c, struct buf *out)
{
	if (c == '"' || c == '\\')
		buf_printf(out, "\\%c", c);
	else if (c == '\n')
		buf_z(out, "\\n");
	else
		buf_printf(out, "\\u%04x", c);
}

static void put_str(struct str s, struct buf *out)
{
	buf_char(out, '"');
	while (s.len > 0) {
		size_t len = plain_len(s);

		buf_str(out, str_head(s, len));
		if (len < s.len)
			put_escaped((unsigned char)s.p[len++], out);
		s = str_from_at(s, len);
	}
	buf_char(out, '"');
}

struct json json_to(struct buf *out)
{
	return (struct json){ .out = out };
}

static void put_name(struct json *j, const char *name)
{
	bool line = j->lines && j->depth == 1;

	if (j->comma)
		buf_z(j->out, line ? ",\n" : ", ");
	else if (line)
		buf_char(j->out, '\n');
	j->comma = true;
	if (name != NULL) {
		put_str(str_from(name), j->out);
		buf_z(j->out, ": ");
	}
}

void json_begin(struct json *j, const char *name, char bracket)
{
	put_name(j, name);
	buf_char(j->out, bracket);
	j->comma = false;
	j->depth++;
}

void json_end(struct json *j, char bracket)
{
	if (j->lines && j->depth == 1 && j->comma)
		buf_char(j->out, '\n');
	buf_char(j->out, bracket);
	j->comma = true;
	j->depth--;
}

void json_str(struct json *j, const char *name, struct str s)
{
	put_name(j, name);
	put_str(s, j->out);
}

void json_known(struct json *j, const char *name, struct str s)
{
	if (s.len > 0)
		json_str(j, name, s);
	else
		json_null(j, name);
}

void json_number(struct json *j, const char *name, int64_t n)
{
	put_name(j, name);
	buf_printf(j->out, "%lld", (long long)n);
}

void json_thousandths(struct json *j, const char *name, unsigned n)
{
	unsigned rest = n % 1000;
	int digits = 3;

	put_name(j, name);
	buf_number(j->out, n / 1000);
	if (rest == 0)
		return;
	while (rest % 10 == 0) {
		rest /= 10;
		digits--;
	}
	buf_printf(j->out, ".%0*u", digits, rest);
}

void json_bool(struct json *j, const char *name, bool value)
{
	put_name(j, name);
	buf_z(j->out, value ? "true" : "false");
}

void json_null(struct json *j, const char *name)
{
	put_name(j, name);
	buf_z(j->out, "null");
}

void json_strs(struct json *j, const char *name, const struct str *items, size_t count)
{
	json_begin(j, name, '[');
	for (size_t i = 0; i < count; i++)
		json_str(j, NULL, items[i]);
	json_end(j, ']');
}

/* ---------------------------------------------------------------------------- reading */

static void skip_space(struct scan *s)
{
	while (scan_accept(s, ' ') || scan_accept(s, '\t') || scan_accept(s, '\r') ||
	       scan_accept(s, '\n'))
		;
}

static uint32_t read_hex4(struct scan *s)
{
	struct str digits = scan_bytes(s, 4);
	uint32_t n = 0;

	for (size_t i = 0; i < digits.len; i++) {
		char c = char_lower(digits.p[i]);

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint32_t)(c - 'a' + 10);
		else
			scan_fail(s, ERR_SYNTAX);
	}
	return n;
}

/* Behind "\u": one character, of two such escapes beyond U+FFFF. */
static void read_unicode(struct scan *s, struct buf *out)
{
	uint32_t c = read_hex4(s);

	if (c >= 0xdc00 && c < 0xe000) {
		scan_fail(s, ERR_SYNTAX);
	} else if (c >= 0xd800 && c < 0xdc00) {
		uint32_t low;

		scan_expect(s, '\\');
		scan_expect(s, 'u');
		low = read_hex4(s);
		if (low < 0xdc00 || low >= 0xe000)
			scan_fail(s, ERR_SYNTAX);
		c = 0x10000 + ((c - 0xd800) << 10) + ((low - 0xdc00) & 0x3ff);
	}
	if (s->err == ERR_OK)
		put_utf8(c, out);
}

static void read_escape(struct scan *s, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	int c = scan_peek(s);
	const char *at = c <= 0 ? NULL : strchr(from, c);

	if (scan_accept(s, 'u'))
		read_unicode(s, out);
	else if (at == NULL)
		scan_fail(s, ERR_SYNTAX);
	else
		buf_char(out, to[at - from]);
	if (at != NULL)
		(void)scan_bytes(s, 1);
}

/* Up to the closing quote. What comes out is never longer than what goes in. */
static void read_content(struct scan *s, struct buf *out)
{
	while (s->err == ERR_OK && !scan_accept(s, '"')) {
		struct str rest = str_of(s->p, scan_left(s));
		size_t len = plain_len(rest);

		if (len == 0 &&
		    scan_peek(s) == 0x7f) /* may stand as it is, though we write it otherwise */
			len = 1;
		buf_str(out, scan_bytes(s, len));
		if (len > 0)
			continue;
		scan_expect(s, '\\');
		read_escape(s, out);
	}
}

static struct str read_str(struct scan *s, struct arena *arena)
{
	struct buf out;
	size_t room;
	char *p;

	scan_expect(s, '"');
	if (s->err != ERR_OK)
		return STR_NONE;
	room = str_find(str_of(s->p, scan_left(s)), '"');
	/* Escaped quotes make it longer than up to the first quote. */
	while (room < scan_left(s) && room > 0 && s->p[room - 1] == '\\')
		room += 1 + str_find(str_of(s->p + room + 1, scan_left(s) - room - 1), '"');
	p = arena_alloc(arena, room + 1);
	if (p == NULL) {
		scan_fail(s, ERR_NOMEM);
		return STR_NONE;
	}
	buf_wrap(&out, p, room + 1);
	read_content(s, &out);
	if (out.err != ERR_OK)
		scan_fail(s, ERR_SYNTAX);
	return buf_view(&out);
}

enum err json_read_strs(struct str text, struct arena *arena, struct str *out, size_t cap,
                        size_t *count)
{
	struct scan s = scan_of(text);

	*count = 0;
	skip_space(&s);
	scan_expect(&s, '[');
	skip_space(&s);
	if (!scan_accept(&s, ']')) {
		do {
			struct str item;

			skip_space(&s);
			item = read_str(&s, arena);
			if (*count == cap)
				scan_fail(&s, ERR_LIMIT);
			else
				out[(*count)++] = item;
			skip_space(&s);
		} while (scan_accept(&s, ','));
		scan_expect(&s, ']');
	}
	skip_space(&s);
	return scan_end(&s);
}
