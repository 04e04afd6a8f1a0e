#include "gateway/register.h"

#include "gateway/auth.h"
#include "gateway/identity.h"
#include "sip/field.h"

/* ---------------------------------------------------------------------------- the answer */

static void write_contact(const struct reg_binding *b, struct wall now, struct buf *out)
{
	buf_str(out, sip_header_name(SIP_H_CONTACT));
	buf_z(out, ": <");
	buf_str(out, b->uri);
	buf_printf(out, ">;expires=%lld", (long long)wall_seconds_left(now, b->expires));
	if (b->q != 1000)
		buf_printf(out, ";q=0.%03u", b->q);
	if (b->instance.len > 0)
		buf_printf(out, ";+sip.instance=\"<%.*s>\"", STR_ARG(b->instance));
	if (b->reg_id != 0)
		buf_printf(out, ";reg-id=%u", b->reg_id);
	if (b->methods.len > 0)
		buf_printf(out, ";methods=\"%.*s\"", STR_ARG(b->methods));
	buf_str(out, b->params);
	buf_z(out, "\r\n");
}

static void write_result(void *arg, struct buf *out)
{
	const struct reg_result *result = arg;

	if (result->status == 423)
		sip_put_number(out, SIP_H_MIN_EXPIRES, result->min_expires_s);
	if (result->retry_after_s > 0)
		sip_put_number(out, SIP_H_RETRY_AFTER, result->retry_after_s);
	if (result->status != 200)
		return;
	for (size_t i = 0; i < result->bindings.count; i++)
		write_contact(&result->bindings.items[i], result->now, out);
	buf_z(out, "Date: ");
	sip_date_write(result->now, out);
	buf_z(out, "\r\n");
}

static void reply(struct request *r, unsigned status, const char *reason,
                  void (*more)(void *arg, struct buf *out), void *arg)
{
	char text[16];
	struct buf b;

	buf_wrap(&b, text, sizeof(text));
	buf_printf(&b, "%u", status);
	meters_count_labelled(&r->worker->meters, M_REGISTRATIONS, "status", buf_cstr(&b));
	request_reply_with(r, status, reason, more, arg);
}

static void on_registered(void *arg, const struct reg_result *result)
{
	struct request *r = arg;

	r->waiting--;
	if (r->server != NULL)
		reply(r, result->status, result->status == 200 ? NULL : result->reason,
		      write_result, (void *)(uintptr_t)result);
	request_maybe_free(r);
}

/* ---------------------------------------------------------------------------- the request */

struct reading {
	struct reg_request request;
	struct reg_contact contacts[SIP_CONTACTS_MAX];
	size_t plain; /* contacts that are not "*" */
};

/* What the 200 must give back and we don't look at: all parameters but those that have a field of their own. */
static void keep_params(struct request *r, struct str params, struct str *out)
{
	static const struct str known[] = { STR_INIT("q"), STR_INIT("expires"),
		                            STR_INIT("+sip.instance"), STR_INIT("reg-id"),
		                            STR_INIT("methods") };
	char text[1024];
	struct sip_param p;
	struct buf b;

	*out = STR_NONE;
	buf_wrap(&b, text, sizeof(text));
	while (sip_param_next(&params, &p) == ERR_OK) {
		bool skip = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			skip = skip || str_eq_nocase(p.name, known[i]);
		if (skip)
			continue;
		buf_printf(&b, ";%.*s", STR_ARG(p.name));
		if (p.has_value)
			buf_printf(&b, p.quoted ? "=\"%.*s\"" : "=%.*s", STR_ARG(p.value));
	}
	if (b.err == ERR_OK && arena_str(&r->arena, buf_view(&b), out) != ERR_OK)
		*out = STR_NONE;
}

static const char *read_contact(struct request *r, struct reading *in, struct str value)
{
	struct reg_contact *c = &in->contacts[in->plain];
	struct sip_name_addr na;
	struct sip_param p;

	if (sip_name_addr_parse(&na, value) != ERR_OK)
		return "Malformed Contact";
	if (na.star) {
		in->request.star = true;
		return NULL;
	}
	if (in->plain == SIP_CONTACTS_MAX)
		return "Too Many Contacts";
	*c = (struct reg_contact){ .uri = na.uri,
		                   .instance = sip_name_addr_instance(&na),
		                   .reg_id = sip_name_addr_reg_id(&na) };
	if (na.uri.len > REG_URI_MAX || sip_name_addr_q(&na, &c->q) != ERR_OK)
		return "Malformed Contact";
	c->has_expires = sip_param_find(na.params, STR("expires"), &p);
	/* 10.2.1.1: a malformed one counts as 3600. */
	c->expires_s = sip_name_addr_expires(&na, 3600);
	if (sip_param_find(na.params, STR("methods"), &p))
		c->methods = p.value;
	keep_params(r, na.params, &c->params);
	in->plain++;
	return NULL;
}

static const char *read_contacts(struct request *r, struct reading *in)
{
	struct sip_values values = sip_values_of(r->msg, SIP_H_CONTACT);
	const char *wrong = NULL;
	struct str value;

	while (wrong == NULL && sip_values_next(&values, &value))
		wrong = read_contact(r, in, value);
	if (wrong != NULL)
		return wrong;
	/* 10.2.2: "*" stands alone, with Expires: 0. */
	if (in->request.star &&
	    (in->plain > 0 || !in->request.has_expires || in->request.expires_s != 0))
		return "Contact * Wants Expires 0 and Nothing Else";
	in->request.contacts = in->contacts;
	in->request.contact_count = in->plain;
	return NULL;
}

static const char *read_request(struct request *r, struct reading *in)
{
	struct reg_request *q = &in->request;
	struct sip_cseq cseq;

	if (sip_cseq_of(&cseq, r->msg) != ERR_OK)
		return "Malformed CSeq";
	q->cseq = cseq.number;
	q->call_id = sip_value(r->msg, SIP_H_CALL_ID);
	q->user_agent = str_head(sip_value(r->msg, SIP_H_USER_AGENT), 200);
	q->now = wall_now();
	q->has_expires = sip_has(r->msg, SIP_H_EXPIRES);
	if (q->has_expires &&
	    sip_seconds_parse(&q->expires_s, sip_value(r->msg, SIP_H_EXPIRES)) != ERR_OK)
		q->expires_s = 3600;
	q->source = (struct reg_source){
		.transport = r->flow->transport,
		.remote = r->flow->remote,
		.local = r->flow->local,
		.connection = r->flow->connection,
		.boot = sip_wires_boot(r->worker->gateway->wires),
	};
	return read_contacts(r, in);
}

/* 10.3 steps 6 and 7 are the writer's. */
static void bind_contacts(struct request *r, struct str aor)
{
	struct reading in = { 0 };
	const char *wrong = read_request(r, &in);
	enum err e;

	if (wrong != NULL) {
		reply(r, 400, wrong, NULL, NULL);
		return;
	}
	in.request.aor = aor;
	r->waiting++;
	e = registrar_register(r->worker->gateway->registrar, r->worker->loop, &in.request,
	                       on_registered, r);
	if (e != ERR_OK) {
		struct reg_result busy = { .status = e == ERR_LIMIT || e == ERR_NOMEM ? 503 : 400,
			                   .retry_after_s = 5 };

		r->waiting--;
		reply(r, busy.status,
		      busy.status == 503 ? "Too Many Registrations Wait" : "Address Too Long",
		      write_result, &busy);
	}
}

/* ---------------------------------------------------------------------------- who may bind what */

/* The To: the AoR that is to be bound. Answered where it is none of ours. */
static bool read_aor(struct request *r, struct address *to)
{
	struct sip_name_addr na;
	struct sip_uri uri;

	if (sip_name_addr_of(&na, r->msg, SIP_H_TO) != ERR_OK ||
	    sip_uri_parse(&uri, na.uri) != ERR_OK) {
		reply(r, 400, "Malformed To", NULL, NULL);
		return false;
	}
	/* 10.3 step 5. */
	if (identity_address(r, &uri, to) != ERR_OK || to->own == NULL || to->user.len == 0 ||
	    to->domain.len == 0) {
		reply(r, 404, "Not a User of Ours", NULL, NULL);
		return false;
	}
	if (to->aor.len > REG_AOR_MAX) {
		reply(r, 400, "Address Too Long", NULL, NULL);
		return false;
	}
	return true;
}

static void on_checked(struct request *r, enum auth_verdict verdict)
{
	struct address to;

	if (!read_aor(r, &to))
		return;
	switch (verdict) {
	case AUTH_GOOD:
		/* 10.3 step 4: everybody for himself. */
		if (str_eq(r->account, str_from_at(to.aor, strlen("sip:"))))
			bind_contacts(r, to.aor);
		else
			reply(r, 403, "Not Your Address", NULL, NULL);
		return;
	case AUTH_NONE:
	case AUTH_STALE:
		auth_challenge(r, SIP_H_AUTHORIZATION, to.own, to.domain, verdict == AUTH_STALE);
		return;
	case AUTH_MALFORMED:
		reply(r, 400, "Malformed Credentials", NULL, NULL);
		return;
	case AUTH_LIMITED:
		meters_count_labelled(&r->worker->meters, M_LIMITED, "limit", "failed_logins");
		reply(r, 403, "Too Many Failed Logins", NULL, NULL);
		return;
	case AUTH_DISABLED:
		reply(r, 403, "Account Disabled", NULL, NULL);
		return;
	case AUTH_FAILED:
		reply(r, 500, NULL, NULL, NULL);
		return;
	}
}

void register_begin(struct request *r)
{
	const struct conf_listener *listener = r->snapshot->listeners[r->flow->listener].conf;
	struct address to;

	/* 1. Is the Request-URI a domain of ours? */
	if (!r->to_known || r->to.own == NULL) {
		reply(r, 404, "Not a Domain of Ours", NULL, NULL);
		return;
	}
	/* 2. What it requires we don't know. */
	if (!request_requires_nothing(r))
		return;
	if (listener != NULL && listener->role == CONF_ROLE_PEERS) {
		reply(r, 403, "Listener Is for Peers", NULL, NULL);
		return;
	}
	if (!read_aor(r, &to))
		return;
	/* 3. and 4. Who is it, and may he? */
	if (!r->snapshot->conf->auth.required)
		bind_contacts(r, to.aor);
	else
		auth_check(r, SIP_H_AUTHORIZATION, to.own, to.domain, on_checked);
}
