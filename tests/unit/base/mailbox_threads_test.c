#include "base/mailbox.h"

#include "base/mem.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define SENDERS 4
#define POSTS 5000

struct letter {
	struct post post;
	unsigned sender;
	unsigned number;
};

static void posts_come_in_order(void **state)
{
	struct letter letters[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
	struct mailbox m;
	struct post *p;
	uint64_t rings;
	unsigned n = 0;

	(void)state;
	assert_int_equal(mailbox_init(&m), ERR_OK);
	assert_null(mailbox_take(&m));
	for (size_t i = 0; i < 3; i++)
		mailbox_post(&m, &letters[i].post);
	assert_int_equal(read(m.wake_fd, &rings, sizeof(rings)), sizeof(rings));
	assert_int_equal(rings, 1); /* one ring a batch */
	for (p = mailbox_take(&m); p != NULL; p = p->next)
		assert_int_equal(container_of(p, struct letter, post)->number, n++);
	assert_int_equal(n, 3);
	assert_null(mailbox_take(&m));
	mailbox_post(&m, &letters[0].post);
	assert_int_equal(read(m.wake_fd, &rings, sizeof(rings)), sizeof(rings));
	assert_ptr_equal(mailbox_take(&m), &letters[0].post);
	mailbox_fini(&m);
	mailbox_fini(&m);
}

struct sender {
	struct mailbox *box;
	struct letter *letters;
};

static void *send_all(void *arg)
{
	struct sender *s = arg;

	for (unsigned i = 0; i < POSTS; i++)
		mailbox_post(s->box, &s->letters[i].post);
	return NULL;
}

/* The owner sleeps on the eventfd alone: a ring that got lost would leave it asleep. */
static void receive_all(struct mailbox *m)
{
	unsigned next[SENDERS] = { 0 };
	unsigned got = 0;

	while (got < SENDERS * POSTS) {
		struct pollfd wait = { .fd = m->wake_fd, .events = POLLIN };
		uint64_t rings;

		assert_int_equal(poll(&wait, 1, 10000), 1);
		assert_int_equal(read(m->wake_fd, &rings, sizeof(rings)), sizeof(rings));
		for (struct post *p = mailbox_take(m); p != NULL; p = p->next) {
			struct letter *letter = container_of(p, struct letter, post);

			assert_int_equal(letter->number, next[letter->sender]++);
			got++;
		}
	}
}

static void many_senders_lose_nothing(void **state)
{
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	struct mailbox m;

	(void)state;
	assert_int_equal(mailbox_init(&m), ERR_OK);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ &m, calloc(POSTS, sizeof(struct letter)) };
		assert_non_null(senders[i].letters);
		for (unsigned n = 0; n < POSTS; n++)
			senders[i].letters[n] = (struct letter){ .sender = i, .number = n };
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
	}
	receive_all(&m);
	for (unsigned i = 0; i < SENDERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		free(senders[i].letters);
	}
	mailbox_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posts_come_in_order),
		cmocka_unit_test(many_senders_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
