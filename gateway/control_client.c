#include "gateway/control_client.h"

#include "gateway/cli_options.h"
#include "gateway/control.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SEND_S 60 /* without an octet taken */
#define RECEIVE_S \
	600 /* without an octet of an answer: an import of a million accounts takes its time */
#define READ_SIZE ((size_t)64 << 10)
#define FRAME_MAX ((size_t)256 << 10)
#define WORDS_MAX 16

struct asking {
	int fd;
	struct buf in;
	control_other_fn other;
	void *arg;
	int status; /* -1: not yet said */
};

/* ---------------------------------------------------------------------------- connecting */

static void limit_waiting(int fd)
{
	const struct timeval sending = { .tv_sec = SEND_S };
	const struct timeval receiving = { .tv_sec = RECEIVE_S };

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &sending, sizeof(sending));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receiving, sizeof(receiving));
}

enum err control_connect(const char *path, int *fd)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	enum err e = str_to_z(str_from(path), un.sun_path, sizeof(un.sun_path));

	if (e != ERR_OK)
		return e;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return err_from_errno(errno);
	limit_waiting(*fd);
	if (connect(*fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return ERR_OK;
	e = err_from_errno(errno);
	(void)close(*fd);
	*fd = -1;
	return e;
}

/* ---------------------------------------------------------------------------- asking */

void control_line(struct buf *request, const struct str *words, size_t count)
{
	struct json j = json_to(request);

	json_strs(&j, NULL, words, count);
	buf_char(request, '\n');
}

/* A daemon that refuses what it has read so far stops reading: its answer says why. */
static void send_all(int fd, struct str text)
{
	while (text.len > 0) {
		ssize_t n = send(fd, text.p, text.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text = str_from_at(text, (size_t)n);
	}
}

static bool take_frame(struct asking *a, const struct str *words, size_t count)
{
	if (count == 2 && str_eq(words[0], STR("out")))
		return cli_write(stdout, words[1]);
	if (count == 2 && str_eq(words[0], STR("err"))) {
		(void)cli_write(stderr, words[1]);
	} else if (count == 2 && str_eq(words[0], STR("exit"))) {
		uint64_t status = CLI_FAILED;

		if (str_number(words[1], 255, &status) == ERR_OK)
			a->status = (int)status;
	} else if (a->other != NULL) {
		a->other(a->arg, words, count);
	}
	return true;
}

static bool take_line(struct asking *a, struct str line)
{
	struct str words[WORDS_MAX];
	struct arena arena;
	size_t count;
	bool good;

	arena_init(&arena, NULL, 0, FRAME_MAX + 4096);
	good = json_read_strs(line, &arena, words, WORDS_MAX, &count) == ERR_OK &&
	       take_frame(a, words, count);
	arena_fini(&arena);
	return good;
}

static bool take_lines(struct asking *a)
{
	struct str rest = buf_view(&a->in);
	bool good = true;

	while (good && a->status < 0) {
		size_t at = str_find(rest, '\n');

		if (at == rest.len)
			break;
		good = take_line(a, str_head(rest, at));
		rest = str_from_at(rest, at + 1);
	}
	buf_drop(&a->in, a->in.len - rest.len);
	return good;
}

/* Until the answer is whole, or will not become so. */
static void receive(struct asking *a)
{
	while (a->status < 0) {
		char *room = buf_room(&a->in, READ_SIZE);
		ssize_t n = room == NULL ? 0 : recv(a->fd, room, READ_SIZE, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf_advance(&a->in, (size_t)n);
		if (!take_lines(a))
			return;
	}
}

int control_ask(int fd, struct buf *request, control_other_fn other, void *arg)
{
	struct asking a = { .fd = fd, .other = other, .arg = arg, .status = -1 };

	buf_char(request, '\n');
	if (request->err == ERR_OK) {
		buf_init(&a.in, FRAME_MAX + READ_SIZE);
		send_all(fd, buf_view(request));
		receive(&a);
		buf_fini(&a.in);
	}
	(void)close(fd);
	if (request->err != ERR_OK)
		(void)fprintf(stderr, "lotse: the request cannot be made: %s\n",
		              err_text(request->err));
	else if (a.status < 0)
		(void)fputs("lotse: the daemon's answer is not whole; its log may say why\n",
		            stderr);
	return a.status < 0 ? CLI_FAILED : a.status;
}
