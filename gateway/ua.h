/* gateway/ua.h: the user agent: one worker, and on it one task (a registration, a question, a call, or waiting for calls).
 *
 * It stands on what the daemon stands on: the wires, the transactions, the resolver. The main thread opens it, runs it and closes it; everything else happens on
 * the worker's loop. */
#pragma once
#include "base/crew.h"
#include "gateway/conf.h"
#include "gateway/ua_args.h"
#include "gateway/ua_auth.h"
#include "gateway/ua_print.h"
#include "resolver/resolver.h"
#include "sip/transaction.h"

#include <semaphore.h>

#define UA_ID_TEXT 32   /* octets of random text: a Call-ID, a tag, a branch; with a final NUL */
#define UA_STOP_MS 5000 /* what taking leave may last */
#define UA_LINGER_MS 30 /* for the last message to leave */

/* Exit statuses (DESIGN 5.1). */
enum ua_status { UA_GOOD = 0, UA_REFUSED = 1, UA_USAGE = 2, UA_NONE = 3 };

struct ua_session;

/* What the command does. */
struct ua_task {
	void *arg;
	/** Once the loop runs, and again for each further round (--count). */
	void (*start)(void *arg);
	/** An INVITE outside of any dialog; NULL: 486. */
	void (*invite)(void *arg, struct sip_server *server, const struct sip_msg *msg,
	               const struct sip_flow *flow);
	/** A CANCEL for one, which has no final response yet. */
	void (*cancel)(void *arg, struct sip_server *server);
	/** Somebody wants us to end: take leave, then say ua_done(). */
	void (*stop)(void *arg);
	/** The loop has stopped. */
	void (*close)(void *arg);
};

struct ua {
	const struct ua_args *args;
	struct conf *conf; /* with -f, else NULL */
	FILE *out;         /* where events are told: stdout */
	struct crew *crew;
	struct loop *loop;
	struct sip_wires *wires;
	struct sip_wire *wire;
	struct sip_transactions *transactions;
	struct resolver *resolver;
	unsigned listeners[2 * UA_LISTEN_MAX]; /* their numbers */
	unsigned listener_count;
	unsigned supported; /* transports that we can send over, of enum resolver_transport */
	struct ua_auth auth;
	struct ua_session *sessions; /* dialogs that stand */
	struct ua_task task;
	struct mono begun; /* the round */
	uint32_t rounds;   /* over so far */
	struct post first;
	struct timer pause; /* between rounds; before the end */
	struct timer bound; /* of taking leave */
	struct watch *signals;
	int signal_fd;
	bool stopping;
	bool over;
	enum ua_status status;
	sem_t done;
};

/** Open everything but the task: listeners, resolver, transactions; SIGINT and SIGTERM are blocked from now on and mean stop. `why` gets a line where
 * that fails: ERR_SYNTAX, a configuration that is not valid or can't be read; others, what the machine has not got. */
NODISCARD enum err ua_open(struct ua **out, const struct ua_args *args, struct buf *why);
/** Run ua->task until it is done or a signal came; main thread, blocks. */
enum ua_status ua_run(struct ua *ua);
/** Close it, task and all. NULL is fine. */
void ua_close(struct ua *ua);

/** A round is over; with the last one (or after a signal) ua_run() returns the worst status of all. */
void ua_done(struct ua *ua, enum ua_status status);
/** Milliseconds since the round began. */
int64_t ua_elapsed(const struct ua *ua);
/** Random text for a Call-ID, a tag or a branch. */
void ua_random(char out[UA_ID_TEXT]);
/** Write a Contact value that leads back to us where `flow` (routed) leaves from: "<sip:user@address:port;transport=tcp>". */
void ua_contact_write(const struct ua *ua, const struct sip_flow *flow, struct str user,
                      struct buf *out);
/** The user part of our own URI; empty for the anonymous. */
struct str ua_user(const struct ua *ua);

/** Tell an event: UA_SAY(ua, "ringing", LOG_N("status", 180)). */
#define UA_SAY(ua, event, ...)                                                                   \
	ua_event_print(                                                                          \
		(ua)->out, (ua)->args->json, (event), (const struct log_field[]){ __VA_ARGS__ }, \
		sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
