#include "resolver/inquiry.h"

#include "base/mem.h"

#define KEY_MAX (NAME_TEXT_MAX + 2)
/* What an answer may take while it is read. The largest packet that is all names stays below. */
#define ANSWER_MEMORY ((size_t)4 << 20)
#define ANSWER_FIRST 4096
/* A negative answer is kept at most so long: without SOA (RFC 2308 5 leaves it to us), and with one. */
#define NEGATIVE_TTL_BARE 60u
#define NEGATIVE_TTL_MAX 10800u
/* A failure is kept for this long at least (RFC 9520 3.2), and no longer, since it may be over. */
#define FAILURE_TTL 1u

/* Packets under way from one worker, those that nobody waits for any more too: identities are 16 bits. */
#define FLIGHTS_MAX 32768

/* A packet under way to a server. */
struct flight {
	struct flight *next;
	struct flight **prev;
	struct inquiry *inquiry; /* NULL: ended, nobody waits for it */
	struct upstream *up;
	size_t server;
	struct mono sent;
	bool edns;
	bool silent;  /* has been held against the server */
	bool sending; /* inside cares_send() */
	bool ended;   /* there already */
	enum err e;
};

struct inquiry {
	struct home *home;
	struct inquiry *older;
	struct inquiry *newer;
	struct upstream *up;
	struct timer timer;
	struct mono begun;
	struct mono end;
	int64_t interval_ms;
	struct ask *waiters;
	struct ask **last_waiter;
	struct flight *flights;
	unsigned tried;           /* servers, in this round */
	unsigned hops;            /* aliases followed */
	uint32_t ttl;             /* of the aliases */
	enum dns_verdict failure; /* what to say if nothing better comes */
	unsigned rcode;
	enum dns_type type;
	struct str name;
	struct str asked; /* the name, or what it is an alias of */
	char *alias;
	size_t key_len;
	char key[]; /* type, name */
};

static void ask_next(struct inquiry *q);

/* ---------------------------------------------------------------------------- beginning and end */

static struct str write_key(char out[KEY_MAX], struct str name, enum dns_type type)
{
	must(name.len < NAME_TEXT_MAX);
	out[0] = (char)(type >> 8);
	out[1] = (char)type;
	memcpy(out + 2, name.p, name.len);
	return str_of(out, name.len + 2);
}

static struct inquiry *inquiry_new(struct home *h, struct str key)
{
	struct inquiry *q = mem_zero(sizeof(*q) + key.len);
	const struct resolver_conf *conf = &h->upstream->settings->conf;

	if (q == NULL)
		return NULL;
	q->home = h;
	q->last_waiter = &q->waiters;
	q->begun = loop_now(h->loop);
	q->end = mono_add_ms(q->begun, conf->timeout_ms);
	/* Time for each server, and for some once more. */
	q->interval_ms = conf->timeout_ms / (int64_t)(conf->server_count + 2);
	q->ttl = DNS_TTL_MAX;
	q->failure = DNS_UNANSWERED;
	memcpy(q->key, key.p, key.len);
	q->key_len = key.len;
	q->type = (enum dns_type)((unsigned char)key.p[0] << 8 | (unsigned char)key.p[1]);
	q->name = str_of(q->key + 2, key.len - 2);
	q->asked = q->name;
	if (map_put(&h->inquiries, str_of(q->key, q->key_len), q) != ERR_OK) {
		free(q);
		return NULL;
	}
	q->up = upstream_ref(h->upstream);
	q->older = h->newest;
	*(h->newest == NULL ? &h->oldest : &h->newest->newer) = q;
	h->newest = q;
	return q;
}

static void forget_flights(struct inquiry *q)
{
	while (q->flights != NULL) {
		struct flight *f = q->flights;

		q->flights = f->next;
		f->inquiry = NULL;
		f->prev = NULL;
	}
}

/* Take it out of everything but the list of those who wait. */
static void detach(struct inquiry *q)
{
	struct home *h = q->home;

	must(map_del(&h->inquiries, str_of(q->key, q->key_len)) == q);
	*(q->older == NULL ? &h->oldest : &q->older->newer) = q->newer;
	*(q->newer == NULL ? &h->newest : &q->newer->older) = q->older;
	forget_flights(q);
	loop_timer_stop(h->loop, &q->timer);
	upstream_unref(q->up);
}

static void release(struct inquiry *q)
{
	free(q->alias);
	free(q);
}

void inquiry_drop(struct inquiry *q)
{
	detach(q);
	release(q);
}

static void answer_waiters(struct inquiry *q, struct records *records, enum dns_verdict failure)
{
	struct ask *ask = q->waiters;

	while (ask != NULL) {
		struct ask *next = ask->next_waiter;

		ask_answer(ask, records, failure, false);
		ask = next;
	}
}

static void count_latency(struct home *h, int64_t ns)
{
	size_t class = 0;

	while (class < RESOLVER_LATENCY_CLASSES - 1 &&
	       ns > (int64_t)resolver_latency_bounds_ms[class] * 1000000)
		class ++;
	home_count(&h->counts.latency[class], 1);
	home_count(&h->counts.latency_us, (uint64_t)ns / 1000);
}

static void count_end(struct inquiry *q, enum dns_verdict v)
{
	struct home *h = q->home;

	if (dns_is_answer(v))
		count_latency(h, loop_now(h->loop).ns - q->begun.ns);
	else if (v == DNS_UNANSWERED)
		home_count(&h->counts.timeouts, 1);
	else
		home_count(&h->counts.errors, 1);
}

/* How long the answer may be kept. */
static uint32_t time_to_live(const struct inquiry *q, const struct dns_answer *a)
{
	uint32_t ttl = a->ttl < q->ttl ? a->ttl : q->ttl;
	uint32_t most = DNS_TTL_MAX;

	if (!dns_is_answer(a->verdict))
		return a->verdict == DNS_BUSY || a->verdict == DNS_NO_MEMORY ? 0 : FAILURE_TTL;
	if (a->verdict != DNS_RECORDS)
		most = a->ttl_unknown ? NEGATIVE_TTL_BARE : NEGATIVE_TTL_MAX;
	return ttl < most ? ttl : most;
}

/* This is the answer: keep it, and tell all who wait. */
static void end_with(struct inquiry *q, struct dns_answer *answer)
{
	struct home *h = q->home;
	struct records *records;

	answer->type = q->type;
	answer->ttl = time_to_live(q, answer);
	records = records_new(answer, mono_add_ms(loop_now(h->loop), (int64_t)answer->ttl * 1000));
	count_end(q, answer->verdict);
	detach(q);
	if (records != NULL && answer->ttl > 0)
		cache_put(&h->cache, q->name, records);
	home_count_cache(h);
	answer_waiters(q, records, DNS_NO_MEMORY);
	records_unref(records);
	release(q);
}

static void end_without(struct inquiry *q, enum dns_verdict failure)
{
	struct dns_answer answer = { .verdict = failure, .rcode = q->rcode };

	end_with(q, &answer);
}

/* ---------------------------------------------------------------------------- answers */

static void unlink_flight(struct flight *f)
{
	if (f->prev == NULL)
		return;
	*f->prev = f->next;
	if (f->next != NULL)
		f->next->prev = f->prev;
	f->prev = NULL;
}

/* Has a server said something? */
static bool was_said(enum dns_verdict failure)
{
	return failure == DNS_ERROR || failure == DNS_LAME || failure == DNS_GARBAGE;
}

/* A server has failed; what it said is better to tell than that one couldn't be reached. */
static void note_failure(struct inquiry *q, enum dns_verdict failure, unsigned rcode)
{
	if (!was_said(failure) && q->failure != DNS_UNANSWERED)
		return;
	q->failure = failure;
	q->rcode = rcode;
}

/* It wasn't sent, or didn't arrive. */
static void note_err(struct inquiry *q, enum err e)
{
	enum dns_verdict failure = e == ERR_NOMEM   ? DNS_NO_MEMORY
	                           : e == ERR_LIMIT ? DNS_BUSY
	                                            : DNS_UNREACHABLE;

	note_failure(q, failure, 0);
}

/* The name is another's, and the answer doesn't say what that one has: ask on (RFC 1034 5.3.2). */
static void follow(struct inquiry *q, const struct dns_answer *answer)
{
	char *alias;

	if (++q->hops > DNS_ALIASES_MAX) {
		end_without(q, DNS_LOOP);
		return;
	}
	alias = malloc(answer->alias.len);
	if (alias == NULL) {
		end_without(q, DNS_NO_MEMORY);
		return;
	}
	memcpy(alias, answer->alias.p, answer->alias.len);
	free(q->alias);
	q->alias = alias;
	q->asked = str_of(alias, answer->alias.len);
	q->ttl = answer->ttl < q->ttl ? answer->ttl : q->ttl;
	q->tried = 0;
	forget_flights(q);
	ask_next(q);
}

/* Malformed or not implemented, says one that doesn't know EDNS0 (RFC 6891 7): once more without. */
static bool is_edns_trouble(const struct flight *f, const struct dns_answer *a)
{
	return f->edns && a->verdict == DNS_ERROR &&
	       (a->rcode == DNS_FORMERR || a->rcode == DNS_NOTIMP);
}

static void take_answer(struct inquiry *q, const struct flight *f, struct dns_answer *answer)
{
	if (is_edns_trouble(f, answer)) {
		q->up->servers.list[f->server].plain = true;
		q->tried &= ~(1u << f->server);
	}
	if (answer->verdict == DNS_ALIAS) {
		follow(q, answer);
	} else if (answer->verdict == DNS_ERROR || answer->verdict == DNS_LAME) {
		note_failure(q, answer->verdict, answer->rcode);
		ask_next(q);
	} else {
		end_with(q, answer);
	}
}

static void read_answer(struct inquiry *q, const struct flight *f, struct str packet)
{
	char first[ANSWER_FIRST];
	struct dns_answer answer;
	struct arena arena;
	enum err e;

	arena_init(&arena, first, sizeof(first), ANSWER_MEMORY);
	e = dns_answer_read(&answer, packet, q->asked, q->type, &arena);
	if (e == ERR_OK) {
		take_answer(q, f, &answer);
	} else {
		note_failure(q, e == ERR_NOMEM ? DNS_NO_MEMORY : DNS_GARBAGE, 0);
		ask_next(q);
	}
	arena_fini(&arena);
}

static void on_packet(void *arg, enum err e, struct str packet)
{
	struct flight *f = arg;
	struct inquiry *q = f->inquiry;
	struct mono now = loop_now(f->up->loop);

	f->ended = true;
	f->e = e;
	/* Failed while it was sent: who sends it sees that. */
	if (f->sending)
		return;
	unlink_flight(f);
	if (e == ERR_OK)
		servers_answered(&f->up->servers, f->server, now);
	else if (e == ERR_UNREACHABLE)
		servers_silent(&f->up->servers, f->server, f->sent, now);
	if (q != NULL && e == ERR_OK) {
		read_answer(q, f, packet);
	} else if (q != NULL && e != ERR_TIMEOUT) { /* time is our timer's */
		note_err(q, e);
		ask_next(q);
	}
	free(f);
}

/* ---------------------------------------------------------------------------- sending */

static struct flight *flight_new(struct inquiry *q, size_t server)
{
	struct flight *f = mem_zero(sizeof(*f));

	if (f == NULL)
		return NULL;
	f->inquiry = q;
	f->up = q->up;
	f->server = server;
	f->sent = loop_now(q->home->loop);
	f->edns = !q->up->servers.list[server].plain;
	f->prev = &q->flights;
	f->next = *f->prev;
	if (f->next != NULL)
		f->next->prev = &f->next;
	*f->prev = f;
	return f;
}

static void flight_free(struct flight *f)
{
	unlink_flight(f);
	free(f);
}

static enum err send_once(struct inquiry *q, size_t server)
{
	unsigned char memory[DNS_QUERY_MAX];
	struct wire_writer w = wire_writer_of(memory, sizeof(memory));
	struct flight *f;
	uint16_t id;
	enum err e;

	if (cares_pending(q->up->cares) >= FLIGHTS_MAX)
		return ERR_LIMIT;
	f = flight_new(q, server);
	if (f == NULL)
		return ERR_NOMEM;
	e = home_random16(q->home, &id) ? dns_query_write(&w, id, q->asked, q->type, f->edns)
	                                : ERR_NOMEM;
	if (e == ERR_OK) {
		home_count(&q->home->counts.sent, 1);
		f->sending = true;
		cares_send(q->up->cares, server, f->edns, wire_view(&w), on_packet, f);
		f->sending = false;
		e = f->ended ? f->e : ERR_OK;
	}
	if (e != ERR_OK)
		flight_free(f);
	return e;
}

static enum err send_to(struct inquiry *q, size_t server)
{
	enum err e;

	q->tried |= 1u << server;
	e = send_once(q, server);
	/* The system tells that nobody listens there when the next packet is sent, which may be this one: then it says nothing about
	 * this one, and the packet before would never hear of it. */
	return e == ERR_UNREACHABLE ? send_once(q, server) : e;
}

/* Ask one of those that weren't asked in this round. The first time also one that has been silent, to see whether it is back. */
static void ask_next(struct inquiry *q)
{
	bool first = q->tried == 0 && q->flights == NULL;
	size_t server;
	size_t beside;

	while (servers_choose(&q->up->servers, q->tried, &server)) {
		enum err e;

		if (first &&
		    servers_beside(&q->up->servers, server, loop_now(q->home->loop), &beside))
			(void)send_to(q, beside);
		first = false;
		e = send_to(q, server);
		if (e == ERR_OK)
			return;
		note_err(q, e);
	}
	if (q->flights == NULL)
		end_without(q, q->failure);
}

static void start_timer(struct inquiry *q);

static void on_timer(struct timer *timer)
{
	struct inquiry *q = container_of(timer, struct inquiry, timer);
	struct mono now = loop_now(q->home->loop);
	bool said = was_said(q->failure);
	size_t server;

	for (struct flight *f = q->flights; f != NULL; f = f->next) {
		if (!f->silent)
			servers_silent(&q->up->servers, f->server, f->sent, now);
		f->silent = true;
	}
	if (!mono_after(q->end, now)) {
		end_without(q, said ? q->failure : DNS_UNANSWERED);
		return;
	}
	if (!servers_choose(&q->up->servers, q->tried, &server)) {
		/* All were asked. Where one has said what is wrong, the rest would only say the same. */
		if (said) {
			end_without(q, q->failure);
			return;
		}
		q->tried = 0;
	}
	start_timer(q);
	ask_next(q);
}

static void start_timer(struct inquiry *q)
{
	int64_t left_ns = q->end.ns - loop_now(q->home->loop).ns;
	int64_t left_ms = left_ns <= 0 ? 0 : (left_ns + 999999) / 1000000;

	loop_timer_start(q->home->loop, &q->timer,
	                 left_ms < q->interval_ms ? left_ms : q->interval_ms, on_timer);
}

/* ---------------------------------------------------------------------------- questions */

static struct inquiry *begin(struct home *h, struct str key)
{
	if (h->inquiries.count >= INQUIRIES_MAX)
		end_without(h->oldest, DNS_BUSY);
	return inquiry_new(h, key);
}

void inquiry_take(struct home *h, struct ask *ask)
{
	char text[KEY_MAX];
	struct records *known = cache_get(&h->cache, ask->name, ask->type, loop_now(h->loop));
	struct str key = write_key(text, ask->name, ask->type);
	struct inquiry *q;
	bool asked = true;

	if (known != NULL) {
		home_count(&h->counts.hits, 1);
		ask_answer(ask, known, DNS_NO_MEMORY, true);
		return;
	}
	q = map_get(&h->inquiries, key);
	if (q == NULL)
		q = begin(h, key);
	else
		asked = false;
	if (q == NULL) {
		ask_answer(ask, NULL, DNS_NO_MEMORY, false);
		return;
	}
	*q->last_waiter = ask;
	q->last_waiter = &ask->next_waiter;
	home_count(asked ? &h->counts.asked : &h->counts.joined, 1);
	if (asked) {
		start_timer(q);
		ask_next(q); /* may be its end */
	}
}
