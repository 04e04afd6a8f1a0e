#include "gateway/schema.h"

#define DAY_MS (24LL * 3600 * 1000)

/* A duration in the largest unit that it fills. */
static void describe_ms(int64_t ms, struct buf *out)
{
	if (ms % DAY_MS == 0)
		buf_printf(out, "%lldd", (long long)(ms / DAY_MS));
	else if (ms % 1000 == 0)
		buf_printf(out, "%llds", (long long)(ms / 1000));
	else
		buf_printf(out, "%lldms", (long long)ms);
}

static void describe_words(const struct schema_type *type, bool later, struct buf *out)
{
	const char *between = "";

	for (size_t i = 0; i < type->word_count; i++) {
		if ((type->words[i].later != NULL) != later)
			continue;
		buf_printf(out, "%s`%s`", between, type->words[i].word);
		between = ", ";
	}
}

static bool has_later_words(const struct schema_type *type)
{
	for (size_t i = 0; i < type->word_count; i++)
		if (type->words[i].later != NULL)
			return true;
	return false;
}

void schema_describe(const struct schema_type *type, struct buf *out)
{
	if (type->words != NULL) {
		describe_words(type, false, out);
		if (has_later_words(type)) {
			buf_z(out, " (not in this version: ");
			describe_words(type, true, out);
			buf_char(out, ')');
		}
	} else if (type->item != NULL) {
		buf_z(out, type->what);
		if (type->item->words != NULL) {
			buf_z(out, ": ");
			schema_describe(type->item, out);
		}
	} else if (type->max > 0 && type->literal) {
		buf_printf(out, "%s from %lld to %lld", type->what, (long long)type->min,
		           (long long)type->max);
	} else if (type->max > 0) {
		buf_printf(out, "%s from ", type->what);
		describe_ms(type->min, out);
		buf_z(out, " to ");
		describe_ms(type->max, out);
	} else if (type->map != NULL) {
		buf_z(out, type->what);
	} else {
		buf_printf(out, "%s: %s", type->what, type->form);
	}
}

/* Text for a cell of a table: "|" would end it, "*" and "<" mean something in Markdown. */
static void cell(const char *text, struct buf *out)
{
	for (; *text != '\0'; text++) {
		if (strchr("|*<", *text) != NULL)
			buf_char(out, '\\');
		buf_char(out, *text);
	}
}

static const struct schema_map *map_below(const struct schema_key *key)
{
	return key->type->item != NULL ? key->type->item->map : key->type->map;
}

static void document_key(const struct schema_key *key, const char *above, struct buf *out)
{
	buf_printf(out, "| `%s%s`%s | ", above, key->name, key->restart ? " ¹" : "");
	if (key->later != NULL) {
		cell(key->doc, out);
		buf_z(out, " Refused: ");
		cell(key->later, out);
		buf_z(out, ". | | | |\n");
		return;
	}
	cell(key->doc, out);
	buf_z(out, " | ");
	schema_describe(key->type, out);
	buf_z(out, " | ");
	if (key->required)
		buf_z(out, "required");
	else if (key->fallback != NULL)
		buf_printf(out, "`%s`", key->fallback);
	else
		cell(key->unset == NULL ? "" : key->unset, out);
	buf_z(out, " | ");
	if (key->example != NULL)
		buf_printf(out, "`%s`", key->example);
	buf_z(out, " |\n");
}

static void document_map(const struct schema_map *map, const char *above, struct buf *out)
{
	for (size_t i = 0; i < map->key_count; i++) {
		const struct schema_key *key = &map->keys[i];
		const struct schema_map *below = map_below(key);
		struct buf path;

		document_key(key, above, out);
		if (below == NULL)
			continue;
		buf_init(&path, 256);
		buf_printf(&path, "%s%s%s.", above, key->name, key->type->item != NULL ? "[]" : "");
		if (buf_cstr(&path) != NULL)
			document_map(below, buf_cstr(&path), out);
		else
			out->err = path.err;
		buf_fini(&path);
	}
}

static const char introduction[] =
	"# Configuration\n"
	"\n"
	"This page is made from the table in `gateway/schema_conf.c` by `lotse check --doc`.\n"
	"\n"
	"A configuration is a YAML file; `lotse check -f FILE` validates it and prints it with every default filled in. Every key is\n"
	"optional but for those marked as required. `a.b` stands for `b` in the mapping `a`, `a[].b` for `b` in each item of the list `a`.\n"
	"\n"
	"- What stands in the file is taken as it stands: `no`, `1.10` or `0x10` is a domain name where a domain name is wanted. Anchors,\n"
	"  aliases and tags of YAML are refused; put what begins with `*` in quotes.\n"
	"- An unknown key, a wrong type, an impossible value: refused with `file:line:column` and the nearest known key.\n"
	"- Durations have a unit (`500ms`, `60s`, `5m`, `2h`, `1d`), rates too (`200/s`, `10/min`; `0` for no limit).\n"
	"- Relative paths start at the folder of the configuration file. The files named (certificates, keys, tokens) are read together\n"
	"  with the configuration, at start and at `lotse reload`.\n"
	"- `lotse reload` prepares everything first, then switches as a whole or not at all. Keys marked ¹ take effect after a restart.\n"
	"- `--domain`, `--listen` and `--data` of the command line replace what the file says.\n"
	"\n"
	"| key | meaning | values | default | example |\n"
	"| --- | --- | --- | --- | --- |\n";

void schema_document(const struct schema_map *map, struct buf *out)
{
	buf_z(out, introduction);
	document_map(map, "", out);
}
