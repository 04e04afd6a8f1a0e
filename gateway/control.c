#include "gateway/control.h"

#include "gateway/control_session.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

enum err control_path(struct str folder, char *out, size_t size)
{
	struct sockaddr_un un;
	int n;

	while (folder.len > 1 && folder.p[folder.len - 1] == '/')
		folder.len--;
	n = snprintf(out, size, "%.*s/%s", STR_ARG(folder), CONTROL_SOCKET);
	return n > 0 && (size_t)n < size && (size_t)n < sizeof(un.sun_path) ? ERR_OK : ERR_LIMIT;
}

const struct conf *control_conf(const struct control *c)
{
	return c->gateway == NULL ? c->conf : atomic_load(&c->gateway->snapshot)->conf;
}

/* ---------------------------------------------------------------------------- the socket */

static struct sockaddr_un address_of_path(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	memcpy(un.sun_path, path, strlen(path) + 1);
	return un;
}

/* Does somebody answer there? What a daemon that was killed has left answers nobody. */
static bool somebody_answers(const char *path)
{
	struct sockaddr_un un = address_of_path(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes = fd >= 0 &&
	           (connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0 || errno == EAGAIN);

	if (fd >= 0)
		(void)close(fd);
	return yes;
}

/* The mode is the socket's before it has a name (Linux takes it from there): there is no moment at which others could connect. */
static enum err bind_at(int fd, const char *path)
{
	struct sockaddr_un un = address_of_path(path);

	if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&un, sizeof(un)) != 0)
		return err_from_errno(errno);
	if (chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
		enum err e = err_from_errno(errno);

		(void)unlink(path);
		return e;
	}
	return ERR_OK;
}

static enum err listen_at(struct control *c, const char *path)
{
	int fd;
	enum err e;

	if (somebody_answers(path))
		return ERR_INUSE;
	(void)unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_from_errno(errno);
	e = bind_at(fd, path);
	if (e != ERR_OK) {
		(void)close(fd);
		return e;
	}
	c->listener = fd;
	memcpy(c->path, path, strlen(path) + 1);
	return ERR_OK;
}

static void refuse(int fd)
{
	static const char text[] =
		"[\"err\", \"the daemon serves as many commands as it can; try again\\n\"]\n[\"exit\", \"3\"]\n";

	(void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

static void on_connection(void *arg, unsigned events)
{
	struct control *c = arg;
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0 && c->session_count >= CONTROL_CLIENTS_MAX)
		refuse(fd);
	else if (fd >= 0)
		control_adopt(c, fd);
}

static void explain(struct buf *why, const char *path, enum err e)
{
	if (e == ERR_INUSE)
		buf_printf(
			why,
			"%s: another daemon answers there; stop it, or choose another folder (data)\n",
			path);
	else
		buf_printf(why, "%s: cannot listen for commands: %s\n", path, err_text(e));
}

/* ---------------------------------------------------------------------------- opening and closing */

static enum err open_inside(struct control **out, struct loop *loop, struct registrar *reg)
{
	struct control *c = mem_zero(sizeof(*c));
	enum err e;

	if (c == NULL)
		return ERR_NOMEM;
	c->loop = loop;
	c->registrar = reg;
	c->listener = -1;
	e = reg_reader_open(&c->reader, reg);
	if (e != ERR_OK)
		free(c);
	else
		*out = c;
	return e;
}

enum err control_open(struct control **out, struct gateway *g, struct str folder, struct buf *why)
{
	char path[sizeof(((struct control *)0)->path)];
	struct control *c = NULL;
	enum err e;

	if ((e = open_inside(&c, g->loop, g->registrar)) != ERR_OK)
		return e;
	c->gateway = g;
	e = control_path(folder, path, sizeof(path));
	if (e != ERR_OK) {
		buf_printf(
			why,
			"%.*s: this path is too long for the socket in it; choose a shorter one (data)\n",
			STR_ARG(folder));
	} else {
		e = listen_at(c, path);
		if (e == ERR_OK)
			e = loop_watch(c->loop, &c->watch, c->listener, LOOP_READ, on_connection,
			               c);
		if (e != ERR_OK)
			explain(why, path, e);
	}
	if (e == ERR_OK)
		*out = c;
	else
		control_close(c);
	return e;
}

enum err control_alone(struct control **out, struct loop *loop, struct registrar *reg,
                       const struct conf *conf)
{
	enum err e = open_inside(out, loop, reg);

	if (e == ERR_OK)
		(*out)->conf = conf;
	return e;
}

void control_close(struct control *c)
{
	if (c == NULL)
		return;
	c->closing = true;
	watch_close(c->watch);
	if (c->listener >= 0) {
		(void)unlink(c->path);
		(void)close(c->listener);
	}
	control_sessions_end(c);
	/* What is under way has its own bounds, and the last of it stops the loop. */
	if (c->waiting > 0)
		loop_run(c->loop);
	must(c->session_count == 0);
	reg_reader_close(c->reader);
	free(c);
}
