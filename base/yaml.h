/* base/yaml.h: a YAML text as a small tree of nodes. The one file that knows libyaml.
 *
 * Only structure is read here: every scalar stays text, whatever YAML would guess it to be ("no", "1.10", "0x10"). What a
 * configuration does not need is refused with its place: anchors, aliases, tags, a second document, a key that stands twice in a
 * mapping, NUL octets. Nodes live in the caller's arena. All functions: any thread, nothing shared. */
#pragma once
#include "base/arena.h"

#define YAML_TEXT_MAX ((size_t)8 << 20) /* bytes of one text */
#define YAML_DEPTH_MAX 32               /* nested sequences and mappings */
#define YAML_KEYS_MAX 256               /* of one mapping */

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
	enum yaml_kind kind;
	bool quoted;     /* a scalar in quotes or a block scalar: never "no value" */
	unsigned line;   /* from 1; 0: not from a text */
	unsigned column; /* from 1 */
	struct str text; /* of a scalar; a NUL follows it */
	struct str key;  /* where its parent is a mapping */
	unsigned key_line;
	unsigned key_column;
	struct yaml_node *first; /* children, in the order of the text */
	struct yaml_node *last;
	struct yaml_node *next; /* sibling */
	size_t count;           /* of children */
};

/** Where reading failed and why, for a person. */
struct yaml_error {
	unsigned line;
	unsigned column;
	char text[200];
};

/** Read `text` (UTF-8 or UTF-16 with a mark). `*root` is NULL where there is nothing but comments.
 * ERR_SYNTAX and ERR_LIMIT fill `error`; ERR_NOMEM: no memory, or the arena is full. */
NODISCARD enum err yaml_load(struct yaml_node **root, struct str text, struct arena *arena,
                             struct yaml_error *error);
/** The value at `key` of a mapping; NULL where there is none, or `map` is NULL or no mapping. */
struct yaml_node *yaml_get(const struct yaml_node *map, struct str key);
/** The `index`th child of a sequence or mapping, or NULL. */
struct yaml_node *yaml_at(const struct yaml_node *node, size_t index);
/** A node that is not from a text; NULL without memory. `text` is not copied. */
struct yaml_node *yaml_new(struct arena *arena, enum yaml_kind kind, struct str text);
/** Append `child` to a sequence. */
void yaml_append(struct yaml_node *sequence, struct yaml_node *child);
/** Put `child` at `key` of a mapping, in the place of what was there. `key` is not copied. */
void yaml_put(struct yaml_node *map, struct str key, struct yaml_node *child);
