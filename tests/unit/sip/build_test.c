#include "sip/build.h"

#include "base/mem.h"
#include "corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define OUT_MAX 70000

static void assert_text(struct str got, const char *want)
{
	if (!str_eq(got, str_from(want)))
		print_message("got:\n%.*s\nwant:\n%s\n", STR_ARG(got), want);
	assert_true(str_eq(got, str_from(want)));
}

static void parse(struct sip_msg *msg, const char *text)
{
	struct sip_fault fault;

	assert_int_equal(sip_parse(msg, str_from(text), &fault), ERR_OK);
}

#define NEW_URI "sip:device@192.0.2.200:5071;ob"
#define NEW_VIA "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKnew.1"
#define NEW_RR "<sip:192.0.2.100;lr;m=0123456789abcdef>"

/* Replace the first `from` in `text` by `to`, in place. */
static void undo(char *text, size_t *len, struct str from, struct str to)
{
	char *at = memmem(text, *len, from.p, from.len);

	assert_non_null(at);
	memmove(at + to.len, at + from.len, *len - (size_t)(at - text) - from.len);
	if (to.len > 0)
		memcpy(at, to.p, to.len);
	*len = *len - from.len + to.len;
}

static void undo_max_forwards(const struct sip_msg *before, const struct sip_msg *after, char *text,
                              size_t *len)
{
	const struct sip_header *old = sip_header_first(before, SIP_H_MAX_FORWARDS);
	const struct sip_header *new = sip_header_first(after, SIP_H_MAX_FORWARDS);

	assert_non_null(new);
	if (old == NULL)
		undo(text, len, STR("Max-Forwards: 70\r\n"), STR_NONE);
	else
		undo(text, len, sip_header_line(new), sip_header_line(old));
}

/* Forward a request as 16.6 does, parse the result, take the changes back: what is left must be what was received. */
static void forward(const struct sip_msg *msg)
{
	static char memory[OUT_MAX];
	static char text[OUT_MAX];
	struct sip_rewrite w;
	struct sip_fault fault;
	struct sip_msg after;
	struct buf out;
	size_t len;

	sip_rewrite_init(&w, msg);
	sip_rewrite_uri(&w, STR(NEW_URI));
	sip_rewrite_max_forwards(&w);
	sip_rewrite_prepend(&w, SIP_H_RECORD_ROUTE, STR(NEW_RR));
	sip_rewrite_prepend(&w, SIP_H_VIA, STR(NEW_VIA));
	buf_wrap(&out, memory, sizeof(memory));
	assert_int_equal(sip_rewrite_write(&w, &out), ERR_OK);
	assert_int_equal(out.len, sip_rewrite_size(&w));
	assert_int_equal(sip_parse(&after, buf_view(&out), &fault), ERR_OK);
	assert_int_equal(sip_check(&after, &fault), ERR_OK);
	assert_true(str_eq(after.uri, STR(NEW_URI)));
	assert_true(str_eq(after.body, msg->body));
	assert_true(str_eq(sip_header_first(&after, SIP_H_VIA)->value, STR(NEW_VIA)));
	assert_true(str_eq(sip_header_first(&after, SIP_H_RECORD_ROUTE)->value, STR(NEW_RR)));
	memcpy(text, out.data, out.len);
	len = out.len;
	undo(text, &len, STR("Via: " NEW_VIA "\r\n"), STR_NONE);
	undo(text, &len, STR("Record-Route: " NEW_RR "\r\n"), STR_NONE);
	undo(text, &len, STR(NEW_URI), msg->uri);
	undo_max_forwards(msg, &after, text, &len);
	assert_true(str_eq(str_of(text, len), msg->raw));
}

/* 16.7 step 3: our Via goes, nothing else changes. */
static void relay(const struct sip_msg *msg)
{
	static char memory[OUT_MAX];
	size_t vias = sip_count_values(msg, SIP_H_VIA);
	struct sip_rewrite w;
	struct sip_fault fault;
	struct sip_msg after;
	struct buf out;

	sip_rewrite_init(&w, msg);
	sip_rewrite_pop(&w, SIP_H_VIA, 1);
	buf_wrap(&out, memory, sizeof(memory));
	assert_int_equal(sip_rewrite_write(&w, &out), ERR_OK);
	assert_int_equal(sip_parse(&after, buf_view(&out), &fault), ERR_OK);
	assert_int_equal(sip_count_values(&after, SIP_H_VIA), vias - 1);
	assert_true(str_eq(after.body, msg->body));
}

static void forward_file(void *arg, const char *path, struct str file)
{
	unsigned *n = arg;
	struct sip_fault fault;
	struct sip_msg msg;
	unsigned hops;

	if (sip_parse(&msg, file, &fault) != ERR_OK || sip_check(&msg, &fault) != ERR_OK)
		return;
	print_message("%s\n", path);
	if (!msg.is_request)
		relay(&msg);
	else if (sip_max_forwards_parse(&hops, sip_value(&msg, SIP_H_MAX_FORWARDS)) != ERR_OK ||
	         hops > 0)
		forward(&msg);
	++*n;
}

static void changes_only_what_16_6_changes(void **state)
{
	unsigned n = 0;

	(void)state;
	(void)corpus_each("rfc4475", ".dat", forward_file, &n);
	(void)corpus_each("rfc5118", ".dat", forward_file, &n);
	(void)corpus_each("callflow", ".sip", forward_file, &n);
	assert_true(n > 70);
}

#define HEAD "INVITE sip:a@b SIP/2.0\r\n"
#define TAIL "Call-ID: 1\r\n\r\nbody"

static bool is_gone(void *arg, struct str value, size_t index)
{
	(void)index;
	return str_find(str_from(arg), value.p[0]) < strlen(arg);
}

static void takes_values_out_of_lists(void **state)
{
	static const struct {
		const char *in;
		const char *gone; /* first letters */
		const char *want;
	} rows[] = {
		{ "Route: a, b, c\r\n", "", "Route: a, b, c\r\n" },
		{ "Route: a, b, c\r\n", "a", "Route: b, c\r\n" },
		{ "Route: a, b, c\r\n", "b", "Route: a, c\r\n" },
		{ "Route: a, b, c\r\n", "c", "Route: a, b\r\n" },
		{ "Route: a, b, c\r\n", "ab", "Route: c\r\n" },
		{ "Route: a, b, c\r\n", "bc", "Route: a\r\n" },
		{ "Route: a, b, c\r\n", "ac", "Route: b\r\n" },
		{ "Route: a, b, c\r\n", "abc", "" },
		{ "Route: a\r\nRoute: b,c\r\n", "ab", "Route: c\r\n" },
		{ "Route: a\r\n ,b\r\n", "a", "Route: b\r\n" },
		{ "Route: a,b,c,d,e\r\n", "bd", "Route: a,c,e\r\n" },
		{ "Route: a,b,c,d,e\r\n", "ace", "Route: b,d\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[256];
		char want[256];
		char memory[256];
		char gone[8];
		struct sip_rewrite w;
		struct sip_msg msg;
		struct buf out;

		(void)snprintf(text, sizeof(text), HEAD "%s" TAIL, rows[i].in);
		(void)snprintf(want, sizeof(want), HEAD "%s" TAIL, rows[i].want);
		(void)snprintf(gone, sizeof(gone), "%s", rows[i].gone);
		parse(&msg, text);
		sip_rewrite_init(&w, &msg);
		sip_rewrite_drop_if(&w, SIP_H_ROUTE, is_gone, gone);
		buf_wrap(&out, memory, sizeof(memory));
		assert_int_equal(sip_rewrite_write(&w, &out), ERR_OK);
		assert_text(buf_view(&out), want);
	}
}

static void routes_strictly(void **state)
{
	struct sip_rewrite w;
	struct sip_msg msg;
	char memory[256];
	struct buf out;

	(void)state;
	parse(&msg, HEAD "Route: <sip:us;lr>, <sip:strict>, <sip:last;lr>\r\n" TAIL);
	sip_rewrite_init(&w, &msg);
	sip_rewrite_strict_route(&w, STR("sip:target"), 1);
	buf_wrap(&out, memory, sizeof(memory));
	assert_int_equal(sip_rewrite_write(&w, &out), ERR_OK);
	assert_text(
		buf_view(&out),
		"INVITE sip:strict SIP/2.0\r\nRoute: <sip:last;lr>\r\nRoute: <sip:target>\r\n" TAIL);
}

static void refuses_edits_that_overlap(void **state)
{
	struct sip_rewrite w;
	struct sip_msg msg;
	char memory[256];
	struct buf out;

	(void)state;
	parse(&msg, HEAD "Route: a\r\n" TAIL);
	sip_rewrite_init(&w, &msg);
	sip_rewrite_drop_all(&w, SIP_H_ROUTE);
	sip_rewrite_set(&w, SIP_H_ROUTE, STR("b"));
	buf_wrap(&out, memory, sizeof(memory));
	assert_int_equal(sip_rewrite_write(&w, &out), ERR_SYNTAX);
	assert_int_equal(sip_rewrite_size(&w), 0);
	sip_rewrite_init(&w, &msg);
	for (int i = 0; i < SIP_EDITS_MAX + 1; i++)
		sip_rewrite_append(&w, SIP_H_ROUTE, STR("x"));
	assert_int_equal(sip_rewrite_write(&w, &out), ERR_LIMIT);
}

static void stamps_the_topmost_via(void **state)
{
	static const struct {
		const char *via;
		const char *source;
		const char *want;
	} rows[] = {
		{ "SIP/2.0/UDP 192.0.2.1;branch=1", "192.0.2.1:5060",
		  "SIP/2.0/UDP 192.0.2.1;branch=1" },
		{ "SIP/2.0/UDP 10.0.0.1;branch=1", "192.0.2.1:7",
		  "SIP/2.0/UDP 10.0.0.1;branch=1;received=192.0.2.1" },
		{ "SIP/2.0/UDP a.example;branch=1", "192.0.2.1:7",
		  "SIP/2.0/UDP a.example;branch=1;received=192.0.2.1" },
		{ "SIP/2.0/UDP 192.0.2.1;rport;branch=1", "192.0.2.1:7",
		  "SIP/2.0/UDP 192.0.2.1;rport=7;branch=1;received=192.0.2.1" },
		/* What a sender says of himself there would let him aim our answers at others. */
		{ "SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;rport=99;branch=1", "192.0.2.1:7",
		  "SIP/2.0/UDP 192.0.2.1;received=192.0.2.1;rport=7;branch=1" },
		{ "SIP/2.0/UDP 192.0.2.1;received=203.0.113.9", "192.0.2.1:7",
		  "SIP/2.0/UDP 192.0.2.1;received=192.0.2.1" },
		{ "SIP/2.0/UDP [2001:db8::1];branch=1;rport, SIP/2.0/UDP x", "[2001:db8:0::1]:7",
		  "SIP/2.0/UDP [2001:db8::1];branch=1;rport=7;received=2001:db8::1, SIP/2.0/UDP x" },
		{ "SIP/2.0/UDP 10.0.0.1;;", "192.0.2.1:7", "SIP/2.0/UDP 10.0.0.1;;" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[512];
		char want[512];
		char memory[512];
		struct sip_rewrite w;
		struct sip_msg msg;
		struct addr source;
		struct buf out;

		(void)snprintf(text, sizeof(text), HEAD "Via: %s\r\n" TAIL, rows[i].via);
		(void)snprintf(want, sizeof(want), HEAD "Via: %s\r\n" TAIL, rows[i].want);
		parse(&msg, text);
		assert_int_equal(addr_parse_port(&source, str_from(rows[i].source), 0), ERR_OK);
		sip_rewrite_init(&w, &msg);
		sip_rewrite_via_source(&w, &source);
		buf_wrap(&out, memory, sizeof(memory));
		assert_int_equal(sip_rewrite_write(&w, &out), ERR_OK);
		assert_text(buf_view(&out), want);
		buf_wrap(&out, memory, sizeof(memory));
		sip_via_write_stamped(&msg, &source, &out);
		assert_text(buf_view(&out), rows[i].want);
	}
}

static const char invite[] =
	"INVITE sip:bob@b.example SIP/2.0\r\n"
	"v: SIP/2.0/UDP 10.0.0.1:5062;rport\r\n ;branch=z9hG4bK1\r\n"
	"Via: SIP/2.0/UDP c.example;branch=z9hG4bK2\r\n"
	"Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n"
	"f: <sip:a@a.example>;tag=1\r\nt: <sip:bob@b.example>\r\ni: x@y\r\n"
	"CSeq: 7 INVITE\r\nTimestamp: 54.1\r\nRoute: <sip:n;lr>\r\nl: 0\r\n\r\n";

static void answers_by_8_2_6(void **state)
{
	static const struct {
		unsigned status;
		const char *want;
	} rows[] = {
		{ 100,
		  "SIP/2.0 100 Trying\r\n"
		  "Via: SIP/2.0/UDP 10.0.0.1:5062;rport=9   ;branch=z9hG4bK1;received=192.0.2.1\r\n"
		  "Via: SIP/2.0/UDP c.example;branch=z9hG4bK2\r\n"
		  "From: <sip:a@a.example>;tag=1\r\nTo: <sip:bob@b.example>\r\nCall-ID: x@y\r\nCSeq: 7 INVITE\r\n"
		  "Timestamp: 54.1\r\nContent-Length: 0\r\n\r\n" },
		{ 180,
		  "SIP/2.0 180 Ringing\r\n"
		  "Via: SIP/2.0/UDP 10.0.0.1:5062;rport=9   ;branch=z9hG4bK1;received=192.0.2.1\r\n"
		  "Via: SIP/2.0/UDP c.example;branch=z9hG4bK2\r\n"
		  "From: <sip:a@a.example>;tag=1\r\nTo: <sip:bob@b.example>;tag=T\r\nCall-ID: x@y\r\nCSeq: 7 INVITE\r\n"
		  "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nContent-Length: 0\r\n\r\n" },
		{ 404,
		  "SIP/2.0 404 Not Found\r\n"
		  "Via: SIP/2.0/UDP 10.0.0.1:5062;rport=9   ;branch=z9hG4bK1;received=192.0.2.1\r\n"
		  "Via: SIP/2.0/UDP c.example;branch=z9hG4bK2\r\n"
		  "From: <sip:a@a.example>;tag=1\r\nTo: <sip:bob@b.example>;tag=T\r\nCall-ID: x@y\r\nCSeq: 7 INVITE\r\n"
		  "Content-Length: 0\r\n\r\n" },
	};
	struct addr source;
	struct sip_msg msg;

	(void)state;
	parse(&msg, invite);
	assert_int_equal(addr_parse(&source, STR("192.0.2.1"), 9), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_response response = { .status = rows[i].status,
			                         .to_tag = STR_INIT("T"),
			                         .source = &source };
		char memory[1024];
		struct buf out;

		buf_wrap(&out, memory, sizeof(memory));
		sip_response_begin(&out, &msg, &response);
		sip_finish(&out, STR_NONE, STR_NONE);
		assert_text(buf_view(&out), rows[i].want);
	}
}

static void answers_broken_requests_on_clean_lines(void **state)
{
	static const char text[] =
		"INVITE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: \"x\rEvil: 1\" <sip:a>\r\n"
		"To: \"unclosed <sip:b>\r\nCSeq: 1 INVITE\r\nCall-ID: 1\r\nCall-ID: 2\r\n\r\n";
	struct sip_response response = { .status = 400, .to_tag = STR_INIT("T") };
	struct sip_fault fault;
	struct sip_msg msg;
	char memory[512];
	struct buf out;

	(void)state;
	assert_int_equal(sip_parse(&msg, str_from(text), &fault), ERR_SYNTAX);
	assert_int_equal(fault.status, 400);
	buf_wrap(&out, memory, sizeof(memory));
	sip_response_begin(&out, &msg, &response);
	sip_finish(&out, STR_NONE, STR_NONE);
	assert_text(
		buf_view(&out),
		"SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h\r\nFrom: \"x Evil: 1\" <sip:a>\r\n"
		"To: \"unclosed <sip:b>;tag=T\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
		"Content-Length: 0\r\n\r\n");
}

/* What has no Via value is left out of the answer; the mark goes on the field that has the topmost one. */
static void answers_below_an_empty_via(void **state)
{
	static const char text[] = "INVITE sip:b SIP/2.0\r\nVia:\r\nVia: SIP/2.0/UDP h;branch=1\r\n"
				   "Via: SIP/2.0/UDP i\r\nCall-ID: 1\r\n\r\n";
	struct sip_response response = { .status = 400 };
	struct sip_fault fault;
	struct addr source;
	struct sip_msg msg;
	char memory[512];
	struct buf out;

	(void)state;
	assert_int_equal(addr_parse(&source, STR("192.0.2.1"), 5060), ERR_OK);
	response.source = &source;
	assert_int_equal(sip_parse(&msg, str_from(text), &fault), ERR_OK);
	buf_wrap(&out, memory, sizeof(memory));
	sip_response_begin(&out, &msg, &response);
	sip_finish(&out, STR_NONE, STR_NONE);
	assert_text(buf_view(&out),
	            "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h;branch=1;received=192.0.2.1\r\n"
	            "Via: SIP/2.0/UDP i\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n");
}

static void cancels_and_acknowledges(void **state)
{
	struct sip_msg msg;
	char memory[512];
	struct buf out;

	(void)state;
	parse(&msg, invite);
	buf_wrap(&out, memory, sizeof(memory));
	sip_hop_request_begin(&out, SIP_CANCEL, &msg, NULL);
	sip_finish(&out, STR_NONE, STR_NONE);
	assert_text(
		buf_view(&out),
		"CANCEL sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5062;rport   ;branch=z9hG4bK1\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:a@a.example>;tag=1\r\nTo: <sip:bob@b.example>\r\nCall-ID: x@y\r\n"
		"CSeq: 7 CANCEL\r\nRoute: <sip:n;lr>\r\nContent-Length: 0\r\n\r\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_only_what_16_6_changes),
		cmocka_unit_test(takes_values_out_of_lists),
		cmocka_unit_test(routes_strictly),
		cmocka_unit_test(refuses_edits_that_overlap),
		cmocka_unit_test(stamps_the_topmost_via),
		cmocka_unit_test(answers_by_8_2_6),
		cmocka_unit_test(answers_broken_requests_on_clean_lines),
		cmocka_unit_test(answers_below_an_empty_via),
		cmocka_unit_test(cancels_and_acknowledges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
