#include "resolver/ask.h"

#include "base/mem.h"
#include "resolver/inquiry.h"
#include "resolver/query.h"

static void on_question(struct post *post, struct loop *loop)
{
	struct ask *ask = container_of(post, struct ask, post);

	(void)loop;
	inquiry_take(ask->home, ask);
}

static void take_answer(struct ask *ask)
{
	ask->answered = true;
	ask->asker->ask_count--;
	ask->ended = loop_now(ask->asker->loop);
	if (ask->query == NULL)
		ask_free(ask);
	else
		query_answered(ask->query, ask);
}

static void on_answer(struct post *post, struct loop *loop)
{
	(void)loop;
	take_answer(container_of(post, struct ask, post));
}

static void link_ask(struct ask *ask)
{
	ask->prev = &ask->asker->asks;
	ask->next = *ask->prev;
	if (ask->next != NULL)
		ask->next->prev = &ask->next;
	*ask->prev = ask;
	ask->asker->ask_count++;
}

struct ask *ask_send(struct home *asker, struct resolver_query *query, struct str name,
                     enum dns_type type)
{
	struct ask *ask = asker->ask_count < ASKS_MAX ? mem_zero(sizeof(*ask) + name.len + 1)
	                                              : NULL;

	if (ask == NULL)
		return NULL;
	ask->asker = asker;
	ask->home = home_of(asker->resolver, name, type);
	ask->query = query;
	ask->begun = loop_now(asker->loop);
	ask->type = type;
	memcpy(ask->text, name.p, name.len);
	ask->name = str_of(ask->text, name.len);
	link_ask(ask);
	if (ask->home == asker) {
		inquiry_take(asker, ask);
	} else {
		ask->post.run = on_question;
		loop_post(ask->home->loop, &ask->post);
	}
	return ask;
}

void ask_answer(struct ask *ask, struct records *records, enum dns_verdict failure, bool cached)
{
	ask->records = records_ref(records);
	ask->failure = failure;
	ask->cached = cached;
	if (ask->home == ask->asker) {
		take_answer(ask);
	} else {
		ask->post.run = on_answer;
		loop_post(ask->asker->loop, &ask->post);
	}
}

void ask_forget(struct ask *ask)
{
	ask->query = NULL;
	if (ask->answered)
		ask_free(ask);
}

void ask_free(struct ask *ask)
{
	*ask->prev = ask->next;
	if (ask->next != NULL)
		ask->next->prev = ask->prev;
	records_unref(ask->records);
	free(ask);
}

enum dns_verdict ask_verdict(const struct ask *ask)
{
	if (!ask->answered)
		return DNS_UNANSWERED;
	return ask->records == NULL ? ask->failure : ask->records->answer.verdict;
}
