#include "sip/message.h"
#include "sip/param.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct sip_list sip_list_of(struct str value)
{
	value = str_trim(value);
	return (struct sip_list){ .rest = value, .more = value.len > 0 };
}

/* Behind the quoted string, <...> or comment that begins at `p`; `end` where it is not closed. */
static const char *skip_closed(const char *p, const char *end, char open, char close)
{
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '\\' && open != '<' && p + 1 < end) {
			p++;
		} else if (*p == open && (open != close || depth == 0)) {
			depth += open == '<' ? depth == 0 : 1;
		} else if (*p == close && --depth == 0) {
			return p + 1;
		}
	}
	return end;
}

/* The comma that ends the first value in `s`, or its end. */
static const char *value_end(struct str s)
{
	const char *end = s.p + s.len;
	const char *p = s.p;

	/* Most values are alone in their field. */
	if (memchr(p, ',', s.len) == NULL)
		return end;
	while (p < end && *p != ',') {
		if (*p == '"')
			p = skip_closed(p, end, '"', '"');
		else if (*p == '<')
			p = skip_closed(p, end, '<', '>');
		else if (*p == '(' &&
		         (p == s.p ||
		          is_blank(p[-1]))) /* in a URI's user it is a letter like others */
			p = skip_closed(p, end, '(', ')');
		else
			p++;
	}
	return p;
}

bool sip_list_next(struct sip_list *list, struct str *value)
{
	const char *end;

	if (!list->more)
		return false;
	if (list->rest.len == 0) { /* behind a comma at the end */
		list->more = false;
		*value = list->rest;
		return true;
	}
	end = value_end(list->rest);
	*value = str_trim(str_of(list->rest.p, (size_t)(end - list->rest.p)));
	list->more = (size_t)(end - list->rest.p) < list->rest.len;
	list->rest = str_from_at(list->rest, (size_t)(end - list->rest.p) + 1);
	return true;
}

struct sip_values sip_values_of(const struct sip_msg *msg, enum sip_header_id id)
{
	return (struct sip_values){ .msg = msg, .id = id, .is_list = sip_header_is_list(id) };
}

/* The next field becomes the one that values come from; false behind the last. */
static bool next_field(struct sip_values *values)
{
	if (values->started && values->header == NULL)
		return false;
	values->header = values->started ? sip_header_next(values->msg, values->header)
	                                 : sip_header_first(values->msg, values->id);
	values->started = true;
	if (values->header == NULL)
		return false;
	values->list = sip_list_of(values->header->value);
	return true;
}

bool sip_values_next(struct sip_values *values, struct str *value)
{
	if (!values->is_list) {
		if (!next_field(values))
			return false;
		*value = values->header->value;
		return true;
	}
	while (!values->list.more) {
		if (!next_field(values))
			return false;
	}
	return sip_list_next(&values->list, value);
}

bool sip_first_value(const struct sip_msg *msg, enum sip_header_id id, struct str *value)
{
	struct sip_values values = sip_values_of(msg, id);

	return sip_values_next(&values, value);
}

size_t sip_count_values(const struct sip_msg *msg, enum sip_header_id id)
{
	struct sip_values values = sip_values_of(msg, id);
	struct str value;
	size_t n = 0;

	while (sip_values_next(&values, &value))
		n++;
	return n;
}

static struct str token_of(struct str value)
{
	return str_head(value, sip_span(value, SIP_C_TOKEN));
}

bool sip_has_token(const struct sip_msg *msg, enum sip_header_id id, struct str token)
{
	struct sip_values values = sip_values_of(msg, id);
	struct str value;

	while (sip_values_next(&values, &value)) {
		if (str_eq_nocase(token_of(value), token))
			return true;
	}
	return false;
}

static bool is_known(struct str token, const struct str *known, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq_nocase(token, known[i]))
			return true;
	}
	return false;
}

bool sip_next_unknown_token(struct sip_values *at, const struct str *known, size_t count,
                            struct str *token)
{
	while (sip_values_next(at, token)) {
		*token = token_of(*token);
		if (token->len > 0 && !is_known(*token, known, count))
			return true;
	}
	return false;
}
