#include "base/mem.h"
#include "sip/field.h"
#include "sip/message.h"

static enum err refuse(const struct sip_msg *msg, struct sip_fault *fault, unsigned status,
                       const char *reason)
{
	*fault = (struct sip_fault){ .status = sip_is_answerable(msg) ? status : 0,
		                     .reason = reason };
	return ERR_SYNTAX;
}

/* What to say of each header field: missing, there twice, malformed. */
struct texts {
	const char *missing;
	const char *twice;
	const char *bad;
};

static const struct texts texts[SIP_H_COUNT] = {
#define X(id, name, compact, flags, slot) \
	[SIP_H_##id] = { "Missing " name, "Multiple " name, "Bad " name },
	SIP_HEADER_TABLE(X)
#undef X
};

static enum err check_uri(const struct sip_msg *msg, struct sip_fault *fault)
{
	struct sip_uri uri;
	enum err e = sip_uri_parse(&uri, msg->uri);

	if (e == ERR_OK && uri.scheme == SIP_SCHEME_OTHER)
		return refuse(msg, fault, 416, "Unsupported URI Scheme");
	/* 19.1.1, table 1: header fields of a URI are no business of a Request-URI. */
	if (e != ERR_OK || uri.headers.len > 0)
		return refuse(msg, fault, 400, "Bad Request-URI");
	return ERR_OK;
}

static enum err check_once(const struct sip_msg *msg, struct sip_fault *fault)
{
	for (size_t i = 0; i < msg->count; i++) {
		const struct sip_header *h = &msg->headers[i];

		if (h->next != SIP_NO_HEADER && sip_header_is_once((enum sip_header_id)h->id))
			return refuse(msg, fault, 400, texts[h->id].twice);
	}
	return ERR_OK;
}

/* 8.1.1; Max-Forwards was not asked for by RFC 2543 (16.3 step 3 takes its absence). */
static enum err check_mandatory(const struct sip_msg *msg, struct sip_fault *fault)
{
	static const enum sip_header_id ids[] = { SIP_H_VIA, SIP_H_FROM, SIP_H_TO, SIP_H_CALL_ID,
		                                  SIP_H_CSEQ };

	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		if (!sip_has(msg, ids[i]))
			return refuse(msg, fault, 400, texts[ids[i]].missing);
	}
	return ERR_OK;
}

static enum err check_via(const struct sip_msg *msg, struct str value)
{
	struct sip_via via;
	enum err e = sip_via_parse(&via, value);

	(void)msg;
	if (e != ERR_OK)
		return e;
	/* The cookie alone identifies nothing (RFC 4475 3.2.1). */
	return str_eq(via.branch, STR(SIP_BRANCH_COOKIE)) ? ERR_SYNTAX : ERR_OK;
}

static enum err check_address(const struct sip_msg *msg, struct str value)
{
	struct sip_name_addr na;
	enum err e = sip_name_addr_parse(&na, value);

	(void)msg;
	if (e != ERR_OK)
		return e;
	if (na.star ||
	    (na.params.len > SIP_BRANCH_MAX && sip_name_addr_tag(&na).len > SIP_BRANCH_MAX))
		return ERR_SYNTAX;
	return ERR_OK;
}

/* 10.2.2: "*" stands in a REGISTER, alone. */
static enum err check_contact(const struct sip_msg *msg, struct str value)
{
	struct sip_name_addr na;
	unsigned q;
	enum err e = sip_name_addr_parse(&na, value);

	if (e != ERR_OK)
		return e;
	if (na.star)
		return msg->method == SIP_REGISTER && sip_count_values(msg, SIP_H_CONTACT) == 1
		               ? ERR_OK
		               : ERR_SYNTAX;
	return sip_name_addr_q(&na, &q);
}

/* Routes are name-addr, in brackets (25.1), and lead to SIP. */
static enum err check_route(const struct sip_msg *msg, struct str value)
{
	struct sip_name_addr na;
	struct sip_uri uri;
	enum err e = sip_name_addr_uri(&na, &uri, value);

	(void)msg;
	if (e != ERR_OK)
		return e;
	return na.brackets && uri.scheme != SIP_SCHEME_OTHER && uri.scheme != SIP_SCHEME_TEL
	               ? ERR_OK
	               : ERR_SYNTAX;
}

static enum err check_call_id(const struct sip_msg *msg, struct str value)
{
	(void)msg;
	return sip_call_id_check(value);
}

static enum err check_cseq(const struct sip_msg *msg, struct str value)
{
	struct sip_cseq cseq;
	enum err e = sip_cseq_parse(&cseq, value);

	if (e != ERR_OK || !msg->is_request)
		return e;
	return str_eq(cseq.method_name, msg->method_name) ? ERR_OK : ERR_SYNTAX;
}

static enum err check_max_forwards(const struct sip_msg *msg, struct str value)
{
	unsigned n;

	(void)msg;
	return sip_max_forwards_parse(&n, value);
}

static enum err check_seconds(const struct sip_msg *msg, struct str value)
{
	uint32_t n;

	(void)msg;
	return sip_seconds_parse(&n, value);
}

static enum err check_length(const struct sip_msg *msg, struct str value)
{
	uint32_t n;

	(void)msg;
	return sip_content_length_parse(&n, value);
}

static enum err check_media(const struct sip_msg *msg, struct str value)
{
	struct sip_media media;

	(void)msg;
	return sip_media_parse(&media, value);
}

static enum err check_token(const struct sip_msg *msg, struct str value)
{
	(void)msg;
	return sip_is_token(value) ? ERR_OK : ERR_SYNTAX;
}

static enum err check_timestamp(const struct sip_msg *msg, struct str value)
{
	struct sip_timestamp t;

	(void)msg;
	return sip_timestamp_parse(&t, value);
}

/* Every value that we act on, or repeat in what we write. */
static const struct {
	enum sip_header_id id;
	enum err (*check)(const struct sip_msg *msg, struct str value);
	unsigned most;
} rules[] = {
	{ SIP_H_VIA, check_via, SIP_VIAS_MAX },
	{ SIP_H_FROM, check_address, 1 },
	{ SIP_H_TO, check_address, 1 },
	{ SIP_H_CALL_ID, check_call_id, 1 },
	{ SIP_H_CSEQ, check_cseq, 1 },
	{ SIP_H_MAX_FORWARDS, check_max_forwards, 1 },
	{ SIP_H_CONTACT, check_contact, SIP_CONTACTS_MAX },
	{ SIP_H_ROUTE, check_route, SIP_ROUTES_MAX },
	{ SIP_H_RECORD_ROUTE, check_route, SIP_ROUTES_MAX },
	{ SIP_H_PATH, check_route, SIP_ROUTES_MAX },
	{ SIP_H_CONTENT_LENGTH, check_length, 1 },
	{ SIP_H_CONTENT_TYPE, check_media, 1 },
	{ SIP_H_EXPIRES, check_seconds, 1 },
	{ SIP_H_REQUIRE, check_token, SIP_ROUTES_MAX },
	{ SIP_H_PROXY_REQUIRE, check_token, SIP_ROUTES_MAX },
	{ SIP_H_SUPPORTED, check_token, SIP_ROUTES_MAX },
	{ SIP_H_P_ASSERTED_IDENTITY, check_address, SIP_CONTACTS_MAX },
	{ SIP_H_P_PREFERRED_IDENTITY, check_address, SIP_CONTACTS_MAX },
	{ SIP_H_TIMESTAMP, check_timestamp, 1 },
};

static enum err check_rule(const struct sip_msg *msg, size_t rule)
{
	struct sip_values values = sip_values_of(msg, rules[rule].id);
	struct str value;
	unsigned n = 0;
	enum err e;

	while (sip_values_next(&values, &value)) {
		if (++n > rules[rule].most)
			return ERR_LIMIT;
		if ((e = rules[rule].check(msg, value)) != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err sip_check(const struct sip_msg *msg, struct sip_fault *fault)
{
	enum err e;

	*fault = (struct sip_fault){ .status = 0, .reason = "" };
	if ((e = check_mandatory(msg, fault)) != ERR_OK || (e = check_once(msg, fault)) != ERR_OK)
		return e;
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		if (sip_has(msg, rules[i].id) && check_rule(msg, i) != ERR_OK)
			return refuse(msg, fault, 400, texts[rules[i].id].bad);
	}
	return msg->is_request ? check_uri(msg, fault) : ERR_OK;
}
