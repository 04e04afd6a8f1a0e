#include "sip/frame.h"

#include "base/mem.h"
#include "corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MESSAGE "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nContent-Length: 3\r\n\r\nabc"
#define EMPTY "OPTIONS sip:a SIP/2.0\r\nl :\r\n 0\r\n\r\n"

static void says_what_stands_at_the_front(void **state)
{
	static const struct {
		const char *in;
		enum sip_frame_kind kind;
		size_t len;
		unsigned status;
	} rows[] = {
		{ "", SIP_FRAME_MORE, 1, 0 },
		{ "\r", SIP_FRAME_MORE, 1, 0 },
		{ "\r\n", SIP_FRAME_MORE, 2, 0 },
		{ "\r\n\r", SIP_FRAME_MORE, 1, 0 },
		{ "\r\n\r\n", SIP_FRAME_PING, 4, 0 },
		{ "\r\nO", SIP_FRAME_SKIP, 2, 0 },
		{ "\n", SIP_FRAME_BAD, 0, 0 },
		{ "\rX", SIP_FRAME_BAD, 0, 0 },
		{ "O", SIP_FRAME_MORE, 1, 0 },
		{ MESSAGE, SIP_FRAME_MESSAGE, sizeof(MESSAGE) - 1, 0 },
		{ MESSAGE EMPTY, SIP_FRAME_MESSAGE, sizeof(MESSAGE) - 1, 0 },
		{ EMPTY MESSAGE, SIP_FRAME_MESSAGE, sizeof(EMPTY) - 1, 0 },
		{ "GARBAGE\r\n\r\n", SIP_FRAME_BAD, 11, 0 },
		{ "OPTIONS sip:a SIP/2.0\r\n\r\n", SIP_FRAME_BAD, 25, 400 },
		{ "OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n", SIP_FRAME_BAD, 32, 400 },
		{ "OPTIONS sip:a SIP/2.0\r\nl: 1\r\nl: 1\r\n\r\n", SIP_FRAME_BAD, 37, 400 },
		{ "OPTIONS sip:a SIP/2.0\r\nl: 99999\r\n\r\n", SIP_FRAME_BAD, 35, 513 },
		{ "OPTIONS sip:a SIP/2.0\r\nl: 99999999999\r\n\r\n", SIP_FRAME_BAD, 41, 400 },
		{ "OPTIONS sip:a SIP/2.0\r\nl: 5\r\n\r\nab", SIP_FRAME_MORE, 3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = corpus_copy(str_from(rows[i].in));
		struct sip_framer f;
		struct sip_frame frame;

		print_message("%s\n", rows[i].in);
		sip_framer_init(&f);
		frame = sip_framer_next(&f, in);
		assert_int_equal(frame.kind, rows[i].kind);
		assert_int_equal(frame.len, rows[i].len);
		assert_int_equal(frame.fault.status, rows[i].status);
		corpus_free(in);
	}
}

static void finds_the_same_however_it_comes(void **state)
{
	static const char stream[] = "\r\n\r\n\r\n" MESSAGE "\r\n\r\n" EMPTY EMPTY "\r\n" MESSAGE;
	static const size_t steps[] = { 1, 2, 3, 7, 64, sizeof(stream) };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		unsigned kinds[5] = { 0 };
		struct sip_framer f;
		size_t start = 0;
		size_t end = 0;

		sip_framer_init(&f);
		while (start < sizeof(stream) - 1) {
			struct sip_frame frame =
				sip_framer_next(&f, str_of(stream + start, end - start));

			kinds[frame.kind]++;
			assert_int_not_equal(frame.kind, SIP_FRAME_BAD);
			if (frame.kind != SIP_FRAME_MORE)
				start += frame.len;
			else
				end = end + steps[i] < sizeof(stream) - 1 ? end + steps[i]
				                                          : sizeof(stream) - 1;
		}
		assert_int_equal(kinds[SIP_FRAME_MESSAGE], 4);
		assert_int_equal(kinds[SIP_FRAME_PING], 2);
		assert_int_equal(kinds[SIP_FRAME_SKIP], 2);
	}
}

static void bounds_the_header_section(void **state)
{
	char *endless = malloc(SIP_HEAD_MAX + 1);
	struct sip_frame frame;
	struct sip_framer f;
	size_t len = 0;

	(void)state;
	assert_non_null(endless);
	memset(endless, 'a', SIP_HEAD_MAX + 1);
	sip_framer_init(&f);
	do {
		frame = sip_framer_next(&f, str_of(endless, ++len));
	} while (frame.kind == SIP_FRAME_MORE);
	assert_int_equal(frame.kind, SIP_FRAME_BAD);
	assert_int_equal(frame.fault.status, 513);
	assert_int_equal(len, SIP_HEAD_MAX + 1);
	free(endless);
}

/* RFC 4475 3.1.2.2: over TCP the rest is waited for. 3.1.2.3, 3.3.9: the stream can't be followed. */
static void takes_the_torture_messages_on_a_stream(void **state)
{
	static const struct {
		const char *file;
		enum sip_frame_kind kind;
		unsigned status;
	} rows[] = {
		{ "rfc4475/clerr.dat", SIP_FRAME_MORE, 0 },
		{ "rfc4475/ncl.dat", SIP_FRAME_BAD, 400 },
		{ "rfc4475/mcl01.dat", SIP_FRAME_BAD, 400 },
		{ "rfc4475/mpart01.dat", SIP_FRAME_MESSAGE, 0 },
		{ "rfc4475/dblreq.dat", SIP_FRAME_MESSAGE, 0 },
		{ "rfc4475/wsinv.dat", SIP_FRAME_MESSAGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str file = corpus_read(rows[i].file);
		struct sip_framer f;
		struct sip_frame frame;

		sip_framer_init(&f);
		frame = sip_framer_next(&f, file);
		print_message("%s\n", rows[i].file);
		assert_int_equal(frame.kind, rows[i].kind);
		assert_int_equal(frame.fault.status, rows[i].status);
		corpus_free(file);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_stands_at_the_front),
		cmocka_unit_test(finds_the_same_however_it_comes),
		cmocka_unit_test(bounds_the_header_section),
		cmocka_unit_test(takes_the_torture_messages_on_a_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
