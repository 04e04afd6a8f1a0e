#include "base/metrics.h"

#include "base/mem.h"

#include "../alloc_fail.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const double bounds[] = { 0.02, 0.05, 1 };
static const struct metric_def defs[] = {
	{ "lotse_calls_total", "Calls", METRIC_COUNTER, NULL, 0 },
	{ "lotse_open", "Open now", METRIC_GAUGE, NULL, 0 },
	{ "lotse_lag_seconds", "Lag", METRIC_HISTOGRAM, bounds, COUNT_OF(bounds) },
};

enum { CALLS, OPEN, LAG };

static struct metrics *open_metrics(unsigned shards)
{
	struct metrics *m = NULL;

	assert_int_equal(metrics_open(&m, defs, COUNT_OF(defs), shards), ERR_OK);
	return m;
}

static void assert_written(const struct metrics *m, const char *want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	metrics_write(m, &b);
	assert_int_equal(b.err, ERR_OK);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

static void shards_are_added_up(void **state)
{
	struct metrics *m = open_metrics(2);

	(void)state;
	metric_add(metric_get(m, CALLS, 0, STR("method=\"INVITE\"")), 2);
	metric_add(metric_get(m, CALLS, 1, STR("method=\"INVITE\"")), 3);
	metric_add(metric_get(m, CALLS, 1, STR("method=\"BYE\"")), 1);
	metric_set(metric_get(m, OPEN, 0, STR_NONE), 7);
	metric_add(metric_get(m, OPEN, 1, STR_NONE), -2);
	metric_observe(metric_get(m, LAG, 0, STR("worker=\"0\"")), 0.02);
	metric_observe(metric_get(m, LAG, 0, STR("worker=\"0\"")), 0.021);
	metric_observe(metric_get(m, LAG, 1, STR("worker=\"0\"")), 5);
	assert_written(m, "# HELP lotse_calls_total Calls\n# TYPE lotse_calls_total counter\n"
	                  "lotse_calls_total{method=\"INVITE\"} 5\n"
	                  "lotse_calls_total{method=\"BYE\"} 1\n"
	                  "# HELP lotse_open Open now\n# TYPE lotse_open gauge\n"
	                  "lotse_open 5\n"
	                  "# HELP lotse_lag_seconds Lag\n# TYPE lotse_lag_seconds histogram\n"
	                  "lotse_lag_seconds_bucket{worker=\"0\",le=\"0.02\"} 1\n"
	                  "lotse_lag_seconds_bucket{worker=\"0\",le=\"0.05\"} 2\n"
	                  "lotse_lag_seconds_bucket{worker=\"0\",le=\"1\"} 2\n"
	                  "lotse_lag_seconds_bucket{worker=\"0\",le=\"+Inf\"} 3\n"
	                  "lotse_lag_seconds_count{worker=\"0\"} 3\n"
	                  "lotse_lag_seconds_sum{worker=\"0\"} 5.041000000\n");
	metrics_close(m);
	metrics_close(NULL);
}

/* A found cell is the same one again; labels beyond the bounds count as "other", in histograms too. */
static void label_sets_are_bounded(void **state)
{
	struct metrics *m = open_metrics(1);
	struct metric *first = metric_get(m, CALLS, 0, STR("n=\"0\""));
	char lengthy[METRIC_LABELS_MAX + 1];
	struct buf b;

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy));
	for (int i = 0; i < METRIC_CELLS_MAX + 100; i++) {
		char labels[32];

		(void)snprintf(labels, sizeof(labels), "n=\"%d\"", i);
		metric_add(metric_get(m, CALLS, 0, str_from(labels)), 1);
		metric_observe(metric_get(m, LAG, 0, str_from(labels)), 0.03);
	}
	assert_ptr_equal(metric_get(m, CALLS, 0, STR("n=\"0\"")), first);
	metric_add(metric_get(m, CALLS, 0, str_of(lengthy, sizeof(lengthy))), 1);
	buf_init(&b, 1 << 20);
	metrics_write(m, &b);
	assert_non_null(strstr(buf_cstr(&b), "lotse_calls_total{overflow=\"other\"} 101\n"));
	assert_non_null(strstr(buf_cstr(&b),
	                       "lotse_lag_seconds_bucket{overflow=\"other\",le=\"0.05\"} 100\n"));
	assert_non_null(strstr(buf_cstr(&b), "lotse_lag_seconds_count{overflow=\"other\"} 100\n"));
	buf_fini(&b);
	metrics_close(m);
}

/* A clock that went backwards must not spoil the sum. */
static void odd_observations_do_no_harm(void **state)
{
	static const double odd[] = {
		-1, 0, 1e30, (double)NAN, (double)INFINITY, (double)-INFINITY
	};
	struct metrics *m = open_metrics(1);
	struct metric *cell = metric_get(m, LAG, 0, STR_NONE);
	struct buf b;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(odd); i++)
		metric_observe(cell, odd[i]);
	buf_init(&b, 1 << 20);
	metrics_write(m, &b);
	assert_non_null(strstr(buf_cstr(&b), "lotse_lag_seconds_count 6\n"));
	assert_non_null(strstr(buf_cstr(&b), "lotse_lag_seconds_sum 0.000000000\n"));
	buf_fini(&b);
	metrics_close(m);
}

static void count_some(void *arg)
{
	struct metrics *m = NULL;

	(void)arg;
	if (metrics_open(&m, defs, COUNT_OF(defs), 3) == ERR_OK) {
		metric_add(metric_get(m, CALLS, 2, STR("a=\"b\"")), 1);
		metric_observe(metric_get(m, LAG, 1, STR("a=\"b\"")), 1);
	} else {
		assert_true(alloc_fail_happened());
	}
	metrics_close(m);
}

static void memory_may_run_out(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(count_some, NULL) >= 12);
}

#define COUNTS 3000

struct counter {
	struct metrics *m;
	unsigned shard;
};

static void *count_up(void *arg)
{
	struct counter *c = arg;

	for (int i = 0; i < COUNTS; i++) {
		char labels[32];

		(void)snprintf(labels, sizeof(labels), "n=\"%d\"", i % 50);
		metric_add(metric_get(c->m, CALLS, c->shard, str_from(labels)), 1);
		metric_observe(metric_get(c->m, LAG, c->shard, STR_NONE), 0.03);
	}
	return NULL;
}

/* Whoever reads meanwhile sees whole lines; at the end nothing is missing. */
static void counting_and_reading_do_not_meet(void **state)
{
	struct metrics *m = open_metrics(3);
	struct counter counters[3];
	pthread_t threads[3];
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < 3; i++) {
		counters[i] = (struct counter){ m, i };
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, &counters[i]), 0);
	}
	for (int i = 0; i < 20; i++) {
		buf_clear(&b);
		metrics_write(m, &b);
		assert_int_equal(b.err, ERR_OK);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	buf_clear(&b);
	metrics_write(m, &b);
	assert_non_null(strstr(buf_cstr(&b), "lotse_calls_total{n=\"49\"} 180\n"));
	assert_non_null(strstr(buf_cstr(&b), "lotse_lag_seconds_count 9000\n"));
	buf_fini(&b);
	metrics_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_are_added_up),
		cmocka_unit_test(label_sets_are_bounded),
		cmocka_unit_test(odd_observations_do_no_harm),
		cmocka_unit_test(memory_may_run_out),
		cmocka_unit_test(counting_and_reading_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
