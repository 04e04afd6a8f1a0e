#include "federation/cache.h"

#include "base/mem.h"
#include "federation/outcome.h"

void fed_cache_init(struct fed_cache *cache, size_t limit, size_t bytes_max,
                    const struct hash_key *key)
{
	*cache = (struct fed_cache){ .bytes_max = bytes_max };
	map_init(&cache->map, limit, key);
}

static void unlink_entry(struct fed_cache *cache, struct fed_entry *entry)
{
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		cache->newest = entry->older;
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		cache->oldest = entry->newer;
}

static void link_newest(struct fed_cache *cache, struct fed_entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	if (cache->newest != NULL)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

static bool is_idle(const struct fed_entry *entry)
{
	return entry->inquiry == NULL && entry->waiting == NULL;
}

static void entry_free(struct fed_cache *cache, struct fed_entry *entry)
{
	unlink_entry(cache, entry);
	cache->bytes -= entry->bytes;
	fed_answer_unref(entry->answer);
	free(entry);
}

void fed_cache_drop(struct fed_cache *cache, struct fed_entry *entry)
{
	(void)map_del(&cache->map, entry->key);
	entry_free(cache, entry);
}

void fed_cache_fini(struct fed_cache *cache)
{
	struct fed_entry *older;

	for (struct fed_entry *entry = cache->newest; entry != NULL; entry = older) {
		older = entry->older;
		entry_free(cache, entry);
	}
	map_fini(&cache->map);
}

/* Drop the oldest that nobody waits for, but not `keep`; false: there is none. Those that are waited for become young again, so that
 * they are not met each time. */
static bool drop_oldest(struct fed_cache *cache, const struct fed_entry *keep)
{
	for (size_t left = cache->map.count; left > 0; left--) {
		struct fed_entry *entry = cache->oldest;

		if (is_idle(entry) && entry != keep) {
			fed_cache_drop(cache, entry);
			return true;
		}
		unlink_entry(cache, entry);
		link_newest(cache, entry);
	}
	return false;
}

struct fed_entry *fed_cache_get(struct fed_cache *cache, struct str key)
{
	struct fed_entry *entry = map_get(&cache->map, key);

	if (entry != NULL) {
		unlink_entry(cache, entry);
		link_newest(cache, entry);
		return entry;
	}
	if (cache->map.count >= cache->map.limit && !drop_oldest(cache, NULL))
		return NULL;
	entry = mem_zero(sizeof(*entry) + key.len);
	if (entry == NULL)
		return NULL;
	memcpy(entry->memory, key.p, key.len);
	entry->key = str_of(entry->memory, key.len);
	entry->bytes = sizeof(*entry) + key.len;
	if (map_put(&cache->map, entry->key, entry) != ERR_OK) {
		free(entry);
		return NULL;
	}
	cache->bytes += entry->bytes;
	link_newest(cache, entry);
	return entry;
}

void fed_cache_put(struct fed_cache *cache, struct fed_entry *entry,
                   const struct fed_answer *answer)
{
	size_t before = entry->answer == NULL ? 0 : fed_answer_size(entry->answer);
	size_t after = answer == NULL ? 0 : fed_answer_size(answer);

	fed_answer_unref(entry->answer);
	entry->answer = answer;
	entry->bytes += after - before;
	cache->bytes += after - before;
	while (cache->bytes > cache->bytes_max && drop_oldest(cache, entry))
		continue;
}
