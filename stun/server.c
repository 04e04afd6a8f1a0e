#include "stun/stun.h"

#include "stun/message.h"

/* Attributes that a refusal names; who sends more has enough to read. */
#define UNKNOWN_MAX 32

struct request {
	struct stun_message msg;
	bool fingerprint;
	uint16_t unknown[UNKNOWN_MAX];
	size_t unknown_count;
};

static const unsigned char *octets(struct str s)
{
	return (const unsigned char *)s.p;
}

static bool has_cookie(const unsigned char *p)
{
	return p[4] == 0x21 && p[5] == 0x12 && p[6] == 0xa4 && p[7] == 0x42;
}

bool stun_is(struct str datagram)
{
	const unsigned char *p = octets(datagram);

	if (datagram.len < STUN_HEADER || p[0] > 3 ||
	    ((size_t)p[2] << 8 | p[3]) + STUN_HEADER != datagram.len)
		return false;
	return has_cookie(p) || (p[0] == 0 && p[1] == STUN_BINDING);
}

struct stun_frame stun_frame(struct str pending)
{
	const unsigned char *p = octets(pending);
	size_t need = STUN_HEADER;

	/* Noise is told by what has come of it so far. */
	if ((pending.len >= 1 && (p[0] & 0xc0) != 0) || (pending.len >= 8 && !has_cookie(p)))
		return (struct stun_frame){ STUN_FRAME_BAD, 0 };
	if (pending.len >= 4)
		need += (size_t)p[2] << 8 | p[3];
	if (need > STUN_MESSAGE_MAX || (need & 3) != 0)
		return (struct stun_frame){ STUN_FRAME_BAD, 0 };
	if (pending.len < need)
		return (struct stun_frame){ STUN_FRAME_MORE, need - pending.len };
	return (struct stun_frame){ STUN_FRAME_MESSAGE, need };
}

static void note_unknown(struct request *req, uint16_t type)
{
	for (size_t i = 0; i < req->unknown_count; i++) {
		if (req->unknown[i] == type)
			return;
	}
	if (req->unknown_count < UNKNOWN_MAX)
		req->unknown[req->unknown_count++] = type;
}

/* Is it a Binding request, and whole? All others get silence (RFC 8489 6.3). */
static bool read_request(struct request *req, struct str message)
{
	struct stun_attribute attribute;
	struct stun_cursor c;

	req->fingerprint = false;
	req->unknown_count = 0;
	if (stun_parse(&req->msg, message) != ERR_OK || req->msg.class != STUN_REQUEST ||
	    req->msg.method != STUN_BINDING)
		return false;
	c = stun_attributes(&req->msg);
	while (stun_next(&c, &attribute)) {
		if (attribute.type == STUN_FINGERPRINT) {
			if (!stun_fingerprint_right(&req->msg, &attribute))
				return false;
			req->fingerprint = true;
		} else if (stun_is_unknown(attribute.type, STUN_REQUEST)) {
			note_unknown(req, attribute.type);
		}
	}
	return true;
}

static void write_answer(struct wire_writer *w, const struct request *req,
                         const struct addr *source, struct str software)
{
	bool old = !req->msg.cookie;
	bool refused = req->unknown_count > 0;

	stun_write_begin(w, refused ? STUN_ERROR : STUN_SUCCESS, stun_id(&req->msg));
	if (refused) {
		stun_write_error(w, 420, STR("Unknown Attribute"), old);
		stun_write_unknown(w, req->unknown, req->unknown_count, old);
	} else {
		stun_write_address(w, old ? STUN_MAPPED_ADDRESS : STUN_XOR_MAPPED_ADDRESS, source);
	}
	if (!str_empty(software))
		stun_write_text(w, STUN_SOFTWARE, str_head(software, STUN_SOFTWARE_MAX), old);
	if (req->fingerprint)
		stun_write_fingerprint(w);
	stun_write_end(w);
}

enum stun_verdict stun_answer(struct str message, const struct addr *source,
                              const struct stun_conf *conf, struct buf *out)
{
	struct wire_writer w;
	struct request req;
	char *room;

	if (addr_family(source) == AF_UNSPEC || !read_request(&req, message))
		return STUN_SILENCE;
	room = buf_room(out, STUN_ANSWER_MAX);
	if (room == NULL)
		return STUN_SILENCE;
	w = wire_writer_of(room, STUN_ANSWER_MAX);
	write_answer(&w, &req, source, conf == NULL ? STR_NONE : conf->software);
	must(w.err == ERR_OK);
	buf_advance(out, wire_written(&w));
	return req.unknown_count > 0 ? STUN_REFUSED : STUN_ANSWERED;
}
