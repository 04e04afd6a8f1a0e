/* gateway/meters.h: the metrics that one thread counts in, found once and kept. Belongs to that thread. */
#pragma once
#include "gateway/metric_table.h"
#include "sip/header.h"

#define METERS_STATUS_MAX 700

struct meters {
	struct metrics *metrics;
	unsigned shard;
	struct metric *requests[SIP_METHOD_COUNT];
	struct metric *responses[METERS_STATUS_MAX];
	struct metric *plain[METRIC_ID_COUNT]; /* those without labels */
};

/** Find the cells of shard `shard`. */
void meters_init(struct meters *m, struct metrics *metrics, unsigned shard);
/** One more of a metric without labels. */
void meters_count(struct meters *m, enum metric_id id);
/** One more of a metric with one label; the label's values must be few. */
void meters_count_labelled(struct meters *m, enum metric_id id, const char *label,
                           const char *value);
/** Add to, or set, a gauge without labels. */
void meters_add(struct meters *m, enum metric_id id, int64_t n);
void meters_set(struct meters *m, enum metric_id id, int64_t n);
/** A request was received; a final response was sent. */
void meters_request(struct meters *m, enum sip_method method);
void meters_response(struct meters *m, unsigned status);
/** A turn of the loop took so long. A loop_turn_fn for a struct meters. */
void meters_turn(void *arg, int64_t busy_ns);
