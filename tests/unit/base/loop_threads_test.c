#include "base/loop.h"

#include "base/crew.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

/* A loop that is given up where the test's event never comes. */
struct bench {
	struct loop *loop;
	struct timer patience;
	bool late;
};

static void on_patience(struct timer *t)
{
	struct bench *b = container_of(t, struct bench, patience);

	b->late = true;
	loop_stop(b->loop);
}

static void bench_open(struct bench *b)
{
	*b = (struct bench){ 0 };
	assert_int_equal(loop_open(&b->loop, 0), ERR_OK);
	loop_timer_start(b->loop, &b->patience, PATIENCE_MS, on_patience);
}

static void bench_run(struct bench *b)
{
	loop_run(b->loop);
	assert_false(b->late);
}

/* --- timers --- */

struct ticking {
	struct bench bench;
	struct timer timer;
	struct mono started;
	struct mono fired;
	int left;
};

static void on_tick(struct timer *t)
{
	struct ticking *c = container_of(t, struct ticking, timer);

	c->fired = mono_now();
	if (--c->left == 0)
		loop_stop(c->bench.loop);
	else
		loop_timer_start(c->bench.loop, t, 5, on_tick);
}

/* Also without anybody who is told about turns: the clock of the loop must go on. */
static void timers_fire_in_time(void **state)
{
	struct ticking c = { .left = 4 };

	(void)state;
	bench_open(&c.bench);
	c.started = mono_now();
	loop_timer_start(c.bench.loop, &c.timer, 20, on_tick);
	bench_run(&c.bench);
	assert_true(mono_ms_between(c.started, c.fired) >= 35);
	loop_close(c.bench.loop);
}

/* What is started before the loop runs counts from then, not from when the loop was opened. */
static void timers_of_before_count_from_when_they_were_started(void **state)
{
	struct ticking c = { .left = 1 };

	(void)state;
	bench_open(&c.bench);
	(void)usleep(30000);
	c.started = mono_now();
	loop_timer_start(c.bench.loop, &c.timer, 20, on_tick);
	bench_run(&c.bench);
	assert_true(mono_ms_between(c.started, c.fired) >= 20);
	loop_close(c.bench.loop);
}

/* --- watches --- */

struct reading {
	struct bench bench;
	struct watch *watch;
	int fd;
	int errors;
	char got[16];
};

static void drain_errors(struct reading *r)
{
	char memory[256];
	char control[256];
	struct iovec piece = { memory, sizeof(memory) };
	struct msghdr msg = { .msg_iov = &piece,
		              .msg_iovlen = 1,
		              .msg_control = control,
		              .msg_controllen = sizeof(control) };

	while (recvmsg(r->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
		r->errors++;
}

static void on_datagram(void *arg, unsigned events)
{
	struct reading *r = arg;
	ssize_t n;

	if ((events & LOOP_ERROR) != 0)
		drain_errors(r);
	while ((n = recv(r->fd, r->got, sizeof(r->got), MSG_DONTWAIT)) >= 0 ||
	       errno == ECONNREFUSED) {
		if (n > 0) {
			loop_stop(r->bench.loop);
			return;
		}
	}
}

static int udp_socket(struct sockaddr_in *bound)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*bound);

	*bound = (struct sockaddr_in){ .sin_family = AF_INET,
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)bound, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)bound, &len), 0);
	return fd;
}

static void send_later(struct timer *t)
{
	struct ticking *c = container_of(t, struct ticking, timer);
	struct sockaddr_in from;
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	int fd = udp_socket(&from);

	assert_int_equal(getsockname(c->left, (struct sockaddr *)&to, &len), 0);
	assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	(void)close(fd);
}

/* An ICMP error is told, and does not end the watch: libuv stops it, the loop must not. */
static void an_error_does_not_end_a_watch(void **state)
{
	struct sockaddr_in own;
	struct sockaddr_in gone;
	struct reading r = { .fd = udp_socket(&own) };
	struct ticking later = { .left = r.fd };
	int nobody = udp_socket(&gone);
	int one = 1;

	(void)state;
	(void)close(nobody);
	bench_open(&r.bench);
	assert_int_equal(setsockopt(r.fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one)), 0);
	assert_int_equal(loop_watch(r.bench.loop, &r.watch, r.fd, LOOP_READ, on_datagram, &r),
	                 ERR_OK);
	assert_int_equal(sendto(r.fd, "x", 1, 0, (struct sockaddr *)&gone, sizeof(gone)), 1);
	loop_timer_start(r.bench.loop, &later.timer, 50, send_later);
	bench_run(&r.bench);
	assert_int_equal(r.errors, 1);
	assert_memory_equal(r.got, "hello", 5);
	watch_close(r.watch);
	(void)close(r.fd);
	loop_close(r.bench.loop);
}

struct closing {
	struct bench bench;
	struct watch *watches[2];
	int fds[2][2];
	unsigned ready;
};

static void close_both(void *arg, unsigned events)
{
	struct closing *c = arg;

	assert_int_equal(events, LOOP_READ);
	c->ready++;
	watch_close(c->watches[0]);
	watch_close(c->watches[1]);
	loop_stop(c->bench.loop);
}

/* A watch may be closed by another one's call in the same turn, and is not called any more. */
static void watches_may_close_each_other(void **state)
{
	struct closing c = { 0 };

	(void)state;
	bench_open(&c.bench);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pipe(c.fds[i]), 0);
		assert_int_equal(write(c.fds[i][1], "x", 1), 1);
		assert_int_equal(loop_watch(c.bench.loop, &c.watches[i], c.fds[i][0], LOOP_READ,
		                            close_both, &c),
		                 ERR_OK);
	}
	bench_run(&c.bench);
	assert_int_equal(c.ready, 1);
	loop_close(c.bench.loop);
	for (size_t i = 0; i < 2; i++) {
		(void)close(c.fds[i][0]);
		(void)close(c.fds[i][1]);
	}
}

/* --- the end of a turn --- */

struct ending {
	struct bench bench;
	struct loop_end end;
	struct loop_end taken_back;
	struct post post;
	unsigned runs;
	unsigned turns;
	int64_t busy_ns;
};

static void count_end(struct loop_end *end)
{
	container_of(end, struct ending, end)->runs++;
}

static void never(struct loop_end *end)
{
	(void)end;
	fail_msg("taken back, and run all the same");
}

static void ask_twice_and_stop(struct post *p, struct loop *loop)
{
	struct ending *c = container_of(p, struct ending, post);

	loop_at_end(loop, &c->end);
	loop_at_end(loop, &c->taken_back);
	loop_at_end(loop, &c->end);
	loop_end_cancel(loop, &c->taken_back);
	loop_end_cancel(loop, &c->taken_back);
	assert_int_equal(c->runs, 0);
	(void)usleep(2000);
	loop_stop(loop);
}

static void count_turn(void *arg, int64_t busy_ns)
{
	struct ending *c = arg;

	c->turns++;
	c->busy_ns = busy_ns;
}

/* In the last turn too: what was to be sent when it ends is sent. */
static void the_end_of_a_turn_runs_once(void **state)
{
	struct ending c = { .end.run = count_end,
		            .taken_back.run = never,
		            .post.run = ask_twice_and_stop };

	(void)state;
	bench_open(&c.bench);
	loop_on_turn(c.bench.loop, count_turn, &c);
	loop_post(c.bench.loop, &c.post);
	bench_run(&c.bench);
	assert_int_equal(c.runs, 1);
	assert_int_equal(c.turns, 1);
	assert_true(c.busy_ns >= 1000000);
	loop_close(c.bench.loop);
}

/* --- many posts at once --- */

#define HEAP 400
#define POST_US 100

struct heap;

struct heap_post {
	struct post post;
	struct heap *heap;
};

struct heap {
	struct bench bench;
	struct heap_post posts[HEAP];
	struct post late; /* posted while the others wait */
	unsigned run;
	unsigned turns;
};

static void stop_after_all(struct post *p, struct loop *loop)
{
	assert_int_equal(container_of(p, struct heap, late)->run, HEAP);
	loop_stop(loop);
}

static void take_a_while(struct post *p, struct loop *loop)
{
	struct heap_post *post = container_of(p, struct heap_post, post);
	struct heap *c = post->heap;

	assert_ptr_equal(post, &c->posts[c->run]); /* in order */
	if (c->run++ == 0)
		loop_post(loop, &c->late);
	(void)usleep(POST_US);
}

static void note_turn(void *arg, int64_t busy_ns)
{
	(void)busy_ns;
	((struct heap *)arg)->turns++;
}

/* All of them in one turn would keep sockets and timers waiting for HEAP * POST_US and more. */
static void many_posts_are_run_in_several_turns(void **state)
{
	struct heap *c = mem_zero(sizeof(*c));

	(void)state;
	assert_non_null(c);
	c->late.run = stop_after_all;
	bench_open(&c->bench);
	loop_on_turn(c->bench.loop, note_turn, c);
	for (size_t i = 0; i < HEAP; i++) {
		c->posts[i] = (struct heap_post){ .post.run = take_a_while, .heap = c };
		loop_post(c->bench.loop, &c->posts[i].post);
	}
	bench_run(&c->bench);
	assert_int_equal(c->run, HEAP);
	assert_true(c->turns >= 3);
	loop_close(c->bench.loop);
	free(c);
}

/* --- crews --- */

#define RALLY 2000

struct ball {
	struct post post;
	struct crew *crew;
	unsigned left;
	unsigned seen[4]; /* by worker; written by whoever has the ball */
	struct loop *main;
	unsigned *flying; /* balls; of the main loop */
};

static void over(struct post *p, struct loop *loop)
{
	if (--*container_of(p, struct ball, post)->flying == 0)
		loop_stop(loop);
}

static void hit(struct post *p, struct loop *loop)
{
	struct ball *b = container_of(p, struct ball, post);
	unsigned at = loop_index(loop);

	b->seen[at]++;
	if (--b->left == 0) {
		p->run = over;
		loop_post(b->main, p);
		return;
	}
	loop_post(crew_loop(b->crew, (at + 1) % crew_count(b->crew)), p);
}

static void a_crew_passes_posts_around(void **state)
{
	struct bench bench;
	struct ball balls[8] = { 0 };
	unsigned flying = COUNT_OF(balls);
	struct crew *crew;

	(void)state;
	assert_int_equal(crew_open(&crew, 0), ERR_RANGE);
	assert_int_equal(crew_open(&crew, CREW_MAX + 1), ERR_RANGE);
	assert_int_equal(crew_open(&crew, 4), ERR_OK);
	bench_open(&bench);
	for (size_t i = 0; i < COUNT_OF(balls); i++) {
		balls[i] = (struct ball){ .post.run = hit,
			                  .crew = crew,
			                  .left = RALLY,
			                  .main = bench.loop,
			                  .flying = &flying };
		loop_post(crew_loop(crew, i % 4), &balls[i].post);
	}
	assert_int_equal(crew_start(crew), ERR_OK);
	bench_run(&bench);
	crew_stop(crew);
	crew_stop(crew);
	for (size_t i = 0; i < COUNT_OF(balls); i++)
		for (size_t at = 0; at < 4; at++)
			assert_int_equal(balls[i].seen[at], RALLY / 4);
	crew_close(crew);
	loop_close(bench.loop);
}

static void homes_are_spread_evenly(void **state)
{
	uint64_t hash = 1;
	unsigned homes[4] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		hash = hash * 6364136223846793005u + 1442695040888963407u;
		homes[crew_home_of(hash, 4)]++;
	}
	for (size_t i = 0; i < 4; i++)
		assert_in_range(homes[i], 850, 1150);
	assert_int_equal(crew_home_of(UINT64_MAX, 64), 63);
	assert_int_equal(crew_home_of(UINT64_MAX, 1), 0);
	assert_int_equal(crew_home_of(0, 64), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_time),
		cmocka_unit_test(timers_of_before_count_from_when_they_were_started),
		cmocka_unit_test(an_error_does_not_end_a_watch),
		cmocka_unit_test(watches_may_close_each_other),
		cmocka_unit_test(the_end_of_a_turn_runs_once),
		cmocka_unit_test(many_posts_are_run_in_several_turns),
		cmocka_unit_test(a_crew_passes_posts_around),
		cmocka_unit_test(homes_are_spread_evenly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
