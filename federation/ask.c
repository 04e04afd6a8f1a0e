#include "base/mem.h"
#include "federation/house.h"
#include "federation/outcome.h"

#define ADDRESS_MAX 1024
#define PEER_NAME_MAX 256
#define WORDS_MAX 400

/* A question: it travels from its asker's loop to its home and back. Each side touches its own part alone. */
struct fed_question {
	struct post post;
	/* The asker's. */
	struct fed_worker *asker;
	struct fed_question *next;
	struct fed_question **prev;
	fed_answer_fn fn;
	void *arg;
	struct timer timer;
	int64_t deadline_ms;
	bool over; /* answered in other ways, or taken back */
	/* The home's. */
	struct fed_worker *home;
	struct fed_question *next_waiting;
	bool no_cache;
	/* Given back. */
	const struct fed_answer *answer;
	struct str key; /* peer, a NUL, address */
	size_t peer_len;
	char memory[];
};

/* One question on its way to a peer, for all who wait. At home. */
struct fed_inquiry {
	struct fed_worker *home;
	struct fed_entry *entry;
	struct fed_peers *peers;
	const struct fed_peer *peer;
	struct resolver_query *resolving; /* the peer's host; NULL: not, or done */
	struct timer patience;            /* with that */
	struct fed_fetch fetch;
};

static struct str peer_of(struct str key, size_t len)
{
	return str_head(key, len);
}

static struct str address_of(struct str key)
{
	return str_from_at(key, str_find(key, '\0') + 1);
}

static void tally_add(_Atomic uint64_t *n)
{
	(void)atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

/* ---------------------------------------------------------------------------- back at the asker's */

static void question_free(struct fed_question *q)
{
	loop_timer_stop(q->asker->loop, &q->timer);
	*q->prev = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	q->asker->question_count--;
	fed_answer_unref(q->answer);
	free(q);
}

static void on_answer(struct post *post, struct loop *loop)
{
	struct fed_question *q = container_of(post, struct fed_question, post);
	const struct fed_answer *answer = q->answer;
	fed_answer_fn fn = q->over ? NULL : q->fn;
	void *arg = q->arg;

	(void)loop;
	q->answer = NULL;
	question_free(q);
	if (fn != NULL)
		fn(arg, answer);
	fed_answer_unref(answer);
}

/* The asker's own time is up. The question goes on for others, and comes back to be freed. */
static void on_deadline(struct timer *t)
{
	struct fed_question *q = container_of(t, struct fed_question, timer);
	const struct fed_answer *answer;
	char words[64];
	struct buf text;

	buf_wrap(&text, words, sizeof(words));
	buf_printf(&text, "timeout after %lld ms", (long long)q->deadline_ms);
	answer = fed_answer_failed(buf_view(&text));
	q->over = true;
	q->fn(q->arg, answer);
	fed_answer_unref(answer);
}

void federation_cancel(struct fed_question *question)
{
	if (question == NULL)
		return;
	question->over = true;
	loop_timer_stop(question->asker->loop, &question->timer);
}

/* ---------------------------------------------------------------------------- at home: telling */

/* Send a question back with one reference to its answer. */
static void tell(struct fed_question *q, const struct fed_answer *answer)
{
	q->answer = answer;
	q->post.run = on_answer;
	loop_post(q->asker->loop, &q->post);
}

static void tell_all(struct fed_entry *entry, const struct fed_answer *answer)
{
	struct fed_question *next;

	for (struct fed_question *q = entry->waiting; q != NULL; q = next) {
		next = q->next_waiting;
		tell(q, fed_answer_ref(answer));
	}
	entry->waiting = NULL;
}

static void tell_failed(struct fed_question *q, struct str why)
{
	tell(q, fed_answer_failed(why));
}

static int64_t seconds_left(struct mono now, struct mono until)
{
	return (mono_ms_between(now, until) + 999) / 1000;
}

/* ---------------------------------------------------------------------------- at home: what came */

/* What is known may stand in for a while where the peer fails (ingress-only answers: stale-if-error). */
static const struct fed_answer *stand_in(const struct fed_entry *entry, unsigned generation,
                                         struct mono now, const struct fed_answer *failed)
{
	char memory[WORDS_MAX];
	struct buf words;

	if (failed->outcome != FED_FAILED || entry->answer == NULL ||
	    entry->generation != generation || !mono_after(entry->stale_until, now))
		return NULL;
	buf_wrap(&words, memory, sizeof(memory));
	buf_printf(&words, "%.*s; stale, because: %.*s",
	           STR_ARG(str_head(entry->answer->text, 100)),
	           STR_ARG(str_head(failed->text, 200)));
	return fed_answer_again(entry->answer, -1, buf_view(&words));
}

static void remember(struct fed_inquiry *inquiry, struct mono now)
{
	struct fed_cache *cache = &inquiry->home->cache;
	struct fed_entry *entry = inquiry->entry;
	const struct fed_fetch *f = &inquiry->fetch;

	if (f->fresh_ms <= 0 && f->stale_ms <= 0) {
		fed_cache_drop(cache, entry);
		return;
	}
	entry->generation = inquiry->peers->generation;
	entry->fresh_until = mono_add_ms(now, f->fresh_ms);
	entry->stale_until = mono_add_ms(now, f->fresh_ms + f->stale_ms);
	if (f->stale_ms <= 0)
		entry->stale_until = entry->fresh_until;
	fed_cache_put(cache, entry, fed_answer_ref(f->answer));
}

static void count_outcome(const struct fed_inquiry *inquiry)
{
	struct fed_tally *tally = inquiry->peer->tally;
	const struct fed_fetch *f = &inquiry->fetch;

	tally_add(&tally->outcomes[f->answer->outcome]);
	atomic_store_explicit(&tally->last_ms, f->answer->ms, memory_order_relaxed);
	if (f->retry_s > 0)
		atomic_store_explicit(&tally->quiet_until_ns,
		                      mono_add_ms(mono_now(), f->retry_s * 1000).ns,
		                      memory_order_relaxed);
}

static void inquiry_free(struct fed_inquiry *inquiry)
{
	loop_timer_stop(inquiry->home->loop, &inquiry->patience);
	(void)atomic_fetch_sub_explicit(&inquiry->home->fed->fetches, 1, memory_order_relaxed);
	(void)atomic_fetch_sub_explicit(&inquiry->peer->tally->running, 1, memory_order_relaxed);
	fed_answer_unref(inquiry->fetch.answer);
	fed_peers_unref(inquiry->peers);
	free(inquiry);
}

/* `inquiry->fetch` says what came: tell all who wait, remember it as long as it says. */
static void inquiry_end(struct fed_inquiry *inquiry)
{
	struct fed_entry *entry = inquiry->entry;
	struct mono now = mono_now();
	const struct fed_answer *other = stand_in(entry, inquiry->peers->generation, now,
	                                          inquiry->fetch.answer);

	count_outcome(inquiry);
	entry->inquiry = NULL;
	tell_all(entry, other != NULL ? other : inquiry->fetch.answer);
	if (other == NULL)
		remember(inquiry, now);
	fed_answer_unref(other);
	inquiry_free(inquiry);
}

static void on_fetched(struct fed_fetch *fetch)
{
	inquiry_end(container_of(fetch, struct fed_inquiry, fetch));
}

/* ---------------------------------------------------------------------------- at home: asking */

/* Its host has no address, for this reason. */
static void inquiry_lost(struct fed_inquiry *inquiry, struct str reason)
{
	char memory[WORDS_MAX];
	struct buf words;

	buf_wrap(&words, memory, sizeof(memory));
	buf_printf(&words, "no address of %.*s: %.*s",
	           STR_ARG(str_head(inquiry->peer->conf.host, 100)),
	           STR_ARG(str_head(reason, 200)));
	inquiry->fetch.answer = fed_answer_failed(buf_view(&words));
	inquiry_end(inquiry);
}

static void on_resolved(void *arg, struct resolver_result *result)
{
	struct fed_inquiry *inquiry = arg;
	struct fed_fetch *f = &inquiry->fetch;

	inquiry->resolving = NULL;
	loop_timer_stop(inquiry->home->loop, &inquiry->patience);
	for (size_t i = 0; i < result->target_count && f->addr_count < FED_ADDRESSES_MAX; i++)
		f->addrs[f->addr_count++] = result->targets[i].addr;
	if (result->outcome == RESOLVER_FOUND && f->addr_count > 0)
		fed_https_ask(inquiry->home->fed->https, f);
	else
		inquiry_lost(inquiry, result->reason);
	resolver_result_free(result);
}

/* A peer whose DNS is dead costs no more than its timeout either. */
static void on_impatient(struct timer *t)
{
	struct fed_inquiry *inquiry = container_of(t, struct fed_inquiry, patience);
	char memory[64];
	struct buf words;

	buf_wrap(&words, memory, sizeof(memory));
	buf_printf(&words, "no answer within %lld ms", (long long)inquiry->peer->conf.timeout_ms);
	resolver_cancel(inquiry->resolving);
	inquiry->resolving = NULL;
	inquiry_lost(inquiry, buf_view(&words));
}

static bool resolve(struct fed_inquiry *inquiry)
{
	struct fed_worker *home = inquiry->home;
	struct resolver_question question = {
		.host = inquiry->peer->conf.host,
		.port = inquiry->peer->conf.port,
		.foreign = false, /* the configuration itself names it */
		.limit = FED_ADDRESSES_MAX,
	};

	if (resolver_addresses(home->fed->env.resolver, home->loop, &question, on_resolved, inquiry,
	                       &inquiry->resolving) != ERR_OK)
		return false;
	loop_timer_start(home->loop, &inquiry->patience, inquiry->peer->conf.timeout_ms,
	                 on_impatient);
	return true;
}

/* Take one of a bounded number. */
static bool take_one(_Atomic unsigned *n, unsigned max)
{
	if (atomic_fetch_add_explicit(n, 1, memory_order_relaxed) < max)
		return true;
	(void)atomic_fetch_sub_explicit(n, 1, memory_order_relaxed);
	return false;
}

static struct fed_inquiry *inquiry_new(struct fed_worker *home, struct fed_peers *peers,
                                       const struct fed_peer *peer)
{
	struct fed_inquiry *inquiry;

	if (!take_one(&home->fed->fetches, FED_FETCHES_MAX))
		return NULL;
	inquiry = take_one(&peer->tally->running, FED_PEER_FETCHES_MAX) ? mem_zero(sizeof(*inquiry))
	                                                                : NULL;
	if (inquiry == NULL) {
		(void)atomic_fetch_sub_explicit(&home->fed->fetches, 1, memory_order_relaxed);
		return NULL;
	}
	inquiry->home = home;
	inquiry->peers = fed_peers_ref(peers);
	inquiry->peer = peer;
	return inquiry;
}

/* Ask the peer about `entry`; false: it can't be done now. */
static bool inquire(struct fed_worker *home, struct fed_entry *entry, struct fed_peers *peers,
                    const struct fed_peer *peer, bool no_cache)
{
	struct fed_inquiry *inquiry = inquiry_new(home, peers, peer);

	if (inquiry == NULL)
		return false;
	inquiry->entry = entry;
	inquiry->fetch.loop = home->loop;
	inquiry->fetch.done = on_fetched;
	inquiry->fetch.peers = peers;
	inquiry->fetch.peer = peer;
	inquiry->fetch.address = address_of(entry->key);
	inquiry->fetch.no_cache = no_cache;
	if (addr_family(&peer->numeric) != 0) {
		fed_https_ask(home->fed->https, &inquiry->fetch);
	} else if (!resolve(inquiry)) {
		inquiry_free(inquiry);
		return false;
	}
	entry->inquiry = inquiry;
	tally_add(&peer->tally->asked);
	return true;
}

/* Nothing is asked: forget the entry where it was made for this question. */
static void refuse(struct fed_question *q, struct fed_entry *entry, struct str why)
{
	/* A question that was told is its asker's again: it may be gone before the next line. */
	if (entry->answer == NULL && entry->waiting == NULL)
		fed_cache_drop(&q->home->cache, entry);
	tell_failed(q, why);
}

static bool is_quiet(const struct fed_peer *peer, struct fed_question *q, struct fed_entry *entry)
{
	struct mono until = { atomic_load_explicit(&peer->tally->quiet_until_ns,
		                                   memory_order_relaxed) };
	struct mono now = mono_now();
	char memory[WORDS_MAX];
	struct buf words;

	if (!mono_after(until, now))
		return false;
	buf_wrap(&words, memory, sizeof(memory));
	buf_printf(&words, "not asked: it wants to be left alone, retry after %lld s",
	           (long long)seconds_left(now, until));
	refuse(q, entry, buf_view(&words));
	return true;
}

static void answer_or_ask(struct fed_question *q, struct fed_peers *peers,
                          const struct fed_peer *peer)
{
	struct fed_worker *home = q->home;
	struct fed_entry *entry = fed_cache_get(&home->cache, q->key);
	struct mono now = mono_now();

	if (entry == NULL) {
		tell_failed(q, STR("too many questions at once"));
		return;
	}
	if (entry->answer != NULL && !q->no_cache && entry->generation == peers->generation &&
	    mono_after(entry->fresh_until, now)) {
		tally_add(&peer->tally->cached);
		tell(q, fed_answer_again(entry->answer, seconds_left(now, entry->fresh_until),
		                         STR_NONE));
		return;
	}
	if (entry->inquiry == NULL) {
		if (is_quiet(peer, q, entry))
			return;
		if (!inquire(home, entry, peers, peer, q->no_cache)) {
			refuse(q, entry, STR("too many questions at once"));
			return;
		}
	}
	q->next_waiting = entry->waiting;
	entry->waiting = q;
}

static void at_home(struct post *post, struct loop *loop)
{
	struct fed_question *q = container_of(post, struct fed_question, post);
	struct fed_peers *peers = fed_worker_peers(q->home);
	const struct fed_peer *peer = peers == NULL
	                                      ? NULL
	                                      : fed_peer_find(peers, peer_of(q->key, q->peer_len));

	(void)loop;
	if (peer == NULL)
		tell_failed(q, STR("no such peer"));
	else if (peer->conf.url.len == 0)
		tell_failed(q, STR("it has no url to ask"));
	else
		answer_or_ask(q, peers, peer);
}

/* ---------------------------------------------------------------------------- the asker */

static struct fed_question *question_new(struct fed_worker *asker, const struct fed_ask *ask)
{
	size_t len = ask->peer.len + 1 + ask->address.len;
	struct fed_question *q = mem_zero(sizeof(*q) + len);

	if (q == NULL)
		return NULL;
	memcpy(q->memory, ask->peer.p, ask->peer.len);
	memcpy(q->memory + ask->peer.len + 1, ask->address.p, ask->address.len);
	q->key = str_of(q->memory, len);
	q->peer_len = ask->peer.len;
	q->no_cache = ask->no_cache;
	q->deadline_ms = ask->deadline_ms;
	q->asker = asker;
	q->next = asker->questions;
	q->prev = &asker->questions;
	if (q->next != NULL)
		q->next->prev = &q->next;
	asker->questions = q;
	asker->question_count++;
	return q;
}

enum err federation_ask(struct federation *fed, struct loop *loop, const struct fed_ask *ask,
                        fed_answer_fn fn, void *arg, struct fed_question **out)
{
	struct fed_worker *asker = &fed->workers[loop_index(loop)];
	struct fed_question *q;
	unsigned home;

	if (asker->question_count >= FED_QUESTIONS_MAX || ask->address.len > ADDRESS_MAX ||
	    ask->peer.len > PEER_NAME_MAX || ask->peer.len == 0 || ask->address.len == 0)
		return ERR_LIMIT;
	q = question_new(asker, ask);
	if (q == NULL)
		return ERR_NOMEM;
	q->fn = fn;
	q->arg = arg;
	home = crew_home(fed->env.crew, hash_str(&fed->hash, q->key));
	q->home = &fed->workers[home];
	if (ask->deadline_ms > 0)
		loop_timer_start(loop, &q->timer, ask->deadline_ms, on_deadline);
	if (out != NULL)
		*out = q;
	q->post.run = at_home;
	loop_post(q->home->loop, &q->post);
	return ERR_OK;
}

/* ---------------------------------------------------------------------------- the end */

void fed_worker_fini(struct fed_worker *worker)
{
	struct fed_question *next;

	for (struct fed_entry *entry = worker->cache.newest; entry != NULL; entry = entry->older) {
		if (entry->inquiry != NULL)
			inquiry_free(entry->inquiry);
	}
	fed_cache_fini(&worker->cache);
	for (struct fed_question *q = worker->questions; q != NULL; q = next) {
		next = q->next;
		question_free(q);
	}
	fed_peers_unref(worker->peers);
}
