#include "gateway/ua_targets.h"

#include "base/mem.h"

void ua_targets_init(struct ua_targets *t)
{
	*t = (struct ua_targets){ .count = 0 };
	arena_init(&t->memory, NULL, 0, UA_TARGETS_MEMORY);
}

void ua_targets_fini(struct ua_targets *t)
{
	arena_fini(&t->memory);
	t->count = 0;
	t->next = 0;
}

static bool is_known(const struct ua_targets *t, const struct sip_uri *uri)
{
	for (size_t i = 0; i < t->count; i++) {
		struct sip_uri other;

		if (sip_uri_parse(&other, t->list[i].uri) == ERR_OK && sip_uri_eq(uri, &other))
			return true;
	}
	return false;
}

/* As it may stand in a request line: without headers and method, which say how to make a request and are no part of one (19.1.1). */
static enum err request_uri(struct ua_targets *t, const struct sip_uri *uri, struct str *out)
{
	char memory[SIP_URI_MAX];
	struct sip_uri_param param;
	struct str rest = uri->params;
	struct str params_and_headers;
	struct buf text;

	buf_wrap(&text, memory, sizeof(memory));
	params_and_headers = uri->params.len > 0 ? uri->params : uri->headers;
	buf_str(&text, str_head(uri->text, params_and_headers.len == 0
	                                           ? uri->text.len
	                                           : (size_t)(params_and_headers.p - uri->text.p) -
	                                                     (uri->params.len == 0)));
	while (sip_uri_param_next(&rest, &param)) {
		if (str_eq_nocase(param.name, STR("method")))
			continue;
		buf_char(&text, ';');
		buf_str(&text, param.name);
		if (param.has_value) {
			buf_char(&text, '=');
			buf_str(&text, param.value);
		}
	}
	return text.err != ERR_OK ? text.err : arena_str(&t->memory, buf_view(&text), out);
}

/* Where among those that came with the same answer: behind all of at least its q. */
static void insert(struct ua_targets *t, const struct ua_target *target, size_t fresh)
{
	size_t at = t->next;

	while (at < t->next + fresh && t->list[at].q >= target->q)
		at++;
	memmove(&t->list[at + 1], &t->list[at], (t->count - at) * sizeof(t->list[0]));
	t->list[at] = *target;
	t->count++;
}

enum err ua_targets_begin(struct ua_targets *t, struct str text)
{
	struct ua_target target = { .q = 1000 };
	struct sip_uri uri;
	enum err e;

	if (t->count == UA_TARGETS_MAX)
		return ERR_LIMIT;
	if ((e = sip_uri_parse(&uri, text)) != ERR_OK ||
	    (e = arena_str(&t->memory, text, &target.uri)) != ERR_OK)
		return e;
	insert(t, &target, 0);
	return ERR_OK;
}

static bool add_contact(struct ua_targets *t, struct str value, size_t fresh)
{
	struct ua_target target = { .redirected = true };
	struct sip_name_addr contact;
	struct sip_uri uri;

	if (t->count == UA_TARGETS_MAX || sip_name_addr_parse(&contact, value) != ERR_OK ||
	    contact.star || sip_uri_parse(&uri, contact.uri) != ERR_OK ||
	    uri.scheme != SIP_SCHEME_SIP)
		return false;
	if (sip_name_addr_q(&contact, &target.q) != ERR_OK)
		target.q = 0;
	if (request_uri(t, &uri, &target.uri) != ERR_OK ||
	    sip_uri_parse(&uri, target.uri) != ERR_OK || is_known(t, &uri))
		return false;
	insert(t, &target, fresh);
	return true;
}

size_t ua_targets_redirect(struct ua_targets *t, const struct sip_msg *response)
{
	struct sip_values values = sip_values_of(response, SIP_H_CONTACT);
	struct str value;
	size_t fresh = 0;

	while (sip_values_next(&values, &value))
		fresh += add_contact(t, value, fresh);
	return fresh;
}

const struct ua_target *ua_targets_take(struct ua_targets *t)
{
	return t->next < t->count ? &t->list[t->next++] : NULL;
}
