#include "base/http_conn.h"

#include "base/mem.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define LINGER_MS 2000   /* for what was still on its way when we closed */
#define LINGER_MAX 65536 /* octets of it */
#define DELAY_MAX_MS 10000
#define TURN_REQUESTS \
	32 /* answered in one turn for one connection, before others have their turn */
#define ARENA_FIRST 512
#define ARENA_MAX 4096
#define OUT_MAX (HTTP_REPLY_BODY_MAX + HTTP_REPLY_FIELDS_MAX + 1024)

enum state {
	SHAKING, /* hands */
	READING, /* a request's head */
	DELAYED, /* answered, but not yet to be sent */
	WRITING, /* the answer */
	LINGERING /* closed by us; reading what still comes, or a reset would destroy the answer on its way */
};

struct http_conn {
	struct http_crowd *crowd;
	struct http_conn *next;
	struct http_conn **prev;
	struct http_listener *listener; /* NULL: gone */
	struct watch *watch;
	struct tls_stream *tls; /* NULL: plain */
	int fd;
	enum state state;
	bool keep_alive;
	bool wants_other; /* TLS waits for the other direction */
	struct addr remote;
	struct timer timer;
	struct mono since; /* when it began to be idle */
	struct buf in;
	size_t looked; /* octets of `in` searched for the head's end */
	struct buf out;
	size_t sent;
	size_t lingered;
	struct arena arena; /* of the names */
	struct str names[TLS_NAMES_MAX];
	size_t name_count;
	char memory[ARENA_FIRST];
};

static void advance(struct http_conn *c);

static void count(_Atomic uint64_t *n, int64_t more)
{
	(void)atomic_fetch_add_explicit(n, (uint64_t)more, memory_order_relaxed);
}

/* ---------------------------------------------------------------------------- life */

static void conn_close(struct http_conn *c)
{
	loop_timer_stop(c->crowd->loop, &c->timer);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->crowd->count--;
	count(&c->crowd->counts.connections, -1);
	watch_close(c->watch);
	tls_close(c->tls);
	(void)close(c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	arena_fini(&c->arena);
	free(c);
}

static void on_timeout(struct timer *t)
{
	conn_close(container_of(t, struct http_conn, timer));
}

static void on_resume(struct timer *t)
{
	advance(container_of(t, struct http_conn, timer));
}

static void wait_for(struct http_conn *c, int64_t ms, void (*fire)(struct timer *))
{
	loop_timer_start(c->crowd->loop, &c->timer, ms, fire);
}

static void set_watch(struct http_conn *c)
{
	unsigned events = c->state == DELAYED ? 0 : c->state == WRITING ? LOOP_WRITE : LOOP_READ;

	if (c->wants_other)
		events = LOOP_READ | LOOP_WRITE;
	watch_set(c->watch, events);
}

/* ---------------------------------------------------------------------------- octets */

static enum err after_again(struct http_conn *c, enum err e, bool writing)
{
	c->wants_other = e == ERR_AGAIN && c->tls != NULL && tls_wants_write(c->tls) != writing;
	return e;
}

static enum err conn_read(struct http_conn *c, void *out, size_t size, size_t *n)
{
	ssize_t got;

	if (c->tls != NULL)
		return after_again(c, tls_read(c->tls, out, size, n), false);
	do {
		got = read(c->fd, out, size);
	} while (got < 0 && errno == EINTR);
	*n = got < 0 ? 0 : (size_t)got;
	if (got < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
	return got == 0 ? ERR_CLOSED : ERR_OK;
}

static enum err conn_write(struct http_conn *c, const void *p, size_t size, size_t *n)
{
	ssize_t put;

	if (c->tls != NULL)
		return after_again(c, tls_write(c->tls, p, size, n), true);
	do {
		put = send(c->fd, p, size, MSG_NOSIGNAL);
	} while (put < 0 && errno == EINTR);
	*n = put < 0 ? 0 : (size_t)put;
	if (put < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
	return ERR_OK;
}

/* ---------------------------------------------------------------------------- the answer */

static const char *reason_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} reasons[] = {
		{ 200, "OK" },
		{ 204, "No Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 414, "URI Too Long" },
		{ 421, "Misdirected Request" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
		{ 508, "Loop Detected" },
	};

	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	return "Other";
}

static void put_date(struct buf *out)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm t;

	/* strftime would ask the locale. */
	if (gmtime_r(&now, &t) != NULL)
		buf_printf(out, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n",
		           days + 3 * (size_t)t.tm_wday, t.tm_mday, months + 3 * (size_t)t.tm_mon,
		           t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static void compose(struct http_conn *c, const struct http_reply *reply, bool is_head)
{
	bool bare = reply->status == 204 || reply->status == 304;

	buf_printf(&c->out, "HTTP/1.1 %u %s\r\n", reply->status, reason_of(reply->status));
	put_date(&c->out);
	buf_str(&c->out, buf_view(&reply->headers));
	if (!bare)
		buf_printf(&c->out, "Content-Length: %zu\r\n", reply->body.len);
	if (!c->keep_alive)
		buf_z(&c->out, "Connection: close\r\n");
	buf_z(&c->out, "\r\n");
	if (!bare && !is_head)
		buf_str(&c->out, buf_view(&reply->body));
}

static void begin_writing(struct http_conn *c)
{
	c->state = WRITING;
	c->sent = 0;
	wait_for(c, c->crowd->limits.write_ms, on_timeout);
}

static void on_due(struct timer *t)
{
	struct http_conn *c = container_of(t, struct http_conn, timer);

	begin_writing(c);
	advance(c);
}

static void reply_init(struct http_reply *reply)
{
	*reply = (struct http_reply){ .status = 500 };
	buf_init(&reply->headers, HTTP_REPLY_FIELDS_MAX);
	buf_init(&reply->body, HTTP_REPLY_BODY_MAX);
}

/* Send it now or, where it asks for that, later. False: there is no memory for it. */
static bool send_reply(struct http_conn *c, const struct http_reply *reply, bool is_head,
                       struct mono start)
{
	int64_t delay = reply->not_before_ms > DELAY_MAX_MS ? DELAY_MAX_MS : reply->not_before_ms;

	buf_clear(&c->out);
	if (reply->headers.err != ERR_OK || reply->body.err != ERR_OK)
		return false;
	compose(c, reply, is_head);
	if (c->out.err != ERR_OK)
		return false;
	delay -= mono_ms_between(start, mono_now());
	if (delay <= 0) {
		begin_writing(c);
	} else {
		c->state = DELAYED;
		wait_for(c, delay, on_due);
	}
	return true;
}

static bool answer(struct http_conn *c, const struct http_head *head)
{
	struct mono start = mono_now();
	struct http_request request = { .head = head,
		                        .names = c->names,
		                        .name_count = c->name_count,
		                        .remote = c->remote,
		                        .tls = c->tls != NULL };
	struct http_reply reply;
	bool good;

	count(&c->crowd->counts.requests, 1);
	reply_init(&reply);
	c->listener->handler(c->listener->arg, &request, &reply);
	good = send_reply(c, &reply, str_eq(head->method, STR("HEAD")), start);
	buf_fini(&reply.headers);
	buf_fini(&reply.body);
	return good;
}

static bool answer_malformed(struct http_conn *c, unsigned status)
{
	struct http_reply reply;
	bool good;

	count(&c->crowd->counts.malformed, 1);
	reply_init(&reply);
	reply.status = status;
	c->keep_alive = false;
	buf_z(&reply.headers,
	      "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n");
	buf_printf(&reply.body, "{\"title\":\"%s\",\"status\":%u}\n", reason_of(status), status);
	good = send_reply(c, &reply, false, mono_now());
	buf_fini(&reply.headers);
	buf_fini(&reply.body);
	return good;
}

/* ---------------------------------------------------------------------------- steps */

/* What a step has come to. */
enum step { STEP_ON, STEP_WAIT, STEP_REQUEST, STEP_CLOSE };

static void begin_reading(struct http_conn *c)
{
	c->state = READING;
	c->looked = 0;
	c->since = loop_now(c->crowd->loop);
	if (c->in.len == 0)
		wait_for(c, c->crowd->limits.idle_ms, on_timeout);
	else
		wait_for(c, c->crowd->limits.head_ms, on_timeout);
}

static enum step step_shake(struct http_conn *c)
{
	enum err e = tls_handshake(c->tls);

	if (e == ERR_AGAIN) {
		c->wants_other = tls_wants_write(c->tls);
		return STEP_WAIT;
	}
	if (e != ERR_OK)
		return STEP_CLOSE;
	c->wants_other = false;
	c->name_count = tls_peer_names(c->tls, &c->arena, c->names);
	begin_reading(c);
	return STEP_ON;
}

static enum step step_read_more(struct http_conn *c)
{
	bool first = c->in.len == 0;
	size_t n = 0;
	char *room;
	enum err e;

	if (c->in.len == HTTP_HEAD_MAX)
		return answer_malformed(c, 431) ? STEP_ON : STEP_CLOSE;
	room = buf_room(&c->in, first ? 1024 : HTTP_HEAD_MAX - c->in.len);
	if (room == NULL)
		return STEP_CLOSE;
	e = conn_read(c, room, first ? 1024 : HTTP_HEAD_MAX - c->in.len, &n);
	if (e == ERR_AGAIN)
		return STEP_WAIT;
	if (e != ERR_OK)
		return STEP_CLOSE;
	buf_advance(&c->in, n);
	if (first)
		wait_for(c, c->crowd->limits.head_ms, on_timeout);
	return STEP_ON;
}

static enum step step_read(struct http_conn *c)
{
	size_t used = http_head_end(buf_view(&c->in), c->looked);
	struct http_head head;
	unsigned status;
	bool good;

	if (used == 0) {
		c->looked = c->in.len;
		return step_read_more(c);
	}
	if (http_head_parse(&head, str_head(buf_view(&c->in), used), &status) != ERR_OK) {
		good = answer_malformed(c, status);
	} else {
		c->keep_alive = head.keep_alive;
		good = answer(c, &head);
	}
	buf_drop(&c->in, used);
	return good ? STEP_REQUEST : STEP_CLOSE;
}

static enum step step_written(struct http_conn *c)
{
	buf_fini(&c->out);
	if (c->keep_alive && c->listener != NULL) {
		begin_reading(c);
		return STEP_ON;
	}
	if (c->tls != NULL)
		tls_goodbye(c->tls);
	(void)shutdown(c->fd, SHUT_WR);
	c->state = LINGERING;
	wait_for(c, LINGER_MS, on_timeout);
	return STEP_ON;
}

static enum step step_write(struct http_conn *c)
{
	size_t n = 0;
	enum err e;

	if (c->sent == c->out.len)
		return step_written(c);
	e = conn_write(c, c->out.data + c->sent, c->out.len - c->sent, &n);
	if (e == ERR_AGAIN)
		return STEP_WAIT;
	if (e != ERR_OK)
		return STEP_CLOSE;
	c->sent += n;
	wait_for(c, c->crowd->limits.write_ms, on_timeout);
	return STEP_ON;
}

/* On the socket itself: what comes need not be understood any more. */
static enum step step_linger(struct http_conn *c)
{
	char rubbish[4096];
	ssize_t n = read(c->fd, rubbish, sizeof(rubbish));

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		c->wants_other = false;
		return STEP_WAIT;
	}
	if (n <= 0)
		return STEP_CLOSE;
	c->lingered += (size_t)n;
	return c->lingered > LINGER_MAX ? STEP_CLOSE : STEP_ON;
}

static enum step step(struct http_conn *c)
{
	switch (c->state) {
	case SHAKING:
		return step_shake(c);
	case READING:
		return step_read(c);
	case DELAYED:
		return STEP_WAIT;
	case WRITING:
		return step_write(c);
	case LINGERING:
		return step_linger(c);
	}
	return STEP_CLOSE;
}

static void advance(struct http_conn *c)
{
	unsigned requests = 0;
	enum step came;

	do {
		came = step(c);
		if (came == STEP_REQUEST && ++requests == TURN_REQUESTS && c->state == WRITING) {
			wait_for(c, 0, on_resume);
			break;
		}
	} while (came == STEP_ON || came == STEP_REQUEST);
	if (came == STEP_CLOSE)
		conn_close(c);
	else
		set_watch(c);
}

static void on_ready(void *arg, unsigned events)
{
	(void)events;
	advance(arg);
}

/* ---------------------------------------------------------------------------- the crowd */

/* Room for one more from this host: over the limit the one that was idle longest goes. */
static bool make_room(struct http_crowd *crowd, const struct addr *remote)
{
	struct http_conn *idle = NULL;
	unsigned of_host = 0;

	for (struct http_conn *c = crowd->first; c != NULL; c = c->next) {
		of_host += addr_eq_host(&c->remote, remote);
		if (c->state == READING && c->in.len == 0 &&
		    (idle == NULL || mono_after(idle->since, c->since)))
			idle = c;
	}
	if (of_host >= crowd->limits.connections_per_host)
		return false;
	if (crowd->count < crowd->limits.connections)
		return true;
	if (idle == NULL)
		return false;
	conn_close(idle);
	return true;
}

static struct http_conn *conn_new(struct http_crowd *crowd, struct http_listener *listener, int fd)
{
	struct http_conn *c = mem_zero(sizeof(*c));

	if (c == NULL)
		return NULL;
	c->crowd = crowd;
	c->listener = listener;
	c->fd = fd;
	if ((listener->tls && tls_accept(&c->tls, crowd->tls, fd) != ERR_OK) ||
	    loop_watch(crowd->loop, &c->watch, fd, 0, on_ready, c) != ERR_OK) {
		tls_close(c->tls);
		free(c);
		return NULL;
	}
	buf_init(&c->in, HTTP_HEAD_MAX);
	buf_init(&c->out, OUT_MAX);
	arena_init(&c->arena, c->memory, sizeof(c->memory), ARENA_MAX);
	c->next = crowd->first;
	c->prev = &crowd->first;
	if (c->next != NULL)
		c->next->prev = &c->next;
	crowd->first = c;
	crowd->count++;
	count(&crowd->counts.connections, 1);
	count(&crowd->counts.accepted, 1);
	return c;
}

void http_conn_open(struct http_crowd *crowd, struct http_listener *listener, int fd,
                    const struct addr *remote)
{
	struct http_conn *c = make_room(crowd, remote) ? conn_new(crowd, listener, fd) : NULL;

	if (c == NULL) {
		count(&crowd->counts.refused, 1);
		(void)close(fd);
		return;
	}
	c->remote = *remote;
	if (c->tls != NULL) {
		c->state = SHAKING;
		wait_for(c, crowd->limits.head_ms, on_timeout);
	} else {
		begin_reading(c);
	}
	set_watch(c);
}

void http_crowd_leave(struct http_crowd *crowd, const struct http_listener *listener)
{
	struct http_conn *next;

	for (struct http_conn *c = crowd->first; c != NULL; c = next) {
		next = c->next;
		if (c->listener != listener)
			continue;
		c->listener = NULL;
		if (c->state == READING || c->state == SHAKING)
			conn_close(c);
	}
}

void http_crowd_close(struct http_crowd *crowd)
{
	struct http_conn *next;

	for (struct http_conn *c = crowd->first; c != NULL; c = next) {
		next = c->next;
		conn_close(c);
	}
}
