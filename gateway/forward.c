#include "gateway/forward.h"

#include "gateway/route_set.h"
#include "base/crypto.h"
#include "sip/field.h"

#define BRANCH_UNIQUE 11 /* base64url of 8 octets */
#define BRANCH_LOOP 11
#define VIA_MAX 512

/* ---------------------------------------------------------------------------- loops (16.3 step 4, 16.6 step 8) */

static uint64_t mix(uint64_t h, const struct hash_key *key, struct str s)
{
	h ^= hash_str(key, s);
	h *= 0x9e3779b97f4a7c15u;
	return h ^ (h >> 29);
}

/* Over all that decides where the request goes. Not the Via fields: they differ in each round. */
static uint64_t loop_hash(struct worker *w, const struct sip_msg *msg)
{
	const struct hash_key *key = &w->gateway->keys.home;
	static const enum sip_header_id ids[] = { SIP_H_ROUTE, SIP_H_PROXY_REQUIRE,
		                                  SIP_H_PROXY_AUTHORIZATION, SIP_H_CSEQ,
		                                  SIP_H_CALL_ID };
	uint64_t h = mix(1, key, msg->uri);

	h = mix(h, key, sip_tag(msg, SIP_H_TO));
	h = mix(h, key, sip_tag(msg, SIP_H_FROM));
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		for (const struct sip_header *f = sip_header_first(msg, ids[i]); f != NULL;
		     f = sip_header_next(msg, f))
			h = mix(h, key, f->value);
		h = mix(h, key, STR("|"));
	}
	return h;
}

static void write_number(uint64_t n, struct buf *out)
{
	crypto_base64url(str_of((const char *)&n, sizeof(n)), out);
}

bool forward_is_loop(struct worker *w, const struct sip_msg *msg)
{
	char text[BRANCH_LOOP];
	struct sip_values values = sip_values_of(msg, SIP_H_VIA);
	struct str value;
	struct buf b;

	buf_wrap(&b, text, sizeof(text));
	write_number(loop_hash(w, msg), &b);
	while (sip_values_next(&values, &value)) {
		struct sip_via via;

		if (sip_via_parse(&via, value) == ERR_OK &&
		    via.branch.len == strlen(SIP_BRANCH_COOKIE) + BRANCH_UNIQUE + BRANCH_LOOP &&
		    str_ends_nocase(via.branch, buf_view(&b)) &&
		    memcmp(via.branch.p + via.branch.len - BRANCH_LOOP, text, BRANCH_LOOP) == 0)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------------------- where it goes */

static struct str first_route_uri(struct str route)
{
	struct sip_list list = sip_list_of(route);
	struct sip_name_addr na;
	struct str value;

	if (!sip_list_next(&list, &value) || sip_name_addr_parse(&na, value) != ERR_OK)
		return STR_NONE;
	return na.uri;
}

static struct str remaining_route(const struct request *r)
{
	struct sip_values values = sip_values_of(r->msg, SIP_H_ROUTE);
	struct str value;

	for (size_t i = 0; sip_values_next(&values, &value); i++) {
		if (i >= r->popped)
			return value;
	}
	return STR_NONE;
}

enum err forward_next_hop(const struct request *r, const struct target *target, struct str *out)
{
	*out = STR_NONE;
	if (target != NULL && target->next_hop.len > 0)
		*out = target->next_hop;
	else if (target != NULL && target->route.len > 0)
		*out = first_route_uri(target->route);
	else if (r->routed)
		*out = first_route_uri(remaining_route(r));
	else if (target != NULL && target->uri.len > 0)
		*out = target->uri;
	else
		*out = r->uri_text;
	return out->len > 0 ? ERR_OK : ERR_SYNTAX;
}

/* ---------------------------------------------------------------------------- 16.6 */

bool forward_records(const struct sip_msg *msg)
{
	return msg->method == SIP_INVITE || msg->method == SIP_SUBSCRIBE ||
	       msg->method == SIP_REFER || msg->method == SIP_NOTIFY;
}

/* 2. The Request-URI. */
static struct str new_uri(const struct forward *f)
{
	if (f->target != NULL && f->target->uri.len > 0)
		return f->target->uri;
	return f->request->uri_text;
}

struct taken {
	size_t popped; /* so many on top were ours */
	size_t last;   /* and this one has become the Request-URI; SIZE_MAX: none */
};

static bool is_taken(void *arg, struct str value, size_t index)
{
	const struct taken *t = arg;

	(void)value;
	return index < t->popped || index == t->last;
}

/* 16.4 again: take away what was ours, and what has become the Request-URI. */
static void take_routes(struct sip_rewrite *w, const struct request *r)
{
	struct taken taken = { r->popped, SIZE_MAX };

	if (r->restored)
		taken.last = sip_count_values(r->msg, SIP_H_ROUTE) - 1;
	if (r->restored || r->popped > 0)
		sip_rewrite_drop_if(w, SIP_H_ROUTE, is_taken, &taken);
}

/* 6. Where the next hop is a strict router, it wants to find itself in the Request-URI. */
static bool next_is_strict(const struct forward *f)
{
	struct sip_name_addr na;
	struct sip_uri uri;

	return f->request->routed && !f->request->restored &&
	       sip_name_addr_uri(&na, &uri, remaining_route(f->request)) == ERR_OK &&
	       !sip_uri_param_has(&uri, STR("lr"));
}

static void edit_target(const struct forward *f, struct sip_rewrite *w)
{
	const struct request *r = f->request;
	struct str uri = new_uri(f);

	if (next_is_strict(f)) {
		sip_rewrite_strict_route(w, uri, r->popped);
		return;
	}
	if (!str_eq(uri, r->msg->uri))
		sip_rewrite_uri(w, uri);
	take_routes(w, r);
	if (f->target != NULL && f->target->route.len > 0)
		sip_rewrite_prepend(w, SIP_H_ROUTE, f->target->route);
}

/* 4. One for each side where they differ (RFC 5658): what the callee sends comes to the upper, what the caller sends to the lower. */
static void record(const struct forward *f, struct sip_rewrite *w)
{
	const struct request *r = f->request;
	struct str key = str_of((const char *)r->worker->gateway->keys.route, REG_SECRET);
	char text[2][VIA_MAX];
	struct buf came;
	struct buf goes;

	buf_wrap(&came, text[0], sizeof(text[0]));
	buf_wrap(&goes, text[1], sizeof(text[1]));
	route_set_write(r->snapshot, r->flow, key, r->msg, &came);
	route_set_write(r->snapshot, f->flow, key, r->msg, &goes);
	if (came.err != ERR_OK || goes.err != ERR_OK) {
		w->err = came.err != ERR_OK ? came.err : goes.err;
		return;
	}
	if (!str_eq(buf_view(&came), buf_view(&goes))) {
		sip_rewrite_prepend(w, SIP_H_RECORD_ROUTE, buf_view(&goes));
		sip_rewrite_prepend(w, SIP_H_RECORD_ROUTE, buf_view(&came));
		return;
	}
	sip_rewrite_prepend(w, SIP_H_RECORD_ROUTE, buf_view(&came));
}

/* 8. Via: a branch of its own for each copy, whose tail says what routed it. */
static void add_via(const struct forward *f, struct sip_rewrite *w)
{
	const struct request *r = f->request;
	struct str transport = sip_transport_name(f->flow->transport);
	char text[VIA_MAX];
	struct buf b;

	buf_wrap(&b, text, sizeof(text));
	buf_printf(&b, "SIP/2.0/%.*s ", STR_ARG(transport));
	snapshot_sent_by(r->snapshot, f->flow, &b);
	buf_z(&b, ";rport;branch=" SIP_BRANCH_COOKIE);
	write_number(worker_unique(r->worker), &b);
	write_number(loop_hash(r->worker, r->msg), &b);
	if (b.err != ERR_OK)
		w->err = b.err;
	else
		sip_rewrite_prepend(w, SIP_H_VIA, buf_view(&b));
}

/* RFC 3325: who says whom he is calling for is believed only from inside, and told only inside. */
static void edit_identity(const struct forward *f, struct sip_rewrite *w)
{
	const struct request *r = f->request;
	bool believed = r->who == WHO_TRUSTED && r->trust->assert_identity;
	bool inside = f->target == NULL || !f->target->foreign;

	if (sip_has(r->msg, SIP_H_P_ASSERTED_IDENTITY) && !r->proven && (!believed || !inside))
		sip_rewrite_drop_all(w, SIP_H_P_ASSERTED_IDENTITY);
}

static void edit(const struct forward *f, struct sip_rewrite *w)
{
	const struct request *r = f->request;

	edit_target(f, w);
	sip_rewrite_max_forwards(w);
	if (forward_records(r->msg))
		record(f, w);
	if (r->realm.len > 0)
		sip_rewrite_drop_credentials(w, SIP_H_PROXY_AUTHORIZATION, &r->realm, 1);
	edit_identity(f, w);
	sip_rewrite_via_source(w, &r->flow->remote);
	add_via(f, w);
}

static enum err write_out(struct worker *worker, struct sip_rewrite *w, struct packet **out)
{
	size_t size = sip_rewrite_size(w);
	struct packet *p;
	struct buf b;
	enum err e;

	if (w->err != ERR_OK)
		return w->err;
	if (size > SIP_MESSAGE_MAX)
		return ERR_LIMIT;
	p = sip_wire_packet(worker->wire, size);
	if (p == NULL)
		return ERR_NOMEM;
	buf_wrap(&b, p->data, p->cap);
	e = sip_rewrite_write(w, &b);
	if (e != ERR_OK) {
		packet_unref(p);
		return e;
	}
	p->len = (uint32_t)b.len;
	*out = p;
	return ERR_OK;
}

enum err forward_write(const struct forward *f, struct packet **out)
{
	struct sip_rewrite w;

	sip_rewrite_init(&w, f->request->msg);
	edit(f, &w);
	return write_out(f->request->worker, &w, out);
}

enum err forward_response(struct worker *worker, const struct sip_msg *msg, struct str more,
                          struct packet **out)
{
	struct sip_rewrite w;

	sip_rewrite_init(&w, msg);
	sip_rewrite_pop(&w, SIP_H_VIA, 1);
	while (more.len > 0) {
		struct str line = str_cut(&more, '\n');
		struct str name = str_cut(&line, ':');

		sip_rewrite_append_named(&w, name, str_trim(line));
	}
	return write_out(worker, &w, out);
}
