/* One thread fills, many take; nothing is lost, given twice or leaked. */
#include "base/stock.h"

#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#include <cmocka.h>

#define TAKERS 4
#define BLOCKS 20000

static void what_is_put_comes_back(void **state)
{
	struct stock *s;
	void *blocks[4];

	(void)state;
	assert_int_equal(stock_open(&s, 4), ERR_OK);
	assert_null(stock_take(s));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			blocks[i] = malloc(8);
			stock_put(s, blocks[i]);
		}
		stock_put(s, malloc(8)); /* one too many: freed */
		for (int i = 0; i < 4; i++) {
			assert_ptr_equal(stock_take(s), blocks[i]);
			free(blocks[i]);
		}
		assert_null(stock_take(s));
	}
	stock_put(s, malloc(8)); /* freed with the stock */
	stock_close(s);
	stock_close(NULL);
}

struct party {
	struct stock *stock;
	atomic_uint taken;
	atomic_bool over;
	atomic_uchar seen[BLOCKS];
};

static void *take(void *arg)
{
	struct party *p = arg;

	for (;;) {
		bool over = atomic_load(&p->over);
		unsigned *block = stock_take(p->stock);

		if (block == NULL && over)
			return NULL;
		if (block == NULL) {
			(void)sched_yield();
			continue;
		}
		atomic_fetch_add(&p->seen[*block], 1);
		atomic_fetch_add(&p->taken, 1);
		free(block);
	}
}

static void many_take(void **state)
{
	static struct party p;
	pthread_t threads[TAKERS];

	(void)state;
	assert_int_equal(stock_open(&p.stock, BLOCKS), ERR_OK);
	for (int i = 0; i < TAKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take, &p), 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		unsigned *block = malloc(sizeof(*block));

		assert_non_null(block);
		*block = i;
		stock_put(p.stock, block);
	}
	atomic_store(&p.over, true);
	for (int i = 0; i < TAKERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&p.taken), BLOCKS);
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_int_equal(atomic_load(&p.seen[i]), 1);
	stock_close(p.stock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_comes_back),
		cmocka_unit_test(many_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
