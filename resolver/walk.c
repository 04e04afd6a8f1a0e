#include "resolver/walk.h"

#include "base/mem.h"

#define ANSWER_TEXT_MAX 65536

struct told {
	struct records *records;
	enum dns_type type;
	size_t name_len;
	char name[NAME_TEXT_MAX];
};

struct walk {
	struct walk *next; /* of the asker's */
	struct walk **prev;
	struct post post;
	struct home *asker;
	struct home *at;
	bool here; /* the cursor is in at's cache */
	struct cache_cursor cursor;
	resolver_cached_fn each;
	resolver_walked_fn done;
	void *arg;
	size_t count;
	char *text; /* of an answer */
	size_t told_count;
	struct told *told;
	size_t name_len;
	char name[NAME_TEXT_MAX];
};

void walk_free(struct walk *w)
{
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	for (size_t i = 0; i < w->told_count; i++)
		records_unref(w->told[i].records);
	free(w->told);
	free(w->text);
	free(w);
}

static void go(struct walk *w, struct home *to, void (*run)(struct post *, struct loop *))
{
	w->post.run = run;
	loop_post(to->loop, &w->post);
}

/* ---------------------------------------------------------------------------- telling */

static void on_told(struct post *post, struct loop *loop);

/* At a home: take as much along as there is room for. */
static void on_home(struct post *post, struct loop *loop)
{
	struct walk *w = container_of(post, struct walk, post);
	struct records *records = NULL;
	struct str name;

	if (!w->here)
		cache_walk(&w->at->cache, &w->cursor);
	w->here = true;
	while (w->told_count < WALK_TOLD &&
	       (records = cache_walk_next(&w->cursor, &name)) != NULL) {
		struct told *told = &w->told[w->told_count];

		if (records_ttl(records, loop_now(loop)) == 0)
			continue;
		told->records = records_ref(records);
		told->name_len = name.len;
		memcpy(told->name, name.p, name.len);
		w->told_count++;
	}
	if (records == NULL) {
		cache_walk_end(&w->at->cache, &w->cursor);
		w->here = false;
	}
	go(w, w->asker, on_told);
}

static void tell(struct walk *w, struct told *told)
{
	const struct dns_answer *answer = &told->records->answer;
	struct buf text;
	struct resolver_cached entry = {
		.name = str_of(told->name, told->name_len),
		.type = dns_type_text(answer->type),
		.ttl = records_ttl(told->records, loop_now(w->asker->loop)),
		.home = w->at->index,
	};

	buf_wrap(&text, w->text, ANSWER_TEXT_MAX);
	dns_answer_write(answer, &text);
	entry.answer = buf_view(&text);
	w->each(w->arg, &entry);
	records_unref(told->records);
}

static void finish(struct walk *w)
{
	resolver_walked_fn done = w->done;
	void *arg = w->arg;
	size_t count = w->count;

	walk_free(w);
	done(arg, count);
}

/* On to the next home, if there is one. */
static bool move_on(struct walk *w)
{
	const struct resolver *r = w->asker->resolver;

	if (w->at->index + 1 == r->count)
		return false;
	w->at = r->homes[w->at->index + 1];
	return true;
}

/* Back at the asker's. */
static void on_told(struct post *post, struct loop *loop)
{
	struct walk *w = container_of(post, struct walk, post);
	size_t count = w->told_count;

	(void)loop;
	w->told_count = 0;
	for (size_t i = 0; i < count; i++)
		tell(w, &w->told[i]);
	w->count += count;
	if (w->here || move_on(w))
		go(w, w->at, on_home);
	else
		finish(w);
}

/* ---------------------------------------------------------------------------- removing */

static void on_removed(struct post *post, struct loop *loop)
{
	(void)loop;
	finish(container_of(post, struct walk, post));
}

static size_t remove_name(struct walk *w)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR };
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(types); i++)
		count += cache_remove(&w->at->cache, str_of(w->name, w->name_len), types[i]);
	return count;
}

/* A part of what was there when the walk came. */
static size_t remove_some(struct walk *w)
{
	size_t count = 0;

	if (!w->here)
		cache_walk(&w->at->cache, &w->cursor);
	w->here = true;
	while (count < WALK_REMOVED && cache_remove_oldest(&w->at->cache, w->cursor.last))
		count++;
	if (count < WALK_REMOVED) {
		cache_walk_end(&w->at->cache, &w->cursor);
		w->here = false;
	}
	return count;
}

static void on_remove(struct post *post, struct loop *loop)
{
	struct walk *w = container_of(post, struct walk, post);

	(void)loop;
	w->count += w->name_len > 0 ? remove_name(w) : remove_some(w);
	home_count_cache(w->at);
	if (w->here || move_on(w))
		go(w, w->at, on_remove);
	else
		go(w, w->asker, on_removed);
}

/* ---------------------------------------------------------------------------- beginning */

enum err walk_begin(struct home *asker, struct str name, resolver_cached_fn each,
                    resolver_walked_fn done, void *arg)
{
	struct walk *w = mem_zero(sizeof(*w));

	if (w == NULL)
		return ERR_NOMEM;
	must(name.len < NAME_TEXT_MAX);
	w->asker = asker;
	w->at = asker->resolver->homes[0];
	w->each = each;
	w->done = done;
	w->arg = arg;
	w->name_len = name.len;
	if (name.len > 0)
		memcpy(w->name, name.p, name.len);
	w->prev = &asker->walks;
	w->next = *w->prev;
	if (w->next != NULL)
		w->next->prev = &w->next;
	*w->prev = w;
	if (each != NULL) {
		w->told = malloc(WALK_TOLD * sizeof(*w->told));
		w->text = malloc(ANSWER_TEXT_MAX);
		if (w->told == NULL || w->text == NULL) {
			walk_free(w);
			return ERR_NOMEM;
		}
	}
	go(w, w->at, each != NULL ? on_home : on_remove);
	return ERR_OK;
}
