#include "gateway/schema.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TEXT_MAX ((size_t)1 << 20)

static void distances(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		size_t want;
	} cases[] = {
		{ "", "", 0 },
		{ "a", "", 1 },
		{ "", "abc", 3 },
		{ "workers", "workers", 0 },
		{ "worker", "workers", 1 },
		{ "wrokers", "workers", 1 },
		{ "limit", "limits", 1 },
		{ "kitten", "sitting", 3 },
		{ "ab", "ba", 1 },
		{ "abc", "xyz", 3 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(schema_distance(str_from(cases[i].a), str_from(cases[i].b)),
		                 cases[i].want);
		assert_int_equal(schema_distance(str_from(cases[i].b), str_from(cases[i].a)),
		                 cases[i].want);
	}
	assert_true(schema_distance(STR("a"),
	                            STR("01234567890123456789012345678901234567890123456789")) >
	            1000);
}

static void paths_lead_to_nodes(void **state)
{
	struct yaml_error error;
	struct yaml_node *root;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 0, TEXT_MAX);
	assert_int_equal(yaml_load(&root, STR("a: {b: [x, {c: y}]}\nd: z\n"), &arena, &error),
	                 ERR_OK);
	assert_string_equal(schema_find(root, "a.b[0]", false)->text.p, "x");
	assert_string_equal(schema_find(root, "a.b[1].c", false)->text.p, "y");
	assert_string_equal(schema_find(root, "d[0]", false)->text.p, "z");
	assert_null(schema_find(root, "d[1]", false));
	assert_null(schema_find(root, "a.b[7]", false));
	assert_null(schema_find(root, "a.b[", false));
	assert_null(schema_find(root, "a.x", false));
	assert_ptr_equal(schema_find(root, "a.x.y", true), yaml_get(root, STR("a")));
	assert_null(schema_find(NULL, "a", true));
	arena_fini(&arena);
}

/* Each row must be whole, or loading, printing and the document would not agree. */
static void check_map(const struct schema_map *map)
{
	assert_non_null(map->what);
	for (size_t i = 0; i < map->key_count; i++) {
		const struct schema_key *key = &map->keys[i];
		const struct schema_type *type = key->type;

		print_message("%s of %s\n", key->name, map->what);
		assert_non_null(key->doc);
		if (key->later != NULL)
			continue;
		assert_int_equal((type->map != NULL) + (type->item != NULL) + (type->parse != NULL),
		                 1);
		assert_true((type->parse == NULL) == (type->print == NULL));
		assert_true(key->fallback == NULL || !key->required);
		if (type->item != NULL) {
			assert_true(key->count_at > 0);
			assert_true(type->item->size > 0);
			if (type->item->map != NULL)
				assert_int_equal(type->item->size, type->item->map->size);
		}
		if (type->parse != NULL && key->fallback == NULL && !key->required)
			assert_non_null(key->unset);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(map->keys[j].name, key->name);
		if (type->map != NULL)
			check_map(type->map);
		if (type->item != NULL && type->item->map != NULL)
			check_map(type->item->map);
	}
}

static void the_table_is_whole(void **state)
{
	(void)state;
	check_map(schema_conf());
}

static void the_document_is_up_to_date(void **state)
{
	struct buf want;
	struct buf have;
	FILE *file = fopen("docs/configuration.md", "r");
	size_t n = 1;

	(void)state;
	assert_non_null(file);
	buf_init(&want, TEXT_MAX);
	buf_init(&have, TEXT_MAX);
	schema_document(schema_conf(), &want);
	while (n > 0) {
		n = fread(buf_room(&have, 4096), 1, 4096, file);
		buf_advance(&have, n);
	}
	assert_int_equal(fclose(file), 0);
	if (!str_eq(buf_view(&want), buf_view(&have)))
		fail_msg("make it anew: lotse check --doc > docs/configuration.md");
	buf_fini(&want);
	buf_fini(&have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances),
		cmocka_unit_test(paths_lead_to_nodes),
		cmocka_unit_test(the_table_is_whole),
		cmocka_unit_test(the_document_is_up_to_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
