/* gateway/schema.h: tables of configuration keys, and what is done with them.
 *
 * One table (schema_conf.c) says for every key its name, type, default, meaning and place in a struct. From it a YAML tree is
 * loaded, a struct printed, two structs compared, and docs/configuration.md written. To add a key is to add a row.
 *
 * Types come from the table and never from what YAML would guess a text to be. All functions: any thread, nothing shared. */
#pragma once
#include "base/buf.h"
#include "base/yaml.h"

struct schema_load;
struct schema_type;
struct schema_map;

/** A word that a value may be, and the number it stands for. */
struct schema_word {
	const char *word;
	int value;
	const char *later; /* not NULL: known, and refused because of this */
};

/** A kind of values. Scalars have parse and print, lists an item, mappings a map. */
struct schema_type {
	const char *what; /* "a duration": for messages and documents */
	const char *form; /* how it looks: `a number with ms, s, m, h or d` */
	size_t size;      /* of a value */
	/** Read `text` into `out` (zeroed). False after schema_wrong(). */
	bool (*parse)(struct schema_load *load, const struct schema_type *type, struct str text,
	              void *out);
	/** Append the value as text, without quotes. */
	void (*print)(const struct schema_type *type, const void *value, struct buf *out);
	/** Is there anything to print? NULL: always. */
	bool (*is_set)(const void *value);
	bool literal; /* printed without quotes: true, 10 */
	int64_t min;  /* of numbers: as such, of durations: milliseconds */
	int64_t max;
	const struct schema_word *words;
	size_t word_count;
	const struct schema_type *item; /* a list of these */
	size_t items_min;
	bool single; /* a value alone may stand for a list of one */
	const struct schema_map *map;
};

/** A key of a mapping. */
struct schema_key {
	const char *name;
	const struct schema_type *type;
	size_t at;       /* where the value is in the struct; of a list: the pointer to its items */
	size_t count_at; /* of a list: where its count is */
	const char *fallback; /* the default, as it would stand in a file; NULL: none */
	const char *unset;    /* what holds where it is not set and there is no default */
	const char *doc;      /* one line */
	const char *example;  /* for the document; NULL: the default does */
	const char *later;    /* not NULL: the key is known, and refused because of this */
	bool required;
	bool restart; /* a change takes effect after a restart */
};

struct schema_map {
	const char *what; /* "a listener" */
	size_t size;      /* of the struct */
	const struct schema_key *keys;
	size_t key_count;
	const char *brief; /* the key that a text alone stands for; NULL: only a mapping will do */
};

/** The way from the root to a value, for messages: a list on the stack. */
struct schema_path {
	const struct schema_path *up;
	struct str key; /* empty: an index */
	size_t index;
};

/** A run of loading. */
struct schema_load {
	struct arena *arena;
	struct buf *errors; /* gets a line for each complaint */
	size_t complaints;  /* so far, also those over the limit */
	size_t complaints_max;
	bool no_memory;
	struct str file;   /* for messages */
	struct str folder; /* an absolute path: where relative paths in the text start */
	const struct schema_path *path; /* what is being loaded */
	const struct yaml_node *node;   /* where that stands; NULL: nowhere, a default */
};

/** The table of the whole configuration, for a struct conf. */
const struct schema_map *schema_conf(void);

/** Load `root` (NULL: nothing was said) into the zeroed struct `out`. Complaints are in `load`. */
void schema_read(struct schema_load *load, const struct schema_map *map,
                 const struct yaml_node *root, void *out);

/** Complain about what is being loaded: "what is wrong; what to do". Returns false. */
bool schema_wrong(struct schema_load *load, const char *format, ...) PRINTF_LIKE(2, 3);
/** Complain about the value at `path` ("peers[2].addresses[0]") of the tree `root`, or the nearest that stands there. */
void schema_wrong_at(struct schema_load *load, const struct yaml_node *root, const char *path,
                     const char *format, ...) PRINTF_LIKE(4, 5);
/** The node at `path`, or NULL; where `nearest`, the last one on the way there. A text that stands for a mapping is its brief key. */
const struct yaml_node *schema_find(const struct yaml_node *root, const char *path, bool nearest);

/** Print a struct as YAML that schema_read() reads again, or as JSON. */
void schema_print(const struct schema_map *map, const void *value, bool json, struct buf *out);
/** The keys with `restart` whose values differ, with ", " between them. Returns how many. */
size_t schema_diff(const struct schema_map *map, const void *before, const void *after,
                   struct buf *out);
/** The reference for users, as Markdown. */
void schema_document(const struct schema_map *map, struct buf *out);
/** How a type's values look, in words: "a duration from 1s to 1h". */
void schema_describe(const struct schema_type *type, struct buf *out);

/** How many single letters must be put, taken, changed or swapped with their neighbour to make one word of the other; words of
 * more than 40 letters are as far apart as they can be. */
size_t schema_distance(struct str a, struct str b);
