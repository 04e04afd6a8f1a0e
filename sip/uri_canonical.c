#include "base/addr.h"
#include "sip/param.h"
#include "sip/uri.h"

#define NUMBER_DIGITS_MAX 31

static void put_lower(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++)
		buf_char(out, char_lower(s.p[i]));
}

static char hex_upper(char c)
{
	return c >= 'a' ? (char)(c - 0x20) : c;
}

static int hex_octet(const char *p)
{
	int high = hex_upper(p[0]) <= '9' ? p[0] - '0' : hex_upper(p[0]) - 'A' + 10;
	int low = hex_upper(p[1]) <= '9' ? p[1] - '0' : hex_upper(p[1]) - 'A' + 10;

	return high << 4 | low;
}

/* One spelling for each user: an escape stays only where its octet unescaped would be another thing (RFC 3261 19.1.4) or may not stand. */
static void put_user(struct str user, struct buf *out)
{
	for (size_t i = 0; i < user.len; i++) {
		char plain;

		if (user.p[i] != '%') {
			buf_char(out, user.p[i]);
			continue;
		}
		plain = (char)hex_octet(user.p + i + 1);
		if (sip_is(plain, SIP_C_UNRESERVED)) {
			buf_char(out, plain);
		} else {
			char text[3] = { '%', hex_upper(user.p[i + 1]), hex_upper(user.p[i + 2]) };

			buf_bytes(out, text, sizeof(text));
		}
		i += 2;
	}
}

static void put_host(const struct sip_uri *uri, struct buf *out)
{
	struct str host = uri->host;
	struct addr addr;

	if (uri->host_kind == SIP_HOST_IPV6 && addr_parse(&addr, host, 0) == ERR_OK) {
		addr_write_host(&addr, true, out);
		return;
	}
	if (uri->host_kind == SIP_HOST_NAME && host.len > 1 && host.p[host.len - 1] == '.')
		host.len--;
	put_lower(host, out);
}

static void put_without_separators(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!sip_is(s.p[i], SIP_C_VISUAL))
			buf_char(out, char_lower(s.p[i]));
	}
}

static void put_tel(const struct sip_uri *uri, struct buf *out)
{
	struct str context = sip_uri_param_value(uri, STR("phone-context"));

	buf_z(out, "tel:");
	put_without_separators(uri->user, out);
	if (uri->user.p[0] == '+' || context.len == 0)
		return;
	buf_z(out, ";phone-context=");
	if (context.p[0] == '+')
		put_without_separators(context, out);
	else
		put_lower(context, out);
}

static bool names_other_port(const struct sip_uri *uri)
{
	return uri->has_port && uri->port != (uri->scheme == SIP_SCHEME_SIPS ? 5061 : 5060);
}

static bool is_number_uri(const struct sip_uri *uri)
{
	char memory[NUMBER_DIGITS_MAX + 1];
	struct buf number;

	if (uri->scheme == SIP_SCHEME_TEL ||
	    str_eq_nocase(sip_uri_param_value(uri, STR("user")), STR("phone")))
		return true;
	buf_wrap(&number, memory, sizeof(memory));
	return sip_uri_number(uri, &number) == ERR_OK;
}

enum err sip_uri_aor(const struct sip_uri *uri, struct buf *out, struct sip_aor_note *note)
{
	if (uri->scheme == SIP_SCHEME_OTHER)
		return ERR_UNSUPPORTED;
	if (note != NULL)
		*note = (struct sip_aor_note){ .secure = uri->scheme == SIP_SCHEME_SIPS,
			                       .port = names_other_port(uri),
			                       .is_number = is_number_uri(uri) };
	if (uri->scheme == SIP_SCHEME_TEL) {
		put_tel(uri, out);
		return out->err;
	}
	buf_z(out, "sip:");
	if (uri->has_user) {
		put_user(uri->user, out);
		buf_char(out, '@');
	}
	put_host(uri, out);
	return out->err;
}

bool sip_is_number(struct str text)
{
	return text.len > 1 && text.len <= NUMBER_DIGITS_MAX + 1 && text.p[0] == '+' &&
	       sip_span(str_from_at(text, 1), SIP_C_DIGIT) == text.len - 1;
}

/* What `written` means as a number: escapes undone and, where it is said to be one, without separators. */
static enum err put_number(struct str written, bool is_phone, struct buf *out)
{
	char memory[128];
	struct buf plain;

	buf_wrap(&plain, memory, sizeof(memory));
	if (sip_unescape(written, &plain) != ERR_OK)
		return ERR_NOTFOUND;
	if (is_phone)
		put_without_separators(buf_view(&plain), out);
	else
		buf_str(out, buf_view(&plain));
	return out->err;
}

enum err sip_uri_number(const struct sip_uri *uri, struct buf *out)
{
	size_t start = out->len;
	struct str user = str_head(uri->user, str_find(uri->user, ';'));
	bool is_phone = uri->scheme == SIP_SCHEME_TEL ||
	                str_eq_nocase(sip_uri_param_value(uri, STR("user")), STR("phone"));
	enum err e;

	/* A + may be escaped; nothing else begins a global number. */
	if (!uri->has_user || !(str_starts(user, STR("+")) || str_starts_nocase(user, STR("%2b"))))
		return ERR_NOTFOUND;
	if ((e = put_number(user, is_phone, out)) != ERR_OK)
		return e;
	if (sip_is_number(str_from_at(buf_view(out), start)))
		return ERR_OK;
	out->len = start;
	return ERR_NOTFOUND;
}
