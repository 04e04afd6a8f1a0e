#include "gateway/request.h"

#include "gateway/auth.h"
#include "gateway/call.h"
#include "gateway/fork.h"
#include "gateway/forward.h"
#include "gateway/identity.h"
#include "gateway/redirect.h"
#include "gateway/register.h"
#include "gateway/relay.h"
#include "gateway/route_set.h"

#include "base/mem.h"
#include "sip/field.h"

/* ---------------------------------------------------------------------------- life */

static void on_server_ended(void *arg, struct sip_server *server)
{
	struct request *r = arg;

	(void)server;
	r->server = NULL;
	request_maybe_free(r);
}

static struct request *request_new(struct worker *w, struct sip_server *server)
{
	struct request *r = malloc(sizeof(*r));
	const struct sip_server_user user = { .arg = r, .ended = on_server_ended };

	if (r == NULL)
		return NULL;
	memset(r, 0, offsetof(struct request, memory));
	arena_init(&r->arena, r->memory, sizeof(r->memory), REQUEST_ARENA_MAX);
	r->worker = w;
	r->snapshot = snapshot_ref(w->snapshot);
	r->server = server;
	r->msg = sip_server_request(server);
	r->flow = sip_server_flow(server);
	r->began = loop_now(w->loop);
	r->next = w->requests;
	r->prev = &w->requests;
	if (r->next != NULL)
		r->next->prev = &r->next;
	w->requests = r;
	(void)atomic_fetch_add_explicit(&w->pending, 1, memory_order_relaxed);
	sip_server_use(server, &user);
	return r;
}

void request_is_answered(struct request *r)
{
	if (!r->answered)
		(void)atomic_fetch_sub_explicit(&r->worker->pending, 1, memory_order_relaxed);
	r->answered = true;
}

static void request_free(struct request *r)
{
	request_is_answered(r);
	*r->prev = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	fork_free(r->fork);
	fork_free(r->fork_before);
	locate_free(r->locate);
	locate_free(r->locate_before);
	snapshot_unref(r->snapshot);
	arena_fini(&r->arena);
	free(r);
}

void request_maybe_free(struct request *r)
{
	if (r->server == NULL && r->waiting == 0 && (r->fork == NULL || fork_is_idle(r->fork)) &&
	    (r->fork_before == NULL || fork_is_idle(r->fork_before)))
		request_free(r);
}

void requests_close(struct worker *w)
{
	struct request *next;

	for (struct request *r = w->requests; r != NULL; r = next) {
		next = r->next;
		request_free(r);
	}
}

/* ---------------------------------------------------------------------------- our own answers */

void request_reply_with(struct request *r, unsigned status, const char *reason,
                        void (*more)(void *arg, struct buf *out), void *arg)
{
	enum err e;

	if (r->server == NULL)
		return;
	e = sip_server_reply(r->server, status, str_from(reason), more, arg);
	request_is_answered(r);
	if (e == ERR_OK) {
		meters_response(&r->worker->meters, status);
		return;
	}
	LOG_EVENT(worker_log(r->worker), LOG_WARN, "answer_not_sent", LOG_N("status", status),
	          LOG_E("reason", e), LOG_S("call_id", sip_value(r->msg, SIP_H_CALL_ID)));
	sip_server_let_go(r->server);
	r->server = NULL;
}

void request_reply(struct request *r, unsigned status, const char *reason)
{
	request_reply_with(r, status, reason, NULL, NULL);
}

static void forbid(struct request *r, const char *reason)
{
	meters_count_labelled(&r->worker->meters, M_REFUSED, "identity", who_name(r->who));
	LOG_EVENT(worker_log(r->worker), LOG_INFO, "refused", LOG_S("method", r->msg->method_name),
	          LOG_Z("who", who_name(r->who)),
	          LOG_S("from", r->from_known ? r->from.aor : STR_NONE), LOG_S("to", r->uri_text),
	          LOG_Z("reason", reason), LOG_S("call_id", sip_value(r->msg, SIP_H_CALL_ID)));
	request_reply(r, 403, reason);
}

/* Every option tag of Require or Proxy-Require: we know none that either may ask of us. */
static void write_unsupported(const struct request *r, enum sip_header_id id, struct buf *out)
{
	struct sip_values at = sip_values_of(r->msg, id);
	struct str token;

	while (sip_next_unknown_token(&at, NULL, 0, &token))
		sip_put(out, SIP_H_UNSUPPORTED, token);
}

static void write_required(void *arg, struct buf *out)
{
	write_unsupported(arg, SIP_H_REQUIRE, out);
}

static void write_proxy_required(void *arg, struct buf *out)
{
	write_unsupported(arg, SIP_H_PROXY_REQUIRE, out);
}

bool request_requires_nothing(struct request *r)
{
	if (!sip_has(r->msg, SIP_H_REQUIRE))
		return true;
	request_reply_with(r, 420, NULL, write_required, r);
	return false;
}

void request_write_options(void *arg, struct buf *out)
{
	(void)arg;
	sip_put_z(out, SIP_H_ALLOW, REQUEST_ALLOW);
	sip_put_z(out, SIP_H_ACCEPT, "application/sdp");
	sip_put_z(out, SIP_H_ACCEPT_LANGUAGE, "en");
}

/* ---------------------------------------------------------------------------- where it goes */

void request_trying(struct request *r)
{
	if (r->msg->method != SIP_INVITE || r->trying)
		return;
	r->trying = true;
	if (sip_server_reply(r->server, 100, STR_NONE, NULL, NULL) != ERR_OK)
		LOG_EVENT(worker_log(r->worker), LOG_WARN, "trying_not_sent",
		          LOG_Z("reason", "no memory"));
}

static void redirect_or_fork(struct request *r)
{
	const struct locate_result *found = locate_result(r->locate);
	const struct conf *conf = r->snapshot->conf;
	enum conf_mode mode = r->to.own != NULL ? r->to.own->mode : conf->mode;

	if (mode == CONF_REDIRECT)
		redirect_reply(r, found);
	else
		fork_start(r, found->targets, found->target_count);
}

static void count_locate(struct request *r, const struct locate_result *result)
{
	meters_count_labelled(&r->worker->meters, M_LOCATES, "outcome",
	                      located_name(result->outcome));
}

static void located(struct request *r)
{
	const struct locate_result *result = locate_result(r->locate);

	count_locate(r, result);
	if (result->outcome == LOCATED_FOUND) {
		redirect_or_fork(r);
		return;
	}
	LOG_EVENT(worker_log(r->worker), LOG_INFO, "not_found", LOG_S("to", r->to.aor),
	          LOG_Z("outcome", located_name(result->outcome)), LOG_N("status", result->status),
	          LOG_S("answer", result->step_count > 0
	                                  ? result->steps[result->step_count - 1].answer
	                                  : STR_NONE),
	          LOG_S("call_id", sip_value(r->msg, SIP_H_CALL_ID)));
	call_failed(r, result->status);
	request_reply(r, result->status, result->reason);
}

static void on_located(void *arg, struct locate *l, const struct locate_result *result)
{
	struct request *r = arg;

	(void)l;
	(void)result;
	if (r->server != NULL && !r->cancelled)
		located(r);
	request_maybe_free(r);
}

static void locate(struct request *r, bool anew)
{
	struct locate_question q = {
		.snapshot = r->snapshot,
		.address = r->to,
		.port = r->uri.port,
		.no_cache = anew,
		.seed = hash_str(&r->worker->gateway->keys.home, sip_value(r->msg, SIP_H_CALL_ID)),
	};

	switch (sip_uri_transport(&r->uri, SIP_TRANSPORT_OTHER)) {
	case SIP_TRANSPORT_UDP:
		q.transport = RESOLVER_UDP;
		break;
	case SIP_TRANSPORT_TCP:
		q.transport = RESOLVER_TCP;
		break;
	default:
		break;
	}
	if (locate_start(r->worker, &q, on_located, r, &r->locate))
		located(r);
	else if (r->locate == NULL)
		request_reply(r, 503, "Out of Memory");
	else
		request_trying(
			r); /* others are asked: that may take longer than the caller's patience */
}

bool request_ask_again(struct request *r)
{
	const struct locate_result *found = r->locate != NULL ? locate_result(r->locate) : NULL;

	if (found == NULL || found->target_count == 0 || !found->targets[0].cached ||
	    r->asked_again || r->server == NULL)
		return false;
	r->asked_again = true;
	r->locate_before = r->locate;
	r->fork_before = r->fork;
	r->locate = NULL;
	r->fork = NULL;
	locate(r, true);
	return true;
}

/* An opaque URI that we gave a peer leads to one device of ours. */
static void follow_opaque(struct request *r)
{
	struct reg_bindings found = { 0 };
	enum reg_known known = REG_NOBODY;
	struct target *t = arena_zero(&r->arena, sizeof(*t));

	if (t == NULL || reg_lookup(r->worker->reader, r->opaque_aor, wall_now(), &r->arena, &known,
	                            &found) != ERR_OK) {
		request_reply(r, 500, NULL);
		return;
	}
	for (size_t i = 0; i < found.count; i++) {
		const struct reg_binding *b = &found.items[i];

		if (!str_eq(b->uri, r->opaque_contact))
			continue;
		*t = (struct target){ .kind = TARGET_CONTACT,
			              .uri = b->uri,
			              .route = b->path,
			              .q = b->q,
			              .expires = b->expires,
			              .source = STR("registrar"),
			              .has_flow = true,
			              .flow = b->source };
		fork_start(r, t, 1);
		return;
	}
	call_failed(r, 480);
	request_reply(r, 480, NULL);
}

static void answer_for_us(struct request *r)
{
	if (r->msg->method == SIP_OPTIONS) {
		if (request_requires_nothing(r))
			request_reply_with(r, 200, NULL, request_write_options, r);
		return;
	}
	if (r->msg->method == SIP_REGISTER) {
		register_begin(r);
		return;
	}
	request_reply(r, 404, NULL);
}

void request_route_on(struct request *r)
{
	/* A dialog that we let through follows the route that we wrote, or its own Request-URI where that is nobody of ours. */
	if (r->opaque_aor.len > 0)
		follow_opaque(r);
	else if (r->proven && (r->routed || !r->to_known || r->to.own == NULL))
		fork_start(r, NULL, 0);
	else if (r->to_us)
		answer_for_us(r);
	else if (!r->to_known)
		request_reply(r, 416, NULL);
	else
		locate(r, false);
}

/* ---------------------------------------------------------------------------- 6. who is asking */

static void on_checked(struct request *r, enum auth_verdict verdict)
{
	const struct conf_domain *domain = r->from.own;
	enum sip_header_id id = identity_field(r);
	struct admission a;

	switch (verdict) {
	case AUTH_GOOD:
		identity_is_user(r);
		a = identity_admit(r);
		if (a.verdict == ADMISSION_PASS)
			request_route_on(r);
		else
			forbid(r, a.reason);
		return;
	case AUTH_NONE:
		auth_challenge(r, id, domain, r->from.domain, false);
		return;
	case AUTH_STALE:
		auth_challenge(r, id, domain, r->from.domain, true);
		return;
	case AUTH_MALFORMED:
		request_reply(r, 400, "Malformed Credentials");
		return;
	case AUTH_LIMITED:
		meters_count_labelled(&r->worker->meters, M_LIMITED, "limit", "failed_logins");
		request_reply(r, 403, "Too Many Failed Logins");
		return;
	case AUTH_DISABLED:
		forbid(r, "Account Disabled");
		return;
	case AUTH_FAILED:
		request_reply(r, 500, NULL);
		return;
	}
}

static void admit(struct request *r)
{
	struct admission a = identity_admit(r);

	switch (a.verdict) {
	case ADMISSION_PASS:
		request_route_on(r);
		return;
	case ADMISSION_CHALLENGE:
		auth_check(r, identity_field(r), r->from.own, r->from.domain, on_checked);
		return;
	case ADMISSION_FORBID:
		forbid(r, a.reason);
		return;
	}
}

/* ---------------------------------------------------------------------------- 3. to 5., and 16.4 */

static bool is_in_dialog(const struct request *r)
{
	return sip_tag(r->msg, SIP_H_TO).len > 0;
}

static bool read_routes(struct request *r)
{
	struct str key = str_of((const char *)r->worker->gateway->keys.route, REG_SECRET);
	struct route_set set;

	if (route_set_read(&set, r->snapshot, r->worker->gateway->wires, key, r->msg) != ERR_OK) {
		request_reply(r, 400, "Malformed Route");
		return false;
	}
	r->uri_text = set.uri;
	r->popped = set.popped;
	r->restored = set.restored;
	r->routed = set.left > 0;
	r->proven = set.proven;
	if (sip_uri_parse(&r->uri, r->uri_text) != ERR_OK) {
		request_reply(r, 400, "Malformed Request-URI");
		return false;
	}
	/* A route set that we didn't write, or wrote for another dialog, relays nobody. */
	if (!r->proven && (r->routed || (is_in_dialog(r) && set.ours))) {
		forbid(r, "Route Not Ours");
		return false;
	}
	return true;
}

static bool validate(struct request *r)
{
	unsigned max_forwards = 70;
	struct str value = sip_value(r->msg, SIP_H_MAX_FORWARDS);

	/* 3. Max-Forwards. */
	if (value.len > 0 && sip_max_forwards_parse(&max_forwards, value) != ERR_OK) {
		request_reply(r, 400, "Malformed Max-Forwards");
		return false;
	}
	if (max_forwards == 0 && r->msg->method != SIP_REGISTER) {
		if (r->msg->method == SIP_OPTIONS)
			request_reply_with(r, 200, NULL, request_write_options, r);
		else
			request_reply(r, 483, NULL);
		return false;
	}
	/* 4. Loops. */
	if (forward_is_loop(r->worker, r->msg)) {
		request_reply(r, 482, NULL);
		return false;
	}
	/* 5. Proxy-Require. */
	if (sip_has(r->msg, SIP_H_PROXY_REQUIRE) && r->msg->method != SIP_CANCEL) {
		request_reply_with(r, 420, NULL, write_proxy_required, r);
		return false;
	}
	return read_routes(r);
}

static bool is_registration(const struct request *r)
{
	return r->msg->method == SIP_REGISTER && !r->routed;
}

static void begin(struct request *r)
{
	if (!validate(r))
		return;
	if (!identity_read(r))
		return;
	if (is_registration(r)) {
		register_begin(r);
		return;
	}
	if (r->proven) {
		request_route_on(r);
		return;
	}
	/* Asking us whether we are there is for everybody. */
	if (r->to_us && r->msg->method == SIP_OPTIONS) {
		answer_for_us(r);
		return;
	}
	admit(r);
}

void request_receive(struct worker *w, struct sip_server *server, const struct sip_msg *msg,
                     struct packet *packet, const struct sip_flow *flow)
{
	struct request *r;

	(void)packet;
	meters_request(&w->meters, msg->method);
	if (server == NULL) {
		relay_ack(w, msg, flow);
		return;
	}
	r = request_new(w, server);
	if (r == NULL) {
		if (sip_server_reply(server, 503, STR("Out of Memory"), NULL, NULL) != ERR_OK)
			sip_server_let_go(server);
		return;
	}
	begin(r);
}

void request_cancel(struct request *r, const struct sip_msg *cancel)
{
	struct str reason = sip_value(cancel, SIP_H_REASON);

	r->cancelled = true;
	if (r->fork != NULL) {
		fork_cancel(r->fork, reason);
		request_maybe_free(r);
		return;
	}
	/* Still looking for where it goes: nothing was sent yet, and nothing will be. */
	locate_free(r->locate);
	r->locate = NULL;
	call_failed(r, 487);
	request_reply(r, 487, NULL);
}
