#include "tests/unit/federation/rig.h"

#include "base/mem.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_own_domain(void *arg, struct str domain)
{
	(void)arg;
	return str_eq_nocase(domain, STR("alpha.example"));
}

static bool is_own_number(void *arg, struct str number)
{
	(void)arg;
	return str_starts(number, STR("+4930"));
}

static bool is_own_place(void *arg, const struct addr *addr)
{
	struct addr own;

	(void)arg;
	return addr_parse(&own, STR("203.0.113.9"), 0) == ERR_OK && addr_eq_host(addr, &own);
}

static bool number_aor(void *arg, struct str number, struct buf *out)
{
	(void)arg;
	buf_printf(out, "sip:%.*s@alpha.example", STR_ARG(number));
	return out->err == ERR_OK;
}

static struct addr listen_in_silence(struct rig *rig)
{
	struct addr addr;
	socklen_t len = sizeof(addr);

	assert_int_equal(addr_parse(&addr, STR("127.0.0.1"), 0), ERR_OK);
	rig->silent = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(rig->silent, &addr.sa.any, addr_len(&addr)), 0);
	assert_int_equal(getsockname(rig->silent, &addr.sa.any, &len), 0);
	return addr;
}

void rig_open(struct rig *rig, unsigned workers)
{
	struct addr dead;
	const struct resolver_conf resolver = { .servers = &dead,
		                                .server_count = 1,
		                                .timeout_ms = 5000 };
	struct reg_conf registrar = { .folder = rig->folder,
		                      .limits = { 1, 3600, 7200, 10 },
		                      .map_size = (size_t)64 << 20 };
	struct fed_env env = { .self = { .is_own_domain = is_own_domain,
		                         .is_own_number = is_own_number,
		                         .is_own_place = is_own_place,
		                         .number_aor = number_aor } };
	struct buf why;

	*rig = (struct rig){ .seal_key = "0123456789abcdef0123456789abcde" };
	(void)snprintf(rig->folder, sizeof(rig->folder), "/tmp/lotse-fed.XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	dead = listen_in_silence(rig);
	assert_int_equal(crew_open(&rig->crew, workers), ERR_OK);
	assert_int_equal(resolver_open(&rig->resolver, rig->crew, &resolver), ERR_OK);
	buf_init(&why, 1024);
	if (registrar_open(&rig->registrar, &registrar, &why) != ERR_OK)
		fail_msg("%s", buf_cstr(&why));
	buf_fini(&why);
	assert_int_equal(reg_reader_open(&rig->reader, rig->registrar), ERR_OK);
	env.crew = rig->crew;
	env.resolver = rig->resolver;
	env.registrar = rig->registrar;
	env.seal_key = rig->seal_key;
	assert_int_equal(federation_open(&rig->federation, &env), ERR_OK);
	assert_int_equal(crew_start(rig->crew), ERR_OK);
}

static int remove_entry(const char *path, const struct stat *is, int type, struct FTW *at)
{
	(void)is;
	(void)type;
	(void)at;
	return remove(path);
}

void rig_close(struct rig *rig)
{
	crew_stop(rig->crew);
	federation_close(rig->federation);
	reg_reader_close(rig->reader);
	registrar_close(rig->registrar);
	resolver_close(rig->resolver);
	crew_close(rig->crew);
	(void)close(rig->silent);
	(void)nftw(rig->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---------------------------------------------------------------------------- on a worker */

struct errand {
	struct post post;
	void (*fn)(void *arg, struct loop *loop);
	void *arg;
	sem_t done;
};

static void run(struct post *post, struct loop *loop)
{
	struct errand *e = container_of(post, struct errand, post);

	e->fn(e->arg, loop);
	sem_post(&e->done);
}

static void await(sem_t *done)
{
	while (sem_wait(done) != 0)
		assert_int_equal(errno, EINTR);
	sem_destroy(done);
}

void rig_run(struct rig *rig, unsigned worker, void (*fn)(void *arg, struct loop *loop), void *arg)
{
	struct errand e = { .post.run = run, .fn = fn, .arg = arg };

	sem_init(&e.done, 0, 0);
	loop_post(crew_loop(rig->crew, worker), &e.post);
	await(&e.done);
}

/* ---------------------------------------------------------------------------- our users */

struct change {
	struct rig *rig;
	const struct reg_request *request;
	const struct reg_account_change *account;
	sem_t done;
	unsigned status;
	enum err e;
};

static void on_registered(void *arg, const struct reg_result *result)
{
	struct change *change = arg;

	change->status = result->status;
	sem_post(&change->done);
}

static void on_changed(void *arg, enum err e, size_t index)
{
	struct change *change = arg;

	(void)index;
	change->e = e;
	sem_post(&change->done);
}

static void begin_change(void *arg, struct loop *loop)
{
	struct change *change = arg;
	struct registrar *reg = change->rig->registrar;

	if (change->request != NULL)
		must(registrar_register(reg, loop, change->request, on_registered, change) ==
		     ERR_OK);
	else
		must(registrar_accounts_change(reg, loop, change->account, 1, on_changed, change) ==
		     ERR_OK);
}

void rig_bind(struct rig *rig, const char *aor, const char *contact, unsigned q, uint32_t expires_s)
{
	struct reg_contact item = {
		.uri = str_from(contact), .q = q, .has_expires = true, .expires_s = expires_s
	};
	struct reg_request request = { .aor = str_from(aor),
		                       .contacts = &item,
		                       .contact_count = 1,
		                       .call_id = str_from(contact),
		                       .cseq = 1,
		                       .now = wall_now() };
	struct change change = { .rig = rig, .request = &request };

	sem_init(&change.done, 0, 0);
	rig_run(rig, 0, begin_change, &change);
	await(&change.done);
	assert_int_equal(change.status, 200);
}

void rig_account(struct rig *rig, const char *address)
{
	struct reg_account_change account = {
		.op = REG_ACCOUNT_PUT,
		.account = { .address = str_from(address),
		             .realm = STR("alpha.example"),
		             .md5 = STR("0123456789abcdef0123456789abcdef") }
	};
	struct change change = { .rig = rig, .account = &account };

	sem_init(&change.done, 0, 0);
	rig_run(rig, 0, begin_change, &change);
	await(&change.done);
	assert_int_equal(change.e, ERR_OK);
}

/* ---------------------------------------------------------------------------- questions */

void rig_hear(void *arg, const struct fed_answer *answer)
{
	struct heard *heard = arg;

	heard->count++;
	heard->outcome = answer->outcome;
	heard->cached = answer->cached;
	heard->ttl_s = answer->ttl_s;
	heard->targets = answer->target_count;
	heard->uri[0] = '\0';
	if (answer->target_count > 0)
		(void)snprintf(heard->uri, sizeof(heard->uri), "%.*s",
		               STR_ARG(answer->targets[0].uri));
	(void)snprintf(heard->text, sizeof(heard->text), "%.*s", STR_ARG(answer->text));
	sem_post(&heard->done);
}

struct asking {
	struct rig *rig;
	const struct fed_ask *ask;
	struct heard *heard;
};

static void begin_ask(void *arg, struct loop *loop)
{
	struct asking *a = arg;
	struct fed_question *q = NULL;

	must(federation_ask(a->rig->federation, loop, a->ask, rig_hear, a->heard, &q) == ERR_OK);
	must(a->heard->count == 0);
}

void rig_ask(struct rig *rig, unsigned worker, const struct fed_ask *ask, struct heard *heard)
{
	struct asking a = { rig, ask, heard };

	heard->count = 0;
	sem_init(&heard->done, 0, 0);
	rig_run(rig, worker, begin_ask, &a);
	await(&heard->done);
	assert_int_equal(heard->count, 1);
}

struct search {
	const char *name;
	struct fed_peer_stats stats;
};

static void on_stats(void *arg, const struct fed_peer_stats *stats)
{
	struct search *search = arg;

	if (str_eq(stats->name, str_from(search->name)))
		search->stats = *stats;
}

struct fed_peer_stats rig_stats(struct rig *rig, const char *peer)
{
	struct search search = { .name = peer };

	federation_stats(rig->federation, on_stats, &search);
	return search.stats;
}
