#include "sip/message_read.h"

#include "sip/param.h"

#include <endian.h>

void sip_reader_fault(struct sip_reader *in, unsigned status, const char *reason)
{
	if (in->status == 0) {
		in->status = status;
		in->reason = reason;
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_crlf(const char *p, const char *end)
{
	return end - p >= 2 && p[0] == '\r' && p[1] == '\n';
}

/* The first CR or LF at or behind `p`, or `end`. Eight octets at a time: one below 0x20 stops the stride. */
static const char *line_stop(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	while (end - p >= 8) {
		uint64_t word;
		uint64_t low;

		memcpy(&word, p, sizeof(word));
		word = le64toh(word);
		low = (word - ones * 0x20) & ~word & ones * 0x80;
		if (low == 0) {
			p += 8;
			continue;
		}
		p += __builtin_ctzll(low) / 8;
		if (*p == '\r' || *p == '\n')
			return p;
		p++; /* a tab, or what the typed parsers will refuse */
	}
	while (p < end && *p != '\r' && *p != '\n')
		p++;
	return p;
}

/* The end of the line (with its continuation lines, where `folds`) that goes on at `p`; the reader moves behind it. A bare CR or LF is a
 * fault: the next server might take it for the end of a line, and see other header fields than we did. */
static const char *line_end(struct sip_reader *in, const char *p, bool folds)
{
	for (;;) {
		p = line_stop(p, in->end);
		if (is_crlf(p, in->end)) {
			if (folds && in->end - p > 2 && is_blank(p[2])) {
				p += 3;
				continue;
			}
			in->p = p + 2;
			return p;
		}
		if (in->end - p <= 1 && (p == in->end || *p == '\r')) {
			sip_reader_fault(in, 400, "Unterminated Header Section");
			in->p = in->end;
			return p;
		}
		sip_reader_fault(in, 400, "Bare CR or LF");
		if (*p == '\n') {
			in->p = p + 1;
			return p;
		}
		p++;
	}
}

static bool is_version(struct str s)
{
	size_t dot;

	if (!str_starts_nocase(s, STR("SIP/")))
		return false;
	s = str_from_at(s, 4);
	dot = str_find(s, '.');
	return dot > 0 && dot + 1 < s.len && sip_span(s, SIP_C_DIGIT) == dot &&
	       sip_span(str_from_at(s, dot + 1), SIP_C_DIGIT) == s.len - dot - 1;
}

static void read_version(struct sip_reader *in, struct str version)
{
	if (!is_version(version))
		sip_reader_fault(in, 400, "Bad Start Line");
	else if (!str_eq_nocase(version, STR("SIP/2.0")))
		sip_reader_fault(in, 505, "Version Not Supported");
}

static void read_request_line(struct sip_reader *in, struct str line, struct sip_start_line *out)
{
	out->uri = str_cut(&line, ' ');
	out->version = line;
	if (out->method_name.len > SIP_METHOD_MAX)
		sip_reader_fault(in, 400, "Method Name Too Long");
	if (out->uri.len > SIP_URI_MAX)
		sip_reader_fault(in, 414, "Request-URI Too Long");
	read_version(in, line);
	if (out->uri.len == 0)
		sip_reader_fault(in, 400, "Bad Start Line");
}

static void read_status_line(struct sip_reader *in, struct str line, struct sip_start_line *out)
{
	uint64_t status = 0;
	struct str code;

	out->version = str_cut(&line, ' ');
	read_version(in, out->version);
	code = str_cut(&line, ' ');
	out->reason = line;
	if (code.len != 3 || str_number(code, 699, &status) != ERR_OK || status < 100)
		sip_reader_fault(in, 400, "Bad Status Code");
	out->status = (unsigned)status;
}

bool sip_read_start(struct sip_reader *in, struct sip_start_line *out)
{
	const char *start;
	struct str line;

	*out = (struct sip_start_line){ .is_request = true };
	while (is_crlf(in->p, in->end))
		in->p += 2;
	start = in->p;
	line = str_of(start, (size_t)(line_end(in, start, false) - start));
	if (str_starts_nocase(line, STR("SIP/"))) {
		out->is_request = false;
		read_status_line(in, line, out);
		return true;
	}
	if (str_find(line, ' ') == line.len)
		return false;
	out->method_name = str_cut(&line, ' ');
	out->method = sip_method_id(out->method_name);
	if (out->method == SIP_OTHER && !sip_is_token(out->method_name))
		return false;
	read_request_line(in, line, out);
	return true;
}

static struct str trim_value(const char *p, const char *end)
{
	while (p < end && (is_blank(*p) || *p == '\r' || *p == '\n'))
		p++;
	while (p < end && (is_blank(end[-1]) || end[-1] == '\r' || end[-1] == '\n'))
		end--;
	return str_of(p, (size_t)(end - p));
}

/* Where the colon behind the name at the reader's place stands, or NULL. */
static const char *read_name(struct sip_reader *in, struct str *name)
{
	const char *p = in->p;

	while (p < in->end && sip_is(*p, SIP_C_TOKEN))
		p++;
	*name = str_of(in->p, (size_t)(p - in->p));
	while (p < in->end && is_blank(*p))
		p++; /* RFC 3261 7.3.1 allows it before the colon */
	return name->len > 0 && p < in->end && *p == ':' ? p : NULL;
}

static void check_header(struct sip_reader *in, const struct sip_header *h)
{
	if (h->name.len > SIP_NAME_MAX)
		sip_reader_fault(in, 400, "Header Field Name Too Long");
	if (h->value.len > SIP_VALUE_MAX)
		sip_reader_fault(in, 513, "Header Field Too Long");
}

bool sip_read_header(struct sip_reader *in, struct sip_header *out)
{
	for (;;) {
		const char *start = in->p;
		const char *colon;
		const char *end;

		if (start == in->end)
			return false;
		if (is_crlf(start, in->end)) {
			in->p += 2;
			in->ended = true;
			return false;
		}
		colon = read_name(in, &out->name);
		end = line_end(in, colon == NULL ? start : colon + 1, true);
		if (colon == NULL) {
			sip_reader_fault(in, 400, "Bad Header Field");
			continue;
		}
		out->value = trim_value(colon + 1, end);
		out->line = (uint32_t)(in->p - start);
		check_header(in, out);
		return true;
	}
}
