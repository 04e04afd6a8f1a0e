#include "base/map.h"

#include <stdlib.h>

#define MAP_FIRST 16

void map_init(struct map *m, size_t limit, const struct hash_key *key)
{
	*m = (struct map){ .limit = limit, .key = *key };
}

void map_fini(struct map *m)
{
	free(m->entries);
	m->entries = NULL;
	m->size = 0;
	m->count = 0;
}

static uint64_t hash_of(const struct map *m, struct str key)
{
	uint64_t h = hash_str(&m->key, key);

	return h == 0 ? 1 : h;
}

static size_t find(const struct map *m, uint64_t hash, struct str key)
{
	size_t at = hash & (m->size - 1);

	while (m->entries[at].hash != 0 &&
	       (m->entries[at].hash != hash || !str_eq(m->entries[at].key, key)))
		at = (at + 1) & (m->size - 1);
	return at;
}

void *map_get(const struct map *m, struct str key)
{
	if (m->count == 0)
		return NULL;
	return m->entries[find(m, hash_of(m, key), key)].value;
}

static enum err resize(struct map *m, size_t size)
{
	struct map bigger = *m;

	bigger.entries = calloc(size, sizeof(*bigger.entries));
	bigger.size = size;
	if (bigger.entries == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < m->size; i++) {
		struct map_entry *old = &m->entries[i];

		if (old->hash != 0)
			bigger.entries[find(&bigger, old->hash, old->key)] = *old;
	}
	free(m->entries);
	*m = bigger;
	return ERR_OK;
}

enum err map_put(struct map *m, struct str key, void *value)
{
	uint64_t hash = hash_of(m, key);
	struct map_entry *entry;
	enum err e;

	must(value != NULL);
	if (m->size > 0) {
		entry = &m->entries[find(m, hash, key)];
		if (entry->hash != 0) {
			entry->key = key;
			entry->value = value;
			return ERR_OK;
		}
	}
	if (m->count >= m->limit)
		return ERR_LIMIT;
	if ((m->count + 1) * 4 > m->size * 3) {
		e = resize(m, m->size == 0 ? MAP_FIRST : m->size * 2);
		if (e != ERR_OK)
			return e;
	}
	m->entries[find(m, hash, key)] = (struct map_entry){ hash, key, value };
	m->count++;
	return ERR_OK;
}

/* Close the gap at `gap` by moving back whatever would not be found past it. */
static void close_gap(struct map *m, size_t gap)
{
	size_t mask = m->size - 1;
	size_t at = gap;

	for (;;) {
		size_t home;

		at = (at + 1) & mask;
		if (m->entries[at].hash == 0)
			break;
		home = m->entries[at].hash & mask;
		if (((at - home) & mask) >= ((at - gap) & mask)) {
			m->entries[gap] = m->entries[at];
			gap = at;
		}
	}
	m->entries[gap] = (struct map_entry){ 0 };
}

void *map_del(struct map *m, struct str key)
{
	size_t at;
	void *value;

	if (m->count == 0)
		return NULL;
	at = find(m, hash_of(m, key), key);
	if (m->entries[at].hash == 0)
		return NULL;
	value = m->entries[at].value;
	close_gap(m, at);
	m->count--;
	return value;
}

void *map_next(const struct map *m, size_t *at)
{
	while (*at < m->size) {
		const struct map_entry *entry = &m->entries[(*at)++];

		if (entry->hash != 0)
			return entry->value;
	}
	return NULL;
}
