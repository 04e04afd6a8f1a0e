#include "registrar/writer.h"

#include "base/mem.h"
#include "registrar/sweep.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define ROUTES_MAX 80 /* loops of one batch whose answers go in one piece: a crew's, and some */
#define TEND_MS 1000

/* The answers for one loop: posted in one piece. */
struct route {
	struct loop *loop;
	struct reg_job *first;
	struct reg_job *last;
};

struct reg_writer {
	struct mailbox inbox;
	bool inbox_open;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	atomic_uint_fast64_t queued;
	atomic_size_t queued_octets;
	atomic_uint_fast64_t done;
	atomic_int_fast64_t min_expires_s;
	atomic_int_fast64_t default_expires_s;
	atomic_int_fast64_t max_expires_s;
	atomic_uint max_contacts;

	/* The thread's own. */
	struct reg_sweep *sweep;
	struct reg_batch batch;
	struct mono next_tend;
	struct route routes[ROUTES_MAX];
	unsigned route_count;
};

/* ---------------------------------------------------------------------------- asking: any thread */

enum err reg_writer_give(struct reg_writer *w, struct reg_job *job)
{
	uint64_t before = atomic_fetch_add(&w->queued, 1);
	size_t octets = atomic_fetch_add(&w->queued_octets, job->size);

	if (before >= REG_QUEUE_MAX || (before > 0 && octets + job->size > REG_QUEUE_OCTETS)) {
		(void)atomic_fetch_sub(&w->queued, 1);
		(void)atomic_fetch_sub(&w->queued_octets, job->size);
		return ERR_LIMIT;
	}
	mailbox_post(&w->inbox, &job->post);
	return ERR_OK;
}

void reg_writer_limit(struct reg_writer *w, const struct reg_limits *limits)
{
	unsigned contacts = limits->max_contacts;

	/* One by one: a request planned in between meets some of the old and some of the new, as if it had come a moment earlier. */
	atomic_store(&w->min_expires_s, limits->min_expires_s);
	atomic_store(&w->default_expires_s, limits->default_expires_s);
	atomic_store(&w->max_expires_s, limits->max_expires_s);
	atomic_store(&w->max_contacts, contacts > REG_CONTACTS_MAX ? REG_CONTACTS_MAX : contacts);
}

uint64_t reg_writer_queued(const struct reg_writer *w)
{
	return atomic_load(&w->queued);
}

uint64_t reg_writer_done(const struct reg_writer *w)
{
	return atomic_load(&w->done);
}

/* ---------------------------------------------------------------------------- answering */

static void deliver_all(struct post *post, struct loop *loop)
{
	struct reg_job *job = container_of(post, struct reg_job, post);

	(void)loop;
	while (job != NULL) {
		struct reg_job *next = job->next;

		job->kind->deliver(job);
		job = next;
	}
}

static struct route *find_route(struct reg_writer *w, struct loop *loop)
{
	for (unsigned i = 0; i < w->route_count; i++) {
		if (w->routes[i].loop == loop)
			return &w->routes[i];
	}
	if (w->route_count == ROUTES_MAX)
		return NULL;
	w->routes[w->route_count] = (struct route){ .loop = loop };
	return &w->routes[w->route_count++];
}

static void answer(struct reg_writer *w, struct reg_job *job)
{
	struct route *route;

	job->next = NULL;
	job->post.run = deliver_all;
	if (job->loop == NULL) {
		job->kind->deliver(job);
		return;
	}
	route = find_route(w, job->loop);
	if (route == NULL) {
		loop_post(job->loop, &job->post);
		return;
	}
	if (route->first == NULL)
		route->first = job;
	else
		route->last->next = job;
	route->last = job;
}

static void post_answers(struct reg_writer *w)
{
	for (unsigned i = 0; i < w->route_count; i++)
		loop_post(w->routes[i].loop, &w->routes[i].first->post);
	w->route_count = 0;
}

/* ---------------------------------------------------------------------------- a batch */

static void read_limits(struct reg_writer *w)
{
	w->batch.limits = (struct reg_limits){
		.min_expires_s = atomic_load(&w->min_expires_s),
		.default_expires_s = atomic_load(&w->default_expires_s),
		.max_expires_s = atomic_load(&w->max_expires_s),
		.max_contacts = atomic_load(&w->max_contacts),
	};
}

static enum err apply_all(struct reg_writer *w, struct reg_job *jobs)
{
	enum err e = reg_store_begin(w->batch.store);

	if (e != ERR_OK)
		return e;
	read_limits(w);
	for (struct reg_job *job = jobs; e == ERR_OK && job != NULL; job = job->next)
		e = job->kind->apply(job, &w->batch);
	if (e != ERR_OK) {
		reg_store_abort(w->batch.store, e);
		return e;
	}
	return reg_store_commit(w->batch.store);
}

/* Durable and visible first, then the answers. */
static void run_batch(struct reg_writer *w, struct reg_job *jobs)
{
	enum err e = apply_all(w, jobs);

	while (jobs != NULL) {
		struct reg_job *job = jobs;

		jobs = job->next;
		(void)atomic_fetch_sub(&w->queued, 1);
		(void)atomic_fetch_sub(&w->queued_octets, job->size);
		(void)atomic_fetch_add_explicit(&w->done, 1, memory_order_relaxed);
		if (e != ERR_OK)
			job->kind->fail(job, e);
		answer(w, job);
	}
	post_answers(w);
}

/* Make a batch of the first posts of `*posts`. */
static struct reg_job *cut_batch(struct post **posts)
{
	struct reg_job *first = NULL;
	struct reg_job **at = &first;

	for (unsigned n = 0; n < REG_BATCH_MAX && *posts != NULL; n++) {
		struct reg_job *job = container_of(*posts, struct reg_job, post);

		*posts = job->post.next;
		job->next = NULL;
		*at = job;
		at = &job->next;
	}
	return first;
}

/* ---------------------------------------------------------------------------- the thread */

static void wait_for_jobs(struct reg_writer *w, int64_t ms)
{
	struct pollfd bell = { .fd = w->inbox.wake_fd, .events = POLLIN };
	uint64_t rings;

	if (poll(&bell, 1, (int)ms) > 0)
		(void)!read(w->inbox.wake_fd, &rings, sizeof(rings));
}

/* What is done between batches; how long until there is something to do again. */
static int64_t tend(struct reg_writer *w)
{
	int64_t ms = reg_sweep_run(w->sweep, &w->batch, wall_now());
	struct mono now = mono_now();

	if (!mono_after(w->next_tend, now)) {
		reg_store_tend(w->batch.store);
		w->next_tend = mono_add_ms(now, TEND_MS);
	}
	return ms < TEND_MS ? ms : TEND_MS;
}

static void *run(void *arg)
{
	struct reg_writer *w = arg;
	struct post *posts = NULL;

	(void)pthread_setname_np(pthread_self(), "registrar");
	for (;;) {
		bool stopping = atomic_load(&w->stop);
		int64_t idle_ms;

		posts = mailbox_take(&w->inbox);
		if (posts == NULL && stopping)
			return NULL;
		while (posts != NULL)
			run_batch(w, cut_batch(&posts));
		if (stopping)
			continue;
		idle_ms = tend(w);
		wait_for_jobs(w, idle_ms);
	}
}

static enum err start(struct reg_writer *w)
{
	sigset_t all;
	sigset_t before;

	/* Signals are for the main thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	w->running = pthread_create(&w->thread, NULL, run, w) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return w->running ? ERR_OK : ERR_SYSTEM;
}

enum err reg_writer_open(struct reg_writer **out, struct reg_store *store,
                         const struct reg_limits *limits, struct log *log)
{
	struct reg_writer *w = mem_zero(sizeof(*w));
	enum err e;

	if (w == NULL)
		return ERR_NOMEM;
	w->batch.store = store;
	w->batch.log = log;
	reg_writer_limit(w, limits);
	e = mailbox_init(&w->inbox);
	w->inbox_open = e == ERR_OK;
	if (e != ERR_OK || (e = hash_key_init(&w->batch.key)) != ERR_OK ||
	    (e = reg_sweep_open(&w->sweep, store)) != ERR_OK || (e = start(w)) != ERR_OK) {
		reg_writer_close(w);
		return e;
	}
	*out = w;
	return ERR_OK;
}

void reg_writer_close(struct reg_writer *w)
{
	uint64_t one = 1;

	if (w == NULL)
		return;
	atomic_store(&w->stop, true);
	if (w->running) {
		(void)!write(w->inbox.wake_fd, &one, sizeof(one));
		must(pthread_join(w->thread, NULL) == 0);
	}
	reg_sweep_close(w->sweep);
	if (w->inbox_open)
		mailbox_fini(&w->inbox);
	free(w);
}
