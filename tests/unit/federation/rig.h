/* tests/unit/federation/rig.h: a crew with resolver, registrar and federation, for tests. */
#pragma once
#include "federation/federation.h"

#include <semaphore.h>

struct rig {
	char folder[64];
	int silent; /* a name server that never answers */
	struct crew *crew;
	struct resolver *resolver;
	struct registrar *registrar;
	struct reg_reader *reader; /* the test's own thread's */
	struct federation *federation;
	unsigned char seal_key[32];
};

/* What came of a question. */
struct heard {
	sem_t done;
	unsigned count;
	enum fed_outcome outcome;
	bool cached;
	int64_t ttl_s;
	size_t targets;
	char uri[512]; /* of the first */
	char text[512];
};

/** Open all of it with that many workers, which run. Our domain is alpha.example, our numbers begin with +4930, our place is 203.0.113.9. */
void rig_open(struct rig *rig, unsigned workers);
/** Close and remove the folder. */
void rig_close(struct rig *rig);
/** Bind a contact, durably. */
void rig_bind(struct rig *rig, const char *aor, const char *contact, unsigned q,
              uint32_t expires_s);
/** Make an account. */
void rig_account(struct rig *rig, const char *address);
/** Call `fn` on the loop of a worker and wait for it. */
void rig_run(struct rig *rig, unsigned worker, void (*fn)(void *arg, struct loop *loop), void *arg);
/** Put a question on a worker and wait for its answer. */
void rig_ask(struct rig *rig, unsigned worker, const struct fed_ask *ask, struct heard *heard);
/** The fed_answer_fn that rig_ask uses. */
void rig_hear(void *arg, const struct fed_answer *answer);
/** The counters of a peer. */
struct fed_peer_stats rig_stats(struct rig *rig, const char *peer);
