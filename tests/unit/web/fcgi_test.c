/*
 * Answers that go on (fcgi_more(), fcgi_end()).
 */
#include "test_fcgi_fixture.h"

static enum output_result
give(struct str text)
{
	return fcgi_more(fx.fcgi, fx.conn, fcgi_frame_part(text));
}

static enum output_result
give_large(char letter)
{
	char *text = malloc(LARGE);
	enum output_result result;

	memset(text, letter, LARGE);
	result = give((struct str){text, LARGE});
	free(text);
	return result;
}

static void
an_answer_goes_on_part_by_part_and_the_connection_is_kept(void **state)
{
	bool ended;

	(void)state;
	assert_int_equal(give(STR("Status: 200 OK\r\n\r\none")), OUTPUT_SENT);
	assert_int_equal(give(STR("two")), OUTPUT_SENT);
	read_all();
	assert_str(text_got(&ended), "Status: 200 OK\r\n\r\nonetwo");
	assert_false(ended);
	turn();
	assert_ptr_equal(fcgi_find(fx.fcgi, fcgi_handle(fx.conn)), fx.conn);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 1);
	assert_int_equal(fx.ended, 0);
	fcgi_end(fx.fcgi, fx.conn);
	assert_int_equal(fx.ended, 1);
	read_all();
	assert_int_equal(text_got(&ended).n, 0);
	assert_true(ended);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
	ask();
	assert_int_equal(fx.gone + fx.drained, 0);
}

static void
one_that_is_blocked_has_drained_once_all_was_read(void **state)
{
	bool ended;
	size_t n;

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	turn();
	assert_int_equal(fx.drained, 0);
	for (int i = 0; i < 1000 && fx.drained == 0; i++) {
		read_all();
		turn();
	}
	assert_int_equal(fx.drained, 1);
	/* What was kept is let go. */
	assert_int_equal(budget_counts(fx.budget).kind_bytes[BUDGET_ANSWERS], 0);
	assert_int_equal(fcgi_counts(fx.fcgi).writing, 0);
	assert_int_equal(give(STR("behind it")), OUTPUT_SENT);
	read_all();
	n = text_got(&ended).n;
	assert_int_equal(n, LARGE + 9);
	assert_memory_equal(fx.got + LARGE, "behind it", 9);
	assert_int_equal(fx.gone, 0);
}

static void
an_end_waits_behind_what_is_blocked(void **state)
{
	bool ended;

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	fcgi_end(fx.fcgi, fx.conn);
	assert_int_equal(fx.ended, 1);
	for (int i = 0; i < 1000 && fcgi_counts(fx.fcgi).open > 0; i++) {
		read_all();
		turn();
	}
	read_all();
	assert_int_equal(text_got(&ended).n, LARGE);
	assert_true(ended);
	assert_int_equal(fx.drained + fx.gone, 0);
	assert_int_equal(fx.ended, 1);
	ask();
}

static void
nobody_is_told_of_a_hang_up_behind_the_end(void **state)
{
	uint64_t handle = fcgi_handle(fx.conn);

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	assert_ptr_equal(fcgi_find(fx.fcgi, handle), fx.conn);
	fcgi_end(fx.fcgi, fx.conn);
	assert_null(fcgi_find(fx.fcgi, handle));
	close(fx.client_fd);
	fx.client_fd = -1;
	turn();
	assert_int_equal(fx.gone, 0);
	assert_int_equal(fx.ended, 1);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
}

static void
whoever_has_it_is_told_of_a_hang_up(void **state)
{
	(void)state;
	assert_int_equal(give(STR("one")), OUTPUT_SENT);
	close(fx.client_fd);
	fx.client_fd = -1;
	turn();
	assert_int_equal(fx.gone, 1);
	assert_int_equal(fx.ended, 1);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
}

static void
whoever_has_it_is_told_of_one_that_stands_still(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	while (fx.gone == 0 && clock_ms() - from < 10000)
		turn();
	assert_int_equal(fx.gone, 1);
	assert_int_equal(fx.ended, 1);
	assert_in_range(clock_ms() - from, LATE_MS, 10000);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
}

static void
the_slowest_goes_when_memory_is_short(void **state)
{
	struct budget_share other = {.bytes = 0};

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	/* Its memory is free at once; whoever has it may be in the middle of something, and is told with the turn. */
	assert_true(budget_set(fx.budget, &other, BUDGET_ANSWERS, MEMORY_MAX / 2));
	assert_int_equal(budget_counts(fx.budget).kind_bytes[BUDGET_ANSWERS], MEMORY_MAX / 2);
	assert_int_equal(fx.gone, 0);
	assert_int_equal(give(STR("nobody takes it")), OUTPUT_BLOCKED);
	turn();
	assert_int_equal(fx.gone, 1);
	assert_int_equal(fx.ended, 1);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
	budget_set(fx.budget, &other, BUDGET_ANSWERS, 0);
}

static void
one_that_is_to_go_for_want_of_memory_may_still_be_ended(void **state)
{
	struct budget_share other = {.bytes = 0};

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	assert_true(budget_set(fx.budget, &other, BUDGET_ANSWERS, MEMORY_MAX / 2));
	fcgi_end(fx.fcgi, fx.conn);
	assert_int_equal(fx.ended, 1);
	turn();
	assert_int_equal(fx.gone, 0);
	assert_int_equal(fx.ended, 1);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
	budget_set(fx.budget, &other, BUDGET_ANSWERS, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(an_answer_goes_on_part_by_part_and_the_connection_is_kept),
	    TEST(one_that_is_blocked_has_drained_once_all_was_read),
	    TEST(an_end_waits_behind_what_is_blocked),
	    TEST(nobody_is_told_of_a_hang_up_behind_the_end),
	    TEST(whoever_has_it_is_told_of_a_hang_up),
	    TEST(whoever_has_it_is_told_of_one_that_stands_still),
	    TEST(the_slowest_goes_when_memory_is_short),
	    TEST(one_that_is_to_go_for_want_of_memory_may_still_be_ended),
	};

	return cmocka_run_group_tests_name("fcgi", tests, NULL, NULL);
}
