#include "base/packet.h"

#include "base/mem.h"

#include "../alloc_fail.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_packet_holds_what_it_was_given(void **state)
{
	struct packet *p = packet_copy(STR("hello"));
	struct packet *empty = packet_copy(STR_NONE);
	struct packet *room = packet_new(10);

	(void)state;
	assert_true(str_eq(packet_view(p), STR("hello")));
	assert_int_equal(packet_view(empty).len, 0);
	assert_int_equal(room->len, 0);
	assert_int_equal(room->cap, 10);
	assert_null(packet_new((size_t)UINT32_MAX + 1));
	packet_unref(packet_ref(p));
	assert_true(str_eq(packet_view(p), STR("hello")));
	packet_unref(p);
	packet_unref(empty);
	packet_unref(room);
	packet_unref(NULL);
	alloc_fail_at(1);
	assert_null(packet_copy(STR("x")));
	alloc_fail_at(0);
}

static void *read_and_drop(void *arg)
{
	struct packet *p = arg;
	size_t sum = 0;

	for (int i = 0; i < 10000; i++) {
		struct packet *mine = packet_ref(p);

		sum += (unsigned char)packet_view(mine).p[i % 5];
		packet_unref(mine);
	}
	packet_unref(p);
	return (void *)(uintptr_t)sum;
}

/* The last one to let go frees, whoever that is. */
static void references_go_across_threads(void **state)
{
	struct packet *p = packet_copy(STR("hello"));
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_and_drop, packet_ref(p)),
		                 0);
	packet_unref(p);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_holds_what_it_was_given),
		cmocka_unit_test(references_go_across_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
