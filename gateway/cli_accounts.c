#include "gateway/cli_accounts.h"

#include "base/mem.h"
#include "gateway/cli_daemon.h"
#include "gateway/control.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define WHY_MAX 4096

/* Without a daemon. */
struct alone {
	struct conf *conf;
	struct loop *loop;
	struct registrar *registrar;
	struct control *control;
	pthread_t thread;
	bool running;
};

struct cli_accounts {
	char path[CLI_PATH_MAX];
	bool daemon;
	struct alone alone;
};

/* ---------------------------------------------------------------------------- without a daemon */

static void *run(void *arg)
{
	struct alone *a = arg;

	loop_run(a->loop);
	return NULL;
}

static enum err start(struct alone *a)
{
	enum err e = control_alone(&a->control, a->loop, a->registrar, a->conf);

	if (e != ERR_OK)
		return e;
	if (pthread_create(&a->thread, NULL, run, a) != 0)
		return ERR_SYSTEM;
	a->running = true;
	return ERR_OK;
}

static int open_alone(struct alone *a, const struct cli_args *args)
{
	struct reg_conf reg = { 0 };
	struct buf why;
	enum err e;

	if (cli_conf_load(args, &a->conf) != ERR_OK)
		return CLI_USAGE;
	reg.folder = a->conf->data.p;
	reg.sync = true;
	reg.limits = (struct reg_limits){ .min_expires_s = a->conf->registrar.min_expires_ms / 1000,
		                          .default_expires_s =
		                                  a->conf->registrar.default_expires_ms / 1000,
		                          .max_expires_s = a->conf->registrar.max_expires_ms / 1000,
		                          .max_contacts = a->conf->registrar.max_contacts };
	buf_init(&why, WHY_MAX);
	e = loop_open(&a->loop, 0);
	if (e == ERR_OK)
		e = registrar_open(&a->registrar, &reg, &why);
	if (e == ERR_OK)
		e = start(a);
	if (e != ERR_OK && why.len > 0)
		(void)fprintf(stderr, "%.*s\n", STR_ARG(str_trim(buf_view(&why))));
	else if (e != ERR_OK)
		(void)fprintf(stderr, "lotse user: cannot open the accounts: %s\n", err_text(e));
	if (e == ERR_INUSE)
		(void)fputs(
			"lotse user: a daemon has the accounts, but nobody answers at its socket; is it just starting or ending? try again\n",
			stderr);
	buf_fini(&why);
	return e == ERR_OK ? CLI_DONE : CLI_FAILED;
}

struct errand {
	struct post post;
	struct control *control;
	int fd;
};

static void on_adopt(struct post *post, struct loop *loop)
{
	struct errand *errand = container_of(post, struct errand, post);

	(void)loop;
	control_adopt(errand->control, errand->fd);
	free(errand);
}

static void on_stop(struct post *post, struct loop *loop)
{
	(void)post;
	loop_stop(loop);
}

static void close_alone(struct alone *a)
{
	struct post stop = { .run = on_stop };

	if (a->running) {
		loop_post(a->loop, &stop);
		(void)pthread_join(a->thread, NULL);
	}
	control_close(a->control);
	registrar_close(a->registrar);
	loop_close(a->loop);
	conf_unref(a->conf);
}

/* A connection to our own control. */
static enum err connect_alone(struct alone *a, int *fd)
{
	struct errand *errand = mem_zero(sizeof(*errand));
	int ends[2];

	if (errand == NULL)
		return ERR_NOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		free(errand);
		return err_from_errno(errno);
	}
	*errand = (struct errand){ .post.run = on_adopt, .control = a->control, .fd = ends[1] };
	loop_post(a->loop, &errand->post);
	*fd = ends[0];
	return ERR_OK;
}

/* ---------------------------------------------------------------------------- either */

static bool is_nobody(enum err e)
{
	return e == ERR_NOTFOUND || e == ERR_REFUSED;
}

/* True: a daemon is there. */
static int look_for_daemon(struct cli_accounts *a, const struct cli_args *args)
{
	int status = cli_daemon_path(args, a->path, sizeof(a->path));
	enum err e;
	int fd;

	if (status != CLI_DONE)
		return status;
	e = control_connect(a->path, &fd);
	a->daemon = e == ERR_OK;
	if (a->daemon)
		(void)close(fd);
	if (e == ERR_OK || is_nobody(e))
		return CLI_DONE;
	(void)fprintf(stderr, "lotse user: cannot reach the daemon at %s: %s%s\n", a->path,
	              err_text(e),
	              e == ERR_DENIED ? "; this needs the user whom it runs as, or root" : "");
	return CLI_FAILED;
}

int cli_accounts_open(struct cli_accounts **out, const struct cli_args *args)
{
	struct cli_accounts *a = mem_zero(sizeof(*a));
	int status;

	if (a == NULL) {
		(void)fprintf(stderr, "lotse user: %s\n", err_text(ERR_NOMEM));
		return CLI_FAILED;
	}
	status = look_for_daemon(a, args);
	if (status == CLI_DONE && !a->daemon)
		status = open_alone(&a->alone, args);
	if (status != CLI_DONE)
		cli_accounts_close(a);
	else
		*out = a;
	return status;
}

void cli_accounts_close(struct cli_accounts *a)
{
	if (a == NULL)
		return;
	close_alone(&a->alone);
	free(a);
}

int cli_accounts_ask(struct cli_accounts *a, struct buf *request, control_other_fn other, void *arg)
{
	int fd = -1;
	enum err e = a->daemon ? control_connect(a->path, &fd) : connect_alone(&a->alone, &fd);

	if (e != ERR_OK) {
		(void)fprintf(stderr, "lotse user: cannot reach the daemon at %s: %s\n", a->path,
		              err_text(e));
		return CLI_FAILED;
	}
	return control_ask(fd, request, other, arg);
}
