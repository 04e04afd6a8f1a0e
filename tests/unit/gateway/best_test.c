#include "gateway/best.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Each is preferred to all below it; those of one row are equal, so that the first one stays. */
static const unsigned ranks[][4] = {
	{ 603, 600, 604, 699 },               /* 6xx: nothing beats it (16.7 step 6) */
	{ 300, 302, 305, 380 }, { 401, 407 }, /* what helps the caller most */
	{ 415, 420, 484 },      { 403, 486, 488, 410 },
	{ 404, 480 },           { 408 }, /* says least: others answered */
	{ 500, 502, 504, 513 }, { 503 },
};

static void the_order_is_that_of_16_7(void **state)
{
	(void)state;
	for (size_t a = 0; a < COUNT_OF(ranks); a++)
		for (size_t b = 0; b < COUNT_OF(ranks); b++)
			for (size_t i = 0; i < 16; i++) {
				unsigned one = ranks[a][i / 4];
				unsigned other = ranks[b][i % 4];

				if (one == 0 || other == 0)
					continue;
				if (best_is_better(one, other) != (a < b))
					fail_msg("%u before %u", one, other);
			}
}

static void anything_is_better_than_nothing(void **state)
{
	(void)state;
	assert_true(best_is_better(503, 0));
	assert_true(best_is_better(603, 0));
}

static void what_goes_upstream_speaks_for_us(void **state)
{
	(void)state;
	assert_int_equal(best_status_upstream(486), 486);
	assert_int_equal(best_status_upstream(603), 603);
	assert_int_equal(best_status_upstream(503), 500);
	assert_int_equal(best_status_upstream(0), 408);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_is_that_of_16_7),
		cmocka_unit_test(anything_is_better_than_nothing),
		cmocka_unit_test(what_goes_upstream_speaks_for_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
