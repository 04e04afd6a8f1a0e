#include "gateway/ua_register.h"

#include "base/mem.h"

/* `lotse register`. */
struct register_task {
	struct ua *ua;
	struct ua_registration registration;
};

static void on_done(void *arg, unsigned status)
{
	const struct register_task *t = arg;

	ua_done(t->ua, status == 0 ? UA_NONE : status < 300 ? UA_GOOD : UA_REFUSED);
}

/* With an expiry of zero: the binding that an earlier run made, if we know where that was; else all. */
static enum ua_registering what(const struct ua_args *args)
{
	if (args->expires > 0)
		return UA_REGISTERING_ADD;
	return args->listen_count > 0 ? UA_REGISTERING_REMOVE : UA_REGISTERING_CLEAR;
}

static void start(void *arg)
{
	struct register_task *t = arg;
	enum err e = ua_registration_send(&t->registration, what(t->ua->args), false);

	if (e == ERR_OK)
		return;
	UA_SAY(t->ua, "failed", LOG_E("reason", e), LOG_S("aor", t->ua->args->uri));
	ua_done(t->ua, UA_NONE);
}

static void stop(void *arg)
{
	const struct register_task *t = arg;

	ua_done(t->ua, UA_NONE);
}

static void close_task(void *arg)
{
	struct register_task *t = arg;

	ua_registration_fini(&t->registration);
	free(t);
}

enum err ua_register_open(struct ua *ua)
{
	struct register_task *t = mem_zero(sizeof(*t));
	const struct ua_registration_user user = { .arg = t, .done = on_done };

	if (t == NULL)
		return ERR_NOMEM;
	t->ua = ua;
	ua->task = (struct ua_task){ .arg = t, .start = start, .stop = stop, .close = close_task };
	return ua_registration_init(&t->registration, ua, &user);
}
