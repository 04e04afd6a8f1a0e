#include "tests/unit/registrar/scene.h"

#include "base/mem.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

/* ---------------------------------------------------------------------------- a folder */

static int remove_entry(const char *path, const struct stat *is, int type, struct FTW *at)
{
	(void)is;
	(void)type;
	(void)at;
	return remove(path);
}

void scene_remove(const char *folder)
{
	(void)nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void scene_init(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	(void)snprintf(s->folder, sizeof(s->folder), "/tmp/lotse-reg.XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	s->conf = (struct reg_conf){
		.folder = s->folder,
		.limits = { .min_expires_s = 60,
		            .default_expires_s = 3600,
		            .max_expires_s = 7200,
		            .max_contacts = 10 },
		.sync = true,
		.map_size = SCENE_MAP,
	};
	s->now = (struct wall){ SCENE_NOW_MS };
}

void scene_open(struct scene *s)
{
	struct buf why;

	buf_init(&why, 1024);
	if (registrar_open(&s->reg, &s->conf, &why) != ERR_OK)
		fail_msg("%.*s", STR_ARG(buf_view(&why)));
	buf_fini(&why);
	assert_int_equal(reg_reader_open(&s->reader, s->reg), ERR_OK);
	assert_int_equal(loop_open(&s->loop, 0), ERR_OK);
	arena_init(&s->arena, s->memory, sizeof(s->memory), 0);
}

void scene_close(struct scene *s)
{
	reg_reader_close(s->reader);
	registrar_close(s->reg);
	loop_close(s->loop);
	s->reader = NULL;
	s->reg = NULL;
	s->loop = NULL;
}

void scene_fini(struct scene *s)
{
	scene_close(s);
	scene_remove(s->folder);
}

/* ---------------------------------------------------------------------------- waiting */

struct patience {
	struct timer tick;
	struct loop *loop;
	const unsigned *counter;
	unsigned until;
	int left_ms;
};

static void on_tick(struct timer *t)
{
	struct patience *p = container_of(t, struct patience, tick);

	p->left_ms--;
	if (*p->counter >= p->until || p->left_ms == 0)
		loop_stop(p->loop);
	else
		loop_timer_start(p->loop, t, 1, on_tick);
}

void scene_wait(struct scene *s, const unsigned *counter, unsigned until)
{
	struct patience p = {
		.loop = s->loop, .counter = counter, .until = until, .left_ms = PATIENCE_MS
	};

	loop_timer_start(s->loop, &p.tick, 1, on_tick);
	loop_run(s->loop);
	loop_timer_stop(s->loop, &p.tick);
	assert_true(*counter >= until);
}

/* ---------------------------------------------------------------------------- asking */

static void write_bindings(struct scene *s, const struct reg_bindings *bindings)
{
	struct buf text;

	buf_wrap(&text, s->text, sizeof(s->text));
	s->count = bindings->count;
	for (size_t i = 0; i < bindings->count; i++) {
		const struct reg_binding *b = &bindings->items[i];

		buf_printf(&text, "%s%.*s %u %lld", i > 0 ? ", " : "", STR_ARG(b->uri), b->q,
		           (long long)wall_seconds_left(s->now, b->expires));
	}
	assert_non_null(buf_cstr(&text));
}

static void on_result(void *arg, const struct reg_result *result)
{
	struct scene *s = arg;

	s->answers++;
	s->status = result->status;
	(void)snprintf(s->reason, sizeof(s->reason), "%s", result->reason);
	s->min_expires_s = result->min_expires_s;
	s->retry_after_s = result->retry_after_s;
	write_bindings(s, &result->bindings);
	loop_stop(s->loop);
}

struct reg_request scene_request(const char *aor, const char *call_id, uint32_t cseq,
                                 struct wall now)
{
	struct reg_request asked = {
		.aor = str_from(aor), .call_id = str_from(call_id), .cseq = cseq, .now = now
	};

	asked.user_agent = STR("test");
	asked.source.transport = SIP_TRANSPORT_UDP;
	must(addr_parse(&asked.source.remote, STR("192.0.2.1"), 5060) == ERR_OK);
	must(addr_parse(&asked.source.local, STR("192.0.2.2"), 5060) == ERR_OK);
	return asked;
}

unsigned scene_ask(struct scene *s, const struct reg_request *request)
{
	unsigned before = s->answers;

	if (registrar_register(s->reg, s->loop, request, on_result, s) != ERR_OK)
		return 0;
	scene_wait(s, &s->answers, before + 1);
	return s->status;
}

unsigned scene_bind(struct scene *s, const char *aor, const char *uri, const char *call_id,
                    uint32_t cseq, int expires)
{
	struct reg_request asked = scene_request(aor, call_id, cseq, s->now);
	struct reg_contact contact = { .uri = str_from(uri),
		                       .q = 1000,
		                       .has_expires = expires >= 0,
		                       .expires_s = expires >= 0 ? (uint32_t)expires : 0 };

	asked.contacts = &contact;
	asked.contact_count = 1;
	return scene_ask(s, &asked);
}

static void on_changed(void *arg, enum err e, size_t index)
{
	struct scene *s = arg;

	s->answers++;
	s->changed = e;
	s->changed_index = index;
	loop_stop(s->loop);
}

enum err scene_change(struct scene *s, const struct reg_account_change *changes, size_t count)
{
	unsigned before = s->answers;
	enum err e = registrar_accounts_change(s->reg, s->loop, changes, count, on_changed, s);

	if (e != ERR_OK)
		return e;
	scene_wait(s, &s->answers, before + 1);
	return s->changed;
}

enum err scene_account(struct scene *s, enum reg_account_op op, const char *address)
{
	struct reg_account_change change = { .op = op };

	change.account.address = str_from(address);
	change.account.realm = STR("alpha.example");
	return scene_change(s, &change, 1);
}

enum reg_known scene_look(struct scene *s, const char *aor)
{
	struct reg_bindings found;
	enum reg_known known;

	arena_fini(&s->arena);
	assert_int_equal(reg_lookup(s->reader, str_from(aor), s->now, &s->arena, &known, &found),
	                 ERR_OK);
	write_bindings(s, &found);
	return known;
}
