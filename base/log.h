/* base/log.h: one line an event, to stderr, key=value or JSON.
 *
 * Any thread may log and none waits: lines are formatted by the caller and written by a thread of the log's own. When more than
 * LOG_QUEUE_MAX lines wait, further ones are dropped and counted (a line says how many). Never log credentials. */
#pragma once
#include "base/buf.h"

#define LOG_LINE_MAX 4096
#define LOG_QUEUE_MAX 8192

struct log;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
	const char *key;
	struct str text;
	int64_t number;
	bool is_number;
};

/** A field for log_event(): a str, a C string, a number, the words of an err. */
#define LOG_S(k, value) ((struct log_field){ .key = (k), .text = (value) })
#define LOG_Z(k, value) ((struct log_field){ .key = (k), .text = str_from(value) })
#define LOG_N(k, value) \
	((struct log_field){ .key = (k), .number = (int64_t)(value), .is_number = true })
#define LOG_E(k, value) ((struct log_field){ .key = (k), .text = str_from(err_text(value)) })

/** Log `event` with fields: LOG_EVENT(log, LOG_WARN, "peer_failed", LOG_Z("peer", name), LOG_N("ms", 12)). */
#define LOG_EVENT(log, level, event, ...)                                             \
	log_event((log), (level), (event), (const struct log_field[]){ __VA_ARGS__ }, \
	          sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

/** Open the log on `fd` (not closed by it); lines below `least` are not written. Starts its thread. */
NODISCARD enum err log_open(struct log **out, int fd, enum log_format format, enum log_level least);
/** Write what waits, stop the thread, free. NULL is fine. */
void log_close(struct log *l);
/** Would a line of this level be written? A NULL log writes nothing. */
bool log_wants(const struct log *l, enum log_level level);
/** Write one line. A NULL log is silent. */
void log_event(struct log *l, enum log_level level, const char *event,
               const struct log_field *fields, size_t count);
