#include "sip/frame.h"

#include "sip/field.h"
#include "sip/message_read.h"

void sip_framer_init(struct sip_framer *f)
{
	*f = (struct sip_framer){ .scanned = 0 };
}

static struct sip_frame frame_of(enum sip_frame_kind kind, size_t len)
{
	return (struct sip_frame){ .kind = kind, .len = len, .fault = { 0, "" } };
}

static struct sip_frame bad(size_t len, unsigned status, const char *reason)
{
	return (struct sip_frame){ .kind = SIP_FRAME_BAD, .len = len, .fault = { status, reason } };
}

/* CRLF CRLF is a ping (RFC 5626 4.4.1); a lone CRLF is a pong, or white space before a message (RFC 3261 7.5). */
static struct sip_frame line_ends(struct str pending)
{
	if (str_starts(pending, STR("\r\n\r\n")))
		return frame_of(SIP_FRAME_PING, 4);
	if (pending.len < 4 && str_starts(STR("\r\n\r\n"), pending))
		return frame_of(SIP_FRAME_MORE,
		                pending.len < 2 ? 2 - pending.len : 4 - pending.len);
	return str_starts(pending, STR("\r\n")) ? frame_of(SIP_FRAME_SKIP, 2)
	                                        : bad(0, 0, "Not SIP");
}

/* How long a message is by its header fields, `head` octets of them. */
static struct sip_frame measure(struct str pending, size_t head)
{
	struct sip_reader in = { .p = pending.p, .end = pending.p + head };
	struct sip_start_line start;
	struct sip_header h;
	unsigned seen = 0;
	uint32_t length = 0;

	if (!sip_read_start(&in, &start))
		return bad(head, 0, "Not SIP");
	while (sip_read_header(&in, &h)) {
		if (sip_header_id(h.name) != SIP_H_CONTENT_LENGTH)
			continue;
		if (++seen > 1 || sip_content_length_parse(&length, h.value) != ERR_OK)
			return bad(head, 400,
			           seen > 1 ? "Multiple Content-Length" : "Bad Content-Length");
	}
	if (seen == 0)
		return bad(head, 400, "Missing Content-Length");
	if (head + length > SIP_MESSAGE_MAX)
		return bad(head, 513, "Message Too Large");
	return frame_of(SIP_FRAME_MESSAGE, head + length);
}

/* Where the header fields end (behind the empty line), or 0. Looks at each octet once, however they come. */
static size_t find_head(struct sip_framer *f, struct str pending)
{
	while (f->scanned < pending.len) {
		const char *start = pending.p + f->scanned;
		const char *lf = memchr(start, '\n', pending.len - f->scanned);
		size_t at;

		if (lf == NULL) {
			f->scanned = pending.len;
			return 0;
		}
		at = (size_t)(lf - pending.p);
		f->scanned = at + 1;
		if (at >= 3 && memcmp(lf - 3, "\r\n\r\n", 4) == 0)
			return at + 1;
	}
	return 0;
}

struct sip_frame sip_framer_next(struct sip_framer *f, struct str pending)
{
	struct sip_frame frame;
	size_t head;

	if (pending.len == 0)
		return frame_of(SIP_FRAME_MORE, 1);
	if (f->need == 0) {
		if (pending.p[0] == '\r' || pending.p[0] == '\n')
			return line_ends(pending);
		head = find_head(f, pending);
		if (head > SIP_HEAD_MAX || (head == 0 && pending.len > SIP_HEAD_MAX))
			return bad(head == 0 ? pending.len : head, 513, "Header Section Too Large");
		if (head == 0)
			return frame_of(SIP_FRAME_MORE, 1);
		frame = measure(pending, head);
		if (frame.kind != SIP_FRAME_MESSAGE)
			return frame;
		f->need = frame.len;
	}
	if (pending.len < f->need)
		return frame_of(SIP_FRAME_MORE, f->need - pending.len);
	frame = frame_of(SIP_FRAME_MESSAGE, f->need);
	sip_framer_init(f);
	return frame;
}
