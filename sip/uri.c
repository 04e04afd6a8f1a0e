#include "sip/uri.h"

#include "base/addr.h"
#include "sip/message.h"
#include "sip/param.h"

#define HOST_MAX 255
#define URI_PARAMS_MAX 32

/* Is `s` made of octets of `classes` and whole escapes? */
static bool is_escaped_text(struct str s, unsigned classes)
{
	for (size_t i = 0; i < s.len; i++) {
		if (sip_is(s.p[i], classes))
			continue;
		if (s.p[i] != '%' || s.len - i < 3 || !sip_is(s.p[i + 1], SIP_C_HEX) ||
		    !sip_is(s.p[i + 2], SIP_C_HEX))
			return false;
		i += 2;
	}
	return true;
}

/* "192.0.2.1": four numbers up to 255. */
static bool is_ipv4(struct str s)
{
	unsigned parts = 0;

	if (s.len == 0 || s.p[s.len - 1] == '.')
		return false;
	while (s.len > 0) {
		struct str part = str_cut(&s, '.');
		uint64_t n;

		/* 010 is eight for some and ten for others. */
		if (part.len > 3 || (part.len > 1 && part.p[0] == '0') ||
		    str_number(part, 255, &n) != ERR_OK)
			return false;
		parts++;
	}
	return parts == 4;
}

static bool is_ipv6(struct str s)
{
	struct addr addr;

	for (size_t i = 0; i < s.len; i++) {
		if (!sip_is(s.p[i], SIP_C_HEX) && s.p[i] != ':' && s.p[i] != '.')
			return false;
	}
	return str_find(s, ':') < s.len && addr_parse(&addr, s, 0) == ERR_OK;
}

/* RFC 3261 25.1 hostname: labels between dots, and not digits alone. A final dot may stand. */
static bool is_host_name(struct str s, bool *digits)
{
	bool label = false;

	*digits = true;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '.') {
			if (!label)
				return false;
			label = false;
			continue;
		}
		if (!sip_is(s.p[i], SIP_C_HOST))
			return false;
		label = true;
		*digits = *digits && sip_is(s.p[i], SIP_C_DIGIT);
	}
	return s.len > 0 && s.len <= HOST_MAX;
}

static enum err parse_host(struct str text, enum sip_host_kind *kind)
{
	bool digits;

	if (!is_host_name(text, &digits))
		return ERR_SYNTAX;
	*kind = digits ? SIP_HOST_IPV4 : SIP_HOST_NAME;
	return !digits || is_ipv4(text) ? ERR_OK : ERR_SYNTAX;
}

enum err sip_host_port_parse(struct str text, struct str *host, enum sip_host_kind *kind,
                             uint16_t *port, bool *has_port)
{
	size_t end = str_find(text, ':');
	uint64_t number = 0;
	enum err e;

	if (text.len > 0 && text.p[0] == '[') {
		end = str_find(text, ']') + 1;
		if (end > text.len || !is_ipv6(str_of(text.p + 1, end - 2)))
			return ERR_SYNTAX;
		*host = str_of(text.p + 1, end - 2);
		*kind = SIP_HOST_IPV6;
	} else {
		*host = str_head(text, end);
		if ((e = parse_host(*host, kind)) != ERR_OK)
			return e;
	}
	*has_port = end < text.len;
	*port = 0;
	if (!*has_port)
		return ERR_OK;
	if (text.p[end] != ':')
		return ERR_SYNTAX;
	e = str_number(str_from_at(text, end + 1), UINT16_MAX, &number);
	*port = (uint16_t)number;
	return e;
}

bool sip_uri_param_next(struct str *rest, struct sip_uri_param *out)
{
	struct str item;

	if (rest->len == 0)
		return false;
	*rest = str_from_at(*rest, 1);
	item = str_cut(rest, ';');
	/* str_cut took the semicolon that the next call wants to see. */
	if (rest->len > 0 || (item.p != NULL && item.p + item.len < rest->p))
		*rest = str_of(rest->p - 1, rest->len + 1);
	out->name = str_cut(&item, '=');
	out->has_value = item.p != NULL && item.p > out->name.p + out->name.len;
	out->value = item;
	return true;
}

bool sip_uri_header_next(struct str *rest, struct sip_uri_param *out)
{
	struct str item;

	if (rest->len == 0)
		return false;
	item = str_cut(rest, '&');
	out->name = str_cut(&item, '=');
	out->has_value = item.p > out->name.p + out->name.len;
	out->value = item;
	return true;
}

static bool check_param(const struct sip_uri_param *param)
{
	return param->name.len > 0 && is_escaped_text(param->name, SIP_C_PARAM) &&
	       param->has_value == (param->value.len > 0) &&
	       is_escaped_text(param->value, SIP_C_PARAM);
}

/* 19.1.1: no parameter twice. */
static enum err check_params(struct str rest)
{
	struct str names[URI_PARAMS_MAX];
	struct sip_uri_param param;
	size_t count = 0;

	while (sip_uri_param_next(&rest, &param)) {
		if (!check_param(&param))
			return ERR_SYNTAX;
		for (size_t i = 0; i < count; i++) {
			if (sip_escaped_eq(names[i], param.name, true))
				return ERR_SYNTAX;
		}
		if (count == URI_PARAMS_MAX)
			return ERR_LIMIT;
		names[count++] = param.name;
	}
	return ERR_OK;
}

static enum err check_headers(struct str rest)
{
	struct sip_uri_param header;

	if (rest.len == 0 || rest.p[rest.len - 1] == '&')
		return ERR_SYNTAX;
	while (sip_uri_header_next(&rest, &header)) {
		if (header.name.len == 0 || !header.has_value ||
		    !is_escaped_text(header.name, SIP_C_HEADER) ||
		    !is_escaped_text(header.value, SIP_C_HEADER))
			return ERR_SYNTAX;
	}
	return ERR_OK;
}

static enum err parse_userinfo(struct sip_uri *out, struct str info)
{
	size_t colon = str_find(info, ':');

	out->has_user = true;
	out->user = str_head(info, colon);
	out->has_password = colon < info.len;
	out->password = str_from_at(info, colon + 1);
	if (out->user.len == 0 || !is_escaped_text(out->user, SIP_C_USER) ||
	    !is_escaped_text(out->password, SIP_C_PASSWORD))
		return ERR_SYNTAX;
	return ERR_OK;
}

/* The first of ; and ? in `s`, or its end. */
static size_t find_tail(struct str s)
{
	size_t i = 0;

	while (i < s.len && s.p[i] != ';' && s.p[i] != '?')
		i++;
	return i;
}

static enum err parse_sip(struct sip_uri *out, struct str rest)
{
	size_t at = str_find(rest, '@');
	bool has_headers;
	size_t tail;
	enum err e;

	if (at < rest.len) {
		if ((e = parse_userinfo(out, str_head(rest, at))) != ERR_OK)
			return e;
		rest = str_from_at(rest, at + 1);
	}
	tail = find_tail(rest);
	e = sip_host_port_parse(str_head(rest, tail), &out->host, &out->host_kind, &out->port,
	                        &out->has_port);
	if (e != ERR_OK)
		return e;
	rest = str_from_at(rest, tail);
	tail = str_find(rest, '?');
	has_headers = tail < rest.len;
	out->params = str_head(rest, tail);
	out->headers = str_from_at(rest, tail + 1);
	if (has_headers && (e = check_headers(out->headers)) != ERR_OK)
		return e;
	return check_params(out->params);
}

/* RFC 3966 3: "+" and digits, or a local number of hex digits, * and #; visual separators anywhere. A local number should have a
 * phone-context; phones send tel:112 without. */
static bool is_tel_number(struct str s)
{
	bool global = s.len > 0 && s.p[0] == '+';
	size_t digits = 0;

	for (size_t i = global ? 1 : 0; i < s.len; i++) {
		bool digit = sip_is(s.p[i], global ? SIP_C_DIGIT : SIP_C_HEX) ||
		             (!global && (s.p[i] == '*' || s.p[i] == '#'));

		if (!digit && !sip_is(s.p[i], SIP_C_VISUAL))
			return false;
		digits += digit;
	}
	return digits > 0;
}

static enum err parse_tel(struct sip_uri *out, struct str rest)
{
	size_t semicolon = str_find(rest, ';');

	out->user = str_head(rest, semicolon);
	out->has_user = true;
	out->params = str_from_at(rest, semicolon);
	return is_tel_number(out->user) ? check_params(out->params) : ERR_SYNTAX;
}

static enum sip_scheme scheme_of(struct str name)
{
	if (name.len == 3 && memcmp(name.p, "sip", 3) == 0)
		return SIP_SCHEME_SIP;
	if (str_eq_nocase(name, STR("sip")))
		return SIP_SCHEME_SIP;
	if (str_eq_nocase(name, STR("sips")))
		return SIP_SCHEME_SIPS;
	return str_eq_nocase(name, STR("tel")) ? SIP_SCHEME_TEL : SIP_SCHEME_OTHER;
}

/* RFC 3986 3.1: a letter, then letters, digits, + - . */
static bool is_scheme(struct str s)
{
	if (s.len == 0 || sip_is(s.p[0], SIP_C_DIGIT) || !sip_is(s.p[0], SIP_C_HOST) ||
	    !sip_is(s.p[0], SIP_C_WORD))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] != '+' && (!sip_is(s.p[i], SIP_C_HOST) || s.p[i] == '_'))
			return false;
	}
	return s.p[0] != '-' && s.p[0] != '.' && s.p[0] != '+';
}

/* Where the scheme ends. Nearly all are sip: or sips:. */
static size_t find_colon(struct str text)
{
	if (text.len > 4 && memcmp(text.p, "sip:", 4) == 0)
		return 3;
	return str_find(text, ':');
}

enum err sip_uri_parse(struct sip_uri *out, struct str text)
{
	size_t colon = find_colon(text);

	if (text.len > SIP_URI_MAX)
		return ERR_LIMIT;
	*out = (struct sip_uri){ .text = text, .scheme_name = str_head(text, colon) };
	if (colon == text.len || !is_scheme(out->scheme_name))
		return ERR_SYNTAX;
	out->opaque = str_from_at(text, colon + 1);
	out->scheme = scheme_of(out->scheme_name);
	if (out->scheme == SIP_SCHEME_TEL)
		return parse_tel(out, out->opaque);
	if (out->scheme != SIP_SCHEME_OTHER)
		return parse_sip(out, out->opaque);
	return out->opaque.len > 0 && is_escaped_text(out->opaque, SIP_C_URIC) ? ERR_OK
	                                                                       : ERR_SYNTAX;
}

bool sip_uri_param_find(const struct sip_uri *uri, struct str name, struct sip_uri_param *out)
{
	struct str rest = uri->params;

	while (sip_uri_param_next(&rest, out)) {
		if (sip_escaped_eq(out->name, name, true))
			return true;
	}
	return false;
}

struct str sip_uri_param_value(const struct sip_uri *uri, struct str name)
{
	struct sip_uri_param param;

	return sip_uri_param_find(uri, name, &param) ? param.value : STR_NONE;
}

bool sip_uri_param_has(const struct sip_uri *uri, struct str name)
{
	struct sip_uri_param param;

	return sip_uri_param_find(uri, name, &param);
}

enum sip_transport sip_uri_transport(const struct sip_uri *uri, enum sip_transport none)
{
	struct sip_uri_param param;

	return sip_uri_param_find(uri, STR("transport"), &param) ? sip_transport_id(param.value)
	                                                         : none;
}

static unsigned hex_value(char c)
{
	if (c <= '9')
		return (unsigned)(c - '0');
	return (unsigned)(char_lower(c) - 'a') + 10;
}

/* Take one octet of `s` with its escape undone; -1 at the end, -2 for a broken escape. `*escaped` says whether it was escaped. */
static int unescape_next(struct str *s, bool *escaped)
{
	char c;

	*escaped = false;
	if (s->len == 0)
		return -1;
	c = s->p[0];
	if (c != '%') {
		*s = str_from_at(*s, 1);
		return (unsigned char)c;
	}
	if (s->len < 3 || !sip_is(s->p[1], SIP_C_HEX) || !sip_is(s->p[2], SIP_C_HEX))
		return -2;
	*escaped = true;
	c = (char)(hex_value(s->p[1]) << 4 | hex_value(s->p[2]));
	*s = str_from_at(*s, 3);
	return (unsigned char)c;
}

enum err sip_unescape(struct str text, struct buf *out)
{
	bool escaped;
	int c;

	while ((c = unescape_next(&text, &escaped)) >= 0)
		buf_char(out, (char)c);
	return c == -1 ? out->err : ERR_SYNTAX;
}

static void put_escape(unsigned char c, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	char text[3] = { '%', digits[c >> 4], digits[c & 15] };

	buf_bytes(out, text, sizeof(text));
}

void sip_escape(struct str plain, unsigned classes, struct buf *out)
{
	for (size_t i = 0; i < plain.len; i++) {
		if (sip_is(plain.p[i], classes) && plain.p[i] != '%')
			buf_char(out, plain.p[i]);
		else
			put_escape((unsigned char)plain.p[i], out);
	}
}

static bool is_reserved(int c)
{
	return c > 0 && strchr(";/?:@&=+$,", c) != NULL;
}

static int fold(int c, bool ignore_case)
{
	return ignore_case && c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool sip_escaped_eq(struct str a, struct str b, bool ignore_case)
{
	for (;;) {
		bool a_escaped;
		bool b_escaped;
		int x = unescape_next(&a, &a_escaped);
		int y = unescape_next(&b, &b_escaped);

		if (fold(x, ignore_case) != fold(y, ignore_case) ||
		    (a_escaped != b_escaped && is_reserved(x)))
			return false;
		if (x < 0)
			return x == -1;
	}
}
