/*
 * Whether memory is true, and when the writer should look.
 */
#include "store/signs.h"

#include "base/clock.h"
#include "test_store_fixture.h"

static struct loop *loop;
static struct signs *signs;
static int64_t began_ms;

static void
open_signs(void)
{
	loop = loop_new();
	signs = signs_new(loop, fx.path);
	assert_non_null(signs);
	began_ms = clock_ms();
}

static void
close_signs(void)
{
	signs_free(signs);
	loop_free(loop);
}

/* A look of the writer's, which tells all or (as if it had failed) nothing. */
static void
look(bool works)
{
	signs_job_begins(signs, true);
	if (works)
		assert_int_equal(test_look(&fx, 0), STORE_OK);
	else
		store_news_fini(&fx.news);
	signs_job_ended(signs, &fx.news);
	signs_looked(signs, works);
}

static enum test_next
until_due(void *ctx, int turn)
{
	(void)ctx;
	(void)turn;
	assert_true(clock_ms() - began_ms < 20000);
	return signs_look_due(signs) ? TEST_STOP : TEST_WAIT;
}

static void
is_due_at_first_and_when_another_program_commits(void **state)
{
	(void)state;
	open_signs();
	assert_true(signs_look_due(signs));
	look(true);
	assert_true(signs_current(signs));
	assert_false(signs_look_due(signs));
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
	assert_false(signs_current(signs));
	test_run(loop, until_due, NULL);
	look(true);
	assert_true(signs_current(signs));
	close_signs();
}

static enum test_next
some_turns(void *ctx, int turn)
{
	(void)ctx;
	return turn < 20 ? TEST_WAIT : TEST_STOP;
}

static void
is_not_due_for_what_was_told_already(void **state)
{
	(void)state;
	open_signs();
	look(true);
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
	signs_job_begins(signs, false);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	signs_job_ended(signs, &fx.news);
	test_run(loop, some_turns, NULL);
	assert_false(signs_look_due(signs));
	close_signs();
}

static void
is_due_again_until_a_look_works(void **state)
{
	(void)state;
	open_signs();
	look(true);
	look(false);
	assert_false(signs_look_due(signs));
	test_run(loop, until_due, NULL);
	look(true);
	assert_false(signs_look_due(signs));
	close_signs();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(is_due_at_first_and_when_another_program_commits, setup, teardown),
	    cmocka_unit_test_setup_teardown(is_not_due_for_what_was_told_already, setup, teardown),
	    cmocka_unit_test_setup_teardown(is_due_again_until_a_look_works, setup, teardown),
	};

	return cmocka_run_group_tests_name("signs", tests, NULL, NULL);
}
