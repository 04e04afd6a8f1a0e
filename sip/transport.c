#include "sip/transport_inside.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "base/socket.h"

#define PER_SOURCE 1000
#define CONNECT_MS 4000
#define IDLE_MS 120000
#define PARTIAL_MS 30000

_Static_assert(SIP_BATCH == DATAGRAM_BATCH, "a batch is a batch");

/* Zeroes, with cache lines kept apart. */
static void *lines_zero(size_t size)
{
	size_t whole = (size + 63) / 64 * 64;
	void *p = aligned_alloc(64, whole);

	if (p != NULL)
		memset(p, 0, whole);
	return p;
}

static void wire_close(struct sip_wire *w)
{
	if (w == NULL)
		return;
	loop_end_cancel(w->loop, &w->tell);
	loop_end_cancel(w->loop, &w->flush);
	loop_end_cancel(w->loop, &w->reap);
	sip_conns_close(w);
	datagram_inbox_close(w->inbox);
	for (size_t i = 0; i < SIP_STOCK; i++)
		packet_unref(w->stock[i]);
	while (w->spare != NULL) {
		struct sip_pending *p = w->spare;

		w->spare = p->next;
		free(p);
	}
	free(w->routes);
	free(w);
}

static enum err wire_open(struct sip_wires *t, unsigned index)
{
	struct sip_wire *w = lines_zero(sizeof(*w));
	enum err e;

	if (w == NULL)
		return ERR_NOMEM;
	w->all = t;
	w->index = index;
	w->loop = crew_loop(t->crew, index);
	w->told_last = &w->told;
	w->tell.run = sip_tell_run;
	w->nobody.origin = w;
	sip_conns_init(w);
	t->wires[index] = w;
	w->routes = calloc(SIP_ROUTES, sizeof(*w->routes));
	if (w->routes == NULL)
		return ERR_NOMEM;
	e = datagram_inbox_open(&w->inbox);
	return e != ERR_OK ? e : sip_conns_open(w);
}

static void take_conf(struct sip_wires *t, const struct sip_wires_conf *conf)
{
	t->conf = *conf;
	if (t->conf.connections_max == 0 || t->conf.connections_max > SIP_CONNECTIONS_MAX)
		t->conf.connections_max = SIP_CONNECTIONS_MAX;
	if (t->conf.per_source_max == 0)
		t->conf.per_source_max = PER_SOURCE;
	if (t->conf.connect_ms == 0)
		t->conf.connect_ms = CONNECT_MS;
	if (t->conf.idle_ms == 0)
		t->conf.idle_ms = IDLE_MS;
	if (t->conf.partial_ms == 0)
		t->conf.partial_ms = PARTIAL_MS;
}

enum err sip_wires_open(struct sip_wires **out, struct crew *crew, struct log *log,
                        const struct sip_wires_conf *conf, const struct sip_wires_events *events)
{
	struct sip_wires *t = lines_zero(sizeof(*t));
	enum err e;

	if (t == NULL)
		return ERR_NOMEM;
	t->crew = crew;
	t->log = log;
	t->events = *events;
	t->count = crew_count(crew);
	take_conf(t, conf);
	if ((e = crypto_random(&t->boot, sizeof(t->boot))) != ERR_OK ||
	    (e = hash_key_init(&t->key)) != ERR_OK)
		goto fail;
	for (unsigned i = 0; i < t->count; i++) {
		if ((e = wire_open(t, i)) != ERR_OK)
			goto fail;
	}
	sip_wires_refresh(t);
	*out = t;
	return ERR_OK;
fail:
	sip_wires_close(t);
	return e;
}

void sip_wires_close(struct sip_wires *t)
{
	if (t == NULL)
		return;
	t->closing = true;
	sip_listeners_close(t);
	for (unsigned i = 0; i < t->count; i++)
		sip_conns_drop(t->wires[i]);
	for (unsigned i = 0; i < t->count; i++)
		wire_close(t->wires[i]);
	sip_listeners_free(t);
	free(t->own_before);
	free(atomic_load(&t->own));
	free(t);
}

struct sip_wire *sip_wires_wire(const struct sip_wires *t, unsigned index)
{
	must(index < t->count);
	return t->wires[index];
}

struct loop *sip_wire_loop(const struct sip_wire *w)
{
	return w->loop;
}

unsigned sip_wire_index(const struct sip_wire *w)
{
	return w->index;
}

struct sip_wires *sip_wire_transport(const struct sip_wire *w)
{
	return w->all;
}

uint64_t sip_wires_boot(const struct sip_wires *t)
{
	return t->boot;
}

static bool same_addresses(const struct sip_own *a, const struct sip_own *b)
{
	if (a == NULL || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!addr_eq_host(&a->addrs[i], &b->addrs[i]))
			return false;
	}
	return true;
}

/* Without memory, or where the system does not say, the addresses of before stay. */
void sip_wires_refresh(struct sip_wires *t)
{
	struct sip_own *now = mem_zero(sizeof(*now) + SIP_OWN_MAX * sizeof(now->addrs[0]));
	struct sip_own *old = atomic_load_explicit(&t->own, memory_order_relaxed);

	if (now == NULL)
		return;
	now->count = socket_interfaces(now->addrs, SIP_OWN_MAX);
	if (now->count == 0 || same_addresses(old, now)) {
		free(now);
		return;
	}
	/* The one before the old one has been out of use for as long as the old one was in use. */
	free(t->own_before);
	t->own_before = old;
	atomic_store_explicit(&t->own, now, memory_order_release);
}

static bool is_here(const struct sip_wires *t, const struct addr *a)
{
	const struct sip_own *own = atomic_load_explicit(&t->own, memory_order_acquire);

	/* All of 127.0.0.0/8 is this machine, though the interface names one address. */
	if (addr_is_loopback(a))
		return true;
	for (size_t i = 0; own != NULL && i < own->count; i++) {
		if (addr_eq_host(&own->addrs[i], a))
			return true;
	}
	return false;
}

bool sip_wires_is_own(const struct sip_wires *t, const struct addr *a)
{
	for (unsigned i = 0; i < SIP_LISTENERS_MAX; i++) {
		const struct sip_listener *l = sip_listener_of(t, i);

		if (l == NULL || !atomic_load_explicit(&l->live, memory_order_relaxed) ||
		    addr_port(&l->addr) != addr_port(a) || addr_family(&l->addr) != addr_family(a))
			continue;
		if (addr_eq_host(&l->addr, a) || (addr_is_any(&l->addr) && is_here(t, a)))
			return true;
	}
	return false;
}

static uint64_t count_of(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void sip_wires_counts(const struct sip_wires *t, unsigned worker, struct sip_wires_counts *out)
{
	const struct sip_counters *c = &sip_wires_wire(t, worker)->counters;

	*out = (struct sip_wires_counts){
		.datagrams_in = count_of(&c->datagrams_in),
		.datagrams_out = count_of(&c->datagrams_out),
		.datagrams_lost = count_of(&c->datagrams_lost),
		.frames_in = count_of(&c->frames_in),
		.frames_out = count_of(&c->frames_out),
		.connections = count_of(&c->connections),
		.accepted = count_of(&c->accepted),
		.opened = count_of(&c->opened),
		.refused = count_of(&c->refused),
	};
}
