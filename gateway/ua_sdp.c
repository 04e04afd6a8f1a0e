#include "gateway/ua_sdp.h"

#include "base/scan.h"

#define DISCARD 9 /* RFC 863: what we name as our port, since somebody may send all the same */

/* A media line. */
struct media {
	struct str kind;
	struct str port; /* with /number where there are several */
	struct str protocol;
	struct str formats;
};

static void put_head(const struct ua_sdp *sdp, struct buf *out)
{
	const char *family = addr_family(sdp->local) == AF_INET6 ? "IP6" : "IP4";

	buf_printf(out, "v=0\r\no=- %llu %llu IN %s ", (unsigned long long)sdp->id,
	           (unsigned long long)sdp->version, family);
	addr_write_host(sdp->local, false, out);
	buf_printf(out, "\r\ns=-\r\nc=IN %s ", family);
	addr_write_host(sdp->local, false, out);
	buf_z(out, "\r\nt=0 0\r\n");
}

void ua_sdp_offer(const struct ua_sdp *sdp, struct buf *out)
{
	put_head(sdp, out);
	buf_printf(out, "m=audio %d RTP/AVP 0 8\r\n", DISCARD);
	buf_z(out, "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=inactive\r\n");
}

/* The next line, without its end. */
static bool next_line(struct str *rest, struct str *line)
{
	if (rest->len == 0)
		return false;
	*line = str_cut(rest, '\n');
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

static bool read_media(struct str line, struct media *out)
{
	struct str rest = str_from_at(line, 2);
	uint64_t port;
	struct str first;

	out->kind = str_cut(&rest, ' ');
	out->port = str_cut(&rest, ' ');
	out->protocol = str_cut(&rest, ' ');
	out->formats = rest;
	first = out->port;
	first = str_cut(&first, '/');
	return out->kind.len > 0 && out->protocol.len > 0 && out->formats.len > 0 &&
	       str_number(first, UINT16_MAX, &port) == ERR_OK;
}

static bool takes(const struct media *m)
{
	return str_eq(m->kind, STR("audio")) && !str_eq(m->port, STR("0")) &&
	       (str_eq(m->protocol, STR("RTP/AVP")) || str_eq(m->protocol, STR("RTP/AVPF")));
}

/* What the offer says of `format` below this media line: its rtpmap and fmtp are repeated. */
static void put_attributes(struct str rest, struct str format, struct buf *out)
{
	static const struct str names[] = { STR_INIT("a=rtpmap:"), STR_INIT("a=fmtp:") };
	struct str line;

	while (next_line(&rest, &line) && !str_starts(line, STR("m="))) {
		for (size_t i = 0; i < 2; i++) {
			struct str value = str_from_at(line, names[i].len);

			if (str_starts(line, names[i]) && str_eq(str_cut(&value, ' '), format)) {
				buf_str(out, line);
				buf_z(out, "\r\n");
			}
		}
	}
	buf_z(out, "a=inactive\r\n");
}

static void put_media(const struct media *m, bool taken, struct str rest, struct buf *out)
{
	struct str formats = m->formats;
	struct str format = taken ? str_cut(&formats, ' ') : m->formats;

	buf_printf(out, "m=%.*s %d %.*s %.*s\r\n", STR_ARG(m->kind), taken ? DISCARD : 0,
	           STR_ARG(m->protocol), STR_ARG(format));
	if (taken)
		put_attributes(rest, format, out);
}

bool ua_sdp_answer(const struct ua_sdp *sdp, struct str offer, struct buf *out)
{
	struct str rest = offer;
	struct str line;
	struct media m;
	unsigned count = 0;
	bool taken = false;

	if (!str_starts(offer, STR("v=0")))
		return false;
	put_head(sdp, out);
	while (next_line(&rest, &line)) {
		bool take;

		if (!str_starts(line, STR("m=")))
			continue;
		if (!read_media(line, &m) || ++count > UA_SDP_MEDIA)
			return false;
		take = !taken && takes(&m);
		put_media(&m, take, rest, out);
		taken = taken || take;
	}
	return taken && out->err == ERR_OK;
}
