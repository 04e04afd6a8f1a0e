/* gateway/control_session.h: one request on the control socket: what the words (gateway/control_*.c) have to do with. Nobody else includes this.
 *
 * A word is begun with its arguments, is given the lines of its body, and is told when all is there. It then answers: at once, in parts
 * (control_stream), or when a job comes back from a worker (control_job). control_exit() ends it. All on the control's loop, but where said. */
#pragma once
#include "base/json.h"
#include "gateway/address.h"
#include "gateway/control.h"
#include "gateway/worker.h"

#define CONTROL_ARGS_MAX 16
#define CONTROL_STEP 256                      /* addresses walked in one turn of the loop */
#define CONTROL_ANSWER_MAX ((size_t)64 << 20) /* octets that wait for a client */

enum control_exit { CONTROL_DONE = 0, CONTROL_NO = 1, CONTROL_WRONG = 2, CONTROL_FAILED = 3 };

struct control {
	struct gateway *gateway; /* NULL: alone */
	struct loop *loop;
	struct registrar *registrar;
	const struct conf *conf; /* alone; else that of the snapshot in force: control_conf() */
	struct reg_reader *reader;
	int listener;
	struct watch *watch;
	struct control_session *sessions;
	unsigned session_count;
	unsigned waiting; /* sessions whose answer comes from elsewhere */
	bool closing;
	char path[128];
};

struct control_word;
struct control_job;

struct control_session {
	struct control *control;
	struct control_session *next;
	struct control_session **prev;
	int fd; /* -1: gone; the session waits for what is under way */
	struct watch *watch;
	struct timer timer;
	const struct control_word *word;
	struct arena arena; /* of the request's first line */
	bool json;          /* the request says so */
	bool trace;
	struct str args[CONTROL_ARGS_MAX]; /* without the word, --json and --trace */
	size_t arg_count;

	struct buf in;
	size_t received;
	struct buf out; /* frames */
	size_t sent;
	bool whole;                              /* the request is */
	bool waiting;                            /* for a job, or the store */
	bool ended;                              /* the answer is whole */
	void (*more)(struct control_session *s); /* writes the next part, once there is room */

	struct buf text; /* what a word is writing: given away by control_say() */
	struct json writer;
	char after[REG_AOR_MAX]; /* how far a walk has come */
	size_t after_len;
	struct control_job *job;

	struct arena body; /* what the lines of the body say */
	struct reg_account_change *changes;
	size_t change_count;
	size_t change_room;
};

struct control_word {
	const char *name;
	bool alone;     /* works without a daemon */
	unsigned least; /* arguments */
	unsigned most;
	/** All of the request is there: answer. */
	void (*run)(struct control_session *s);
	/** A line of the body; NULL: it has none. False: it is wrong, and the word has said so and called control_exit(). */
	bool (*line)(struct control_session *s, const struct str *words, size_t count);
};

/** The word called so, or NULL. */
const struct control_word *control_word_find(struct str name);

/** Close all sessions; those that wait for something are freed when it comes, and the last of them stops the loop. */
void control_sessions_end(struct control *c);

/** The configuration in force. */
const struct conf *control_conf(const struct control *c);

/* ---------------------------------------------------------------------------- answering */

/** Add to what the command prints on stdout, on stderr. */
void control_out(struct control_session *s, struct str text);
void control_err(struct control_session *s, const char *format, ...) PRINTF_LIKE(2, 3);
/** The same for any length: `kind` is "out" or "err". */
void control_put(struct control_session *s, struct str kind, struct str text);
/** One frame of the answer as it is. */
void control_frame(struct control_session *s, const struct str *words, size_t count);
/** Give s->text to stdout; it is empty afterwards. */
void control_say(struct control_session *s);
/** The answer is whole; the command ends so. */
void control_exit(struct control_session *s, enum control_exit status);
/** Call `more` now and whenever there is room, until control_exit(). */
void control_stream(struct control_session *s, void (*more)(struct control_session *s));
/** The answer will come from elsewhere; keep the session until control_resume(). */
void control_wait(struct control_session *s);
/** It has come: may the session answer? False: nobody is there any more. Then it is gone. */
bool control_resume(struct control_session *s);
/** It can't be done, for a reason of ours: say so and exit. What stands in s->text is dropped. */
void control_fail(struct control_session *s, enum err e);
/** A walk has come to `key`: where it goes on. */
void control_walked(struct control_session *s, struct str key);
/** What most jobs do at the end: their text, their status. */
void control_job_answer(struct control_job *job, struct control_session *s);

/** "2026-01-31T23:59:59Z" (RFC 3339) in `out`, which it returns. */
#define CONTROL_TIME 40
const char *control_time(struct wall when, char out[CONTROL_TIME]);
/** "udp", "tcp"... */
struct str control_transport(enum sip_transport transport);
/** Write what stands in `in` so that a terminal can't be told anything by it: what is no printable character becomes '?'. */
void control_clean(struct buf *out, struct str in);
/** "sip:bob@beta.example", "bob@beta.example", "+49 30 1": the address, or ERR_SYNTAX... and the session has been answered. Addresses at
 * one of our listeners are those of our first domain. */
NODISCARD enum err control_address(struct control_session *s, struct str text, struct address *out,
                                   struct sip_uri *uri);

/* ---------------------------------------------------------------------------- jobs
 *
 * Work on a worker's loop. A job is a field of what it works with, malloc'd, and freed by `free` on the control's loop. */

struct control_job {
	struct post post;
	struct post stop;
	struct control_session *session;
	struct worker *worker;
	/** On the worker: begin. It ends by control_job_done(), sooner or later. */
	void (*begin)(struct control_job *job);
	/** On the worker: end it soon, by control_job_done(). NULL: it ends by itself. */
	void (*cancel)(struct control_job *job);
	/** On the control's loop: answer, where the session is still there: write to it and control_exit(). */
	void (*answer)(struct control_job *job, struct control_session *s);
	void (*free)(struct control_job *job);
	bool done;       /* the worker's */
	unsigned abroad; /* posts that are not back yet; the control's */
	struct buf text; /* what it found, for the session's stdout */
	enum control_exit status;
};

/** Send it to `worker`; the session waits for it. `job` is the control's from now on. */
void control_job_start(struct control_session *s, struct control_job *job, struct worker *worker);
/** On the worker: it is done. */
void control_job_done(struct control_job *job);
