#include "stage.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MESSAGE_MAX 4096

/* ---------------------------------------------------------------------------- log */

static int64_t time_ms(const struct stage *stage)
{
	return stage->now.ns / 1000000;
}

PRINTF_LIKE(2, 3) static void note(struct stage *stage, const char *format, ...)
{
	char line[256];
	va_list ap;

	if (stage->quiet)
		return;
	va_start(ap, format);
	(void)vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	buf_printf(&stage->log, "%lld %s\n", (long long)time_ms(stage), line);
}

const char *stage_log(struct stage *stage)
{
	const char *text = buf_cstr(&stage->log);

	assert_non_null(text);
	stage->log.len = 0;
	return text;
}

/* ---------------------------------------------------------------------------- surroundings */

static struct mono env_now(void *arg)
{
	return ((struct stage *)arg)->now;
}

static struct packet *env_packet(void *arg, size_t cap)
{
	(void)arg;
	return packet_new(cap);
}

/* "SIP/2.0 180 Ringing" → "180", "INVITE sip:..." → "INVITE". */
static struct str what(const struct packet *packet)
{
	struct str rest = packet_view(packet);
	struct str word = str_cut(&rest, ' ');

	return str_eq(word, STR("SIP/2.0")) ? str_cut(&rest, ' ') : word;
}

static void env_send(void *arg, const struct sip_flow *flow, struct packet *packet, bool fallback,
                     struct sip_sending *sending)
{
	struct stage *stage = arg;
	struct stage_sent *sent = &stage->sent[stage->sent_count++ % STAGE_SENT];

	packet_unref(sent->packet);
	*sent = (struct stage_sent){ time_ms(stage), *flow, packet_ref(packet), sending, fallback };
	note(stage, "> %.*s", STR_ARG(what(packet)));
}

static void env_forget(void *arg, struct sip_sending *sending)
{
	struct stage *stage = arg;

	for (size_t i = 0; i < STAGE_SENT; i++) {
		if (stage->sent[i].sending == sending)
			stage->sent[i].sending = NULL;
	}
}

static void env_timer_start(void *arg, struct timer *timer, int64_t delay_ms,
                            void (*fire)(struct timer *))
{
	struct stage *stage = arg;

	timer_start(&stage->wheel, timer, stage->now, delay_ms, fire);
}

static void env_timer_stop(void *arg, struct timer *timer)
{
	timer_stop(&((struct stage *)arg)->wheel, timer);
}

/* ---------------------------------------------------------------------------- the users */

static void tell(struct stage *stage, const char *event, const char *more)
{
	assert_false(stage->inside);
	note(stage, "%s%s", event, more);
	if (stage->on_event != NULL)
		stage->on_event(stage, event);
}

static void server_ended(void *arg, struct sip_server *server)
{
	struct stage *stage = arg;

	if (stage->server == server)
		stage->server = NULL;
	tell(stage, "ended", "");
}

static void told_request(void *arg, struct sip_server *server, const struct sip_msg *msg,
                         struct packet *packet, const struct sip_flow *flow)
{
	struct stage *stage = arg;
	const struct sip_server_user user = { stage, server_ended };
	char name[64];

	(void)packet;
	(void)flow;
	(void)snprintf(name, sizeof(name), " %.*s", STR_ARG(msg->method_name));
	stage->requests++;
	if (server != NULL) {
		stage->server = server;
		sip_server_use(server, &user);
	}
	tell(stage, server == NULL ? "loose" : "request", name);
}

static void told_cancel(void *arg, struct sip_server *server, const struct sip_msg *cancel)
{
	(void)server;
	assert_int_equal(cancel->method, SIP_CANCEL);
	tell(arg, "cancelled", "");
}

static void told_stray(void *arg, const struct sip_msg *msg, const struct sip_flow *flow)
{
	char status[16];

	(void)flow;
	(void)snprintf(status, sizeof(status), " %u", msg->status);
	tell(arg, "stray", status);
}

static void client_response(void *arg, struct sip_client *client, const struct sip_msg *msg,
                            struct packet *packet, const struct sip_flow *flow)
{
	struct stage *stage = arg;
	char status[16];

	(void)packet;
	(void)flow;
	(void)snprintf(status, sizeof(status), " %u", msg->status);
	if (msg->status >= 200 && client == stage->client &&
	    sip_client_request(client)->method != SIP_INVITE)
		stage->client = NULL;
	tell(stage, "response", status);
}

static void client_failed(void *arg, struct sip_client *client, enum err why)
{
	struct stage *stage = arg;
	char reason[64];

	if (stage->client == client)
		stage->client = NULL;
	(void)snprintf(reason, sizeof(reason), " %s", err_text(why));
	tell(stage, "failed", reason);
}

static void client_ended(void *arg, struct sip_client *client)
{
	struct stage *stage = arg;

	if (stage->client == client)
		stage->client = NULL;
	tell(stage, "over", "");
}

/* ---------------------------------------------------------------------------- open and close */

struct addr stage_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse_port(&a, str_from(text), 5060), ERR_OK);
	return a;
}

enum err stage_open(struct stage *stage, enum sip_transport transport, unsigned limit)
{
	const struct sip_transactions_conf conf = { .limit = limit };
	const struct sip_transactions_events events = { stage, told_request, told_cancel,
		                                        told_stray };
	const struct sip_transactions_env env = { stage,         env_now,    env_packet,
		                                  env_send,      env_forget, env_timer_start,
		                                  env_timer_stop };
	bool stream = transport != SIP_TRANSPORT_UDP;

	memset(stage, 0, sizeof(*stage));
	timer_wheel_init(&stage->wheel, stage->now);
	buf_wrap(&stage->log, stage->log_memory, sizeof(stage->log_memory));
	stage->transport = transport;
	stage->from = (struct stage_from){ .branch = "z9hG4bKfrom1",
		                           .sent_by = "192.0.2.1:5062",
		                           .via_params = "",
		                           .call_id = "call@192.0.2.1",
		                           .to_params = "",
		                           .cseq = 7,
		                           .uri = "sip:bob@alpha.example",
		                           .flow = { .transport = transport,
		                                     .remote = stage_addr("192.0.2.1:40000"),
		                                     .local = stage_addr("198.51.100.1:5060"),
		                                     .connection = stream ? 77 : 0 } };
	return sip_transactions_open_on(&stage->table, &env, &conf, &events);
}

void stage_close(struct stage *stage)
{
	sip_transactions_close(stage->table);
	for (size_t i = 0; i < STAGE_SENT; i++)
		packet_unref(stage->sent[i].packet);
	assert_int_equal(stage->wheel.count, 0);
}

/* ---------------------------------------------------------------------------- messages */

void stage_receive(struct stage *stage, const char *text, const struct sip_flow *flow)
{
	struct packet *packet = packet_copy(str_from(text));
	struct sip_msg msg;
	struct sip_fault fault;

	if (packet == NULL)
		return;
	assert_int_equal(sip_parse(&msg, packet_view(packet), &fault), ERR_OK);
	sip_transactions_receive(stage->table, &msg, packet, flow);
	packet_unref(packet);
}

static void request(struct stage *stage, const char *method)
{
	const struct stage_from *from = &stage->from;
	char text[MESSAGE_MAX];
	char branch[600] = "";

	if (from->branch != NULL)
		(void)snprintf(branch, sizeof(branch), ";branch=%s", from->branch);
	(void)snprintf(text, sizeof(text),
	               "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s%s%s\r\nMax-Forwards: 70\r\n"
	               "From: <sip:alice@beta.example>;tag=a1\r\nTo: <sip:bob@alpha.example>%s\r\n"
	               "Call-ID: %s\r\nCSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
	               method, from->uri, sip_transport_name(from->flow.transport).p, from->sent_by,
	               from->via_params, branch, from->to_params, from->call_id, from->cseq,
	               method);
	stage_receive(stage, text, &from->flow);
}

static void respond(struct stage *stage, unsigned status)
{
	char text[64];
	struct packet *packet;

	(void)snprintf(text, sizeof(text), "SIP/2.0 %u Ready\r\n\r\n", status);
	packet = packet_copy(str_from(text));
	if (packet == NULL)
		return;
	stage->inside = true;
	sip_server_respond(stage->server, packet, status);
	stage->inside = false;
	packet_unref(packet);
}

static void start(struct stage *stage, const char *method)
{
	struct sip_client_start conf = { .user = { stage, client_response, client_failed,
		                                   client_ended },
		                         .try_ms = stage->try_ms };
	char text[MESSAGE_MAX];
	enum err e;

	(void)snprintf(stage->started, sizeof(stage->started), "%s", method);
	(void)snprintf(text, sizeof(text),
	               "%s sip:bob@203.0.113.9 SIP/2.0\r\n"
	               "Via: SIP/2.0/%s 198.51.100.1;branch=z9hG4bKours%u\r\n"
	               "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtheirs\r\nMax-Forwards: 69\r\n"
	               "Route: <sip:203.0.113.9;lr>\r\n"
	               "From: <sip:alice@beta.example>;tag=a1\r\nTo: <sip:bob@alpha.example>\r\n"
	               "Call-ID: call@192.0.2.1\r\nCSeq: 7 %s\r\nContent-Length: 0\r\n\r\n",
	               method, sip_transport_name(stage->transport).p, ++stage->branch, method);
	conf.flow = (struct sip_flow){ .transport = stage->transport,
		                       .remote = stage_addr("203.0.113.9:5060"),
		                       .local = stage_addr("198.51.100.1:5060"),
		                       .connection = stage->connection };
	conf.request = packet_copy(str_from(text));
	if (conf.request == NULL)
		return;
	stage->inside = true;
	e = sip_client_start(stage->table, &conf, &stage->client);
	stage->inside = false;
	if (e != ERR_OK) {
		stage->client = NULL;
		note(stage, "not started: %s", err_text(e));
	}
	packet_unref(conf.request);
}

static void got(struct stage *stage, unsigned status, const char *method)
{
	char text[MESSAGE_MAX];
	const struct sip_flow flow = { .transport = stage->transport,
		                       .remote = stage_addr("203.0.113.9:5060") };

	(void)snprintf(
		text, sizeof(text),
		"SIP/2.0 %u Whatever\r\n"
		"Via: SIP/2.0/%s 198.51.100.1;branch=z9hG4bKours%u\r\n"
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtheirs\r\n"
		"From: <sip:alice@beta.example>;tag=a1\r\nTo: <sip:bob@alpha.example>;tag=b%u\r\n"
		"Call-ID: call@192.0.2.1\r\nCSeq: 7 %s\r\nContent-Length: 0\r\n\r\n",
		status, sip_transport_name(stage->transport).p, stage->branch, status,
		method[0] != '\0' ? method : stage->started);
	stage_receive(stage, text, &flow);
}

/* ---------------------------------------------------------------------------- the wire speaks */

const struct stage_sent *stage_last(const struct stage *stage)
{
	assert_true(stage->sent_count > 0);
	return &stage->sent[(stage->sent_count - 1) % STAGE_SENT];
}

bool stage_last_has(const struct stage *stage, const char *text)
{
	return str_contains_nocase(packet_view(stage_last(stage)->packet), str_from(text));
}

static void report(struct stage *stage, enum err e)
{
	struct stage_sent *sent = &stage->sent[(stage->sent_count - 1) % STAGE_SENT];
	struct sip_sending *sending = sent->sending;

	sent->sending = NULL;
	assert_non_null(sending);
	sending->done(sending->arg, e, stage->transport == SIP_TRANSPORT_UDP ? 0 : 88);
}

static void icmp(struct stage *stage)
{
	const struct stage_sent *sent = stage_last(stage);
	struct str head = str_head(packet_view(sent->packet), 150);
	struct sip_flow flow = sent->flow;

	sip_transactions_unreachable(stage->table, &flow, head, ERR_REFUSED);
}

void stage_wait(struct stage *stage, int64_t ms)
{
	struct mono end = mono_add_ms(stage->now, ms);

	while (mono_after(end, stage->now)) {
		int64_t next = timer_wheel_next_ms(&stage->wheel, stage->now);
		int64_t left = mono_ms_between(stage->now, end);

		stage->now = mono_add_ms(stage->now, next < 0 || next > left ? left
		                                     : next > 0              ? next
		                                                             : 1);
		timer_wheel_advance(&stage->wheel, stage->now);
	}
}

/* ---------------------------------------------------------------------------- scripts */

static void let_go(struct stage *stage)
{
	stage->inside = true;
	if (stage->client != NULL)
		sip_client_let_go(stage->client);
	else if (stage->server != NULL)
		sip_server_let_go(stage->server);
	stage->inside = false;
	stage->client = NULL;
	stage->server = NULL;
}

static void reply(struct stage *stage, unsigned status)
{
	enum err e;

	stage->inside = true;
	e = sip_server_reply(stage->server, status, STR_NONE, NULL, NULL);
	stage->inside = false;
	if (e != ERR_OK)
		note(stage, "not replied: %s", err_text(e));
}

static void cancel(struct stage *stage)
{
	stage->inside = true;
	sip_client_cancel(stage->client, STR("SIP;cause=200"));
	stage->inside = false;
}

/* Is what the command is about there? */
static bool has_object(const struct stage *stage, const char *verb)
{
	if (strcmp(verb, "cancel") == 0)
		return stage->client != NULL;
	if (strcmp(verb, "respond") == 0 || strcmp(verb, "reply") == 0)
		return stage->server != NULL;
	if (strcmp(verb, "sent") == 0 || strcmp(verb, "lost") == 0 || strcmp(verb, "icmp") == 0)
		return stage->sent_count > 0 &&
		       (verb[0] == 'i' || stage_last(stage)->sending != NULL);
	return true;
}

static bool command(struct stage *stage, const char *verb, const char *one, const char *two)
{
	unsigned number = (unsigned)strtoul(one, NULL, 10);

	if (strcmp(verb, "wait") == 0)
		stage_wait(stage, number);
	else if (strcmp(verb, "start") == 0)
		start(stage, one);
	else if (strcmp(verb, "got") == 0)
		got(stage, number, two);
	else if (strcmp(verb, "cancel") == 0)
		cancel(stage);
	else if (strcmp(verb, "let-go") == 0)
		let_go(stage);
	else if (strcmp(verb, "sent") == 0)
		report(stage, ERR_OK);
	else if (strcmp(verb, "lost") == 0)
		report(stage, ERR_REFUSED);
	else if (strcmp(verb, "icmp") == 0)
		icmp(stage);
	else if (strcmp(verb, "request") == 0)
		request(stage, one);
	else if (strcmp(verb, "respond") == 0)
		respond(stage, number);
	else if (strcmp(verb, "reply") == 0)
		reply(stage, number);
	else
		return false;
	return true;
}

void stage_play(struct stage *stage, const char *script)
{
	struct str rest = str_from(script);

	while (rest.len > 0) {
		struct str line = str_trim(str_cut(&rest, ';'));
		char text[128];
		char words[3][32] = { "", "", "" };

		assert_int_equal(str_to_z(line, text, sizeof(text)), ERR_OK);
		assert_true(sscanf(text, "%31s %31s %31s", words[0], words[1], words[2]) > 0);
		if (!has_object(stage, words[0])) {
			if (!stage->forgiving)
				fail_msg("nothing there to %s", words[0]);
			continue;
		}
		if (!command(stage, words[0], words[1], words[2]))
			fail_msg("no such command: %s", text);
	}
}

void stage_play_all(const struct stage_scenario *rows, size_t count)
{
	static struct stage stage;

	for (size_t i = 0; i < count; i++) {
		const char *log;

		assert_int_equal(stage_open(&stage, rows[i].transport, 0), ERR_OK);
		stage_play(&stage, rows[i].script);
		log = stage_log(&stage);
		if (strcmp(log, rows[i].want) != 0)
			fail_msg("%s:\n--- is\n%s--- should be\n%s", rows[i].name, log,
			         rows[i].want);
		stage_close(&stage);
	}
}
