#include "gateway/ua_dialog.h"

#define SEQ_FIRST 1

void ua_dialog_init(struct ua_dialog *d)
{
	*d = (struct ua_dialog){ .local_seq = SEQ_FIRST - 1 };
	arena_init(&d->memory, NULL, 0, UA_DIALOG_MEMORY);
}

void ua_dialog_fini(struct ua_dialog *d)
{
	arena_fini(&d->memory);
	d->call_id = STR_NONE;
	d->route_count = 0;
}

/* A copy on one line: where a value was folded, a space means the same (7.3.1). */
static enum err keep(struct ua_dialog *d, struct str value, struct str *out)
{
	char *p = arena_alloc(&d->memory, value.len + 1);

	if (p == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < value.len; i++)
		p[i] = value.p[i] == '\r' || value.p[i] == '\n' ? ' ' : value.p[i];
	p[value.len] = '\0';
	*out = str_of(p, value.len);
	return ERR_OK;
}

/* Where parameters and headers begin; the end of the text where there are none. */
static size_t params_at(const struct sip_uri *uri)
{
	if (uri->params.len > 0)
		return (size_t)(uri->params.p - uri->text.p);
	return uri->headers.len > 0 ? (size_t)(uri->headers.p - uri->text.p) - 1 : uri->text.len;
}

void ua_request_uri_write(const struct sip_uri *uri, struct buf *out)
{
	struct str rest = uri->params;
	struct sip_uri_param param;

	buf_str(out, str_head(uri->text, params_at(uri)));
	while (sip_uri_param_next(&rest, &param)) {
		if (str_eq_nocase(param.name, STR("method")))
			continue;
		buf_char(out, ';');
		buf_str(out, param.name);
		if (param.has_value) {
			buf_char(out, '=');
			buf_str(out, param.value);
		}
	}
}

static enum err set_target(struct ua_dialog *d, struct str uri)
{
	if (uri.len > sizeof(d->target))
		return ERR_LIMIT;
	memcpy(d->target, uri.p, uri.len);
	d->target_len = uri.len;
	return ERR_OK;
}

static struct str target(const struct ua_dialog *d)
{
	return str_of(d->target, d->target_len);
}

#define ANONYMOUS "\"Anonymous\" <sip:anonymous@anonymous.invalid>" /* 8.1.1.3 */

/* "<uri>", with a tag where there is one. */
static enum err keep_party(struct ua_dialog *d, struct str uri, struct str tag, struct str *out)
{
	size_t room = uri.len + tag.len + sizeof(ANONYMOUS ";tag=");
	char *memory = arena_alloc(&d->memory, room);
	struct buf text;

	if (memory == NULL)
		return ERR_NOMEM;
	buf_wrap(&text, memory, room);
	if (uri.len == 0)
		buf_z(&text, ANONYMOUS);
	else
		buf_printf(&text, "<%.*s>", STR_ARG(uri));
	if (tag.len > 0)
		buf_printf(&text, ";tag=%.*s", STR_ARG(tag));
	*out = buf_view(&text);
	return text.err;
}

static enum err add_route(struct ua_dialog *d, struct str value)
{
	if (d->route_count == SIP_ROUTES_MAX)
		return ERR_LIMIT;
	return keep(d, value, &d->routes[d->route_count++]);
}

enum err ua_dialog_begin(struct ua_dialog *d, const struct ua_opening *o)
{
	enum err e;

	if ((e = keep(d, o->call_id, &d->call_id)) != ERR_OK ||
	    (e = keep(d, o->tag, &d->local_tag)) != ERR_OK ||
	    (e = keep_party(d, o->from, o->tag, &d->local)) != ERR_OK ||
	    (e = keep_party(d, o->to, STR_NONE, &d->remote)) != ERR_OK ||
	    (e = set_target(d, o->target)) != ERR_OK)
		return e;
	if (o->route.len == 0)
		return ERR_OK;
	e = keep_party(d, o->route, STR_NONE, &d->routes[0]);
	d->route_count = 1;
	return e;
}

enum err ua_dialog_redirect(struct ua_dialog *d, struct str uri)
{
	d->route_count = 0;
	return set_target(d, uri);
}

static enum err keep_routes(struct ua_dialog *d, const struct sip_msg *msg, bool reversed)
{
	struct sip_values values = sip_values_of(msg, SIP_H_RECORD_ROUTE);
	struct str value;
	enum err e;

	while (sip_values_next(&values, &value)) {
		if ((e = add_route(d, value)) != ERR_OK)
			return e;
	}
	for (size_t i = 0; reversed && i < d->route_count / 2; i++) {
		struct str other = d->routes[d->route_count - 1 - i];

		d->routes[d->route_count - 1 - i] = d->routes[i];
		d->routes[i] = other;
	}
	return ERR_OK;
}

void ua_dialog_retarget(struct ua_dialog *d, const struct sip_msg *msg)
{
	char memory[SIP_URI_MAX];
	struct sip_name_addr contact;
	struct sip_uri uri;
	struct str value;
	struct buf text;

	if (!sip_first_value(msg, SIP_H_CONTACT, &value) ||
	    sip_name_addr_uri(&contact, &uri, value) != ERR_OK || contact.star ||
	    (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS))
		return;
	buf_wrap(&text, memory, sizeof(memory));
	ua_request_uri_write(&uri, &text);
	if (text.err == ERR_OK)
		(void)set_target(d, buf_view(&text));
}

enum err ua_dialog_answered(struct ua_dialog *d, const struct ua_dialog *asked,
                            const struct sip_msg *response)
{
	enum err e;

	if (sip_tag(response, SIP_H_TO).len == 0)
		return ERR_NOTFOUND;
	if ((e = keep(d, asked->call_id, &d->call_id)) != ERR_OK ||
	    (e = keep(d, asked->local, &d->local)) != ERR_OK ||
	    (e = keep(d, asked->local_tag, &d->local_tag)) != ERR_OK ||
	    (e = keep(d, sip_value(response, SIP_H_TO), &d->remote)) != ERR_OK ||
	    (e = keep(d, sip_tag(response, SIP_H_TO), &d->remote_tag)) != ERR_OK ||
	    (e = keep_routes(d, response, true)) != ERR_OK ||
	    (e = set_target(d, target(asked))) != ERR_OK)
		return e;
	d->local_seq = asked->local_seq;
	ua_dialog_retarget(d, response);
	return ERR_OK;
}

static enum err keep_local(struct ua_dialog *d, const struct sip_msg *request, struct str tag)
{
	struct str to = sip_value(request, SIP_H_TO);
	size_t room = to.len + tag.len + 8;
	char *memory = arena_alloc(&d->memory, room);
	struct buf text;

	if (memory == NULL)
		return ERR_NOMEM;
	buf_wrap(&text, memory, room);
	buf_printf(&text, "%.*s;tag=%.*s", STR_ARG(to), STR_ARG(tag));
	if (text.err != ERR_OK)
		return text.err;
	return keep(d, buf_view(&text), &d->local);
}

enum err ua_dialog_accept(struct ua_dialog *d, const struct sip_msg *request, struct str tag)
{
	enum err e;

	if ((e = keep(d, sip_value(request, SIP_H_CALL_ID), &d->call_id)) != ERR_OK ||
	    (e = keep_local(d, request, tag)) != ERR_OK ||
	    (e = keep(d, tag, &d->local_tag)) != ERR_OK ||
	    (e = keep(d, sip_value(request, SIP_H_FROM), &d->remote)) != ERR_OK ||
	    (e = keep(d, sip_tag(request, SIP_H_FROM), &d->remote_tag)) != ERR_OK ||
	    (e = keep_routes(d, request, false)) != ERR_OK)
		return e;
	ua_dialog_retarget(d, request);
	(void)ua_dialog_in_order(d, request);
	return d->target_len == 0 ? ERR_SYNTAX : ERR_OK;
}

bool ua_dialog_has(const struct ua_dialog *d, const struct sip_msg *request)
{
	return d->remote_tag.len > 0 && str_eq(d->call_id, sip_value(request, SIP_H_CALL_ID)) &&
	       str_eq(d->local_tag, sip_tag(request, SIP_H_TO)) &&
	       str_eq(d->remote_tag, sip_tag(request, SIP_H_FROM));
}

bool ua_dialog_in_order(struct ua_dialog *d, const struct sip_msg *request)
{
	struct sip_cseq seq;

	if (sip_cseq_of(&seq, request) != ERR_OK ||
	    (d->has_remote_seq && seq.number <= d->remote_seq))
		return false;
	d->remote_seq = seq.number;
	d->has_remote_seq = true;
	return true;
}

uint32_t ua_dialog_next(struct ua_dialog *d)
{
	return ++d->local_seq;
}

/* The URI of a route value. */
static struct str route_uri(struct str value, bool *loose)
{
	struct sip_name_addr route;
	struct sip_uri uri;

	if (sip_name_addr_uri(&route, &uri, value) != ERR_OK) {
		*loose = true;
		return STR_NONE;
	}
	*loose = sip_uri_param_has(&uri, STR("lr"));
	return route.uri;
}

/* Is the first route's proxy one of RFC 2543, which wants to find itself in the Request-URI (12.2.1.1)? */
static bool is_strict(const struct ua_dialog *d)
{
	bool loose = true;

	if (d->route_count > 0)
		(void)route_uri(d->routes[0], &loose);
	return !loose;
}

struct str ua_dialog_hop(const struct ua_dialog *d)
{
	bool loose;

	return d->route_count > 0 ? route_uri(d->routes[0], &loose) : target(d);
}

void ua_dialog_request_uri(const struct ua_dialog *d, struct buf *out)
{
	struct sip_uri uri;
	bool loose;

	if (!is_strict(d))
		buf_str(out, target(d));
	else if (sip_uri_parse(&uri, route_uri(d->routes[0], &loose)) == ERR_OK)
		ua_request_uri_write(&uri, out);
}

static void put_routes(const struct ua_dialog *d, struct buf *out)
{
	bool strict = is_strict(d);

	for (size_t i = strict ? 1 : 0; i < d->route_count; i++)
		sip_put(out, SIP_H_ROUTE, d->routes[i]);
	if (strict) {
		buf_str(out, sip_header_name(SIP_H_ROUTE));
		buf_printf(out, ": <%.*s>\r\n", STR_ARG(target(d)));
	}
}

void ua_dialog_write(const struct ua_dialog *d, enum sip_method method, uint32_t seq,
                     struct str via, struct buf *out)
{
	char memory[SIP_URI_MAX];
	struct sip_request request = { .method = method };
	struct buf uri;

	buf_wrap(&uri, memory, sizeof(memory));
	ua_dialog_request_uri(d, &uri);
	request.uri = buf_view(&uri);
	sip_request_begin(out, &request);
	sip_put(out, SIP_H_VIA, via);
	sip_put_number(out, SIP_H_MAX_FORWARDS, 70);
	put_routes(d, out);
	sip_put(out, SIP_H_FROM, d->local);
	sip_put(out, SIP_H_TO, d->remote);
	sip_put(out, SIP_H_CALL_ID, d->call_id);
	sip_put_printf(out, SIP_H_CSEQ, "%u %s", seq, sip_method_name(method).p);
}
