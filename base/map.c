#include "base/map.h"

#include <stdlib.h>

#define MAP_FIRST 16
/* Slots of the old table that are looked at in each call: it is empty long before the new one is full. */
#define MAP_STEP 8

void map_init(struct map *m, size_t limit, const struct hash_key *key)
{
	*m = (struct map){ .limit = limit, .key = *key };
}

void map_fini(struct map *m)
{
	free(m->now.entries);
	free(m->old.entries);
	m->now = m->old = (struct map_table){ 0 };
	m->moved = 0;
	m->count = 0;
}

static uint64_t hash_of(const struct map *m, struct str key)
{
	uint64_t h = hash_str(&m->key, key);

	return h == 0 ? 1 : h;
}

/* Where the key is, or the free slot where it would be. */
static struct map_entry *find(const struct map_table *t, uint64_t hash, struct str key)
{
	size_t at = hash & (t->size - 1);

	while (t->entries[at].hash != 0 &&
	       (t->entries[at].hash != hash || !str_eq(t->entries[at].key, key)))
		at = (at + 1) & (t->size - 1);
	return &t->entries[at];
}

/* The entry of this key, or NULL; `*in` becomes the table that it is in. */
static struct map_entry *lookup(struct map *m, struct str key, uint64_t hash, struct map_table **in)
{
	struct map_table *tables[] = { &m->now, &m->old };

	for (size_t i = 0; i < 2; i++) {
		struct map_entry *entry;

		if (tables[i]->size == 0)
			continue;
		entry = find(tables[i], hash, key);
		if (entry->hash != 0) {
			*in = tables[i];
			return entry;
		}
	}
	return NULL;
}

void *map_get(const struct map *m, struct str key)
{
	uint64_t hash;
	void *value;

	if (m->count == 0)
		return NULL;
	hash = hash_of(m, key);
	value = find(&m->now, hash, key)->value;
	if (value == NULL && m->old.size > 0)
		value = find(&m->old, hash, key)->value;
	return value;
}

/* Close the gap at `gap` by moving back whatever would not be found past it. */
static void close_gap(struct map_table *t, size_t gap)
{
	size_t mask = t->size - 1;
	size_t at = gap;

	for (;;) {
		size_t home;

		at = (at + 1) & mask;
		if (t->entries[at].hash == 0)
			break;
		home = t->entries[at].hash & mask;
		if (((at - home) & mask) >= ((at - gap) & mask)) {
			t->entries[gap] = t->entries[at];
			gap = at;
		}
	}
	t->entries[gap] = (struct map_entry){ 0 };
}

/* Move what is in the next slots. One that has become empty stays so: nothing that remains has its home there or before. */
static void move_some(struct map *m, size_t slots)
{
	for (; slots > 0 && m->moved < m->old.size; slots--) {
		const struct map_entry *entry = &m->old.entries[m->moved];

		if (entry->hash == 0) {
			m->moved++;
			continue;
		}
		*find(&m->now, entry->hash, entry->key) = *entry;
		close_gap(&m->old, m->moved);
	}
	if (m->old.size == 0 || m->moved < m->old.size)
		return;
	free(m->old.entries);
	m->old = (struct map_table){ 0 };
	m->moved = 0;
}

static enum err grow(struct map *m)
{
	size_t size = m->now.size == 0 ? MAP_FIRST : m->now.size * 2;
	struct map_entry *entries = calloc(size, sizeof(*entries));

	if (entries == NULL)
		return ERR_NOMEM;
	move_some(m, SIZE_MAX);
	m->old = m->now;
	m->now.entries = entries;
	m->now.size = size;
	return ERR_OK;
}

enum err map_put(struct map *m, struct str key, void *value)
{
	uint64_t hash = hash_of(m, key);
	struct map_table *in;
	struct map_entry *entry;
	enum err e;

	must(value != NULL);
	move_some(m, MAP_STEP);
	entry = lookup(m, key, hash, &in);
	if (entry != NULL) {
		entry->key = key;
		entry->value = value;
		return ERR_OK;
	}
	if (m->count >= m->limit)
		return ERR_LIMIT;
	if ((m->count + 1) * 4 > m->now.size * 3 && (e = grow(m)) != ERR_OK)
		return e;
	*find(&m->now, hash, key) = (struct map_entry){ hash, key, value };
	m->count++;
	return ERR_OK;
}

void *map_del(struct map *m, struct str key)
{
	struct map_table *in;
	struct map_entry *entry;
	void *value;

	if (m->count == 0)
		return NULL;
	move_some(m, MAP_STEP);
	entry = lookup(m, key, hash_of(m, key), &in);
	if (entry == NULL)
		return NULL;
	value = entry->value;
	close_gap(in, (size_t)(entry - in->entries));
	m->count--;
	return value;
}

void *map_next(const struct map *m, size_t *at)
{
	while (*at < m->now.size + m->old.size) {
		size_t i = (*at)++;
		const struct map_entry *entry = i < m->now.size ? &m->now.entries[i]
		                                                : &m->old.entries[i - m->now.size];

		if (entry->hash != 0)
			return entry->value;
	}
	return NULL;
}
