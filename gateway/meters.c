#include "gateway/meters.h"

#include <stdio.h>

static struct metric *labelled(struct meters *m, enum metric_id id, const char *label,
                               const char *value)
{
	char text[METRIC_LABELS_MAX];

	(void)snprintf(text, sizeof(text), "%s=\"%s\"", label, value);
	return metric_get(m->metrics, (unsigned)id, m->shard, str_from(text));
}

void meters_init(struct meters *m, struct metrics *metrics, unsigned shard)
{
	static const enum metric_id plain[] = {
		M_LOOP_LAG,      M_OPEN_TRANSACTIONS, M_NOISE, M_STRAY,     M_CHALLENGES,
		M_LOGINS_FAILED, M_CALLS_OPEN,        M_STUN,  M_LOST_POSTS
	};
	char worker[16];

	*m = (struct meters){ .metrics = metrics, .shard = shard };
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		m->plain[plain[i]] = metric_get(metrics, (unsigned)plain[i], shard, STR_NONE);
	(void)snprintf(worker, sizeof(worker), "%u", shard);
	m->plain[M_TRANSACTIONS] = labelled(m, M_TRANSACTIONS, "worker", worker);
}

void meters_count(struct meters *m, enum metric_id id)
{
	metric_add(m->plain[id], 1);
}

void meters_count_labelled(struct meters *m, enum metric_id id, const char *label,
                           const char *value)
{
	metric_add(labelled(m, id, label, value), 1);
}

void meters_add(struct meters *m, enum metric_id id, int64_t n)
{
	metric_add(m->plain[id], n);
}

void meters_set(struct meters *m, enum metric_id id, int64_t n)
{
	metric_set(m->plain[id], n);
}

void meters_request(struct meters *m, enum sip_method method)
{
	if (m->requests[method] == NULL) {
		struct str name = sip_method_name(method);
		char text[32];

		(void)snprintf(text, sizeof(text), "%.*s",
		               STR_ARG(name.len > 0 ? name : STR("other")));
		m->requests[method] = labelled(m, M_REQUESTS, "method", text);
	}
	metric_add(m->requests[method], 1);
}

void meters_response(struct meters *m, unsigned status)
{
	if (status < 200 || status >= METERS_STATUS_MAX)
		return;
	if (m->responses[status] == NULL) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%u", status);
		m->responses[status] = labelled(m, M_RESPONSES, "status", text);
	}
	metric_add(m->responses[status], 1);
}

void meters_turn(void *arg, int64_t busy_ns)
{
	struct meters *m = arg;

	metric_observe(m->plain[M_LOOP_LAG], (double)busy_ns / 1e9);
}
