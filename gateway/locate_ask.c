/* The sources of locations, one after the other: see gateway/locate.h. */
#include "gateway/locate_build.h"

#include "sip/field.h"

#include <stdarg.h>
#include <stdio.h>

#define STEP_TEXT 512

/* ---------------------------------------------------------------------------- what all of them need */

void locate_step(struct locate *l, struct str source, enum located outcome, int64_t ttl_s,
                 const char *format, ...)
{
	struct locate_result *r = &l->result;
	char text[STEP_TEXT];
	struct locate_step *step;
	va_list args;
	int n;

	if (r->steps == NULL)
		r->steps = arena_zero(&l->arena, LOCATE_STEPS_MAX * sizeof(*r->steps));
	if (r->steps == NULL || r->step_count == LOCATE_STEPS_MAX)
		return;
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	step = &r->steps[r->step_count++];
	step->source = source;
	step->outcome = outcome;
	step->ttl_s = ttl_s;
	step->ms = l->asked_at.ns == 0 ? 0 : mono_ms_between(l->asked_at, mono_now());
	step->answer = locate_text(l, str_of(text, n < 0                       ? 0
	                                           : (size_t)n >= sizeof(text) ? sizeof(text) - 1
	                                                                       : (size_t)n));
}

struct str locate_text(struct locate *l, struct str text)
{
	struct str kept;

	return arena_str(&l->arena, text, &kept) == ERR_OK ? kept : STR_NONE;
}

struct str locate_source(struct locate *l, const struct route_ask *ask)
{
	char text[160];
	struct buf b;

	buf_wrap(&b, text, sizeof(text));
	route_source(ask, &b);
	return locate_text(l, buf_view(&b));
}

struct target *locate_targets(struct locate *l, size_t count)
{
	struct locate_result *r = &l->result;

	if (count > LOCATE_TARGETS_MAX)
		count = LOCATE_TARGETS_MAX;
	r->targets = arena_zero(&l->arena, (count + 1) * sizeof(*r->targets));
	r->target_count = r->targets == NULL ? 0 : count;
	if (r->targets == NULL)
		l->internal = true;
	return r->targets;
}

/* ---------------------------------------------------------------------------- 1. our own users */

/* The AoR under which a number is kept: that of the domain which answers for it. */
static struct str own_aor(struct locate *l)
{
	const struct address *a = &l->question.address;
	char text[ADDRESS_MAX];
	struct buf b;

	if (a->domain.len > 0)
		return a->aor;
	buf_wrap(&b, text, sizeof(text));
	buf_z(&b, "sip:");
	buf_str(&b, a->number);
	buf_char(&b, '@');
	buf_str(&b, a->own->name);
	return b.err == ERR_OK ? locate_text(l, buf_view(&b)) : STR_NONE;
}

static enum located take_bindings(struct locate *l, const struct reg_bindings *found)
{
	struct target *targets = locate_targets(l, found->count);

	if (targets == NULL)
		return LOCATED_FAILED;
	for (size_t i = 0; i < l->result.target_count; i++) {
		const struct reg_binding *b = &found->items[i];

		targets[i] = (struct target){
			.kind = TARGET_CONTACT,
			.uri = b->uri,
			.route = b->path,
			.q = b->q,
			.methods = b->methods,
			.expires = b->expires,
			.source = STR("registrar"),
			.has_flow = true,
			.flow = b->source,
		};
	}
	return LOCATED_FOUND;
}

static bool is_own_number(const struct locate *l)
{
	return conf_is_own_number(l->question.snapshot->conf, l->question.address.number);
}

enum located locate_own(struct locate *l)
{
	const struct address *a = &l->question.address;
	struct reg_bindings found = { 0 };
	enum reg_known known = REG_NOBODY;
	enum err e;

	if (a->own == NULL || a->user.len == 0)
		return LOCATED_UNKNOWN;
	l->asked_at = mono_now();
	e = reg_lookup(l->worker->reader, own_aor(l), wall_now(), &l->arena, &known, &found);
	if (e != ERR_OK) {
		l->internal = l->failed = true;
		locate_step(l, STR("registrar"), LOCATED_FAILED, -1, "the store cannot be read: %s",
		            err_text(e));
		return LOCATED_FAILED;
	}
	switch (known) {
	case REG_FOUND:
		locate_step(l, STR("registrar"), LOCATED_FOUND, 0, "found: %zu binding%s",
		            found.count, found.count == 1 ? "" : "s");
		return take_bindings(l, &found);
	case REG_ABSENT:
		locate_step(l, STR("registrar"), LOCATED_ABSENT, 0, "absent: nobody is registered");
		return LOCATED_ABSENT;
	case REG_NOBODY:
		break;
	}
	/* A number in our domain that nobody bears may be somebody's elsewhere, unless its prefix is ours. */
	if (a->number.len > 0 && !is_own_number(l)) {
		locate_step(l, STR("registrar"), LOCATED_UNKNOWN, 0,
		            "unknown: no account bears this number");
		return LOCATED_UNKNOWN;
	}
	locate_step(l, STR("registrar"), LOCATED_NOBODY, 0, "nobody: no such account");
	return LOCATED_NOBODY;
}

/* ---------------------------------------------------------------------------- what the configuration says */

/* A URI of the configuration: with ;lr a Route, otherwise just the next hop. */
static void lead_to(struct target *t, struct locate *l, struct str text)
{
	struct sip_uri uri;
	char route[ADDRESS_MAX];
	struct buf b;

	t->next_hop = text;
	if (sip_uri_parse(&uri, text) != ERR_OK || !sip_uri_param_has(&uri, STR("lr")))
		return;
	buf_wrap(&b, route, sizeof(route));
	buf_char(&b, '<');
	buf_str(&b, text);
	buf_char(&b, '>');
	if (b.err == ERR_OK)
		t->route = locate_text(l, buf_view(&b));
}

static struct str uri_at(struct locate *l, const struct conf_peer *peer)
{
	char text[ADDRESS_MAX];
	struct buf b;

	buf_wrap(&b, text, sizeof(text));
	route_uri_at_peer(peer, &l->question.address, &b);
	return b.err == ERR_OK ? locate_text(l, buf_view(&b)) : STR_NONE;
}

static bool found_place(struct locate *l, const struct route_ask *ask, struct str place,
                        enum located *outcome)
{
	struct target *t = locate_targets(l, 1);

	*outcome = LOCATED_FAILED;
	if (t == NULL)
		return true;
	t->kind = TARGET_ROUTE;
	t->q = 1000;
	t->source = locate_source(l, ask);
	if (ask->peer != NULL) {
		t->peer = ask->peer->name;
		t->uri = uri_at(l, ask->peer);
	}
	lead_to(t, l, place);
	locate_step(l, t->source, LOCATED_FOUND, -1, "found: %.*s", STR_ARG(place));
	*outcome = LOCATED_FOUND;
	return true;
}

/* ---------------------------------------------------------------------------- DNS */

static void take_dns(struct locate *l, const struct route_ask *ask, int64_t ttl)
{
	struct target *t = locate_targets(l, 1);

	if (t == NULL)
		return;
	t->kind = TARGET_ROUTE;
	t->q = 1000;
	t->foreign = true;
	t->source = locate_source(l, ask);
	t->expires = wall_add_s(wall_now(), ttl);
	if (ask->peer != NULL) {
		t->peer = ask->peer->name;
		t->uri = uri_at(l, ask->peer);
	}
}

static void on_resolved(void *arg, struct resolver_result *result)
{
	struct locate *l = arg;
	const struct route_ask *ask = &l->plan->asks[l->at];
	struct str source = locate_source(l, ask);
	enum located outcome = LOCATED_FAILED;

	switch (result->outcome) {
	case RESOLVER_FOUND:
		outcome = LOCATED_FOUND;
		locate_step(l, source, outcome, result->ttl,
		            "found: %zu address%s, the first %s %.*s", result->target_count,
		            result->target_count == 1 ? "" : "es",
		            resolver_transport_text(result->targets[0].transport),
		            STR_ARG(result->targets[0].host));
		take_dns(l, ask, result->ttl);
		break;
	case RESOLVER_NOBODY:
		outcome = LOCATED_NOBODY;
		locate_step(l, source, outcome, result->ttl, "nobody: %.*s",
		            STR_ARG(result->reason));
		break;
	case RESOLVER_FAILED:
		locate_step(l, source, outcome, -1, "failed: %.*s", STR_ARG(result->reason));
		break;
	}
	resolver_result_free(result);
	locate_answered(l, outcome);
}

static bool ask_dns(struct locate *l, const struct route_ask *ask, enum located *outcome)
{
	char text[ADDRESS_MAX];
	struct buf b;
	struct sip_uri uri;
	struct resolver_question q = { .foreign = true,
		                       .supported = RESOLVER_UDP | RESOLVER_TCP,
		                       .seed = l->question.seed };
	enum err e;

	buf_wrap(&b, text, sizeof(text));
	if (ask->peer != NULL)
		route_uri_at_peer(ask->peer, &l->question.address, &b);
	if (b.len == 0)
		buf_str(&b, l->question.address.aor);
	if (sip_uri_parse(&uri, buf_view(&b)) != ERR_OK || uri.host.len == 0) {
		locate_step(l, locate_source(l, ask), LOCATED_UNKNOWN, -1,
		            "unknown: a number without a domain");
		*outcome = LOCATED_UNKNOWN;
		return true;
	}
	q.host = uri.host;
	q.port = l->question.address.port ? l->question.port : 0;
	q.transport = l->question.transport;
	e = resolver_locate(l->worker->gateway->resolver, l->worker->loop, &q, on_resolved, l,
	                    &l->resolving);
	if (e == ERR_OK)
		return false;
	locate_step(l, locate_source(l, ask), LOCATED_FAILED, -1, "failed: %s", err_text(e));
	l->internal = true;
	*outcome = LOCATED_FAILED;
	return true;
}

/* ---------------------------------------------------------------------------- peers, over HTTPS */

static enum located outcome_of(enum fed_outcome outcome)
{
	switch (outcome) {
	case FED_FOUND:
		return LOCATED_FOUND;
	case FED_NOBODY:
		return LOCATED_NOBODY;
	case FED_ABSENT:
		return LOCATED_ABSENT;
	case FED_UNKNOWN:
		return LOCATED_UNKNOWN;
	case FED_FAILED:
		break;
	}
	return LOCATED_FAILED;
}

static void take_ingress(struct locate *l, struct target *t, const struct route_ask *ask)
{
	t->kind = TARGET_ROUTE;
	lead_to(t, l, t->uri);
	t->uri = uri_at(l, ask->peer);
}

static void take_target(struct locate *l, const struct route_ask *ask,
                        const struct fed_answer *answer, const struct fed_target *from,
                        struct target *to)
{
	*to = (struct target){
		.kind = TARGET_CONTACT,
		.uri = locate_text(l, from->uri),
		.route = locate_text(l, from->route),
		.q = from->q,
		.methods = locate_text(l, from->methods),
		.expires = from->expires,
		.identity = locate_text(l, from->identity),
		.source = locate_source(l, ask),
		.peer = ask->peer->name,
		.foreign = true,
		.cached = answer->cached,
		.fallback = from->ingress,
	};
	if (from->ingress)
		take_ingress(l, to, ask);
}

/* Contacts first; an ingress beside them stands in for them, so it is wanted less than any. */
static bool take_answer(struct locate *l, const struct route_ask *ask,
                        const struct fed_answer *answer)
{
	struct target *targets = locate_targets(l, answer->target_count);
	unsigned least = 1000;
	size_t n = 0;

	if (targets == NULL)
		return false;
	for (int ingress = 0; ingress <= 1; ingress++) {
		for (size_t i = 0; i < answer->target_count && n < l->result.target_count; i++) {
			const struct fed_target *from = &answer->targets[i];
			struct target *to = &targets[n];

			if (from->ingress != (ingress == 1))
				continue;
			take_target(l, ask, answer, from, to);
			if (!from->ingress && to->q < least)
				least = to->q;
			if (from->ingress && n > 0 && !targets[0].fallback)
				to->q = to->q * least / 2000;
			n++;
		}
	}
	return true;
}

static void on_answered(void *arg, const struct fed_answer *answer)
{
	struct locate *l = arg;
	const struct route_ask *ask = &l->plan->asks[l->at];
	enum located outcome = outcome_of(answer->outcome);

	locate_step(l, locate_source(l, ask), outcome, answer->ttl_s, "%s: %.*s%s",
	            located_name(outcome), STR_ARG(answer->text),
	            answer->cached ? " (cached)" : "");
	if (outcome == LOCATED_FOUND && !take_answer(l, ask, answer))
		outcome = LOCATED_FAILED;
	locate_answered(l, outcome);
}

static bool ask_https(struct locate *l, const struct route_ask *ask, enum located *outcome)
{
	const struct address *a = &l->question.address;
	char number[64];
	struct buf b;
	struct fed_ask question = { .peer = ask->peer->name,
		                    .address = a->aor,
		                    .no_cache = l->question.no_cache };
	enum err e;

	/* A peer that serves the number is asked for the number, not for an address in a domain that isn't its own. */
	buf_wrap(&b, number, sizeof(number));
	if (a->number.len > 0 &&
	    (a->domain.len == 0 || !conf_peer_serves_domain(ask->peer, a->domain))) {
		buf_z(&b, "tel:");
		buf_str(&b, a->number);
		question.address = buf_view(&b);
	}
	e = b.err != ERR_OK ? b.err
	                    : federation_ask(l->worker->gateway->federation, l->worker->loop,
	                                     &question, on_answered, l, &l->asking);
	if (e == ERR_OK)
		return false;
	locate_step(l, locate_source(l, ask), LOCATED_FAILED, -1, "failed: %s", err_text(e));
	*outcome = LOCATED_FAILED;
	return true;
}

/* ---------------------------------------------------------------------------- one of the plan */

static bool ask_peer(struct locate *l, const struct route_ask *ask, enum located *outcome)
{
	if (ask->way == CONF_WAY_HTTPS)
		return ask_https(l, ask, outcome);
	if (ask->peer->ingress.len > 0)
		return found_place(l, ask, ask->peer->ingress, outcome);
	return ask_dns(l, ask, outcome);
}

bool locate_ask(struct locate *l, const struct route_ask *ask, enum located *outcome)
{
	switch (ask->kind) {
	case ROUTE_PEER:
		return ask_peer(l, ask, outcome);
	case ROUTE_INGRESS:
		return found_place(l, ask, ask->peer->ingress, outcome);
	case ROUTE_URI:
		return found_place(l, ask, ask->uri, outcome);
	case ROUTE_DNS:
		return ask_dns(l, ask, outcome);
	case ROUTE_REFUSE:
		locate_step(l, locate_source(l, ask), LOCATED_NOBODY, -1,
		            "nobody: refused by the configuration");
		*outcome = LOCATED_NOBODY;
		return true;
	}
	*outcome = LOCATED_FAILED;
	return true;
}
