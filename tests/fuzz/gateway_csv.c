/* A line of comma-separated values: fields stay within the line, or are what their quotes say.
 *
 * corpus: tests/fuzz/corpus/csv */
#include "gateway/cli_csv.h"

#define CAP 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str fields[CAP];
	struct arena arena;
	size_t count;
	size_t octets = 0;

	arena_init(&arena, NULL, 0, (size_t)1 << 24);
	if (csv_split(str_of((const char *)data, size), &arena, fields, CAP, &count) == ERR_OK) {
		must(count >= 1 && count <= CAP);
		for (size_t i = 0; i < count; i++)
			octets += fields[i].len;
		must(octets + count - 1 <= size);
	}
	arena_fini(&arena);
	return 0;
}
