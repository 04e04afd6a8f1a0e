/* What the user agent makes of what it receives: requests in a dialog, credentials, targets, answers to offers. What it writes must be well-formed.
 *
 * corpus: tests/corpus/rfc4475 tests/corpus/digest tests/fuzz/corpus/ua */
#include "gateway/ua_auth.h"
#include "gateway/ua_dialog.h"
#include "gateway/ua_register.h"
#include "gateway/ua_sdp.h"
#include "gateway/ua_targets.h"

#define OUT_MAX 262144

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ua_opening opening = {
	.call_id = STR_INIT("id"),
	.tag = STR_INIT("aa"),
	.from = STR_INIT("sip:alice@alpha.example"),
	.to = STR_INIT("sip:bob@beta.example"),
	.target = STR_INIT("sip:bob@beta.example"),
};

static size_t media_lines(struct str sdp)
{
	size_t count = 0;

	while (sdp.len > 0)
		count += str_starts(str_cut(&sdp, '\n'), STR("m="));
	return count;
}

/* RFC 3264 6: a media line for each of the offer's. */
static void describe(struct str offer)
{
	struct addr local;
	const struct ua_sdp sdp = { .local = &local, .id = 1, .version = 1 };
	char memory[UA_SDP_MAX];
	struct buf answer;

	must(addr_parse(&local, STR("192.0.2.1"), 5060) == ERR_OK);
	buf_wrap(&answer, memory, sizeof(memory));
	if (ua_sdp_answer(&sdp, offer, &answer))
		must(media_lines(buf_view(&answer)) == media_lines(offer));
}

static void write_bye(const struct ua_dialog *d)
{
	static char memory[OUT_MAX];
	struct sip_fault fault;
	struct sip_msg msg;
	struct buf out;

	buf_wrap(&out, memory, sizeof(memory));
	ua_dialog_write(d, SIP_BYE, 2, STR("SIP/2.0/UDP h;branch=z9hG4bKx"), &out);
	sip_finish(&out, STR_NONE, STR_NONE);
	must(out.err == ERR_OK);
	if (out.len <= SIP_HEAD_MAX)
		must(sip_parse(&msg, buf_view(&out), &fault) == ERR_OK &&
		     sip_check(&msg, &fault) == ERR_OK);
}

static void answer_challenge(const struct sip_msg *msg)
{
	struct ua_auth auth = { .name = STR("alice"), .password = STR("secret") };
	char memory[16384];
	ua_answered answered = 0;
	struct buf out;

	if (!ua_auth_learn(&auth, msg, &answered))
		return;
	must(!ua_auth_learn(&auth, msg, &answered) || !ua_auth_learn(&auth, msg, &answered));
	buf_wrap(&out, memory, sizeof(memory));
	must(ua_auth_write(&auth, STR("INVITE"), STR("sip:x"), STR_NONE, &out) == ERR_OK);
}

static void follow(const struct sip_msg *msg)
{
	const struct ua_target *target;
	struct ua_targets t;

	ua_targets_init(&t);
	must(ua_targets_begin(&t, STR("sip:bob@beta.example")) == ERR_OK);
	(void)ua_targets_redirect(&t, msg);
	must(ua_targets_redirect(&t, msg) == 0 || t.count == UA_TARGETS_MAX);
	while ((target = ua_targets_take(&t)) != NULL) {
		struct sip_uri uri;

		must(sip_uri_parse(&uri, target->uri) == ERR_OK && uri.headers.len == 0);
	}
	ua_targets_fini(&t);
}

static void take_response(const struct sip_msg *msg)
{
	struct ua_dialog asked;
	struct ua_dialog d;

	ua_dialog_init(&asked);
	ua_dialog_init(&d);
	must(ua_dialog_begin(&asked, &opening) == ERR_OK);
	if (ua_dialog_answered(&d, &asked, msg) == ERR_OK)
		write_bye(&d);
	ua_dialog_fini(&d);
	ua_dialog_fini(&asked);
	answer_challenge(msg);
	follow(msg);
	(void)ua_registration_granted(msg, STR("sip:bob@192.0.2.1"), 3600);
}

static void take_request(const struct sip_msg *msg)
{
	struct ua_dialog d;

	/* What has a To-tag begins nothing, and never comes there. */
	if (sip_tag(msg, SIP_H_TO).len > 0)
		return;
	ua_dialog_init(&d);
	if (ua_dialog_accept(&d, msg, STR("bb")) == ERR_OK) {
		write_bye(&d);
		must(!ua_dialog_in_order(&d, msg));
	}
	ua_dialog_fini(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	struct sip_fault fault;
	struct sip_msg msg;

	describe(in);
	if (sip_parse(&msg, in, &fault) != ERR_OK || sip_check(&msg, &fault) != ERR_OK)
		return 0;
	describe(msg.body);
	if (msg.is_request)
		take_request(&msg);
	else
		take_response(&msg);
	return 0;
}
