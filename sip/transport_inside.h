/* sip/transport_inside.h: what the files of the transport share. For nobody else.
 *
 * Each struct belongs to one worker's thread, but for what its comment says. */
#pragma once
#include "base/datagram.h"
#include "base/hash.h"
#include "base/map.h"
#include "sip/transport.h"

#define SIP_WORKER_BITS 8
#define SIP_SLOT_BITS 24
#define SIP_STOCK 256 /* packets that a wire keeps for what it sends */
/* Sends that a wire keeps for the next ones; none where the sanitizer shall see what is used too late. */
#ifdef __SANITIZE_ADDRESS__
#define SIP_SPARE_MAX 0
#else
#define SIP_SPARE_MAX 256
#endif
#define SIP_UDP_QUEUE 1024 /* datagrams that wait on one socket */
#define SIP_ROUTES 256     /* destinations whose source address a wire remembers */
#define SIP_ROUTE_MS 60000 /* for how long */
#define SIP_OWN_MAX 256    /* addresses of interfaces that are looked at */
#define SIP_SEND_TRIES 3   /* how often a message may miss a connection that has just gone */
#define SIP_SCRATCH ((size_t)65536) /* octets read from a stream at once */

struct sip_conn;
struct sip_place;
struct sip_port;

/* A listener: written before it is published, read-only from then on, but for what is atomic. Main thread unless said. */
struct sip_listener {
	struct sip_listener_conf conf;
	struct addr addr;  /* with the port */
	_Atomic bool live; /* started and not closed */
	/* Sockets and connections of its; the number is free when none are left. */
	atomic_uint users;
	/* Open ones; some for a moment still when it has been closed. */
	atomic_uint sockets;
	/* One a worker; NULL when they have been given up to the workers. */
	struct sip_port **ports;
	/* Who had the number earlier: somebody may just be reading it. */
	struct sip_listener *before;
};

struct sip_own {
	size_t count;
	struct addr addrs[];
};

struct sip_wires {
	struct crew *crew;
	struct log *log;
	struct sip_wires_conf conf;
	struct sip_wires_events events;
	uint64_t boot;
	struct hash_key key;
	unsigned count; /* workers */
	struct sip_wire *wires[CREW_MAX];
	_Atomic(struct sip_listener *) listeners[SIP_LISTENERS_MAX];
	unsigned next_listener;
	_Atomic(struct sip_own *) own;
	struct sip_own *own_before; /* somebody may just be reading it */
	bool closing;               /* written when no worker runs */
	_Alignas(64) atomic_uint connections;
};

/* A message on its way to a socket. It belongs to the thread it is at; only `sending` belongs to the origin's, always. */
struct sip_pending {
	struct post post;
	struct sip_pending *next; /* in the connection's queue */
	struct sip_wire *origin;
	struct sip_sending *sending;
	struct packet *packet;
	struct sip_flow flow;
	uint64_t connection; /* the answer: by which it went */
	enum err why;        /* the answer */
	uint8_t tries;
	bool fallback;
	bool wanted; /* somebody waits for the answer */
};

/* Who is to be told about a datagram that waits. */
struct sip_datagram {
	struct packet *packet;
	struct sip_pending *pending; /* NULL: nobody wants to know */
	unsigned tries;
};

/* A listener's socket on one worker: made by main, given to the worker by post. */
struct sip_port {
	struct sip_wire *wire;
	struct sip_listener *listener;
	unsigned index; /* the listener's */
	int fd;
	struct watch *watch;
	struct timer retry;      /* accept, or watch, again */
	struct mono quiet_until; /* no complaint before that */
	struct post start;
	struct post stop;
	/* UDP: two rings of what waits, side by side. */
	struct datagram_out *queue;
	struct sip_datagram *queued;
	unsigned first;
	unsigned waiting;
	bool blocked; /* the socket's buffer is full */
	struct loop_end flush;
};

struct sip_route {
	struct addr remote;
	struct addr source; /* no address: unreachable */
	struct mono until;
};

/* Plain counters of one writer. */
struct sip_counters {
	_Atomic uint64_t datagrams_in, datagrams_out, datagrams_lost;
	_Atomic uint64_t frames_in, frames_out;
	_Atomic uint64_t connections, accepted, opened, refused;
};

struct sip_slot {
	struct sip_conn *conn; /* NULL: free */
	uint32_t generation;   /* of the one who has it, or will; never 0 */
	uint32_t next_free;
};

struct sip_wire {
	struct sip_wires *all;
	struct loop *loop;
	unsigned index;
	struct sip_port *ports[SIP_LISTENERS_MAX]; /* started ones */
	struct datagram_inbox *inbox;
	struct packet *stock[SIP_STOCK];
	unsigned stock_at;
	struct sip_pending *spare;
	unsigned spare_count;
	struct sip_route *routes;
	/* Who is told at the end of the turn. */
	struct sip_sending *told;
	struct sip_sending **told_last;
	struct loop_end tell;
	struct sip_pending nobody; /* stands for "will be told" */
	/* Connections. */
	struct sip_slot *slots;
	uint32_t slot_count;
	uint32_t slot_free; /* UINT32_MAX: none */
	struct map sources; /* struct sip_source by host */
	struct map places; /* struct sip_place by transport and remote: this worker is their home */
	struct sip_conn *dirty;
	struct sip_conn *graves;
	struct loop_end flush;
	struct loop_end reap;
	char *scratch;
	_Alignas(64) struct sip_counters counters;
};

/* Add to a counter of the own thread's. */
static inline void sip_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

/* transport_listener.c */
struct sip_listener *sip_listener_of(const struct sip_wires *t, unsigned index);
/* Is this a listener of the wire's that can send to where `flow` leads? */
bool sip_port_fits(const struct sip_wire *w, unsigned index, const struct sip_flow *flow);
void sip_listeners_close(struct sip_wires *t);
void sip_listeners_free(struct sip_wires *t);

/* transport_datagram.c */
void sip_udp_ready(void *arg, unsigned events);
void sip_udp_send(struct sip_wire *w, const struct sip_flow *flow, struct packet *packet,
                  struct sip_sending *sending);
/* Send what waits, as far as the system takes it. */
void sip_udp_flush(struct sip_port *port);
void sip_udp_flush_end(struct loop_end *end);
/* Give up what waits. */
void sip_udp_drop(struct sip_port *port, enum err why);

/* transport_conn.c */
void sip_conns_init(struct sip_wire *w);
enum err sip_conns_open(struct sip_wire *w);
/* Close all, no worker running. NULL is fine. */
void sip_conns_drop(struct sip_wire *w);
/* Free what is left. */
void sip_conns_close(struct sip_wire *w);

/* transport_send.c */
/* Give `post` to that wire's thread; where no thread runs any more, do at once what it says, so that nothing is lost. */
void sip_post(struct sip_wire *to, struct post *post);
/* A pending of this message, or NULL without memory: then whoever sends has been told so. */
struct sip_pending *sip_pending_new(struct sip_wire *w, const struct sip_flow *flow,
                                    struct packet *packet, struct sip_sending *sending);
/* It has left, or has not: tell the sender, wherever he is, and free it. */
void sip_pending_done(struct sip_wire *here, struct sip_pending *p, enum err why,
                      uint64_t connection);
/* Tell `sending` at the end of the turn. */
void sip_tell(struct sip_wire *w, struct sip_sending *sending, enum err why, uint64_t connection);
void sip_tell_run(struct loop_end *end);
