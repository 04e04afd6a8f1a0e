#include "gateway/schema.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define WORD_MAX 40

size_t schema_distance(struct str a, struct str b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0];
	size_t *last = rows[1];
	size_t *now = rows[2];

	if (a.len > WORD_MAX || b.len > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *free_row = before;

		now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t change = last[j - 1] + (a.p[i - 1] == b.p[j - 1] ? 0 : 1);
			size_t one = (last[j] < now[j - 1] ? last[j] : now[j - 1]) + 1;

			now[j] = change < one ? change : one;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1] && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = free_row;
	}
	return last[b.len];
}

static void write_path(const struct schema_path *path, struct buf *out)
{
	if (path == NULL)
		return;
	write_path(path->up, out);
	if (str_empty(path->key)) {
		buf_printf(out, "[%zu]", path->index);
		return;
	}
	if (path->up != NULL)
		buf_char(out, '.');
	/* A key may be anything that somebody wrote: show it safely, and not all of it. */
	for (size_t i = 0; i < path->key.len && i < WORD_MAX; i++) {
		unsigned char c = (unsigned char)path->key.p[i];

		buf_char(out, c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
}

/* Begin a line of complaint: its place. False where it is one too many. */
static bool begin_line(struct schema_load *load, unsigned line, unsigned column)
{
	load->complaints++;
	if (load->complaints > load->complaints_max)
		return false;
	if (line == 0)
		buf_z(load->errors, "command line: ");
	else
		buf_printf(load->errors, "%.*s:%u:%u: ", STR_ARG(load->file), line, column);
	return true;
}

static void end_line(struct schema_load *load, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void end_line(struct schema_load *load, const char *format, va_list ap)
{
	char text[512];

	(void)vsnprintf(text, sizeof(text), format, ap);
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	buf_printf(load->errors, "%s\n", text);
}

bool schema_wrong(struct schema_load *load, const char *format, ...)
{
	unsigned line = load->node == NULL ? 0 : load->node->line;
	unsigned column = load->node == NULL ? 0 : load->node->column;
	va_list ap;

	if (!begin_line(load, line, column))
		return false;
	write_path(load->path, load->errors);
	if (load->path != NULL)
		buf_z(load->errors, ": ");
	va_start(ap, format);
	end_line(load, format, ap);
	va_end(ap);
	return false;
}

const struct yaml_node *schema_find(const struct yaml_node *root, const char *path, bool nearest)
{
	const struct yaml_node *node = root;
	struct str rest = str_from(path);

	while (node != NULL && !str_empty(rest)) {
		const struct yaml_node *next;
		uint64_t index = 0;

		if (*rest.p == '[') {
			struct str number;

			rest = str_from_at(rest, 1);
			number = str_cut(&rest, ']');
			next = str_number(number, SIZE_MAX, &index) != ERR_OK ? NULL
			       : node->kind == YAML_SCALAR && index == 0      ? node
			                                                 : yaml_at(node, index);
		} else {
			size_t len = 0;

			while (len < rest.len && rest.p[len] != '.' && rest.p[len] != '[')
				len++;
			next = yaml_get(node, str_head(rest, len));
			rest = str_from_at(rest, len);
		}
		if (!str_empty(rest) && *rest.p == '.')
			rest = str_from_at(rest, 1);
		if (next == NULL)
			return nearest ? node : NULL;
		node = next;
	}
	return node;
}

void schema_wrong_at(struct schema_load *load, const struct yaml_node *root, const char *path,
                     const char *format, ...)
{
	const struct yaml_node *node = schema_find(root, path, true);
	va_list ap;

	if (!begin_line(load, node == NULL || node == root ? 1 : node->line,
	                node == NULL || node == root ? 1 : node->column))
		return;
	buf_printf(load->errors, "%s: ", path);
	va_start(ap, format);
	end_line(load, format, ap);
	va_end(ap);
}

static void wrong_key(struct schema_load *load, const struct schema_map *map,
                      const struct yaml_node *child)
{
	const struct schema_key *nearest = NULL;
	size_t least = child->key.len / 3 + 2; /* farther than this it is another word */
	struct yaml_node at = { .line = child->key_line, .column = child->key_column };
	const struct yaml_node *before = load->node;

	for (size_t i = 0; i < map->key_count; i++) {
		size_t distance = schema_distance(child->key, str_from(map->keys[i].name));

		if (distance < least) {
			least = distance;
			nearest = &map->keys[i];
		}
	}
	load->node = &at;
	if (nearest != NULL)
		(void)schema_wrong(load, "unknown key; did you mean \"%s\"?", nearest->name);
	else
		(void)schema_wrong(load, "unknown key of %s; docs/configuration.md lists all",
		                   map->what);
	load->node = before;
}

static void read_value(struct schema_load *load, const struct schema_type *type, void *out);
static void read_map(struct schema_load *load, const struct schema_map *map, void *out);

static const struct schema_key *find_key(const struct schema_map *map, struct str name)
{
	for (size_t i = 0; i < map->key_count; i++)
		if (str_eq(str_from(map->keys[i].name), name))
			return &map->keys[i];
	return NULL;
}

/* Nothing stands behind the key's colon. */
static bool is_blank(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && !node->quoted && str_empty(node->text);
}

static void read_scalar(struct schema_load *load, const struct schema_type *type, void *out)
{
	const struct yaml_node *node = load->node;

	if (node->kind != YAML_SCALAR) {
		(void)schema_wrong(load, "a %s stands here; %s is wanted: %s",
		                   node->kind == YAML_MAPPING ? "mapping" : "list", type->what,
		                   type->form);
		return;
	}
	if (is_blank(node)) {
		(void)schema_wrong(load, "no value; give %s (%s), or leave the key out", type->what,
		                   type->form);
		return;
	}
	(void)type->parse(load, type, node->text, out);
}

/* A word twice in a list says nothing, or something that nobody meant. */
static void check_words(struct schema_load *load, const struct schema_type *item, const char *items,
                        size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (memcmp(items + j * item->size, items + i * item->size, item->size) == 0) {
			(void)schema_wrong(load, "stands in the list twice; keep one");
			return;
		}
}

/* The items of a list, each with its place. `first` and what follows it are siblings. */
static void read_items(struct schema_load *load, const struct schema_key *key,
                       const struct yaml_node *first, size_t count, void *out)
{
	const struct schema_type *item = key->type->item;
	const struct schema_path *up = load->path;
	size_t complaints = load->complaints;
	char *items;

	if (count == 0)
		return;
	items = arena_zero(load->arena, count * item->size);
	if (items == NULL) {
		load->no_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++, first = first->next) {
		struct schema_path path = { .up = up, .index = i };

		load->path = &path;
		load->node = first;
		read_value(load, item, items + i * item->size);
		if (item->words != NULL && load->complaints == complaints)
			check_words(load, item, items, i);
	}
	load->path = up;
	memcpy((char *)out + key->at, &items, sizeof(items));
	memcpy((char *)out + key->count_at, &count, sizeof(count));
}

static void read_list(struct schema_load *load, const struct schema_key *key, void *out)
{
	const struct yaml_node *node = load->node;
	const struct schema_type *type = key->type;
	struct yaml_node alone;

	if (is_blank(node) || node->kind == YAML_MAPPING ||
	    (node->kind == YAML_SCALAR && !type->single)) {
		if (is_blank(node))
			(void)schema_wrong(load, "no value; give %s, or leave the key out",
			                   type->what);
		else
			(void)schema_wrong(
				load, "%s is wanted: [one, two], or a line with \"- \" for each",
				type->what);
		return;
	}
	if (node->kind == YAML_SCALAR) {
		alone = *node;
		alone.next = NULL;
		read_items(load, key, &alone, 1, out);
		load->node = node;
		return;
	}
	if (node->count < type->items_min) {
		(void)schema_wrong(load, "the list is empty; at least one is needed");
		return;
	}
	read_items(load, key, node->first, node->count, out);
	load->node = node;
}

/* The default of a list, "[a, b]", as nodes. */
static struct yaml_node *fallback_list(struct schema_load *load, struct str text)
{
	struct yaml_node *list = yaml_new(load->arena, YAML_SEQUENCE, STR_NONE);
	struct str rest = str_of(text.p + 1, text.len - 2);

	while (list != NULL && !str_empty(rest)) {
		struct yaml_node *item = yaml_new(load->arena, YAML_SCALAR,
		                                  str_trim(str_cut(&rest, ',')));

		if (item == NULL)
			return NULL;
		yaml_append(list, item);
	}
	return list;
}

/* A key that nobody set: its default, or the mark of a word that is not set. */
static void read_fallback(struct schema_load *load, const struct schema_key *key, void *out)
{
	const struct schema_type *type = key->type;
	struct str text = str_from(key->fallback);

	if (type->map != NULL) {
		load->node = NULL;
		read_map(load, type->map, (char *)out + key->at);
		return;
	}
	if (key->fallback == NULL) {
		if (type->words != NULL && type->item == NULL)
			memcpy((char *)out + key->at, &(int){ -1 }, sizeof(int));
		return;
	}
	if (type->item == NULL) {
		must(type->parse(load, type, text, (char *)out + key->at) || load->no_memory);
		return;
	}
	load->node = fallback_list(load, text);
	if (load->node == NULL)
		load->no_memory = true;
	else
		read_list(load, key, out);
}

static void read_key(struct schema_load *load, const struct schema_key *key,
                     const struct yaml_node *node, void *out)
{
	const struct yaml_node *map = load->node;
	struct schema_path path = { .up = load->path, .key = str_from(key->name) };

	if (node == NULL && key->required) {
		(void)schema_wrong(load, "\"%s\" is missing: %s", key->name, key->doc);
		return;
	}
	load->path = &path;
	load->node = node;
	if (node != NULL && key->later != NULL)
		(void)schema_wrong(load, "%s", key->later);
	else if (node == NULL)
		read_fallback(load, key, out);
	else if (key->type->item != NULL)
		read_list(load, key, out);
	else
		read_value(load, key->type, (char *)out + key->at);
	load->path = path.up;
	load->node = map;
}

static void read_child(struct schema_load *load, const struct schema_map *map,
                       const struct yaml_node *node, const struct yaml_node *child, void *out)
{
	const struct schema_key *key = find_key(map, child->key);
	struct schema_path path = { .up = load->path, .key = child->key };

	load->node = node;
	if (key != NULL) {
		read_key(load, key, child, out);
		return;
	}
	load->path = &path;
	wrong_key(load, map, child);
	load->path = path.up;
}

static void read_map(struct schema_load *load, const struct schema_map *map, void *out)
{
	const struct yaml_node *node = load->node;
	struct yaml_node brief = { .kind = YAML_MAPPING };
	struct yaml_node alone;

	if (node != NULL && node->kind == YAML_SCALAR && map->brief != NULL) {
		alone = *node;
		alone.next = NULL;
		brief.line = node->line;
		brief.column = node->column;
		yaml_put(&brief, str_from(map->brief), &alone);
		node = &brief;
	}
	if (node != NULL && node->kind != YAML_MAPPING) {
		(void)schema_wrong(load, "%s is wanted here: \"key: value\" lines%s%s", map->what,
		                   map->brief == NULL ? "" : ", or only its ",
		                   map->brief == NULL ? "" : map->brief);
		return;
	}
	/* In the order of the text, so that complaints come in that order; then what the text doesn't say. */
	for (const struct yaml_node *child = node == NULL ? NULL : node->first; child != NULL;
	     child = child->next)
		read_child(load, map, node, child, out);
	for (size_t i = 0; i < map->key_count; i++) {
		load->node = node;
		if (yaml_get(node, str_from(map->keys[i].name)) == NULL)
			read_key(load, &map->keys[i], NULL, out);
	}
}

static void read_value(struct schema_load *load, const struct schema_type *type, void *out)
{
	if (type->map == NULL)
		read_scalar(load, type, out);
	else
		read_map(load, type->map, out);
}

void schema_read(struct schema_load *load, const struct schema_map *map,
                 const struct yaml_node *root, void *out)
{
	load->path = NULL;
	load->node = root;
	read_map(load, map, out);
	load->node = NULL;
}
