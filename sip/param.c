#include "sip/param.h"

/* clang-format off */
#define MARK    (SIP_C_UNRESERVED | SIP_C_USER | SIP_C_PASSWORD | SIP_C_PARAM | SIP_C_HEADER | SIP_C_URIC | SIP_C_WORD)
/* A value without quotes is a token or a host; and some senders leave @ / = unquoted. */
#define TOKEN   (SIP_C_TOKEN | SIP_C_VALUE)
#define LETTER  (MARK | TOKEN | SIP_C_HOST)
#define DIGIT   (LETTER | SIP_C_DIGIT | SIP_C_HEX)

const uint16_t sip_octets[256] = {
	['0' ... '9'] = DIGIT,
	['A' ... 'F'] = LETTER | SIP_C_HEX,
	['G' ... 'Z'] = LETTER,
	['a' ... 'f'] = LETTER | SIP_C_HEX,
	['g' ... 'z'] = LETTER,
	['-']  = MARK | TOKEN | SIP_C_HOST | SIP_C_VISUAL,
	['.']  = MARK | TOKEN | SIP_C_HOST | SIP_C_VISUAL,
	['_']  = MARK | TOKEN | SIP_C_HOST, /* in hosts against the letter of RFC 3261: such names are met */
	['!']  = MARK | TOKEN,
	['~']  = MARK | TOKEN,
	['*']  = MARK | TOKEN,
	['\''] = MARK | TOKEN,
	['(']  = MARK | SIP_C_VISUAL,
	[')']  = MARK | SIP_C_VISUAL,
	['%']  = TOKEN | SIP_C_URIC | SIP_C_WORD,
	['+']  = TOKEN | SIP_C_URIC | SIP_C_WORD | SIP_C_USER | SIP_C_PASSWORD | SIP_C_PARAM | SIP_C_HEADER,
	['`']  = TOKEN | SIP_C_WORD,
	['&']  = SIP_C_URIC | SIP_C_USER | SIP_C_PASSWORD | SIP_C_PARAM,
	['$']  = SIP_C_URIC | SIP_C_USER | SIP_C_PASSWORD | SIP_C_PARAM | SIP_C_HEADER,
	['=']  = SIP_C_VALUE | SIP_C_URIC | SIP_C_USER | SIP_C_PASSWORD,
	[',']  = SIP_C_URIC | SIP_C_USER | SIP_C_PASSWORD,
	[';']  = SIP_C_URIC | SIP_C_USER,
	['?']  = SIP_C_URIC | SIP_C_USER | SIP_C_HEADER | SIP_C_WORD,
	['/']  = SIP_C_VALUE | SIP_C_URIC | SIP_C_USER | SIP_C_PARAM | SIP_C_HEADER | SIP_C_WORD,
	[':']  = SIP_C_VALUE | SIP_C_URIC | SIP_C_PARAM | SIP_C_HEADER | SIP_C_WORD,
	['[']  = SIP_C_VALUE | SIP_C_URIC | SIP_C_PARAM | SIP_C_HEADER | SIP_C_WORD,
	[']']  = SIP_C_VALUE | SIP_C_URIC | SIP_C_PARAM | SIP_C_HEADER | SIP_C_WORD,
	['@']  = SIP_C_VALUE | SIP_C_URIC,
	['<']  = SIP_C_WORD,
	['>']  = SIP_C_WORD,
	['\\'] = SIP_C_WORD,
	['"']  = SIP_C_WORD,
	['{']  = SIP_C_WORD,
	['}']  = SIP_C_WORD,
};
/* clang-format on */

#define PARAMS_MAX 32

size_t sip_span(struct str s, unsigned classes)
{
	size_t n = 0;

	while (n < s.len && sip_is(s.p[n], classes))
		n++;
	return n;
}

bool sip_is_token(struct str s)
{
	return s.len > 0 && sip_span(s, SIP_C_TOKEN) == s.len;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void scan_lws_some(struct scan *s)
{
	for (;;) {
		if (s->p < s->end && is_blank(*s->p))
			s->p++;
		else if (scan_left(s) >= 3 && s->p[0] == '\r' && s->p[1] == '\n' &&
		         is_blank(s->p[2]))
			s->p += 3;
		else
			return;
	}
}

static struct str scan_class(struct scan *s, unsigned classes)
{
	const char *start = s->p;

	if (s->err != ERR_OK)
		return STR_NONE;
	while (s->p < s->end && sip_is(*s->p, classes))
		s->p++;
	if (s->p == start)
		scan_fail(s, ERR_SYNTAX);
	return str_of(start, (size_t)(s->p - start));
}

struct str scan_token(struct scan *s)
{
	return scan_class(s, SIP_C_TOKEN);
}

void scan_separator(struct scan *s, char c)
{
	scan_lws(s);
	scan_expect(s, c);
	scan_lws(s);
}

/* The octet in a quoted string at s->p: how many octets it takes, 0 where it may not stand there (or ends the string). */
static size_t quoted_octet(const struct scan *s)
{
	unsigned char c = (unsigned char)*s->p;

	if (c == '\\')
		return scan_left(s) >= 2 && s->p[1] != '\r' && s->p[1] != '\n' &&
		                       (s->p[1] & 0x80) == 0
		               ? 2
		               : 0;
	if (c == '\r')
		return scan_left(s) >= 3 && s->p[1] == '\n' && is_blank(s->p[2]) ? 3 : 0;
	if (c == '"' || c == 0x7f)
		return 0;
	return c >= ' ' || c == '\t' ? 1 : 0;
}

struct str scan_quoted(struct scan *s)
{
	const char *start;
	struct str inner;

	scan_expect(s, '"');
	if (s->err != ERR_OK)
		return STR_NONE;
	start = s->p;
	while (s->p < s->end) {
		size_t n = quoted_octet(s);

		if (n == 0)
			break;
		s->p += n;
	}
	inner = str_of(start, (size_t)(s->p - start));
	scan_expect(s, '"');
	return inner;
}

static void scan_param_value(struct scan *s, struct sip_param *out)
{
	out->has_value = true;
	out->quoted = scan_peek(s) == '"';
	out->value = out->quoted ? scan_quoted(s) : scan_class(s, SIP_C_VALUE);
}

enum err sip_param_next(struct str *rest, struct sip_param *out)
{
	struct scan s = scan_of(*rest);

	*out = (struct sip_param){ .has_value = false };
	scan_lws(&s);
	if (s.p == s.end) {
		*rest = STR_NONE;
		return ERR_NOTFOUND;
	}
	if (*s.p++ != ';')
		return ERR_SYNTAX;
	scan_lws(&s);
	out->name = scan_class(&s, SIP_C_TOKEN);
	scan_lws(&s);
	if (s.err == ERR_OK && s.p < s.end && *s.p == '=') {
		s.p++;
		scan_lws(&s);
		scan_param_value(&s, out);
		scan_lws(&s);
	}
	if (s.err == ERR_OK && s.p < s.end && *s.p != ';')
		return ERR_SYNTAX;
	*rest = str_of(s.p, scan_left(&s));
	return s.err;
}

enum err sip_params_check(struct str params)
{
	struct str names[PARAMS_MAX];
	struct sip_param param;
	size_t count = 0;
	enum err e;

	while ((e = sip_param_next(&params, &param)) == ERR_OK) {
		for (size_t i = 0; i < count; i++) {
			if (str_eq_nocase(names[i], param.name))
				return ERR_SYNTAX;
		}
		if (count == PARAMS_MAX)
			return ERR_LIMIT;
		names[count++] = param.name;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

bool sip_param_find(struct str params, struct str name, struct sip_param *out)
{
	while (sip_param_next(&params, out) == ERR_OK) {
		if (str_eq_nocase(out->name, name))
			return true;
	}
	return false;
}

struct str sip_param_value(struct str params, struct str name)
{
	struct sip_param param;

	return sip_param_find(params, name, &param) ? param.value : STR_NONE;
}

bool sip_param_has(struct str params, struct str name)
{
	struct sip_param param;

	return sip_param_find(params, name, &param);
}

/* Take one octet of what a quoted string means; -1 at the end. */
static int unquote_next(struct str *inner)
{
	size_t skip = 0;
	char c;

	if (inner->len == 0)
		return -1;
	c = inner->p[0];
	if (c == '\\' && inner->len > 1) {
		c = inner->p[1];
		*inner = str_from_at(*inner, 2);
		return (unsigned char)c;
	}
	if (c == '\r') {
		while (skip < inner->len && (is_blank(inner->p[skip]) || inner->p[skip] == '\r' ||
		                             inner->p[skip] == '\n'))
			skip++;
		*inner = str_from_at(*inner, skip);
		return ' ';
	}
	*inner = str_from_at(*inner, 1);
	return (unsigned char)c;
}

void sip_unquote(struct str inner, struct buf *out)
{
	int c;

	while ((c = unquote_next(&inner)) >= 0)
		buf_char(out, (char)c);
}

bool sip_quoted_eq(struct str inner, struct str plain)
{
	size_t at = 0;
	int c;

	while ((c = unquote_next(&inner)) >= 0) {
		if (at == plain.len || (unsigned char)plain.p[at] != c)
			return false;
		at++;
	}
	return at == plain.len;
}

void sip_quote(struct str plain, struct buf *out)
{
	buf_char(out, '"');
	for (size_t i = 0; i < plain.len; i++) {
		char c = plain.p[i];

		if (((unsigned char)c < ' ' && c != '\t') || c == 0x7f)
			continue;
		if (c == '"' || c == '\\')
			buf_char(out, '\\');
		buf_char(out, c);
	}
	buf_char(out, '"');
}
