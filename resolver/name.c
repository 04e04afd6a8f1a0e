#include "resolver/name.h"

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

enum err name_canonical(struct str in, char out[NAME_TEXT_MAX], size_t *len)
{
	size_t label = 0;

	if (in.len > 0 && in.p[in.len - 1] == '.')
		in.len--;
	if (in.len == 0)
		return ERR_SYNTAX;
	/* A length before each label and the root: two octets more than the text. */
	if (in.len + 2 > NAME_WIRE_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < in.len; i++) {
		char c = char_lower(in.p[i]);

		if (c == '.' ? label == 0 : !is_plain((unsigned char)c))
			return ERR_SYNTAX;
		label = c == '.' ? 0 : label + 1;
		if (label > NAME_LABEL_MAX)
			return ERR_LIMIT;
		out[i] = c;
	}
	if (label == 0)
		return ERR_SYNTAX;
	out[in.len] = '\0';
	*len = in.len;
	return ERR_OK;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The octet that begins at text[*at], which may be escaped; moves on. -1: a bad escape. */
static int unescape(struct str text, size_t *at)
{
	const char *p = text.p + *at;
	int value;

	if (*p != '\\') {
		*at += 1;
		return (unsigned char)*p;
	}
	if (text.len - *at < 4 || !is_digit(p[1]) || !is_digit(p[2]) || !is_digit(p[3]))
		return -1;
	value = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
	*at += 4;
	return value > 255 ? -1 : value;
}

/* One label from text[*at] up to a dot or the end. */
static void write_label(struct wire_writer *w, struct str name, size_t *at)
{
	unsigned char label[NAME_LABEL_MAX];
	size_t n = 0;

	while (*at < name.len && name.p[*at] != '.') {
		int c = unescape(name, at);

		if (c < 0 || n == sizeof(label)) {
			wire_writer_fail(w, c < 0 ? ERR_SYNTAX : ERR_LIMIT);
			return;
		}
		label[n++] = (unsigned char)c;
	}
	if (n == 0)
		wire_writer_fail(w, ERR_SYNTAX);
	wire_write8(w, (uint8_t)n);
	wire_write_bytes(w, label, n);
}

void name_write(struct wire_writer *w, struct str name)
{
	size_t start = wire_written(w);
	size_t at = 0;

	while (at < name.len && w->err == ERR_OK) {
		write_label(w, name, &at);
		if (at < name.len && ++at == name.len)
			wire_writer_fail(w, ERR_SYNTAX); /* ends with a dot */
	}
	wire_write8(w, 0);
	if (w->err == ERR_OK && wire_written(w) - start > NAME_WIRE_MAX)
		wire_writer_fail(w, ERR_LIMIT);
}

/* Append the text of one octet of a label. */
static size_t escape(char *out, unsigned char c)
{
	c = (unsigned char)char_lower((char)c);
	if (is_plain(c)) {
		*out = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = (char)('0' + c / 100);
	out[2] = (char)('0' + c / 10 % 10);
	out[3] = (char)('0' + c % 10);
	return 4;
}

struct str name_read(struct wire_reader *r, char out[NAME_TEXT_MAX])
{
	struct wire_reader at = *r;
	size_t wire = 1; /* the root's octet */
	size_t len = 0;
	size_t before = wire_position(r);
	bool jumped = false;

	for (;;) {
		uint8_t n = wire_read8(&at);

		if ((n & 0xc0) == 0xc0) {
			size_t to = (size_t)(n & 0x3f) << 8 | wire_read8(&at);

			if (!jumped)
				r->p = at.p;
			jumped = true;
			/* Each pointer leads before the place where the last one led: there is an end. */
			if (to >= before)
				wire_reader_fail(&at, ERR_SYNTAX);
			before = to;
			wire_seek(&at, to);
			continue;
		}
		if (at.err != ERR_OK || n == 0)
			break;
		wire += n + 1u;
		if (n > NAME_LABEL_MAX || wire > NAME_WIRE_MAX) {
			wire_reader_fail(&at, ERR_SYNTAX);
			break;
		}
		if (len > 0)
			out[len++] = '.';
		for (struct str label = wire_read_bytes(&at, n); label.len > 0;
		     label = str_from_at(label, 1))
			len += escape(out + len, (unsigned char)label.p[0]);
	}
	if (!jumped)
		r->p = at.p;
	wire_reader_fail(r, at.err);
	out[len] = '\0';
	return r->err == ERR_OK ? str_of(out, len) : STR_NONE;
}

bool name_is_localhost(struct str name)
{
	return str_eq(name, STR("localhost")) || str_ends_nocase(name, STR(".localhost"));
}

bool name_is_invalid(struct str name)
{
	return str_eq(name, STR("invalid")) || str_ends_nocase(name, STR(".invalid"));
}
