#include "base/timer.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TIMERS 200
#define MS 1000000

/* A wheel, and a plain model of it: for each timer when it is due. */
struct world {
	struct timer_wheel wheel;
	struct mono now;
	uint64_t random;
	size_t fired;
	struct one {
		struct timer timer;
		struct world *world;
		int64_t due_ns; /* 0: does not run */
	} timers[TIMERS];
};

static uint64_t draw(struct world *w, uint64_t below)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (w->random >> 20) % below;
}

static void begin(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->random = seed;
	w->now.ns = 123456789;
	timer_wheel_init(&w->wheel, w->now);
	for (size_t i = 0; i < TIMERS; i++)
		w->timers[i].world = w;
}

static void on_fire(struct timer *t);

/* Delays of every size that the levels of the wheel tell apart. */
static void start_one(struct world *w, struct one *o)
{
	static const uint64_t spans[] = {
		1, 3, 256, 257, 5000, 65536, 70000, 17000000, 4000000000
	};
	int64_t delay = (int64_t)draw(w, spans[draw(w, COUNT_OF(spans))]);

	timer_start(&w->wheel, &o->timer, w->now, delay, on_fire);
	o->due_ns = w->now.ns + delay * MS;
}

static void on_fire(struct timer *t)
{
	struct one *o = container_of(t, struct one, timer);
	struct world *w = o->world;
	struct one *other = &w->timers[draw(w, TIMERS)];

	assert_false(timer_running(t));
	assert_true(o->due_ns != 0);
	assert_true(w->now.ns >= o->due_ns); /* never early */
	o->due_ns = 0;
	w->fired++;
	/* Whoever fires starts and stops others, itself too, also such as are due now. */
	switch (draw(w, 4)) {
	case 0:
		start_one(w, other);
		break;
	case 1:
		timer_stop(&w->wheel, &other->timer);
		other->due_ns = 0;
		break;
	case 2:
		start_one(w, o);
		break;
	default:
		break;
	}
}

static int64_t earliest(const struct world *w)
{
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < TIMERS; i++)
		if (w->timers[i].due_ns != 0 && w->timers[i].due_ns < least)
			least = w->timers[i].due_ns;
	return least;
}

/* What the wheel says must be what the model says; nothing that was due two ticks ago still waits. */
static void compare(const struct world *w)
{
	size_t running = 0;
	int64_t next = timer_wheel_next_ms(&w->wheel, w->now);

	for (size_t i = 0; i < TIMERS; i++) {
		const struct one *o = &w->timers[i];

		assert_int_equal(timer_running(&o->timer), o->due_ns != 0);
		running += o->due_ns != 0;
		if (o->due_ns != 0)
			assert_true(o->due_ns > w->now.ns - 2 * MS);
	}
	assert_int_equal(w->wheel.count, running);
	if (running == 0)
		assert_int_equal(next, -1);
	else
		assert_true(next >= 0 && (next - 2) * MS <= earliest(w) - w->now.ns);
}

static void agrees_with_a_plain_model(void **state)
{
	static struct world w;

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		begin(&w, seed);
		for (int step = 0; step < 3000; step++) {
			static const uint64_t strides[] = { 1, 2, 300, 5000, 300000 };
			struct one *o = &w.timers[draw(&w, TIMERS)];

			if (draw(&w, 4) == 0) {
				timer_stop(&w.wheel, &o->timer);
				o->due_ns = 0;
			} else {
				start_one(&w, o);
			}
			w.now.ns += (int64_t)draw(&w, strides[draw(&w, COUNT_OF(strides))] * MS);
			timer_wheel_advance(&w.wheel, w.now);
			compare(&w);
		}
		assert_true(w.fired > 500);
	}
}

/* Only sleeping as long as the wheel says: every timer fires within two milliseconds of its time. */
static void sleeping_as_long_as_it_says_is_in_time(void **state)
{
	static const int64_t delays[] = { 0,    1,     255,   256,   257,    500,
		                          4000, 32000, 65535, 65536, 185000, 3600000 };
	static struct world w;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(delays); i++) {
		int turns = 0;

		begin(&w, 1);
		timer_start(&w.wheel, &w.timers[0].timer, w.now, delays[i], on_fire);
		w.timers[0].due_ns = w.now.ns + delays[i] * MS;
		w.random = 0;
		while (w.fired == 0) {
			int64_t next = timer_wheel_next_ms(&w.wheel, w.now);

			assert_true(next >= 0);
			assert_true(++turns < 20000);
			w.now.ns += next * MS + (next == 0 ? MS : 0);
			timer_wheel_advance(&w.wheel, w.now);
		}
		assert_true(w.now.ns <= 123456789 + (delays[i] + 2) * MS);
	}
}

static void count_up(struct timer *t)
{
	container_of(t, struct one, timer)->world->fired++;
}

static void odd_delays_are_bounded(void **state)
{
	static struct world w;

	(void)state;
	begin(&w, 1);
	timer_start(&w.wheel, &w.timers[0].timer, w.now, -5, count_up);
	timer_start(&w.wheel, &w.timers[1].timer, w.now, INT64_MAX, count_up);
	timer_start(&w.wheel, &w.timers[2].timer, (struct mono){ 0 }, 10,
	            count_up); /* a clock that lags */
	w.now.ns += MS;
	timer_wheel_advance(&w.wheel, w.now);
	assert_int_equal(w.fired, 2);
	assert_true(timer_running(&w.timers[1].timer));
	timer_wheel_advance(&w.wheel, (struct mono){ 0 });
	w.now.ns += ((int64_t)1 << 32) * MS;
	timer_wheel_advance(&w.wheel, w.now);
	assert_int_equal(w.fired, 3);
	assert_int_equal(timer_wheel_next_ms(&w.wheel, w.now), -1);
	timer_stop(&w.wheel, &w.timers[1].timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_plain_model),
		cmocka_unit_test(sleeping_as_long_as_it_says_is_in_time),
		cmocka_unit_test(odd_delays_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
