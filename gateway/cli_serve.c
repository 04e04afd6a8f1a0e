#include "gateway/cli_serve.h"

#include "base/mem.h"
#include "gateway/cli_options.h"
#include "gateway/gateway.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WHY_MAX 65536
#define DRAIN_MS 3000 /* what calls in progress get to come to an answer */
#define DRAIN_STEP_MS 20
#define REFRESH_MS 60000 /* how often this machine's own addresses are read again */

struct serve {
	struct gateway *gateway;
	struct watch *signals;
	int signal_fd;
	struct timer drain;
	struct timer refresh;
	int64_t drained_ms;
	bool ending;
};

/* ---------------------------------------------------------------------------- systemd */

/* sd_notify(3): a datagram to the socket that the service manager named. */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path == NULL ? 0 : strlen(path);
	int fd;

	if (len == 0 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
	             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}

/* ---------------------------------------------------------------------------- signals */

static void on_drain(struct timer *t)
{
	struct serve *s = container_of(t, struct serve, drain);

	s->drained_ms += DRAIN_STEP_MS;
	if (gateway_drain(s->gateway) || s->drained_ms >= DRAIN_MS)
		loop_stop(s->gateway->loop);
	else
		loop_timer_start(s->gateway->loop, &s->drain, DRAIN_STEP_MS, on_drain);
}

static void end(struct serve *s)
{
	if (s->ending) { /* asked twice: at once */
		loop_stop(s->gateway->loop);
		return;
	}
	s->ending = true;
	notify("STOPPING=1");
	LOG_EVENT(s->gateway->log, LOG_INFO, "ending", LOG_Z("reason", "signal"));
	loop_timer_start(s->gateway->loop, &s->drain, 0, on_drain);
}

static void reload(struct serve *s)
{
	struct buf said;

	buf_init(&said, WHY_MAX);
	notify("RELOADING=1");
	(void)!gateway_reload(s->gateway, &said); /* it has logged what came of it */
	notify("READY=1");
	buf_fini(&said);
}

static void on_signal(void *arg, unsigned events)
{
	struct serve *s = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(s);
		else
			end(s);
	}
}

static void on_refresh(struct timer *t)
{
	struct serve *s = container_of(t, struct serve, refresh);

	sip_wires_refresh(s->gateway->wires);
	loop_timer_start(s->gateway->loop, t, REFRESH_MS, on_refresh);
}

/* ---------------------------------------------------------------------------- running */

static void block_signals(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static bool say_ready(const struct gateway *g)
{
	const struct snapshot *s = atomic_load(&g->snapshot);

	(void)fputs("ready", stdout);
	for (size_t i = 0; i < s->url_count; i++)
		(void)printf(" %s", s->urls[i].text);
	(void)putchar('\n');
	return fflush(stdout) == 0;
}

static int run(struct gateway *g, const sigset_t *signals)
{
	struct serve s = { .gateway = g,
		           .signal_fd = signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC) };

	if (s.signal_fd < 0 ||
	    loop_watch(g->loop, &s.signals, s.signal_fd, LOOP_READ, on_signal, &s) != ERR_OK) {
		(void)fputs("lotse serve: cannot wait for signals\n", stderr);
		if (s.signal_fd >= 0)
			(void)close(s.signal_fd);
		return CLI_FAILED;
	}
	loop_timer_start(g->loop, &s.refresh, REFRESH_MS, on_refresh);
	(void)say_ready(g);
	notify("READY=1");
	loop_run(g->loop);
	loop_timer_stop(g->loop, &s.refresh);
	loop_timer_stop(g->loop, &s.drain);
	watch_close(s.signals);
	(void)close(s.signal_fd);
	return CLI_DONE;
}

int cli_serve(int argc, char **argv)
{
	struct cli_args args;
	struct gateway *g = NULL;
	sigset_t signals;
	struct buf why;
	enum err e;
	int status;

	if (!cli_args_parse(&args, argc, argv, CLI_WITH_DOMAIN | CLI_WITH_LISTEN) ||
	    args.count > 0 || args.help) {
		(void)fputs(
			"usage: lotse serve [-f FILE] [--domain D]... [--listen URL]... [--data DIR]\n",
			args.help ? stdout : stderr);
		return args.help ? CLI_DONE : CLI_USAGE;
	}
	block_signals(&signals);
	buf_init(&why, WHY_MAX);
	e = gateway_open(&g, &args.options.conf, &why);
	if (e == ERR_OK) {
		status = run(g, &signals);
	} else {
		(void)fprintf(stderr, "%.*s\n", STR_ARG(str_trim(buf_view(&why))));
		status = e == ERR_SYNTAX ? CLI_USAGE : CLI_FAILED;
	}
	buf_fini(&why);
	gateway_close(g);
	return status;
}
