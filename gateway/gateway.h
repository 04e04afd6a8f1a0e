/* gateway/gateway.h: the daemon as a whole: what there is one of, and how its parts are wired.
 *
 * struct gateway is made in main and handed down; its parts live as long as it. What a reload replaces is in a struct snapshot, which
 * is immutable and swapped whole on every worker. Fields are written before the workers start, but for those marked main's. */
#pragma once
#include "base/crew.h"
#include "base/log.h"
#include "base/metrics.h"
#include "federation/federation.h"
#include "gateway/conf.h"
#include "gateway/limit.h"
#include "gateway/snapshot.h"
#include "registrar/registrar.h"
#include "resolver/resolver.h"
#include "sip/transport.h"

struct worker;
struct web;
struct control;

/* Those from the store outlive a restart, the others are of this run. */
struct gateway_keys {
	unsigned char nonce[REG_SECRET];
	unsigned char route[REG_SECRET];
	unsigned char seal[REG_SECRET];
	unsigned char tag[REG_SECRET]; /* To-tags of answers without state */
	struct hash_key home;          /* which worker is whose home */
};

struct gateway {
	struct conf_options options; /* how the configuration is loaded again */
	struct log *log;
	struct crew *crew;
	struct loop *loop; /* main's own */
	struct metrics *metrics;
	struct registrar *registrar;
	struct resolver *resolver;
	struct federation *federation;
	struct sip_wires *wires;
	struct web *web;         /* https:// listeners and the admin address */
	struct control *control; /* the socket in the data folder */
	struct gateway_keys keys;
	struct limit *sources; /* requests of a source */
	struct limit *logins;  /* wrong passwords, of a source and of an account */
	struct worker **workers;
	unsigned worker_count;
	_Atomic(const struct snapshot *)
		snapshot; /* main's to swap; others take a reference by gateway_snapshot() */
	_Atomic unsigned snapshot_readers;
	const struct conf *begun; /* what the process started with: what a restart would change */
	struct wall started;
	uint64_t reloads; /* main's */
};

/** Open everything for the configuration of `options` (kept: it must outlive the gateway), up to and with the listeners, and start the workers. `why` gets lines for the
 * operator where that fails: ERR_SYNTAX (the configuration), ERR_INUSE (an address, the store)... Blocks. */
NODISCARD enum err gateway_open(struct gateway **out, const struct conf_options *options,
                                struct buf *why);
/** Close all of it. NULL and half-opened ones are fine. Blocks until what was acknowledged is on disk. */
void gateway_close(struct gateway *g);
/** Load the configuration again and switch to it as a whole or not at all; `said` gets the reasons why not, or what takes effect only after a
 * restart. Main thread; blocks for reading files. */
NODISCARD enum err gateway_reload(struct gateway *g, struct buf *said);
/** Take in no more calls; true once those in progress are over. Main thread. */
bool gateway_drain(struct gateway *g);

/** The snapshot in force, as a reference of the caller's. Any thread; waits for nobody. */
const struct snapshot *gateway_snapshot(struct gateway *g);
/** The home of what is called so (a Call-ID, a nonce). Any thread. */
struct worker *gateway_home(const struct gateway *g, struct str key);
