/* base/loop.h: an event loop, one a thread, by libuv (the only file that knows it).
 *
 * A turn: wait for the kernel, run what is ready, the timers, the mailbox, then what asked to run at the end of the turn (sending in
 * batches). Everything here but loop_post() belongs to the loop's own thread. */
#pragma once
#include "base/mailbox.h"
#include "base/timer.h"

struct loop;
struct watch;

#define LOOP_READ 1u
#define LOOP_WRITE 2u
/** An error is pending on the descriptor (its error queue, too). Reported in any case; never asked for. */
#define LOOP_ERROR 4u

/** Something to run once at the end of this turn. A field of whoever asks. */
struct loop_end {
	struct loop_end *next;
	bool queued;
	void (*run)(struct loop_end *self);
};

/** Called after each turn: how long it took less what the thread waited for a core, in nanoseconds. */
typedef void (*loop_turn_fn)(void *arg, int64_t busy_ns);

/** Open a loop; `index` is its place in its crew. Any thread may open it, one thread runs it. */
NODISCARD enum err loop_open(struct loop **out, unsigned index);
/** Close it and free all watches that are left. Not while it runs. NULL is fine. */
void loop_close(struct loop *l);
/** Run until loop_stop(). */
void loop_run(struct loop *l);
/** Make loop_run() return after this turn. Own thread (post to it from others). */
void loop_stop(struct loop *l);
unsigned loop_index(const struct loop *l);
/** The time at the start of this turn. */
struct mono loop_now(const struct loop *l);
/** Post to the loop's mailbox. Any thread. */
void loop_post(struct loop *l, struct post *p);
/** Run what has been posted, on the calling thread; false where there was nothing. Only while the loop does not run: nothing posted is lost then. */
bool loop_drain(struct loop *l);
/** Start (or restart) a timer on the loop's wheel, counted from now. */
void loop_timer_start(struct loop *l, struct timer *t, int64_t delay_ms,
                      void (*fire)(struct timer *));
void loop_timer_stop(struct loop *l, struct timer *t);
/** Run `end` when this turn ends; asked twice, it runs once. */
void loop_at_end(struct loop *l, struct loop_end *end);
/** Take back what loop_at_end() queued; nothing happens where it is not queued. */
void loop_end_cancel(struct loop *l, struct loop_end *end);
/** Who is told about each turn. */
void loop_on_turn(struct loop *l, loop_turn_fn fn, void *arg);

/** Watch `fd` for LOOP_READ and LOOP_WRITE (0: nothing yet). `ready` may close the watch. */
NODISCARD enum err loop_watch(struct loop *l, struct watch **out, int fd, unsigned events,
                              void (*ready)(void *arg, unsigned events), void *arg);
/** Change what is watched for. */
void watch_set(struct watch *w, unsigned events);
/** Stop and free it; close the descriptor after this. NULL is fine. */
void watch_close(struct watch *w);
