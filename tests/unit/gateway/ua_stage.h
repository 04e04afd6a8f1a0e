/* tests/unit/gateway/ua_stage.h: a user agent on a thread of its own, and a test that plays the other side with a plain UDP socket. */
#pragma once
#include "gateway/ua.h"
#include "gateway/ua_dialog.h"

#include <pthread.h>

#define STAGE_WAIT_MS 10000
#define STAGE_BYTES 8192

/* The other side: what it has received last is in `msg`. */
struct peer {
	int fd;
	struct addr addr;   /* ours */
	struct addr remote; /* where the last message came from */
	struct sip_msg msg;
	char bytes[STAGE_BYTES];
};

/* The user agent. */
struct play {
	struct ua_args args;
	struct ua *ua;
	pthread_t thread;
	FILE *events;
	enum ua_status status;
	char words[1024];
	char told[16384]; /* by play_end() */
};

/** Before the first thread of a program: SIGTERM is for the user agent. */
void stage_block_signals(void);

void peer_open(struct peer *p);
void peer_close(struct peer *p);
/** Wait for the next message; a request's method or a response's status must be `what` ("INVITE", "200"). */
void peer_expect(struct peer *p, const char *what);
/** The same, over copies of what has been seen before. */
void peer_expect_past(struct peer *p, const char *what, const char *past);
/** Nothing comes for `ms`. */
void peer_expect_nothing(struct peer *p, int ms);
/** Answer the last request: To-tag `tag` (may be empty), `headers` (whole lines), `body`. */
void peer_answer(struct peer *p, const struct sip_msg *req, unsigned status, const char *tag,
                 const char *headers, const char *body);
/** Send these octets to where the last message came from. */
void peer_send(struct peer *p, const char *text);
/** Begin with sending to the user agent's first listener. */
void peer_aim(struct peer *p, const struct play *play);

/** A copy of a message that outlives the next receive; free with free(). */
struct kept {
	struct sip_msg msg;
	char bytes[STAGE_BYTES];
};
void peer_keep(const struct peer *p, struct kept *kept);

/** Start it with this command line; "%d" in it is `port`. */
void play_begin(struct play *play, const char *command, int port);
/** Stop it as an operator does. */
void play_stop(void);
/** Wait until it has ended; what it has told is in play->told. */
enum ua_status play_end(struct play *play);
