/* base/metrics.h: counters, gauges and histograms for Prometheus, cheap where they are counted.
 *
 * Every thread that counts has a shard of its own; a cell is found once (by its labels) and kept by whoever counts, and counting is a
 * plain relaxed store on the owner's cache line. metrics_write() adds up the shards from any thread. The number of label sets a
 * metric may have is bounded: what is over it is counted under the label value "other". */
#pragma once
#include "base/buf.h"

#include <stdatomic.h>

#define METRIC_CELLS_MAX 512
#define METRIC_LABELS_MAX 160

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_def {
	const char *name; /* with its lotse_ prefix and base unit */
	const char *help;
	enum metric_type type;
	const double *bounds; /* histogram: ascending, in seconds; +Inf is added */
	unsigned bound_count;
};

struct metrics;
/** One series of one shard. Written by the shard's owner alone. */
struct metric;

/** Metrics for the rows of `defs` (which must outlive it) with `shards` shards. */
NODISCARD enum err metrics_open(struct metrics **out, const struct metric_def *defs, unsigned count,
                                unsigned shards);
/** Free. NULL is fine. */
void metrics_close(struct metrics *m);
/** The series of `def` with `labels` (Prometheus syntax without braces, e.g. method="INVITE"; empty for none) in `shard`. Owner
 * thread of the shard. Never NULL: over the bounds or without memory it is the metric's overflow series. */
struct metric *metric_get(struct metrics *m, unsigned def, unsigned shard, struct str labels);
/** Add to a counter (n >= 0) or a gauge. Owner thread. */
void metric_add(struct metric *cell, int64_t n);
/** Set a gauge. Owner thread. */
void metric_set(struct metric *cell, int64_t n);
/** Count one observation in a histogram. Owner thread. */
void metric_observe(struct metric *cell, double seconds);
/** A metric's value over all shards and label sets (a histogram: how many were observed). Any thread. */
int64_t metrics_total(const struct metrics *m, unsigned def);
/** Write the text exposition format, all shards added up. Any thread. */
void metrics_write(const struct metrics *m, struct buf *out);
