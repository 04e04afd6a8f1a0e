/* The whole resolver, on several workers, against name servers that misbehave. */
#include "resolver/resolver.h"

#include "base/mem.h"
#include "tests/unit/alloc_fail.h"
#include "tests/unit/resolver/dns_server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 4
#define TIMEOUT_MS 1000
#define ASKED_MAX 8192

struct bench {
	struct dns_server *dns;
	struct crew *crew;
	struct resolver *resolver;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned done;
};

/* One question from one worker. */
struct asking {
	struct post post;
	struct bench *bench;
	struct resolver_question question;
	bool addresses;
	bool cancel; /* at once */
	struct resolver_query *query;
	struct resolver_result *result;
	enum err e;
	struct mono begun;
	int64_t ms;
};

static void tell_done(struct bench *b)
{
	must(pthread_mutex_lock(&b->lock) == 0);
	b->done++;
	must(pthread_cond_signal(&b->changed) == 0);
	must(pthread_mutex_unlock(&b->lock) == 0);
}

static void wait_done(struct bench *b, unsigned count)
{
	must(pthread_mutex_lock(&b->lock) == 0);
	while (b->done < count)
		must(pthread_cond_wait(&b->changed, &b->lock) == 0);
	b->done -= count;
	must(pthread_mutex_unlock(&b->lock) == 0);
}

static void on_done(void *arg, struct resolver_result *result)
{
	struct asking *a = arg;

	must(result != NULL && a->result == NULL);
	a->result = result;
	a->ms = mono_ms_between(a->begun, mono_now());
	tell_done(a->bench);
}

static void on_start(struct post *post, struct loop *loop)
{
	struct asking *a = container_of(post, struct asking, post);
	struct resolver *r = a->bench->resolver;

	a->begun = mono_now();
	a->e = a->addresses ? resolver_addresses(r, loop, &a->question, on_done, a, &a->query)
	                    : resolver_locate(r, loop, &a->question, on_done, a, &a->query);
	must(a->result == NULL); /* never from inside */
	if (a->cancel)
		resolver_cancel(a->query);
	if (a->cancel || a->e != ERR_OK)
		tell_done(a->bench);
}

static struct asking about(const char *host)
{
	return (struct asking){ .question = { .host = str_from(host),
		                              .port = 5060,
		                              .supported = RESOLVER_UDP,
		                              .seed = 1 } };
}

static void begin(struct bench *b, struct asking *a, unsigned worker)
{
	a->bench = b;
	a->post.run = on_start;
	loop_post(crew_loop(b->crew, worker), &a->post);
}

static void ask(struct bench *b, struct asking *a, unsigned worker)
{
	begin(b, a, worker);
	wait_done(b, 1);
}

static void forget(struct asking *a)
{
	resolver_result_free(a->result);
	a->result = NULL;
}

/* ---------------------------------------------------------------------------- set up, tear down */

static struct resolver_conf conf_of(const struct bench *b, struct addr servers[DNS_SERVERS],
                                    size_t count)
{
	for (unsigned i = 0; i < DNS_SERVERS; i++)
		servers[i] = dns_server_addr(b->dns, i);
	return (struct resolver_conf){ .servers = servers,
		                       .server_count = count,
		                       .timeout_ms = TIMEOUT_MS };
}

static void open_bench_for(struct bench *b, unsigned workers, size_t servers, int64_t timeout_ms)
{
	struct addr list[DNS_SERVERS];
	struct resolver_conf conf;

	*b = (struct bench){ .dns = dns_server_start() };
	must(pthread_mutex_init(&b->lock, NULL) == 0 && pthread_cond_init(&b->changed, NULL) == 0);
	conf = conf_of(b, list, servers);
	conf.timeout_ms = timeout_ms;
	assert_int_equal(crew_open(&b->crew, workers), ERR_OK);
	assert_int_equal(resolver_open(&b->resolver, b->crew, &conf), ERR_OK);
	assert_int_equal(crew_start(b->crew), ERR_OK);
}

static void open_bench(struct bench *b, unsigned workers, size_t servers)
{
	open_bench_for(b, workers, servers, TIMEOUT_MS);
}

static void close_bench(struct bench *b)
{
	crew_stop(b->crew);
	resolver_close(b->resolver);
	crew_close(b->crew);
	dns_server_stop(b->dns);
	(void)pthread_mutex_destroy(&b->lock);
	(void)pthread_cond_destroy(&b->changed);
}

static struct resolver_counts all_counts(const struct bench *b)
{
	struct resolver_counts sum = { 0 };

	for (unsigned i = 0; i < crew_count(b->crew); i++) {
		struct resolver_counts one;

		resolver_counts_read(b->resolver, i, &one);
		sum.located += one.located;
		sum.found += one.found;
		sum.nobody += one.nobody;
		sum.failed += one.failed;
		sum.refused += one.refused;
		sum.hits += one.hits;
		sum.joined += one.joined;
		sum.asked += one.asked;
		sum.sent += one.sent;
		sum.timeouts += one.timeouts;
		sum.errors += one.errors;
		sum.cached += one.cached;
		sum.latency_us += one.latency_us;
		for (size_t k = 0; k < RESOLVER_LATENCY_CLASSES; k++)
			sum.latency[k] += one.latency[k];
	}
	return sum;
}

/* ---------------------------------------------------------------------------- answers */

static void each_behaviour(void **state)
{
	static const struct {
		const char *host;
		enum resolver_outcome want;
		size_t targets;
		int64_t least_ms;
		int64_t most_ms;
		const char *reason;
	} cases[] = {
		{ "ok.test", RESOLVER_FOUND, 3, 0, 800, "" },
		{ "OK.Test.", RESOLVER_FOUND, 3, 0, 800, "" },
		{ "192.0.2.9", RESOLVER_FOUND, 1, 0, 800, "" },
		{ "[2001:db8::9]", RESOLVER_FOUND, 1, 0, 800, "" },
		{ "localhost", RESOLVER_FOUND, 2, 0, 800, "" },
		{ "x.invalid", RESOLVER_NOBODY, 0, 0, 800, "there is no x.invalid" },
		{ "none.test", RESOLVER_NOBODY, 0, 0, 800, "there is no none.test" },
		{ "bare.test", RESOLVER_NOBODY, 0, 0, 800, "there is no bare.test" },
		{ "alias.test", RESOLVER_FOUND, 3, 0, 800, "" },
		{ "loop.test", RESOLVER_FAILED, 0, 0, 800, "aliases without end from DNS about" },
		{ "large.test", RESOLVER_FOUND, RESOLVER_TARGETS_MAX, 0, 800, "" },
		{ "slow.test", RESOLVER_FOUND, 3, 150, 950, "" },
		{ "silent.test", RESOLVER_FAILED, 0, TIMEOUT_MS - 50, TIMEOUT_MS + 500,
		  "no answer in time from DNS about" },
		{ "wrongid.test", RESOLVER_FAILED, 0, TIMEOUT_MS - 50, TIMEOUT_MS + 500,
		  "no answer in time" },
		{ "servfail.test", RESOLVER_FAILED, 0, 0, 800, "SERVFAIL from DNS about" },
		{ "refused.test", RESOLVER_FAILED, 0, 0, 800, "REFUSED from DNS about" },
		{ "notimp.test", RESOLVER_FAILED, 0, 0, 800, "NOTIMP from DNS about" },
		{ "noedns.test", RESOLVER_FOUND, 3, 0, 800, "" },
		{ "garbage.test", RESOLVER_FAILED, 0, 0, 800, "nonsense from DNS about" },
		{ "cut.test", RESOLVER_FAILED, 0, 0, TIMEOUT_MS + 500, "from DNS about" },
		{ "a..b", RESOLVER_FAILED, 0, 0, 800, "not a host name" },
		{ "", RESOLVER_FAILED, 0, 0, 800, "not a host name" },
	};
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, 1);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct asking a = about(cases[i].host);

		a.addresses = true;
		ask(&b, &a, i % WORKERS);
		print_message("%s: %s after %lld ms, %.*s\n", cases[i].host,
		              resolver_outcome_text(a.result->outcome), (long long)a.ms,
		              STR_ARG(a.result->reason));
		assert_int_equal(a.result->outcome, cases[i].want);
		assert_int_equal(a.result->target_count, cases[i].targets);
		assert_in_range(a.ms, cases[i].least_ms, cases[i].most_ms);
		assert_int_equal(a.result->reason.len == 0, cases[i].reason[0] == '\0');
		assert_true(str_contains_nocase(a.result->reason, str_from(cases[i].reason)));
		forget(&a);
	}
	close_bench(&b);
}

static void the_whole_procedure(void **state)
{
	struct asking a = about("naptr.test");
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, 1);
	a.question.port = 0;
	a.question.trace = true;
	ask(&b, &a, 1);
	assert_int_equal(a.result->outcome, RESOLVER_FOUND);
	assert_int_equal(a.result->target_count, 3);
	assert_int_equal(addr_port(&a.result->targets[0].addr), 5070);
	assert_true(str_eq(a.result->targets[0].host, STR("ok.test")));
	assert_true(a.result->targets[0].has_srv);
	assert_int_equal(a.result->targets[0].priority, 10);
	assert_in_range(a.result->ttl, 59, 60);
	/* NAPTR, the SRV asked ahead, the one that NAPTR names, and both families of its target. */
	assert_int_equal(a.result->step_count, 5);
	assert_string_equal(a.result->steps[0].type, "NAPTR");
	assert_int_equal(a.result->steps[2].depth, 1);
	assert_true(str_eq(a.result->steps[2].answer, STR("10 1 5070 ok.test.")));
	assert_int_equal(a.result->steps[3].depth, 2);
	assert_false(a.result->steps[3].cached);
	forget(&a);
	ask(&b, &a, 2);
	for (size_t i = 0; i < a.result->step_count; i++) {
		assert_true(a.result->steps[i].cached);
		assert_int_equal(a.result->steps[i].ms, 0);
	}
	forget(&a);
	a.question.limit = 2;
	ask(&b, &a, 3);
	assert_int_equal(a.result->target_count, 2);
	forget(&a);
	close_bench(&b);
}

/* What is swallowed on the way costs half of the time, and not the call, where there is something else. */
static void what_is_never_answered_can_be_done_without(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		unsigned supported;
		size_t targets;
		uint16_t want_port;
		int64_t ms;
	} cases[] = {
		{ "nonaptr.test", 0, RESOLVER_UDP, 3, 5070, TIMEOUT_MS / 2 }, /* by SRV */
		{ "noaaaa.test", 5060, RESOLVER_UDP, 2, 5060, TIMEOUT_MS / 2 },
		{ "noaaaa2.test", 0, RESOLVER_TCP, 2, 5060, TIMEOUT_MS / 2 },
		/* Whether there are SRV records isn't known: the addresses of the host may be another service's. */
		{ "nosrv.test", 0, RESOLVER_UDP, 0, 0, TIMEOUT_MS },
	};
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, 1);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct asking a = about(cases[i].host);

		a.question.port = cases[i].port;
		a.question.supported = cases[i].supported;
		ask(&b, &a, i % WORKERS);
		print_message("%s: %zu targets after %lld ms, %.*s\n", cases[i].host,
		              a.result->target_count, (long long)a.ms, STR_ARG(a.result->reason));
		assert_int_equal(a.result->target_count, cases[i].targets);
		assert_int_equal(a.result->outcome,
		                 cases[i].targets > 0 ? RESOLVER_FOUND : RESOLVER_FAILED);
		if (cases[i].targets > 0)
			assert_int_equal(addr_port(&a.result->targets[0].addr), cases[i].want_port);
		assert_in_range(a.ms, cases[i].ms - 50, cases[i].ms + 400);
		forget(&a);
	}
	close_bench(&b);
}

static void who_learns_from_others_may_not_point_inwards(void **state)
{
	struct asking a = about("inward.test");
	struct network allow;
	struct addr list[DNS_SERVERS];
	struct resolver_conf conf;
	struct bench b;

	(void)state;
	open_bench(&b, 1, 1);
	ask(&b, &a, 0);
	assert_int_equal(a.result->target_count, 2);
	forget(&a);
	a.question.foreign = true;
	ask(&b, &a, 0);
	assert_int_equal(a.result->outcome, RESOLVER_FAILED);
	assert_true(str_contains_nocase(a.result->reason,
	                                STR("5060 refused, since it points inwards")));
	assert_true(str_contains_nocase(a.result->reason, STR("and 1 more")));
	forget(&a);
	assert_int_equal(all_counts(&b).refused, 2);
	conf = conf_of(&b, list, 1);
	assert_int_equal(network_parse(&allow, STR("127.0.0.0/8")), ERR_OK);
	conf.allow_targets = &allow;
	conf.allow_count = 1;
	assert_int_equal(resolver_configure(b.resolver, &conf), ERR_OK);
	ask(&b, &a, 0);
	assert_int_equal(a.result->outcome, RESOLVER_FOUND);
	assert_int_equal(a.result->target_count, 1);
	assert_true(str_contains_nocase(a.result->reason, STR("10.0.0.1:5060 refused")));
	forget(&a);
	close_bench(&b);
}

/* ---------------------------------------------------------------------------- one question for all */

static void one_question_however_many_wait(void **state)
{
	static struct asking asked[2000];
	struct resolver_counts counts;
	struct bench b;

	(void)state;
	open_bench_for(&b, WORKERS, 1, 6000);
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		asked[i] = about("slow.test");
		begin(&b, &asked[i], i % WORKERS);
	}
	wait_done(&b, COUNT_OF(asked));
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		assert_int_equal(asked[i].result->outcome, RESOLVER_FOUND);
		assert_int_equal(asked[i].result->target_count, 3);
		forget(&asked[i]);
	}
	assert_int_equal(dns_server_total(b.dns, 0), 2);
	assert_int_equal(dns_server_count(b.dns, 0, "slow.test", DNS_A), 1);
	counts = all_counts(&b);
	assert_int_equal(counts.located, COUNT_OF(asked));
	assert_int_equal(counts.found, COUNT_OF(asked));
	assert_int_equal(counts.asked, 2);
	assert_int_equal(counts.sent, 2);
	assert_int_equal(counts.joined + counts.hits, 2 * COUNT_OF(asked) - 2);
	assert_int_equal(counts.cached, 2);
	assert_int_equal(counts.latency[6] + counts.latency[7], 2); /* more than 200 ms */
	assert_in_range(counts.latency_us, 300000, 8000000);
	close_bench(&b);
}

/* Kamailio: an OPTIONS is answered 40 s after 16 calls to a dead domain. */
static void dead_domains_delay_nobody(void **state)
{
	static char hosts[16][32];
	struct asking dead[16];
	struct asking a;
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, 1);
	for (size_t i = 0; i < COUNT_OF(dead); i++) {
		(void)snprintf(hosts[i], sizeof(hosts[i]), "silent%zu.test", i);
		dead[i] = about(hosts[i]);
		dead[i].question.port = 0;
		begin(&b, &dead[i], i % WORKERS);
	}
	for (size_t i = 0; i < WORKERS; i++) {
		a = about(i % 2 == 0 ? "ok.test" : "192.0.2.1");
		/* The dead ones are not done before this: they take a second. */
		ask(&b, &a, i);
		assert_non_null(a.result);
		assert_int_equal(a.result->outcome, RESOLVER_FOUND);
		assert_in_range(a.ms, 0, 800);
		forget(&a);
	}
	wait_done(&b, COUNT_OF(dead));
	for (size_t i = 0; i < COUNT_OF(dead); i++) {
		assert_int_equal(dead[i].result->outcome, RESOLVER_FAILED);
		assert_in_range(dead[i].ms, TIMEOUT_MS - 50, TIMEOUT_MS + 500);
		forget(&dead[i]);
	}
	/* Who asks waits as long as the question is asked, which began a little later. */
	must(usleep(200000) == 0);
	assert_int_equal(all_counts(&b).timeouts, 16 * 2);
	close_bench(&b);
}

/* More dead names at once than there is room for: those that have waited longest end, and a living one has its place. */
static void floods_of_dead_names_are_bounded(void **state)
{
	static struct asking dead[ASKED_MAX];
	static char hosts[ASKED_MAX][24];
	struct asking a = about("ok.test");
	struct resolver_counts counts;
	struct bench b;

	(void)state;
	open_bench_for(&b, 1, 1, 3000);
	for (size_t i = 0; i < ASKED_MAX; i++) {
		(void)snprintf(hosts[i], sizeof(hosts[i]), "silent%zu.test", i);
		dead[i] = about(hosts[i]);
		begin(&b, &dead[i], 0);
		if (i % 64 == 0) /* the server's socket holds some hundred packets */
			must(usleep(8000) == 0);
	}
	begin(&b, &a, 0);
	wait_done(&b, ASKED_MAX + 1);
	/* The packet itself may be lost in the flood. */
	assert_false(str_contains_nocase(a.result->reason, STR("too many")));
	forget(&a);
	a = about("ok2.test");
	ask(&b, &a, 0);
	assert_int_equal(a.result->outcome, RESOLVER_FOUND);
	forget(&a);
	for (size_t i = 0; i < ASKED_MAX; i++) {
		assert_int_equal(dead[i].result->outcome, RESOLVER_FAILED);
		forget(&dead[i]);
	}
	counts = all_counts(&b);
	assert_true(counts.errors > 0);
	close_bench(&b);
}

/* ---------------------------------------------------------------------------- how long answers are kept */

static unsigned asked_after(struct bench *b, const char *host, int64_t pause_ms)
{
	struct asking a = about(host);

	dns_server_forget(b->dns);
	if (pause_ms > 0)
		must(usleep((useconds_t)pause_ms * 1000) == 0);
	ask(b, &a, 0);
	forget(&a);
	return dns_server_count(b->dns, 0, host, DNS_A);
}

static void kept_as_long_as_they_say(void **state)
{
	static const struct {
		const char *host;
		unsigned after_a_second;
	} cases[] = {
		{ "ok.test", 0 },    { "short.test", 1 }, { "none.test", 0 },
		{ "brief.test", 1 }, { "bare.test", 0 },  { "servfail.test", 1 }, /* RFC 9520 3.2 */
	};
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, 1);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		print_message("%s\n", cases[i].host);
		assert_int_equal(asked_after(&b, cases[i].host, 0), 1);
		assert_int_equal(asked_after(&b, cases[i].host, 0), 0);
	}
	assert_int_equal(asked_after(&b, "ok.test", 1100), 0);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(asked_after(&b, cases[i].host, 0), cases[i].after_a_second);
	close_bench(&b);
}

/* ---------------------------------------------------------------------------- servers */

static void the_next_server_is_asked(void **state)
{
	struct asking a = about("ok.test");
	struct bench b;

	(void)state;
	open_bench(&b, 1, DNS_SERVERS);
	dns_server_mute(b.dns, 0, true);
	ask(&b, &a, 0);
	assert_int_equal(a.result->outcome, RESOLVER_FOUND);
	assert_in_range(a.ms, TIMEOUT_MS / 5 - 50, TIMEOUT_MS / 5 + 400);
	forget(&a);
	/* From now on the silent one is no longer the first. */
	a = about("ok2.test");
	ask(&b, &a, 0);
	assert_int_equal(a.result->outcome, RESOLVER_FOUND);
	assert_int_equal(dns_server_count(b.dns, 0, "ok2.test", DNS_A), 0);
	forget(&a);
	/* All dead, then one is back: nobody waits for the others. */
	dns_server_mute(b.dns, 1, true);
	dns_server_mute(b.dns, 2, true);
	a = about("ok3.test");
	ask(&b, &a, 0);
	assert_int_equal(a.result->outcome, RESOLVER_FAILED);
	assert_in_range(a.ms, TIMEOUT_MS - 50, TIMEOUT_MS + 500);
	forget(&a);
	dns_server_mute(b.dns, 1, false);
	a = about("ok4.test");
	ask(&b, &a, 0);
	assert_int_equal(a.result->outcome, RESOLVER_FOUND);
	assert_int_equal(dns_server_count(b.dns, 0, "ok4.test", DNS_A), 1);
	assert_int_equal(dns_server_count(b.dns, 1, "ok4.test", DNS_A), 1);
	assert_int_equal(dns_server_count(b.dns, 2, "ok4.test", DNS_A), 0);
	forget(&a);
	close_bench(&b);
}

static void what_one_says_does_not_bind_the_others(void **state)
{
	static const char *const hosts[] = { "servfail.test", "refused.test", "garbage.test" };
	struct bench b;

	(void)state;
	open_bench(&b, 1, DNS_SERVERS);
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		struct asking a = about(hosts[i]);

		ask(&b, &a, 0);
		assert_int_equal(a.result->outcome, RESOLVER_FAILED);
		assert_in_range(a.ms, 0, 800);
		for (unsigned k = 0; k < DNS_SERVERS; k++)
			assert_int_equal(dns_server_count(b.dns, k, hosts[i], DNS_A), 1);
		forget(&a);
	}
	close_bench(&b);
}

static void large_answers_come_over_tcp(void **state)
{
	struct asking a = about("large.test");
	struct bench b;

	(void)state;
	open_bench(&b, 1, 1);
	ask(&b, &a, 0);
	assert_int_equal(a.result->outcome, RESOLVER_FOUND);
	assert_int_equal(a.result->target_count, RESOLVER_TARGETS_MAX);
	assert_int_equal(dns_server_tcp(b.dns), 2); /* AAAA is called truncated, too */
	forget(&a);
	close_bench(&b);
}

static void other_servers_from_now_on(void **state)
{
	struct asking old = about("silent.test");
	struct asking a = about("ok.test");
	struct addr list[DNS_SERVERS];
	struct resolver_conf conf;
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, 1);
	begin(&b, &old, 0);
	conf = conf_of(&b, list, DNS_SERVERS);
	conf.servers = &list[1];
	conf.server_count = 1;
	for (unsigned i = 0; i < 5; i++) /* one not taken up yet is replaced */
		assert_int_equal(resolver_configure(b.resolver, &conf), ERR_OK);
	ask(&b, &a, 1);
	forget(&a);
	a = about("ok2.test");
	for (unsigned i = 0; i < WORKERS; i++) {
		ask(&b, &a, i);
		assert_int_equal(a.result->outcome, RESOLVER_FOUND);
		forget(&a);
	}
	assert_int_equal(dns_server_count(b.dns, 0, "ok2.test", DNS_A), 0);
	assert_int_equal(dns_server_count(b.dns, 1, "ok2.test", DNS_A), 1);
	wait_done(&b, 1);
	assert_int_equal(old.result->outcome, RESOLVER_FAILED);
	assert_in_range(old.ms, TIMEOUT_MS - 50, TIMEOUT_MS + 500);
	forget(&old);
	close_bench(&b);
}

/* ---------------------------------------------------------------------------- ends */

static void cancelled_is_not_answered(void **state)
{
	struct asking asked[64];
	struct asking a = about("slow.test");
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, 1);
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		asked[i] = about(i % 2 == 0 ? "slow.test" : "ok.test");
		asked[i].cancel = true;
		begin(&b, &asked[i], i % WORKERS);
	}
	wait_done(&b, COUNT_OF(asked));
	ask(&b, &a, 0);
	assert_int_equal(a.result->outcome, RESOLVER_FOUND);
	forget(&a);
	for (size_t i = 0; i < COUNT_OF(asked); i++)
		assert_null(asked[i].result);
	close_bench(&b);
}

static void closed_with_questions_under_way(void **state)
{
	struct asking asked[64];
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, DNS_SERVERS);
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		asked[i] = about(i % 2 == 0 ? "silent.test" : "cut.test");
		asked[i].question.port = 0;
		begin(&b, &asked[i], i % WORKERS);
	}
	must(usleep(50000) == 0);
	close_bench(&b);
	for (size_t i = 0; i < COUNT_OF(asked); i++)
		forget(&asked[i]);
}

/* Some are still in the mailboxes. */
static void closed_at_once(void **state)
{
	struct asking asked[64];
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, 1);
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		asked[i] = about("ok.test");
		begin(&b, &asked[i], i % WORKERS);
	}
	close_bench(&b);
	for (size_t i = 0; i < COUNT_OF(asked); i++)
		forget(&asked[i]);
}

/* ---------------------------------------------------------------------------- the cache, for operators */

struct walking {
	struct post post;
	struct bench *bench;
	bool list;
	struct str flush;
	enum err e;
	size_t told;
	size_t count;
	bool seen; /* the entry looked for */
};

static void on_entry(void *arg, const struct resolver_cached *entry)
{
	struct walking *w = arg;

	w->told++;
	if (str_eq(entry->name, STR("ok7.test")) && strcmp(entry->type, "A") == 0) {
		w->seen = true;
		must(str_eq(entry->answer, STR("192.0.2.1; 192.0.2.2")));
		must(entry->ttl >= 58 && entry->ttl <= 60 && entry->home < WORKERS);
	}
}

static void on_walked(void *arg, size_t count)
{
	struct walking *w = arg;

	w->count = count;
	tell_done(w->bench);
}

static void on_walk(struct post *post, struct loop *loop)
{
	struct walking *w = container_of(post, struct walking, post);
	struct resolver *r = w->bench->resolver;

	w->e = w->list ? resolver_cache_list(r, loop, on_entry, on_walked, w)
	               : resolver_cache_flush(r, loop, w->flush, on_walked, w);
	if (w->e != ERR_OK)
		tell_done(w->bench);
}

static struct walking walk(struct bench *b, bool list, const char *flush)
{
	struct walking w = {
		.post.run = on_walk, .bench = b, .list = list, .flush = str_from(flush)
	};

	loop_post(crew_loop(b->crew, 1), &w.post);
	wait_done(b, 1);
	return w;
}

static void the_cache_can_be_seen_and_flushed(void **state)
{
	static char hosts[300][24];
	static struct asking asked[300];
	struct walking w;
	struct bench b;

	(void)state;
	open_bench(&b, WORKERS, 1);
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		(void)snprintf(hosts[i], sizeof(hosts[i]), "ok%zu.test", i);
		asked[i] = about(hosts[i]);
		begin(&b, &asked[i], i % WORKERS);
	}
	wait_done(&b, COUNT_OF(asked));
	for (size_t i = 0; i < COUNT_OF(asked); i++)
		forget(&asked[i]);
	w = walk(&b, true, NULL);
	assert_int_equal(w.e, ERR_OK);
	assert_int_equal(w.told, 600);
	assert_int_equal(w.count, 600);
	assert_true(w.seen);
	w = walk(&b, false, "OK7.test.");
	assert_int_equal(w.count, 2);
	w = walk(&b, false, "none.of.these");
	assert_int_equal(w.count, 0);
	w = walk(&b, false, "a..b");
	assert_int_equal(w.e, ERR_SYNTAX);
	w = walk(&b, true, NULL);
	assert_int_equal(w.count, 598);
	assert_false(w.seen);
	assert_int_equal(all_counts(&b).cached, 598);
	w = walk(&b, false, "");
	assert_int_equal(w.count, 598);
	w = walk(&b, true, NULL);
	assert_int_equal(w.count, 0);
	assert_int_equal(all_counts(&b).cached, 0);
	close_bench(&b);
}

/* ---------------------------------------------------------------------------- without memory */

struct alone {
	struct post post;
	struct dns_server *dns;
	struct resolver *resolver;
	struct loop *loop;
	struct asking *asking;
};

static void on_alone_done(void *arg, struct resolver_result *result)
{
	struct alone *alone = arg;

	alone->asking->result = result;
	loop_stop(alone->loop);
}

static void on_alone(struct post *post, struct loop *loop)
{
	struct alone *alone = container_of(post, struct alone, post);
	struct asking *a = alone->asking;

	a->e = resolver_locate(alone->resolver, loop, &a->question, on_alone_done, alone,
	                       &a->query);
	if (a->e != ERR_OK)
		loop_stop(loop);
}

/* Everything on this thread: an answer in any case, or ERR_NOMEM. */
static void run_alone(void *arg)
{
	struct dns_server *dns = arg;
	struct addr server = dns_server_addr(dns, 0);
	struct resolver_conf conf = { .servers = &server, .server_count = 1, .timeout_ms = 200 };
	struct asking a = about("naptr.test");
	struct alone alone = { .dns = dns, .asking = &a, .post.run = on_alone };
	struct crew *crew = NULL;

	a.question.port = 0;
	a.question.trace = true;
	if (crew_open(&crew, 1) == ERR_OK &&
	    resolver_open(&alone.resolver, crew, &conf) == ERR_OK) {
		alone.loop = crew_loop(crew, 0);
		loop_post(alone.loop, &alone.post);
		loop_run(alone.loop);
		assert_true(a.e == ERR_OK || a.e == ERR_NOMEM);
		assert_int_equal(a.result != NULL, a.e == ERR_OK);
		if (!alloc_fail_happened())
			assert_int_equal(a.result->outcome, RESOLVER_FOUND);
	}
	resolver_result_free(a.result);
	resolver_close(alone.resolver);
	crew_close(crew);
}

static void without_memory_there_is_an_answer(void **state)
{
	struct dns_server *dns = dns_server_start();

	(void)state;
	run_alone(dns);
	assert_true(alloc_fail_each(run_alone, dns) > 30);
	dns_server_stop(dns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_behaviour),
		cmocka_unit_test(the_whole_procedure),
		cmocka_unit_test(what_is_never_answered_can_be_done_without),
		cmocka_unit_test(who_learns_from_others_may_not_point_inwards),
		cmocka_unit_test(one_question_however_many_wait),
		cmocka_unit_test(dead_domains_delay_nobody),
		cmocka_unit_test(floods_of_dead_names_are_bounded),
		cmocka_unit_test(kept_as_long_as_they_say),
		cmocka_unit_test(the_next_server_is_asked),
		cmocka_unit_test(what_one_says_does_not_bind_the_others),
		cmocka_unit_test(large_answers_come_over_tcp),
		cmocka_unit_test(other_servers_from_now_on),
		cmocka_unit_test(cancelled_is_not_answered),
		cmocka_unit_test(closed_with_questions_under_way),
		cmocka_unit_test(closed_at_once),
		cmocka_unit_test(the_cache_can_be_seen_and_flushed),
		cmocka_unit_test(without_memory_there_is_an_answer),
	};

	(void)alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
