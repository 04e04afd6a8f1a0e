#include "gateway/ua_targets.h"

#include "base/mem.h"
#include "gateway/ua_dialog.h"

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

static enum err keep_uri(struct ua_targets *t, const struct sip_uri *uri, struct str *out)
{
	char memory[SIP_URI_MAX];
	struct buf text;

	buf_wrap(&text, memory, sizeof(memory));
	ua_request_uri_write(uri, &text);
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
	if (keep_uri(t, &uri, &target.uri) != ERR_OK || sip_uri_parse(&uri, target.uri) != ERR_OK ||
	    is_known(t, &uri))
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
