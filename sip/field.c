#include "sip/field.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t blank_at(struct str s)
{
	size_t i = 0;

	while (i < s.len && !is_blank(s.p[i]))
		i++;
	return i;
}

/* RFC 3261 25.1 allows white space around the colon of sent-by. */
static enum err parse_sent_by(struct sip_via *out)
{
	struct str text = out->sent_by;
	size_t colon = str_rfind(text, ':');
	size_t bracket = str_rfind(text, ']');
	uint64_t port;
	enum err e;

	if (blank_at(text) == text.len || colon == text.len ||
	    (bracket < text.len && bracket > colon))
		return sip_host_port_parse(text, &out->host, &out->host_kind, &out->port,
		                           &out->has_port);
	e = sip_host_port_parse(str_trim(str_head(text, colon)), &out->host, &out->host_kind,
	                        &out->port, &out->has_port);
	if (e != ERR_OK || out->has_port)
		return ERR_SYNTAX;
	if ((e = str_number(str_trim(str_from_at(text, colon + 1)), UINT16_MAX, &port)) != ERR_OK)
		return e;
	out->port = (uint16_t)port;
	out->has_port = true;
	return ERR_OK;
}

static struct str without_brackets(struct str s)
{
	bool brackets = s.len > 2 && s.p[0] == '[' && s.p[s.len - 1] == ']';

	return brackets ? str_of(s.p + 1, s.len - 2) : s;
}

/* A value that may be given once. */
static enum err set_once(struct str *field, struct str value, size_t max)
{
	if (field->len > 0 || value.len == 0)
		return ERR_SYNTAX;
	*field = value;
	return value.len > max ? ERR_LIMIT : ERR_OK;
}

static enum err parse_rport(struct sip_via *out, const struct sip_param *param)
{
	uint64_t port = 0;
	enum err e = param->has_value ? str_number(param->value, UINT16_MAX, &port) : ERR_OK;

	if (out->has_rport)
		return ERR_SYNTAX;
	out->has_rport = true;
	out->rport = (uint16_t)port;
	return e;
}

static enum err parse_ttl(struct sip_via *out, const struct sip_param *param)
{
	uint64_t ttl = 0;
	enum err e = str_number(param->value, UINT8_MAX, &ttl);

	out->ttl = (uint8_t)ttl;
	return e;
}

static enum err via_param(struct sip_via *out, const struct sip_param *param)
{
	if (str_eq_nocase(param->name, STR("branch")))
		return set_once(&out->branch, param->value, SIP_BRANCH_MAX);
	if (str_eq_nocase(param->name, STR("rport")))
		return parse_rport(out, param);
	if (str_eq_nocase(param->name, STR("received")))
		return set_once(&out->received, without_brackets(param->value), SIP_VALUE_MAX);
	if (str_eq_nocase(param->name, STR("maddr")))
		return set_once(&out->maddr, without_brackets(param->value), SIP_VALUE_MAX);
	if (str_eq_nocase(param->name, STR("ttl")))
		return parse_ttl(out, param);
	if (str_eq_nocase(param->name, STR("alias")))
		out->alias = true;
	return ERR_OK;
}

static enum err via_params(struct sip_via *out)
{
	struct str rest = out->params;
	struct sip_param param;
	enum err e;

	while ((e = sip_param_next(&rest, &param)) == ERR_OK) {
		if ((e = via_param(out, &param)) != ERR_OK)
			return e;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err sip_via_parse(struct sip_via *out, struct str value)
{
	struct scan s = scan_of(value);
	struct str tail;
	size_t semicolon;
	enum err e;

	memset(out, 0, sizeof(*out));
	out->protocol = scan_token(&s);
	scan_separator(&s, '/');
	out->version = scan_token(&s);
	scan_separator(&s, '/');
	out->transport_name = scan_token(&s);
	if (s.err != ERR_OK || s.p == s.end || !is_blank(*s.p))
		return ERR_SYNTAX;
	scan_lws(&s);
	out->transport = sip_transport_id(out->transport_name);
	tail = scan_rest(&s);
	semicolon = str_find(tail, ';');
	out->sent_by = str_trim(str_head(tail, semicolon));
	out->params = str_from_at(tail, semicolon);
	if ((e = parse_sent_by(out)) != ERR_OK)
		return e;
	return via_params(out);
}

enum err sip_via_top(struct sip_via *out, const struct sip_msg *msg)
{
	struct str value;

	return sip_first_value(msg, SIP_H_VIA, &value) ? sip_via_parse(out, value) : ERR_NOTFOUND;
}

bool sip_via_is_rfc3261(const struct sip_via *via)
{
	/* The cookie's case is not said to matter; 7.3.1 makes tokens insensitive. */
	return via->branch.len > sizeof(SIP_BRANCH_COOKIE) - 1 &&
	       str_starts_nocase(via->branch, STR(SIP_BRANCH_COOKIE));
}

void sip_via_response_target(const struct sip_via *via, struct str *host, uint16_t *port)
{
	uint16_t sent_by_port = via->has_port ? via->port : sip_transport_port(via->transport);

	*port = sent_by_port == 0 ? 5060 : sent_by_port;
	if (via->maddr.len > 0) {
		*host = via->maddr;
	} else if (via->received.len > 0) {
		*host = via->received;
		if (via->rport != 0)
			*port = via->rport;
	} else {
		*host = via->host;
	}
}

/* How much of `s` is a display name without quotes: tokens, white space, and letters beyond ASCII, which many senders don't quote. */
static size_t display_span(struct str s)
{
	size_t i = 0;

	while (i < s.len && (sip_is(s.p[i], SIP_C_TOKEN) || is_blank(s.p[i]) ||
	                     ((unsigned char)s.p[i] & 0x80) != 0))
		i++;
	return i;
}

/* The display name of a name-addr; afterwards the cursor is at its "<". Nothing is taken where this is an addr-spec. */
static void scan_display(struct scan *s, struct sip_name_addr *out)
{
	const char *start = s->p;

	if (scan_peek(s) == '"') {
		(void)scan_quoted(s);
		out->display = str_of(start, (size_t)(s->p - start));
		scan_lws(s);
		if (scan_peek(s) != '<')
			scan_fail(s, ERR_SYNTAX);
		return;
	}
	if (scan_peek(s) != '<') {
		size_t n = display_span(str_of(s->p, scan_left(s)));

		if (n == scan_left(s) || s->p[n] != '<')
			return;
		out->display = str_trim(scan_bytes(s, n));
	}
}

static bool ends_addr_spec(char c)
{
	return c == ';' || is_blank(c);
}

static void scan_addr_spec(struct scan *s, struct sip_name_addr *out)
{
	const char *start = s->p;

	while (s->p < s->end && !ends_addr_spec(*s->p)) {
		if (*s->p == '?' || *s->p == ',')
			scan_fail(s, ERR_SYNTAX); /* 20.10: then it must stand in brackets */
		s->p++;
	}
	out->uri = str_of(start, (size_t)(s->p - start));
}

/* All but the look at the URI itself. */
static enum err split_name_addr(struct sip_name_addr *out, struct str value)
{
	struct scan s = scan_of(value);

	memset(out, 0, sizeof(*out));
	out->whole = value;
	if (value.len == 1 && value.p[0] == '*') {
		out->star = true;
		return ERR_OK;
	}
	scan_display(&s, out);
	if (scan_accept(&s, '<')) {
		out->brackets = true;
		out->uri = scan_until_char(&s, '>');
		scan_expect(&s, '>');
	} else if (s.err == ERR_OK) {
		scan_addr_spec(&s, out);
	}
	scan_lws(&s);
	out->params = scan_rest(&s);
	return s.err == ERR_OK ? sip_params_check(out->params) : s.err;
}

enum err sip_name_addr_uri(struct sip_name_addr *out, struct sip_uri *uri, struct str value)
{
	enum err e = split_name_addr(out, value);

	if (e != ERR_OK)
		return e;
	return out->star ? ERR_SYNTAX : sip_uri_parse(uri, out->uri);
}

enum err sip_name_addr_parse(struct sip_name_addr *out, struct str value)
{
	struct sip_uri uri;
	enum err e = split_name_addr(out, value);

	if (e != ERR_OK || out->star)
		return e;
	return sip_uri_parse(&uri, out->uri);
}

enum err sip_name_addr_of(struct sip_name_addr *out, const struct sip_msg *msg,
                          enum sip_header_id id)
{
	struct str value;

	return sip_first_value(msg, id, &value) ? sip_name_addr_parse(out, value) : ERR_NOTFOUND;
}

struct str sip_name_addr_tag(const struct sip_name_addr *na)
{
	return sip_param_value(na->params, STR("tag"));
}

struct str sip_tag(const struct sip_msg *msg, enum sip_header_id id)
{
	struct sip_name_addr na;
	struct str value;

	if (!sip_first_value(msg, id, &value) || split_name_addr(&na, value) != ERR_OK)
		return STR_NONE;
	return sip_name_addr_tag(&na);
}

/* qvalue: 0[.ddd] or 1[.000]. */
static enum err parse_q(struct str s, unsigned *q)
{
	unsigned scale = 100;

	if (s.len == 0 || s.len > 5 || (s.p[0] != '0' && s.p[0] != '1') ||
	    (s.len > 1 && s.p[1] != '.'))
		return ERR_SYNTAX;
	*q = s.p[0] == '1' ? 1000 : 0;
	for (size_t i = 2; i < s.len; i++, scale /= 10) {
		if (!sip_is(s.p[i], SIP_C_DIGIT))
			return ERR_SYNTAX;
		*q += (unsigned)(s.p[i] - '0') * scale;
	}
	return *q <= 1000 ? ERR_OK : ERR_SYNTAX;
}

enum err sip_name_addr_q(const struct sip_name_addr *na, unsigned *q)
{
	struct sip_param param;

	*q = 1000;
	return sip_param_find(na->params, STR("q"), &param) ? parse_q(param.value, q) : ERR_OK;
}

uint32_t sip_name_addr_expires(const struct sip_name_addr *na, uint32_t none)
{
	struct sip_param param;
	uint32_t seconds;

	if (!sip_param_find(na->params, STR("expires"), &param) ||
	    sip_seconds_parse(&seconds, param.value) != ERR_OK)
		return none;
	return seconds;
}

struct str sip_name_addr_instance(const struct sip_name_addr *na)
{
	struct str value = sip_param_value(na->params, STR("+sip.instance"));
	bool brackets = value.len > 2 && value.p[0] == '<' && value.p[value.len - 1] == '>';

	return brackets ? str_of(value.p + 1, value.len - 2) : value;
}

uint32_t sip_name_addr_reg_id(const struct sip_name_addr *na)
{
	uint64_t id;

	if (str_number(sip_param_value(na->params, STR("reg-id")), INT32_MAX, &id) != ERR_OK)
		return 0;
	return (uint32_t)id;
}

void sip_name_addr_display(const struct sip_name_addr *na, struct buf *out)
{
	struct str display = na->display;

	if (display.len >= 2 && display.p[0] == '"')
		sip_unquote(str_of(display.p + 1, display.len - 2), out);
	else
		buf_str(out, display);
}

bool sip_name_addr_allows(const struct sip_name_addr *na, struct str method)
{
	struct sip_param param;
	struct sip_list list;
	struct str one;

	if (!sip_param_find(na->params, STR("methods"), &param))
		return true;
	list = sip_list_of(param.value);
	while (sip_list_next(&list, &one)) {
		if (str_eq(one, method))
			return true;
	}
	return false;
}

enum err sip_cseq_parse(struct sip_cseq *out, struct str value)
{
	struct scan s = scan_of(value);

	out->number = (uint32_t)scan_number(&s, INT32_MAX);
	if (s.err == ERR_OK && s.p < s.end && !is_blank(*s.p))
		scan_fail(&s, ERR_SYNTAX);
	scan_lws(&s);
	out->method_name = scan_token(&s);
	out->method = sip_method_id(out->method_name);
	return scan_end(&s);
}

enum err sip_cseq_of(struct sip_cseq *out, const struct sip_msg *msg)
{
	return sip_has(msg, SIP_H_CSEQ) ? sip_cseq_parse(out, sip_value(msg, SIP_H_CSEQ))
	                                : ERR_NOTFOUND;
}

enum err sip_call_id_check(struct str value)
{
	size_t n = sip_span(value, SIP_C_WORD);

	if (value.len > SIP_CALL_ID_MAX)
		return ERR_LIMIT;
	if (n == 0)
		return ERR_SYNTAX;
	if (n == value.len)
		return ERR_OK;
	if (value.p[n] != '@' || n + 1 == value.len)
		return ERR_SYNTAX;
	value = str_from_at(value, n + 1);
	return sip_span(value, SIP_C_WORD) == value.len ? ERR_OK : ERR_SYNTAX;
}

enum err sip_max_forwards_parse(unsigned *out, struct str value)
{
	uint64_t n = 0;
	enum err e = str_number(value, 255, &n);

	*out = (unsigned)n;
	return e;
}

enum err sip_content_length_parse(uint32_t *out, struct str value)
{
	uint64_t n = 0;
	enum err e = str_number(value, UINT32_MAX, &n);

	*out = (uint32_t)n;
	return e;
}

enum err sip_seconds_parse(uint32_t *out, struct str value)
{
	uint64_t n = 0;
	enum err e = str_number(value, UINT32_MAX, &n);

	*out = e == ERR_LIMIT ? UINT32_MAX : (uint32_t)n;
	return e == ERR_LIMIT ? ERR_OK : e;
}
