/* The store beside a plain model in memory: random registrations, farewells, time passing, restarts. */
#include "tests/unit/registrar/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { AORS = 12, DEVICES = 5, ROUNDS = 1500 };

/* One device's binding of one AoR. */
struct device {
	bool bound;
	int64_t expires_ms;
	int64_t registered_ms;
	unsigned order; /* of binding: among equals the earlier bound stands first */
	uint32_t cseq;  /* the last that was accepted for the binding */
	uint32_t next;  /* the next to use */
	int granted;
};

struct model {
	struct device devices[AORS][DEVICES];
	unsigned order;
	uint64_t seed;
};

/* A generator of its own, so that a failure comes again. */
static unsigned draw(struct model *m, unsigned below)
{
	m->seed = m->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)((m->seed >> 33) % below);
}

static const char *aor_of(unsigned aor, char out[64])
{
	(void)snprintf(out, 64, "sip:user%u@alpha.example", aor);
	return out;
}

static bool is_live(const struct device *d, int64_t now_ms)
{
	return d->bound && d->expires_ms > now_ms;
}

static bool is_before(const struct device *a, const struct device *b)
{
	return a->registered_ms != b->registered_ms ? a->registered_ms > b->registered_ms
	                                            : a->order < b->order;
}

/* What the store should say of an AoR, as scene.c writes it. */
static size_t describe(const struct model *m, unsigned aor, int64_t now_ms, struct buf *out)
{
	bool told[DEVICES] = { false };
	size_t count = 0;

	for (;;) {
		const struct device *best = NULL;
		unsigned which = 0;

		for (unsigned i = 0; i < DEVICES; i++) {
			const struct device *d = &m->devices[aor][i];

			if (!told[i] && is_live(d, now_ms) &&
			    (best == NULL || is_before(d, best))) {
				best = d;
				which = i;
			}
		}
		if (best == NULL)
			return count;
		told[which] = true;
		buf_printf(out, "%ssip:device%u@192.0.2.1 1000 %lld", count++ > 0 ? ", " : "",
		           which, (long long)((best->expires_ms - now_ms + 999) / 1000));
	}
}

static void compare(struct scene *s, const struct model *m, unsigned aor, const char *what)
{
	char memory[1024];
	char name[64];
	struct buf want;
	size_t count;

	buf_wrap(&want, memory, sizeof(memory));
	count = describe(m, aor, s->now.ms, &want);
	assert_int_equal(s->count, count);
	if (strcmp(buf_cstr(&want), s->text) != 0)
		fail_msg("%s of %s: \"%s\", not \"%s\"", what, aor_of(aor, name), s->text,
		         buf_cstr(&want));
}

static void look_at(struct scene *s, const struct model *m, unsigned aor)
{
	char name[64];
	enum reg_known known = scene_look(s, aor_of(aor, name));

	compare(s, m, aor, "look-up");
	assert_int_equal(known, s->count > 0 ? REG_FOUND : REG_NOBODY);
}

static unsigned ask(struct scene *s, unsigned aor, unsigned device, uint32_t cseq, int expires)
{
	char name[64];
	char uri[64];
	char call_id[64];

	(void)snprintf(uri, sizeof(uri), "sip:device%u@192.0.2.1", device);
	(void)snprintf(call_id, sizeof(call_id), "call-%u-%u", aor, device);
	return scene_bind(s, aor_of(aor, name), uri, call_id, cseq, expires);
}

static void bind_or_refresh(struct scene *s, struct model *m, unsigned aor, unsigned device)
{
	struct device *d = &m->devices[aor][device];
	int expires = 60 + (int)draw(m, 600);
	bool live = is_live(d, s->now.ms);

	d->next++;
	assert_int_equal(ask(s, aor, device, d->next, expires), 200);
	if (!live) {
		d->registered_ms = s->now.ms;
		d->order = m->order++;
	}
	d->bound = true;
	d->cseq = d->next;
	d->granted = expires;
	d->expires_ms = s->now.ms + expires * (int64_t)1000;
}

static void say_farewell(struct scene *s, struct model *m, unsigned aor, unsigned device)
{
	struct device *d = &m->devices[aor][device];

	d->next++;
	assert_int_equal(ask(s, aor, device, d->next, 0), 200);
	d->bound = false;
}

/* The last request again, and one of before it. */
static void repeat(struct scene *s, struct model *m, unsigned aor, unsigned device)
{
	struct device *d = &m->devices[aor][device];

	if (!is_live(d, s->now.ms) || d->cseq < 2)
		return;
	assert_int_equal(ask(s, aor, device, d->cseq, d->granted), 200);
	compare(s, m, aor, "repeated request");
	assert_int_equal(ask(s, aor, device, d->cseq, d->granted + 1), 500);
	assert_int_equal(ask(s, aor, device, d->cseq - 1, d->granted), 500);
	look_at(s, m, aor);
}

static void remove_all(struct scene *s, struct model *m, unsigned aor)
{
	char name[64];
	struct reg_request asked = scene_request(aor_of(aor, name), "star", 1, s->now);

	asked.star = true;
	asked.has_expires = true;
	assert_int_equal(scene_ask(s, &asked), 200);
	for (unsigned i = 0; i < DEVICES; i++)
		m->devices[aor][i].bound = false;
}

static void reopen(struct scene *s)
{
	scene_close(s);
	scene_open(s);
}

static void one_round(struct scene *s, struct model *m)
{
	unsigned aor = draw(m, AORS);
	unsigned device = draw(m, DEVICES);
	unsigned what = draw(m, 100);

	if (what < 50)
		bind_or_refresh(s, m, aor, device);
	else if (what < 70)
		say_farewell(s, m, aor, device);
	else if (what < 80)
		repeat(s, m, aor, device);
	else if (what < 83)
		remove_all(s, m, aor);
	else if (what < 98)
		s->now.ms += draw(m, 60000);
	else if (what < 99)
		reopen(s);
	look_at(s, m, aor);
}

static void store_and_model_agree(void **state)
{
	static struct scene s;
	static struct model m;

	(void)state;
	m.seed = 1;
	scene_init(&s);
	scene_open(&s);
	for (unsigned i = 0; i < ROUNDS; i++)
		one_round(&s, &m);
	for (unsigned i = 0; i < AORS; i++)
		look_at(&s, &m, i);
	scene_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(store_and_model_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
