#include "sip/header.h"

#include "base/mem.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* A row whose slot is wrong is not found: the name printed last, and slot_of() in sip/header.c, say which slot it needs. */
static void finds_every_row_in_any_case(void **state)
{
	(void)state;
	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_COUNT; id++) {
		struct str name = sip_header_name((enum sip_header_id)id);
		char compact = sip_header_compact((enum sip_header_id)id);
		char upper[64];
		char lower[64];

		print_message("%.*s\n", STR_ARG(name));
		for (size_t i = 0; i < name.len; i++) {
			upper[i] = (char)toupper((unsigned char)name.p[i]);
			lower[i] = (char)tolower((unsigned char)name.p[i]);
		}
		assert_int_equal(sip_header_id(name), id);
		assert_int_equal(sip_header_id(str_of(upper, name.len)), id);
		assert_int_equal(sip_header_id(str_of(lower, name.len)), id);
		if (compact != 0)
			assert_int_equal(sip_header_id(str_of(&compact, 1)), id);
	}
}

static void knows_no_others(void **state)
{
	static const char *const names[] = { "",          "z",        "Z",    "\x80",
		                             "\xff",      "Vi",       "Viaa", "Call_ID",
		                             "X-Call-ID", "Contact-", "-" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_int_equal(sip_header_id(str_from(names[i])), SIP_H_OTHER);
}

static void knows_flags(void **state)
{
	(void)state;
	assert_true(sip_header_is_list(SIP_H_VIA));
	assert_false(sip_header_is_list(SIP_H_AUTHORIZATION));
	assert_true(sip_header_is_once(SIP_H_CSEQ));
	assert_false(sip_header_is_once(SIP_H_OTHER));
}

static void methods_are_case_sensitive(void **state)
{
	(void)state;
	for (unsigned i = SIP_OTHER + 1; i < SIP_METHOD_COUNT; i++)
		assert_int_equal(sip_method_id(sip_method_name((enum sip_method)i)), i);
	assert_int_equal(sip_method_id(STR("invite")), SIP_OTHER);
	assert_int_equal(sip_method_id(STR("INVITES")), SIP_OTHER);
	assert_int_equal(sip_method_id(STR_NONE), SIP_OTHER);
}

static void transports_are_not(void **state)
{
	(void)state;
	assert_int_equal(sip_transport_id(STR("tls")), SIP_TRANSPORT_TLS);
	assert_int_equal(sip_transport_port(SIP_TRANSPORT_TLS), 5061);
	assert_true(sip_transport_is_secure(SIP_TRANSPORT_WSS));
	assert_false(sip_transport_is_reliable(SIP_TRANSPORT_UDP));
	assert_int_equal(sip_transport_id(STR("UNKNOWN")), SIP_TRANSPORT_OTHER);
}

static void every_status_has_a_phrase(void **state)
{
	(void)state;
	for (unsigned status = 0; status < 1000; status++)
		assert_true(sip_reason_phrase(status).len > 0);
	assert_true(str_eq(sip_reason_phrase(486), STR("Busy Here")));
	assert_true(str_eq(sip_reason_phrase(499), STR("Bad Request")));
	assert_true(str_eq(sip_reason_phrase(299), STR("OK")));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_every_row_in_any_case),
		cmocka_unit_test(knows_no_others),
		cmocka_unit_test(knows_flags),
		cmocka_unit_test(methods_are_case_sensitive),
		cmocka_unit_test(transports_are_not),
		cmocka_unit_test(every_status_has_a_phrase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
