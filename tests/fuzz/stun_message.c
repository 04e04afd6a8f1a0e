/* A STUN message: read, checked, answered, taken as an answer, cut from a stream.
 *
 * corpus: tests/corpus/stun */
#include "stun/message.h"
#include "stun/reply.h"
#include "stun/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct stun_message *msg)
{
	struct stun_cursor c = stun_attributes(msg);
	struct stun_attribute attribute;
	size_t end = STUN_HEADER;

	while (stun_next(&c, &attribute)) {
		struct str reason;
		struct addr addr;
		unsigned code;

		must(attribute.offset >= end &&
		     attribute.offset + 4 + attribute.value.len <= msg->bytes.len);
		end = attribute.offset + 4 + attribute.value.len;
		(void)!stun_read_address(attribute.value, stun_id(msg), &addr);
		(void)!stun_read_error(attribute.value, &code, &reason);
		(void)stun_is_unknown(attribute.type, msg->class);
	}
	(void)stun_check_integrity(msg, STUN_INTEGRITY, STR("key"));
	(void)stun_check_integrity(msg, STUN_INTEGRITY_SHA256, STR("key"));
}

/* An answer of ours is well-formed, bounded, and for whoever asked. */
static void answer(struct str in, const struct addr *source)
{
	struct stun_conf conf = { .software = STR("Lotse") };
	struct stun_result result = { 0 };
	char bytes[STUN_ANSWER_MAX];
	enum stun_verdict verdict;
	struct buf out;

	buf_wrap(&out, bytes, sizeof(bytes));
	verdict = stun_answer(in, source, &conf, &out);
	must((verdict == STUN_SILENCE) == (out.len == 0));
	if (verdict == STUN_SILENCE)
		return;
	must(out.err == ERR_OK);
	must(stun_reply_read(buf_view(&out), (const unsigned char *)in.p + 4, &result));
	if (verdict == STUN_REFUSED)
		must(result.err == ERR_DENIED && result.code == 420);
	else
		must(result.err == ERR_OK && addr_eq(&result.mapped, source));
}

static void cut(struct str in)
{
	while (!str_empty(in)) {
		struct stun_frame frame = stun_frame(in);

		if (frame.kind != STUN_FRAME_MESSAGE) {
			must(frame.kind == STUN_FRAME_BAD || frame.len > 0);
			return;
		}
		must(frame.len >= STUN_HEADER && frame.len <= in.len);
		in = str_from_at(in, frame.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	struct stun_result result = { 0 };
	struct stun_message msg;
	struct addr source;

	must(addr_parse(&source, size % 2 == 0 ? STR("192.0.2.1") : STR("2001:db8::1"), 5060) ==
	     ERR_OK);
	if (stun_parse(&msg, in) == ERR_OK) {
		walk(&msg);
		(void)stun_reply_read(in, stun_id(&msg), &result);
	}
	(void)stun_is(in);
	answer(in, &source);
	cut(in);
	return 0;
}
