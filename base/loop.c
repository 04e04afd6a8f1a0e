#include "base/loop.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

/* How old a reading of schedstat may be at the start of a turn: what the thread waited for a core before that is counted to it at most. */
#define SCHEDSTAT_AGE_NS 5000000
/* Turns shorter than this are not worth asking the kernel about. */
#define SHORT_TURN_NS 5000000
/* Posts run in one turn: so long, looked at so often. */
#define POSTS_MS 5
#define POSTS_BATCH 16

struct watch {
	uv_poll_t poll;
	struct loop *loop;
	struct watch *next;
	struct watch **prev;
	void (*ready)(void *arg, unsigned events);
	void *arg;
	int wanted; /* of libuv's events */
};

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_timer_t alarm;
	struct watch *watches;
	struct watch *bell;
	struct mailbox mailbox;
	struct post *posts; /* taken from the mailbox, not run yet */
	struct timer_wheel wheel;
	struct loop_end *ends;
	struct mono now;
	unsigned index;
	bool mailbox_open;
	loop_turn_fn on_turn;
	void *on_turn_arg;
	struct mono turn_start;
	int schedstat_fd;
	int64_t waited_ns;     /* for a core, when last asked */
	struct mono waited_at; /* when that was */
};

static void open_schedstat(struct loop *l)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/task/%ld/schedstat",
	               (long)syscall(SYS_gettid));
	if (l->schedstat_fd >= 0)
		(void)close(l->schedstat_fd);
	l->schedstat_fd = open(path, O_RDONLY | O_CLOEXEC);
}

/* What this thread has waited for a core so far; the second number of schedstat. */
static int64_t waited_for_core(const struct loop *l)
{
	char text[96];
	long long ran;
	long long waited;
	ssize_t n = l->schedstat_fd < 0 ? -1 : pread(l->schedstat_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return l->waited_ns;
	text[n] = '\0';
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	return sscanf(text, "%lld %lld", &ran, &waited) == 2 ? waited : l->waited_ns;
}

static void begin_turn(struct loop *l)
{
	struct mono before = mono_now();

	/* First the wait, then the time: what is waited between the two must not count as the turn's. */
	if (l->on_turn != NULL && before.ns - l->waited_at.ns > SCHEDSTAT_AGE_NS) {
		l->waited_ns = waited_for_core(l);
		l->waited_at = before;
	}
	l->now = mono_now();
	l->turn_start = l->now;
}

static void end_turn(struct loop *l)
{
	struct mono now = mono_now();
	int64_t busy = now.ns - l->turn_start.ns;

	if (l->turn_start.ns == 0)
		return;
	l->turn_start.ns = 0;
	if (l->on_turn == NULL)
		return;
	if (busy > SHORT_TURN_NS) {
		int64_t waited = waited_for_core(l);

		busy -= waited - l->waited_ns;
		l->waited_ns = waited;
		l->waited_at = now;
	}
	l->on_turn(l->on_turn_arg, busy < 0 ? 0 : busy);
}

static void run_ends(struct loop *l)
{
	while (l->ends != NULL) {
		struct loop_end *end = l->ends;

		l->ends = end->next;
		end->queued = false;
		end->run(end);
	}
}

static void ring_alarm(uv_timer_t *alarm)
{
	(void)alarm; /* The wheel is advanced by the check that follows. */
}

static void on_prepare(uv_prepare_t *handle)
{
	struct loop *l = handle->data;
	int64_t next;

	timer_wheel_advance(&l->wheel, l->now);
	run_ends(l);
	end_turn(l);
	next = timer_wheel_next_ms(&l->wheel, mono_now());
	if (next < 0) {
		(void)uv_timer_stop(&l->alarm);
	} else {
		uv_update_time(&l->uv);
		(void)uv_timer_start(&l->alarm, ring_alarm, (uint64_t)next, 0);
	}
}

/* libuv runs this after the watches: the mailbox and the timers come in the same turn. */
static void on_check(uv_check_t *handle)
{
	struct loop *l = handle->data;

	if (l->turn_start.ns == 0)
		begin_turn(l);
	timer_wheel_advance(&l->wheel, l->now);
}

static void run_post(struct loop *l)
{
	struct post *p = l->posts;

	l->posts = p->next;
	p->run(p, l);
}

bool loop_drain(struct loop *l)
{
	bool any = l->posts != NULL;

	while (l->posts != NULL)
		run_post(l);
	l->posts = mailbox_take(&l->mailbox);
	any |= l->posts != NULL;
	while (l->posts != NULL)
		run_post(l);
	return any;
}

/* Run posts for a while: a thousand answers at once must not keep sockets and timers waiting. */
static void run_posts(struct loop *l)
{
	struct mono enough = mono_add_ms(mono_now(), POSTS_MS);

	while (l->posts != NULL) {
		for (unsigned i = 0; i < POSTS_BATCH && l->posts != NULL; i++)
			run_post(l);
		if (!mono_after(enough, mono_now()))
			return;
	}
}

static void on_bell(void *arg, unsigned events)
{
	struct loop *l = arg;
	bool left = l->posts != NULL;
	uint64_t rings;

	(void)events;
	(void)!read(l->mailbox.wake_fd, &rings, sizeof(rings));
	if (!left)
		l->posts = mailbox_take(&l->mailbox);
	run_posts(l);
	/* What is left comes first in the next turn, then what was posted meanwhile, whose ring has been heard already. */
	if (left || l->posts != NULL)
		mailbox_ring(&l->mailbox);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct watch *w = handle->data;
	unsigned ready = 0;

	if (w->loop->turn_start.ns == 0)
		begin_turn(w->loop);
	if (status < 0) {
		ready |= LOOP_ERROR | LOOP_READ;
		/* On POLLERR libuv stops watching; but an error in the queue of a UDP socket (an ICMP message) is not its end. */
		(void)uv_poll_start(&w->poll, w->wanted, on_poll);
	}
	if ((events & UV_READABLE) != 0)
		ready |= LOOP_READ;
	if ((events & UV_WRITABLE) != 0)
		ready |= LOOP_WRITE;
	w->ready(w->arg, ready);
}

enum err loop_open(struct loop **out, unsigned index)
{
	struct loop *l = mem_zero(sizeof(*l));
	enum err e = ERR_NOMEM;

	if (l == NULL)
		return ERR_NOMEM;
	l->index = index;
	l->schedstat_fd = -1;
	l->now = mono_now();
	timer_wheel_init(&l->wheel, l->now);
	if (uv_loop_init(&l->uv) != 0) {
		free(l);
		return ERR_SYSTEM;
	}
	(void)uv_prepare_init(&l->uv, &l->prepare);
	(void)uv_check_init(&l->uv, &l->check);
	(void)uv_timer_init(&l->uv, &l->alarm);
	l->prepare.data = l;
	l->check.data = l;
	(void)uv_prepare_start(&l->prepare, on_prepare);
	(void)uv_check_start(&l->check, on_check);
	if ((e = mailbox_init(&l->mailbox)) != ERR_OK)
		goto fail;
	l->mailbox_open = true;
	if ((e = loop_watch(l, &l->bell, l->mailbox.wake_fd, LOOP_READ, on_bell, l)) != ERR_OK)
		goto fail;
	*out = l;
	return ERR_OK;
fail:
	loop_close(l);
	return e;
}

void loop_close(struct loop *l)
{
	if (l == NULL)
		return;
	while (l->watches != NULL)
		watch_close(l->watches);
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_close((uv_handle_t *)&l->check, NULL);
	uv_close((uv_handle_t *)&l->alarm, NULL);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	must(uv_loop_close(&l->uv) == 0);
	if (l->mailbox_open)
		mailbox_fini(&l->mailbox);
	if (l->schedstat_fd >= 0)
		(void)close(l->schedstat_fd);
	free(l);
}

void loop_run(struct loop *l)
{
	open_schedstat(l);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	/* libuv stops before what ends a turn. What was to be sent then is still sent. */
	run_ends(l);
	end_turn(l);
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

unsigned loop_index(const struct loop *l)
{
	return l->index;
}

struct mono loop_now(const struct loop *l)
{
	return l->now;
}

void loop_post(struct loop *l, struct post *p)
{
	mailbox_post(&l->mailbox, p);
}

void loop_timer_start(struct loop *l, struct timer *t, int64_t delay_ms,
                      void (*fire)(struct timer *))
{
	/* Outside of a turn, before the loop runs, `now` may be long ago. */
	if (l->turn_start.ns == 0)
		l->now = mono_now();
	timer_start(&l->wheel, t, l->now, delay_ms, fire);
}

void loop_timer_stop(struct loop *l, struct timer *t)
{
	timer_stop(&l->wheel, t);
}

void loop_at_end(struct loop *l, struct loop_end *end)
{
	if (end->queued)
		return;
	end->queued = true;
	end->next = l->ends;
	l->ends = end;
}

void loop_end_cancel(struct loop *l, struct loop_end *end)
{
	struct loop_end **at = &l->ends;

	if (!end->queued)
		return;
	while (*at != end)
		at = &(*at)->next;
	*at = end->next;
	end->queued = false;
}

void loop_on_turn(struct loop *l, loop_turn_fn fn, void *arg)
{
	l->on_turn = fn;
	l->on_turn_arg = arg;
}

enum err loop_watch(struct loop *l, struct watch **out, int fd, unsigned events,
                    void (*ready)(void *arg, unsigned events), void *arg)
{
	struct watch *w = mem_zero(sizeof(*w));

	if (w == NULL)
		return ERR_NOMEM;
	w->loop = l;
	w->ready = ready;
	w->arg = arg;
	if (uv_poll_init(&l->uv, &w->poll, fd) != 0) {
		free(w);
		return ERR_SYSTEM;
	}
	w->poll.data = w;
	w->next = l->watches;
	w->prev = &l->watches;
	if (w->next != NULL)
		w->next->prev = &w->next;
	l->watches = w;
	watch_set(w, events);
	*out = w;
	return ERR_OK;
}

void watch_set(struct watch *w, unsigned events)
{
	int wanted = 0;

	if ((events & LOOP_READ) != 0)
		wanted |= UV_READABLE;
	if ((events & LOOP_WRITE) != 0)
		wanted |= UV_WRITABLE;
	w->wanted = wanted;
	if (wanted == 0)
		(void)uv_poll_stop(&w->poll);
	else
		(void)uv_poll_start(&w->poll, wanted, on_poll);
}

static void free_watch(uv_handle_t *handle)
{
	free(handle->data);
}

void watch_close(struct watch *w)
{
	if (w == NULL)
		return;
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	uv_close((uv_handle_t *)&w->poll, free_watch);
}
