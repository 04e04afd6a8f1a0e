/* Header values and URIs, each typed parser over the same input; what is canonical must stay as it is.
 *
 * corpus: tests/corpus/rfc4475 tests/corpus/digest */
#include "sip/digest.h"
#include "sip/field.h"
#include "sip/nonce.h"

#define INPUT_MAX 2048
#define OUT_MAX (INPUT_MAX * 4)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_number(const struct sip_uri *uri)
{
	char memory[OUT_MAX];
	struct buf number;

	buf_wrap(&number, memory, sizeof(memory));
	if (sip_uri_number(uri, &number) == ERR_OK)
		must(sip_is_number(buf_view(&number)));
	else
		must(number.len == 0 || number.err != ERR_OK);
}

/* The canonical form is a URI, and its own canonical form. */
static void canonical(const struct sip_uri *uri)
{
	char first[OUT_MAX];
	char second[OUT_MAX];
	struct sip_uri again;
	struct buf once;
	struct buf twice;

	buf_wrap(&once, first, sizeof(first));
	buf_wrap(&twice, second, sizeof(second));
	if (uri->scheme == SIP_SCHEME_OTHER) {
		must(sip_uri_aor(uri, &once, NULL) == ERR_UNSUPPORTED);
		return;
	}
	must(sip_uri_aor(uri, &once, NULL) == ERR_OK);
	must(sip_uri_parse(&again, buf_view(&once)) == ERR_OK);
	must(sip_uri_aor(&again, &twice, NULL) == ERR_OK);
	must(str_eq(buf_view(&once), buf_view(&twice)));
}

static void uri(struct str in)
{
	struct sip_uri parsed;
	struct sip_uri_param param;
	struct str rest;

	if (sip_uri_parse(&parsed, in) != ERR_OK)
		return;
	must(sip_uri_eq(&parsed, &parsed));
	for (rest = parsed.params; sip_uri_param_next(&rest, &param);)
		must(sip_uri_param_has(&parsed, param.name));
	for (rest = parsed.headers; sip_uri_header_next(&rest, &param);)
		must(param.name.len > 0);
	canonical(&parsed);
	same_number(&parsed);
}

static void name_addr(struct str in)
{
	char memory[OUT_MAX];
	struct sip_name_addr na;
	struct buf display;
	unsigned q;

	if (sip_name_addr_parse(&na, in) != ERR_OK || na.star)
		return;
	buf_wrap(&display, memory, sizeof(memory));
	sip_name_addr_display(&na, &display);
	must(display.len <= na.display.len);
	if (sip_name_addr_q(&na, &q) == ERR_OK)
		must(q <= 1000);
	(void)sip_name_addr_expires(&na, 0);
	(void)sip_name_addr_instance(&na);
	(void)sip_name_addr_reg_id(&na);
	(void)sip_name_addr_allows(&na, STR("INVITE"));
	uri(na.uri);
}

static void via(struct str in)
{
	struct sip_via v;
	struct str host;
	uint16_t port;

	if (sip_via_parse(&v, in) != ERR_OK)
		return;
	sip_via_response_target(&v, &host, &port);
	must(host.len > 0 && (port > 0 || v.has_port));
	(void)sip_via_is_rfc3261(&v);
}

static void small_ones(struct str in)
{
	struct sip_session_expires session_expires;
	struct sip_retry_after retry_after;
	struct sip_token_params token_params;
	struct sip_timestamp timestamp;
	struct sip_warning warning;
	struct sip_reason reason;
	struct sip_media media;
	struct sip_cseq cseq;
	struct sip_rack rack;
	uint32_t n;
	unsigned hops;

	if (sip_cseq_parse(&cseq, in) == ERR_OK)
		must(cseq.number <= INT32_MAX && cseq.method_name.len > 0);
	if (sip_max_forwards_parse(&hops, in) == ERR_OK)
		must(hops <= 255);
	if (sip_media_parse(&media, in) == ERR_OK)
		must(media.type.len > 0 && media.subtype.len > 0);
	if (sip_token_params_parse(&token_params, in) == ERR_OK)
		must(token_params.token.len > 0);
	if (sip_warning_parse(&warning, in) == ERR_OK)
		must(warning.code <= 999);
	if (sip_timestamp_parse(&timestamp, in) == ERR_OK)
		must(timestamp.sent.len > 0);
	if (sip_reason_parse(&reason, in) == ERR_OK)
		must(reason.protocol.len > 0);
	must(sip_rack_parse(&rack, in) != ERR_OK || rack.cseq.method_name.len > 0);
	must(sip_seconds_parse(&n, in) != ERR_LIMIT);
	must(sip_call_id_check(in) != ERR_OK || in.len > 0);
	must(sip_session_expires_parse(&session_expires, in) != ERR_NOMEM);
	must(sip_retry_after_parse(&retry_after, in) != ERR_NOMEM);
}

static void date(struct str in)
{
	char memory[64];
	struct wall when;
	struct buf out;

	if (sip_date_parse(&when, in) != ERR_OK)
		return;
	buf_wrap(&out, memory, sizeof(memory));
	sip_date_write(when, &out);
	must(sip_date_parse(&when, buf_view(&out)) == ERR_OK);
}

static void digest(struct str in)
{
	struct sip_msg req = { .is_request = true, .method_name = STR_INIT("INVITE") };
	struct sip_challenge challenge;
	struct sip_credentials c;
	struct wall issued;

	if (sip_credentials_parse(&c, in) == ERR_OK && c.is_digest)
		must(!sip_digest_verify(&c, STR("0123456789abcdef0123456789abcdef"), &req));
	if (sip_challenge_parse(&challenge, in) == ERR_OK && challenge.is_digest)
		must(challenge.nonce.len > 0);
	must(sip_nonce_check(in, STR("key"), STR("realm"), (struct wall){ 0 }, 1000, &issued) ==
	     SIP_NONCE_FORGED);
}

/* Quoted and read again, a text means what it did; escaped too. */
static void quotes(struct str in)
{
	char first[OUT_MAX];
	char second[OUT_MAX];
	struct buf quoted;
	struct buf plain;
	struct scan s;

	buf_wrap(&quoted, first, sizeof(first));
	buf_wrap(&plain, second, sizeof(second));
	sip_quote(in, &quoted);
	s = scan_of(buf_view(&quoted));
	sip_unquote(scan_quoted(&s), &plain);
	must(scan_end(&s) == ERR_OK && plain.len <= in.len);
	buf_clear(&quoted);
	buf_clear(&plain);
	sip_escape(in, SIP_C_USER, &quoted);
	must(sip_unescape(buf_view(&quoted), &plain) == ERR_OK);
	must(str_eq(buf_view(&plain), in));
}

static void each(struct str value)
{
	uri(value);
	name_addr(value);
	via(value);
	small_ones(value);
	date(value);
	digest(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	struct sip_list list;
	struct str value;

	if (size > INPUT_MAX)
		return 0;
	each(in);
	quotes(in);
	list = sip_list_of(in);
	for (size_t n = 0; sip_list_next(&list, &value); n++) {
		must(n <= size);
		if (n < 8)
			each(value);
	}
	return 0;
}
