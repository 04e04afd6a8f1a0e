/* SIGKILL in the middle: nothing that was answered is missing, and the store opens. */
#include "tests/unit/registrar/scene.h"

#include "base/mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS = 6, IN_FLIGHT = 32, ADDRESSES = 200, KILL_AFTER = 400 };

/* In the child: IN_FLIGHT slots, each asking again as soon as it is answered, for ever. */
struct slot {
	struct child *child;
	uint32_t number;
};

struct child {
	struct scene *scene;
	int pipe;
	uint32_t next;
	struct slot slots[IN_FLIGHT];
};

static void address_of(uint32_t number, char out[64])
{
	(void)snprintf(out, 64, "sip:%u@alpha.example", number % ADDRESSES);
}

static void on_result(void *arg, const struct reg_result *result);

static void ask(struct slot *slot)
{
	struct scene *s = slot->child->scene;
	struct reg_contact contact = { .uri = STR("sip:a@192.0.2.1"), .q = 1000 };
	struct reg_request asked;
	char aor[64];

	slot->number = slot->child->next++;
	address_of(slot->number, aor);
	asked = scene_request(aor, "call", slot->number, s->now);
	asked.contacts = &contact;
	asked.contact_count = 1;
	must(registrar_register(s->reg, s->loop, &asked, on_result, slot) == ERR_OK);
}

/* A write to a pipe is the moment at which the world knows. */
static void on_result(void *arg, const struct reg_result *result)
{
	struct slot *slot = arg;

	must(result->status == 200);
	must(write(slot->child->pipe, &slot->number, sizeof(slot->number)) == sizeof(slot->number));
	ask(slot);
}

static _Noreturn void run_child(struct scene *s, int out, uint32_t first)
{
	static struct child child;

	child.scene = s;
	child.pipe = out;
	child.next = first;
	scene_open(s);
	for (size_t i = 0; i < IN_FLIGHT; i++) {
		child.slots[i].child = &child;
		ask(&child.slots[i]);
	}
	loop_run(s->loop);
	_exit(1);
}

/* Kill after some answers; notes the last answered number of each address. Returns how many were answered. */
static uint32_t run_and_kill(struct scene *s, uint32_t first, uint32_t answered[ADDRESSES],
                             unsigned kill_after)
{
	int ends[2];
	uint32_t count = 0;
	uint32_t number;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(ends[0]);
		run_child(s, ends[1], first);
	}
	(void)close(ends[1]);
	while (read(ends[0], &number, sizeof(number)) == sizeof(number)) {
		answered[number % ADDRESSES] = number;
		if (++count == kill_after)
			assert_int_equal(kill(pid, SIGKILL), 0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(ends[0]);
	assert_true(count >= kill_after);
	return count;
}

static void check(struct scene *s, const uint32_t answered[ADDRESSES])
{
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		struct reg_bindings found;
		enum reg_known known;
		char aor[64];

		if (answered[i] == 0)
			continue;
		address_of(i, aor);
		arena_fini(&s->arena);
		assert_int_equal(reg_lookup(s->reader, str_from(aor), s->now, &s->arena, &known,
		                            &found),
		                 ERR_OK);
		assert_int_equal(known, REG_FOUND);
		assert_int_equal(found.count, 1);
		/* A later one may have become durable, and its answer not have gone out. */
		assert_true(found.items[0].cseq >= answered[i]);
		assert_int_equal(found.items[0].cseq % ADDRESSES, i);
	}
}

static void nothing_answered_is_missing(void **state)
{
	static struct scene s;
	uint32_t answered[ADDRESSES] = { 0 };
	uint32_t first = 1;

	(void)state;
	scene_init(&s);
	for (unsigned round = 0; round < ROUNDS; round++) {
		first += run_and_kill(&s, first, answered, KILL_AFTER + 37 * round) + IN_FLIGHT;
		scene_open(&s);
		check(&s, answered);
		scene_close(&s);
	}
	scene_remove(s.folder);
}

/* The lock of who was killed holds nobody off; that of who lives does, and tells who it is. */
static void another_process_is_named(void **state)
{
	static struct scene s;
	struct registrar *reg = NULL;
	struct buf why;
	char want[32];
	int ends[2];
	char octet = 0;
	pid_t pid;

	(void)state;
	scene_init(&s);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		scene_open(&s);
		must(write(ends[1], &octet, 1) == 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ends[0], &octet, 1), 1);
	buf_init(&why, 1024);
	assert_int_equal(registrar_open(&reg, &s.conf, &why), ERR_INUSE);
	(void)snprintf(want, sizeof(want), "process %ld:", (long)pid);
	assert_true(str_contains_nocase(buf_view(&why), str_from(want)));
	buf_fini(&why);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(ends[0]);
	(void)close(ends[1]);
	scene_open(&s);
	scene_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_answered_is_missing),
		cmocka_unit_test(another_process_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
