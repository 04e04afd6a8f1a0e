#include "base/crew.h"

#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#define DRAIN_ROUNDS 1000
#define HEAP_PIECES 64
#define HEAP_PIECE 120000 /* below the size from which malloc maps each piece on its own */

struct worker {
	struct loop *loop;
	pthread_t thread;
	bool running;
	struct post stop;
};

struct crew {
	unsigned count;
	atomic_bool stopped;
	struct worker workers[];
};

enum err crew_open(struct crew **out, unsigned count)
{
	struct crew *c;
	enum err e;

	if (count < 1 || count > CREW_MAX)
		return ERR_RANGE;
	c = mem_zero(sizeof(*c) + count * sizeof(c->workers[0]));
	if (c == NULL)
		return ERR_NOMEM;
	c->count = count;
	for (unsigned i = 0; i < count; i++) {
		e = loop_open(&c->workers[i].loop, i);
		if (e != ERR_OK) {
			crew_close(c);
			return e;
		}
	}
	*out = c;
	return ERR_OK;
}

/* glibc lets the heap of a thread grow page by page: each time an mprotect() that waits for the page faults of all other threads, with the heap's
 * lock held, so that whoever frees a message that came from there waits too: tens of milliseconds on a busy machine. It grows once, before
 * there is work. What is free stays mapped, without memory behind it. */
static void grow_heap(void)
{
	void *pieces[HEAP_PIECES];

	for (size_t i = 0; i < HEAP_PIECES; i++)
		pieces[i] = malloc(HEAP_PIECE);
	for (size_t i = 0; i < HEAP_PIECES; i++)
		free(pieces[i]);
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	char name[16];

	(void)snprintf(name, sizeof(name), "worker/%u", loop_index(w->loop) % 100);
	(void)pthread_setname_np(pthread_self(), name);
	grow_heap();
	loop_run(w->loop);
	return NULL;
}

enum err crew_start(struct crew *c)
{
	sigset_t all;
	sigset_t before;
	bool good = true;

	atomic_store(&c->stopped, false);
	/* Signals are for the main thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; good && i < c->count; i++) {
		struct worker *w = &c->workers[i];

		good = pthread_create(&w->thread, NULL, run_worker, w) == 0;
		w->running = good;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!good)
		crew_stop(c);
	return good ? ERR_OK : ERR_SYSTEM;
}

static void stop_here(struct post *p, struct loop *loop)
{
	(void)p;
	loop_stop(loop);
}

/* What is posted may post again, to and fro; not for ever. */
static void drain(struct crew *c)
{
	bool any = true;

	for (int round = 0; any && round < DRAIN_ROUNDS; round++) {
		any = false;
		for (unsigned i = 0; i < c->count; i++)
			any |= loop_drain(c->workers[i].loop);
	}
}

void crew_stop(struct crew *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		struct worker *w = &c->workers[i];

		if (w->running) {
			w->stop.run = stop_here;
			loop_post(w->loop, &w->stop);
		}
	}
	for (unsigned i = 0; i < c->count; i++) {
		if (c->workers[i].running)
			must(pthread_join(c->workers[i].thread, NULL) == 0);
		c->workers[i].running = false;
	}
	atomic_store(&c->stopped, true);
	drain(c);
}

bool crew_stopped(const struct crew *c)
{
	return atomic_load_explicit(&c->stopped, memory_order_acquire);
}

void crew_close(struct crew *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->count; i++)
		loop_close(c->workers[i].loop);
	free(c);
}

unsigned crew_count(const struct crew *c)
{
	return c->count;
}

struct loop *crew_loop(const struct crew *c, unsigned index)
{
	must(index < c->count);
	return c->workers[index].loop;
}

unsigned crew_home(const struct crew *c, uint64_t hash)
{
	return crew_home_of(hash, c->count);
}
