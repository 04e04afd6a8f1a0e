#include "sip/message.h"

#include "sip/field.h"
#include "sip/message_read.h"

bool sip_is_answerable(const struct sip_msg *msg)
{
	struct str value;
	struct sip_via via;

	if (!msg->is_request || msg->method == SIP_ACK || !sip_first_value(msg, SIP_H_VIA, &value))
		return false;
	/* A Via with broken parameters (RFC 4475 3.1.2.1) still says that somebody waits. */
	return sip_via_parse(&via, str_head(value, str_find(value, ';'))) == ERR_OK;
}

static void index_start(struct sip_msg *out, const struct sip_start_line *start)
{
	out->is_request = start->is_request;
	out->method = start->method;
	out->method_name = start->method_name;
	out->uri = start->uri;
	out->version = start->version;
	out->status = start->status;
	out->reason = start->reason;
}

static void index_header(struct sip_msg *out, uint16_t last[SIP_H_COUNT])
{
	struct sip_header *h = &out->headers[out->count];
	enum sip_header_id id = sip_header_id(h->name);

	h->id = (uint8_t)id;
	h->next = SIP_NO_HEADER;
	if (out->first[id] == SIP_NO_HEADER)
		out->first[id] = out->count;
	else if (id != SIP_H_OTHER)
		out->headers[last[id]].next = out->count;
	last[id] = out->count++;
}

static void index_headers(struct sip_msg *out, struct sip_reader *in)
{
	uint16_t last[SIP_H_COUNT] = { 0 };
	const char *start = in->p;
	struct sip_header spare;

	for (;;) {
		bool full = out->count == SIP_HEADERS_MAX;

		if (!sip_read_header(in, full ? &spare : &out->headers[out->count]))
			return;
		if (full || in->p - start > SIP_HEAD_MAX) {
			sip_reader_fault(in, 513, "Header Section Too Large");
			return;
		}
		index_header(out, last);
	}
}

/* What follows the header fields: the body ends where Content-Length says, or with the bytes (RFC 3261 18.3). */
static void index_body(struct sip_msg *out, struct sip_reader *in)
{
	const struct sip_header *h = sip_header_first(out, SIP_H_CONTENT_LENGTH);
	size_t left = (size_t)(in->end - in->p);
	uint32_t announced = 0;

	if (h != NULL && sip_content_length_parse(&announced, h->value) != ERR_OK)
		sip_reader_fault(in, 400, "Bad Content-Length");
	else if (h != NULL && announced > left)
		sip_reader_fault(in, 400, "Content-Length Exceeds Body");
	else if (h != NULL)
		left = announced;
	out->body = str_of(in->p, left);
}

enum err sip_parse(struct sip_msg *out, struct str bytes, struct sip_fault *fault)
{
	struct sip_reader in = { .p = bytes.p,
		                 .end = bytes.p == NULL ? NULL : bytes.p + bytes.len };
	struct sip_start_line start;
	const char *first;

	*fault = (struct sip_fault){ .status = 0, .reason = "Not SIP" };
	memset(out->first, 0xff, sizeof(out->first));
	out->count = 0;
	out->body = STR_NONE;
	out->raw = STR_NONE;
	out->headers_end = false;
	if (!sip_read_start(&in, &start)) {
		start.is_request = false; /* nobody answers what is no message */
		index_start(out, &start);
		return ERR_SYNTAX;
	}
	index_start(out, &start);
	first = start.is_request ? start.method_name.p : start.version.p;
	index_headers(out, &in);
	out->headers_end = in.ended;
	if (in.ended)
		index_body(out, &in);
	else
		sip_reader_fault(&in, 400, "Unterminated Header Section");
	out->raw = str_of(first, (size_t)((in.ended ? out->body.p + out->body.len : in.p) - first));
	if (out->raw.len > SIP_MESSAGE_MAX)
		sip_reader_fault(&in, 513, "Message Too Large");
	if (in.status == 0)
		return ERR_OK;
	*fault = (struct sip_fault){ .status = sip_is_answerable(out) ? in.status : 0,
		                     .reason = in.reason };
	return ERR_SYNTAX;
}

const struct sip_header *sip_header_named(const struct sip_msg *msg, struct str name)
{
	for (size_t i = 0; i < msg->count; i++) {
		if (str_eq_nocase(msg->headers[i].name, name))
			return &msg->headers[i];
	}
	return NULL;
}

/* Moves a str from one copy of the bytes to another. */
struct move {
	const char *from;
	const char *to;
};

static void move_str(struct move move, struct str *s)
{
	if (s->p != NULL)
		s->p = move.to + (s->p - move.from);
}

static void move_msg(struct sip_msg *msg, struct move move)
{
	struct str *all[] = { &msg->raw,    &msg->method_name, &msg->uri,
		              &msg->reason, &msg->version,     &msg->body };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		move_str(move, all[i]);
	for (size_t i = 0; i < msg->count; i++) {
		move_str(move, &msg->headers[i].name);
		move_str(move, &msg->headers[i].value);
	}
}

struct sip_msg *sip_msg_keep(const struct sip_msg *msg, struct arena *arena, bool copy_bytes)
{
	size_t size = offsetof(struct sip_msg, headers) + msg->count * sizeof(msg->headers[0]);
	struct sip_msg *copy = arena_alloc(arena, size);
	struct str bytes;

	if (copy == NULL)
		return NULL;
	memcpy(copy, msg, size);
	if (!copy_bytes || msg->raw.p == NULL)
		return copy;
	if (arena_str(arena, msg->raw, &bytes) != ERR_OK)
		return NULL;
	move_msg(copy, (struct move){ msg->raw.p, bytes.p });
	return copy;
}
