/* The store under the registrar: batches, the format, keys. */
#include "registrar/store.h"
#include "tests/unit/registrar/scene.h"

#include "base/mem.h"
#include "registrar/folder.h"
#include "registrar/kv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct house {
	char folder[64];
	struct reg_store_conf conf;
	struct reg_store *store;
	struct reg_store_reader *reader;
	char memory[512];
	struct buf why;
};

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	(void)snprintf(h->folder, sizeof(h->folder), "/tmp/lotse-reg.XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	h->conf =
		(struct reg_store_conf){ .folder = h->folder, .map_size = SCENE_MAP, .sync = true };
	buf_wrap(&h->why, h->memory, sizeof(h->memory));
	assert_int_equal(reg_store_open(&h->store, &h->conf, &h->why), ERR_OK);
	assert_int_equal(reg_store_reader_open(&h->reader, h->store), ERR_OK);
	*state = h;
	return 0;
}

static void close_house(struct house *h)
{
	reg_store_reader_close(h->reader);
	reg_store_close(h->store);
	h->reader = NULL;
	h->store = NULL;
}

static int tear_down(void **state)
{
	struct house *h = *state;

	close_house(h);
	scene_remove(h->folder);
	free(h);
	return 0;
}

static enum err put(struct house *h, const char *key, const char *value)
{
	return reg_store_put(h->store, REG_TABLE_BINDINGS, str_from(key), str_from(value));
}

/* What a reader sees, or "-". */
static void assert_read(struct house *h, const char *key, const char *want)
{
	struct str value = STR("-");
	enum err e;

	assert_int_equal(reg_store_read_begin(h->reader), ERR_OK);
	e = reg_store_read(h->reader, REG_TABLE_BINDINGS, str_from(key), &value);
	assert_true(e == ERR_OK || e == ERR_NOTFOUND);
	assert_true(str_eq(value, str_from(want)));
	reg_store_read_end(h->reader);
}

static void a_batch_is_seen_whole_or_not(void **state)
{
	struct house *h = *state;
	struct str value;

	assert_int_equal(reg_store_begin(h->store), ERR_OK);
	assert_int_equal(put(h, "a", "1"), ERR_OK);
	assert_int_equal(put(h, "b", "2"), ERR_OK);
	assert_int_equal(reg_store_get(h->store, REG_TABLE_BINDINGS, STR("a"), &value), ERR_OK);
	assert_true(str_eq(value, STR("1")));
	assert_read(h, "a", "-");
	assert_int_equal(reg_store_commit(h->store), ERR_OK);
	assert_read(h, "a", "1");
	assert_read(h, "b", "2");

	assert_int_equal(reg_store_begin(h->store), ERR_OK);
	assert_int_equal(put(h, "a", "3"), ERR_OK);
	assert_int_equal(reg_store_del(h->store, REG_TABLE_BINDINGS, STR("b")), ERR_OK);
	assert_int_equal(reg_store_del(h->store, REG_TABLE_BINDINGS, STR("c")), ERR_NOTFOUND);
	assert_int_equal(reg_store_get(h->store, REG_TABLE_BINDINGS, STR("b"), &value),
	                 ERR_NOTFOUND);
	reg_store_abort(h->store, ERR_OK);
	assert_read(h, "a", "1");
	assert_read(h, "b", "2");
}

/* A snapshot stays what it was, whatever is committed meanwhile. */
static void a_snapshot_does_not_move(void **state)
{
	struct house *h = *state;
	struct str value;

	assert_int_equal(reg_store_begin(h->store), ERR_OK);
	assert_int_equal(put(h, "a", "old"), ERR_OK);
	assert_int_equal(reg_store_commit(h->store), ERR_OK);
	assert_int_equal(reg_store_read_begin(h->reader), ERR_OK);
	assert_int_equal(reg_store_read(h->reader, REG_TABLE_BINDINGS, STR("a"), &value), ERR_OK);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(reg_store_begin(h->store), ERR_OK);
		assert_int_equal(put(h, "a", "new"), ERR_OK);
		assert_int_equal(reg_store_commit(h->store), ERR_OK);
	}
	assert_true(str_eq(value, STR("old")));
	reg_store_read_end(h->reader);
	assert_read(h, "a", "new");
}

static void keys_are_bounded(void **state)
{
	struct house *h = *state;
	char key[KV_KEY_MAX + 1];
	struct str value;

	memset(key, 'k', sizeof(key));
	assert_int_equal(reg_store_begin(h->store), ERR_OK);
	assert_int_equal(reg_store_put(h->store, REG_TABLE_BINDINGS, str_of(key, KV_KEY_MAX),
	                               STR("v")),
	                 ERR_OK);
	assert_int_equal(reg_store_put(h->store, REG_TABLE_BINDINGS, str_of(key, KV_KEY_MAX + 1),
	                               STR("v")),
	                 ERR_LIMIT);
	assert_int_equal(reg_store_put(h->store, REG_TABLE_BINDINGS, STR_NONE, STR("v")),
	                 ERR_LIMIT);
	assert_int_equal(reg_store_get(h->store, REG_TABLE_BINDINGS, STR_NONE, &value),
	                 ERR_NOTFOUND);
	assert_int_equal(reg_store_get(h->store, REG_TABLE_BINDINGS, str_of(key, KV_KEY_MAX + 1),
	                               &value),
	                 ERR_NOTFOUND);
	assert_int_equal(reg_store_commit(h->store), ERR_OK);
}

/* Write `value` at "format" (NULL: remove it), and a binding, past the store. */
static void forge_format(struct house *h, const char *value, size_t len)
{
	static const char *const tables[] = { "meta", "accounts", "bindings" };
	char path[128];
	struct kv_conf conf = { path, SCENE_MAP, true, tables, COUNT_OF(tables) };
	struct kv *kv;

	(void)snprintf(path, sizeof(path), "%s/location", h->folder);
	assert_int_equal(kv_open(&kv, &conf), ERR_OK);
	assert_int_equal(kv_begin(kv), ERR_OK);
	if (value == NULL)
		assert_int_equal(kv_del(kv, 0, STR("format")), ERR_OK);
	else
		assert_int_equal(kv_put(kv, 0, STR("format"), str_of(value, len)), ERR_OK);
	assert_int_equal(kv_put(kv, 2, STR("sip:a@b"), STR("\1")), ERR_OK);
	assert_int_equal(kv_commit(kv), ERR_OK);
	kv_close(kv);
}

static void other_formats_are_refused(void **state)
{
	static const struct {
		const char *value;
		size_t len;
		enum err want;
		const char *why;
	} cases[] = {
		{ "\0\0\0\2", 4, ERR_VERSION, "was written by a newer version" },
		{ "\0\0\0\0", 4, ERR_CORRUPT, "is damaged" },
		{ "\0\0\0\1\0", 5, ERR_CORRUPT, "is damaged" },
		{ "", 0, ERR_CORRUPT, "is damaged" },
		{ NULL, 0, ERR_CORRUPT, "is damaged" },
		{ "\0\0\0\1", 4, ERR_OK, "" },
	};
	struct house *h = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		close_house(h);
		forge_format(h, cases[i].value, cases[i].len);
		buf_clear(&h->why);
		assert_int_equal(reg_store_open(&h->store, &h->conf, &h->why), cases[i].want);
		assert_true(str_contains_nocase(buf_view(&h->why), str_from(cases[i].why)));
	}
	assert_int_equal(reg_store_reader_open(&h->reader, h->store), ERR_OK);
	assert_read(h, "sip:a@b", "\1");
}

/* What is no record of ours: nobody may be told that there is nobody. */
static void a_damaged_record_is_told(void **state)
{
	static struct scene s;
	struct house *h = *state;
	struct reg_bindings found;
	enum reg_known known;

	close_house(h);
	forge_format(h, "\0\0\0\1", 4);
	scene_init(&s);
	s.conf.folder = h->folder;
	scene_open(&s);
	assert_int_equal(reg_lookup(s.reader, STR("sip:a@b"), s.now, &s.arena, &known, &found),
	                 ERR_CORRUPT);
	assert_int_equal(scene_bind(&s, "sip:a@b", "sip:a@192.0.2.1", "a", 1, 600), 500);
	assert_int_equal(scene_bind(&s, "sip:c@b", "sip:a@192.0.2.1", "a", 1, 600), 200);
	scene_fini(&s);
	assert_int_equal(reg_store_open(&h->store, &h->conf, &h->why), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(a_batch_is_seen_whole_or_not),
		CASE(a_snapshot_does_not_move),
		CASE(keys_are_bounded),
		CASE(other_formats_are_refused),
		CASE(a_damaged_record_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
