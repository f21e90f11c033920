#include "base/budget.h"

#include "test.h"

enum { SHARES = 1000 };

static struct fixture {
	struct budget *b;
	struct budget_share shares[SHARES];
	size_t ended[SHARES], n_ended; /* in this order */
	size_t common;                 /* bytes that go with the last of the shares in `holders` */
	unsigned holders;
} fx;

static void
on_end(void *ctx, struct budget_share *share)
{
	assert_ptr_equal(ctx, &fx);
	fx.ended[fx.n_ended++] = (size_t)(share - fx.shares);
	if (fx.holders > 0 && --fx.holders == 0)
		budget_sub(fx.b, BUDGET_ANSWERS, fx.common);
	assert_true(budget_set(fx.b, share, share->kind, 0));
}

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.b = budget_new(10000);
	assert_non_null(fx.b);
	budget_kind(fx.b, BUDGET_SENDS, BUDGET_LARGEST, 5000, NULL, NULL);
	budget_kind(fx.b, BUDGET_QUEUES, BUDGET_LARGEST, 0, on_end, &fx);
	budget_kind(fx.b, BUDGET_EVENTS, BUDGET_LARGEST, 0, on_end, &fx);
	budget_kind(fx.b, BUDGET_ANSWERS, BUDGET_SLOWEST, 5000, on_end, &fx);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	budget_free(fx.b);
	return 0;
}

static bool
set(size_t i, enum budget_kind kind, size_t bytes)
{
	return budget_set(fx.b, &fx.shares[i], kind, bytes);
}

static void
counts_the_bytes_of_each_kind(void **state)
{
	struct budget_counts counts;

	(void)state;
	assert_true(set(0, BUDGET_QUEUES, 100));
	assert_true(set(1, BUDGET_EVENTS, 50));
	assert_true(set(0, BUDGET_QUEUES, 700));
	budget_add(fx.b, BUDGET_SENDS, 1000);
	counts = budget_counts(fx.b);
	assert_int_equal(counts.bytes_max, 10000);
	assert_int_equal(counts.bytes, 1750);
	assert_int_equal(counts.kind_bytes[BUDGET_QUEUES], 700);
	assert_int_equal(counts.kind_bytes[BUDGET_EVENTS], 50);
	assert_int_equal(counts.kind_bytes[BUDGET_SENDS], 1000);
	assert_true(set(0, BUDGET_QUEUES, 0));
	assert_true(set(0, BUDGET_QUEUES, 0));
	assert_true(set(1, BUDGET_EVENTS, 0));
	budget_sub(fx.b, BUDGET_SENDS, 1000);
	assert_int_equal(budget_counts(fx.b).bytes, 0);
	assert_int_equal(fx.n_ended, 0);
}

/* Of the kind that has most, and of about one size who has been so for longest. */
static void
ends_the_largest_and_of_equals_the_oldest(void **state)
{
	(void)state;
	for (size_t i = 0; i < 10; i++)
		assert_true(set(i, BUDGET_EVENTS, 300));
	assert_true(set(10, BUDGET_QUEUES, 1100));
	assert_true(set(11, BUDGET_QUEUES, 1200));
	assert_true(set(12, BUDGET_QUEUES, 1000));
	assert_true(set(13, BUDGET_QUEUES, 3600));
	assert_int_equal(fx.n_ended, 0);
	assert_true(set(0, BUDGET_EVENTS, 500)); /* 10,100 in all */
	assert_int_equal(fx.n_ended, 1);
	assert_int_equal(fx.ended[0], 13);
	assert_int_equal(budget_counts(fx.b).bytes, 6500);
	assert_true(set(14, BUDGET_QUEUES, 3000));
	assert_true(set(12, BUDGET_QUEUES, 1030)); /* of one rank with the first two from now on */
	assert_true(set(14, BUDGET_QUEUES, 0));
	assert_true(set(15, BUDGET_QUEUES, 1023));
	assert_true(set(16, BUDGET_QUEUES, 1023));
	assert_true(set(17, BUDGET_QUEUES, 1023));
	assert_int_equal(fx.n_ended, 1);
	assert_true(set(18, BUDGET_QUEUES, 500));
	assert_int_equal(fx.n_ended, 2);
	assert_int_equal(fx.ended[1], 10);
	assert_int_equal(budget_counts(fx.b).ended[BUDGET_QUEUES], 2);
	assert_int_equal(budget_counts(fx.b).ended[BUDGET_EVENTS], 0);
}

/* Who adds and is itself the one to go is told so. */
static void
tells_a_share_that_it_is_itself_the_one_to_end(void **state)
{
	(void)state;
	assert_true(set(0, BUDGET_QUEUES, 2000));
	assert_true(set(1, BUDGET_QUEUES, 7000));
	assert_false(set(1, BUDGET_QUEUES, 9000));
	assert_int_equal(fx.n_ended, 0);
	assert_int_equal(budget_counts(fx.b).ended[BUDGET_QUEUES], 1);
	assert_true(set(1, BUDGET_QUEUES, 0));
	assert_int_equal(budget_counts(fx.b).bytes, 2000);
}

/* Beyond their own part the slowest go, though there is room in all; who moves is not slow. */
static void
ends_the_slowest_of_a_kind_beyond_its_own_part(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_true(set(i, BUDGET_ANSWERS, 1000));
	budget_moved(fx.b, &fx.shares[0]);
	budget_moved(fx.b, &fx.shares[9]); /* has nothing */
	assert_true(set(2, BUDGET_ANSWERS, 900));
	assert_int_equal(fx.n_ended, 0);
	assert_true(set(5, BUDGET_ANSWERS, 2000));
	assert_int_equal(fx.n_ended, 2);
	assert_int_equal(fx.ended[0], 1);
	assert_int_equal(fx.ended[1], 2);
	assert_int_equal(budget_counts(fx.b).kind_bytes[BUDGET_ANSWERS], 5000);
}

/* What several hold together counts once, and is there until the last of them is gone. */
static void
counts_what_several_hold_once(void **state)
{
	(void)state;
	fx.common = 4000;
	fx.holders = 20;
	budget_add(fx.b, BUDGET_ANSWERS, fx.common);
	for (size_t i = 0; i < 20; i++)
		assert_true(set(i, BUDGET_ANSWERS, 10));
	assert_int_equal(budget_counts(fx.b).bytes, 4200);
	assert_true(set(20, BUDGET_ANSWERS, 1500));
	assert_int_equal(fx.n_ended, 20);
	assert_int_equal(budget_counts(fx.b).bytes, 1500);
}

/* A kind of which none can go does not drive out all the others. */
static void
takes_no_more_than_its_part_for_a_kind_that_cannot_end(void **state)
{
	(void)state;
	assert_true(budget_take(fx.b, BUDGET_SENDS, 5000));
	budget_sub(fx.b, BUDGET_SENDS, 5000);
	assert_false(budget_take(fx.b, BUDGET_SENDS, 5001));
	assert_true(budget_take(fx.b, BUDGET_SENDS, 4000));
	assert_false(budget_take(fx.b, BUDGET_SENDS, 1001));
	assert_int_equal(budget_counts(fx.b).kind_bytes[BUDGET_SENDS], 4000);
	assert_int_equal(budget_counts(fx.b).ended[BUDGET_SENDS], 2);
	for (size_t i = 0; i < 50; i++)
		assert_true(set(i, BUDGET_QUEUES, 100));
	assert_true(set(50, BUDGET_QUEUES, 900));
	assert_int_equal(fx.n_ended, 0);
	assert_true(budget_take(fx.b, BUDGET_SENDS, 900));
	assert_int_equal(fx.n_ended, 1);
	assert_int_equal(fx.ended[0], 50);
}

/* Whoever goes is found at once, so many ends cost as many steps. */
static void
stays_within_its_maximum_in_any_order(void **state)
{
	size_t total = 0;

	(void)state;
	test_seed(7);
	for (size_t turn = 0; turn < 20000; turn++) {
		size_t i = test_random(SHARES), bytes = test_random(4) == 0 ? test_random(3000) : test_random(100);
		enum budget_kind kind = i % 2 == 0 ? BUDGET_QUEUES : BUDGET_EVENTS;

		fx.n_ended = 0;
		if (!set(i, kind, bytes))
			assert_true(set(i, kind, 0));
		assert_true(budget_counts(fx.b).bytes <= 10000);
	}
	for (size_t i = 0; i < SHARES; i++)
		total += fx.shares[i].bytes;
	assert_int_equal(budget_counts(fx.b).bytes, total);
}

static void
allows_all_without_a_budget(void **state)
{
	struct budget_share share = {.bytes = 0};

	(void)state;
	budget_kind(NULL, BUDGET_QUEUES, BUDGET_LARGEST, 0, on_end, NULL);
	assert_true(budget_set(NULL, &share, BUDGET_QUEUES, 1 << 30));
	budget_add(NULL, BUDGET_QUEUES, 1);
	budget_sub(NULL, BUDGET_QUEUES, 1);
	budget_moved(NULL, &share);
	assert_true(budget_take(NULL, BUDGET_SENDS, SIZE_MAX / 2));
	assert_int_equal(budget_counts(NULL).bytes_max, 0);
	budget_free(NULL);
}

static void
counts_a_block_with_its_overhead(void **state)
{
	char *small = calloc(1, 1), *large = calloc(1, 100000);

	(void)state;
	assert_true(budget_size(small) >= 1 + sizeof(size_t));
	assert_true(budget_size(large) >= 100000 && budget_size(large) <= 110000);
	assert_int_equal(budget_size(NULL), 0);
	free(small);
	free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(counts_the_bytes_of_each_kind, setup, teardown),
	    cmocka_unit_test_setup_teardown(ends_the_largest_and_of_equals_the_oldest, setup, teardown),
	    cmocka_unit_test_setup_teardown(tells_a_share_that_it_is_itself_the_one_to_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(ends_the_slowest_of_a_kind_beyond_its_own_part, setup, teardown),
	    cmocka_unit_test_setup_teardown(counts_what_several_hold_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(takes_no_more_than_its_part_for_a_kind_that_cannot_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(stays_within_its_maximum_in_any_order, setup, teardown),
	    cmocka_unit_test(allows_all_without_a_budget),
	    cmocka_unit_test(counts_a_block_with_its_overhead),
	};

	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
