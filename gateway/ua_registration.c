#include "gateway/ua_register.h"

#include "base/mem.h"
#include "gateway/ua_serve.h"

#include <stdio.h>

#define RETRY_MS 10000 /* after a refresh that failed */

int64_t ua_registration_refresh_ms(uint32_t granted)
{
	int64_t ms = (int64_t)granted * 1000;

	return granted > 1200 ? ms - 600000 : ms / 2;
}

/* The URI of our Contact, without its brackets. */
static struct str contact_uri(const struct ua_registration *r)
{
	return r->contact_len < 2 ? STR_NONE : str_of(r->contact + 1, r->contact_len - 2);
}

uint32_t ua_registration_granted(const struct sip_msg *response, struct str contact, uint32_t asked)
{
	struct sip_values values = sip_values_of(response, SIP_H_CONTACT);
	uint32_t all = asked;
	struct sip_uri ours;
	struct str value;

	if (sip_has(response, SIP_H_EXPIRES) &&
	    sip_seconds_parse(&all, sip_value(response, SIP_H_EXPIRES)) != ERR_OK)
		all = asked;
	if (sip_uri_parse(&ours, contact) != ERR_OK)
		return all;
	while (sip_values_next(&values, &value)) {
		struct sip_name_addr other;
		struct sip_uri uri;

		if (sip_name_addr_uri(&other, &uri, value) == ERR_OK && sip_uri_eq(&uri, &ours))
			return sip_name_addr_expires(&other, all);
	}
	return all;
}

static enum err open_dialog(struct ua_registration *r)
{
	const struct ua_args *args = r->ua->args;
	char id[UA_ID_TEXT];
	char tag[UA_ID_TEXT];
	char memory[512];
	struct ua_opening opening = { .from = args->identity,
		                      .to = args->uri,
		                      .route = args->proxy };
	struct sip_uri uri;
	struct buf target;

	/* 10.2: the Request-URI is the domain alone. */
	if (sip_uri_parse(&uri, args->uri) != ERR_OK)
		return ERR_SYNTAX;
	buf_wrap(&target, memory, sizeof(memory));
	buf_printf(&target, uri.host_kind == SIP_HOST_IPV6 ? "sip:[%.*s]" : "sip:%.*s",
	           STR_ARG(uri.host));
	if (uri.has_port)
		buf_printf(&target, ":%u", uri.port);
	if (sip_uri_transport(&uri, SIP_TRANSPORT_OTHER) == SIP_TRANSPORT_TCP)
		buf_z(&target, ";transport=tcp");
	if (target.err != ERR_OK)
		return target.err;
	ua_random(id);
	ua_random(tag);
	opening.call_id = str_from(id);
	opening.tag = str_from(tag);
	opening.target = buf_view(&target);
	return ua_dialog_begin(&r->dialog, &opening);
}

enum err ua_registration_init(struct ua_registration *r, struct ua *ua,
                              const struct ua_registration_user *user)
{
	*r = (struct ua_registration){ .ua = ua, .user = *user, .expires = ua->args->expires };
	ua_dialog_init(&r->dialog);
	return open_dialog(r);
}

void ua_registration_fini(struct ua_registration *r)
{
	if (r->ua == NULL)
		return;
	loop_timer_stop(r->ua->loop, &r->refresh);
	ua_request_stop(&r->request);
	ua_dialog_fini(&r->dialog);
}

static void write_request(void *arg, const struct sip_flow *flow, struct buf *fields,
                          struct buf *body)
{
	struct ua_registration *r = arg;
	bool add = r->doing == UA_REGISTERING_ADD;
	struct buf contact;

	(void)body;
	/* What is removed is what was added, whatever way this request takes. */
	if (add || r->contact_len == 0) {
		buf_wrap(&contact, r->contact, sizeof(r->contact));
		ua_contact_write(r->ua, flow, ua_user(r->ua), &contact);
		r->contact_len = contact.err == ERR_OK ? contact.len : 0;
	}
	if (r->doing == UA_REGISTERING_CLEAR)
		sip_put_z(fields, SIP_H_CONTACT, "*");
	else
		sip_put(fields, SIP_H_CONTACT, str_of(r->contact, r->contact_len));
	sip_put_number(fields, SIP_H_EXPIRES, add ? r->expires : 0);
}

static void on_refresh(struct timer *t);

static void refresh_in(struct ua_registration *r, int64_t ms)
{
	if (r->keeps)
		loop_timer_start(r->ua->loop, &r->refresh, ms, on_refresh);
}

static void report_bindings(const struct ua_registration *r, const struct sip_msg *msg)
{
	struct sip_values values = sip_values_of(msg, SIP_H_CONTACT);
	struct str value;

	while (sip_values_next(&values, &value)) {
		struct sip_name_addr contact;
		unsigned q = 1000;

		if (sip_name_addr_parse(&contact, value) != ERR_OK)
			continue;
		if (sip_name_addr_q(&contact, &q) != ERR_OK)
			q = 1000;
		if (sip_param_has(contact.params, STR("q")))
			UA_SAY(r->ua, "binding", LOG_S("aor", r->ua->args->uri),
			       LOG_S("contact", contact.uri),
			       LOG_N("expires", sip_name_addr_expires(&contact, 3600)),
			       LOG_S("q", sip_param_value(contact.params, STR("q"))));
		else
			UA_SAY(r->ua, "binding", LOG_S("aor", r->ua->args->uri),
			       LOG_S("contact", contact.uri),
			       LOG_N("expires", sip_name_addr_expires(&contact, 3600)));
	}
}

static void report(const struct ua_registration *r, const char *event, const struct sip_msg *msg,
                   uint32_t granted)
{
	UA_SAY(r->ua, event, LOG_N("status", msg->status), LOG_S("reason", msg->reason),
	       LOG_S("aor", r->ua->args->uri), LOG_S("contact", contact_uri(r)),
	       LOG_N("expires", granted), LOG_S("call_id", r->dialog.call_id),
	       LOG_N("ms", mono_ms_between(r->sent, mono_now())));
}

static void on_accepted(struct ua_registration *r, const struct sip_msg *msg)
{
	uint32_t granted = r->doing == UA_REGISTERING_ADD
	                           ? ua_registration_granted(msg, contact_uri(r), r->expires)
	                           : 0;

	r->bound = granted > 0;
	report(r, r->doing == UA_REGISTERING_ADD ? "registered" : "unregistered", msg, granted);
	if (!r->keeps)
		report_bindings(r, msg);
	if (granted > 0)
		refresh_in(r, ua_registration_refresh_ms(granted));
	r->user.done(r->user.arg, msg->status);
}

/* 10.2.8: too brief; as long as they want, then. */
static bool longer(struct ua_registration *r, const struct sip_msg *msg)
{
	uint32_t least;

	if (msg->status != 423 || r->retried ||
	    sip_seconds_parse(&least, sip_value(msg, SIP_H_MIN_EXPIRES)) != ERR_OK)
		return false;
	r->expires = least;
	r->retried = true;
	return ua_registration_send(r, r->doing, r->keeps) == ERR_OK;
}

static void on_response(void *arg, const struct sip_msg *msg, const struct sip_flow *flow)
{
	struct ua_registration *r = arg;

	(void)flow;
	if (msg->status < 200 || longer(r, msg))
		return;
	if (msg->status < 300) {
		on_accepted(r, msg);
		return;
	}
	report(r, "refused", msg, 0);
	if (r->bound)
		refresh_in(r, RETRY_MS);
	r->user.done(r->user.arg, msg->status);
}

static void on_failed(void *arg, enum err why)
{
	struct ua_registration *r = arg;

	(void)why;
	UA_SAY(r->ua, "failed", LOG_S("reason", ua_request_reason(&r->request)),
	       LOG_S("aor", r->ua->args->uri), LOG_S("call_id", r->dialog.call_id),
	       LOG_N("ms", mono_ms_between(r->sent, mono_now())));
	if (r->bound)
		refresh_in(r, RETRY_MS);
	r->user.done(r->user.arg, 0);
}

static void on_refresh(struct timer *t)
{
	struct ua_registration *r = container_of(t, struct ua_registration, refresh);

	r->retried = false;
	if (ua_registration_send(r, UA_REGISTERING_ADD, true) != ERR_OK)
		refresh_in(r, RETRY_MS);
}

enum err ua_registration_send(struct ua_registration *r, enum ua_registering doing, bool keeps)
{
	const struct ua_sending sending = { .dialog = &r->dialog,
		                            .method = SIP_REGISTER,
		                            .user = { .arg = r,
		                                      .write = write_request,
		                                      .response = on_response,
		                                      .failed = on_failed } };

	r->doing = doing;
	r->keeps = keeps;
	r->sent = mono_now();
	loop_timer_stop(r->ua->loop, &r->refresh);
	return ua_request_start(&r->request, r->ua, &sending);
}
