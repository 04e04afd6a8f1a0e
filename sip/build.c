#include "sip/build.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void sip_put(struct buf *out, enum sip_header_id id, struct str value)
{
	buf_str(out, sip_header_name(id));
	buf_z(out, ": ");
	buf_str(out, value);
	buf_z(out, "\r\n");
}

void sip_put_z(struct buf *out, enum sip_header_id id, const char *value)
{
	sip_put(out, id, str_from(value));
}

void sip_put_number(struct buf *out, enum sip_header_id id, uint64_t value)
{
	buf_str(out, sip_header_name(id));
	buf_z(out, ": ");
	buf_number(out, value);
	buf_z(out, "\r\n");
}

void sip_put_printf(struct buf *out, enum sip_header_id id, const char *format, ...)
{
	char memory[1024];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(memory, sizeof(memory), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(memory)) {
		if (out->err == ERR_OK)
			out->err = ERR_LIMIT;
		return;
	}
	sip_put(out, id, str_of(memory, (size_t)n));
}

/* A value as it was received, on one line: a fold means a space (RFC 3261 7.3.1), and in a broken message a bare CR or LF must not
 * become the end of a line of ours. */
static void put_received(struct buf *out, struct str value)
{
	if (str_find(value, '\r') == value.len && str_find(value, '\n') == value.len) {
		buf_str(out, value);
		return;
	}
	for (size_t i = 0; i < value.len; i++)
		buf_char(out, value.p[i] == '\r' || value.p[i] == '\n' ? ' ' : value.p[i]);
}

static void put_field(struct buf *out, enum sip_header_id id, struct str value)
{
	buf_str(out, sip_header_name(id));
	buf_z(out, ": ");
	put_received(out, value);
	buf_z(out, "\r\n");
}

void sip_put_copies(struct buf *out, const struct sip_msg *msg, enum sip_header_id id)
{
	for (const struct sip_header *h = sip_header_first(msg, id); h != NULL;
	     h = sip_header_next(msg, h))
		put_field(out, id, h->value);
}

static void put_copy(struct buf *out, const struct sip_msg *msg, enum sip_header_id id)
{
	if (sip_has(msg, id))
		put_field(out, id, sip_value(msg, id));
}

void sip_finish(struct buf *out, struct str content_type, struct str body)
{
	if (content_type.len > 0)
		sip_put(out, SIP_H_CONTENT_TYPE, content_type);
	sip_put_number(out, SIP_H_CONTENT_LENGTH, body.len);
	buf_z(out, "\r\n");
	buf_str(out, body);
}

static void put_to(struct buf *out, const struct sip_msg *req, const struct sip_response *response)
{
	if (!sip_has(req, SIP_H_TO))
		return;
	buf_str(out, sip_header_name(SIP_H_TO));
	buf_z(out, ": ");
	put_received(out, sip_value(req, SIP_H_TO));
	if (response->status != 100 && response->to_tag.len > 0 &&
	    sip_tag(req, SIP_H_TO).len == 0) {
		buf_z(out, ";tag=");
		buf_str(out, response->to_tag);
	}
	buf_z(out, "\r\n");
}

/* The field with the topmost Via value; an empty one may stand above it in a broken message. */
static const struct sip_header *top_via_field(const struct sip_msg *msg)
{
	const struct sip_header *h = sip_header_first(msg, SIP_H_VIA);

	while (h != NULL && str_empty(str_trim(h->value)))
		h = sip_header_next(msg, h);
	return h;
}

static void put_vias(struct buf *out, const struct sip_msg *req, const struct addr *source)
{
	const struct sip_header *top = top_via_field(req);

	for (const struct sip_header *h = top; h != NULL; h = sip_header_next(req, h)) {
		if (h != top) {
			put_field(out, SIP_H_VIA, h->value);
			continue;
		}
		buf_str(out, sip_header_name(SIP_H_VIA));
		buf_z(out, ": ");
		sip_via_write_stamped(req, source, out);
		buf_z(out, "\r\n");
	}
}

static bool makes_dialog(const struct sip_msg *req, unsigned status)
{
	return status > 100 && status < 300 &&
	       (req->method == SIP_INVITE || req->method == SIP_SUBSCRIBE ||
	        req->method == SIP_REFER || req->method == SIP_NOTIFY);
}

void sip_response_begin(struct buf *out, const struct sip_msg *req,
                        const struct sip_response *response)
{
	buf_z(out, "SIP/2.0 ");
	buf_number(out, response->status);
	buf_char(out, ' ');
	buf_str(out,
	        response->reason.len > 0 ? response->reason : sip_reason_phrase(response->status));
	buf_z(out, "\r\n");
	put_vias(out, req, response->source);
	put_copy(out, req, SIP_H_FROM);
	put_to(out, req, response);
	put_copy(out, req, SIP_H_CALL_ID);
	put_copy(out, req, SIP_H_CSEQ);
	if (response->status == 100)
		put_copy(out, req, SIP_H_TIMESTAMP);
	if (makes_dialog(req, response->status))
		sip_put_copies(out, req, SIP_H_RECORD_ROUTE);
}

static void put_request_line(struct buf *out, struct str method, struct str uri)
{
	buf_str(out, method);
	buf_char(out, ' ');
	buf_str(out, uri);
	buf_z(out, " SIP/2.0\r\n");
}

void sip_request_begin(struct buf *out, const struct sip_request *request)
{
	struct str known = sip_method_name(request->method);

	put_request_line(out, known.len > 0 ? known : request->method_name, request->uri);
}

void sip_hop_request_begin(struct buf *out, enum sip_method method, const struct sip_msg *request,
                           const struct sip_msg *response)
{
	struct str via;
	struct sip_cseq cseq;

	put_request_line(out, sip_method_name(method), request->uri);
	if (sip_first_value(request, SIP_H_VIA, &via))
		put_field(out, SIP_H_VIA, via);
	sip_put_number(out, SIP_H_MAX_FORWARDS, 70);
	put_copy(out, request, SIP_H_FROM);
	put_copy(out, response != NULL ? response : request, SIP_H_TO);
	put_copy(out, request, SIP_H_CALL_ID);
	if (sip_cseq_of(&cseq, request) == ERR_OK)
		sip_put_printf(out, SIP_H_CSEQ, "%u %s", cseq.number, sip_method_name(method).p);
	sip_put_copies(out, request, SIP_H_ROUTE);
}

/* What 18.2.1 changes in the topmost Via: up to two pieces of it, each replaced by a text. */
struct stamp {
	struct {
		struct str span;
		char memory[ADDR_TEXT + 16];
		struct buf text;
	} edits[2];
	size_t count;
	struct str value;
};

static struct buf *stamp_edit(struct stamp *stamp, struct str span)
{
	size_t i = stamp->count++;

	stamp->edits[i].span = span;
	buf_wrap(&stamp->edits[i].text, stamp->edits[i].memory, sizeof(stamp->edits[i].memory));
	return &stamp->edits[i].text;
}

static struct str end_of(struct str s)
{
	return str_of(s.p + s.len, 0);
}

static void stamp_rport(struct stamp *stamp, const struct sip_via *via, const struct addr *source)
{
	struct sip_param param;
	struct buf *text;

	if (!via->has_rport || !sip_param_find(via->params, STR("rport"), &param))
		return;
	text = stamp_edit(stamp, param.has_value ? param.value : end_of(param.name));
	if (!param.has_value)
		buf_char(text, '=');
	buf_number(text, addr_port(source));
}

static bool is_source(const struct sip_via *via, const struct addr *source)
{
	struct addr host;

	return via->host_kind != SIP_HOST_NAME && addr_parse(&host, via->host, 0) == ERR_OK &&
	       addr_eq_host(&host, source);
}

/* RFC 3261 18.2.1; RFC 3581 4 wants it always where rport is asked for. What the sender wrote there himself is no matter. */
static void stamp_received(struct stamp *stamp, const struct sip_via *via,
                           const struct addr *source)
{
	struct sip_param param;
	struct buf *text;

	if (sip_param_find(via->params, STR("received"), &param)) {
		text = stamp_edit(stamp, param.value);
	} else if (via->has_rport || !is_source(via, source)) {
		text = stamp_edit(stamp, end_of(stamp->value));
		buf_z(text, ";received=");
	} else {
		return;
	}
	addr_write_host(source, false, text);
}

static int by_place(const struct stamp *stamp)
{
	return stamp->count == 2 && stamp->edits[1].span.p < stamp->edits[0].span.p;
}

/* The edits that the topmost Via of `msg` needs; none where it is malformed. */
static void stamp_via(struct stamp *stamp, const struct sip_msg *msg, const struct addr *source)
{
	struct sip_via via;

	stamp->count = 0;
	if (!sip_first_value(msg, SIP_H_VIA, &stamp->value) || source == NULL ||
	    sip_via_parse(&via, stamp->value) != ERR_OK)
		return;
	stamp_rport(stamp, &via, source);
	stamp_received(stamp, &via, source);
}

void sip_via_write_stamped(const struct sip_msg *msg, const struct addr *source, struct buf *out)
{
	const struct sip_header *top = top_via_field(msg);
	struct str whole = top == NULL ? STR_NONE : top->value;
	const char *at = whole.p;
	struct stamp stamp;

	if (top == NULL)
		return;
	stamp_via(&stamp, msg, source);
	for (size_t i = 0; i < stamp.count; i++) {
		size_t n = by_place(&stamp) ? 1 - i : i;
		struct str span = stamp.edits[n].span;

		put_received(out, str_of(at, (size_t)(span.p - at)));
		buf_str(out, buf_view(&stamp.edits[n].text));
		at = span.p + span.len;
	}
	put_received(out, str_of(at, (size_t)(whole.p + whole.len - at)));
}

void sip_rewrite_via_source(struct sip_rewrite *w, const struct addr *source)
{
	struct stamp stamp;

	stamp_via(&stamp, w->msg, source);
	for (size_t i = 0; i < stamp.count; i++)
		sip_rewrite_replace(w, stamp.edits[i].span, buf_view(&stamp.edits[i].text));
}
