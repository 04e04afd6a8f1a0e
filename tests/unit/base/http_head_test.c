#include "base/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"

static const struct {
	const char *in;
	unsigned status; /* 0: good */
	const char *method;
	const char *path;
	const char *query;
	bool keep_alive;
	bool has_body;
} cases[] = {
	{ "GET / HTTP/1.1\r\n" HOST "\r\n", 0, "GET", "/", "", true, false },
	{ "\r\n\r\nGET /a?b=%3A%00 HTTP/1.1\r\n" HOST "\r\n", 0, "GET", "/a", "b=%3A%00", true,
	  false },
	{ "GET /a??x HTTP/1.1\n" HOST "\n", 0, "GET", "/a", "?x", true, false },
	{ "HEAD http://h:1/x?y HTTP/1.1\r\n" HOST "\r\n", 0, "HEAD", "/x", "y", true, false },
	{ "GET https://h HTTP/1.1\r\n" HOST "\r\n", 0, "GET", "/", "", true, false },
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, "OPTIONS", "*", "", true, false },
	{ "GET / HTTP/1.0\r\n\r\n", 0, "GET", "/", "", false, false },
	{ "GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n", 0, "GET", "/", "", false,
	  false },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n", 0, "POST", "/", "", false, true },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 0, "GET", "/", "", true, false },
	{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 0, "GET", "/", "", false,
	  true },
	{ "GET / HTTP/1.9\r\n" HOST "\r\n", 0, "GET", "/", "", true, false },
	{ "GET / HTTP/2.0\r\n" HOST "\r\n", 505, "", "", "", false, false },
	{ "GET / HTTP/1.1\r\n\r\n", 400, "", "", "", false, false }, /* no Host */
	{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, "", "", "", false, false },
	{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "", "", "", false, false },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400, "", "", "", false,
	  false }, /* folded */
	{ "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400, "", "", "", false, false },
	{ "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400, "", "", "", false, false },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400, "", "", "", false, false },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400, "", "", "", false, false },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, "", "",
	  "", false, false },
	{ "GET  / HTTP/1.1\r\n" HOST "\r\n", 400, "", "", "", false, false },
	{ "GET /#x HTTP/1.1\r\n" HOST "\r\n", 400, "", "", "", false, false },
	{ "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400, "", "", "", false, false },
	{ "G@T / HTTP/1.1\r\n" HOST "\r\n", 400, "", "", "", false, false },
	{ "GET /\r\n\r\n", 400, "", "", "", false, false },
	{ "\x16\x03\x01\r\n\r\n", 400, "", "", "", false, false }, /* TLS at a plain port */
};

static void reads_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str in = str_from(cases[i].in);
		struct http_head head;
		unsigned status = 1;
		enum err e;

		assert_int_equal(http_head_end(in, 0), in.len);
		for (size_t n = 0; n < in.len; n++)
			assert_int_equal(http_head_end(str_head(in, n), n / 2), 0);
		e = http_head_parse(&head, in, &status);
		if (status != cases[i].status)
			fail_msg("case %zu: %u", i, status);
		assert_int_equal(e == ERR_OK, status == 0);
		if (status != 0) {
			assert_false(head.keep_alive);
			continue;
		}
		assert_true(str_eq(head.method, str_from(cases[i].method)));
		assert_true(str_eq(head.path, str_from(cases[i].path)));
		assert_true(str_eq(head.query, str_from(cases[i].query)));
		assert_int_equal(head.keep_alive, cases[i].keep_alive);
		assert_int_equal(head.has_body, cases[i].has_body);
	}
}

static void limits_fields(void **state)
{
	char memory[16384];
	struct http_head head;
	unsigned status;
	struct str in;
	size_t n = 0;

	(void)state;
	n = (size_t)snprintf(memory, sizeof(memory), "GET / HTTP/1.1\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX + 1; i++)
		n += (size_t)snprintf(memory + n, sizeof(memory) - n, "X%d: y\r\n", i);
	n += (size_t)snprintf(memory + n, sizeof(memory) - n, "\r\n");
	in = str_of(memory, n);
	assert_int_equal(http_head_parse(&head, in, &status), ERR_LIMIT);
	assert_int_equal(status, 431);
	n = (size_t)snprintf(memory, sizeof(memory), "GET /%08200d HTTP/1.1\r\n\r\n", 0);
	assert_int_equal(http_head_parse(&head, str_of(memory, n), &status), ERR_LIMIT);
	assert_int_equal(status, 414);
}

static void finds_fields(void **state)
{
	struct http_head head;
	unsigned status;

	(void)state;
	assert_int_equal(
		http_head_parse(&head, STR("GET / HTTP/1.1\r\nHOST:a\r\nX:  b \t\r\nx: c\r\n\r\n"),
	                        &status),
		ERR_OK);
	assert_true(str_eq(http_head_field(&head, STR("x")), STR("b")));
	assert_true(str_eq(http_head_field(&head, STR("host")), STR("a")));
	assert_true(str_empty(http_head_field(&head, STR("y"))));
	assert_true(http_list_has(STR("a , B,c"), STR("b")));
	assert_false(http_list_has(STR("ab,c"), STR("b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_heads),
		cmocka_unit_test(limits_fields),
		cmocka_unit_test(finds_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
