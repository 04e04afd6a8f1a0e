/* gateway/metric_table.h: every metric of the daemon, one row each. */
#pragma once
#include "base/metrics.h"

/* clang-format off */
#define METRIC_TABLE(X)                                                                                                     \
	X(LOOP_LAG,       "lotse_loop_lag_seconds", HISTOGRAM, "How long a turn of a worker's loop took, less what it waited for a core") \
	X(TRANSACTIONS,   "lotse_worker_transactions_total", COUNTER, "Transactions begun, at their home")                  \
	X(OPEN_TRANSACTIONS, "lotse_transactions", GAUGE, "Transactions that are open now")                                 \
	X(REQUESTS,       "lotse_requests_total", COUNTER, "Requests received, by method")                                  \
	X(RESPONSES,      "lotse_responses_total", COUNTER, "Final responses sent by us, by status")                        \
	X(MALFORMED,      "lotse_malformed_total", COUNTER, "Messages that could not be taken, by what they were answered with (0: dropped)") \
	X(NOISE,          "lotse_noise_total", COUNTER, "Datagrams that are neither SIP nor STUN nor a keep-alive")         \
	X(STRAY,          "lotse_stray_responses_total", COUNTER, "Responses that belong to no transaction, dropped")       \
	X(LIMITED,        "lotse_limited_total", COUNTER, "Requests over a limit, by which")                                \
	X(REFUSED,        "lotse_refused_total", COUNTER, "Requests that were not admitted, by identity")                   \
	X(CHALLENGES,     "lotse_challenges_total", COUNTER, "Challenges sent")                                             \
	X(LOGINS_FAILED,  "lotse_failed_logins_total", COUNTER, "Credentials that did not fit")                             \
	X(REGISTRATIONS,  "lotse_registrations_total", COUNTER, "REGISTER requests answered, by status")                    \
	X(LOCATES,        "lotse_locate_total", COUNTER, "Look-ups of the location service, by outcome")         \
	X(CALLS,          "lotse_calls_total", COUNTER, "Calls that ended, by outcome")                                     \
	X(CALLS_OPEN,     "lotse_calls", GAUGE, "Calls in progress")                                                        \
	X(STUN,           "lotse_stun_total", COUNTER, "STUN messages answered")                                            \
	X(LOST_POSTS,     "lotse_lost_posts_total", COUNTER, "Messages dropped because there was no memory to pass them on")
/* clang-format on */

enum metric_id {
#define X(id, name, type, help) M_##id,
	METRIC_TABLE(X)
#undef X
		METRIC_ID_COUNT
};

/** The rows, METRIC_ID_COUNT of them. */
const struct metric_def *metric_table(void);
