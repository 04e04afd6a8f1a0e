#include "sip/digest.h"

#include "base/mem.h"
#include "corpus.h"
#include "sip/nonce.h"
#include "sip/param.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The columns of tests/corpus/digest/vectors.tsv. */
enum {
	ID,
	SOURCE,
	ALGORITHM,
	USERNAME,
	REALM,
	PASSWORD,
	METHOD,
	URI,
	NONCE,
	QOP,
	NC,
	CNONCE,
	BODY,
	HA1,
	HA2,
	RESPONSE,
	COLUMNS
};

static enum sip_qop qop_of(struct str s)
{
	if (s.len == 0)
		return SIP_QOP_NONE;
	return str_eq(s, STR("auth")) ? SIP_QOP_AUTH : SIP_QOP_AUTH_INT;
}

static struct str from_hex(struct str hex, char *out)
{
	for (size_t i = 0; i + 1 < hex.len; i += 2) {
		unsigned octet = 0;
		char digits[3] = { hex.p[i], hex.p[i + 1], '\0' };

		assert_int_equal(sscanf(digits, "%2x", &octet), 1);
		out[i / 2] = (char)octet;
	}
	return str_of(out, hex.len / 2);
}

static void assert_hex(const struct sip_hex *got, struct str want)
{
	assert_true(str_eq(sip_hex_str(got), want));
}

/* The credentials as they would arrive, and a request with the vector's method and body. */
static void verify(const struct str col[COLUMNS], struct str ha1, struct str body)
{
	struct sip_msg req = { .is_request = true, .method_name = col[METHOD], .body = body };
	struct sip_credentials c;
	char text[1024];
	char wrong[64];
	int n = snprintf(
		text, sizeof(text),
		"Digest username=\"%.*s\", realm=\"%.*s\", nonce=\"%.*s\", uri=\"%.*s\", response=\"%.*s\", "
		"algorithm=%.*s",
		STR_ARG(col[USERNAME]), STR_ARG(col[REALM]), STR_ARG(col[NONCE]), STR_ARG(col[URI]),
		STR_ARG(col[RESPONSE]), STR_ARG(col[ALGORITHM]));

	if (col[QOP].len > 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", qop=%.*s, nc=%.*s",
		              STR_ARG(col[QOP]), STR_ARG(col[NC]));
	if (col[CNONCE].len > 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", cnonce=\"%.*s\"",
		              STR_ARG(col[CNONCE]));
	assert_int_equal(sip_credentials_parse(&c, str_of(text, (size_t)n)), ERR_OK);
	assert_true(sip_digest_verify(&c, ha1, &req));
	memset(wrong, '0', sizeof(wrong));
	assert_false(sip_digest_verify(&c, str_of(wrong, ha1.len), &req));
	req.method_name = STR("BYE");
	assert_false(sip_digest_verify(&c, ha1, &req));
}

static void check_vector(const struct str col[COLUMNS])
{
	struct sip_digest_input in = { .algorithm = sip_digest_id(col[ALGORITHM]),
		                       .qop = qop_of(col[QOP]),
		                       .method = col[METHOD],
		                       .uri = col[URI],
		                       .nonce = col[NONCE],
		                       .nc = col[NC],
		                       .cnonce = col[CNONCE] };
	struct sip_hex stored;
	struct sip_hex hex;
	char body[64];

	print_message("%.*s\n", STR_ARG(col[ID]));
	in.body = from_hex(col[BODY], body);
	assert_true(
		sip_digest_ha1(in.algorithm, col[USERNAME], col[REALM], col[PASSWORD], &stored));
	in.ha1 = sip_hex_str(&stored);
	assert_true(sip_digest_session(&in, &hex));
	assert_hex(&hex, col[HA1]);
	assert_true(sip_digest_ha2(&in, &hex));
	assert_hex(&hex, col[HA2]);
	assert_true(sip_digest_response(&in, &hex));
	assert_hex(&hex, col[RESPONSE]);
	verify(col, in.ha1, in.body);
}

static unsigned each_row(const char *path, void (*check)(const struct str *col), size_t columns)
{
	struct str file = corpus_read(path);
	struct str rest = file;
	unsigned n = 0;

	(void)str_cut(&rest, '\n');
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		struct str col[32];

		for (size_t i = 0; i < columns; i++)
			col[i] = str_cut(&line, '\t');
		check(col);
		n++;
	}
	corpus_free(file);
	return n;
}

static void computes_every_vector(void **state)
{
	(void)state;
	assert_int_equal(each_row("digest/vectors.tsv", check_vector, COLUMNS), 27);
}

static void check_userhash(const struct str *col)
{
	struct sip_hex hex;

	assert_true(sip_digest_userhash(sip_digest_id(col[0]), col[1], col[2], &hex));
	assert_hex(&hex, col[3]);
}

static void computes_every_userhash(void **state)
{
	(void)state;
	assert_int_equal(each_row("digest/userhash.tsv", check_userhash, 4), 9);
}

/* What corpus/digest/headers.txt says in words, line by line. */
static const struct {
	enum err want;
	bool is_digest;
	enum sip_digest algorithm;
} headers[] = {
	{ ERR_OK, true, SIP_DIGEST_SHA512_256 },
	{ ERR_OK, true, SIP_DIGEST_SHA256 },
	{ ERR_OK, true, SIP_DIGEST_MD5 },
	{ ERR_OK, true, SIP_DIGEST_MD5 },
	{ ERR_OK, true, SIP_DIGEST_MD5 },
	{ ERR_OK, true, SIP_DIGEST_MD5 },
	{ ERR_OK, true, SIP_DIGEST_MD5 },
	{ ERR_OK, true, SIP_DIGEST_MD5 },
	{ ERR_SYNTAX, true, SIP_DIGEST_MD5 }, /* username twice */
	{ ERR_OK, true, SIP_DIGEST_MD5 },     /* response too short: verification says no */
	{ ERR_SYNTAX, true, SIP_DIGEST_MD5 }, /* quotes not closed */
	{ ERR_SYNTAX, true, SIP_DIGEST_MD5 }, /* nothing in it */
	{ ERR_OK, false, SIP_DIGEST_MD5 },
	{ ERR_OK, false, SIP_DIGEST_MD5 },
	{ ERR_OK, true, SIP_DIGEST_OTHER },
	{ ERR_SYNTAX, true, SIP_DIGEST_MD5 }, /* nc not hex */
	{ ERR_SYNTAX, true, SIP_DIGEST_MD5 }, /* qop without nc */
	{ ERR_OK, true, SIP_DIGEST_MD5 },
};

static void check_header(struct str name, struct str value, size_t i)
{
	struct sip_msg req = { .is_request = true, .method_name = STR_INIT("REGISTER") };
	struct sip_credentials c;
	struct sip_challenge challenge;
	struct str copy = corpus_copy(value);

	if (str_ends_nocase(name, STR("Authenticate"))) {
		assert_int_equal(sip_challenge_parse(&challenge, copy), headers[i].want);
		assert_int_equal(challenge.algorithm, headers[i].algorithm);
		assert_true(challenge.qop_auth);
	} else {
		assert_int_equal(sip_credentials_parse(&c, copy), headers[i].want);
		assert_int_equal(c.is_digest, headers[i].is_digest);
		if (headers[i].want == ERR_OK && c.is_digest) {
			assert_int_equal(c.algorithm, headers[i].algorithm);
			assert_false(sip_digest_verify(&c, STR("00000000000000000000000000000000"),
			                               &req));
		}
	}
	corpus_free(copy);
}

static void takes_each_header_as_its_note_says(void **state)
{
	struct str file = corpus_read("digest/headers.txt");
	struct str rest = file;
	size_t n = 0;

	(void)state;
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		struct str field;
		struct str name;

		if (line.len == 0 || line.p[0] == '#')
			continue;
		field = str_cut(&line, '\t');
		name = str_cut(&field, ':');
		print_message("%zu %.*s\n", n, STR_ARG(field));
		assert_true(n < COUNT_OF(headers));
		check_header(name, str_trim(field), n++);
	}
	assert_int_equal(n, COUNT_OF(headers));
	corpus_free(file);
}

static void unquotes_names(void **state)
{
	struct sip_credentials c;

	(void)state;
	assert_int_equal(sip_credentials_parse(
				 &c,
				 STR("Digest username=\"a\\\"b\", realm=\"x\\\\y\", nonce=\"n\", "
	                             "uri=\"sip:x\", response=\"0\"")),
	                 ERR_OK);
	assert_true(sip_quoted_eq(c.username, STR("a\"b")));
	assert_true(sip_quoted_eq(c.realm, STR("x\\y")));
	assert_false(sip_quoted_eq(c.realm, STR("x\\\\y")));
	assert_false(sip_quoted_eq(c.realm, STR("x")));
}

static void a_client_convinces_a_server(void **state)
{
	(void)state;
	for (unsigned a = SIP_DIGEST_OTHER + 1; a < SIP_DIGEST_COUNT; a++) {
		struct sip_answer answer = { .user = STR_INIT("b\"ob"),
			                     .password = STR_INIT("secret"),
			                     .method = STR_INIT("REGISTER"),
			                     .uri = STR_INIT("sip:x.example"),
			                     .cnonce = STR_INIT("c0"),
			                     .nc = 0xab };
		struct sip_msg req = { .is_request = true, .method_name = STR_INIT("REGISTER") };
		char memory[2][1024];
		struct buf challenge_text;
		struct buf text;
		struct sip_challenge challenge;
		struct sip_credentials c;
		struct sip_hex ha1;

		buf_wrap(&challenge_text, memory[0], sizeof(memory[0]));
		buf_wrap(&text, memory[1], sizeof(memory[1]));
		sip_challenge_write(&challenge_text, STR("x \"y\""), STR("n0"), (enum sip_digest)a,
		                    true);
		assert_int_equal(sip_challenge_parse(&challenge, buf_view(&challenge_text)),
		                 ERR_OK);
		assert_true(challenge.stale);
		assert_int_equal(sip_answer_write(&text, &challenge, &answer), ERR_OK);
		assert_int_equal(sip_credentials_parse(&c, buf_view(&text)), ERR_OK);
		assert_int_equal(c.nc, 0xab);
		assert_true(sip_digest_ha1((enum sip_digest)a, answer.user, STR("x \"y\""),
		                           answer.password, &ha1));
		assert_true(sip_digest_verify(&c, sip_hex_str(&ha1), &req));
	}
}

static void finds_credentials_of_its_realm(void **state)
{
	static const char text[] =
		"REGISTER sip:b SIP/2.0\r\n"
		"Authorization: Basic Ym9iOnphbnppYmFy\r\n"
		"Authorization: Digest username=\"a\",realm=\"x\",nonce=\"1\",uri=\"s\",response=\"0\"\r\n"
		"Authorization: Digest username=\"b\",realm=\"y\",nonce=\"2\",uri=\"s\",response=\"0\"\r\n"
		"\r\n";
	const struct sip_header *at = NULL;
	struct sip_credentials c;
	struct sip_fault fault;
	struct sip_msg msg;

	(void)state;
	assert_int_equal(sip_parse(&msg, str_from(text), &fault), ERR_OK);
	assert_int_equal(sip_credentials_next(&c, &msg, SIP_H_AUTHORIZATION, STR("y"), &at),
	                 ERR_OK);
	assert_true(str_eq(c.nonce, STR("2")));
	assert_int_equal(sip_credentials_next(&c, &msg, SIP_H_AUTHORIZATION, STR("y"), &at),
	                 ERR_NOTFOUND);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(computes_every_vector),
		cmocka_unit_test(computes_every_userhash),
		cmocka_unit_test(takes_each_header_as_its_note_says),
		cmocka_unit_test(unquotes_names),
		cmocka_unit_test(a_client_convinces_a_server),
		cmocka_unit_test(finds_credentials_of_its_realm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
