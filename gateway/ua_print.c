#include "gateway/ua_print.h"

#include <time.h>

static void put_time(struct buf *out, struct wall now, bool date)
{
	time_t seconds = (time_t)(now.ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL)
		return;
	if (date)
		buf_printf(out, "%04d-%02d-%02dT", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	buf_printf(out, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
	           (int)(now.ms % 1000));
}

/* A JSON string. What came from the network may hold any octet: controls are escaped, and what is beyond ASCII passes where it is UTF-8 as
 * a whole, else octet by octet as U+00XX, so that the line is JSON whatever was received. */
static size_t utf8_length(struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t len = c >= 0xc2 && c < 0xe0   ? 2
	             : c >= 0xe0 && c < 0xf0 ? 3
	             : c >= 0xf0 && c < 0xf5 ? 4
	                                     : 0;
	unsigned char second = s.len > 1 ? (unsigned char)s.p[1] : 0;

	if (len == 0 || s.len < len)
		return 0;
	if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
	    (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f))
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static void put_json(struct buf *out, struct str s)
{
	buf_char(out, '"');
	while (s.len > 0) {
		unsigned char c = (unsigned char)s.p[0];
		size_t wide = c < 0x80 ? 0 : utf8_length(s);

		if (c == '"' || c == '\\') {
			buf_char(out, '\\');
			buf_char(out, (char)c);
		} else if (c < ' ' || c == 0x7f || (c >= 0x80 && wide == 0)) {
			buf_printf(out, "\\u%04x", c);
		} else {
			buf_str(out, str_head(s, wide == 0 ? 1 : wide));
		}
		s = str_from_at(s, wide == 0 ? 1 : wide);
	}
	buf_char(out, '"');
}

static bool needs_quotes(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '\\' ||
		    s.p[i] == 0x7f)
			return true;
	}
	return false;
}

static void put_field(struct buf *out, bool json, const struct log_field *field)
{
	bool known = field->is_number || field->text.len > 0;

	if (!known && !json)
		return;
	if (json)
		buf_printf(out, ", \"%s\": ", field->key);
	else
		buf_printf(out, " %s=", field->key);
	if (field->is_number)
		buf_printf(out, "%lld", (long long)field->number);
	else if (!known)
		buf_z(out, "null");
	else if (json || needs_quotes(field->text))
		put_json(out, field->text);
	else
		buf_str(out, field->text);
}

void ua_event_write(struct buf *out, bool json, struct wall now, const char *event,
                    const struct log_field *fields, size_t count)
{
	if (json) {
		buf_z(out, "{\"time\": \"");
		put_time(out, now, true);
		buf_printf(out, "Z\", \"event\": \"%s\"", event);
	} else {
		put_time(out, now, false);
		buf_printf(out, " %s", event);
	}
	for (size_t i = 0; i < count; i++)
		put_field(out, json, &fields[i]);
	buf_z(out, json ? "}\n" : "\n");
}

void ua_event_print(FILE *to, bool json, const char *event, const struct log_field *fields,
                    size_t count)
{
	struct buf line;

	buf_init(&line, UA_LINE_MAX);
	ua_event_write(&line, json, wall_now(), event, fields, count);
	if (line.err == ERR_OK)
		(void)fwrite(line.data, 1, line.len, to);
	(void)fflush(to);
	buf_fini(&line);
}
