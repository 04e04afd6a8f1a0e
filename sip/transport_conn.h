/* sip/transport_conn.h: connections, as the files of the transport share them. For nobody else.
 *
 * A connection belongs to one wire. Closing takes it out of everything at once; its memory goes at the end of the turn, so that whoever is in the middle
 * of it may look at its state. */
#pragma once
#include "sip/transport_inside.h"

enum sip_conn_state {
	SIP_CONN_CONNECTING,
	SIP_CONN_OPEN,
	SIP_CONN_HALF,    /* the peer sends nothing more; answers that are due still leave */
	SIP_CONN_LEAVING, /* it made no sense: what is queued leaves, then we say that it is over */
	SIP_CONN_SHUT, /* said; what still comes is thrown away, lest the system answer it with a reset that overtakes our last words */
	SIP_CONN_DEAD,
};

/* How many connections one address has here. */
struct sip_source {
	struct addr host;
	unsigned count;
};

/* A connection as its home knows it. Made by the connection's wire, the home's from `come` on; `go` is the wire's to post. */
struct sip_place {
	struct post come;
	struct post go;
	struct sip_wire *home;
	struct sip_place *next; /* another connection to the same place */
	uint64_t id;
	bool listed;
	uint8_t key_len;
	char key[20];
};

struct sip_conn {
	struct sip_wire *wire;
	struct sip_listener *listener;
	struct sip_flow flow; /* its connection is our id */
	enum sip_conn_state state;
	int fd;
	struct watch *watch;
	unsigned watching;
	struct sip_place *place;   /* NULL: not to be found any more */
	struct sip_source *source; /* of one that we accepted */
	struct sip_conn *next_grave;
	/* Reading. */
	struct sip_framer framer;
	struct buf in;      /* the beginning of a message */
	unsigned owed;      /* requests that have no final answer yet */
	size_t thrown_away; /* octets, when shut */
	/* Writing. */
	struct sip_pending *out;
	struct sip_pending **out_last;
	size_t out_bytes; /* of all that wait */
	size_t out_done;  /* octets of the first that have left */
	bool blocked;     /* the system takes no more for now */
	bool dirty;
	struct sip_conn *next_dirty;
	/* Time. */
	struct timer timer;
	struct mono due;      /* of the timer */
	struct mono active;   /* last frame, either way */
	struct mono partial;  /* since when a message is incomplete; ns 0: none is */
	struct mono ended;    /* when the peer has said all */
	struct mono progress; /* last octet that left, while some waited */
};

/* transport_conn.c */
/* A connection on `fd`, which is its own from then on (closed where this fails). NULL: `*why`. */
struct sip_conn *sip_conn_new(struct sip_wire *w, const struct sip_port *port, int fd,
                              const struct addr *remote, enum sip_conn_state state, enum err *why);
/* Out of everything, and everybody who waits is told. */
void sip_conn_close(struct sip_conn *c, enum err why);
/* No new messages find it. */
void sip_conn_hide(struct sip_conn *c);
struct sip_conn *sip_conn_find(struct sip_wire *w, uint64_t id);
/* Watch for what its state asks for, until when it allows. */
void sip_conn_settle(struct sip_conn *c);

/* transport_accept.c */
void sip_accept_ready(void *arg, unsigned events);
/* One more from this address; NULL: over the bound, or no memory. */
struct sip_source *sip_source_enter(struct sip_wire *w, const struct addr *remote);
void sip_source_leave(struct sip_wire *w, struct sip_source *source);

/* transport_read.c */
void sip_conn_read(struct sip_conn *c);

/* transport_write.c */
/* Queue a message; it is the connection's from then on. */
void sip_conn_take(struct sip_conn *c, struct sip_pending *p);
void sip_conn_write(struct sip_conn *c);
void sip_conns_flush(struct loop_end *end);
/* Say that we are done, once what is queued has left. */
void sip_conn_leave(struct sip_conn *c);

/* transport_home.c */
/* Make the connection known at its home. NULL without memory. */
struct sip_place *sip_place_new(struct sip_wire *w, const struct sip_flow *flow);
void sip_place_leave(struct sip_wire *w, struct sip_place *place);
/* Take `p` to its connection's worker. */
void sip_send_by_id(struct sip_wire *here, struct sip_pending *p);
/* Take `p` to the home of where it goes. */
void sip_send_by_home(struct sip_wire *here, struct sip_pending *p);
/* Its connection is gone: another one, or its end. */
void sip_send_again(struct sip_wire *here, struct sip_pending *p);
