/* Several loops register, several threads look up: who has seen a 200 finds the binding, on every thread. */
#include "tests/unit/registrar/scene.h"

#include "base/crew.h"
#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORKERS = 3, READERS = 4, ADDRESSES = 48, ROUNDS = 100 };

struct shared {
	struct scene scene;              /* its folder and registrar */
	atomic_uint answered[ADDRESSES]; /* the last CSeq whose 200 was seen */
	atomic_uint asking;              /* slots that have not ended */
	atomic_uint looked;
	atomic_bool stop;
};

/* One address, asked for by one worker, again and again. */
struct slot {
	struct post post;
	struct shared *shared;
	struct loop *loop;
	unsigned address;
	uint32_t cseq;
};

static void address_of(unsigned address, char out[64])
{
	(void)snprintf(out, 64, "sip:%u@alpha.example", address);
}

static void on_result(void *arg, const struct reg_result *result);

static void ask(struct slot *slot)
{
	struct shared *sh = slot->shared;
	struct reg_contact contact = { .q = 1000 };
	struct reg_request asked;
	char aor[64];
	char uri[64];

	slot->cseq++;
	address_of(slot->address, aor);
	(void)snprintf(uri, sizeof(uri), "sip:%u@192.0.2.1", slot->cseq);
	contact.uri = str_from(uri);
	contact.instance = STR("<urn:x>");
	contact.reg_id = 1;
	asked = scene_request(aor, aor, slot->cseq, sh->scene.now);
	asked.contacts = &contact;
	asked.contact_count = 1;
	must(registrar_register(sh->scene.reg, slot->loop, &asked, on_result, slot) == ERR_OK);
}

static void on_result(void *arg, const struct reg_result *result)
{
	struct slot *slot = arg;
	struct shared *sh = slot->shared;

	must(result->status == 200 && result->bindings.count == 1);
	must(result->bindings.items[0].cseq == slot->cseq);
	atomic_store(&sh->answered[slot->address], slot->cseq);
	if (slot->cseq < ROUNDS)
		ask(slot);
	else
		(void)atomic_fetch_sub(&sh->asking, 1);
}

static void begin(struct post *post, struct loop *loop)
{
	(void)loop;
	ask(container_of(post, struct slot, post));
}

/* The binding is the one answered or a later one, and whole. */
static void look_at(struct shared *sh, struct reg_reader *reader, unsigned address)
{
	unsigned answered = atomic_load(&sh->answered[address]);
	struct reg_bindings found;
	enum reg_known known;
	struct arena arena;
	char memory[2048];
	char text[64];

	arena_init(&arena, memory, sizeof(memory), 0);
	address_of(address, text);
	must(reg_lookup(reader, str_from(text), sh->scene.now, &arena, &known, &found) == ERR_OK);
	if (answered == 0 && known == REG_NOBODY)
		return;
	must(known == REG_FOUND && found.count == 1);
	must(found.items[0].cseq >= answered);
	must(str_eq(found.items[0].call_id, str_from(text)));
	(void)snprintf(text, sizeof(text), "sip:%u@192.0.2.1", found.items[0].cseq);
	must(str_eq(found.items[0].uri, str_from(text)));
	(void)atomic_fetch_add(&sh->looked, 1);
}

static void *run_reader(void *arg)
{
	struct shared *sh = arg;
	struct reg_reader *reader;
	unsigned at = 0;

	must(reg_reader_open(&reader, sh->scene.reg) == ERR_OK);
	while (!atomic_load(&sh->stop)) {
		for (unsigned i = 0; i < 64; i++)
			look_at(sh, reader, at = (at * 5 + 7) % ADDRESSES);
		(void)sched_yield();
	}
	reg_reader_close(reader);
	return NULL;
}

static void who_saw_a_200_finds_it_everywhere(void **state)
{
	static struct shared sh;
	static struct slot slots[ADDRESSES];
	pthread_t readers[READERS];
	struct crew *crew;
	struct reg_counts counts;

	(void)state;
	scene_init(&sh.scene);
	scene_open(&sh.scene);
	assert_int_equal(crew_open(&crew, WORKERS), ERR_OK);
	atomic_store(&sh.asking, ADDRESSES);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, run_reader, &sh), 0);
	for (unsigned i = 0; i < ADDRESSES; i++) {
		slots[i] = (struct slot){ .shared = &sh,
			                  .loop = crew_loop(crew, i % WORKERS),
			                  .address = i };
		slots[i].post.run = begin;
		loop_post(slots[i].loop, &slots[i].post);
	}
	assert_int_equal(crew_start(crew), ERR_OK);
	while (atomic_load(&sh.asking) > 0)
		(void)usleep(1000);
	atomic_store(&sh.stop, true);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
	registrar_counts(sh.scene.reg, &counts);
	assert_int_equal(counts.changes, ADDRESSES * ROUNDS);
	assert_int_equal(counts.queued, 0);
	/* Many share a commit. */
	assert_true(counts.commits < counts.changes / 2);
	assert_true(atomic_load(&sh.looked) > 0);
	crew_stop(crew);
	scene_fini(&sh.scene);
	crew_close(crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_saw_a_200_finds_it_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
