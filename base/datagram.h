/* base/datagram.h: datagrams in batches (recvmmsg, sendmmsg), and what ICMP says about them.
 *
 * Receiving, a datagram of usual size lands in a packet of DATAGRAM_SLOT octets; what is longer spills into an area that all sockets of
 * a thread share and is joined in a packet of its own size. A packet that nobody kept is used again: receiving allocates only for
 * what was kept. An inbox belongs to one thread; sockets are made by socket_bind() (base/socket.h). */
#pragma once
#include "base/addr.h"
#include "base/packet.h"

#define DATAGRAM_BATCH 64
#define DATAGRAM_SLOT (2048 - sizeof(struct packet))
#define DATAGRAM_HEAD 576 /* octets of a failed datagram that are kept */

struct datagram_inbox;

/** Make an inbox. ERR_NOMEM. */
NODISCARD enum err datagram_inbox_open(struct datagram_inbox **out);
/** Free it; packets that were kept live on. NULL is fine. */
void datagram_inbox_close(struct datagram_inbox *in);
/** Receive what is there, at most DATAGRAM_BATCH; what the call before gave is gone unless kept (packet_ref). ERR_AGAIN: nothing there; another error
 * is one that was pending on the socket (ICMP): read datagram_failed(), go on. `*count` is 0 then. */
NODISCARD enum err datagram_receive(struct datagram_inbox *in, int fd, unsigned *count);

struct datagram_in {
	struct packet *packet; /* the inbox's; NULL: lost for want of memory */
	struct addr remote;
	struct addr local; /* no port; no address where the socket does not tell it */
};

/** Datagram `index` of the last batch. */
struct datagram_in datagram_at(struct datagram_inbox *in, unsigned index);

struct datagram_out {
	struct str bytes;
	struct addr remote;
	struct addr local; /* from which address of a wildcard socket; none: the system's choice */
};

/** Send `count` (at most DATAGRAM_BATCH are taken). `*sent` of them have left, and the error is about the one after those: ERR_AGAIN where the
 * socket's buffer is full, ERR_FULL where it is lost in a full device; any other may be an older one that was pending on the socket (try again once). */
NODISCARD enum err datagram_send(int fd, const struct datagram_out *list, unsigned count,
                                 unsigned *sent);

/* A datagram of ours that came to nothing. */
struct datagram_failure {
	struct addr remote; /* where it was sent */
	enum err why;
	size_t len;
	char head[DATAGRAM_HEAD]; /* what it began with */
};

/** Take one from the socket's error queue. ERR_AGAIN: there is none. What was too long for the path is left out: sent again it will be cut. */
NODISCARD enum err datagram_failed(int fd, struct datagram_failure *out);
