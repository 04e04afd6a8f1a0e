#include "sip/transport_conn.h"

#include "base/mem.h"
#include "base/socket.h"

#include <unistd.h>

#define LEAVE_MS 3000
#define HALF_MS 32000 /* 64 * T1: by then every transaction but INVITE has its answer */
#define SLOTS_FIRST 64
#define SLOT_NONE UINT32_MAX
#define PAUSE_BYTES (SIP_OUT_MAX / 4) /* with so much waiting to leave nothing more is read */

/* ---------------------------------------------------------------------------- ids */

unsigned sip_connection_worker(uint64_t connection)
{
	return (unsigned)(connection >> SIP_SLOT_BITS) & ((1u << SIP_WORKER_BITS) - 1);
}

static uint32_t slot_of(uint64_t connection)
{
	return (uint32_t)connection & ((1u << SIP_SLOT_BITS) - 1);
}

static uint64_t id_of(const struct sip_wire *w, uint32_t slot)
{
	return (uint64_t)w->slots[slot].generation << 32 | (uint64_t)w->index << SIP_SLOT_BITS |
	       slot;
}

static bool more_slots(struct sip_wire *w)
{
	uint32_t limit = w->all->conf.connections_max;
	uint32_t count = w->slot_count == 0 ? SLOTS_FIRST : w->slot_count * 2;
	struct sip_slot *slots;

	if (count > limit)
		count = limit;
	if (count <= w->slot_count)
		return false;
	slots = realloc(w->slots, count * sizeof(*slots));
	if (slots == NULL)
		return false;
	w->slots = slots;
	while (w->slot_count < count) {
		slots[w->slot_count] = (struct sip_slot){ NULL, 1, w->slot_free };
		w->slot_free = w->slot_count++;
	}
	return true;
}

static bool slot_take(struct sip_wire *w, struct sip_conn *c)
{
	uint32_t slot;

	if (w->slot_free == SLOT_NONE && !more_slots(w))
		return false;
	slot = w->slot_free;
	w->slot_free = w->slots[slot].next_free;
	w->slots[slot].conn = c;
	c->flow.connection = id_of(w, slot);
	return true;
}

static void slot_give(struct sip_wire *w, uint64_t id)
{
	uint32_t at = slot_of(id);
	struct sip_slot *slot = &w->slots[at];

	slot->conn = NULL;
	if (++slot->generation == 0)
		slot->generation = 1;
	slot->next_free = w->slot_free;
	w->slot_free = at;
}

struct sip_conn *sip_conn_find(struct sip_wire *w, uint64_t id)
{
	uint32_t slot = slot_of(id);

	if (slot >= w->slot_count || w->slots[slot].conn == NULL || id_of(w, slot) != id)
		return NULL;
	return w->slots[slot].conn;
}

/* ---------------------------------------------------------------------------- time, and what is watched for */

static struct mono earlier(struct mono a, struct mono b)
{
	return mono_after(a, b) ? b : a;
}

static struct mono deadline(const struct sip_conn *c)
{
	const struct sip_wires_conf *conf = &c->wire->all->conf;
	struct mono due = mono_add_ms(c->active, conf->idle_ms);

	if (c->state == SIP_CONN_CONNECTING)
		return mono_add_ms(c->active, conf->connect_ms);
	if (c->state == SIP_CONN_LEAVING || c->state == SIP_CONN_SHUT)
		return mono_add_ms(c->active, LEAVE_MS);
	if (c->state == SIP_CONN_HALF)
		due = earlier(due, mono_add_ms(c->ended, HALF_MS));
	if (c->partial.ns != 0)
		due = earlier(due, mono_add_ms(c->partial, conf->partial_ms));
	if (c->out != NULL)
		due = earlier(due, mono_add_ms(c->progress, conf->partial_ms));
	return due;
}

static void on_time(struct timer *t);

/* A timer that rings too early is set again then: deadlines move with every message, the timer does not. */
static void set_timer(struct sip_conn *c)
{
	struct mono due = deadline(c);
	int64_t left_ms;

	if (timer_running(&c->timer) && !mono_after(c->due, due))
		return;
	left_ms = mono_ms_between(loop_now(c->wire->loop), due) + 1;
	c->due = due;
	loop_timer_start(c->wire->loop, &c->timer, left_ms, on_time);
}

static void on_time(struct timer *t)
{
	struct sip_conn *c = container_of(t, struct sip_conn, timer);

	if (mono_after(deadline(c), loop_now(c->wire->loop)))
		set_timer(c);
	else
		sip_conn_close(c, ERR_TIMEOUT);
}

static unsigned wanted(const struct sip_conn *c)
{
	unsigned writing = c->blocked ? LOOP_WRITE : 0;

	switch (c->state) {
	case SIP_CONN_CONNECTING:
		return LOOP_WRITE;
	case SIP_CONN_OPEN:
		return writing | (c->out_bytes > PAUSE_BYTES ? 0 : LOOP_READ);
	case SIP_CONN_SHUT:
		return LOOP_READ;
	case SIP_CONN_HALF:
	case SIP_CONN_LEAVING:
	case SIP_CONN_DEAD:
	default:
		return writing;
	}
}

void sip_conn_settle(struct sip_conn *c)
{
	unsigned events = wanted(c);

	if (c->state == SIP_CONN_DEAD)
		return;
	if (events != c->watching) {
		c->watching = events;
		watch_set(c->watch, events);
	}
	set_timer(c);
}

/* The connection that we began stands, or does not. */
static void connected(struct sip_conn *c, unsigned events)
{
	enum err e = socket_error(c->fd);

	if (e != ERR_OK) {
		sip_conn_close(c, e);
		return;
	}
	if ((events & LOOP_WRITE) == 0)
		return;
	c->state = SIP_CONN_OPEN;
	c->flow.local = socket_local(c->fd);
	c->active = loop_now(c->wire->loop);
	c->progress = c->active;
	sip_count(&c->wire->counters.opened, 1);
	sip_conn_write(c);
	sip_conn_settle(c);
}

static void on_ready(void *arg, unsigned events)
{
	struct sip_conn *c = arg;

	if (c->state == SIP_CONN_CONNECTING) {
		connected(c, events);
		return;
	}
	if ((events & LOOP_WRITE) != 0 && c->blocked) {
		c->blocked = false;
		sip_conn_write(c);
	}
	/* Reading tells what an error was. */
	if ((events & (LOOP_READ | LOOP_ERROR)) != 0 && c->state != SIP_CONN_DEAD)
		sip_conn_read(c);
	sip_conn_settle(c);
}

/* ---------------------------------------------------------------------------- coming and going */

static void conn_free(struct sip_conn *c)
{
	if (c->listener != NULL)
		atomic_fetch_sub_explicit(&c->listener->users, 1, memory_order_release);
	buf_fini(&c->in);
	free(c);
}

/* Counted, in a slot, watched. */
static enum err enter(struct sip_conn *c)
{
	struct sip_wire *w = c->wire;
	enum err e;

	if (!slot_take(w, c))
		return ERR_LIMIT;
	c->place = sip_place_new(w, &c->flow);
	e = c->place == NULL ? ERR_NOMEM : loop_watch(w->loop, &c->watch, c->fd, 0, on_ready, c);
	if (e != ERR_OK) {
		sip_conn_hide(c);
		slot_give(w, c->flow.connection);
		return e;
	}
	sip_count(&w->counters.connections, 1);
	return ERR_OK;
}

static bool count_in(struct sip_wires *t)
{
	if (atomic_fetch_add_explicit(&t->connections, 1, memory_order_relaxed) <
	    t->conf.connections_max)
		return true;
	atomic_fetch_sub_explicit(&t->connections, 1, memory_order_relaxed);
	return false;
}

static struct sip_conn *conn_make(struct sip_wire *w, const struct sip_port *port, int fd,
                                  const struct addr *remote)
{
	struct sip_conn *c = mem_zero(sizeof(*c));

	if (c == NULL)
		return NULL;
	c->wire = w;
	c->fd = fd;
	c->listener = port->listener;
	atomic_fetch_add_explicit(&c->listener->users, 1, memory_order_relaxed);
	c->flow = (struct sip_flow){ .transport = SIP_TRANSPORT_TCP,
		                     .listener = port->index,
		                     .remote = *remote };
	c->out_last = &c->out;
	c->active = loop_now(w->loop);
	sip_framer_init(&c->framer);
	buf_init(&c->in, SIP_MESSAGE_MAX + SIP_SCRATCH);
	return c;
}

struct sip_conn *sip_conn_new(struct sip_wire *w, const struct sip_port *port, int fd,
                              const struct addr *remote, enum sip_conn_state state, enum err *why)
{
	struct sip_conn *c = NULL;

	*why = ERR_LIMIT;
	if (count_in(w->all)) {
		c = conn_make(w, port, fd, remote);
		*why = c == NULL ? ERR_NOMEM : enter(c);
		if (*why == ERR_OK) {
			c->state = state;
			return c;
		}
		atomic_fetch_sub_explicit(&w->all->connections, 1, memory_order_relaxed);
	}
	sip_count(&w->counters.refused, 1);
	(void)close(fd);
	if (c != NULL)
		conn_free(c);
	return NULL;
}

void sip_conn_hide(struct sip_conn *c)
{
	if (c->place != NULL)
		sip_place_leave(c->wire, c->place);
	c->place = NULL;
}

/* What waited may go another way where the peer has only closed, but not what it may have got the beginning of. */
static void give_back(struct sip_conn *c, enum err why)
{
	struct sip_pending *p = c->out;
	bool begun = c->out_done > 0;

	c->out = NULL;
	c->out_last = &c->out;
	c->out_bytes = 0;
	while (p != NULL) {
		struct sip_pending *next = p->next;

		if (why == ERR_CLOSED && !begun)
			sip_send_again(c->wire, p);
		else
			sip_pending_done(c->wire, p, why, 0);
		begun = false;
		p = next;
	}
}

void sip_conn_close(struct sip_conn *c, enum err why)
{
	struct sip_wire *w = c->wire;
	bool stood = c->state != SIP_CONN_CONNECTING;

	if (c->state == SIP_CONN_DEAD)
		return;
	c->state = SIP_CONN_DEAD;
	watch_close(c->watch);
	(void)close(c->fd);
	loop_timer_stop(w->loop, &c->timer);
	sip_conn_hide(c);
	slot_give(w, c->flow.connection);
	if (c->source != NULL)
		sip_source_leave(w, c->source);
	sip_count(&w->counters.connections, (uint64_t)-1);
	atomic_fetch_sub_explicit(&w->all->connections, 1, memory_order_relaxed);
	/* Nobody was told of one that never stood. */
	if (!stood)
		c->flow.connection = 0;
	c->next_grave = w->graves;
	w->graves = c;
	loop_at_end(w->loop, &w->reap);
	give_back(c, why);
}

static void reap(struct loop_end *end)
{
	struct sip_wire *w = container_of(end, struct sip_wire, reap);
	const struct sip_wires_events *events = &w->all->events;

	while (w->graves != NULL) {
		struct sip_conn *c = w->graves;

		w->graves = c->next_grave;
		/* It stands among those with something to write: empty that list first. */
		if (c->dirty)
			sip_conns_flush(&w->flush);
		if (c->flow.connection != 0 && events->closed != NULL)
			events->closed(events->arg, w, c->flow.connection);
		conn_free(c);
	}
}

/* ---------------------------------------------------------------------------- a wire's connections */

void sip_conns_init(struct sip_wire *w)
{
	w->slot_free = SLOT_NONE;
	w->reap.run = reap;
	w->flush.run = sip_conns_flush;
	map_init(&w->sources, w->all->conf.connections_max, &w->all->key);
	map_init(&w->places, w->all->conf.connections_max, &w->all->key);
}

enum err sip_conns_open(struct sip_wire *w)
{
	w->scratch = malloc(SIP_SCRATCH);
	return w->scratch == NULL ? ERR_NOMEM : ERR_OK;
}

void sip_conns_drop(struct sip_wire *w)
{
	for (uint32_t i = 0; w != NULL && i < w->slot_count; i++) {
		if (w->slots[i].conn != NULL)
			sip_conn_close(w->slots[i].conn, ERR_CLOSED);
	}
}

void sip_conns_close(struct sip_wire *w)
{
	while (w->graves != NULL) {
		struct sip_conn *c = w->graves;

		w->graves = c->next_grave;
		conn_free(c);
	}
	map_fini(&w->sources);
	map_fini(&w->places);
	free(w->slots);
	free(w->scratch);
}
