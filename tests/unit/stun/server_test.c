#include "stun/stun.h"

#include "base/mem.h"
#include "stun/message.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COOKIE "\x21\x12\xa4\x42"
#define ID "0123456789ab"
#define PLAIN "\0\1\0\0" COOKIE ID

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse_port(&a, str_from(text), 0), ERR_OK);
	return a;
}

struct answer {
	char bytes[STUN_ANSWER_MAX];
	struct buf out;
	struct stun_message msg;
};

/* Answer and, where there is an answer, read it. */
static enum stun_verdict ask(struct answer *a, struct str in, const char *source,
                             const char *software)
{
	struct str exact = vector_copy(in);
	struct stun_conf conf = { .software = str_from(software) };
	struct addr from = address(source);
	enum stun_verdict verdict;

	buf_wrap(&a->out, a->bytes, sizeof(a->bytes));
	verdict = stun_answer(exact, &from, &conf, &a->out);
	assert_int_equal(a->out.err, ERR_OK);
	assert_int_equal(a->out.len > 0, verdict != STUN_SILENCE);
	if (verdict != STUN_SILENCE) {
		assert_int_equal(stun_parse(&a->msg, buf_view(&a->out)), ERR_OK);
		assert_memory_equal(stun_id(&a->msg), in.p + 4, STUN_ID);
		assert_int_equal(a->msg.method, STUN_BINDING);
		assert_int_equal(a->msg.class, verdict == STUN_REFUSED ? STUN_ERROR : STUN_SUCCESS);
	}
	vector_free(exact);
	return verdict;
}

static void assert_mapped(const struct answer *a, enum stun_attribute_type type, const char *want)
{
	struct stun_attribute found;
	char text[ADDR_TEXT];
	struct addr mapped;

	assert_true(stun_find(&a->msg, type, &found));
	assert_int_equal(stun_read_address(found.value,
	                                   type == STUN_MAPPED_ADDRESS ? NULL : stun_id(&a->msg),
	                                   &mapped),
	                 ERR_OK);
	assert_string_equal(addr_text(&mapped, text), want);
}

static bool has(const struct answer *a, enum stun_attribute_type type)
{
	struct stun_attribute found;

	return stun_find(&a->msg, type, &found);
}

/* ---------------------------------------------------------------------------- the corpus */

/* What MANIFEST.tsv says, in a column. PRIORITY (0x0024) of RFC 5769's requests belongs to ICE, which we don't speak: it is refused. */
/* clang-format off */
static const struct {
	const char *file;
	bool is; /* what stun_is() says: the first look, before the message is read */
	enum stun_verdict verdict;
	uint16_t unknown; /* what the 420 names */
	bool fingerprint;
} corpus[] = {
	{ "rfc5769-2.1-request.bin",            true,  STUN_REFUSED,  0x0024, true },
	{ "rfc5769-2.2-ipv4-response.bin",      true,  STUN_SILENCE,  0,      false },
	{ "rfc5769-2.3-ipv6-response.bin",      true,  STUN_SILENCE,  0,      false },
	{ "rfc5769-2.4-long-term-request.bin",  true,  STUN_ANSWERED, 0,      false },
	{ "rfc8489-b1-request-sha256.bin",      true,  STUN_ANSWERED, 0,      false },
	{ "neg-integrity-bit.bin",              true,  STUN_SILENCE,  0,      false },
	{ "neg-fingerprint.bin",                true,  STUN_SILENCE,  0,      false },
	{ "neg-truncated.bin",                  false, STUN_SILENCE,  0,      false },
	{ "neg-length-unaligned.bin",           true,  STUN_SILENCE,  0,      false },
	{ "neg-attr-overrun.bin",               true,  STUN_SILENCE,  0,      false },
	{ "neg-topbits.bin",                    false, STUN_SILENCE,  0,      false },
	{ "rfc3489-nocookie.bin",               true,  STUN_ANSWERED, 0,      false },
	{ "unknown-comprehension-required.bin", true,  STUN_REFUSED,  0x7fff, false },
	{ "unknown-comprehension-optional.bin", true,  STUN_ANSWERED, 0,      false },
	{ "plain-binding.bin",                  true,  STUN_ANSWERED, 0,      false },
	{ "binding-indication.bin",             true,  STUN_SILENCE,  0,      false },
};
/* clang-format on */

static void assert_refusal(const struct answer *a, uint16_t unknown)
{
	char list[2] = { (char)(unknown >> 8), (char)unknown };
	struct stun_attribute found;
	struct str reason;
	unsigned code;

	assert_true(stun_find(&a->msg, STUN_ERROR_CODE, &found));
	assert_int_equal(stun_read_error(found.value, &code, &reason), ERR_OK);
	assert_int_equal(code, 420);
	assert_true(str_eq(reason, STR("Unknown Attribute")));
	assert_true(stun_find(&a->msg, STUN_UNKNOWN_ATTRIBUTES, &found));
	assert_int_equal(found.value.len, sizeof(list));
	assert_memory_equal(found.value.p, list, sizeof(list));
}

static void answers_the_corpus(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(corpus); i++) {
		struct str in = vector_read(corpus[i].file);
		struct answer a;

		print_message("%s\n", corpus[i].file);
		assert_int_equal(stun_is(in), corpus[i].is);
		assert_int_equal(ask(&a, in, "192.0.2.1:32853", "Lotse 1"), corpus[i].verdict);
		if (corpus[i].verdict == STUN_REFUSED)
			assert_refusal(&a, corpus[i].unknown);
		else if (corpus[i].verdict == STUN_ANSWERED)
			assert_mapped(&a,
			              a.msg.cookie ? STUN_XOR_MAPPED_ADDRESS : STUN_MAPPED_ADDRESS,
			              "192.0.2.1:32853");
		if (corpus[i].verdict != STUN_SILENCE)
			assert_int_equal(stun_check_fingerprint(&a.msg),
			                 corpus[i].fingerprint ? STUN_RIGHT : STUN_ABSENT);
		vector_free(in);
	}
}

/* Every message of the manifest has its row above. */
static void knows_the_whole_corpus(void **state)
{
	struct str manifest = vector_read("MANIFEST.tsv");
	struct str rest = manifest;
	size_t messages = 0;

	(void)state;
	(void)str_cut(&rest, '\n');
	while (!str_empty(rest)) {
		struct str line = str_cut(&rest, '\n');
		struct str file = str_cut(&line, '\t');
		bool found = false;

		for (size_t i = 0; i < COUNT_OF(corpus); i++)
			found = found || str_eq(file, str_from(corpus[i].file));
		print_message("%.*s\n", STR_ARG(file));
		assert_true(found);
		messages++;
	}
	assert_int_equal(messages, COUNT_OF(corpus));
	vector_free(manifest);
}

/* ---------------------------------------------------------------------------- hostile */

/* Every single bit wrong, every length: nothing is read beyond, answers stay within their bound, silence where it was damaged in the
 * header or the fingerprint. */
static void bears_damage(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(corpus); i++) {
		struct str in = vector_read(corpus[i].file);
		struct answer a;

		for (size_t bit = 0; bit < in.len * 8; bit++) {
			char *octets = vector_octets(in);

			octets[bit / 8] = (char)(octets[bit / 8] ^ 1 << bit % 8);
			(void)ask(&a, in, "[2001:db8::1]:1", "Lotse 1");
			octets[bit / 8] = (char)(octets[bit / 8] ^ 1 << bit % 8);
		}
		for (size_t len = 0; len < in.len; len++)
			assert_int_equal(ask(&a, str_head(in, len), "[2001:db8::1]:1", "Lotse 1"),
			                 STUN_SILENCE);
		vector_free(in);
	}
}

/* As many unknown attributes as a message holds, all of one type or all different. */
static void bounds_its_answers(void **state)
{
	static char bytes[STUN_MESSAGE_MAX + 4];
	static const char software[] =
		"a text longer than any program's name and version should ever be";

	(void)state;
	for (int different = 0; different <= 1; different++) {
		struct wire_writer w = wire_writer_of(bytes, STUN_MESSAGE_MAX);
		struct stun_attribute found;
		struct answer a;

		stun_write_begin(&w, STUN_REQUEST, (const unsigned char *)COOKIE ID);
		for (unsigned i = 0; wire_written(&w) + 4 + 8 <= STUN_MESSAGE_MAX; i++) {
			wire_write16(&w, (uint16_t)(0x7000 + (different ? i : 0)));
			wire_write16(&w, 0);
		}
		stun_write_fingerprint(&w);
		stun_write_end(&w);
		assert_int_equal(w.err, ERR_OK);
		assert_int_equal(ask(&a, wire_view(&w), "[2001:db8::1]:1", software), STUN_REFUSED);
		assert_true(stun_find(&a.msg, STUN_UNKNOWN_ATTRIBUTES, &found));
		assert_int_equal(found.value.len, different ? 64 : 2);
		assert_true(stun_find(&a.msg, STUN_SOFTWARE, &found));
		assert_true(str_eq(found.value, str_of(software, STUN_SOFTWARE_MAX)));
		assert_int_equal(stun_check_fingerprint(&a.msg), STUN_RIGHT);
	}
}

static void keeps_silent_about_long_messages(void **state)
{
	static char bytes[STUN_MESSAGE_MAX + 4];
	struct answer a;

	(void)state;
	for (size_t extra = 0; extra <= 4; extra += 4) {
		struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));

		stun_write_begin(&w, STUN_REQUEST, (const unsigned char *)COOKIE ID);
		wire_write16(&w, 0x8000);
		wire_write16(&w, (uint16_t)(STUN_MESSAGE_MAX - STUN_HEADER - 4 + extra));
		wire_write_zero(&w, STUN_MESSAGE_MAX - STUN_HEADER - 4 + extra);
		stun_write_end(&w);
		assert_int_equal(ask(&a, wire_view(&w), "192.0.2.1:1", ""),
		                 extra == 0 ? STUN_ANSWERED : STUN_SILENCE);
	}
}

static void keeps_silent_without_room(void **state)
{
	struct addr from = address("192.0.2.1:1");
	struct addr nowhere = { 0 };
	char bytes[STUN_ANSWER_MAX];
	struct buf out;

	(void)state;
	buf_wrap(&out, bytes, STUN_ANSWER_MAX - 1);
	assert_int_equal(stun_answer(STR(PLAIN), &from, NULL, &out), STUN_SILENCE);
	assert_int_equal(out.err, ERR_LIMIT);
	assert_int_equal(out.len, 0);
	buf_wrap(&out, bytes, STUN_ANSWER_MAX);
	assert_int_equal(stun_answer(STR(PLAIN), &nowhere, NULL, &out), STUN_SILENCE);
}

/* ---------------------------------------------------------------------------- the rules */

static void answers_by_the_rules(void **state)
{
	static const struct {
		const char *what;
		struct str in;
		enum stun_verdict want;
	} rows[] = {
		{ "nothing", STR_INIT(""), STUN_SILENCE },
		{ "four octets that keep a NAT open", STR_INIT("\0\0\0\0"), STUN_SILENCE },
		{ "a plain request", STR_INIT(PLAIN), STUN_ANSWERED },
		{ "something behind it", STR_INIT(PLAIN "\0\0\0\0"), STUN_SILENCE },
		{ "another method: Allocate", STR_INIT("\0\3\0\0" COOKIE ID), STUN_SILENCE },
		{ "an indication", STR_INIT("\0\x11\0\0" COOKIE ID), STUN_SILENCE },
		{ "a success", STR_INIT("\1\1\0\0" COOKIE ID), STUN_SILENCE },
		{ "a refusal", STR_INIT("\1\x11\0\0" COOKIE ID), STUN_SILENCE },
		{ "RFC 3489's Shared Secret", STR_INIT("\0\2\0\0\0\0\0\0" ID), STUN_SILENCE },
		{ "known and unexpected (6.3)",
		  STR_INIT("\0\1\0\x0c" COOKIE ID "\0\1\0\x08\0\1\0\0\0\0\0\0"), STUN_ANSWERED },
		{ "CHANGE-REQUEST", STR_INIT("\0\1\0\x08" COOKIE ID "\0\3\0\4\0\0\0\6"),
		  STUN_REFUSED },
		{ "unknown behind MESSAGE-INTEGRITY (14.5)",
		  STR_INIT("\0\1\0\x1c" COOKIE ID
		           "\0\x08\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x7f\xff\0\0"),
		  STUN_ANSWERED },
		{ "a FINGERPRINT that is not last",
		  STR_INIT("\0\1\0\x0c" COOKIE ID "\x80\x28\0\4\0\0\0\0\x80\x22\0\0"),
		  STUN_SILENCE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct answer a;

		print_message("%s\n", rows[i].what);
		assert_int_equal(ask(&a, rows[i].in, "192.0.2.1:5060", "Lotse 1"), rows[i].want);
	}
}

static void answers_old_clients_as_they_know(void **state)
{
	/* No padding there: whole words, spaces counted; lists repeat their last number. MAPPED-ADDRESS alone. */
	static const char success[] = "\1\1\0\x18\0\0\0\0" ID "\0\1\0\x08\0\1\x13\xc4\xc0\0\2\1"
				      "\x80\x22\0\x08Lotse 1 ";
	static const char refusal[] = "\1\x11\0\x30\0\0\0\0" ID
				      "\0\x09\0\x18\0\0\4\x14Unknown Attribute   "
				      "\0\x0a\0\4\0\3\0\3"
				      "\x80\x22\0\x08Lotse 1 ";
	struct answer a;

	(void)state;
	assert_int_equal(ask(&a, STR("\0\1\0\0\0\0\0\0" ID), "192.0.2.1:5060", "Lotse 1"),
	                 STUN_ANSWERED);
	assert_int_equal(a.out.len, sizeof(success) - 1);
	assert_memory_equal(a.out.data, success, sizeof(success) - 1);
	assert_false(has(&a, STUN_XOR_MAPPED_ADDRESS));
	assert_int_equal(ask(&a, STR("\0\1\0\x08\0\0\0\0" ID "\0\3\0\4\0\0\0\6"), "192.0.2.1:5060",
	                     "Lotse 1"),
	                 STUN_REFUSED);
	assert_int_equal(a.out.len, sizeof(refusal) - 1);
	assert_memory_equal(a.out.data, refusal, sizeof(refusal) - 1);
}

static void says_no_more_than_is_needed(void **state)
{
	struct answer a;

	(void)state;
	assert_int_equal(ask(&a, STR(PLAIN), "192.0.2.1:5060", ""), STUN_ANSWERED);
	assert_int_equal(a.out.len, STUN_HEADER + 12);
	assert_false(has(&a, STUN_SOFTWARE));
	assert_false(has(&a, STUN_MAPPED_ADDRESS));
	assert_int_equal(ask(&a, STR(PLAIN), "[2001:db8::1]:5060", ""), STUN_ANSWERED);
	assert_int_equal(a.out.len, STUN_HEADER + 24);
	assert_mapped(&a, STUN_XOR_MAPPED_ADDRESS, "[2001:db8::1]:5060");
}

/* Answers are added behind what stands in the buffer, as for pipelined requests on a stream. */
static void appends(void **state)
{
	struct addr from = address("192.0.2.1:5060");
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 1; i <= 3; i++) {
		assert_int_equal(stun_answer(STR(PLAIN), &from, NULL, &out), STUN_ANSWERED);
		assert_int_equal(out.len, i * (STUN_HEADER + 12));
	}
	buf_fini(&out);
}

/* ---------------------------------------------------------------------------- telling and cutting */

static void tells_stun_from_others(void **state)
{
	static const struct {
		struct str in;
		bool want;
	} rows[] = {
		{ STR_INIT(""), false },
		{ STR_INIT("\0\0\0\0"), false },
		{ STR_INIT("\r\n\r\n"), false },
		{ STR_INIT("OPTIONS sip:a SIP/2.0\r\n\r\n"), false },
		{ STR_INIT("\0\1\0\0" COOKIE "0123456789a"), false },
		{ STR_INIT(PLAIN), true },
		{ STR_INIT(PLAIN "\0\0\0\0"), false },
		{ STR_INIT("\3\1\0\0" COOKIE ID), true },
		{ STR_INIT("\4\1\0\0" COOKIE ID), false },
		{ STR_INIT("\0\1\0\0\0\0\0\0" ID), true },
		{ STR_INIT("\0\2\0\0\0\0\0\0" ID), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = vector_copy(rows[i].in);

		print_message("row %zu\n", i);
		assert_int_equal(stun_is(in), rows[i].want);
		vector_free(in);
	}
}

static void cuts_streams(void **state)
{
	static const struct {
		struct str in;
		enum stun_frame_kind kind;
		size_t len;
	} rows[] = {
		{ STR_INIT(""), STUN_FRAME_MORE, 20 },
		{ STR_INIT("\0\1\0"), STUN_FRAME_MORE, 17 },
		{ STR_INIT("\0\1\0\0"), STUN_FRAME_MORE, 16 },
		{ STR_INIT("\0\1\0\4"), STUN_FRAME_MORE, 20 },
		{ STR_INIT("\0\1\0\0" COOKIE "0123456789a"), STUN_FRAME_MORE, 1 },
		{ STR_INIT(PLAIN), STUN_FRAME_MESSAGE, 20 },
		{ STR_INIT(PLAIN PLAIN), STUN_FRAME_MESSAGE, 20 },
		{ STR_INIT("\0\1\0\4" COOKIE ID "\x80\x22\0\0"), STUN_FRAME_MESSAGE, 24 },
		{ STR_INIT("\x40"), STUN_FRAME_BAD, 0 },
		{ STR_INIT("OPTIONS"), STUN_FRAME_BAD, 0 },
		{ STR_INIT("\x16\3\1"), STUN_FRAME_MORE, 17 },
		{ STR_INIT("\x16\3\1\2\0\1\0\1"), STUN_FRAME_BAD, 0 },
		{ STR_INIT("\0\1\0\2"), STUN_FRAME_BAD, 0 },
		{ STR_INIT("\0\1\x0f\xec"), STUN_FRAME_MORE, 4092 },
		{ STR_INIT("\0\1\x0f\xf0"), STUN_FRAME_BAD, 0 },
		{ STR_INIT("\0\1\0\0\x21\x12\xa4"), STUN_FRAME_MORE, 13 },
		{ STR_INIT("\0\1\0\0\x21\x12\xa4\x43"), STUN_FRAME_BAD, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = vector_copy(rows[i].in);
		struct stun_frame frame = stun_frame(in);

		print_message("row %zu\n", i);
		assert_int_equal(frame.kind, rows[i].kind);
		assert_int_equal(frame.len, rows[i].len);
		vector_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bears_damage),
		cmocka_unit_test(bounds_its_answers),
		cmocka_unit_test(keeps_silent_about_long_messages),
		cmocka_unit_test(keeps_silent_without_room),
		cmocka_unit_test(answers_the_corpus),
		cmocka_unit_test(knows_the_whole_corpus),
		cmocka_unit_test(answers_by_the_rules),
		cmocka_unit_test(answers_old_clients_as_they_know),
		cmocka_unit_test(says_no_more_than_is_needed),
		cmocka_unit_test(appends),
		cmocka_unit_test(tells_stun_from_others),
		cmocka_unit_test(cuts_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
