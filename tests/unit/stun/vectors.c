#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct str vector_copy(struct str s)
{
	char *p = malloc(s.len);

	assert_non_null(p);
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return str_of(p, s.len);
}

struct str vector_read(const char *name)
{
	char path[256];
	char bytes[8192];
	size_t len;
	FILE *f;

	(void)snprintf(path, sizeof(path), "tests/corpus/stun/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	len = fread(bytes, 1, sizeof(bytes), f);
	(void)fclose(f);
	return vector_copy(str_of(bytes, len));
}

void vector_free(struct str vector)
{
	free(vector_octets(vector));
}

char *vector_octets(struct str vector)
{
	return (char *)(uintptr_t)vector.p;
}
