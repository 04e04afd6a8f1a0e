/* The whole once for each allocation that fails: an error or an answer, never a leak, a crash, or half a change. */
#include "tests/unit/alloc_fail.h"
#include "tests/unit/registrar/scene.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ALICE "sip:alice@alpha.example"

struct story {
	struct scene *scene;
	struct registrar *reg;
	struct reg_reader *reader;
	struct loop *loop;
	unsigned status; /* of the REGISTER; 0: not asked */
	enum err changed;
};

static void on_result(void *arg, const struct reg_result *result)
{
	struct story *s = arg;

	s->status = result->status;
	loop_stop(s->loop);
}

static void on_changed(void *arg, enum err e, size_t index)
{
	struct story *s = arg;

	(void)index;
	s->changed = e;
	loop_stop(s->loop);
}

static bool open_all(struct story *s)
{
	char memory[512];
	struct buf why;

	buf_wrap(&why, memory, sizeof(memory));
	return loop_open(&s->loop, 0) == ERR_OK &&
	       registrar_open(&s->reg, &s->scene->conf, &why) == ERR_OK &&
	       reg_reader_open(&s->reader, s->reg) == ERR_OK;
}

/* Long contacts, so that the answer needs more room than the request brings. */
static void ask(struct story *s, size_t contacts)
{
	static char texts[8][REG_URI_MAX];
	struct reg_contact list[8] = { 0 };
	struct reg_request asked = scene_request(ALICE, "call", 1, s->scene->now);

	for (size_t i = 0; i < contacts; i++) {
		memset(texts[i], (int)('a' + i), REG_URI_MAX);
		list[i].uri = str_of(texts[i], REG_URI_MAX);
	}
	asked.contacts = list;
	asked.contact_count = contacts;
	s->status = 0;
	if (registrar_register(s->reg, s->loop, &asked, on_result, s) == ERR_OK)
		loop_run(s->loop);
}

static void change(struct story *s)
{
	struct reg_account_change changes[2] = { { .op = REG_ACCOUNT_PUT },
		                                 { .op = REG_ACCOUNT_PUT } };

	changes[0].account.address = STR("alice@alpha.example");
	changes[1].account.address = STR("bob@alpha.example");
	s->changed = ERR_NOMEM;
	if (registrar_accounts_change(s->reg, s->loop, changes, 2, on_changed, s) == ERR_OK)
		loop_run(s->loop);
	assert_true(s->changed == ERR_OK || s->changed == ERR_NOMEM);
}

static void look(struct story *s)
{
	char memory[16384];
	struct arena arena;
	enum reg_known known;
	struct reg_bindings found;

	arena_init(&arena, memory, sizeof(memory), 0);
	assert_int_equal(reg_lookup(s->reader, STR(ALICE), s->scene->now, &arena, &known, &found),
	                 ERR_OK);
	if (s->changed == ERR_OK)
		assert_int_not_equal(known, REG_NOBODY);
}

static void tell(void *arg)
{
	struct story s = { .scene = arg };
	unsigned char secret[REG_SECRET];

	if (open_all(&s)) {
		ask(&s, 6);
		assert_true(s.status == 200 || s.status == 503 || s.status == 0);
		assert_true(s.status == 200 || alloc_fail_happened());
		ask(&s, 0);
		assert_true(s.status == 200 || s.status == 503 || s.status == 0);
		change(&s);
		look(&s);
		if (registrar_secret(s.reg, STR("nonce"), secret) != ERR_OK)
			assert_true(alloc_fail_happened());
	} else {
		assert_true(alloc_fail_happened());
	}
	reg_reader_close(s.reader);
	registrar_close(s.reg);
	loop_close(s.loop);
}

static void each_allocation_fails(void **state)
{
	static struct scene scene;

	(void)state;
	scene_init(&scene);
	scene.conf.map_size = (size_t)16 << 20;
	assert_true(alloc_fail_each(tell, &scene) > 8);
	scene_remove(scene.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
