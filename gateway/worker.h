/* gateway/worker.h: one of the threads that share nothing: its tables, and what is in force on it.
 *
 * Everything in a struct worker belongs to its loop's thread. To reach another worker, post. */
#pragma once
#include "gateway/gateway.h"
#include "gateway/meters.h"
#include "sip/nonce.h"
#include "sip/transaction.h"

struct calls;
struct request;

struct worker {
	struct gateway *gateway;
	unsigned index;
	struct loop *loop;
	struct sip_wire *wire;
	struct sip_transactions *transactions;
	struct reg_reader *reader;
	const struct snapshot *snapshot; /* in force for whatever begins now */
	struct nonce_counts *nonces;     /* of the nonces whose home this is */
	struct calls *calls;             /* of the Call-IDs whose home this is */
	struct meters meters;
	uint64_t counter; /* makes branches and nonces differ */
	uint64_t begun;   /* transactions, as last counted */
	struct timer tick;
	struct request *requests; /* all that are under way */
	_Atomic unsigned pending; /* of those, without a final answer; read by main when it ends */
};

/** Make worker `index` on its loop, before the crew starts. ERR_NOMEM... */
NODISCARD enum err worker_open(struct worker **out, struct gateway *g, unsigned index);
/** The crew has been stopped: give the reader back, so that the store can be closed. NULL is fine. */
void worker_leave_store(struct worker *w);
/** The crew has been stopped, and nothing is under way in the store any more. NULL is fine. */
void worker_close(struct worker *w);
/** The configuration in force on this worker. Own thread. */
static inline const struct conf *worker_conf(const struct worker *w)
{
	return w->snapshot->conf;
}
/** A number that this run has not given before, mixed so that it can't be guessed from its neighbours. Own thread. */
uint64_t worker_unique(struct worker *w);
/** The log. */
static inline struct log *worker_log(const struct worker *w)
{
	return w->gateway->log;
}
