#include "gateway/metric_table.h"

#include "base/mem.h"

/* 0.02 and 0.05 are the bounds that a worker promises to keep. */
static const double lag_bounds[] = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1 };

#define BOUNDS_HISTOGRAM .bounds = lag_bounds, .bound_count = COUNT_OF(lag_bounds)
#define BOUNDS_COUNTER .bounds = NULL, .bound_count = 0
#define BOUNDS_GAUGE .bounds = NULL, .bound_count = 0

static const struct metric_def rows[] = {
#define X(id, metric, kind, text) \
	[M_##id] = { .name = (metric), .help = (text), .type = METRIC_##kind, BOUNDS_##kind },
	METRIC_TABLE(X)
#undef X
};

const struct metric_def *metric_table(void)
{
	return rows;
}
