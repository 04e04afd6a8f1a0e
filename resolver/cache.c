#include "resolver/cache.h"

#include "base/mem.h"

#define KEY_MAX (NAME_TEXT_MAX + 2)

struct cache_entry {
	struct cache_entry *older;
	struct cache_entry *newer;
	struct records *records;
	uint64_t serial;
	size_t key_len;
	char key[]; /* type, name */
};

void cache_init(struct cache *c, size_t limit, const struct hash_key *key)
{
	*c = (struct cache){ 0 };
	map_init(&c->map, limit, key);
}

static struct str write_key(char out[KEY_MAX], struct str name, enum dns_type type)
{
	must(name.len < NAME_TEXT_MAX);
	out[0] = (char)(type >> 8);
	out[1] = (char)type;
	if (name.len > 0)
		memcpy(out + 2, name.p, name.len);
	return str_of(out, name.len + 2);
}

static struct str entry_key(const struct cache_entry *entry)
{
	return str_of(entry->key, entry->key_len);
}

static void unlink_entry(struct cache *c, struct cache_entry *entry)
{
	for (struct cache_cursor *cursor = c->cursors; cursor != NULL; cursor = cursor->next) {
		if (cursor->at == entry)
			cursor->at = entry->newer;
	}
	*(entry->older == NULL ? &c->oldest : &entry->older->newer) = entry->newer;
	*(entry->newer == NULL ? &c->newest : &entry->newer->older) = entry->older;
}

static void remove_entry(struct cache *c, struct cache_entry *entry)
{
	must(map_del(&c->map, entry_key(entry)) == entry);
	unlink_entry(c, entry);
	records_unref(entry->records);
	free(entry);
}

void cache_fini(struct cache *c)
{
	while (c->oldest != NULL)
		remove_entry(c, c->oldest);
	map_fini(&c->map);
}

struct records *cache_get(struct cache *c, struct str name, enum dns_type type, struct mono now)
{
	char key[KEY_MAX];
	struct cache_entry *entry = map_get(&c->map, write_key(key, name, type));

	if (entry == NULL)
		return NULL;
	if (mono_after(entry->records->expires, now))
		return entry->records;
	remove_entry(c, entry);
	return NULL;
}

void cache_put(struct cache *c, struct str name, struct records *records)
{
	char text[KEY_MAX];
	struct str key = write_key(text, name, records->answer.type);
	struct cache_entry *entry = map_get(&c->map, key);

	if (entry != NULL)
		remove_entry(c, entry);
	if (c->oldest != NULL && c->map.count >= c->map.limit) {
		remove_entry(c, c->oldest);
		c->evicted++;
	}
	entry = malloc(sizeof(*entry) + key.len);
	if (entry == NULL)
		return;
	entry->key_len = key.len;
	memcpy(entry->key, key.p, key.len);
	if (map_put(&c->map, entry_key(entry), entry) != ERR_OK) {
		free(entry);
		return;
	}
	entry->records = records_ref(records);
	entry->serial = ++c->serial;
	entry->newer = NULL;
	entry->older = c->newest;
	*(c->newest == NULL ? &c->oldest : &c->newest->newer) = entry;
	c->newest = entry;
}

size_t cache_count(const struct cache *c)
{
	return c->map.count;
}

void cache_walk(struct cache *c, struct cache_cursor *cursor)
{
	cursor->at = c->oldest;
	cursor->last = c->serial;
	cursor->next = c->cursors;
	c->cursors = cursor;
}

struct records *cache_walk_next(struct cache_cursor *cursor, struct str *name)
{
	struct cache_entry *entry = cursor->at;

	if (entry == NULL || entry->serial > cursor->last)
		return NULL;
	cursor->at = entry->newer;
	*name = str_from_at(entry_key(entry), 2);
	return entry->records;
}

void cache_walk_end(struct cache *c, struct cache_cursor *cursor)
{
	struct cache_cursor **at = &c->cursors;

	while (*at != NULL && *at != cursor)
		at = &(*at)->next;
	if (*at != NULL)
		*at = cursor->next;
}

bool cache_remove(struct cache *c, struct str name, enum dns_type type)
{
	char key[KEY_MAX];
	struct cache_entry *entry = map_get(&c->map, write_key(key, name, type));

	if (entry != NULL)
		remove_entry(c, entry);
	return entry != NULL;
}

bool cache_remove_oldest(struct cache *c, uint64_t last)
{
	if (c->oldest == NULL || c->oldest->serial > last)
		return false;
	remove_entry(c, c->oldest);
	return true;
}
