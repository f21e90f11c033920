/*
 * Whose turn a question is, and what it cost.
 */
#include "store/readers.h"

#include "test_store.h"

enum { MANY = 1000 };

static struct fixture {
	struct test_store db;
	struct loop *loop;
	struct readers *readers;
	struct question {
		struct store_list list;
		struct read_turn turn;
		enum store_status status;
		size_t place; /* in the order in which they were answered; 0: not yet */
	} questions[MANY];
	size_t n_done;
} fx;

static void
done(void *ctx, enum store_status status)
{
	struct question *q = ctx;

	q->status = status;
	q->place = ++fx.n_done;
	buf_fini(&q->list.json);
}

static struct read *
ask(size_t i, void *key)
{
	struct question *q = &fx.questions[i];
	struct read *read;

	*q = (struct question){
	    .list = {.head = INT64_MAX, .after = INT64_MAX, .limit = 10}, .turn = {.key = key, .took_us = -1}};
	read = readers_list(fx.readers, &q->list, &q->turn, done, q);
	assert_non_null(read);
	return read;
}

static enum test_next
until_done(void *ctx, int turn)
{
	(void)turn;
	return fx.n_done < *(size_t *)ctx ? TEST_WAIT : TEST_STOP;
}

static int
setup(void **state)
{
	char error[STORE_ERROR_SIZE];

	(void)state;
	memset(&fx, 0, sizeof fx);
	test_store_init(&fx.db);
	fx.loop = loop_new();
	fx.readers = readers_new(fx.loop, &fx.db.options, 1, MANY, error);
	assert_non_null(fx.readers);
	test_watchdog(60);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	readers_free(fx.readers);
	loop_free(fx.loop);
	test_store_fini(&fx.db);
	test_watchdog(0);
	return 0;
}

/* A key's questions are many, and the thread is at one of them: another's goes before all but one of the rest. */
static void
one_question_does_not_wait_for_a_thousand_of_another(void **state)
{
	static char a, b;
	size_t all = MANY, began;

	(void)state;
	for (size_t i = 0; i < MANY - 1; i++)
		ask(i, &a);
	ask(MANY - 1, &b);
	began = MANY - readers_counts(fx.readers).pages.waiting;
	test_run(fx.loop, until_done, &all);
	assert_true(began < MANY);
	/* It is the next or the one after that; but its thread may have to wait for the processor. */
	assert_in_range(fx.questions[MANY - 1].place, 1, began + MANY / 4);
}

static void
each_tells_what_it_cost(void **state)
{
	size_t all = 2;

	(void)state;
	ask(0, NULL);
	readers_cancel(ask(1, NULL));
	test_run(fx.loop, until_done, &all);
	assert_int_equal(fx.questions[0].status, STORE_OK);
	assert_in_range(fx.questions[0].turn.took_us, 1, 10000000);
	assert_int_equal(fx.questions[1].status, STORE_STOPPED);
	assert_in_range(fx.questions[1].turn.took_us, 0, 10000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_question_does_not_wait_for_a_thousand_of_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(each_tells_what_it_cost, setup, teardown),
	};

	return cmocka_run_group_tests_name("readers", tests, NULL, NULL);
}
