/* federation/house.h: what struct federation is made of. Inside the folder alone. */
#pragma once
#include "base/map.h"
#include "federation/ask_https.h"
#include "federation/cache.h"
#include "federation/peer.h"

#include <pthread.h>

#define FED_QUESTIONS_MAX 100000 /* that wait for an answer, of one worker */
#define FED_FETCHES_MAX 4096     /* under way to peers, of the whole crew */
#define FED_PEER_FETCHES_MAX 1024
#define FED_CACHE_MAX 100000                /* answers kept, of the whole crew */
#define FED_CACHE_BYTES ((size_t)128 << 20) /* and their memory */

/* What lives on one worker. */
struct fed_worker {
	struct federation *fed;
	struct loop *loop;
	struct fed_peers *peers;        /* the snapshot that this worker uses; NULL: none yet */
	struct fed_question *questions; /* of this worker's, wherever their answer is looked for */
	size_t question_count;
	struct fed_cache cache; /* of what is at home here */
};

struct federation {
	struct fed_env env;
	unsigned char seal_key[32];
	struct hash_key hash;
	struct fed_https *https;
	pthread_mutex_t
		lock; /* of `peers`: taken where the snapshot changes, or by who is no worker */
	struct fed_peers *peers;
	_Atomic unsigned generation; /* of `peers` */
	_Atomic unsigned fetches;
	unsigned worker_count;
	struct fed_worker workers[];
};

/** The snapshot in force: one reference, NULL where there is none yet. Any thread. */
struct fed_peers *fed_peers_now(struct federation *fed);
/** The snapshot as a worker sees it, on its thread; borrowed until its next turn. NULL: none yet. */
struct fed_peers *fed_worker_peers(struct fed_worker *worker);
/** Free what a worker has. Its thread must have ended. */
void fed_worker_fini(struct fed_worker *worker);
