#include "gateway/ua_args.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define WORDS_MAX 24

/* Parse a line of words. */
static enum err parse(struct ua_args *a, const char *line, struct buf *why)
{
	static char memory[4096]; /* what is parsed points there */
	char *words[WORDS_MAX + 1] = { NULL };
	int count = 0;

	(void)snprintf(memory, sizeof(memory), "%s", line);
	for (char *word = strtok(memory, " "); word != NULL && count < WORDS_MAX;
	     word = strtok(NULL, " "))
		words[count++] = word;
	return ua_args_parse(a, count, words, why);
}

static void says_who_and_where(void **state)
{
	static const struct {
		const char *line;
		const char *uri;
		const char *identity;
		const char *name;
		const char *proxy;
		bool registers;
	} rows[] = {
		{ "call sip:bob@beta.example", "sip:bob@beta.example", "", "", "", false },
		{ "call bob@beta.example", "sip:bob@beta.example", "", "", "", false },
		{ "call beta.example", "sip:beta.example", "", "", "", false },
		{ "call --user alice@alpha.example bob@beta.example", "sip:bob@beta.example",
		  "sip:alice@alpha.example", "alice", "", true },
		{ "call bob@beta.example --user alice", "sip:bob@beta.example",
		  "sip:alice@beta.example", "alice", "", true },
		{ "call bob@[2001:db8::1]:5070 --user alice", "sip:bob@[2001:db8::1]:5070",
		  "sip:alice@[2001:db8::1]", "alice", "", true },
		{ "call +49301 --user alice@alpha.example", "sip:+49301@alpha.example;user=phone",
		  "sip:alice@alpha.example", "alice", "", true },
		{ "call +49301 --proxy 127.0.0.1:5062", "tel:+49301", "", "",
		  "sip:127.0.0.1:5062;lr", true },
		{ "call tel:+49301 --proxy sip:p.example;transport=tcp", "tel:+49301", "", "",
		  "sip:p.example;transport=tcp;lr", true },
		{ "call x@y --proxy p.example;lr", "sip:x@y", "", "", "sip:p.example;lr", true },
		{ "answer sip:bob@beta.example", "sip:bob@beta.example", "sip:bob@beta.example",
		  "bob", "", false },
		{ "answer bob@beta.example --password s", "sip:bob@beta.example",
		  "sip:bob@beta.example", "bob", "", true },
		{ "register bob@beta.example --user robert --password s", "sip:bob@beta.example",
		  "sip:bob@beta.example", "robert", "", true },
		{ "register bob@beta.example --user carol@beta.example", "sip:bob@beta.example",
		  "sip:carol@beta.example", "carol", "", true },
		{ "options 127.0.0.1", "sip:127.0.0.1", "", "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ua_args a;
		struct buf why;

		buf_init(&why, 1024);
		print_message("%s\n", rows[i].line);
		assert_int_equal(parse(&a, rows[i].line, &why), ERR_OK);
		assert_true(str_eq(a.uri, str_from(rows[i].uri)));
		assert_true(str_eq(a.identity, str_from(rows[i].identity)));
		assert_true(str_eq(a.name, str_from(rows[i].name)));
		assert_true(str_eq(a.proxy, str_from(rows[i].proxy)));
		assert_int_equal(a.registers, rows[i].registers);
		buf_fini(&why);
	}
}

static void refuses_what_it_cannot_do(void **state)
{
	static const char *const rows[] = {
		"dial bob@beta.example",
		"call",
		"call a@b c@d",
		"call a@b --nonsense",
		"call a@b --expires",
		"call a@b --expires soon",
		"call a@b --expires -1",
		"call a@b --count 99999999999",
		"call a@b --ring 1x",
		"call a@b --listen 127.0.0.1:1",
		"call a@b --listen tls://127.0.0.1:1",
		"call a@b --listen udp://name:1",
		"call a@b --resolver name",
		"call a@b --proxy sips:p.example",
		"call a@b --proxy a..b",
		"call a@b --user sips:x@y",
		"call a@b --user @y",
		"call sips:a@b",
		"call +49301",
		"call tel:+49301",
		"call sip:a..b",
		"register beta.example",
		"register tel:+49301 --proxy p",
		"answer sips:bob@beta.example",
		("call a@b --listen udp://[::1]:1 --listen udp://[::1]:2 --listen udp://[::1]:3 "
		 "--listen udp://[::1]:4 --listen udp://[::1]:5 --listen udp://[::1]:6 "
		 "--listen udp://[::1]:7 --listen udp://[::1]:8 --listen udp://[::1]:9"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ua_args a;
		struct buf why;

		buf_init(&why, 4096);
		print_message("%s\n", rows[i]);
		assert_int_not_equal(parse(&a, rows[i], &why), ERR_OK);
		buf_fini(&why);
	}
}

static void takes_options(void **state)
{
	struct ua_args a;
	struct buf why;

	(void)state;
	buf_init(&why, 1024);
	assert_int_equal(
		parse(&a,
	              "answer bob@b --listen udp://127.0.0.1:0 --listen tcp://[::1]:5070 --resolver 127.0.0.9:5353 --resolver ::1 -f lotse.yaml "
	              "--expires 60 --count 3 --ring 0.25 --duration 2m --json",
	              &why),
		ERR_OK);
	assert_int_equal(a.listen_count, 2);
	assert_int_equal(a.listen[0].kind, SIP_LISTEN_UDP);
	assert_int_equal(addr_port(&a.listen[0].addr), 0);
	assert_int_equal(a.listen[1].kind, SIP_LISTEN_TCP);
	assert_int_equal(addr_port(&a.listen[1].addr), 5070);
	assert_int_equal(a.server_count, 2);
	assert_int_equal(addr_port(&a.servers[0]), 5353);
	assert_int_equal(addr_port(&a.servers[1]), 53);
	assert_string_equal(a.file, "lotse.yaml");
	assert_int_equal(a.expires, 60);
	assert_int_equal(a.count, 3);
	assert_int_equal(a.ring_ms, 250);
	assert_int_equal(a.duration_ms, 120000);
	assert_true(a.json);
	assert_int_equal(parse(&a, "call --help", &why), ERR_OK);
	assert_true(a.help);
	assert_int_equal(parse(&a, "call bob@b", &why), ERR_OK);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.duration_ms, UA_CALL_MS);
	assert_int_equal(parse(&a, "answer bob@b", &why), ERR_OK);
	assert_int_equal(a.count, 0);
	assert_true(a.duration_ms == UA_FOREVER);
	assert_int_equal(a.ring_ms, 0);
	buf_fini(&why);
}

static void reads_durations(void **state)
{
	static const struct {
		const char *text;
		enum err want;
		int64_t ms;
	} rows[] = {
		{ "0", ERR_OK, 0 },
		{ "5", ERR_OK, 5000 },
		{ "0.5", ERR_OK, 500 },
		{ "1.25s", ERR_OK, 1250 },
		{ "0.0009", ERR_OK, 0 },
		{ "250ms", ERR_OK, 250 },
		{ "2m", ERR_OK, 120000 },
		{ "1H", ERR_OK, 3600000 },
		{ "8784h", ERR_OK, 31622400000 },
		{ "8785h", ERR_LIMIT, 0 },
		{ "", ERR_SYNTAX, 0 },
		{ "s", ERR_SYNTAX, 0 },
		{ ".5", ERR_SYNTAX, 0 },
		{ "5.", ERR_SYNTAX, 0 },
		{ "1.2.3", ERR_SYNTAX, 0 },
		{ "-1", ERR_SYNTAX, 0 },
		{ "1.2x", ERR_SYNTAX, 0 },
		{ "1d", ERR_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t ms = -1;

		print_message("%s\n", rows[i].text);
		assert_int_equal(ua_duration_parse(str_from(rows[i].text), &ms), rows[i].want);
		if (rows[i].want == ERR_OK)
			assert_true(ms == rows[i].ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_who_and_where),
		cmocka_unit_test(refuses_what_it_cannot_do),
		cmocka_unit_test(takes_options),
		cmocka_unit_test(reads_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
