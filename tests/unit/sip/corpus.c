#include "corpus.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct str corpus_copy(struct str s)
{
	char *p = malloc(s.len);

	if (p == NULL)
		return STR_NONE;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return str_of(p, s.len);
}

struct str corpus_read(const char *path)
{
	char name[512];
	char *bytes = malloc(1 << 20);
	size_t len = 0;
	struct str copy;
	FILE *f;

	(void)snprintf(name, sizeof(name), "tests/corpus/%s", path);
	f = fopen(name, "rb");
	if (f != NULL && bytes != NULL)
		len = fread(bytes, 1, 1 << 20, f);
	if (f != NULL)
		(void)fclose(f);
	copy = corpus_copy(str_of(bytes, len));
	free(bytes);
	return copy;
}

void corpus_free(struct str file)
{
	free((void *)(uintptr_t)file.p);
}

unsigned corpus_each(const char *folder, const char *suffix, corpus_fn *each, void *arg)
{
	char path[512];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "tests/corpus/%s", folder);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct str file;

		if (!str_ends_nocase(str_from(entry->d_name), str_from(suffix)))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%.200s", folder, entry->d_name);
		file = corpus_read(path);
		each(arg, path, file);
		corpus_free(file);
		n++;
	}
	if (dir != NULL)
		(void)closedir(dir);
	return n;
}
