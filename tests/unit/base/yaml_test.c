#include "base/yaml.h"

#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static enum err load(struct arena *arena, const char *text, struct yaml_node **root,
                     struct yaml_error *error)
{
	arena_init(arena, NULL, 0, (size_t)64 << 20);
	return yaml_load(root, str_from(text), arena, error);
}

static void refuses_with_the_place(void **state)
{
	static const struct {
		const char *in;
		enum err want;
		unsigned line;
		unsigned column;
		const char *says;
	} cases[] = {
		{ "a: &x 1\nb: *x\n", ERR_SYNTAX, 1, 4, "anchors" },
		{ "a: 1\nb: *x\n", ERR_SYNTAX, 2, 4, "in quotes" },
		{ "a: *.x\n", ERR_SYNTAX, 1, 0, "in quotes" },
		{ "a: !!str 1\n", ERR_SYNTAX, 1, 4, "tags" },
		{ "a: !!map {b: 1}\n", ERR_SYNTAX, 1, 4, "tags" },
		{ "a: &l [1]\n", ERR_SYNTAX, 1, 4, "anchors" },
		{ "a: 1\nb: 2\na: 3\n", ERR_SYNTAX, 3, 1, "stands in line 1 already" },
		{ "x: {a: 1, \"a\": 2}\n", ERR_SYNTAX, 1, 11, "stands in line 1 already" },
		{ "a: 1\n---\nb: 2\n", ERR_SYNTAX, 2, 1, "second document" },
		{ "[a, b]: 1\n", ERR_SYNTAX, 1, 1, "a key must be a word" },
		{ "? {a: b}\n: 1\n", ERR_SYNTAX, 1, 3, "a key must be a word" },
		{ "a: \"x\\0y\"\n", ERR_SYNTAX, 1, 4, "NUL" },
		{ "a: [1\nb: 2\n", ERR_SYNTAX, 2, 0, "" },
		{ "a: b: c\n", ERR_SYNTAX, 1, 0, "" },
		{ "a: \xff\n", ERR_SYNTAX, 0, 0, "" },
		{ "\ta: 1\n", ERR_SYNTAX, 1, 0, "" },
		{ "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", ERR_LIMIT, 1, 0,
		  "nested too deep" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct yaml_error error;
		struct yaml_node *root;
		struct arena arena;

		print_message("%s\n", cases[i].in);
		assert_int_equal(load(&arena, cases[i].in, &root, &error), cases[i].want);
		assert_null(root);
		if (cases[i].line > 0)
			assert_int_equal(error.line, cases[i].line);
		if (cases[i].column > 0)
			assert_int_equal(error.column, cases[i].column);
		assert_non_null(strstr(error.text, cases[i].says));
		arena_fini(&arena);
	}
}

static void scalars_stay_text(void **state)
{
	static const struct {
		const char *in;
		const char *text;
		bool quoted;
	} cases[] = {
		{ "a: no\n", "no", false },
		{ "a: 1.10\n", "1.10", false },
		{ "a: 0x10\n", "0x10", false },
		{ "a: ~\n", "~", false },
		{ "a: null\n", "null", false },
		{ "a:\n", "", false },
		{ "a: \"\"\n", "", true },
		{ "a: 'it''s'\n", "it's", true },
		{ "a: \"\\u00e4\"\n", "\xc3\xa4", true },
		{ "a: |\n  x\n", "x\n", true },
		{ "a: 12:30\n", "12:30", false },
		{ "a: +49\n", "+49", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct yaml_error error;
		struct yaml_node *root;
		struct yaml_node *node;
		struct arena arena;

		assert_int_equal(load(&arena, cases[i].in, &root, &error), ERR_OK);
		node = yaml_get(root, STR("a"));
		assert_non_null(node);
		assert_int_equal(node->kind, YAML_SCALAR);
		assert_string_equal(node->text.p, cases[i].text);
		assert_int_equal(node->quoted, cases[i].quoted);
		arena_fini(&arena);
	}
}

static void a_tree_with_places(void **state)
{
	struct yaml_error error;
	struct yaml_node *root;
	struct yaml_node *list;
	struct arena arena;

	(void)state;
	assert_int_equal(load(&arena,
	                      "# first\nlisten:\n  - one\n  - {url: two, role: users}\nx: 1\n",
	                      &root, &error),
	                 ERR_OK);
	assert_int_equal(root->kind, YAML_MAPPING);
	assert_int_equal(root->count, 2);
	list = yaml_get(root, STR("listen"));
	assert_int_equal(list->kind, YAML_SEQUENCE);
	assert_int_equal(list->count, 2);
	assert_int_equal(list->key_line, 2);
	assert_int_equal(yaml_at(list, 0)->line, 3);
	assert_int_equal(yaml_at(list, 0)->column, 5);
	assert_string_equal(yaml_get(yaml_at(list, 1), STR("role"))->text.p, "users");
	assert_int_equal(yaml_get(yaml_at(list, 1), STR("role"))->column, 22);
	assert_null(yaml_at(list, 2));
	assert_null(yaml_get(root, STR("y")));
	assert_null(yaml_get(list, STR("url")));
	assert_null(yaml_get(NULL, STR("url")));
	arena_fini(&arena);
}

static void nothing_is_no_tree(void **state)
{
	static const char *const cases[] = { "", "# nothing\n", "\n\n", "---\n" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct yaml_error error;
		struct yaml_node *root;
		struct arena arena;

		assert_int_equal(load(&arena, cases[i], &root, &error), ERR_OK);
		assert_null(root);
		arena_fini(&arena);
	}
}

static void bounds_hold(void **state)
{
	struct yaml_error error;
	struct yaml_node *root;
	struct arena arena;
	struct buf text;

	(void)state;
	buf_init(&text, YAML_TEXT_MAX * 2);
	for (size_t i = 0; i <= YAML_KEYS_MAX; i++)
		buf_printf(&text, "k%zu: 1\n", i);
	assert_int_equal(load(&arena, buf_cstr(&text), &root, &error), ERR_LIMIT);
	assert_int_equal(error.line, YAML_KEYS_MAX + 1);
	arena_fini(&arena);

	buf_clear(&text);
	assert_non_null(buf_room(&text, YAML_TEXT_MAX + 1));
	memset(text.data, ' ', YAML_TEXT_MAX + 1);
	buf_advance(&text, YAML_TEXT_MAX + 1);
	assert_int_equal(load(&arena, buf_cstr(&text), &root, &error), ERR_LIMIT);
	arena_fini(&arena);
	buf_fini(&text);

	arena_init(&arena, NULL, 0, 64);
	assert_int_equal(yaml_load(&root, STR("a: [1, 2, 3]\n"), &arena, &error), ERR_NOMEM);
	arena_fini(&arena);
}

static void put_replaces_in_place(void **state)
{
	struct yaml_error error;
	struct yaml_node *root;
	struct arena arena;

	(void)state;
	assert_int_equal(load(&arena, "a: 1\nb: 2\n", &root, &error), ERR_OK);
	yaml_put(root, STR("b"), yaml_new(&arena, YAML_SCALAR, STR("3")));
	yaml_put(root, STR("c"), yaml_new(&arena, YAML_SCALAR, STR("4")));
	yaml_put(root, STR("a"), yaml_new(&arena, YAML_SCALAR, STR("5")));
	assert_int_equal(root->count, 3);
	assert_true(str_eq(yaml_at(root, 0)->text, STR("5")));
	assert_true(str_eq(yaml_at(root, 1)->text, STR("3")));
	assert_true(str_eq(yaml_at(root, 2)->text, STR("4")));
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_with_the_place),
		cmocka_unit_test(scalars_stay_text),
		cmocka_unit_test(a_tree_with_places),
		cmocka_unit_test(nothing_is_no_tree),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(put_replaces_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
