#include "base/mem.h"
#include "sip/digest.h"
#include "sip/param.h"

#define AUTH_PARAMS_MAX 32

/* One name=value of a challenge or credentials. */
struct auth_param {
	struct str name;
	struct str value;
	bool quoted;
};

/* The parameters behind the scheme, which commas separate. */
struct auth_params {
	struct scan scan;
	struct str names[AUTH_PARAMS_MAX];
	size_t count;
};

/* Most values are tokens or quoted strings; nonces in base64 are met unquoted. */
static struct str scan_auth_value(struct scan *s, bool *quoted)
{
	const char *start;

	*quoted = scan_peek(s) == '"';
	if (*quoted)
		return scan_quoted(s);
	start = s->p;
	while (s->p < s->end && (sip_is(*s->p, SIP_C_TOKEN) || *s->p == '/' || *s->p == '=' ||
	                         *s->p == ':' || *s->p == '@'))
		s->p++;
	if (s->p == start)
		scan_fail(s, ERR_SYNTAX);
	return str_of(start, (size_t)(s->p - start));
}

static void remember_name(struct auth_params *params, struct str name)
{
	for (size_t i = 0; i < params->count; i++) {
		if (str_eq_nocase(params->names[i], name))
			scan_fail(&params->scan, ERR_SYNTAX);
	}
	if (params->count == AUTH_PARAMS_MAX)
		scan_fail(&params->scan, ERR_LIMIT);
	else
		params->names[params->count++] = name;
}

/* The next parameter; false at the end or after a failure (see scan.err). No name may come twice. */
static bool next_param(struct auth_params *params, struct auth_param *out)
{
	struct scan *s = &params->scan;

	scan_lws(s);
	if (params->count > 0) {
		if (scan_done(s))
			return false;
		scan_expect(s, ',');
		scan_lws(s);
	}
	out->name = scan_token(s);
	scan_separator(s, '=');
	out->value = s->err == ERR_OK ? scan_auth_value(s, &out->quoted) : STR_NONE;
	if (s->err == ERR_OK)
		remember_name(params, out->name);
	return s->err == ERR_OK;
}

/* Read the scheme: is it Digest? */
static bool is_digest_scheme(struct auth_params *params, struct str *scheme)
{
	*scheme = scan_token(&params->scan);
	return params->scan.err == ERR_OK && str_eq_nocase(*scheme, STR("Digest"));
}

static enum sip_qop qop_of(struct str value)
{
	if (str_eq_nocase(value, STR("auth")))
		return SIP_QOP_AUTH;
	return str_eq_nocase(value, STR("auth-int")) ? SIP_QOP_AUTH_INT : SIP_QOP_OTHER;
}

static bool parse_nc(struct sip_credentials *out, struct str value)
{
	if (value.len != 8 || sip_span(value, SIP_C_HEX) != 8)
		return false;
	out->nc = 0;
	for (size_t i = 0; i < 8; i++) {
		char c = char_lower(value.p[i]);

		out->nc = out->nc << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	out->nc_text = value;
	out->has_nc = true;
	return true;
}

/* Where the text of a parameter goes that is kept as it is, or NULL. */
static struct str *credentials_text(struct sip_credentials *c, struct str name)
{
	const struct {
		struct str name;
		struct str *field;
	} fields[] = {
		{ STR_INIT("username"), &c->username },
		{ STR_INIT("realm"), &c->realm },
		{ STR_INIT("nonce"), &c->nonce },
		{ STR_INIT("uri"), &c->uri },
		{ STR_INIT("response"), &c->response },
		{ STR_INIT("cnonce"), &c->cnonce },
		{ STR_INIT("opaque"), &c->opaque },
		{ STR_INIT("username*"), &c->username_star },
	};

	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (str_eq_nocase(fields[i].name, name))
			return fields[i].field;
	}
	return NULL;
}

/* Take one parameter; false where it is malformed. Unknown ones are nobody's business. */
static bool take_param(struct sip_credentials *c, const struct auth_param *param)
{
	struct str *text = credentials_text(c, param->name);

	if (text != NULL) {
		*text = param->value;
		c->has_opaque = c->has_opaque || text == &c->opaque;
	} else if (str_eq_nocase(param->name, STR("algorithm"))) {
		c->algorithm = sip_digest_id(param->value);
	} else if (str_eq_nocase(param->name, STR("qop"))) {
		c->qop = qop_of(param->value);
	} else if (str_eq_nocase(param->name, STR("userhash"))) {
		c->userhash = str_eq_nocase(param->value, STR("true"));
	} else if (str_eq_nocase(param->name, STR("nc"))) {
		return parse_nc(c, param->value);
	}
	return true;
}

static bool is_complete(const struct sip_credentials *c)
{
	bool named = c->username.p != NULL || c->username_star.p != NULL;
	bool counted = c->qop == SIP_QOP_NONE || (c->has_nc && c->cnonce.len > 0);

	return named && counted && c->realm.p != NULL && c->nonce.len > 0 && c->uri.len > 0 &&
	       c->response.len > 0;
}

enum err sip_credentials_parse(struct sip_credentials *out, struct str value)
{
	struct auth_params params;
	struct auth_param param;

	*out = (struct sip_credentials){ .value = value, .algorithm = SIP_DIGEST_MD5 };
	params.scan = scan_of(value);
	params.count = 0;
	out->is_digest = is_digest_scheme(&params, &out->scheme);
	if (!out->is_digest)
		return params.scan.err;
	while (next_param(&params, &param)) {
		if (!take_param(out, &param))
			return ERR_SYNTAX;
	}
	if (params.scan.err != ERR_OK)
		return params.scan.err;
	return is_complete(out) ? ERR_OK : ERR_SYNTAX;
}

enum err sip_credentials_next(struct sip_credentials *out, const struct sip_msg *msg,
                              enum sip_header_id id, struct str realm, const struct sip_header **at)
{
	const struct sip_header *h = *at == NULL ? sip_header_first(msg, id)
	                                         : sip_header_next(msg, *at);

	for (; h != NULL; h = sip_header_next(msg, h)) {
		enum err e = sip_credentials_parse(out, h->value);

		if (e != ERR_OK)
			return e;
		if (out->is_digest && sip_quoted_eq(out->realm, realm)) {
			*at = h;
			return ERR_OK;
		}
	}
	return ERR_NOTFOUND;
}

/* qop="auth,auth-int" */
static void take_qops(struct sip_challenge *c, struct str value)
{
	struct sip_list list = sip_list_of(value);
	struct str one;

	c->has_qop = true;
	while (sip_list_next(&list, &one)) {
		enum sip_qop qop = qop_of(one);

		c->qop_auth = c->qop_auth || qop == SIP_QOP_AUTH;
		c->qop_auth_int = c->qop_auth_int || qop == SIP_QOP_AUTH_INT;
	}
}

static void take_challenge_param(struct sip_challenge *c, const struct auth_param *param)
{
	if (str_eq_nocase(param->name, STR("realm"))) {
		c->realm = param->value;
	} else if (str_eq_nocase(param->name, STR("nonce"))) {
		c->nonce = param->value;
	} else if (str_eq_nocase(param->name, STR("opaque"))) {
		c->opaque = param->value;
		c->has_opaque = true;
	} else if (str_eq_nocase(param->name, STR("domain"))) {
		c->domain = param->value;
	} else if (str_eq_nocase(param->name, STR("algorithm"))) {
		c->algorithm = sip_digest_id(param->value);
	} else if (str_eq_nocase(param->name, STR("qop"))) {
		take_qops(c, param->value);
	} else if (str_eq_nocase(param->name, STR("stale"))) {
		c->stale = str_eq_nocase(param->value, STR("true"));
	} else if (str_eq_nocase(param->name, STR("userhash"))) {
		c->userhash = str_eq_nocase(param->value, STR("true"));
	}
}

enum err sip_challenge_parse(struct sip_challenge *out, struct str value)
{
	struct auth_params params;
	struct auth_param param;

	*out = (struct sip_challenge){ .algorithm = SIP_DIGEST_MD5 };
	params.scan = scan_of(value);
	params.count = 0;
	out->is_digest = is_digest_scheme(&params, &out->scheme);
	if (!out->is_digest)
		return params.scan.err;
	while (next_param(&params, &param))
		take_challenge_param(out, &param);
	if (params.scan.err != ERR_OK)
		return params.scan.err;
	return out->realm.p != NULL && out->nonce.len > 0 ? ERR_OK : ERR_SYNTAX;
}

enum err sip_challenge_pick(struct sip_challenge *out, const struct sip_msg *response,
                            enum sip_header_id id)
{
	for (const struct sip_header *h = sip_header_first(response, id); h != NULL;
	     h = sip_header_next(response, h)) {
		if (sip_challenge_parse(out, h->value) != ERR_OK || !out->is_digest)
			continue;
		if (out->algorithm != SIP_DIGEST_OTHER &&
		    (!out->has_qop || out->qop_auth || out->qop_auth_int))
			return ERR_OK;
	}
	return ERR_NOTFOUND;
}
