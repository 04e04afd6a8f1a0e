#include "gateway/identity.h"

#include "sip/field.h"

/* ---------------------------------------------------------------------------- addresses */

enum err identity_address_at(const struct snapshot *snapshot, const struct sip_wires *wires,
                             const struct sip_uri *uri, struct arena *arena, struct address *out)
{
	const struct conf *conf = snapshot->conf;
	enum err e = address_of(out, conf, uri, arena);
	char text[ADDRESS_MAX];
	struct buf b;

	if (e != ERR_OK || out->own != NULL || !snapshot_is_us(snapshot, wires, uri))
		return e;
	out->own = &conf->domains[0];
	if (out->user.len == 0)
		return ERR_OK;
	buf_wrap(&b, text, sizeof(text));
	buf_z(&b, "sip:");
	buf_str(&b, out->user);
	buf_char(&b, '@');
	buf_str(&b, out->own->name);
	if (b.err != ERR_OK)
		return b.err;
	out->domain = out->own->name;
	out->port = false;
	e = arena_str(arena, buf_view(&b), &out->aor);
	return e;
}

enum err identity_address(const struct request *r, const struct sip_uri *uri, struct address *out)
{
	return identity_address_at(r->snapshot, r->worker->gateway->wires, uri,
	                           (struct arena *)(uintptr_t)&r->arena, out);
}

static bool read_from(struct request *r)
{
	struct sip_name_addr na;
	struct sip_uri uri;

	if (sip_name_addr_of(&na, r->msg, SIP_H_FROM) != ERR_OK ||
	    sip_uri_parse(&uri, na.uri) != ERR_OK) {
		request_reply(r, 400, "Malformed From");
		return false;
	}
	r->from_known = identity_address(r, &uri, &r->from) == ERR_OK;
	return true;
}

static void read_opaque(struct request *r)
{
	char text[2][ADDRESS_MAX];
	struct buf aor;
	struct buf contact;

	if (r->to.user.len < 32 || r->to.domain.len == 0)
		return;
	buf_wrap(&aor, text[0], sizeof(text[0]));
	buf_wrap(&contact, text[1], sizeof(text[1]));
	if (federation_unseal(r->worker->gateway->federation, r->uri.user, wall_now(), &aor,
	                      &contact) != ERR_OK)
		return;
	if (arena_str(&r->arena, buf_view(&aor), &r->opaque_aor) != ERR_OK ||
	    arena_str(&r->arena, buf_view(&contact), &r->opaque_contact) != ERR_OK)
		r->opaque_aor = STR_NONE;
}

static void read_to(struct request *r)
{
	r->to_known = identity_address(r, &r->uri, &r->to) == ERR_OK;
	r->to_us = r->to_known && r->to.own != NULL && r->to.user.len == 0;
	if (r->to_known && r->to.own != NULL)
		read_opaque(r);
}

/* ---------------------------------------------------------------------------- who */

static enum conf_transport transport_of(const struct sip_flow *flow)
{
	return flow->transport == SIP_TRANSPORT_TCP ? CONF_TRANSPORT_TCP : CONF_TRANSPORT_UDP;
}

/* By the connection on which its user registered. A UDP address proves nothing. */
static bool is_users_flow(struct request *r)
{
	struct reg_bindings found = { 0 };
	enum reg_known known = REG_NOBODY;

	if (r->flow->connection == 0 || !r->from_known || r->from.own == NULL ||
	    r->from.user.len == 0)
		return false;
	if (reg_lookup(r->worker->reader, r->from.aor, wall_now(), &r->arena, &known, &found) !=
	    ERR_OK)
		return false;
	for (size_t i = 0; i < found.count; i++) {
		const struct reg_source *s = &found.items[i].source;

		if (s->connection == r->flow->connection &&
		    s->boot == sip_wires_boot(r->worker->gateway->wires))
			return true;
	}
	return false;
}

/* The account of an AoR: what follows "sip:". */
static struct str account_of(struct str aor)
{
	return str_from_at(aor, str_find(aor, ':') + 1);
}

static void read_who(struct request *r)
{
	const struct conf *conf = r->snapshot->conf;

	r->who = WHO_STRANGER;
	r->trust = conf_trusted(conf, &r->flow->remote, transport_of(r->flow));
	r->peer = conf_peer_by_addr(conf, &r->flow->remote);
	if (r->trust != NULL) {
		r->who = WHO_TRUSTED;
		r->peer = NULL;
	} else if (r->peer != NULL) {
		r->who = WHO_PEER;
	} else if (is_users_flow(r)) {
		r->who = WHO_USER;
		r->account = account_of(r->from.aor);
	}
}

bool identity_read(struct request *r)
{
	if (!read_from(r))
		return false;
	read_to(r);
	read_who(r);
	return true;
}

void identity_is_user(struct request *r)
{
	r->who = WHO_USER;
}

enum sip_header_id identity_field(const struct request *r)
{
	enum conf_mode mode = r->to_known && r->to.own != NULL ? r->to.own->mode
	                                                       : r->snapshot->conf->mode;

	return mode == CONF_REDIRECT ? SIP_H_AUTHORIZATION : SIP_H_PROXY_AUTHORIZATION;
}

/* ---------------------------------------------------------------------------- the table's case */

static bool is_from_ours(const struct request *r)
{
	return r->from_known &&
	       (r->from.own != NULL || (r->from.number.len > 0 && r->from.domain.len == 0 &&
	                                conf_is_own_number(r->snapshot->conf, r->from.number)));
}

static bool is_from_own(const struct request *r)
{
	if (!r->from_known)
		return false;
	if (r->who == WHO_USER)
		return str_eq(account_of(r->from.aor), r->account);
	if (r->who != WHO_PEER)
		return false;
	return (r->from.domain.len > 0 && conf_peer_serves_domain(r->peer, r->from.domain)) ||
	       (r->from.number.len > 0 && conf_peer_serves_number(r->peer, r->from.number));
}

static bool route_says(const struct request *r)
{
	size_t index;

	return r->to_known &&
	       conf_route_find(r->snapshot->conf, r->to.domain, r->to.number, &index) != NULL;
}

/* A number in our domain is our user's where its prefix is ours or somebody bears it. Any other leads on to routes and peers, and who may not
 * relay may not reach it. */
static bool is_to_ours(const struct request *r)
{
	struct reg_bindings found = { 0 };
	enum reg_known known = REG_NOBODY;

	if (!r->to_known || r->to.own == NULL)
		return false;
	if (r->to.number.len == 0 || r->to.domain.len == 0 ||
	    conf_is_own_number(r->snapshot->conf, r->to.number))
		return true;
	return reg_lookup(r->worker->reader, r->to.aor, wall_now(),
	                  (struct arena *)(uintptr_t)&r->arena, &known, &found) == ERR_OK &&
	       known != REG_NOBODY;
}

static enum conf_role role_of(const struct request *r)
{
	const struct conf_listener *l = r->snapshot->listeners[r->flow->listener].conf;

	return l != NULL ? l->role : CONF_ROLE_PUBLIC;
}

struct admission identity_admit(const struct request *r)
{
	const struct conf *conf = r->snapshot->conf;
	const struct admission_case c = {
		.who = r->who,
		.may_relay = r->trust != NULL && r->trust->relay,
		.may_assert = r->trust != NULL && r->trust->assert_identity,
		.from_ours = is_from_ours(r),
		.from_own = is_from_own(r),
		.to_ours = is_to_ours(r),
		.route_says = route_says(r),
		.bears_opaque = r->opaque_aor.len > 0,
		.auth_required = conf->auth.required,
		.call = conf->federation.call,
		.role = role_of(r),
	};

	return admission_of(&c);
}
