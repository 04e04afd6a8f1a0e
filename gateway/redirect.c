#include "gateway/redirect.h"

#include "gateway/call.h"
#include "sip/field.h"

/* ";maddr=HOST;transport=..." and, where it has one, the port: how to reach a place without changing whose address it is, so that what TLS must
 * verify stays. */
struct place {
	struct str host;
	uint16_t port;
	struct str transport;
};

static bool read_place(struct str text, struct place *out)
{
	struct sip_uri uri;
	struct str maddr;

	if (sip_uri_parse(&uri, text) != ERR_OK || uri.host.len == 0)
		return false;
	maddr = sip_uri_param_value(&uri, STR("maddr"));
	*out = (struct place){ maddr.len > 0 ? maddr : uri.host, uri.port,
		               sip_uri_param_value(&uri, STR("transport")) };
	return true;
}

static void write_host(struct str host, struct buf *out)
{
	bool v6 = str_find(host, ':') < host.len;

	buf_z(out, v6 ? "[" : "");
	buf_str(out, host);
	buf_z(out, v6 ? "]" : "");
}

/* `uri` with the place as its maddr, port and transport; its other parameters stay. */
static bool write_at(struct str text, const struct place *p, struct buf *out)
{
	struct sip_uri_param param;
	struct sip_uri uri;
	struct str rest;

	if (sip_uri_parse(&uri, text) != ERR_OK ||
	    (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS))
		return false;
	buf_printf(out, "%s:", uri.scheme == SIP_SCHEME_SIPS ? "sips" : "sip");
	if (uri.has_user)
		buf_printf(out, "%.*s@", STR_ARG(uri.user));
	write_host(uri.host, out);
	if (p->port != 0)
		buf_printf(out, ":%u", p->port);
	rest = uri.params;
	while (sip_uri_param_next(&rest, &param)) {
		if (str_eq_nocase(param.name, STR("maddr")) ||
		    str_eq_nocase(param.name, STR("transport")))
			continue;
		buf_printf(out, ";%.*s", STR_ARG(param.name));
		if (param.has_value)
			buf_printf(out, "=%.*s", STR_ARG(param.value));
	}
	buf_z(out, ";maddr=");
	write_host(p->host, out);
	if (p->transport.len > 0)
		buf_printf(out, ";transport=%.*s", STR_ARG(p->transport));
	return out->err == ERR_OK;
}

/* The one Route of a target: false where there are several. */
static bool single_route(struct str route, struct place *out)
{
	struct sip_list list = sip_list_of(route);
	struct sip_name_addr na;
	struct str value;
	struct str more;

	return sip_list_next(&list, &value) && !sip_list_next(&list, &more) &&
	       sip_name_addr_parse(&na, value) == ERR_OK && read_place(na.uri, out);
}

static bool write_uri(const struct target *t, struct str asked, struct buf *out)
{
	struct str uri = t->uri.len > 0 ? t->uri : asked;
	struct place place;

	if (t->next_hop.len > 0)
		return read_place(t->next_hop, &place) && write_at(uri, &place, out);
	if (t->route.len > 0)
		return single_route(t->route, &place) && write_at(uri, &place, out);
	buf_str(out, uri);
	return out->err == ERR_OK;
}

bool redirect_contact(const struct target *t, struct str uri, struct wall now, struct buf *out)
{
	buf_char(out, '<');
	if (!write_uri(t, uri, out))
		return false;
	buf_char(out, '>');
	if (t->q == 1000)
		buf_z(out, ";q=1");
	else
		buf_printf(out, ";q=0.%03u", t->q);
	if (t->expires.ms > 0)
		buf_printf(out, ";expires=%lld", (long long)wall_seconds_left(now, t->expires));
	if (t->methods.len > 0)
		buf_printf(out, ";methods=\"%.*s\"", STR_ARG(t->methods));
	return out->err == ERR_OK;
}

struct contacts {
	const struct request *request;
	const struct locate_result *found;
	size_t written;
};

static void write_contacts(void *arg, struct buf *out)
{
	struct contacts *c = arg;
	struct wall now = wall_now();

	for (size_t i = 0; i < c->found->target_count; i++) {
		char text[2 * ADDRESS_MAX];
		struct buf b;

		buf_wrap(&b, text, sizeof(text));
		if (!redirect_contact(&c->found->targets[i], c->request->uri_text, now, &b))
			continue;
		c->written++;
		if (out != NULL)
			sip_put(out, SIP_H_CONTACT, buf_view(&b));
	}
}

void redirect_reply(struct request *r, const struct locate_result *found)
{
	struct contacts c = { .request = r, .found = found };

	write_contacts(&c, NULL);
	if (c.written == 0) {
		call_failed(r, 480);
		request_reply(r, 480, "No Place That a Redirect Can Name");
		return;
	}
	call_failed(r, 302);
	request_reply_with(r, 302, NULL, write_contacts, &c);
}
