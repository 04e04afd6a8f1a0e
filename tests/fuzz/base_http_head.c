/* The head of an HTTP request, however it is cut into pieces.
 *
 * corpus: tests/fuzz/corpus/http */
#include "base/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct str all, struct str part)
{
	must(part.len == 0 || (part.p >= all.p && part.p + part.len <= all.p + all.len) ||
	     str_eq(part, STR("/")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	size_t end = http_head_end(in, 0);
	struct http_head head;
	unsigned status = 1;
	size_t from = 0;

	/* Found at the same place when it comes octet by octet. */
	for (size_t n = 0; n <= size && size <= 2000; n++) {
		size_t at = http_head_end(str_head(in, n), from);

		must(at == 0 || at == end);
		must((at != 0) == (end != 0 && n >= end));
		if (at == 0)
			from = n;
	}
	if (end == 0)
		return 0;
	in = str_head(in, end);
	if (http_head_parse(&head, in, &status) != ERR_OK) {
		must(status == 400 || status == 414 || status == 431 || status == 505);
		must(!head.keep_alive);
		return 0;
	}
	must(status == 0 && head.method.len > 0 && head.path.len > 0);
	must(head.field_count <= HTTP_FIELDS_MAX && !(head.keep_alive && head.has_body));
	inside(in, head.method);
	inside(in, head.path);
	inside(in, head.query);
	for (size_t i = 0; i < head.field_count; i++) {
		inside(in, head.fields[i].name);
		inside(in, head.fields[i].value);
	}
	(void)http_list_has(http_head_field(&head, STR("connection")), STR("close"));
	return 0;
}
