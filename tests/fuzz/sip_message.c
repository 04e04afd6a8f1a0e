/* A whole message: parsed, checked, walked, answered and forwarded; what we write must be well-formed again and say the same.
 *
 * corpus: tests/corpus/rfc4475 tests/corpus/rfc5118 tests/corpus/callflow */
#include "sip/build.h"
#include "sip/digest.h"

#define INPUT_MAX \
	4096 /* below every limit on one value, so that a limit never explains a difference */
#define OUT_MAX (INPUT_MAX * 4)
#define VIA_VALUE "SIP/2.0/UDP 192.0.2.100;branch=z9hG4bKfuzz"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const struct sip_msg *msg, struct str s)
{
	if (s.len > 0)
		must(s.p >= msg->raw.p && s.p + s.len <= msg->raw.p + msg->raw.len);
}

static void walk(const struct sip_msg *msg)
{
	size_t seen = 0;

	inside(msg, msg->body);
	for (unsigned id = SIP_H_OTHER; id < SIP_H_COUNT; id++) {
		struct sip_values values = sip_values_of(msg, (enum sip_header_id)id);
		struct str value;

		for (size_t n = 0; sip_values_next(&values, &value); n++) {
			inside(msg, value);
			must(n <= msg->raw.len);
		}
		for (const struct sip_header *h = sip_header_first(msg, (enum sip_header_id)id);
		     id != SIP_H_OTHER && h != NULL; h = sip_header_next(msg, h)) {
			must(h->id == id);
			seen++;
		}
	}
	for (size_t i = 0; i < msg->count; i++) {
		inside(msg, sip_header_line(&msg->headers[i]));
		seen += msg->headers[i].id == SIP_H_OTHER;
	}
	must(seen == msg->count);
}

static void peek(struct str in, const struct sip_msg *msg)
{
	struct sip_peek peeked;
	struct sip_cseq cseq;
	struct sip_via via;

	must(sip_peek(in, &peeked) == ERR_OK);
	must(peeked.is_request == msg->is_request && peeked.method == msg->method &&
	     peeked.status == msg->status);
	must(str_eq(peeked.call_id, sip_value(msg, SIP_H_CALL_ID)));
	if (sip_via_top(&via, msg) == ERR_OK)
		must(str_eq(peeked.branch, via.branch));
	if (sip_cseq_of(&cseq, msg) == ERR_OK)
		must(str_eq(peeked.cseq_method_name, cseq.method_name));
}

/* Answer it. Everything that was `good` makes a response that is good too. */
static void answer(const struct sip_msg *msg, bool good)
{
	struct sip_response response = { .status = 404, .to_tag = STR_INIT("fuzz") };
	char memory[OUT_MAX];
	struct sip_fault fault;
	struct sip_msg after;
	struct addr source;
	struct buf out;

	must(addr_parse(&source, STR("192.0.2.7"), 5062) == ERR_OK);
	response.source = &source;
	buf_wrap(&out, memory, sizeof(memory));
	sip_response_begin(&out, msg, &response);
	sip_finish(&out, STR_NONE, STR_NONE);
	must(out.err == ERR_OK);
	must(sip_parse(&after, buf_view(&out), &fault) == ERR_OK);
	must(!after.is_request && after.status == 404 && after.raw.len == out.len);
	must(sip_count_values(&after, SIP_H_VIA) == sip_count_values(msg, SIP_H_VIA) || !good);
	if (!good)
		return;
	must(sip_check(&after, &fault) == ERR_OK);
	must(sip_tag(&after, SIP_H_TO).len > 0);
	must(str_eq(sip_tag(&after, SIP_H_FROM), sip_tag(msg, SIP_H_FROM)));
}

static struct str write_with(struct sip_rewrite *w, char *memory)
{
	struct buf out;

	buf_wrap(&out, memory, OUT_MAX);
	must(sip_rewrite_write(w, &out) == ERR_OK);
	must(out.len == sip_rewrite_size(w));
	return buf_view(&out);
}

/* Put a Via on top, write, parse, take it off again: the message is as it was. */
static void forward(const struct sip_msg *msg)
{
	static struct sip_rewrite w;
	struct sip_fault fault;
	struct sip_msg after;
	char there[OUT_MAX];
	char back[OUT_MAX];

	sip_rewrite_init(&w, msg);
	must(str_eq(write_with(&w, back), msg->raw));
	if (msg->count > SIP_HEADERS_MAX - 4 || sip_count_values(msg, SIP_H_VIA) >= SIP_VIAS_MAX)
		return;
	sip_rewrite_prepend(&w, SIP_H_VIA, STR(VIA_VALUE));
	must(sip_parse(&after, write_with(&w, there), &fault) == ERR_OK);
	must(sip_check(&after, &fault) == ERR_OK);
	must(after.count == msg->count + 1 && str_eq(after.body, msg->body));
	sip_rewrite_init(&w, &after);
	sip_rewrite_pop(&w, SIP_H_VIA, 1);
	must(str_eq(write_with(&w, back), msg->raw));
}

static bool is_odd(void *arg, struct str value, size_t index)
{
	size_t *gone = arg;

	(void)value;
	*gone += index & 1;
	return (index & 1) != 0;
}

/* Take every second value of each list away: as many are left as there should be. */
static void thin(const struct sip_msg *msg)
{
	static const enum sip_header_id ids[] = { SIP_H_VIA, SIP_H_ROUTE, SIP_H_CONTACT,
		                                  SIP_H_SUPPORTED };
	static struct sip_rewrite w;
	struct sip_fault fault;
	struct sip_msg after;
	char memory[OUT_MAX];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		size_t gone = 0;

		sip_rewrite_init(&w, msg);
		sip_rewrite_drop_if(&w, ids[i], is_odd, &gone);
		if (w.err == ERR_LIMIT)
			continue;
		must(sip_parse(&after, write_with(&w, memory), &fault) == ERR_OK);
		must(sip_count_values(&after, ids[i]) == sip_count_values(msg, ids[i]) - gone);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	struct sip_fault fault;
	struct sip_msg msg;
	bool good;

	if (size > INPUT_MAX)
		return 0;
	good = sip_parse(&msg, in, &fault) == ERR_OK;
	if (good) {
		peek(in, &msg);
		walk(&msg);
		good = sip_check(&msg, &fault) == ERR_OK;
	}
	if (!good) {
		must(fault.status == 0 ||
		     (fault.status >= 400 && fault.status < 600 && sip_is_answerable(&msg)));
		if (fault.status != 0)
			answer(&msg, false);
		return 0;
	}
	if (msg.is_request)
		answer(&msg, true);
	forward(&msg);
	thin(&msg);
	return 0;
}
