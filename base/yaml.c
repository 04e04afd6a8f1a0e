#include "base/yaml.h"

#include <stdio.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct yaml_error *error;
	enum err err;
	struct yaml_node *root;
	struct yaml_node *open[YAML_DEPTH_MAX]; /* the sequences and mappings that we are in */
	size_t depth;
	struct str key; /* read, its value comes next; p NULL: none */
	unsigned key_line;
	unsigned key_column;
	bool ended;
};

static void fail(struct reader *r, enum err e, yaml_mark_t at, const char *text)
{
	if (r->err != ERR_OK)
		return;
	r->err = e;
	r->error->line = (unsigned)at.line + 1;
	r->error->column = (unsigned)at.column + 1;
	(void)snprintf(r->error->text, sizeof(r->error->text), "%s", text);
}

/* What libyaml has to say: its context has a place too, but the problem's is the one to look at. */
static void fail_by_parser(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	bool alias = p->context != NULL && strstr(p->context, "alias") != NULL;
	char text[sizeof(r->error->text)];

	if (p->error == YAML_MEMORY_ERROR) {
		r->err = ERR_NOMEM;
		return;
	}
	(void)snprintf(text, sizeof(text), "%s%s%s%s", p->context == NULL ? "" : p->context,
	               p->context == NULL ? "" : ": ",
	               p->problem == NULL ? "this is no YAML" : p->problem,
	               alias ? "; put a value that begins with \"*\" in quotes" : "");
	fail(r, ERR_SYNTAX, p->error == YAML_READER_ERROR ? p->mark : p->problem_mark, text);
}

struct yaml_node *yaml_new(struct arena *arena, enum yaml_kind kind, struct str text)
{
	struct yaml_node *node = arena_zero(arena, sizeof(*node));

	if (node == NULL)
		return NULL;
	node->kind = kind;
	node->text = text;
	return node;
}

void yaml_append(struct yaml_node *sequence, struct yaml_node *child)
{
	if (sequence->last == NULL)
		sequence->first = child;
	else
		sequence->last->next = child;
	sequence->last = child;
	sequence->count++;
}

struct yaml_node *yaml_get(const struct yaml_node *map, struct str key)
{
	if (map == NULL || map->kind != YAML_MAPPING)
		return NULL;
	for (struct yaml_node *child = map->first; child != NULL; child = child->next)
		if (str_eq(child->key, key))
			return child;
	return NULL;
}

struct yaml_node *yaml_at(const struct yaml_node *node, size_t index)
{
	struct yaml_node *child = node == NULL ? NULL : node->first;

	while (child != NULL && index-- > 0)
		child = child->next;
	return child;
}

void yaml_put(struct yaml_node *map, struct str key, struct yaml_node *child)
{
	struct yaml_node **at = &map->first;

	child->key = key;
	while (*at != NULL && !str_eq((*at)->key, key))
		at = &(*at)->next;
	if (*at == NULL) {
		yaml_append(map, child);
		return;
	}
	child->next = (*at)->next;
	if (map->last == *at)
		map->last = child;
	*at = child;
}

/* Hang `node` below what is open. */
static void attach(struct reader *r, struct yaml_node *node, yaml_mark_t at)
{
	struct yaml_node *parent = r->depth == 0 ? NULL : r->open[r->depth - 1];

	node->line = (unsigned)at.line + 1;
	node->column = (unsigned)at.column + 1;
	if (parent == NULL) {
		r->root = node;
		return;
	}
	if (parent->kind == YAML_MAPPING) {
		node->key = r->key;
		node->key_line = r->key_line;
		node->key_column = r->key_column;
		r->key = STR_NONE;
	}
	yaml_append(parent, node);
}

static bool expects_key(const struct reader *r)
{
	return r->depth > 0 && r->open[r->depth - 1]->kind == YAML_MAPPING && r->key.p == NULL;
}

static void take_key(struct reader *r, struct str text, yaml_mark_t at)
{
	struct yaml_node *map = r->open[r->depth - 1];
	const struct yaml_node *before = yaml_get(map, text);
	char message[sizeof(r->error->text)];

	if (before != NULL) {
		(void)snprintf(message, sizeof(message),
		               "the key \"%.*s\" stands in line %u already; keep one of them",
		               STR_ARG(str_head(text, 80)), before->key_line);
		fail(r, ERR_SYNTAX, at, message);
		return;
	}
	if (map->count >= YAML_KEYS_MAX) {
		fail(r, ERR_LIMIT, at, "too many keys in one mapping");
		return;
	}
	r->key = text;
	r->key_line = (unsigned)at.line + 1;
	r->key_column = (unsigned)at.column + 1;
}

static void take_scalar(struct reader *r, const yaml_event_t *event)
{
	struct str text = str_of((const char *)event->data.scalar.value, event->data.scalar.length);
	struct yaml_node *node;

	if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
		fail(r, ERR_SYNTAX, event->start_mark,
		     "anchors and tags have no use here; leave it out");
		return;
	}
	if (str_find(text, '\0') != text.len) {
		fail(r, ERR_SYNTAX, event->start_mark, "a NUL octet in a value");
		return;
	}
	if (arena_str(r->arena, text, &text) != ERR_OK) {
		r->err = ERR_NOMEM;
		return;
	}
	if (expects_key(r)) {
		take_key(r, text, event->start_mark);
		return;
	}
	node = yaml_new(r->arena, YAML_SCALAR, text);
	if (node == NULL) {
		r->err = ERR_NOMEM;
		return;
	}
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	attach(r, node, event->start_mark);
}

static void take_start(struct reader *r, enum yaml_kind kind, bool marked, yaml_mark_t at)
{
	struct yaml_node *node;

	if (marked) {
		fail(r, ERR_SYNTAX, at, "anchors and tags have no use here; leave it out");
		return;
	}
	if (expects_key(r)) {
		fail(r, ERR_SYNTAX, at, "a key must be a word, not a list or mapping");
		return;
	}
	if (r->depth == YAML_DEPTH_MAX) {
		fail(r, ERR_LIMIT, at, "nested too deep");
		return;
	}
	node = yaml_new(r->arena, kind, STR_NONE);
	if (node == NULL) {
		r->err = ERR_NOMEM;
		return;
	}
	attach(r, node, at);
	r->open[r->depth++] = node;
}

static void take_event(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		take_scalar(r, event);
		break;
	case YAML_SEQUENCE_START_EVENT:
		take_start(r, YAML_SEQUENCE,
		           event->data.sequence_start.anchor != NULL ||
		                   event->data.sequence_start.tag != NULL,
		           event->start_mark);
		break;
	case YAML_MAPPING_START_EVENT:
		take_start(r, YAML_MAPPING,
		           event->data.mapping_start.anchor != NULL ||
		                   event->data.mapping_start.tag != NULL,
		           event->start_mark);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		must(r->depth > 0);
		r->depth--;
		break;
	case YAML_ALIAS_EVENT:
		fail(r, ERR_SYNTAX, event->start_mark,
		     "\"*\" begins an alias in YAML, which has no use here; put a value that begins with it in quotes");
		break;
	case YAML_DOCUMENT_START_EVENT:
		if (r->root != NULL)
			fail(r, ERR_SYNTAX, event->start_mark,
			     "a second document; one file is one configuration");
		break;
	case YAML_STREAM_END_EVENT:
		r->ended = true;
		break;
	default:
		break;
	}
}

/* A document of nothing but comments comes as an empty scalar. */
static bool is_empty(const struct yaml_node *root)
{
	return root != NULL && root->kind == YAML_SCALAR && !root->quoted && str_empty(root->text);
}

enum err yaml_load(struct yaml_node **root, struct str text, struct arena *arena,
                   struct yaml_error *error)
{
	struct reader r = { .arena = arena, .error = error };
	yaml_event_t event;

	*error = (struct yaml_error){ 0 };
	*root = NULL;
	if (text.len > YAML_TEXT_MAX) {
		fail(&r, ERR_LIMIT, (yaml_mark_t){ 0 }, "the file is larger than 8 MiB");
		return r.err;
	}
	if (yaml_parser_initialize(&r.parser) == 0)
		return ERR_NOMEM;
	yaml_parser_set_input_string(
		&r.parser, (const unsigned char *)(text.p == NULL ? "" : text.p), text.len);
	while (r.err == ERR_OK && !r.ended) {
		if (yaml_parser_parse(&r.parser, &event) == 0) {
			fail_by_parser(&r);
			break;
		}
		take_event(&r, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&r.parser);
	if (r.err == ERR_OK && !is_empty(r.root))
		*root = r.root;
	return r.err;
}
