#include "federation/outcome.h"

#include "base/mem.h"

#include <stdatomic.h>

#define TEXT_MAX 512

struct shared {
	atomic_uint refs;
	size_t size;
	struct shared *of; /* whose targets these are */
	struct fed_answer answer;
	char memory[];
};

/* What is told where there is no memory for anything better: not counted, never freed. */
static const struct fed_answer no_memory = {
	.outcome = FED_FAILED,
	.ttl_s = -1,
	.text = STR_INIT("out of memory"),
};

const char *fed_outcome_name(enum fed_outcome outcome)
{
	static const char *const names[] = {
#define X(name, text) [FED_##name] = (text),
		FED_OUTCOME_TABLE(X)
#undef X
	};

	return (unsigned)outcome < COUNT_OF(names) ? names[outcome] : "failed";
}

static struct shared *shared_of(const struct fed_answer *answer)
{
	return container_of((struct fed_answer *)(uintptr_t)answer, struct shared, answer);
}

const struct fed_answer *fed_answer_ref(const struct fed_answer *answer)
{
	if (answer != &no_memory)
		(void)atomic_fetch_add_explicit(&shared_of(answer)->refs, 1, memory_order_relaxed);
	return answer;
}

void fed_answer_unref(const struct fed_answer *answer)
{
	struct shared *shared;
	struct shared *of;

	if (answer == NULL || answer == &no_memory)
		return;
	shared = shared_of(answer);
	if (atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) > 1)
		return;
	of = shared->of;
	free(shared);
	if (of != NULL)
		fed_answer_unref(&of->answer);
}

size_t fed_answer_size(const struct fed_answer *answer)
{
	return answer == &no_memory ? 0 : shared_of(answer)->size;
}

static struct shared *shared_new(size_t more)
{
	struct shared *shared = mem_zero(sizeof(*shared) + more);

	if (shared == NULL)
		return NULL;
	atomic_init(&shared->refs, 1);
	shared->size = sizeof(*shared) + more;
	return shared;
}

static struct str put(char **at, struct str s)
{
	char *start = *at;

	if (s.len == 0)
		return STR_NONE;
	memcpy(start, s.p, s.len);
	*at += s.len;
	return str_of(start, s.len);
}

static size_t text_size(const struct fed_answer *from)
{
	size_t size = from->text.len;

	for (size_t i = 0; i < from->target_count; i++) {
		const struct fed_target *t = &from->targets[i];

		size += t->uri.len + t->route.len + t->methods.len + t->identity.len;
	}
	return size;
}

const struct fed_answer *fed_answer_copy(const struct fed_answer *from)
{
	size_t table = from->target_count * sizeof(from->targets[0]);
	struct shared *shared = shared_new(table + text_size(from));
	struct fed_target *targets;
	char *at;

	if (shared == NULL)
		return &no_memory;
	shared->answer = *from;
	targets = (struct fed_target *)(void *)shared->memory;
	at = shared->memory + table;
	for (size_t i = 0; i < from->target_count; i++) {
		targets[i] = from->targets[i];
		targets[i].uri = put(&at, from->targets[i].uri);
		targets[i].route = put(&at, from->targets[i].route);
		targets[i].methods = put(&at, from->targets[i].methods);
		targets[i].identity = put(&at, from->targets[i].identity);
	}
	shared->answer.targets = targets;
	shared->answer.text = put(&at, from->text);
	return &shared->answer;
}

const struct fed_answer *fed_answer_failed(struct str text)
{
	struct fed_answer failed = { .outcome = FED_FAILED,
		                     .ttl_s = -1,
		                     .text = str_head(text, TEXT_MAX) };

	return fed_answer_copy(&failed);
}

const struct fed_answer *fed_answer_again(const struct fed_answer *of, int64_t ttl_s,
                                          struct str text)
{
	struct str words = str_head(text, TEXT_MAX);
	struct shared *shared;
	char *at;

	if (of == &no_memory)
		return of;
	shared = shared_new(words.len);
	if (shared == NULL)
		return &no_memory;
	shared->answer = *of;
	shared->answer.ms = 0;
	shared->answer.ttl_s = ttl_s;
	shared->answer.cached = true;
	at = shared->memory;
	if (words.len > 0)
		shared->answer.text = put(&at, words);
	(void)fed_answer_ref(of);
	shared->of = shared_of(of);
	return &shared->answer;
}
