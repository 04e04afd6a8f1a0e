#include "gateway/ua_call.h"

#include "base/mem.h"
#include "gateway/best.h"
#include "gateway/ua_serve.h"
#include "gateway/ua_session.h"
#include "gateway/ua_targets.h"

#define FORKS_MAX 8 /* 2xx from different ends to one INVITE */

/* A call of ours. The first 2xx is the call; further ones, of other ends that answered at the same time, are acknowledged and ended (13.2.2.4). */
struct call {
	struct ua *ua;
	struct ua_dialog asked;
	struct ua_targets targets;
	struct ua_request invite;
	struct ua_session sessions[FORKS_MAX];
	size_t session_count;
	struct timer timer; /* until we give up, then until we hang up */
	unsigned best;      /* final answer that is no 2xx, of those we had; 0: none */
	bool cancelled;
	bool open; /* the round is not over */
	uint64_t sdp_id;
};

static void call_clear(struct call *c)
{
	loop_timer_stop(c->ua->loop, &c->timer);
	ua_request_stop(&c->invite);
	for (size_t i = 0; i < c->session_count; i++)
		ua_session_close(&c->sessions[i]);
	c->session_count = 0;
	ua_dialog_fini(&c->asked);
	ua_targets_fini(&c->targets);
	c->best = 0;
	c->cancelled = false;
}

#define CALL_FIELDS(c)                                                        \
	LOG_S("call_id", (c)->asked.call_id), LOG_S("from", caller((c)->ua)), \
		LOG_S("to", (c)->ua->args->uri), LOG_N("ms", ua_elapsed((c)->ua))

static struct str caller(const struct ua *ua)
{
	return ua->args->identity.len > 0 ? ua->args->identity : STR("anonymous");
}

/* No end that answered is left, and none will come. */
static void finish(struct call *c, enum ua_status status)
{
	if (!c->open)
		return;
	c->open = false;
	loop_timer_stop(c->ua->loop, &c->timer);
	ua_done(c->ua, status);
}

/* ---------------------------------------------------------------------------- asking */

static void write_invite(void *arg, const struct sip_flow *flow, struct buf *fields,
                         struct buf *body)
{
	const struct call *c = arg;
	const struct ua_sdp sdp = { .local = &flow->local, .id = c->sdp_id, .version = 1 };

	ua_serve_put_contact(c->ua, flow, fields);
	ua_serve_put_abilities(fields);
	ua_sdp_offer(&sdp, body);
}

static void on_answer(void *arg, const struct sip_msg *msg, const struct sip_flow *flow);
static void on_no_answer(void *arg, enum err why);

/* Credentials are for the domain that they are of, and for whom the user named himself: not for whom a redirect names. */
static bool is_foreign(const struct ua *ua, const struct ua_target *target)
{
	struct sip_uri theirs;
	struct sip_uri ours;

	return target->redirected && (sip_uri_parse(&theirs, target->uri) != ERR_OK ||
	                              sip_uri_parse(&ours, ua->args->identity) != ERR_OK ||
	                              !str_eq_nocase(theirs.host, ours.host));
}

/* The next target; false: there is none. */
static bool invite_next(struct call *c)
{
	struct ua_sending sending = { .dialog = &c->asked,
		                      .method = SIP_INVITE,
		                      .user = { .arg = c,
		                                .write = write_invite,
		                                .response = on_answer,
		                                .failed = on_no_answer } };
	const struct ua_target *target;

	while ((target = ua_targets_take(&c->targets)) != NULL) {
		sending.foreign = is_foreign(c->ua, target);
		if (target->redirected && ua_dialog_redirect(&c->asked, target->uri) != ERR_OK)
			continue;
		UA_SAY(c->ua, "calling", LOG_S("uri", target->uri), CALL_FIELDS(c));
		if (ua_request_start(&c->invite, c->ua, &sending) == ERR_OK)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------------------- answers */

static bool is_open(const struct ua_session *s)
{
	return s->state == UA_SESSION_TALKS || s->state == UA_SESSION_ENDS;
}

static void on_over(void *arg, struct ua_session *s, enum ua_over why)
{
	struct call *c = arg;

	(void)s;
	UA_SAY(c->ua, "ended", LOG_Z("by", ua_over_text(why)), CALL_FIELDS(c));
	for (size_t i = 0; i < c->session_count; i++) {
		if (is_open(&c->sessions[i]))
			return;
	}
	finish(c, UA_GOOD);
}

static void on_duration(struct timer *t)
{
	struct call *c = container_of(t, struct call, timer);

	ua_session_hang_up(&c->sessions[0]);
}

static struct ua_session *session_of(struct call *c, struct str tag)
{
	for (size_t i = 0; i < c->session_count; i++) {
		if (str_eq(c->sessions[i].dialog.remote_tag, tag))
			return &c->sessions[i];
	}
	return NULL;
}

static void talk(struct call *c, struct ua_session *s)
{
	bool first = s == &c->sessions[0];

	if (first)
		loop_timer_stop(c->ua->loop, &c->timer);
	if (!first || c->cancelled || c->ua->stopping)
		ua_session_hang_up(s);
	else if (c->ua->args->duration_ms != UA_FOREVER)
		loop_timer_start(c->ua->loop, &c->timer, c->ua->args->duration_ms, on_duration);
}

static void on_success(struct call *c, const struct sip_msg *msg, const struct sip_flow *flow)
{
	const struct ua_session_user user = { .arg = c, .over = on_over };
	struct ua_session *s = session_of(c, sip_tag(msg, SIP_H_TO));
	enum err e;

	if (s != NULL) {
		ua_session_ack_again(s);
		return;
	}
	if (c->session_count == FORKS_MAX)
		return;
	s = &c->sessions[c->session_count++];
	ua_session_init(s, c->ua, &user);
	e = ua_session_answered(s, &c->invite, msg, flow);
	UA_SAY(c->ua, "answered", LOG_N("status", msg->status), LOG_S("reason", msg->reason),
	       LOG_S("contact", str_of(s->dialog.target, s->dialog.target_len)), CALL_FIELDS(c));
	if (e == ERR_OK) {
		talk(c, s);
		return;
	}
	UA_SAY(c->ua, "failed", LOG_E("reason", e), CALL_FIELDS(c));
	ua_session_close(s);
	c->session_count--;
	if (c->session_count == 0)
		finish(c, UA_NONE);
}

static void refused(struct call *c, const struct sip_msg *msg)
{
	bool again = false;

	if (best_is_better(msg->status, c->best))
		c->best = msg->status;
	if (c->cancelled) {
		UA_SAY(c->ua, "cancelled", LOG_N("status", msg->status),
		       LOG_S("reason", msg->reason), CALL_FIELDS(c));
		finish(c, UA_REFUSED);
		return;
	}
	if (msg->status < 400) {
		size_t fresh = ua_targets_redirect(&c->targets, msg);

		UA_SAY(c->ua, "redirected", LOG_N("status", msg->status),
		       LOG_S("reason", msg->reason), LOG_N("targets", fresh), CALL_FIELDS(c));
	} else {
		UA_SAY(c->ua, "refused", LOG_N("status", msg->status), LOG_S("reason", msg->reason),
		       LOG_S("warning", sip_value(msg, SIP_H_WARNING)), CALL_FIELDS(c));
	}
	/* 21.6: a 6xx is said for everywhere. */
	if (msg->status < 600)
		again = invite_next(c);
	if (!again)
		finish(c, UA_REFUSED);
}

static void on_answer(void *arg, const struct sip_msg *msg, const struct sip_flow *flow)
{
	struct call *c = arg;

	if (msg->status < 200)
		UA_SAY(c->ua,
		       msg->status == 100   ? "trying"
		       : msg->status == 180 ? "ringing"
		                            : "progress",
		       LOG_N("status", msg->status), LOG_S("reason", msg->reason), CALL_FIELDS(c));
	else if (msg->status < 300)
		on_success(c, msg, flow);
	else
		refused(c, msg);
}

static void on_no_answer(void *arg, enum err why)
{
	struct call *c = arg;

	(void)why;
	UA_SAY(c->ua, "failed", LOG_S("reason", ua_request_reason(&c->invite)), CALL_FIELDS(c));
	if (!c->cancelled && invite_next(c))
		return;
	finish(c, c->best != 0 ? UA_REFUSED : UA_NONE);
}

/* ---------------------------------------------------------------------------- the task */

static void cancel(struct call *c)
{
	c->cancelled = true;
	if (ua_request_cancel(&c->invite))
		return;
	UA_SAY(c->ua, "cancelled", CALL_FIELDS(c));
	finish(c, UA_NONE);
}

static void on_patience(struct timer *t)
{
	cancel(container_of(t, struct call, timer));
}

static enum err begin(struct call *c)
{
	const struct ua_args *args = c->ua->args;
	char id[UA_ID_TEXT];
	char tag[UA_ID_TEXT];
	struct ua_opening opening = {
		.from = args->identity, .to = args->uri, .target = args->uri, .route = args->proxy
	};
	enum err e;

	call_clear(c);
	ua_dialog_init(&c->asked);
	ua_targets_init(&c->targets);
	ua_random(id);
	ua_random(tag);
	opening.call_id = str_from(id);
	opening.tag = str_from(tag);
	c->sdp_id = (uint64_t)wall_now().ms;
	c->open = true;
	e = ua_dialog_begin(&c->asked, &opening);
	return e != ERR_OK ? e : ua_targets_begin(&c->targets, args->uri);
}

static void start(void *arg)
{
	struct call *c = arg;
	enum err e = begin(c);

	if (e == ERR_OK && !invite_next(c))
		e = ERR_UNREACHABLE;
	if (e == ERR_OK) {
		loop_timer_start(c->ua->loop, &c->timer, c->ua->args->ring_ms, on_patience);
		return;
	}
	UA_SAY(c->ua, "failed", LOG_E("reason", e), CALL_FIELDS(c));
	finish(c, UA_NONE);
}

static void stop(void *arg)
{
	struct call *c = arg;

	if (!c->open)
		return;
	if (c->session_count == 0)
		cancel(c);
	else
		ua_session_hang_up(&c->sessions[0]);
}

static void close_task(void *arg)
{
	struct call *c = arg;

	call_clear(c);
	free(c);
}

enum err ua_call_open(struct ua *ua)
{
	struct call *c = mem_zero(sizeof(*c));

	if (c == NULL)
		return ERR_NOMEM;
	c->ua = ua;
	ua_dialog_init(&c->asked);
	ua_targets_init(&c->targets);
	ua->task = (struct ua_task){ .arg = c, .start = start, .stop = stop, .close = close_task };
	return ERR_OK;
}
