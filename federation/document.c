#include "federation/document.h"

#include "sip/field.h"

#include <jansson.h>

/* ---------------------------------------------------------------------------- reading */

/* A string of the document; empty where there is none. */
static struct str string_of(const json_t *value)
{
	return json_is_string(value) ? str_of(json_string_value(value), json_string_length(value))
	                             : STR_NONE;
}

/* What goes into a SIP message must not bring lines of its own; folding is nothing that a document needs. */
static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	}
	return s.len <= FED_URI_MAX;
}

/* A member that may be missing or null (RFC 7033 4.4.4.5), but not of another type. */
static bool read_property(const json_t *properties, const char *name, struct arena *arena,
                          struct str *out)
{
	const json_t *value = json_object_get(properties, name);

	*out = STR_NONE;
	if (value == NULL || json_is_null(value))
		return true;
	return json_is_string(value) && is_plain(string_of(value)) &&
	       arena_str(arena, string_of(value), out) == ERR_OK;
}

static bool is_place(struct str text)
{
	struct sip_uri uri;

	return sip_uri_parse(&uri, text) == ERR_OK &&
	       (uri.scheme == SIP_SCHEME_SIP || uri.scheme == SIP_SCHEME_SIPS) &&
	       uri.host.len > 0 && uri.headers.len == 0;
}

static bool is_methods(struct str list)
{
	while (list.len > 0) {
		if (!sip_is_token(str_trim(str_cut(&list, ','))))
			return false;
	}
	return true;
}

static bool read_number(struct str text, uint32_t *out)
{
	uint64_t n = 0;
	enum err e = str_number(text, UINT32_MAX, &n);

	*out = e == ERR_LIMIT ? UINT32_MAX : (uint32_t)n;
	return e == ERR_OK || e == ERR_LIMIT;
}

/* contact-params without their first semicolon. */
static bool read_params(struct fed_link *link, struct str text, struct arena *arena)
{
	struct sip_name_addr as_if = { .star = false };
	struct sip_param param;
	char *copy = arena_alloc(arena, text.len + 1);

	if (copy == NULL)
		return false;
	if (text.len == 0)
		return true;
	copy[0] = ';';
	memcpy(copy + 1, text.p, text.len);
	as_if.params = str_of(copy, text.len + 1);
	if (sip_params_check(as_if.params) != ERR_OK || sip_name_addr_q(&as_if, &link->q) != ERR_OK)
		return false;
	if (sip_param_find(as_if.params, STR("methods"), &param)) {
		link->methods = param.value;
		if (!is_methods(param.value))
			return false;
	}
	link->has_expires = sip_param_find(as_if.params, STR("expires"), &param);
	return !link->has_expires || (!param.quoted && read_number(param.value, &link->expires_s));
}

static bool is_route(struct str text)
{
	struct sip_list list = sip_list_of(text);
	struct sip_name_addr na;
	struct str value;
	size_t n = 0;

	while (sip_list_next(&list, &value)) {
		if (++n > FED_ROUTES_MAX || sip_name_addr_parse(&na, value) != ERR_OK || na.star ||
		    !is_place(na.uri))
			return false;
	}
	return true;
}

static bool is_domain(struct str name)
{
	return name.len > 0 && name.len <= 253 && sip_span(name, SIP_C_HOST) == name.len;
}

static void lower(struct str s)
{
	char *p = (char *)(uintptr_t)s.p; /* the arena's, ours to write */

	for (size_t i = 0; i < s.len; i++)
		p[i] = char_lower(p[i]);
}

static bool read_link(struct fed_link *link, const json_t *from, struct arena *arena)
{
	const json_t *properties = json_object_get(from, "properties");
	struct str href = string_of(json_object_get(from, "href"));
	struct str params;

	if (properties != NULL && !json_is_object(properties) && !json_is_null(properties))
		return false;
	if (!is_plain(href) || !is_place(href) || arena_str(arena, href, &link->href) != ERR_OK)
		return false;
	if (!read_property(properties, FED_PARAMS, arena, &params) ||
	    !read_property(properties, FED_ROUTE, arena, &link->route) ||
	    !read_property(properties, FED_IDENTITY, arena, &link->identity))
		return false;
	link->q = 1000;
	lower(link->identity);
	return read_params(link, params, arena) &&
	       (link->route.len == 0 || is_route(link->route)) &&
	       (link->identity.len == 0 || is_domain(link->identity));
}

static bool goes_before(const struct fed_link *a, const struct fed_link *b)
{
	if (a->ingress != b->ingress)
		return b->ingress;
	return a->q > b->q;
}

void fed_document_add(struct fed_document *doc, const struct fed_link *link)
{
	size_t at = doc->count;

	while (at > 0 && goes_before(link, &doc->links[at - 1]))
		at--;
	if (at == FED_TARGETS_MAX)
		return;
	if (doc->count < FED_TARGETS_MAX)
		doc->count++;
	memmove(&doc->links[at + 1], &doc->links[at],
	        (doc->count - at - 1) * sizeof(doc->links[0]));
	doc->links[at] = *link;
}

static void read_links(struct fed_document *out, const json_t *links, struct arena *arena)
{
	size_t count = json_array_size(links);

	for (size_t i = 0; i < count; i++) {
		const json_t *from = json_array_get(links, i);
		struct str rel = string_of(json_object_get(from, "rel"));
		struct fed_link link = { .ingress = str_eq(rel, STR(FED_REL_INGRESS)) };

		if (!link.ingress && !str_eq(rel, STR(FED_REL_CONTACT)))
			continue;
		if (read_link(&link, from, arena))
			fed_document_add(out, &link);
		else
			out->unusable++;
	}
}

/* Is it about what was asked, spelled in whatever way? */
static bool is_about(struct str said, struct str asked)
{
	char memory[FED_URI_MAX + 64];
	struct sip_uri uri;
	struct buf canonical;

	buf_wrap(&canonical, memory, sizeof(memory));
	return said.len <= FED_URI_MAX && sip_uri_parse(&uri, said) == ERR_OK &&
	       sip_uri_aor(&uri, &canonical, NULL) == ERR_OK && str_eq(buf_view(&canonical), asked);
}

static enum err read_document(struct fed_document *out, const json_t *root, struct str subject,
                              struct arena *arena, struct buf *why)
{
	const json_t *links = json_object_get(root, "links");

	if (!json_is_object(root) || !json_is_string(json_object_get(root, "subject"))) {
		buf_z(why, "a document without subject");
		return ERR_SYNTAX;
	}
	if (!is_about(string_of(json_object_get(root, "subject")), subject)) {
		buf_z(why, "a document about somebody else");
		return ERR_SYNTAX;
	}
	if (links != NULL && !json_is_array(links)) {
		buf_z(why, "a document whose links are no list");
		return ERR_SYNTAX;
	}
	if (arena_str(arena, subject, &out->subject) != ERR_OK)
		return ERR_NOMEM;
	read_links(out, links, arena);
	return ERR_OK;
}

enum err fed_document_parse(struct fed_document *out, struct str text, struct str subject,
                            struct arena *arena, struct buf *why)
{
	json_error_t error;
	json_t *root;
	enum err e;

	out->count = 0;
	out->unusable = 0;
	if (text.len > FED_DOCUMENT_MAX) {
		buf_z(why, "a document of more than 64 KiB");
		return ERR_SYNTAX;
	}
	root = json_loadb(text.len == 0 ? "" : text.p, text.len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL) {
		buf_printf(why, "no JSON document: line %d: %s", error.line, error.text);
		return ERR_SYNTAX;
	}
	e = read_document(out, root, subject, arena, why);
	json_decref(root);
	return e;
}

/* ---------------------------------------------------------------------------- writing */

static int set_str(json_t *object, const char *name, struct str value)
{
	return json_object_set_new(object, name,
	                           json_stringn(value.p == NULL ? "" : value.p, value.len));
}

static void write_params(const struct fed_link *link, struct buf *out)
{
	if (link->q < 1000)
		buf_printf(out, ";q=0.%03u", link->q);
	if (link->has_expires)
		buf_printf(out, ";expires=%u", link->expires_s);
	if (link->methods.len > 0) {
		buf_z(out, ";methods=");
		sip_quote(link->methods, out);
	}
	buf_drop(out, 1);
}

static json_t *link_to_json(const struct fed_link *link)
{
	json_t *object = json_object();
	json_t *properties = json_object();
	struct buf params;
	int bad = 0;

	buf_init(&params, FED_URI_MAX);
	write_params(link, &params);
	bad |= set_str(object, "rel", link->ingress ? STR(FED_REL_INGRESS) : STR(FED_REL_CONTACT));
	bad |= set_str(object, "href", link->href);
	if (params.len > 0)
		bad |= set_str(properties, FED_PARAMS, buf_view(&params));
	if (link->route.len > 0)
		bad |= set_str(properties, FED_ROUTE, link->route);
	if (link->identity.len > 0)
		bad |= set_str(properties, FED_IDENTITY, link->identity);
	if (json_object_size(properties) > 0)
		bad |= json_object_set(object, "properties", properties);
	json_decref(properties);
	if (bad != 0 || params.err != ERR_OK) {
		json_decref(object);
		object = NULL;
	}
	buf_fini(&params);
	return object;
}

static int put_text(const char *text, size_t len, void *arg)
{
	struct buf *out = arg;

	buf_bytes(out, text, len);
	return out->err == ERR_OK ? 0 : -1;
}

enum err fed_document_write(const struct fed_document *doc, struct buf *out)
{
	json_t *root = json_object();
	json_t *links = json_array();
	int bad = set_str(root, "subject", doc->subject);

	for (size_t i = 0; i < doc->count && bad == 0; i++)
		bad = json_array_append_new(links, link_to_json(&doc->links[i]));
	if (bad == 0)
		bad = json_object_set(root, "links", links);
	json_decref(links);
	if (bad == 0)
		bad = json_dump_callback(root, put_text, out, JSON_COMPACT);
	json_decref(root);
	return bad == 0 ? ERR_OK : ERR_NOMEM;
}
