#include "sip/uri.h"

#include "base/mem.h"
#include "corpus.h"
#include "sip/param.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void parses_and_refuses(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		enum sip_scheme scheme;
		const char *user;
		const char *host;
		uint16_t port;
	} rows[] = {
		{ "", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:", ERR_SYNTAX, 0, "", "", 0 },
		{ ":x", ERR_SYNTAX, 0, "", "", 0 },
		{ "1sip:x", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:@h", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:a@", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:a@b@c", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:a b@c", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:a%4@c", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:a%zz@c", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h:", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h:x", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h:65536", ERR_LIMIT, 0, "", "", 0 },
		{ "sip:h..x", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:1.2.3", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:1.2.3.256", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:1.2.3.04", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:1.2.3.4.", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:[::1", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:[1.2.3.4]", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:[::1%eth0]", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:[::1]x", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:[:::1]", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h;", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h;;lr", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h;a=", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h;lr;LR", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h?", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h?a", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h?a=b&", ERR_SYNTAX, 0, "", "", 0 },
		{ "sip:h;a=<", ERR_SYNTAX, 0, "", "", 0 },
		{ "tel:", ERR_SYNTAX, 0, "", "", 0 },
		{ "tel:+", ERR_SYNTAX, 0, "", "", 0 },
		{ "tel:+49a", ERR_SYNTAX, 0, "", "", 0 },
		{ "tel:()", ERR_SYNTAX, 0, "", "", 0 },
		{ "http:", ERR_SYNTAX, 0, "", "", 0 },
		{ "http://a b", ERR_SYNTAX, 0, "", "", 0 },
		{ "http://a/?x=%41", ERR_OK, SIP_SCHEME_OTHER, "", "", 0 },
		{ "sip:h", ERR_OK, SIP_SCHEME_SIP, "", "h", 0 },
		{ "SIPS:a@h:1", ERR_OK, SIP_SCHEME_SIPS, "a", "h", 1 },
		{ "sip:a:p@h.example.:5060;lr;x=y?a=b&c=", ERR_OK, SIP_SCHEME_SIP, "a",
		  "h.example.", 5060 },
		{ "sip:[2001:db8::1]:5070", ERR_OK, SIP_SCHEME_SIP, "", "2001:db8::1", 5070 },
		{ "sip:a;p=1?x&y/z@192.0.2.1", ERR_OK, SIP_SCHEME_SIP, "a;p=1?x&y/z", "192.0.2.1",
		  0 },
		{ "sip:_sip.under_score", ERR_OK, SIP_SCHEME_SIP, "", "_sip.under_score", 0 },
		{ "tel:+49-(30)-12.34;ext=5", ERR_OK, SIP_SCHEME_TEL, "+49-(30)-12.34", "", 0 },
		{ "tel:7042;phone-context=example.com", ERR_OK, SIP_SCHEME_TEL, "7042", "", 0 },
		{ "tel:*21#", ERR_OK, SIP_SCHEME_TEL, "*21#", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str in = corpus_copy(str_from(rows[i].in));
		struct sip_uri uri;

		print_message("%s\n", rows[i].in);
		assert_int_equal(sip_uri_parse(&uri, in), rows[i].want);
		if (rows[i].want == ERR_OK) {
			assert_int_equal(uri.scheme, rows[i].scheme);
			assert_true(str_eq(uri.user, str_from(rows[i].user)));
			assert_true(str_eq(uri.host, str_from(rows[i].host)));
			assert_int_equal(uri.port, rows[i].port);
		}
		corpus_free(in);
	}
}

static void compares_by_19_1_4(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		bool want;
	} rows[] = {
		/* The examples of the RFC. */
		{ "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp",
		  true },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true },
		{ "sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true },
		{ "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
		  "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true },
		{ "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
		  "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true },
		{ "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP",
		  false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false },
		{ "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false },
		{ "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off",
		  false },
		/* Ours. */
		{ "sip:a@h", "sips:a@h", false },
		{ "sip:a@h", "sip:h", false },
		{ "sip:a@h", "sip:a:@h", false },
		{ "sip:a@h;maddr=x", "sip:a@h", false },
		{ "sip:a@h;ttl=1", "sip:a@h", false },
		{ "sip:a@h;user=phone", "sip:a@h", false },
		{ "sip:a@h;lr", "sip:a@h", true },
		{ "sip:a%3bb@h", "sip:a;b@h", false },
		{ "sip:a%3bb@h", "sip:a%3Bb@h", true },
		{ "sip:a%00@h", "sip:a@h", false },
		{ "sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0::1]", true },
		{ "sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]", false },
		{ "sip:h?a=b&a=b", "sip:h?a=b", false },
		{ "tel:+49-30-1", "tel:+49(30)1", true },
		{ "tel:+49301", "tel:49301", false },
		{ "tel:+49301;ext=1-2", "tel:+49301;EXT=12", true },
		{ "tel:+49301;ext=1", "tel:+49301", false },
		{ "tel:1;phone-context=+49-30", "tel:1;phone-context=+4930", true },
		{ "tel:1;phone-context=a.EXAMPLE", "tel:1;phone-context=A.example", true },
		{ "tel:1;phone-context=a", "tel:1;phone-context=b", false },
		{ "tel:1a", "tel:1A", true },
		{ "mailto:a@h", "mailto:a@h", true },
		{ "mailto:a@h", "mailto:b@h", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_uri a;
		struct sip_uri b;

		print_message("%s %s\n", rows[i].a, rows[i].b);
		assert_int_equal(sip_uri_parse(&a, str_from(rows[i].a)), ERR_OK);
		assert_int_equal(sip_uri_parse(&b, str_from(rows[i].b)), ERR_OK);
		assert_int_equal(sip_uri_eq(&a, &b), rows[i].want);
		assert_int_equal(sip_uri_eq(&b, &a), rows[i].want);
		assert_true(sip_uri_eq(&a, &a));
	}
}

static void writes_canonical_addresses(void **state)
{
	static const struct {
		const char *in;
		const char *aor;
		const char *number; /* NULL: none */
		bool secure;
		bool port;
		bool is_number;
	} rows[] = {
		{ "sip:Bob@Example.COM.;lr?x=y", "sip:Bob@example.com", NULL, false, false, false },
		{ "sips:%62ob@h:5061", "sip:bob@h", NULL, true, false, false },
		{ "sip:bob@h:5061", "sip:bob@h", NULL, false, true, false },
		{ "sip:a%3bb%40c@h:5060", "sip:a%3Bb%40c@h", NULL, false, false, false },
		{ "sip:a;b:secret@h", "sip:a;b@h", NULL, false, false, false },
		{ "sip:null-%00-null@h", "sip:null-%00-null@h", NULL, false, false, false },
		{ "sip:%C3%a4@h", "sip:%C3%A4@h", NULL, false, false, false },
		{ "sip:H", "sip:h", NULL, false, false, false },
		{ "sip:a@[2001:DB8:0::1]", "sip:a@[2001:db8::1]", NULL, false, false, false },
		{ "sip:+49301@h", "sip:+49301@h", "+49301", false, false, true },
		{ "sip:+49301;ext=5@h", "sip:+49301;ext=5@h", "+49301", false, false, true },
		{ "sip:%2b49301@h", "sip:%2B49301@h", "+49301", false, false, true },
		{ "sip:+49-30-1@h;user=phone", "sip:+49-30-1@h", "+49301", false, false, true },
		{ "sip:+49-30-1@h", "sip:+49-30-1@h", NULL, false, false, false },
		{ "sip:123@h;user=phone", "sip:123@h", NULL, false, false, true },
		{ "sip:+12345678901234567890123456789012@h",
		  "sip:+12345678901234567890123456789012@h", NULL, false, false, false },
		{ "sip:+@h", "sip:+@h", NULL, false, false, false },
		{ "tel:+49-(30).1;ext=5", "tel:+49301", "+49301", false, false, true },
		{ "tel:7-0;phone-context=EXAMPLE.com", "tel:70;phone-context=example.com", NULL,
		  false, false, true },
		{ "tel:7;phone-context=+49-30", "tel:7;phone-context=+4930", NULL, false, false,
		  true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char memory[256];
		struct sip_aor_note note;
		struct sip_uri uri;
		struct buf out;

		print_message("%s\n", rows[i].in);
		assert_int_equal(sip_uri_parse(&uri, str_from(rows[i].in)), ERR_OK);
		buf_wrap(&out, memory, sizeof(memory));
		assert_int_equal(sip_uri_aor(&uri, &out, &note), ERR_OK);
		assert_true(str_eq(buf_view(&out), str_from(rows[i].aor)));
		assert_int_equal(note.secure, rows[i].secure);
		assert_int_equal(note.port, rows[i].port);
		assert_int_equal(note.is_number, rows[i].is_number);
		buf_clear(&out);
		assert_int_equal(sip_uri_number(&uri, &out),
		                 rows[i].number == NULL ? ERR_NOTFOUND : ERR_OK);
		assert_true(str_eq(buf_view(&out), str_from(rows[i].number)));
	}
}

static void finds_parameters(void **state)
{
	struct sip_uri uri;

	(void)state;
	assert_int_equal(sip_uri_parse(&uri, STR("sip:h;transport=TCP;lr;%6daddr=1.2.3.4")),
	                 ERR_OK);
	assert_int_equal(sip_uri_transport(&uri, SIP_TRANSPORT_UDP), SIP_TRANSPORT_TCP);
	assert_true(sip_uri_param_has(&uri, STR("LR")));
	assert_false(sip_uri_param_has(&uri, STR("ob")));
	assert_true(str_eq(sip_uri_param_value(&uri, STR("maddr")), STR("1.2.3.4")));
	assert_int_equal(sip_uri_parse(&uri, STR("sip:h")), ERR_OK);
	assert_int_equal(sip_uri_transport(&uri, SIP_TRANSPORT_UDP), SIP_TRANSPORT_UDP);
}

static void escapes_and_unescapes(void **state)
{
	static const struct {
		const char *plain;
		const char *escaped;
	} rows[] = { { "a b", "a%20b" },
		     { "a%41", "a%2541" },
		     { "a@b;c", "a%40b;c" },
		     { "\xc3\xa4", "%C3%A4" },
		     { "", "" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char memory[64];
		struct buf out;

		buf_wrap(&out, memory, sizeof(memory));
		sip_escape(str_from(rows[i].plain), SIP_C_USER, &out);
		assert_true(str_eq(buf_view(&out), str_from(rows[i].escaped)));
		buf_clear(&out);
		assert_int_equal(sip_unescape(str_from(rows[i].escaped), &out), ERR_OK);
		assert_true(str_eq(buf_view(&out), str_from(rows[i].plain)));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_refuses),         cmocka_unit_test(compares_by_19_1_4),
		cmocka_unit_test(writes_canonical_addresses), cmocka_unit_test(finds_parameters),
		cmocka_unit_test(escapes_and_unescapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
