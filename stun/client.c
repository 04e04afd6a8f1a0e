#include "stun/stun.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "stun/reply.h"

#include <errno.h>
#include <unistd.h>

/* How often a request is sent, and how many of the first waiting times the last one lasts (RFC 8489 6.2.1: Rc, Rm). */
#define SENT_MAX 7
#define LAST_WAIT 16
#define RTO_MS 500
#define STREAM_TIMEOUT_MS 39500
/* Datagrams read in one turn: whoever floods us must not keep the loop from others. */
#define READS_MAX 16

struct stun_query {
	struct loop *loop;
	struct watch *watch;
	struct timer timer;
	struct stun_question question;
	stun_done_fn done;
	void *arg;
	int fd;
	unsigned sent;
	bool connected;  /* TCP: the connection stands */
	size_t written;  /* TCP: of the request */
	size_t received; /* TCP: in `in` */
	unsigned char request[STUN_REQUEST_LEN];
	unsigned char in[STUN_MESSAGE_MAX];
};

static const unsigned char *id_of(const struct stun_query *q)
{
	return q->request + 4;
}

static void query_free(struct stun_query *q)
{
	loop_timer_stop(q->loop, &q->timer);
	watch_close(q->watch);
	if (q->fd >= 0)
		(void)close(q->fd);
	free(q);
}

void stun_cancel(struct stun_query *query)
{
	if (query != NULL)
		query_free(query);
}

/* The socket's own address: where the system knew a way there, with the host that it chose. */
static struct addr local_of(int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return (struct addr){ 0 };
	return addr_from_sockaddr((struct sockaddr *)&ss);
}

/* Tell the end, and go. */
static void finish(struct stun_query *q, struct stun_result *result)
{
	result->server = q->question.server;
	result->local = local_of(q->fd);
	result->sent = q->sent;
	loop_timer_stop(q->loop, &q->timer);
	watch_close(q->watch);
	q->watch = NULL;
	q->done(q->arg, result);
	query_free(q);
}

static void fail(struct stun_query *q, enum err e)
{
	finish(q, &(struct stun_result){ .err = e });
}

static bool must_wait(int number)
{
	return number == EAGAIN || number == EINTR;
}

/* ---------------------------------------------------------------------------- datagrams */

/* How long to wait after the request was sent for the `sent`-th time. */
static int64_t wait_after(const struct stun_query *q, unsigned sent)
{
	int64_t rto = q->question.rto_ms > 0 ? q->question.rto_ms : RTO_MS;

	return sent < SENT_MAX ? rto << (sent - 1) : rto * LAST_WAIT;
}

static void on_wait_over(struct timer *timer);

static enum err send_datagram(struct stun_query *q)
{
	/* No room in the socket's queue is as good as a datagram lost on the way. */
	if (send(q->fd, q->request, sizeof(q->request), MSG_NOSIGNAL) < 0 && !must_wait(errno) &&
	    errno != ENOBUFS)
		return err_from_errno(errno);
	q->sent++;
	loop_timer_start(q->loop, &q->timer, wait_after(q, q->sent), on_wait_over);
	return ERR_OK;
}

static void on_wait_over(struct timer *timer)
{
	struct stun_query *q = container_of(timer, struct stun_query, timer);
	enum err e = q->sent == SENT_MAX ? ERR_TIMEOUT : send_datagram(q);

	if (e != ERR_OK)
		fail(q, e);
}

static void on_datagrams(void *arg, unsigned events)
{
	struct stun_query *q = arg;

	(void)events;
	for (int i = 0; i < READS_MAX; i++) {
		struct stun_result result = { 0 };
		ssize_t n = recv(q->fd, q->in, sizeof(q->in), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && must_wait(errno))
			break;
		if (n < 0) {
			fail(q, err_from_errno(errno)); /* an ICMP error ends it (6.2.1) */
			return;
		}
		/* The socket is connected: the system lets in what comes from the server alone. */
		if ((size_t)n <= sizeof(q->in) &&
		    stun_reply_read(str_of((char *)q->in, (size_t)n), id_of(q), &result)) {
			finish(q, &result);
			return;
		}
	}
	watch_set(q->watch, LOOP_READ); /* an error stops it */
}

/* ---------------------------------------------------------------------------- streams */

static void on_too_late(struct timer *timer)
{
	fail(container_of(timer, struct stun_query, timer), ERR_TIMEOUT);
}

/* Has the connection come about? ERR_AGAIN: not yet. */
static enum err finish_connect(struct stun_query *q)
{
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);
	int number = 0;
	socklen_t len = sizeof(number);

	if (getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0 || number != 0)
		return err_from_errno(number != 0 ? number : errno);
	q->connected = getpeername(q->fd, (struct sockaddr *)&peer, &peer_len) == 0;
	return q->connected ? ERR_OK : ERR_AGAIN;
}

static enum err write_request(struct stun_query *q)
{
	ssize_t n = send(q->fd, q->request + q->written, sizeof(q->request) - q->written,
	                 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return must_wait(errno) ? ERR_AGAIN : err_from_errno(errno);
	q->written += (size_t)n;
	if (q->written < sizeof(q->request))
		return ERR_AGAIN;
	q->sent = 1;
	return ERR_OK;
}

/* Take what is no answer of ours off the front. ERR_OK: `*result` is the answer; ERR_AGAIN: it isn't there yet. */
static enum err read_messages(struct stun_query *q, struct stun_result *result)
{
	for (;;) {
		struct str pending = str_of((char *)q->in, q->received);
		struct stun_frame frame = stun_frame(pending);

		if (frame.kind != STUN_FRAME_MESSAGE)
			return frame.kind == STUN_FRAME_MORE ? ERR_AGAIN : ERR_SYNTAX;
		if (stun_reply_read(str_head(pending, frame.len), id_of(q), result))
			return ERR_OK;
		q->received -= frame.len;
		memmove(q->in, q->in + frame.len, q->received);
	}
}

static enum err read_stream(struct stun_query *q, struct stun_result *result)
{
	/* There is always room: a message that would not fit is refused by its first octets. */
	ssize_t n = recv(q->fd, q->in + q->received, sizeof(q->in) - q->received, MSG_DONTWAIT);

	if (n < 0)
		return must_wait(errno) ? ERR_AGAIN : err_from_errno(errno);
	if (n == 0)
		return ERR_CLOSED;
	q->received += (size_t)n;
	return read_messages(q, result);
}

static void on_stream(void *arg, unsigned events)
{
	struct stun_query *q = arg;
	struct stun_result result = { 0 };
	enum err e = ERR_OK;

	(void)events;
	if (!q->connected)
		e = finish_connect(q);
	if (e == ERR_OK && q->sent == 0)
		e = write_request(q);
	if (e == ERR_OK)
		e = read_stream(q, &result);
	if (e == ERR_OK)
		finish(q, &result);
	else if (e == ERR_AGAIN)
		watch_set(q->watch, q->sent == 0 ? LOOP_WRITE : LOOP_READ);
	else
		fail(q, e);
}

/* ---------------------------------------------------------------------------- both */

static enum err open_socket(struct stun_query *q)
{
	const struct addr *server = &q->question.server;
	const struct addr *local = &q->question.local;
	int type = q->question.transport == STUN_TCP ? SOCK_STREAM : SOCK_DGRAM;

	q->fd = socket(addr_family(server), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0)
		return err_from_errno(errno);
	if (addr_family(local) != AF_UNSPEC && bind(q->fd, &local->sa.any, addr_len(local)) != 0)
		return err_from_errno(errno);
	if (connect(q->fd, &server->sa.any, addr_len(server)) != 0 && errno != EINPROGRESS)
		return err_from_errno(errno);
	return ERR_OK;
}

static enum err start(struct stun_query *q)
{
	bool stream = q->question.transport == STUN_TCP;
	int64_t timeout_ms = q->question.timeout_ms > 0 ? q->question.timeout_ms
	                                                : STREAM_TIMEOUT_MS;
	enum err e = loop_watch(q->loop, &q->watch, q->fd, stream ? LOOP_WRITE : LOOP_READ,
	                        stream ? on_stream : on_datagrams, q);

	if (e != ERR_OK)
		return e;
	if (!stream)
		return send_datagram(q);
	loop_timer_start(q->loop, &q->timer, timeout_ms, on_too_late);
	return ERR_OK;
}

enum err stun_ask(struct loop *loop, const struct stun_question *question, stun_done_fn done,
                  void *arg, struct stun_query **query)
{
	unsigned char id[STUN_ID] = { 0x21, 0x12, 0xa4, 0x42 };
	struct stun_query *q = mem_zero(sizeof(*q));
	enum err e = ERR_NOMEM;

	if (q == NULL)
		return ERR_NOMEM;
	q->loop = loop;
	q->question = *question;
	q->done = done;
	q->arg = arg;
	q->fd = -1;
	/* From 2^96 as evenly as it goes, so that nobody who isn't on the way can answer (5). */
	if ((e = crypto_random(id + 4, sizeof(id) - 4)) != ERR_OK)
		goto fail;
	stun_request_write(q->request, id);
	if ((e = open_socket(q)) != ERR_OK || (e = start(q)) != ERR_OK)
		goto fail;
	*query = q;
	return ERR_OK;
fail:
	query_free(q);
	return e;
}
