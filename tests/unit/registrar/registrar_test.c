/* The whole registrar, through its door, on one loop. */
#include "tests/unit/registrar/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ALICE "sip:alice@alpha.example"

static int open_scene(void **state)
{
	struct scene *s = malloc(sizeof(*s));

	assert_non_null(s);
	scene_init(s);
	scene_open(s);
	*state = s;
	return 0;
}

static int close_scene(void **state)
{
	scene_fini(*state);
	free(*state);
	return 0;
}

static void reopen(struct scene *s)
{
	scene_close(s);
	scene_open(s);
}

static void what_is_bound_is_found(void **state)
{
	struct scene *s = *state;

	assert_int_equal(scene_look(s, ALICE), REG_NOBODY);
	assert_int_equal(scene_bind(s, ALICE, "sip:alice@192.0.2.1", "a", 1, 600), 200);
	assert_string_equal(s->text, "sip:alice@192.0.2.1 1000 600");
	assert_int_equal(scene_look(s, ALICE), REG_FOUND);
	assert_string_equal(s->text, "sip:alice@192.0.2.1 1000 600");
	reopen(s);
	assert_int_equal(scene_look(s, ALICE), REG_FOUND);
	assert_string_equal(s->text, "sip:alice@192.0.2.1 1000 600");
	/* At the second. */
	s->now = wall_add_s(s->now, 599);
	assert_int_equal(scene_look(s, ALICE), REG_FOUND);
	s->now = wall_add_s(s->now, 1);
	assert_int_equal(scene_look(s, ALICE), REG_NOBODY);
}

static void an_account_tells_absent_from_nobody(void **state)
{
	struct scene *s = *state;

	assert_int_equal(scene_account(s, REG_ACCOUNT_ADD, "alice@alpha.example"), ERR_OK);
	assert_int_equal(scene_look(s, ALICE), REG_ABSENT);
	assert_int_equal(scene_look(s, "sip:bob@alpha.example"), REG_NOBODY);
	assert_int_equal(scene_look(s, "sip:alpha.example"), REG_NOBODY);
	assert_int_equal(scene_look(s, "tel:+4930123"), REG_NOBODY);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 1, 600), 200);
	assert_int_equal(scene_look(s, ALICE), REG_FOUND);
	s->now = wall_add_s(s->now, 600);
	assert_int_equal(scene_look(s, ALICE), REG_ABSENT);
}

static void an_account_goes_with_its_bindings(void **state)
{
	struct scene *s = *state;
	struct reg_counts counts;

	assert_int_equal(scene_account(s, REG_ACCOUNT_ADD, "alice@alpha.example"), ERR_OK);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 1, 600), 200);
	registrar_counts(s->reg, &counts);
	assert_int_equal(counts.accounts, 1);
	assert_int_equal(counts.addresses, 1);
	assert_int_equal(scene_account(s, REG_ACCOUNT_REMOVE, "alice@alpha.example"), ERR_OK);
	assert_int_equal(scene_look(s, ALICE), REG_NOBODY);
	registrar_counts(s->reg, &counts);
	assert_int_equal(counts.accounts, 0);
	assert_int_equal(counts.addresses, 0);
}

static void the_same_request_again_is_answered(void **state)
{
	struct scene *s = *state;

	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 7, 600), 200);
	reopen(s);
	s->now = wall_add_s(s->now, 10);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 7, 600), 200);
	assert_string_equal(s->text, "sip:a@192.0.2.1 1000 590");
	/* Each part of it counts. */
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 7, 601), 500);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 7, -1), 500);
	assert_int_equal(scene_bind(s, ALICE, "sip:b@192.0.2.1", "a", 7, 600), 500);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 6, 600), 500);
	assert_int_equal(scene_look(s, ALICE), REG_FOUND);
	assert_string_equal(s->text, "sip:a@192.0.2.1 1000 590");
}

static void refusals_say_why(void **state)
{
	struct scene *s = *state;
	struct reg_limits narrow = { 100, 200, 300, 1 };
	char aor[REG_AOR_MAX + 2];

	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 1, 30), 423);
	assert_int_equal(s->min_expires_s, 60);
	memset(aor, 'x', sizeof(aor));
	aor[sizeof(aor) - 1] = '\0';
	assert_int_equal(scene_bind(s, aor, "sip:a@192.0.2.1", "a", 1, 600), 400);
	assert_string_equal(s->reason, "Address Of Record Too Long");
	aor[REG_AOR_MAX] = '\0';
	assert_int_equal(scene_bind(s, aor, "sip:a@192.0.2.1", "a", 1, 600), 200);
	assert_int_equal(scene_look(s, aor), REG_FOUND);
	registrar_configure(s->reg, &narrow);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 1, 99), 423);
	assert_int_equal(s->min_expires_s, 100);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 1, -1), 200);
	assert_string_equal(s->text, "sip:a@192.0.2.1 1000 200");
	assert_int_equal(scene_bind(s, ALICE, "sip:b@192.0.2.1", "b", 1, -1), 403);
	assert_string_equal(s->reason, "Too Many Contacts");
}

static void all_go_and_a_query_sees_it(void **state)
{
	struct scene *s = *state;
	struct reg_request asked;

	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 1, 600), 200);
	s->now = wall_add_s(s->now, 1);
	assert_int_equal(scene_bind(s, ALICE, "sip:b@192.0.2.1", "b", 1, 600), 200);
	asked = scene_request(ALICE, "q", 1, s->now);
	assert_int_equal(scene_ask(s, &asked), 200);
	assert_string_equal(s->text, "sip:b@192.0.2.1 1000 600, sip:a@192.0.2.1 1000 599");
	asked.star = true;
	asked.has_expires = true;
	assert_int_equal(scene_ask(s, &asked), 200);
	assert_int_equal(s->count, 0);
	assert_int_equal(scene_look(s, ALICE), REG_NOBODY);
}

/* More than the request's own room holds: other devices' bindings are long. */
static void long_answers_are_whole(void **state)
{
	struct scene *s = *state;
	struct reg_limits wide = { 60, 3600, 7200, 100 };
	static struct reg_contact contacts[REG_CONTACTS_MAX];
	static char texts[REG_CONTACTS_MAX][REG_URI_MAX];
	struct reg_request asked;

	registrar_configure(s->reg, &wide);
	for (size_t i = 0; i < REG_CONTACTS_MAX; i++) {
		memset(texts[i], 'x', REG_URI_MAX);
		contacts[i].uri = str_of(texts[i], REG_URI_MAX);
		(void)snprintf(texts[i], 32, "sip:%zu@", i);
		texts[i][strlen(texts[i])] = 'h';
	}
	asked = scene_request(ALICE, "a", 1, s->now);
	asked.contacts = contacts;
	asked.contact_count = REG_CONTACTS_MAX;
	assert_int_equal(scene_ask(s, &asked), 200);
	asked = scene_request(ALICE, "q", 1, s->now);
	assert_int_equal(scene_ask(s, &asked), 200);
	assert_int_equal(s->count, REG_CONTACTS_MAX);
	/* An arena of no more than that can't take it. */
	arena_fini(&s->arena);
	{
		struct reg_bindings found;
		enum reg_known known;

		assert_int_equal(reg_lookup(s->reader, STR(ALICE), s->now, &s->arena, &known,
		                            &found),
		                 ERR_NOMEM);
	}
}

static void everything_comes_back(void **state)
{
	struct scene *s = *state;
	struct reg_contact contact = { STR("sip:a@h"),     700,        true, 600, STR("<urn:x>"), 3,
		                       STR("INVITE, BYE"), STR(";x=1") };
	struct reg_request asked = scene_request(ALICE, "a", 5, s->now);
	struct reg_bindings found;
	struct reg_binding *b;
	enum reg_known known;

	asked.contacts = &contact;
	asked.contact_count = 1;
	asked.source.connection = 77;
	asked.source.boot = 78;
	asked.source.transport = SIP_TRANSPORT_TCP;
	assert_int_equal(scene_ask(s, &asked), 200);
	assert_int_equal(reg_lookup(s->reader, STR(ALICE), s->now, &s->arena, &known, &found),
	                 ERR_OK);
	assert_int_equal(found.count, 1);
	b = &found.items[0];
	assert_true(str_eq(b->uri, contact.uri) && str_eq(b->instance, contact.instance));
	assert_true(str_eq(b->methods, contact.methods) && str_eq(b->params, contact.params));
	assert_true(str_eq(b->call_id, STR("a")) && str_eq(b->user_agent, STR("test")));
	assert_int_equal(b->q, 700);
	assert_int_equal(b->cseq, 5);
	assert_int_equal(b->reg_id, 3);
	assert_int_equal(b->registered.ms, s->now.ms);
	assert_int_equal(b->source.connection, 77);
	assert_int_equal(b->source.boot, 78);
	assert_int_equal(b->source.transport, SIP_TRANSPORT_TCP);
	assert_true(addr_eq(&b->source.remote, &asked.source.remote));
	assert_true(addr_eq(&b->source.local, &asked.source.local));
}

/* ---------------------------------------------------------------------------- walks */

struct seen {
	char last[64];
	size_t count;
	size_t bindings;
	size_t stop_at;
};

static bool see(void *arg, struct str aor, const struct reg_bindings *bindings)
{
	struct seen *seen = arg;
	char text[64];

	assert_int_equal(str_to_z(aor, text, sizeof(text)), ERR_OK);
	assert_true(strcmp(seen->last, text) < 0);
	(void)snprintf(seen->last, sizeof(seen->last), "%s", text);
	seen->count++;
	seen->bindings += bindings->count;
	return seen->count != seen->stop_at;
}

static void a_walk_sees_all_once(void **state)
{
	struct scene *s = *state;
	struct seen seen = { 0 };
	bool more = true;
	size_t calls = 0;

	assert_int_equal(reg_walk(s->reader, STR_NONE, 10, s->now, see, &seen, &more), ERR_OK);
	assert_false(more);
	for (size_t i = 0; i < 25; i++) {
		char aor[64];

		(void)snprintf(aor, sizeof(aor), "sip:%02zu@alpha.example", i);
		assert_int_equal(scene_bind(s, aor, "sip:a@192.0.2.1", "a", 1, i < 5 ? 60 : 600),
		                 200);
	}
	s->now = wall_add_s(s->now, 60);
	for (more = true; more; calls++)
		assert_int_equal(reg_walk(s->reader, str_from(seen.last), 10, s->now, see, &seen,
		                          &more),
		                 ERR_OK);
	assert_int_equal(calls, 3);
	assert_int_equal(seen.count, 25);
	assert_int_equal(seen.bindings, 20);
	seen = (struct seen){ .stop_at = 7 };
	assert_int_equal(reg_walk(s->reader, STR_NONE, 10, s->now, see, &seen, &more), ERR_OK);
	assert_true(more);
	assert_int_equal(seen.count, 7);
}

static bool see_account(void *arg, const struct reg_account *account)
{
	struct buf *text = arg;

	buf_printf(text, "%.*s%s ", STR_ARG(account->address), account->disabled ? "!" : "");
	return true;
}

static struct reg_account_change change(enum reg_account_op op, const char *address)
{
	struct reg_account_change c = { .op = op };

	c.account.address = str_from(address);
	c.account.realm = STR("r");
	c.account.disabled = op == REG_ACCOUNT_SET;
	return c;
}

static void assert_accounts(struct scene *s, const char *want)
{
	char memory[512];
	struct buf text;
	bool more;

	buf_wrap(&text, memory, sizeof(memory));
	assert_int_equal(reg_account_walk(s->reader, STR_NONE, 100, see_account, &text, &more),
	                 ERR_OK);
	assert_false(more);
	assert_string_equal(buf_cstr(&text), want);
}

static void accounts_change_all_or_none(void **state)
{
	static const struct {
		struct {
			enum reg_account_op op;
			const char *address;
		} changes[4];
		enum err want;
		size_t index;
		const char *then;
	} rows[] = {
		{ { { REG_ACCOUNT_ADD, "b@x" }, { REG_ACCOUNT_ADD, "a@x" } },
		  ERR_OK,
		  0,
		  "a@x b@x " },
		{ { { REG_ACCOUNT_ADD, "c@x" }, { REG_ACCOUNT_ADD, "a@x" } },
		  ERR_EXISTS,
		  1,
		  "a@x b@x " },
		{ { { REG_ACCOUNT_ADD, "c@x" }, { REG_ACCOUNT_ADD, "c@x" } },
		  ERR_EXISTS,
		  1,
		  "a@x b@x " },
		{ { { REG_ACCOUNT_SET, "a@x" }, { REG_ACCOUNT_SET, "c@x" } },
		  ERR_NOTFOUND,
		  1,
		  "a@x b@x " },
		{ { { REG_ACCOUNT_REMOVE, "a@x" }, { REG_ACCOUNT_REMOVE, "a@x" } },
		  ERR_NOTFOUND,
		  1,
		  "a@x b@x " },
		{ { { REG_ACCOUNT_REMOVE, "a@x" },
		    { REG_ACCOUNT_ADD, "a@x" },
		    { REG_ACCOUNT_SET, "a@x" } },
		  ERR_OK,
		  0,
		  "a@x! b@x " },
		{ { { REG_ACCOUNT_PUT, "a@x" }, { REG_ACCOUNT_PUT, "d@x" } },
		  ERR_OK,
		  0,
		  "a@x b@x d@x " },
		{ { { REG_ACCOUNT_ADD, "e@x" }, { REG_ACCOUNT_ADD, "f" } },
		  ERR_SYNTAX,
		  1,
		  "a@x b@x d@x " },
		{ { { REG_ACCOUNT_ADD, "e@x" }, { REG_ACCOUNT_REMOVE, "e@x" } },
		  ERR_OK,
		  0,
		  "a@x b@x d@x " },
		{ { { 0 } }, ERR_OK, 0, "a@x b@x d@x " },
	};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reg_account_change changes[4];
		size_t n = 0;

		for (; n < 4 && rows[i].changes[n].address != NULL; n++)
			changes[n] = change(rows[i].changes[n].op, rows[i].changes[n].address);
		assert_int_equal(scene_change(s, changes, n), rows[i].want);
		assert_int_equal(s->changed_index, rows[i].index);
		assert_accounts(s, rows[i].then);
	}
	reopen(s);
	assert_accounts(s, "a@x b@x d@x ");
}

static void an_account_comes_back(void **state)
{
	struct scene *s = *state;
	struct reg_account_change c = { .op = REG_ACCOUNT_ADD };
	struct reg_account found;
	char memory[1024];
	struct arena arena;

	arena_init(&arena, memory, sizeof(memory), 0);
	assert_int_equal(reg_account_make(&c.account, STR("Mufasa@Example.ORG"),
	                                  STR("http-auth@example.org"), STR("Circle of Life"),
	                                  &arena),
	                 ERR_OK);
	assert_int_equal(scene_change(s, &c, 1), ERR_OK);
	reopen(s);
	assert_int_equal(reg_account_find(s->reader, STR("Mufasa@Example.ORG"), &s->arena, &found),
	                 ERR_NOTFOUND);
	assert_int_equal(reg_account_find(s->reader, STR("Mufasa@example.org"), &s->arena, &found),
	                 ERR_OK);
	assert_true(str_eq(found.address, STR("Mufasa@example.org")));
	assert_true(str_eq(found.realm, STR("http-auth@example.org")));
	assert_true(str_eq(found.md5, c.account.md5) && found.md5.len == 32);
	assert_true(str_eq(found.sha256, c.account.sha256) && found.sha256.len == 64);
	assert_false(found.disabled);
}

/* ---------------------------------------------------------------------------- the house */

static void secrets_last(void **state)
{
	struct scene *s = *state;
	unsigned char nonce[REG_SECRET];
	unsigned char route[REG_SECRET];
	unsigned char again[REG_SECRET];

	assert_int_equal(registrar_secret(s->reg, STR("nonce"), nonce), ERR_OK);
	assert_int_equal(registrar_secret(s->reg, STR("route"), route), ERR_OK);
	assert_memory_not_equal(nonce, route, REG_SECRET);
	assert_int_equal(registrar_secret(s->reg, STR("nonce"), again), ERR_OK);
	assert_memory_equal(nonce, again, REG_SECRET);
	reopen(s);
	assert_int_equal(registrar_secret(s->reg, STR("nonce"), again), ERR_OK);
	assert_memory_equal(nonce, again, REG_SECRET);
	assert_int_equal(registrar_secret(s->reg, STR_NONE, again), ERR_LIMIT);
}

static void the_default_map_can_be_had(void **state)
{
	struct scene *s = *state;

	scene_close(s);
	s->conf.map_size = 0;
	s->conf.sync = false;
	scene_open(s);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 1, 600), 200);
	reopen(s);
	assert_int_equal(scene_look(s, ALICE), REG_FOUND);
}

static void wait_for_addresses(struct scene *s, uint64_t want)
{
	struct reg_counts counts;

	for (int i = 0; i < 1000; i++) {
		registrar_counts(s->reg, &counts);
		if (counts.addresses == want)
			return;
		(void)usleep(10000);
	}
	fail_msg("%llu addresses", (unsigned long long)counts.addresses);
}

/* By the real clock: these were bound long ago. The pass at the start finds them. */
static void what_has_expired_leaves_the_disk(void **state)
{
	struct scene *s = *state;

	for (int i = 0; i < 40; i++) {
		char aor[64];

		(void)snprintf(aor, sizeof(aor), "sip:%d@alpha.example", i);
		s->now = (struct wall){ SCENE_NOW_MS };
		if (i % 4 == 0)
			assert_int_equal(scene_bind(s, aor, "sip:b@192.0.2.1", "b", 1, 600), 200);
		s->now = (struct wall){ 1000000000000 };
		if (i % 2 == 0)
			assert_int_equal(scene_bind(s, aor, "sip:a@192.0.2.1", "a", 1, 600), 200);
	}
	reopen(s);
	wait_for_addresses(s, 10);
	s->now = (struct wall){ 1000000000000 };
	assert_int_equal(scene_look(s, "sip:4@alpha.example"), REG_FOUND);
	assert_int_equal(s->count, 1);
}

static void somebody_else_has_it(void **state)
{
	struct scene *s = *state;
	struct registrar *second = NULL;
	char want[64];
	struct buf why;

	buf_init(&why, 1024);
	assert_int_equal(registrar_open(&second, &s->conf, &why), ERR_INUSE);
	assert_null(second);
	(void)snprintf(want, sizeof(want), "is in use by process %ld", (long)getpid());
	assert_true(str_contains_nocase(buf_view(&why), str_from(want)));
	buf_fini(&why);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 1, 600), 200);
}

static void what_cannot_be_opened_is_said(void **state)
{
	struct scene *s = *state;
	struct reg_conf conf = s->conf;
	struct registrar *reg = NULL;
	char path[128];
	struct buf why;
	FILE *f;

	scene_close(s);
	buf_init(&why, 1024);
	(void)snprintf(path, sizeof(path), "%s/location/data.mdb", s->folder);
	f = fopen(path, "r+");
	assert_non_null(f);
	for (int i = 0; i < 8192; i++)
		(void)fputc(i & 0xff, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(registrar_open(&reg, &conf, &why), ERR_CORRUPT);
	assert_true(str_contains_nocase(buf_view(&why), STR("is damaged, or no location store")));
	assert_int_equal(unlink(path), 0);
	buf_clear(&why);
	/* A folder below a file. */
	(void)snprintf(path, sizeof(path), "%s/lock/below", s->folder);
	conf.folder = path;
	assert_int_not_equal(registrar_open(&reg, &conf, &why), ERR_OK);
	assert_true(str_contains_nocase(buf_view(&why), STR("can't be made")));
	buf_fini(&why);
	/* A folder that is missing, with those above it. */
	(void)snprintf(path, sizeof(path), "%s/a/b/c", s->folder);
	s->conf.folder = path;
	scene_open(s);
	assert_int_equal(scene_bind(s, ALICE, "sip:a@192.0.2.1", "a", 1, 600), 200);
	scene_close(s);
	s->conf.folder = s->folder;
	scene_open(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)
		CASE(what_is_bound_is_found),
		CASE(an_account_tells_absent_from_nobody),
		CASE(an_account_goes_with_its_bindings),
		CASE(the_same_request_again_is_answered),
		CASE(refusals_say_why),
		CASE(all_go_and_a_query_sees_it),
		CASE(long_answers_are_whole),
		CASE(everything_comes_back),
		CASE(a_walk_sees_all_once),
		CASE(accounts_change_all_or_none),
		CASE(an_account_comes_back),
		CASE(secrets_last),
		CASE(the_default_map_can_be_had),
		CASE(what_has_expired_leaves_the_disk),
		CASE(somebody_else_has_it),
		CASE(what_cannot_be_opened_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
