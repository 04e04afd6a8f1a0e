#include "gateway/route_set.h"

#include "gateway/route_token.h"
#include "sip/field.h"

/* The parameter of our Record-Route that bears the proof. */
#define PROOF "lt"

struct reading {
	struct route_set *out;
	const struct snapshot *snapshot;
	const struct sip_wires *wires;
	struct str key;
	const struct sip_msg *msg;
};

/* The caller's tag is in From on requests of his, in To on the callee's. */
static bool proves(const struct reading *in, const struct sip_uri *uri)
{
	struct str token = sip_uri_param_value(uri, STR(PROOF));
	struct str call_id = sip_value(in->msg, SIP_H_CALL_ID);
	struct str from = sip_tag(in->msg, SIP_H_FROM);
	struct str to = sip_tag(in->msg, SIP_H_TO);

	if (token.len == 0 || to.len == 0)
		return false;
	return route_token_is(in->key, token, call_id, from) ||
	       route_token_is(in->key, token, call_id, to);
}

static bool is_ours(const struct reading *in, const struct sip_uri *uri)
{
	if (!snapshot_is_us(in->snapshot, in->wires, uri))
		return false;
	in->out->ours = true;
	if (proves(in, uri))
		in->out->proven = true;
	return true;
}

/* A strict router before us puts our URI into the Request-URI and what was there at the end of Route. Only a URI that we wrote has the
 * proof; `lr` alone may be anybody's. */
static bool was_strict(const struct reading *in, const struct sip_uri *uri)
{
	return sip_uri_param_has(uri, STR(PROOF)) && sip_uri_param_has(uri, STR("lr")) &&
	       uri->user.len == 0 && sip_has(in->msg, SIP_H_ROUTE) && is_ours(in, uri);
}

static enum err restore(const struct reading *in)
{
	struct sip_values values = sip_values_of(in->msg, SIP_H_ROUTE);
	struct sip_name_addr na;
	struct str value;
	struct str last = STR_NONE;
	enum err e;

	while (sip_values_next(&values, &value))
		last = value;
	e = sip_name_addr_parse(&na, last);
	in->out->uri = na.uri;
	in->out->restored = true;
	return e;
}

static enum err read_values(const struct reading *in, size_t count)
{
	struct sip_values values = sip_values_of(in->msg, SIP_H_ROUTE);
	bool top = true;
	struct str value;
	struct sip_name_addr na;
	struct sip_uri uri;
	enum err e;

	for (size_t i = 0; i < count && sip_values_next(&values, &value); i++) {
		if ((e = sip_name_addr_uri(&na, &uri, value)) != ERR_OK)
			return e;
		if (top && is_ours(in, &uri)) {
			in->out->popped++;
			continue;
		}
		if (top)
			in->out->next = value;
		top = false;
		in->out->left++;
	}
	return ERR_OK;
}

enum err route_set_read(struct route_set *out, const struct snapshot *s,
                        const struct sip_wires *wires, struct str route_key,
                        const struct sip_msg *msg)
{
	struct reading in = { out, s, wires, route_key, msg };
	size_t count = sip_count_values(msg, SIP_H_ROUTE);
	struct sip_uri uri;
	enum err e;

	*out = (struct route_set){ .uri = msg->uri };
	if (count == 0)
		return ERR_OK;
	if (sip_uri_parse(&uri, msg->uri) == ERR_OK && was_strict(&in, &uri)) {
		if ((e = restore(&in)) != ERR_OK)
			return e;
		count--;
	}
	return read_values(&in, count);
}

void route_set_write(const struct snapshot *s, const struct sip_flow *flow, struct str route_key,
                     const struct sip_msg *msg, struct buf *out)
{
	buf_z(out, "<sip:");
	snapshot_sent_by(s, flow, out);
	if (flow->transport == SIP_TRANSPORT_TCP)
		buf_z(out, ";transport=tcp");
	buf_z(out, ";lr;" PROOF "=");
	if (route_token_write(route_key, sip_value(msg, SIP_H_CALL_ID), sip_tag(msg, SIP_H_FROM),
	                      out) != ERR_OK &&
	    out->err == ERR_OK)
		out->err = ERR_NOMEM;
	buf_char(out, '>');
}
