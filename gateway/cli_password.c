#include "gateway/cli_password.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* One octet at a time: what follows the line is not ours. */
static bool read_line(struct buf *out)
{
	for (;;) {
		char c;
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || (n == 0 && out->len == 0))
			return false;
		if (n == 0 || c == '\n')
			return true;
		buf_char(out, c);
	}
}

/* A line, or false where a signal came first: it is still pending. */
static bool wait_for_line(int signals)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		                { .fd = signals, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0) {
		if (errno != EINTR)
			return false;
	}
	return fds[1].revents == 0;
}

static bool read_hidden(struct buf *out)
{
	struct termios before;
	struct termios hidden;
	sigset_t all;
	sigset_t old;
	bool good = false;
	int signals;

	(void)sigemptyset(&all);
	(void)sigaddset(&all, SIGINT);
	(void)sigaddset(&all, SIGTERM);
	(void)sigaddset(&all, SIGHUP);
	(void)sigaddset(&all, SIGQUIT);
	(void)sigaddset(&all, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &all, &old);
	signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals >= 0 && tcgetattr(STDIN_FILENO, &before) == 0) {
		hidden = before;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
		good = wait_for_line(signals) && read_line(out);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		(void)fputc('\n', stderr);
	}
	if (signals >= 0)
		(void)close(signals);
	(void)sigprocmask(SIG_SETMASK, &old, NULL); /* what came meanwhile ends us here */
	return good;
}

bool cli_password_read(struct str address, struct buf *out)
{
	bool good;

	if (isatty(STDIN_FILENO) == 1) {
		(void)fprintf(stderr, "Password for %.*s: ", STR_ARG(address));
		good = read_hidden(out);
	} else {
		good = read_line(out);
	}
	if (good && out->len > 0 && out->data[out->len - 1] == '\r')
		out->len--;
	if (!good || out->err != ERR_OK || out->len == 0) {
		(void)fputs(
			out->err != ERR_OK
				? "lotse user: the password is too long\n"
				: "lotse user: no password; it is the first line of standard input, or behind --password\n",
			stderr);
		return false;
	}
	return true;
}
