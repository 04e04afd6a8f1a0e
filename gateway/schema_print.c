#include "gateway/schema.h"

#define FLOW_MAX 8 /* items of a list on one line */

struct printer {
	struct buf *out;
	bool json;
	bool comments; /* say what is not set; not inside lists, where it would be said for each item */
	size_t depth;
	bool dash; /* the next YAML line begins an item of a list */
};

static void print_map(struct printer *p, const struct schema_map *map, const char *value);

static size_t list_count(const struct schema_key *key, const char *value)
{
	size_t count;

	memcpy(&count, value + key->count_at, sizeof(count));
	return count;
}

static const char *list_items(const struct schema_key *key, const char *value)
{
	const char *items;

	memcpy(&items, value + key->at, sizeof(items));
	return items;
}

static bool is_set(const struct schema_key *key, const char *value);

static bool map_is_set(const struct schema_map *map, const char *value)
{
	for (size_t i = 0; i < map->key_count; i++)
		if (is_set(&map->keys[i], value))
			return true;
	return false;
}

static bool is_set(const struct schema_key *key, const char *value)
{
	if (key->later != NULL)
		return false;
	if (key->type->map != NULL)
		return map_is_set(key->type->map, value + key->at);
	if (key->type->item != NULL)
		return key->fallback != NULL || list_count(key, value) > 0;
	return key->type->is_set == NULL || key->type->is_set(value + key->at);
}

/* Would any reader of YAML take this for the text that it is, without quotes? What looks like a number or a YAML word is quoted for
 * the sake of other programs; ours takes everything as text. */
static bool is_plain(struct str text)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on",
		                             "off",  "null",  "y",   "n" };
	struct str number = STR("0123456789+-._:eExXoO");
	bool numeric = true;

	if (str_empty(text) || text.len > 200 || text.p[text.len - 1] == ':' ||
	    strchr("-:=;.", text.p[0]) != NULL)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq_nocase(text, str_from(words[i])))
			return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		bool letter = (c >= '0' && c <= '9') ||
		              (char_lower(c) >= 'a' && char_lower(c) <= 'z');

		if (!letter && (c == '\0' || strchr("_./+-:=;", c) == NULL))
			return false;
		numeric = numeric && str_find(number, c) < number.len;
	}
	return !numeric;
}

static void print_quoted(struct printer *p, struct str text)
{
	buf_char(p->out, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '"' || c == '\\')
			buf_printf(p->out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(p->out, "\\u%04x", c);
		else
			buf_char(p->out, (char)c);
	}
	buf_char(p->out, '"');
}

static void print_scalar(struct printer *p, const struct schema_type *type, const char *value)
{
	struct buf text;

	buf_init(&text, 16384);
	type->print(type, value, &text);
	if (text.err != ERR_OK)
		p->out->err = text.err;
	else if (type->literal || (!p->json && is_plain(buf_view(&text))))
		buf_str(p->out, buf_view(&text));
	else
		print_quoted(p, buf_view(&text));
	buf_fini(&text);
}

/* Begin a line at the present depth; an item's first line has its dash instead of the last two spaces. */
static void begin_line(struct printer *p)
{
	for (size_t i = 0; i < p->depth; i++)
		buf_z(p->out, i + 1 == p->depth && p->dash ? "- " : "  ");
	p->dash = false;
}

static void print_items(struct printer *p, const struct schema_type *item, const char *items,
                        size_t count)
{
	bool flow = p->json || (item->map == NULL && count <= FLOW_MAX);

	buf_z(p->out, flow ? "[" : "\n");
	p->depth += 1;
	for (size_t i = 0; i < count; i++) {
		const char *value = items + i * item->size;

		p->dash = !flow;
		if (flow && i > 0)
			buf_z(p->out, ", ");
		if (item->map != NULL) {
			print_map(p, item->map, value);
			continue;
		}
		if (!flow)
			begin_line(p);
		print_scalar(p, item, value);
		if (!flow)
			buf_char(p->out, '\n');
	}
	p->depth -= 1;
	p->dash = false;
	buf_z(p->out, p->json ? "]" : flow ? "]\n" : "");
}

static void print_list(struct printer *p, const struct schema_key *key, const char *value)
{
	bool comments = p->comments;

	p->comments = false;
	if (!p->json && (key->type->item->map == NULL || list_count(key, value) == 0) &&
	    list_count(key, value) <= FLOW_MAX)
		buf_char(p->out, ' ');
	if (!p->json && list_count(key, value) == 0)
		buf_z(p->out, "[]\n");
	else
		print_items(p, key->type->item, list_items(key, value), list_count(key, value));
	p->comments = comments;
}

static void print_yaml_key(struct printer *p, const struct schema_key *key, const char *value)
{
	if (!is_set(key, value)) {
		if (!p->comments || key->unset == NULL)
			return;
		begin_line(p);
		buf_printf(p->out, "# %s: not set: %s\n", key->name, key->unset);
		return;
	}
	begin_line(p);
	buf_printf(p->out, "%s:", key->name);
	if (key->type->map != NULL) {
		buf_char(p->out, '\n');
		p->depth++;
		print_map(p, key->type->map, value + key->at);
		p->depth--;
	} else if (key->type->item != NULL) {
		print_list(p, key, value);
	} else {
		buf_char(p->out, ' ');
		print_scalar(p, key->type, value + key->at);
		buf_char(p->out, '\n');
	}
}

/* What is not set is left out: a null would not load again. */
static bool print_json_key(struct printer *p, const struct schema_key *key, const char *value,
                           bool first)
{
	if (!is_set(key, value))
		return first;
	buf_z(p->out, first ? "\n" : ",\n");
	begin_line(p);
	buf_printf(p->out, "\"%s\": ", key->name);
	if (key->type->map != NULL)
		print_map(p, key->type->map, value + key->at);
	else if (key->type->item != NULL)
		print_list(p, key, value);
	else
		print_scalar(p, key->type, value + key->at);
	return false;
}

static void print_json_map(struct printer *p, const struct schema_map *map, const char *value)
{
	bool first = true;

	buf_char(p->out, '{');
	p->depth++;
	for (size_t i = 0; i < map->key_count; i++)
		first = print_json_key(p, &map->keys[i], value, first);
	p->depth--;
	if (!first) {
		buf_char(p->out, '\n');
		begin_line(p);
	}
	buf_char(p->out, '}');
}

static void print_map(struct printer *p, const struct schema_map *map, const char *value)
{
	if (p->json) {
		print_json_map(p, map, value);
		return;
	}
	for (size_t i = 0; i < map->key_count; i++)
		print_yaml_key(p, &map->keys[i], value);
}

void schema_print(const struct schema_map *map, const void *value, bool json, struct buf *out)
{
	struct printer p = { .out = out, .json = json, .comments = true };

	print_map(&p, map, value);
	if (json)
		buf_char(out, '\n');
}

/* --- differences --- */

static bool differs(const struct schema_key *key, const char *before, const char *after)
{
	struct buf texts[2];
	struct schema_key alone = *key;
	struct schema_map map = { .keys = &alone, .key_count = 1 };
	bool same;

	for (size_t i = 0; i < 2; i++) {
		buf_init(&texts[i], (size_t)1 << 20);
		schema_print(&map, i == 0 ? before : after, false, &texts[i]);
	}
	same = str_eq(buf_view(&texts[0]), buf_view(&texts[1]));
	buf_fini(&texts[0]);
	buf_fini(&texts[1]);
	return !same;
}

static size_t diff_map(const struct schema_map *map, const char *before, const char *after,
                       const char *above, size_t count, struct buf *out)
{
	for (size_t i = 0; i < map->key_count; i++) {
		const struct schema_key *key = &map->keys[i];

		if (key->type->map != NULL && !key->restart) {
			count = diff_map(key->type->map, before + key->at, after + key->at,
			                 key->name, count, out);
			continue;
		}
		if (!key->restart || !differs(key, before, after))
			continue;
		buf_printf(out, "%s%s%s%s", count == 0 ? "" : ", ", above,
		           *above == '\0' ? "" : ".", key->name);
		count++;
	}
	return count;
}

size_t schema_diff(const struct schema_map *map, const void *before, const void *after,
                   struct buf *out)
{
	return diff_map(map, before, after, "", 0, out);
}
