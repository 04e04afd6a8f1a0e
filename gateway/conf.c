#include "gateway/conf.h"

#include "base/mem.h"
#include "gateway/conf_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define TREE_MAX ((size_t)1 << 30) /* memory for the tree of nodes of a text of YAML_TEXT_MAX */
#define SNAPSHOT_MAX ((size_t)1 << 30)

/* One load: what is only needed until the snapshot stands. */
struct loading {
	const struct conf_options *options;
	struct arena tree;
	struct schema_load load;
	struct conf *conf;
};

static enum err complain(struct buf *errors, const char *name, const char *why, enum err e)
{
	buf_printf(errors, "%s: %s\n", name, why);
	return e;
}

/* The folder in which relative paths of the file start. */
static enum err find_folder(struct loading *l)
{
	struct str file = str_from(l->options->file);
	struct str folder =
		str_head(file, str_rfind(file, '/') == file.len ? 0 : str_rfind(file, '/') + 1);
	char here[4096] = "/";
	struct buf path;
	enum err e;

	buf_init(&path, 8192);
	if (!str_starts(folder, STR("/"))) {
		if (getcwd(here, sizeof(here)) == NULL)
			(void)snprintf(here, sizeof(here), "/");
		buf_printf(&path, "%s/", strcmp(here, "/") == 0 ? "" : here);
	}
	buf_str(&path, folder);
	e = path.err == ERR_OK ? arena_str(&l->tree, buf_view(&path), &l->load.folder) : ERR_NOMEM;
	buf_fini(&path);
	return e;
}

/* Where the text failed to be YAML at all. */
static enum err wrong_text(struct loading *l, enum err e, const struct yaml_error *error)
{
	struct yaml_node at = { .line = error->line, .column = error->column };

	if (e == ERR_NOMEM)
		return e;
	l->load.node = &at;
	(void)schema_wrong(&l->load, "%s", error->text);
	return ERR_SYNTAX;
}

static enum err build(struct loading *l, struct yaml_node *root)
{
	struct conf *conf = l->conf;
	enum err e = conf_override(root, l->options, &l->tree);

	if (e != ERR_OK)
		return e;
	l->load.arena = &conf->arena;
	schema_read(&l->load, schema_conf(), root, conf);
	if (l->load.no_memory)
		return ERR_NOMEM;
	e = conf_complete(conf, root);
	if (e == ERR_OK)
		e = conf_index_build(conf);
	if (e == ERR_OK)
		conf_check(conf, root, &l->load);
	if (e != ERR_OK)
		return e;
	return l->load.complaints > 0 ? ERR_SYNTAX : ERR_OK;
}

static enum err load_tree(struct loading *l, struct str text)
{
	struct yaml_error error;
	struct yaml_node *root;
	enum err e = find_folder(l);

	if (e == ERR_OK && l->options->file != NULL)
		e = arena_str(&l->conf->arena, l->load.file, &l->conf->file);
	if (e != ERR_OK)
		return e;
	e = yaml_load(&root, text, &l->tree, &error);
	if (e != ERR_OK)
		return wrong_text(l, e, &error);
	if (root == NULL)
		root = yaml_new(&l->tree, YAML_MAPPING, STR_NONE);
	return root == NULL ? ERR_NOMEM : build(l, root);
}

static void conf_free(struct conf *conf)
{
	conf_index_fini(conf->index);
	arena_fini(&conf->arena);
	free(conf);
}

enum err conf_load_text(const struct conf_options *options, struct str text, struct conf **out,
                        struct buf *errors)
{
	const char *name = options->file == NULL ? "text" : options->file;
	struct loading l = { .options = options,
		             .load = { .errors = errors,
		                       .complaints_max = CONF_ERRORS_MAX,
		                       .file = str_from(name) },
		             .conf = mem_zero(sizeof(*l.conf)) };
	enum err e;

	*out = NULL;
	if (l.conf == NULL)
		return complain(errors, name, err_text(ERR_NOMEM), ERR_NOMEM);
	atomic_init(&l.conf->refs, 1);
	arena_init(&l.conf->arena, NULL, 0, SNAPSHOT_MAX);
	arena_init(&l.tree, NULL, 0, TREE_MAX);
	l.load.arena = &l.tree;
	e = load_tree(&l, text);
	arena_fini(&l.tree);
	if (e == ERR_OK) {
		*out = l.conf;
		return ERR_OK;
	}
	conf_free(l.conf);
	if (l.load.complaints > CONF_ERRORS_MAX)
		buf_printf(errors, "%s: and %zu more\n", name, l.load.complaints - CONF_ERRORS_MAX);
	return e == ERR_SYNTAX ? e : complain(errors, name, err_text(e), e);
}

/* All of a file, in pieces: it may be a pipe. One byte more than is allowed tells that it is too large. */
static int read_all(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	int failed = fd < 0 ? errno : 0;

	while (failed == 0 && n != 0 && out->len <= YAML_TEXT_MAX) {
		char *room = buf_room(out, 65536);

		n = room == NULL ? -1 : read(fd, room, 65536);
		if (n > 0)
			buf_advance(out, (size_t)n);
		else if (n < 0 && (room == NULL || errno != EINTR))
			failed = room == NULL ? ENOMEM : errno;
	}
	if (fd >= 0)
		(void)close(fd);
	return failed;
}

enum err conf_load(const struct conf_options *options, struct conf **out, struct buf *errors)
{
	struct buf text;
	enum err e;
	int failed = 0;

	*out = NULL;
	buf_init(&text, YAML_TEXT_MAX + ((size_t)1 << 20));
	if (options->file != NULL)
		failed = read_all(options->file, &text);
	if (failed != 0) {
		buf_printf(errors, "%s: cannot read it: %s\n", options->file, strerror(failed));
		e = failed == ENOMEM ? ERR_NOMEM : ERR_IO;
	} else {
		e = conf_load_text(options, buf_view(&text), out, errors);
	}
	buf_fini(&text);
	return e;
}

const struct conf *conf_ref(const struct conf *conf)
{
	struct conf *counted = (struct conf *)(uintptr_t)conf;

	(void)atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	return conf;
}

void conf_unref(const struct conf *conf)
{
	struct conf *counted = (struct conf *)(uintptr_t)conf;

	/* Whoever frees must see all that the others did before they let go. */
	if (counted != NULL &&
	    atomic_fetch_sub_explicit(&counted->refs, 1, memory_order_acq_rel) == 1)
		conf_free(counted);
}

void conf_print(const struct conf *conf, bool json, struct buf *out)
{
	schema_print(schema_conf(), conf, json, out);
}

size_t conf_diff(const struct conf *before, const struct conf *after, struct buf *out)
{
	return schema_diff(schema_conf(), before, after, out);
}
