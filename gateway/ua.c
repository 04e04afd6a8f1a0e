#include "gateway/ua.h"

#include "base/mem.h"
#include "gateway/ua_serve.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ROUND_PAUSE_MS 1000 /* between two questions of --count */

void ua_random(char out[UA_ID_TEXT])
{
	unsigned char random[(UA_ID_TEXT - 1) / 2];
	struct buf text;

	/* Without random bytes no tag, branch or key is worth anything. */
	must(crypto_random(random, sizeof(random)) == ERR_OK);
	buf_wrap(&text, out, UA_ID_TEXT);
	crypto_hex(random, sizeof(random), &text);
	out[text.len] = '\0';
}

void ua_contact_write(const struct ua *ua, const struct sip_flow *flow, struct str user,
                      struct buf *out)
{
	struct addr local = flow->local;

	/* A connection that we opened has a port of its own, where nobody listens. */
	addr_set_port(&local, addr_port(sip_listener_addr(ua->wires, flow->listener)));
	buf_z(out, "<sip:");
	if (user.len > 0) {
		buf_str(out, user);
		buf_char(out, '@');
	}
	addr_write(&local, out);
	if (flow->transport == SIP_TRANSPORT_TCP)
		buf_z(out, ";transport=tcp");
	buf_char(out, '>');
}

struct str ua_user(const struct ua *ua)
{
	struct sip_uri uri;

	return sip_uri_parse(&uri, ua->args->identity) == ERR_OK ? uri.user : STR_NONE;
}

int64_t ua_elapsed(const struct ua *ua)
{
	return mono_ms_between(ua->begun, mono_now());
}

static void begin_round(struct ua *ua)
{
	ua->begun = mono_now();
	ua->task.start(ua->task.arg);
}

static void on_pause(struct timer *t)
{
	struct ua *ua = container_of(t, struct ua, pause);

	if (ua->over)
		(void)sem_post(&ua->done);
	else
		begin_round(ua);
}

static void end(struct ua *ua)
{
	if (ua->over)
		return;
	ua->over = true;
	loop_timer_stop(ua->loop, &ua->bound);
	loop_timer_start(ua->loop, &ua->pause, UA_LINGER_MS, on_pause);
}

void ua_done(struct ua *ua, enum ua_status status)
{
	const struct ua_args *args = ua->args;

	if (ua->over)
		return;
	if (status > ua->status)
		ua->status = status;
	ua->rounds++;
	if (ua->stopping || args->command == UA_ANSWER ||
	    (args->count > 0 && ua->rounds >= args->count))
		end(ua);
	else
		loop_timer_start(ua->loop, &ua->pause,
		                 args->command == UA_OPTIONS ? ROUND_PAUSE_MS : 0, on_pause);
}

/* Before whoever was told has answered. */
static void end_early(struct ua *ua)
{
	ua->status = UA_NONE;
	end(ua);
}

static void on_bound(struct timer *t)
{
	end_early(container_of(t, struct ua, bound));
}

/* The first signal asks to take leave, the second doesn't wait for that. */
static void on_signal(void *arg, unsigned events)
{
	struct ua *ua = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(ua->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (ua->stopping) {
		end_early(ua);
		return;
	}
	ua->stopping = true;
	loop_timer_start(ua->loop, &ua->bound, UA_STOP_MS, on_bound);
	if (timer_running(&ua->pause))
		end(ua);
	else
		ua->task.stop(ua->task.arg);
}

static void on_first(struct post *p, struct loop *loop)
{
	(void)loop;
	begin_round(container_of(p, struct ua, first));
}

static enum err open_signals(struct ua *ua)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return ERR_SYSTEM;
	ua->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ua->signal_fd < 0)
		return ERR_SYSTEM;
	return loop_watch(ua->loop, &ua->signals, ua->signal_fd, LOOP_READ, on_signal, ua);
}

static enum err open_listener(struct ua *ua, const struct sip_listener_conf *conf)
{
	unsigned index;
	enum err e = sip_listener_open(ua->wires, conf, &index);

	if (e != ERR_OK)
		return e;
	sip_listener_start(ua->wires, index);
	ua->listeners[ua->listener_count++] = index;
	ua->supported |= conf->kind == SIP_LISTEN_TCP ? RESOLVER_TCP : RESOLVER_UDP;
	return ERR_OK;
}

/* Nobody has said where: on every address, over both transports, as far as this machine has IPv6. */
static enum err open_default_listeners(struct ua *ua)
{
	static const enum sip_listener_kind kinds[] = { SIP_LISTEN_UDP, SIP_LISTEN_TCP };
	static const struct str hosts[] = { STR_INIT("0.0.0.0"), STR_INIT("::") };
	enum err e = ERR_OK;

	for (size_t h = 0; h < COUNT_OF(hosts); h++) {
		for (size_t k = 0; k < COUNT_OF(kinds) && e == ERR_OK; k++) {
			struct sip_listener_conf conf = { .kind = kinds[k] };

			if (addr_parse(&conf.addr, hosts[h], 0) == ERR_OK)
				e = open_listener(ua, &conf);
		}
		if (h > 0)
			e = ERR_OK;
	}
	return e;
}

static enum err open_listeners(struct ua *ua, struct buf *why)
{
	const struct ua_args *args = ua->args;
	char text[ADDR_TEXT];
	enum err e;

	if (args->listen_count == 0) {
		e = open_default_listeners(ua);
		if (e != ERR_OK)
			buf_printf(why, "cannot listen: %s\n", err_text(e));
		return e;
	}
	for (size_t i = 0; i < args->listen_count; i++) {
		e = open_listener(ua, &args->listen[i]);
		if (e == ERR_OK)
			continue;
		buf_printf(why, "cannot listen on %s: %s\n", addr_text(&args->listen[i].addr, text),
		           err_text(e));
		return e;
	}
	return ERR_OK;
}

static enum err open_resolver(struct ua *ua, struct buf *why)
{
	const struct ua_args *args = ua->args;
	const struct conf_options options = { .file = args->file };
	struct resolver_conf conf = { .servers = args->servers,
		                      .server_count = args->server_count };
	enum err e;

	if (args->file != NULL) {
		if ((e = conf_load(&options, &ua->conf, why)) != ERR_OK)
			return e == ERR_NOMEM ? e : ERR_SYNTAX;
		conf.timeout_ms = ua->conf->resolver.timeout_ms;
		conf.allow_targets = ua->conf->resolver.allow_targets;
		conf.allow_count = ua->conf->resolver.allow_target_count;
		if (args->server_count == 0) {
			conf.servers = ua->conf->resolver.servers;
			conf.server_count = ua->conf->resolver.server_count;
		}
	}
	e = resolver_open(&ua->resolver, ua->crew, &conf);
	if (e != ERR_OK)
		buf_printf(why, "cannot resolve names: %s\n", err_text(e));
	return e;
}

static enum err open_wires(struct ua *ua)
{
	const struct sip_wires_conf conf = { 0 };
	const struct sip_transactions_conf timers = { 0 };
	const struct sip_wires_events wire_events = ua_serve_wire_events(ua);
	const struct sip_transactions_events transaction_events = ua_serve_transaction_events(ua);
	enum err e;

	if ((e = crew_open(&ua->crew, 1)) != ERR_OK)
		return e;
	ua->loop = crew_loop(ua->crew, 0);
	if ((e = sip_wires_open(&ua->wires, ua->crew, NULL, &conf, &wire_events)) != ERR_OK)
		return e;
	ua->wire = sip_wires_wire(ua->wires, 0);
	if ((e = sip_transactions_open(&ua->transactions, ua->wire, &timers,
	                               &transaction_events)) != ERR_OK)
		return e;
	return open_signals(ua);
}

enum err ua_open(struct ua **out, const struct ua_args *args, struct buf *why)
{
	struct ua *ua = mem_zero(sizeof(*ua));
	enum err e;

	if (ua == NULL)
		return ERR_NOMEM;
	ua->args = args;
	ua->out = stdout;
	ua->signal_fd = -1;
	ua->auth = (struct ua_auth){ .name = args->password.len > 0 ? args->name : STR_NONE,
		                     .password = args->password };
	if (sem_init(&ua->done, 0, 0) != 0) {
		free(ua);
		return ERR_SYSTEM;
	}
	e = open_wires(ua);
	if (e != ERR_OK)
		buf_printf(why, "cannot start: %s\n", err_text(e));
	if (e == ERR_OK)
		e = open_resolver(ua, why);
	if (e == ERR_OK)
		e = open_listeners(ua, why);
	if (e != ERR_OK) {
		ua_close(ua);
		return e;
	}
	*out = ua;
	return ERR_OK;
}

enum ua_status ua_run(struct ua *ua)
{
	if (crew_start(ua->crew) != ERR_OK)
		return UA_NONE;
	ua->first.run = on_first;
	loop_post(ua->loop, &ua->first);
	while (sem_wait(&ua->done) != 0)
		continue;
	crew_stop(ua->crew);
	return ua->status;
}

void ua_close(struct ua *ua)
{
	if (ua == NULL)
		return;
	if (ua->crew != NULL)
		crew_stop(ua->crew);
	if (ua->task.close != NULL)
		ua->task.close(ua->task.arg);
	watch_close(ua->signals);
	if (ua->signal_fd >= 0)
		(void)close(ua->signal_fd);
	sip_transactions_close(ua->transactions);
	sip_wires_close(ua->wires);
	resolver_close(ua->resolver);
	crew_close(ua->crew);
	conf_unref(ua->conf);
	(void)sem_destroy(&ua->done);
	free(ua);
}
