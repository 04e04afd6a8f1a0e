/* tests/unit/sip/transport_rig.h: a crew with its wires, and what happens on them, for tests that stand outside with plain sockets. */
#pragma once
#include "sip/transport.h"

#include <pthread.h>

#define RIG_WORKERS 4
#define RIG_WAIT_MS 10000

struct rig;

/* What a test does when something comes; on the worker. */
typedef void (*rig_received_fn)(struct rig *rig, struct sip_wire *wire, struct packet *packet,
                                const struct sip_flow *flow);

struct rig {
	struct crew *crew;
	struct sip_wires *wires;
	rig_received_fn received;
	rig_received_fn broken; /* packet NULL */
	void *arg;
	/* What happened. Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned received_count;
	unsigned received_by[RIG_WORKERS];
	unsigned unreachable_count;
	enum err unreachable_why;
	char unreachable_head[64];
	struct sip_flow unreachable_flow;
	unsigned broken_count;
	unsigned broken_status;
	unsigned closed_count;
	struct sip_flow last; /* flow of the last one received */
};

/** Open a crew of RIG_WORKERS and wires; `conf` may be NULL. Not started. */
void rig_open(struct rig *rig, const struct sip_wires_conf *conf);
/** Open a listener (and start it) at "127.0.0.1:0" or the like. */
unsigned rig_listen(struct rig *rig, enum sip_listener_kind kind, const char *at);
void rig_start(struct rig *rig);
void rig_close(struct rig *rig);

/** Run `fn` on a worker, and wait until it has. */
void rig_run(struct rig *rig, unsigned worker, void (*fn)(struct sip_wire *w, void *arg),
             void *arg);
/** Wait until `*counter` (of rig's, under its lock) is at least `n`; false after RIG_WAIT_MS. */
bool rig_wait(struct rig *rig, const unsigned *counter, unsigned n);
/** What `*counter` is now. */
unsigned rig_count(struct rig *rig, const unsigned *counter);
/** Answers everything with what came. */
void rig_echo(struct rig *rig, struct sip_wire *wire, struct packet *packet,
              const struct sip_flow *flow);

/* A message under way, and what was told about it. */
struct rig_sent {
	struct rig *rig;
	struct sip_sending sending;
	unsigned told; /* under rig's lock */
	enum err why;
	uint64_t connection;
};

/** Send `text` from `worker` to `flow`, `sent` (may be NULL) being told. */
void rig_send(struct rig *rig, unsigned worker, const struct sip_flow *flow, const char *text,
              bool fallback, struct rig_sent *sent);
/** Wait until told; ERR_TIMEOUT after RIG_WAIT_MS. */
enum err rig_told(struct rig_sent *sent);

struct addr rig_addr(const char *text);
/** A plain socket (blocking, giving up after RIG_WAIT_MS) bound to `local` (may be NULL), connected to `remote` (may be NULL). */
int rig_socket(int type, const char *local, const struct addr *remote);
struct addr rig_bound(int fd);
/** Read exactly `n` octets. */
void rig_read(int fd, char *out, size_t n);
void rig_write(int fd, const void *p, size_t n);
/** Is nothing but the end there to be read? */
bool rig_at_end(int fd);
