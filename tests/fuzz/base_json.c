/* An array of strings, as the control socket takes it: what is read is written and read again, the same.
 *
 * corpus: tests/fuzz/corpus/json */
#include "base/json.h"

#define CAP 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str items[CAP];
	struct str again[CAP];
	struct arena arena;
	struct buf b;
	struct json j;
	size_t count;
	size_t count_again;

	arena_init(&arena, NULL, 0, (size_t)1 << 24);
	buf_init(&b, (size_t)1 << 24);
	if (json_read_strs(str_of((const char *)data, size), &arena, items, CAP, &count) ==
	    ERR_OK) {
		j = json_to(&b);
		json_strs(&j, NULL, items, count);
		must(json_read_strs(buf_view(&b), &arena, again, CAP, &count_again) == ERR_OK);
		must(count_again == count);
		for (size_t i = 0; i < count; i++)
			must(str_eq(items[i], again[i]));
	}
	/* Whatever octets there are, what is written of them is JSON. */
	items[0] = str_of((const char *)data, size);
	buf_clear(&b);
	j = json_to(&b);
	json_strs(&j, NULL, items, 1);
	must(json_read_strs(buf_view(&b), &arena, again, CAP, &count_again) == ERR_OK &&
	     count_again == 1);
	buf_fini(&b);
	arena_fini(&arena);
	return 0;
}
