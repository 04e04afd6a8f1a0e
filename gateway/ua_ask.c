#include "gateway/ua_ask.h"

#include "base/mem.h"
#include "gateway/ua_request.h"
#include "gateway/ua_serve.h"

struct ask_task {
	struct ua *ua;
	struct ua_dialog dialog;
	struct ua_request request;
};

static void write_request(void *arg, const struct sip_flow *flow, struct buf *fields,
                          struct buf *body)
{
	const struct ask_task *t = arg;

	(void)body;
	ua_serve_put_contact(t->ua, flow, fields);
	sip_put_z(fields, SIP_H_ACCEPT, "application/sdp");
}

static void on_response(void *arg, const struct sip_msg *msg, const struct sip_flow *flow)
{
	const struct ask_task *t = arg;
	char from[ADDR_TEXT];

	if (msg->status < 200)
		return;
	UA_SAY(t->ua, msg->status < 300 ? "answered" : "refused", LOG_N("status", msg->status),
	       LOG_S("reason", msg->reason), LOG_S("uri", t->ua->args->uri),
	       LOG_Z("address", addr_text(&flow->remote, from)),
	       LOG_S("transport", sip_transport_name(flow->transport)),
	       LOG_S("allow", sip_value(msg, SIP_H_ALLOW)),
	       LOG_S("supported", sip_value(msg, SIP_H_SUPPORTED)),
	       LOG_S("server", sip_has(msg, SIP_H_SERVER) ? sip_value(msg, SIP_H_SERVER)
	                                                  : sip_value(msg, SIP_H_USER_AGENT)),
	       LOG_S("call_id", t->dialog.call_id), LOG_N("ms", ua_elapsed(t->ua)));
	ua_done(t->ua, msg->status < 300 ? UA_GOOD : UA_REFUSED);
}

static void failed(const struct ask_task *t, struct str reason)
{
	UA_SAY(t->ua, "failed", LOG_S("reason", reason), LOG_S("uri", t->ua->args->uri),
	       LOG_S("call_id", t->dialog.call_id), LOG_N("ms", ua_elapsed(t->ua)));
	ua_done(t->ua, UA_NONE);
}

static void on_failed(void *arg, enum err why)
{
	const struct ask_task *t = arg;

	(void)why;
	failed(t, ua_request_reason(&t->request));
}

static enum err begin(struct ask_task *t)
{
	const struct ua_args *args = t->ua->args;
	char id[UA_ID_TEXT];
	char tag[UA_ID_TEXT];
	struct ua_opening opening = {
		.from = args->identity, .to = args->uri, .target = args->uri, .route = args->proxy
	};
	const struct ua_sending sending = { .dialog = &t->dialog,
		                            .method = SIP_OPTIONS,
		                            .user = { .arg = t,
		                                      .write = write_request,
		                                      .response = on_response,
		                                      .failed = on_failed } };
	enum err e;

	ua_request_stop(&t->request);
	ua_dialog_fini(&t->dialog);
	ua_dialog_init(&t->dialog);
	ua_random(id);
	ua_random(tag);
	opening.call_id = str_from(id);
	opening.tag = str_from(tag);
	e = ua_dialog_begin(&t->dialog, &opening);
	return e != ERR_OK ? e : ua_request_start(&t->request, t->ua, &sending);
}

static void start(void *arg)
{
	struct ask_task *t = arg;
	enum err e = begin(t);

	if (e != ERR_OK)
		failed(t, str_from(err_text(e)));
}

static void stop(void *arg)
{
	const struct ask_task *t = arg;

	ua_done(t->ua, UA_NONE);
}

static void close_task(void *arg)
{
	struct ask_task *t = arg;

	ua_request_stop(&t->request);
	ua_dialog_fini(&t->dialog);
	free(t);
}

enum err ua_ask_open(struct ua *ua)
{
	struct ask_task *t = mem_zero(sizeof(*t));

	if (t == NULL)
		return ERR_NOMEM;
	t->ua = ua;
	ua_dialog_init(&t->dialog);
	ua->task = (struct ua_task){ .arg = t, .start = start, .stop = stop, .close = close_task };
	return ERR_OK;
}
