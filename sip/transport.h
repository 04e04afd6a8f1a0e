/* sip/transport.h: the wire: listeners, datagrams in batches, connections.
 *
 * One struct sip_wires serves a crew. Each worker has a struct sip_wire: its own sockets on every listener (SO_REUSEPORT), its own
 * connections, its own queue of what leaves at the end of the turn (sendmmsg). A connection lives on the worker that accepted or opened
 * it; anybody may send over it by its id: the bytes are posted there, and "sent" or the reason why not is posted back.
 * For connections that we open there is one home: the worker to which (transport, remote address) hashes, which knows every
 * connection to that place, accepted ones too, so that there is one and not one a worker.
 *
 * What is received is handed up as it is: whether it is SIP, STUN or noise is for the gateway to tell (gateway/demux). Streams are cut into frames.
 *
 * Everything is bounded: SIP_CONNECTIONS_MAX, SIP_OUT_MAX octets waiting on a connection (then ERR_LIMIT: it is too slow), one message
 * being read, times (struct sip_wires_conf). */
#pragma once
#include "base/addr.h"
#include "base/crew.h"
#include "base/log.h"
#include "base/packet.h"
#include "sip/frame.h"
#include "sip/header.h"

#define SIP_LISTENERS_MAX 64
#define SIP_CONNECTIONS_MAX 200000    /* all workers together */
#define SIP_OUT_MAX ((size_t)1 << 20) /* octets that wait on one connection */
#define SIP_BATCH 64                  /* datagrams a system call */

struct sip_wires;
struct sip_wire;

/* Where a message came from, or where it shall go. A value. */
struct sip_flow {
	enum sip_transport transport;
	unsigned listener; /* by which it came, or from whose address it shall leave */
	struct addr remote;
	struct addr
		local; /* the address that was asked, never a wildcard (port: the listener's); family 0 in what shall go: let the system choose */
	uint64_t connection; /* id of the connection; 0: UDP, or whichever leads there */
};

enum sip_listener_kind { SIP_LISTEN_UDP, SIP_LISTEN_TCP };

/* How a listener's streams are cut. `state` is a zeroed struct sip_framer of the connection's. NULL: sip_framer_next. */
typedef struct sip_frame (*sip_frame_fn)(struct sip_framer *state, struct str pending);

struct sip_listener_conf {
	enum sip_listener_kind kind;
	struct addr addr;   /* port 0: the system chooses one, the same for all workers */
	sip_frame_fn frame; /* of streams */
	uintptr_t tag;      /* the gateway's own: handed back by sip_listener_tag() */
};

struct sip_wires_conf {
	unsigned connections_max; /* 0: SIP_CONNECTIONS_MAX */
	unsigned per_source_max;  /* connections accepted from one address, a worker; 0: 1000 */
	int64_t connect_ms;       /* until a connection of ours must stand; 0: 4000 */
	int64_t idle_ms;          /* without a message before it is closed; 0: 120000 */
	int64_t partial_ms;       /* for a message (or the first one) to be complete; 0: 30000 */
};

/* What the gateway is told, on the worker that received. */
struct sip_wires_events {
	void *arg;
	/** A datagram, or a frame of a stream. `packet` is the transport's: packet_ref() to keep it. */
	void (*received)(void *arg, struct sip_wire *wire, struct packet *packet,
	                 const struct sip_flow *flow);
	/** A stream can't be followed any more and will be closed once what is sent over it now has left: `head` is what sip_parse may
	 * make an answer to with `fault` (its status is not 0). */
	void (*broken)(void *arg, struct sip_wire *wire, struct str head,
	               const struct sip_fault *fault, const struct sip_flow *flow);
	/** A datagram that we sent came to nothing (ICMP): its first octets, as far as the system has them (some 500). On whichever worker the system
	 * hands it to, the sender's or another: its home is where `head` belongs. */
	void (*unreachable)(void *arg, struct sip_wire *wire, const struct sip_flow *flow,
	                    struct str head, enum err why);
	/** A message is about to leave, for who keeps a record; flow->local may be unknown. NULL: nobody does. */
	void (*sent)(void *arg, struct sip_wire *wire, struct str message,
	             const struct sip_flow *flow);
	/** A connection is gone. */
	void (*closed)(void *arg, struct sip_wire *wire, uint64_t connection);
};

/** Make it, with no listeners. Before the crew starts. ERR_NOMEM. */
NODISCARD enum err sip_wires_open(struct sip_wires **out, struct crew *crew, struct log *log,
                                  const struct sip_wires_conf *conf,
                                  const struct sip_wires_events *events);
/** Close all sockets. The crew has been stopped. NULL is fine. */
void sip_wires_close(struct sip_wires *t);
/** The wire of worker `index`. */
struct sip_wire *sip_wires_wire(const struct sip_wires *t, unsigned index);

/** Bind a listener on all workers, not reading yet: a probe without SO_REUSEPORT first, so that a second daemon is refused (ERR_INUSE; ERR_DENIED,
 * ERR_UNREACHABLE: no such address here). Main thread; the crew may run. `*index` is its number from now on; numbers of closed ones are not used again
 * until SIP_LISTENERS_MAX have been (ERR_LIMIT). */
NODISCARD enum err sip_listener_open(struct sip_wires *t, const struct sip_listener_conf *conf,
                                     unsigned *index);
/** Begin to read and accept on it, on all workers. Main thread. */
void sip_listener_start(struct sip_wires *t, unsigned index);
/** Stop reading and close its sockets; connections that came by it live on. Main thread. */
void sip_listener_close(struct sip_wires *t, unsigned index);
/** The address it is bound to (with the port). Any thread. */
const struct addr *sip_listener_addr(const struct sip_wires *t, unsigned index);
uintptr_t sip_listener_tag(const struct sip_wires *t, unsigned index);
enum sip_listener_kind sip_listener_kind(const struct sip_wires *t, unsigned index);
/** Is `a` (host and port) one of our SIP listeners: the same port, and its address or, on a wildcard listener, any address of this
 * machine? Any thread; no system call (addresses are read at sip_listener_open and every 60 s on main: sip_wires_refresh). */
bool sip_wires_is_own(const struct sip_wires *t, const struct addr *a);
void sip_wires_refresh(struct sip_wires *t);

struct loop *sip_wire_loop(const struct sip_wire *w);
unsigned sip_wire_index(const struct sip_wire *w);
struct sip_wires *sip_wire_transport(const struct sip_wire *w);

/** A packet to write a message into: from the wire's stock where one is free, so that answering allocates nothing. One reference, the caller's;
 * NULL without memory. */
struct packet *sip_wire_packet(struct sip_wire *w, size_t cap);

/** From where would something to flow->transport and flow->remote leave? Sets flow->listener and flow->local: the listener `flow->listener`
 * where it fits (same transport and family), else the one whose address the system would use, else the first that fits; on a wildcard listener the
 * address that the system's routing gives (asked once a destination, remembered for a minute). ERR_UNREACHABLE: none fits. */
NODISCARD enum err sip_wire_route(struct sip_wire *w, struct sip_flow *flow);

/** Called on the sender's loop: ERR_OK once the bytes are the kernel's; ERR_REFUSED, ERR_TIMEOUT, ERR_UNREACHABLE, ERR_CLOSED, ERR_LIMIT...
 * `connection`: by which it went, 0 for UDP. Never from inside sip_wire_send(). */
typedef void (*sip_sent_fn)(void *arg, enum err e, uint64_t connection);

/* A field of whoever sends and wants to know: zeroed, then `done` and `arg` set. It must live until told, or until sip_sending_forget(). */
struct sip_sending {
	struct sip_pending *pending; /* NULL: nothing under way */
	sip_sent_fn done;
	void *arg;
	/* The transport's own: telling needs no memory. */
	struct sip_sending *next;
	struct sip_sending **prev;
	uint64_t connection;
	enum err why;
};

/** Send `packet` (a reference of its own is taken) to `flow`. UDP leaves at the end of this turn. A stream: over flow->connection if it is not 0 and
 * still stands; else, where flow->connection is 0 or `fallback`, over whichever connection leads to flow->remote, opening one where there is
 * none. `sending` may be NULL; what is under way for it already is forgotten first. */
void sip_wire_send(struct sip_wire *w, const struct sip_flow *flow, struct packet *packet,
                   bool fallback, struct sip_sending *sending);
/** Nobody wants to know any more. */
void sip_sending_forget(struct sip_sending *sending);

/** The worker on which a connection lives. */
unsigned sip_connection_worker(uint64_t connection);
/** Names this run of the program; connection ids of another don't mean anything. */
uint64_t sip_wires_boot(const struct sip_wires *t);

struct sip_wires_counts {
	uint64_t datagrams_in, datagrams_out,
		datagrams_lost; /* lost: the socket's buffer was full */
	uint64_t frames_in, frames_out;
	uint64_t connections;               /* now (a gauge) */
	uint64_t accepted, opened, refused; /* refused: over a bound */
};
/** What one worker has counted. Any thread. */
void sip_wires_counts(const struct sip_wires *t, unsigned worker, struct sip_wires_counts *out);
