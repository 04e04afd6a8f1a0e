#include "base/http_head.h"

#include "base/scan.h"

#define TARGET_MAX 8192

size_t http_head_end(struct str in, size_t from)
{
	size_t at = 0;

	/* Empty lines first: they end nothing. */
	while (at < in.len && (in.p[at] == '\r' || in.p[at] == '\n'))
		at++;
	if (from > at + 3)
		at = from - 3;
	for (; at < in.len; at++) {
		if (in.p[at] != '\n')
			continue;
		if (at + 1 < in.len && in.p[at + 1] == '\n')
			return at + 2;
		if (at + 2 < in.len && in.p[at + 1] == '\r' && in.p[at + 2] == '\n')
			return at + 3;
	}
	return 0;
}

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = char_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
			return false;
	}
	return s.len > 0;
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	}
	return false;
}

/* The next line without its end; CRLF, or LF alone (RFC 9112 2.2). */
static struct str next_line(struct str *rest)
{
	struct str line = str_cut(rest, '\n');

	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* The target: what a proxy would be asked (absolute-form) is taken for its path (RFC 9112 3.2.2). */
static bool read_target(struct http_head *out, struct str target)
{
	for (size_t i = 0; i < target.len; i++) {
		if ((unsigned char)target.p[i] <= ' ' || target.p[i] == 0x7f || target.p[i] == '#')
			return false;
	}
	if (str_starts_nocase(target, STR("http://")) ||
	    str_starts_nocase(target, STR("https://"))) {
		target = str_from_at(target, str_find(target, ':') + 3);
		target = str_from_at(target, str_find(target, '/'));
		if (target.len == 0)
			target = STR("/");
	}
	out->query = target;
	out->path = str_cut(&out->query, '?');
	return out->path.len > 0;
}

static unsigned read_request_line(struct http_head *out, struct str line)
{
	struct str rest = line;
	struct str target;

	out->method = str_cut(&rest, ' ');
	target = str_cut(&rest, ' ');
	if (target.len > TARGET_MAX)
		return 414;
	if (!is_token(out->method) || !read_target(out, target))
		return 400;
	if (rest.len != 8 || !str_starts(rest, STR("HTTP/")) || rest.p[6] != '.')
		return 400;
	if (rest.p[5] != '1')
		return 505;
	out->keep_alive = rest.p[7] != '0';
	return 0;
}

static unsigned read_field(struct http_head *out, struct str line)
{
	struct http_field *field = &out->fields[out->field_count];
	struct str rest = line;

	if (out->field_count == HTTP_FIELDS_MAX)
		return 431;
	/* No space before the colon, no folding: both have been used to smuggle (RFC 9112 5.1, 5.2). */
	field->name = str_cut(&rest, ':');
	if (!is_token(field->name) || field->name.len == line.len)
		return 400;
	field->value = str_trim(rest);
	if (has_control(field->value))
		return 400;
	out->field_count++;
	return 0;
}

static size_t count_fields(const struct http_head *head, struct str name)
{
	size_t n = 0;

	for (size_t i = 0; i < head->field_count; i++)
		n += str_eq_nocase(head->fields[i].name, name);
	return n;
}

/* What the fields say about the connection and about what follows. */
static unsigned read_framing(struct http_head *out)
{
	struct str connection = http_head_field(out, STR("connection"));
	struct str length = http_head_field(out, STR("content-length"));
	uint64_t n = 0;

	if (out->keep_alive && count_fields(out, STR("host")) != 1)
		return 400;
	if (count_fields(out, STR("content-length")) > 1 ||
	    (length.len > 0 && str_number(length, INT64_MAX, &n) != ERR_OK))
		return 400;
	out->has_body = n > 0 || count_fields(out, STR("transfer-encoding")) > 0;
	if (out->has_body || http_list_has(connection, STR("close")))
		out->keep_alive = false;
	return 0;
}

enum err http_head_parse(struct http_head *out, struct str in, unsigned *status)
{
	struct str rest = in;
	struct str line;

	out->field_count = 0;
	out->has_body = false;
	out->keep_alive = false;
	do {
		line = next_line(&rest);
	} while (line.len == 0 && rest.len > 0);
	*status = read_request_line(out, line);
	while (*status == 0 && (line = next_line(&rest)).len > 0)
		*status = read_field(out, line);
	if (*status == 0)
		*status = read_framing(out);
	if (*status == 0)
		return ERR_OK;
	out->keep_alive = false;
	return *status == 414 || *status == 431 ? ERR_LIMIT : ERR_SYNTAX;
}

struct str http_head_field(const struct http_head *head, struct str name)
{
	for (size_t i = 0; i < head->field_count; i++) {
		if (str_eq_nocase(head->fields[i].name, name))
			return head->fields[i].value;
	}
	return STR_NONE;
}

bool http_list_has(struct str list, struct str token)
{
	while (list.len > 0) {
		if (str_eq_nocase(str_trim(str_cut(&list, ',')), token))
			return true;
	}
	return false;
}
