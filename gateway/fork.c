#include "gateway/fork.h"

#include "gateway/best.h"
#include "gateway/call.h"
#include "gateway/fork_build.h"
#include "gateway/forward.h"

#include "base/mem.h"

#define CHALLENGES_MAX 8192
#define ELSEWHERE "SIP;cause=200;text=\"Call completed elsewhere\""

/* ---------------------------------------------------------------------------- upstream */

static void forward_up(struct fork *f, const struct sip_msg *msg, struct str more)
{
	struct request *r = f->request;
	struct packet *packet;

	if (r->server == NULL)
		return;
	if (forward_response(r->worker, msg, more, &packet) != ERR_OK) {
		if (msg->status >= 200 && f->final == 0)
			request_reply(r, 500, "Response Cannot Be Forwarded");
		return;
	}
	if (msg->status >= 200) {
		meters_response(&r->worker->meters, msg->status);
		request_is_answered(r);
	}
	sip_server_respond(r->server, packet, msg->status);
	packet_unref(packet);
}

/* A peer's ingress beside its contacts stands in for places that are no longer there; one at a time, and not for a user who said no. */
static bool may_fall_back(const struct fork *f)
{
	return f->best == 0 || f->best == 404 || f->best == 408 || f->best == 410 ||
	       f->best == 430 || f->best >= 500;
}

/* 16.7 step 6 to 9: all branches have ended, the best answer goes back. */
static void send_best(struct fork *f)
{
	struct request *r = f->request;
	unsigned status = best_status_upstream(f->best);
	struct sip_fault fault;
	struct sip_msg msg;

	if (!f->closed && may_fall_back(f) && request_ask_again(r))
		return;
	f->final = status;
	call_failed(r, status);
	if (r->server == NULL)
		return;
	if (f->best_packet != NULL && status == f->best &&
	    sip_parse(&msg, packet_view(f->best_packet), &fault) == ERR_OK) {
		forward_up(f, &msg,
		           status == 401 || status == 407 ? buf_view(&f->challenges) : STR_NONE);
		return;
	}
	request_reply(r, status, NULL);
}

/* ---------------------------------------------------------------------------- branches */

static bool in_group(const struct target *first, const struct target *t)
{
	return t == first || (t->q == first->q && !t->fallback && !first->fallback);
}

static bool has_more(const struct fork *f)
{
	return !f->closed && f->next < f->target_count && f->count < f->limit &&
	       (!f->targets[f->next].fallback || may_fall_back(f));
}

static void start_group(struct fork *f)
{
	const struct target *first = &f->targets[f->next];

	while (has_more(f) && in_group(first, &f->targets[f->next])) {
		struct branch *b = &f->branches[f->count++];
		const struct target *target = &f->targets[f->next++];

		f->running++;
		branch_begin(b, f, target);
	}
}

/* Begun from a list of branches that may all have failed at once: on to the next group until one runs, or all is over. */
static void go_on(struct fork *f)
{
	if (f->starting)
		return;
	f->starting = true;
	while (f->running == 0 && has_more(f))
		start_group(f);
	f->starting = false;
	if (f->running == 0 && f->final == 0)
		send_best(f);
}

static void cancel_others(struct fork *f, const struct branch *but, struct str reason)
{
	f->closed = true;
	for (size_t i = 0; i < f->count; i++) {
		if (&f->branches[i] != but && f->branches[i].status == 0)
			branch_cancel(&f->branches[i], reason);
	}
}

static bool answers_invite(const struct fork *f)
{
	return f->request->msg->method == SIP_INVITE;
}

void fork_response(struct branch *b, const struct sip_msg *msg, struct packet *packet)
{
	struct fork *f = b->fork;

	(void)packet;
	if (msg->status < 200) {
		if (f->final == 0)
			forward_up(f, msg, STR_NONE);
		return;
	}
	/* A 2xx to an INVITE goes back whenever it comes, also from a second branch: the caller must hear of each (16.7 step 5). */
	if (f->final != 0 && !answers_invite(f))
		return;
	if (f->final == 0) {
		f->final = msg->status;
		f->winner = b->target;
		call_answered(f->request, msg, b->target);
	}
	forward_up(f, msg, STR_NONE);
	cancel_others(f, b, answers_invite(f) ? STR(ELSEWHERE) : STR_NONE);
}

/* 16.7 step 7: the challenges of all who want to know who is calling. */
static void gather_challenges(struct fork *f, struct packet *packet)
{
	static const enum sip_header_id ids[] = { SIP_H_WWW_AUTHENTICATE,
		                                  SIP_H_PROXY_AUTHENTICATE };
	struct sip_fault fault;
	struct sip_msg msg;

	if (sip_parse(&msg, packet_view(packet), &fault) != ERR_OK)
		return;
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		for (const struct sip_header *h = sip_header_first(&msg, ids[i]); h != NULL;
		     h = sip_header_next(&msg, h)) {
			if (str_find(h->value, '\n') ==
			    h->value.len) /* folded ones would need unfolding: rare, and never lost alone */
				buf_printf(&f->challenges, "%.*s: %.*s\n",
				           STR_ARG(sip_header_name(ids[i])), STR_ARG(h->value));
		}
	}
}

static bool is_challenge(unsigned status)
{
	return status == 401 || status == 407;
}

static void keep_best(struct fork *f, const struct branch *b, unsigned status,
                      struct packet *packet)
{
	struct packet *beaten = packet;

	if (best_is_better(status, f->best)) {
		beaten = f->best_packet;
		if (beaten != NULL && is_challenge(f->best) && is_challenge(status))
			gather_challenges(f, beaten);
		packet_unref(f->best_packet);
		f->best_packet = packet == NULL ? NULL : packet_ref(packet);
		f->best = status;
		f->best_branch = b;
	} else if (packet != NULL && is_challenge(status) && is_challenge(f->best)) {
		gather_challenges(f, packet);
	}
}

void fork_ended(struct branch *b, unsigned status, const struct sip_msg *msg, struct packet *packet)
{
	struct fork *f = b->fork;

	(void)msg;
	b->status = status;
	f->running--;
	if (status >= 300) {
		keep_best(f, b, status, packet);
		if (status >= 600)
			cancel_others(f, b, STR_NONE);
	}
	if (f->running == 0)
		go_on(f);
	/* No request_maybe_free() here: whoever called us still uses the branch. The server transaction's end comes later in any case. */
}

/* ---------------------------------------------------------------------------- life */

static struct fork *fork_new(struct request *r, const struct target *targets, size_t count)
{
	size_t limit = r->snapshot->conf->routing.targets;
	struct fork *f = arena_zero(&r->arena, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->request = r;
	f->targets = targets;
	f->target_count = count;
	f->limit = count == 0 ? 1 : count < limit ? count : limit;
	f->branches = arena_zero(&r->arena, f->limit * sizeof(*f->branches));
	buf_init(&f->challenges, CHALLENGES_MAX);
	return f->branches == NULL ? NULL : f;
}

void fork_start(struct request *r, const struct target *targets, size_t count)
{
	struct fork *f = fork_new(r, targets, count);

	if (f == NULL) {
		request_reply(r, 503, "Out of Memory");
		return;
	}
	r->fork = f;
	request_trying(r);
	call_begin(r);
	if (count == 0) {
		f->starting = true;
		f->running = 1;
		f->count = 1;
		branch_begin(&f->branches[0], f, NULL);
		f->starting = false;
	}
	go_on(f);
}

void fork_cancel(struct fork *f, struct str reason)
{
	f->starting = true; /* the branches end one by one: one answer at the end */
	cancel_others(f, NULL, reason);
	f->starting = false;
	go_on(f);
}

bool fork_is_idle(const struct fork *f)
{
	for (size_t i = 0; i < f->count; i++) {
		if (branch_is_live(&f->branches[i]))
			return false;
	}
	return true;
}

void fork_free(struct fork *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->count; i++)
		branch_fini(&f->branches[i]);
	packet_unref(f->best_packet);
	buf_fini(&f->challenges);
}
