#include "gateway/conf_build.h"

#include "base/scan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOST_NAME_MAX_OURS 256
#define HOSTS_MAX ((size_t)256 << 10)

/* The next word of a line of /etc/hosts. */
static struct str next_word(struct str *line)
{
	const struct scan_set blank = scan_set(STR(" \t\r"));
	struct scan s = scan_of(*line);
	struct str word;

	(void)scan_while(&s, &blank);
	word = scan_until(&s, &blank);
	*line = scan_rest(&s);
	return word;
}

/* The first name in the line of /etc/hosts that has `name`, if it has dots: the rule of hostname(1) -f. */
static struct str full_name(struct str hosts, struct str name)
{
	while (!str_empty(hosts)) {
		struct str line = str_cut(&hosts, '\n');
		struct str first;

		line = str_head(line, str_find(line, '#'));
		(void)next_word(&line);
		first = next_word(&line);
		if (str_find(first, '.') == first.len)
			continue;
		for (struct str word = first; !str_empty(word); word = next_word(&line))
			if (str_eq_nocase(word, name))
				return first;
	}
	return STR_NONE;
}

static void read_hosts(struct buf *out)
{
	int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	while (fd >= 0 && n > 0) {
		char *room = buf_room(out, 4096);

		n = room == NULL ? 0 : read(fd, room, 4096);
		if (n > 0)
			buf_advance(out, (size_t)n);
	}
	if (fd >= 0)
		(void)close(fd);
}

enum err conf_host_domain(struct arena *arena, struct str *out)
{
	char host[HOST_NAME_MAX_OURS] = "";
	struct str name;
	struct str full;
	struct buf hosts;
	enum err e;

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		(void)snprintf(host, sizeof(host), "localhost");
	name = str_from(host);
	if (str_find(name, '.') < name.len)
		return arena_str(arena, name, out);
	buf_init(&hosts, HOSTS_MAX);
	read_hosts(&hosts);
	full = full_name(buf_view(&hosts), name);
	e = arena_str(arena, str_empty(full) ? name : full, out);
	buf_fini(&hosts);
	return e;
}

enum err conf_default_data(struct arena *arena, struct str *out)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	bool homeless = home == NULL || home[0] != '/';
	struct buf path;
	enum err e;

	/* Only absolute paths count, by the XDG specification. */
	if (state != NULL && state[0] != '/')
		state = NULL;
	if (geteuid() == 0 || (state == NULL && homeless))
		return arena_str(arena, STR("/var/lib/lotse"), out);
	buf_init(&path, 4096);
	if (state != NULL)
		buf_printf(&path, "%s/lotse", state);
	else
		buf_printf(&path, "%s/.local/state/lotse", home);
	e = path.err == ERR_OK ? arena_str(arena, buf_view(&path), out) : ERR_NOMEM;
	buf_fini(&path);
	return e;
}

static enum err put_list(struct yaml_node *root, const char *key, const char *const *texts,
                         size_t count, struct arena *arena)
{
	struct yaml_node *list = yaml_new(arena, YAML_SEQUENCE, STR_NONE);

	if (list == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		struct yaml_node *item = yaml_new(arena, YAML_SCALAR, str_from(texts[i]));

		if (item == NULL)
			return ERR_NOMEM;
		yaml_append(list, item);
	}
	yaml_put(root, str_from(key), list);
	return ERR_OK;
}

/* A folder of the command line starts at the working directory, not at the file's. */
static enum err put_data(struct yaml_node *root, const char *data, struct arena *arena)
{
	char here[4096];
	struct buf path;
	struct str kept;
	struct yaml_node *node;
	enum err e;

	buf_init(&path, 8192);
	if (data[0] != '/' && data[0] != '\0' && getcwd(here, sizeof(here)) != NULL)
		buf_printf(&path, "%s/", here);
	buf_z(&path, data);
	e = path.err == ERR_OK ? arena_str(arena, buf_view(&path), &kept) : ERR_NOMEM;
	buf_fini(&path);
	if (e != ERR_OK)
		return e;
	node = yaml_new(arena, YAML_SCALAR, kept);
	if (node == NULL)
		return ERR_NOMEM;
	yaml_put(root, STR("data"), node);
	return ERR_OK;
}

enum err conf_override(struct yaml_node *root, const struct conf_options *options,
                       struct arena *arena)
{
	struct str host;
	enum err e = ERR_OK;

	if (root->kind != YAML_MAPPING)
		return ERR_OK;
	if (options->domain_count > 0) {
		e = put_list(root, "domains", options->domains, options->domain_count, arena);
	} else if (yaml_get(root, STR("domains")) == NULL) {
		e = conf_host_domain(arena, &host);
		if (e == ERR_OK)
			e = put_list(root, "domains", &host.p, 1, arena);
	}
	if (e == ERR_OK && options->listen_count > 0)
		e = put_list(root, "listen", options->listen, options->listen_count, arena);
	if (e == ERR_OK && options->data != NULL)
		e = put_data(root, options->data, arena);
	return e;
}
