#include "sip/build.h"
#include "sip/digest.h"

void sip_rewrite_init(struct sip_rewrite *w, const struct sip_msg *msg)
{
	w->msg = msg;
	w->err = ERR_OK;
	w->count = 0;
	w->text_len = 0;
}

static void fail(struct sip_rewrite *w, enum err e)
{
	if (w->err == ERR_OK)
		w->err = e;
}

/* Does `a` come before an edit at `at`? Insertions before cuts, otherwise in the order of calls. */
static bool comes_before(const struct sip_edit *a, size_t at, size_t cut)
{
	return a->at != at ? a->at < at : a->cut == 0 || cut != 0;
}

/* A new edit in its place, with room for `len` octets of text: where to write them, or NULL. */
static char *new_edit(struct sip_rewrite *w, struct str span, size_t len)
{
	size_t at = (size_t)(span.p - w->msg->raw.p);
	uint32_t i = w->count;

	if (w->err != ERR_OK)
		return NULL;
	must(span.p >= w->msg->raw.p && at + span.len <= w->msg->raw.len);
	if (w->count == SIP_EDITS_MAX || len > SIP_EDIT_TEXT - w->text_len) {
		fail(w, ERR_LIMIT);
		return NULL;
	}
	for (; i > 0 && !comes_before(&w->edits[i - 1], at, span.len); i--)
		w->edits[i] = w->edits[i - 1];
	w->edits[i] = (struct sip_edit){ (uint32_t)at, (uint32_t)span.len, w->text_len,
		                         (uint32_t)len };
	w->count++;
	w->text_len += (uint32_t)len;
	return w->text + w->edits[i].from;
}

void sip_rewrite_replace(struct sip_rewrite *w, struct str span, struct str with)
{
	char *text = new_edit(w, span, with.len);

	if (text != NULL && with.len > 0)
		memcpy(text, with.p, with.len);
}

/* Insert "Name: value CRLF" at `p`. */
static void insert_line(struct sip_rewrite *w, const char *p, struct str name, struct str value)
{
	size_t len = name.len + value.len + 4;
	char *text = new_edit(w, str_of(p, 0), len);
	struct buf line;

	if (text == NULL)
		return;
	buf_wrap(&line, text, len);
	buf_str(&line, name);
	buf_z(&line, ": ");
	buf_str(&line, value);
	buf_z(&line, "\r\n");
}

static const char *line_end(const struct sip_header *h)
{
	return h->name.p + h->line;
}

/* Where the first header field begins (or the empty line, in a message that has none). */
static const char *headers_start(const struct sip_msg *msg)
{
	if (msg->count > 0)
		return msg->headers[0].name.p;
	return msg->body.p - 2;
}

static const char *headers_end(const struct sip_msg *msg)
{
	return msg->count > 0 ? line_end(&msg->headers[msg->count - 1]) : headers_start(msg);
}

void sip_rewrite_prepend(struct sip_rewrite *w, enum sip_header_id id, struct str value)
{
	const struct sip_header *h = sip_header_first(w->msg, id);

	insert_line(w, h != NULL ? h->name.p : headers_start(w->msg), sip_header_name(id), value);
}

void sip_rewrite_append(struct sip_rewrite *w, enum sip_header_id id, struct str value)
{
	sip_rewrite_append_named(w, sip_header_name(id), value);
}

void sip_rewrite_append_named(struct sip_rewrite *w, struct str name, struct str value)
{
	insert_line(w, headers_end(w->msg), name, value);
}

void sip_rewrite_set(struct sip_rewrite *w, enum sip_header_id id, struct str value)
{
	const struct sip_header *h = sip_header_first(w->msg, id);

	if (h != NULL)
		sip_rewrite_replace(w, h->value, value);
	else
		sip_rewrite_append(w, id, value);
}

void sip_rewrite_drop(struct sip_rewrite *w, const struct sip_header *h)
{
	sip_rewrite_replace(w, sip_header_line(h), STR_NONE);
}

void sip_rewrite_drop_all(struct sip_rewrite *w, enum sip_header_id id)
{
	for (const struct sip_header *h = sip_header_first(w->msg, id); h != NULL;
	     h = sip_header_next(w->msg, h))
		sip_rewrite_drop(w, h);
}

/* The values of one field of a list, some of which go. */
struct thinning {
	const char *kept_end; /* of the last value that stays; NULL: none so far */
	const char *gone;     /* where the run of values that go begins; NULL: there is none */
	const char *gone_end;
};

static void cut(struct sip_rewrite *w, const char *from, const char *to)
{
	sip_rewrite_replace(w, str_of(from, (size_t)(to - from)), STR_NONE);
}

static void thin_one(struct sip_rewrite *w, struct thinning *t, struct str value, bool gone)
{
	if (gone) {
		if (t->gone == NULL)
			t->gone = value.p;
		t->gone_end = value.p + value.len;
		return;
	}
	if (t->gone != NULL && t->kept_end == NULL)
		cut(w, t->gone, value.p); /* with the comma behind them */
	else if (t->gone != NULL)
		cut(w, t->kept_end, t->gone_end); /* with the comma before them */
	t->gone = NULL;
	t->kept_end = value.p + value.len;
}

/* Thin one field out; the number of its values. */
static size_t thin_field(struct sip_rewrite *w, const struct sip_header *h, size_t index,
                         sip_value_fn *gone, void *arg)
{
	struct thinning t = { NULL, NULL, NULL };
	struct sip_list list = sip_list_of(h->value);
	struct str value;
	size_t n = 0;

	while (sip_list_next(&list, &value)) {
		thin_one(w, &t, value, gone(arg, value, index + n));
		n++;
	}
	if (t.kept_end == NULL && n > 0)
		sip_rewrite_drop(w, h);
	else if (t.gone != NULL)
		cut(w, t.kept_end, t.gone_end);
	return n;
}

void sip_rewrite_drop_if(struct sip_rewrite *w, enum sip_header_id id, sip_value_fn *gone,
                         void *arg)
{
	bool is_list = sip_header_is_list(id);
	size_t index = 0;

	for (const struct sip_header *h = sip_header_first(w->msg, id); h != NULL;
	     h = sip_header_next(w->msg, h)) {
		if (is_list)
			index += thin_field(w, h, index, gone, arg);
		else if (gone(arg, h->value, index++))
			sip_rewrite_drop(w, h);
	}
}

static bool is_below(void *arg, struct str value, size_t index)
{
	const size_t *n = arg;

	(void)value;
	return index < *n;
}

void sip_rewrite_pop(struct sip_rewrite *w, enum sip_header_id id, size_t n)
{
	if (n > 0)
		sip_rewrite_drop_if(w, id, is_below, &n);
}

void sip_rewrite_uri(struct sip_rewrite *w, struct str uri)
{
	sip_rewrite_replace(w, w->msg->uri, uri);
}

void sip_rewrite_max_forwards(struct sip_rewrite *w)
{
	char digits[8];
	struct buf text;
	unsigned n = 71;

	if (sip_has(w->msg, SIP_H_MAX_FORWARDS) &&
	    (sip_max_forwards_parse(&n, sip_value(w->msg, SIP_H_MAX_FORWARDS)) != ERR_OK ||
	     n == 0)) {
		fail(w, ERR_RANGE);
		return;
	}
	buf_wrap(&text, digits, sizeof(digits));
	buf_number(&text, n - 1);
	sip_rewrite_set(w, SIP_H_MAX_FORWARDS, buf_view(&text));
}

/* Behind the last field of that id; behind all where there is none. */
static const char *fields_end(const struct sip_msg *msg, enum sip_header_id id)
{
	const char *end = headers_end(msg);

	for (const struct sip_header *h = sip_header_first(msg, id); h != NULL;
	     h = sip_header_next(msg, h))
		end = line_end(h);
	return end;
}

void sip_rewrite_strict_route(struct sip_rewrite *w, struct str uri, size_t popped)
{
	struct sip_values values = sip_values_of(w->msg, SIP_H_ROUTE);
	char memory[SIP_URI_MAX + 2];
	struct sip_name_addr na;
	struct str value;
	struct buf route;

	for (size_t i = 0; i <= popped; i++) {
		if (!sip_values_next(&values, &value)) {
			fail(w, ERR_NOTFOUND);
			return;
		}
	}
	if (sip_name_addr_parse(&na, value) != ERR_OK) {
		fail(w, ERR_SYNTAX);
		return;
	}
	buf_wrap(&route, memory, sizeof(memory));
	buf_char(&route, '<');
	buf_str(&route, uri);
	buf_char(&route, '>');
	if (route.err != ERR_OK)
		fail(w, route.err);
	sip_rewrite_uri(w, na.uri);
	sip_rewrite_pop(w, SIP_H_ROUTE, popped + 1);
	insert_line(w, fields_end(w->msg, SIP_H_ROUTE), sip_header_name(SIP_H_ROUTE),
	            buf_view(&route));
}

static bool is_ours(struct str value, const struct str *realms, size_t count)
{
	struct sip_credentials c;

	if (sip_credentials_parse(&c, value) != ERR_OK || !c.is_digest)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (sip_quoted_eq(c.realm, realms[i]))
			return true;
	}
	return false;
}

void sip_rewrite_drop_credentials(struct sip_rewrite *w, enum sip_header_id id,
                                  const struct str *realms, size_t count)
{
	for (const struct sip_header *h = sip_header_first(w->msg, id); h != NULL;
	     h = sip_header_next(w->msg, h)) {
		if (is_ours(h->value, realms, count))
			sip_rewrite_drop(w, h);
	}
}

/* Do the edits follow each other without overlap? */
static bool fits(struct sip_rewrite *w)
{
	size_t at = 0;

	for (uint32_t i = 0; i < w->count; i++) {
		if (w->edits[i].at < at)
			fail(w, ERR_SYNTAX);
		at = (size_t)w->edits[i].at + w->edits[i].cut;
	}
	return w->err == ERR_OK;
}

size_t sip_rewrite_size(struct sip_rewrite *w)
{
	size_t size = w->msg->raw.len + w->text_len;

	if (!fits(w))
		return 0;
	for (uint32_t i = 0; i < w->count; i++)
		size -= w->edits[i].cut;
	return size;
}

enum err sip_rewrite_write(struct sip_rewrite *w, struct buf *out)
{
	const char *raw = w->msg->raw.p;
	size_t at = 0;

	if (!fits(w))
		return w->err;
	if (buf_room(out, sip_rewrite_size(w)) == NULL)
		return out->err;
	for (uint32_t i = 0; i < w->count; i++) {
		const struct sip_edit *edit = &w->edits[i];

		buf_bytes(out, raw + at, edit->at - at);
		buf_bytes(out, w->text + edit->from, edit->len);
		at = (size_t)edit->at + edit->cut;
	}
	buf_bytes(out, raw + at, w->msg->raw.len - at);
	return out->err;
}
