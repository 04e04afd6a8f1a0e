#include "base/addr.h"
#include "base/mem.h"
#include "sip/param.h"
#include "sip/uri.h"

/* An IPv6 address has many spellings (RFC 5954 4.2). */
static bool same_ipv6(struct str a, struct str b)
{
	struct addr x;
	struct addr y;

	return addr_parse(&x, a, 0) == ERR_OK && addr_parse(&y, b, 0) == ERR_OK &&
	       addr_eq_host(&x, &y);
}

static bool same_host(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->host_kind != b->host_kind)
		return false;
	return a->host_kind == SIP_HOST_IPV6 ? same_ipv6(a->host, b->host)
	                                     : str_eq_nocase(a->host, b->host);
}

/* Parameters that may not stand in one URI alone: their absence has a meaning. */
static bool is_significant(struct str name)
{
	static const struct str names[] = { STR_INIT("transport"), STR_INIT("user"),
		                            STR_INIT("ttl"), STR_INIT("method"),
		                            STR_INIT("maddr") };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (sip_escaped_eq(names[i], name, true))
			return true;
	}
	return false;
}

/* Does every parameter of `a` fit `b`: the same there, or not there and without significance? */
static bool params_fit(const struct sip_uri *a, const struct sip_uri *b)
{
	struct str rest = a->params;
	struct sip_uri_param mine;
	struct sip_uri_param other;

	while (sip_uri_param_next(&rest, &mine)) {
		if (!sip_uri_param_find(b, mine.name, &other)) {
			if (is_significant(mine.name))
				return false;
		} else if (!sip_escaped_eq(mine.value, other.value, true)) {
			return false;
		}
	}
	return true;
}

static size_t count_header(struct str headers, const struct sip_uri_param *wanted)
{
	struct sip_uri_param header;
	size_t n = 0;

	while (sip_uri_header_next(&headers, &header))
		n += sip_escaped_eq(header.name, wanted->name, true) &&
		     sip_escaped_eq(header.value, wanted->value, true);
	return n;
}

/* Does every header of `a` stand in `b` as often? */
static bool headers_fit(struct str a, struct str b)
{
	struct str rest = a;
	struct sip_uri_param header;

	while (sip_uri_header_next(&rest, &header)) {
		if (count_header(a, &header) != count_header(b, &header))
			return false;
	}
	return true;
}

/* RFC 3261 19.1.4. */
static bool sip_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->has_user != b->has_user || a->has_password != b->has_password ||
	    a->has_port != b->has_port || a->port != b->port)
		return false;
	return sip_escaped_eq(a->user, b->user, false) &&
	       sip_escaped_eq(a->password, b->password, false) && same_host(a, b) &&
	       params_fit(a, b) && params_fit(b, a) && headers_fit(a->headers, b->headers) &&
	       headers_fit(b->headers, a->headers);
}

static struct str skip_separators(struct str s)
{
	while (s.len > 0 && sip_is(s.p[0], SIP_C_VISUAL))
		s = str_from_at(s, 1);
	return s;
}

/* Equal but for visual separators and case. */
static bool same_number(struct str a, struct str b)
{
	for (;;) {
		a = skip_separators(a);
		b = skip_separators(b);
		if (a.len == 0 || b.len == 0)
			return a.len == b.len;
		if (char_lower(a.p[0]) != char_lower(b.p[0]))
			return false;
		a = str_from_at(a, 1);
		b = str_from_at(b, 1);
	}
}

static bool same_tel_param(const struct sip_uri_param *a, const struct sip_uri_param *b)
{
	bool digits = a->value.len > 0 &&
	              (a->value.p[0] == '+' || str_eq_nocase(a->name, STR("ext")));

	return a->has_value == b->has_value && (digits ? same_number(a->value, b->value)
	                                               : sip_escaped_eq(a->value, b->value, true));
}

/* Does every parameter of `a` stand in `b`? */
static bool tel_params_fit(const struct sip_uri *a, const struct sip_uri *b)
{
	struct str rest = a->params;
	struct sip_uri_param mine;
	struct sip_uri_param other;

	while (sip_uri_param_next(&rest, &mine)) {
		if (!sip_uri_param_find(b, mine.name, &other) || !same_tel_param(&mine, &other))
			return false;
	}
	return true;
}

/* RFC 3966 4. */
static bool tel_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	return same_number(a->user, b->user) && tel_params_fit(a, b) && tel_params_fit(b, a);
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme)
		return false;
	if (a->scheme == SIP_SCHEME_TEL)
		return tel_eq(a, b);
	if (a->scheme == SIP_SCHEME_OTHER)
		return str_eq(a->text, b->text);
	return sip_eq(a, b);
}
