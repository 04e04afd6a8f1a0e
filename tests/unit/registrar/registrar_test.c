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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_bound_is_found, open_scene, close_scene),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
