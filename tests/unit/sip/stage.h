/* tests/unit/sip/stage.h: a table of transactions among surroundings of ours: a wire that only records, and a clock that tests set.
 *
 * stage_play() runs a script of commands, separated by ';', and everything that leaves the table, to the wire or to its user, becomes a line of
 * stage->log, with the time in milliseconds in front. A test compares the whole log:
 *
 *	start METHOD     a request of ours (stage->try_ms)      got STATUS [METHOD]  a response to it; METHOD: of its CSeq
 *	cancel           our user's                             let-go               of our client, or of the server
 *	sent | lost      what the wire says of the last message icmp                 of the last message
 *	request METHOD   from a client (as stage->from says)    respond STATUS       a ready response of the server's user
 *	reply STATUS     one that the table composes            wait MS              the clock goes on
 */
#pragma once
#include "sip/transaction_table.h"

#define STAGE_LOG 16384
#define STAGE_SENT 256

struct stage_sent {
	int64_t at_ms;
	struct sip_flow flow;
	struct packet *packet;
	struct sip_sending *sending;
	bool fallback;
};

/* What the requests that come look like. */
struct stage_from {
	const char *branch; /* whole; NULL: none */
	const char *sent_by;
	const char *via_params; /* begin with ; */
	const char *call_id;
	const char *to_params; /* begin with ; */
	unsigned cseq;
	const char *uri;
	struct sip_flow flow;
};

struct stage {
	struct sip_transactions *table;
	struct timer_wheel wheel;
	struct mono now;
	struct stage_sent sent[STAGE_SENT]; /* a ring */
	size_t sent_count;
	char log_memory[STAGE_LOG];
	struct buf log;
	struct stage_from from;
	enum sip_transport transport;
	int64_t try_ms;
	uint64_t connection;       /* of what we start */
	struct sip_server *server; /* the newest */
	struct sip_client *client;
	unsigned branch;   /* of the newest request of ours */
	char started[16];  /* its method */
	unsigned requests; /* told of */
	bool quiet;        /* no log */
	bool forgiving;    /* commands about what isn't there are passed over: memory has run out */
	bool inside;       /* a call of the user's: nobody must be told anything now */
	void (*on_event)(struct stage *stage,
	                 const char *what); /* the user's own doing when told */
};

/** Begin on `transport`; a limit of 0 is the usual one. ERR_NOMEM. */
NODISCARD enum err stage_open(struct stage *stage, enum sip_transport transport, unsigned limit);
void stage_close(struct stage *stage);
/** Run a script. A command that isn't one fails the test. */
void stage_play(struct stage *stage, const char *script);
/** The log as a C string; empty afterwards. */
const char *stage_log(struct stage *stage);
/** The newest message that was sent. */
const struct stage_sent *stage_last(const struct stage *stage);
/** Is `text` in the newest message that was sent? */
bool stage_last_has(const struct stage *stage, const char *text);
/** Hand a message to the table as it is. */
void stage_receive(struct stage *stage, const char *text, const struct sip_flow *flow);
/** Let the time pass, in steps so small that each timer fires when it is due. */
void stage_wait(struct stage *stage, int64_t ms);
struct addr stage_addr(const char *text);

/* A script, and the log that it must leave. */
struct stage_scenario {
	const char *name;
	enum sip_transport transport;
	const char *script;
	const char *want;
};
/** Play each of them on a stage of its own. */
void stage_play_all(const struct stage_scenario *rows, size_t count);
