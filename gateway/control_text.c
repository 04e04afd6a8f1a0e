#include "gateway/control_session.h"

#include "gateway/identity.h"

#include <stdio.h>
#include <time.h>

const char *control_time(struct wall when, char out[CONTROL_TIME])
{
	time_t seconds = (time_t)(when.ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(out, CONTROL_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(out, CONTROL_TIME, "-");
	return out;
}

struct str control_transport(enum sip_transport transport)
{
	switch (transport) {
	case SIP_TRANSPORT_UDP:
		return STR("udp");
	case SIP_TRANSPORT_TCP:
		return STR("tcp");
	case SIP_TRANSPORT_TLS:
		return STR("tls");
	case SIP_TRANSPORT_WS:
		return STR("ws");
	case SIP_TRANSPORT_WSS:
		return STR("wss");
	default:
		return STR("other");
	}
}

void control_clean(struct buf *out, struct str in)
{
	while (in.len > 0) {
		size_t len = json_utf8_len(in);
		unsigned char c = (unsigned char)in.p[0];
		/* The second set of control characters, which some terminals obey, is C2 80 to C2 9F. */
		bool control = c < ' ' || c == 0x7f ||
		               (len == 2 && c == 0xc2 && (unsigned char)in.p[1] < 0xa0);

		if (len == 0 || control)
			buf_char(out, '?');
		else
			buf_str(out, str_head(in, len));
		in = str_from_at(in, len == 0 ? 1 : len);
	}
}

enum err control_address(struct control_session *s, struct str text, struct address *out,
                         struct sip_uri *uri)
{
	struct gateway *g = s->control->gateway;
	enum err e = address_uri(uri, text, &s->arena);

	if (e == ERR_OK)
		e = identity_address_at(atomic_load(&g->snapshot), g->wires, uri, &s->arena, out);
	if (e == ERR_OK)
		return ERR_OK;
	control_err(
		s,
		"\"%.*s\" is no address: %s; give a sip: or tel: URI, user@domain, or a number like \"+49 30 123456\"\n",
		STR_ARG(text), err_text(e));
	control_exit(s, CONTROL_WRONG);
	return e;
}
