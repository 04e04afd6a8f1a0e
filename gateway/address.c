#include "gateway/address.h"

/* Whose is a number? The domain that answers for its prefix; by its own domain where it names one of ours. */
static const struct conf_domain *owner_of(const struct conf *conf, const struct address *a)
{
	const struct conf_domain *own = NULL;

	if (a->domain.len > 0)
		own = conf_domain_find(conf, a->domain);
	if (own == NULL && a->number.len > 0 && a->domain.len == 0)
		own = conf_number_find(conf, a->number);
	return own;
}

static void split(struct address *a)
{
	struct str rest = a->aor;
	size_t at;

	(void)str_cut(&rest, ':');
	if (str_starts(a->aor, STR("tel:"))) {
		a->user = rest;
		return;
	}
	at = str_rfind(rest, '@');
	if (at == rest.len) {
		a->domain = rest;
		return;
	}
	a->user = str_head(rest, at);
	a->domain = str_from_at(rest, at + 1);
}

enum err address_of(struct address *out, const struct conf *conf, const struct sip_uri *uri,
                    struct arena *arena)
{
	char memory[ADDRESS_MAX];
	struct buf b;
	struct sip_aor_note note = { 0 };
	enum err e;

	*out = (struct address){ 0 };
	buf_wrap(&b, memory, sizeof(memory));
	if ((e = sip_uri_aor(uri, &b, &note)) != ERR_OK)
		return e;
	if ((e = arena_str(arena, buf_view(&b), &out->aor)) != ERR_OK)
		return e;
	out->secure = note.secure;
	out->port = note.port;
	buf_clear(&b);
	if (sip_uri_number(uri, &b) == ERR_OK &&
	    (e = arena_str(arena, buf_view(&b), &out->number)) != ERR_OK)
		return e;
	split(out);
	out->own = owner_of(conf, out);
	return ERR_OK;
}

/* "+49 (30) 123-456": what a person types. */
static bool number_typed(struct str text, struct buf *out)
{
	text = str_trim(text);
	if (text.len == 0 || text.p[0] != '+')
		return false;
	buf_z(out, "tel:+");
	for (size_t i = 1; i < text.len; i++) {
		char c = text.p[i];

		if (c >= '0' && c <= '9')
			buf_char(out, c);
		else if (strchr(" -.()/", c) == NULL || c == '\0')
			return false;
	}
	return out->err == ERR_OK;
}

enum err address_uri(struct sip_uri *out, struct str text, struct arena *arena)
{
	char memory[ADDRESS_MAX];
	struct buf b;
	enum err e;

	buf_wrap(&b, memory, sizeof(memory));
	if (!number_typed(text, &b)) {
		buf_clear(&b);
		if (str_find(text, ':') == text.len && str_find(text, '@') < text.len)
			buf_z(&b, "sip:");
		buf_str(&b, text);
	}
	if (b.err != ERR_OK)
		return b.err;
	e = arena_str(arena, buf_view(&b), &text);
	return e == ERR_OK ? sip_uri_parse(out, text) : e;
}

enum err address_of_text(struct address *out, const struct conf *conf, struct str text,
                         struct arena *arena)
{
	struct sip_uri uri;
	enum err e = address_uri(&uri, text, arena);

	return e == ERR_OK ? address_of(out, conf, &uri, arena) : e;
}
