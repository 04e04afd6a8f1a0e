/* gateway/fork_build.h: the state of a response context, shared by fork.c (what becomes of answers) and branch.c (one target, one address after
 * the other). Nobody else includes this. */
#pragma once
#include "gateway/fork.h"

#define FORK_TIMER_C_MS 185000 /* longer than three minutes (16.6 step 11) */

struct branch {
	struct fork *fork;
	const struct target *target; /* NULL: where the request itself leads */
	struct resolver_query *resolving;
	struct resolver_result *places; /* where its next hop may be, in order */
	size_t place;                   /* the next of them to try */
	unsigned tries;
	struct sip_client *client;
	struct timer timer_c;
	unsigned status; /* how it ended, 0: it has not */
	unsigned last;  /* status of the last try that failed, for when there is no further place */
	bool flow_gone; /* the flow by which the device registered leads nowhere: its Contact may */
	bool by_flow;   /* the copy under way went back by that flow */
	bool rang;      /* a provisional response came: from then on only a 503 fails over */
	bool cancelled;
};

struct fork {
	struct request *request;
	const struct target *targets;
	size_t target_count;
	size_t next;             /* the first target not tried yet */
	struct branch *branches; /* one a target, at most routing.targets */
	size_t count;            /* begun */
	size_t limit;
	size_t running;             /* begun and without an end */
	unsigned best;              /* the best final response so far, 0: none */
	struct packet *best_packet; /* NULL: it is ours, not somebody's */
	const struct branch *best_branch;
	struct buf challenges; /* lines of all 401 and 407 but the best's own (16.7 step 7) */
	unsigned final;        /* what went upstream, 0: nothing yet */
	bool starting;         /* a group is being begun: its ends are looked at afterwards */
	bool closed;           /* no further targets: cancelled, 2xx or 6xx */
	const struct target *winner;
};

/** Begin with a target. */
void branch_begin(struct branch *b, struct fork *f, const struct target *target);
/** Give it up: a CANCEL where a request is out, else it ends at once with 487. */
void branch_cancel(struct branch *b, struct str reason);
/** Let go of all it has. */
void branch_fini(struct branch *b);
/** Does something of it still come back? */
bool branch_is_live(const struct branch *b);

/** A response of a branch: provisional ones and 2xx. */
void fork_response(struct branch *b, const struct sip_msg *msg, struct packet *packet);
/** A branch has ended with this status; `packet` NULL: nobody said it. */
void fork_ended(struct branch *b, unsigned status, const struct sip_msg *msg,
                struct packet *packet);
