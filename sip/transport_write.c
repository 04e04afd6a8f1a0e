#include "sip/transport_conn.h"

#include "base/mem.h"
#include "base/socket.h"

#include <errno.h>
#include <sys/uio.h>

#define PARTS 64

/* Is this the final answer to something? */
static bool is_final(struct str message)
{
	return message.len > 9 && str_starts(message, STR("SIP/2.0 ")) && message.p[8] >= '2' &&
	       message.p[8] <= '6';
}

static void make_dirty(struct sip_conn *c)
{
	struct sip_wire *w = c->wire;

	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = w->dirty;
	w->dirty = c;
	loop_at_end(w->loop, &w->flush);
}

static void append(struct sip_conn *c, struct sip_pending *p)
{
	if (c->out == NULL)
		c->progress = loop_now(c->wire->loop);
	p->next = NULL;
	*c->out_last = p;
	c->out_last = &p->next;
	c->out_bytes += p->packet->len;
	if (c->owed > 0 && is_final(packet_view(p->packet)))
		c->owed--;
	make_dirty(c);
}

void sip_conn_take(struct sip_conn *c, struct sip_pending *p)
{
	if (c->state != SIP_CONN_CONNECTING && c->state != SIP_CONN_OPEN &&
	    c->state != SIP_CONN_HALF) {
		sip_send_again(c->wire, p);
		return;
	}
	if (c->out_bytes + p->packet->len <= SIP_OUT_MAX) {
		append(c, p);
		return;
	}
	sip_pending_done(c->wire, p, ERR_LIMIT, 0);
	/* It reads too slowly to be of use to anybody. One that is being opened has its own bound. */
	if (c->state != SIP_CONN_CONNECTING)
		sip_conn_close(c, ERR_LIMIT);
}

/* ---------------------------------------------------------------------------- */

static void first_has_left(struct sip_conn *c)
{
	struct sip_pending *p = c->out;

	c->out = p->next;
	if (c->out == NULL)
		c->out_last = &c->out;
	c->out_bytes -= p->packet->len;
	c->out_done = 0;
	sip_count(&c->wire->counters.frames_out, 1);
	sip_pending_done(c->wire, p, ERR_OK, c->flow.connection);
}

static void have_left(struct sip_conn *c, size_t n)
{
	c->progress = loop_now(c->wire->loop);
	if (c->state != SIP_CONN_LEAVING)
		c->active = c->progress;
	while (c->out != NULL && n >= c->out->packet->len - c->out_done) {
		n -= c->out->packet->len - c->out_done;
		first_has_left(c);
	}
	c->out_done += n;
}

/* One system call; false: no more now. */
static bool write_some(struct sip_conn *c)
{
	struct iovec parts[PARTS];
	struct msghdr h = { .msg_iov = parts };
	size_t skip = c->out_done;
	ssize_t n;
	int number;

	for (struct sip_pending *p = c->out; p != NULL && h.msg_iovlen < PARTS; p = p->next) {
		parts[h.msg_iovlen].iov_base = p->packet->data + skip;
		parts[h.msg_iovlen++].iov_len = p->packet->len - skip;
		skip = 0;
	}
	n = sendmsg(c->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0) {
		have_left(c, (size_t)n);
		return true;
	}
	number = errno;
	if (number == EAGAIN || number == ENOBUFS)
		c->blocked = true;
	else if (number != EINTR)
		sip_conn_close(c, ERR_CLOSED);
	return number == EINTR;
}

/* All has left: is there anything more to do? */
static void all_has_left(struct sip_conn *c)
{
	if (c->state == SIP_CONN_LEAVING) {
		socket_shut_writing(c->fd);
		c->state = SIP_CONN_SHUT;
	} else if (c->state == SIP_CONN_HALF && c->owed == 0) {
		sip_conn_close(c, ERR_CLOSED);
	}
}

void sip_conn_write(struct sip_conn *c)
{
	if (c->state == SIP_CONN_CONNECTING || c->state == SIP_CONN_SHUT)
		return;
	while (c->state != SIP_CONN_DEAD && c->out != NULL && !c->blocked && write_some(c)) {
	}
	if (c->state != SIP_CONN_DEAD && c->out == NULL)
		all_has_left(c);
}

void sip_conns_flush(struct loop_end *end)
{
	struct sip_wire *w = container_of(end, struct sip_wire, flush);

	while (w->dirty != NULL) {
		struct sip_conn *c = w->dirty;

		w->dirty = c->next_dirty;
		c->dirty = false;
		if (c->state == SIP_CONN_DEAD)
			continue;
		sip_conn_write(c);
		sip_conn_settle(c);
	}
}

void sip_conn_leave(struct sip_conn *c)
{
	if (c->state == SIP_CONN_DEAD)
		return;
	c->state = SIP_CONN_LEAVING;
	c->active = loop_now(c->wire->loop);
	sip_conn_hide(c);
	make_dirty(c);
}
