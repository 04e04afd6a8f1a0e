#include "federation/query.h"

#include "federation/document.h"
#include "sip/uri.h"

static int hex_value(char c)
{
	c = char_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo %HH. A + stays a +: it is no form that comes here (RFC 7033 4.1), and numbers begin with it. No control characters. */
static enum err decode(struct str in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i];

		if (c == '%') {
			int high = i + 2 < in.len ? hex_value(in.p[i + 1]) : -1;
			int low = i + 2 < in.len ? hex_value(in.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return ERR_SYNTAX;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if ((unsigned char)c < ' ' || c == 0x7f)
			return ERR_SYNTAX;
		buf_char(out, c);
	}
	return out->err;
}

static enum err read_rel(struct fed_query *out, struct str value)
{
	char memory[128];
	struct buf rel;
	enum err e;

	buf_wrap(&rel, memory, sizeof(memory));
	e = decode(value, &rel);
	out->filtered = true;
	if (str_eq(buf_view(&rel), STR(FED_REL_CONTACT)))
		out->want_contact = true;
	if (str_eq(buf_view(&rel), STR(FED_REL_INGRESS)))
		out->want_ingress = true;
	/* An over-long one is a relation that we don't have. */
	return e == ERR_LIMIT ? ERR_OK : e;
}

/* Find the one resource, undecoded, and what the rels want. */
static enum err read_params(struct fed_query *out, struct str query, struct str *resource,
                            const char **why)
{
	size_t resources = 0;
	size_t count = 0;

	while (query.len > 0) {
		struct str value = str_cut(&query, '&');
		struct str name = str_cut(&value, '=');

		if (++count > FED_QUERY_PARAMS_MAX) {
			*why = "too many parameters";
			return ERR_LIMIT;
		}
		if (str_eq(name, STR("resource"))) {
			*resource = value;
			resources++;
		} else if (str_eq(name, STR("rel")) && read_rel(out, value) != ERR_OK) {
			*why = "a broken escape in rel";
			return ERR_SYNTAX;
		}
	}
	*why = resources == 0 ? "no resource" : "more than one resource";
	return resources == 1 ? ERR_OK : ERR_SYNTAX;
}

static enum err read_address(struct fed_query *out, struct str text)
{
	struct sip_aor_note note;
	struct sip_uri uri;
	struct buf canonical;
	enum err e = sip_uri_parse(&uri, text);

	if (e != ERR_OK)
		return e;
	if (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_TEL)
		return ERR_UNSUPPORTED;
	buf_wrap(&canonical, out->memory, sizeof(out->memory));
	if ((e = sip_uri_aor(&uri, &canonical, &note)) != ERR_OK)
		return e;
	out->address = buf_view(&canonical);
	out->port = note.port;
	/* The canonical form parses: read its parts where they stay. */
	if ((e = sip_uri_parse(&uri, out->address)) != ERR_OK)
		return e;
	out->kind = uri.scheme == SIP_SCHEME_TEL ? FED_RESOURCE_NUMBER : FED_RESOURCE_AOR;
	out->host = uri.host;
	if (out->kind == FED_RESOURCE_NUMBER && sip_is_number(uri.user))
		out->number = uri.user;
	return ERR_OK;
}

enum err fed_query_parse(struct fed_query *out, struct str query, const char **why)
{
	char memory[FED_RESOURCE_MAX];
	struct str raw = STR_NONE;
	struct buf resource;
	enum err e;

	out->want_contact = false;
	out->want_ingress = false;
	out->filtered = false;
	out->number = STR_NONE;
	if ((e = read_params(out, query, &raw, why)) != ERR_OK)
		return e;
	if (!out->filtered) {
		out->want_contact = true;
		out->want_ingress = true;
	}
	buf_wrap(&resource, memory, sizeof(memory));
	if ((e = decode(raw, &resource)) != ERR_OK) {
		*why = e == ERR_LIMIT ? "an over-long resource" : "a broken escape in resource";
		return e;
	}
	e = read_address(out, buf_view(&resource));
	*why = "the resource is neither a sip: nor a tel: URI";
	return e;
}
