/*
 * Sends of one person keep those of another waiting for no more than a batch, which is short.
 */
#include "access/access.h"
#include "test_commit_fixture.h"

static struct {
	struct limits limits;
	struct persons *persons;
	struct access *access;
	struct pass *a, *b;
} who;

static struct pass *
pass_of(const char *address)
{
	char detail[ACCESS_DETAIL_SIZE];
	struct access_ask ask = {.address = str_of(address)};
	struct pass *p = access_pass(who.access, &ask, clock_wall_ms(), detail);

	assert_non_null(p);
	return p;
}

static int
setup_persons(void **state)
{
	struct store_access *rows;

	setup(state);
	limits_init(&who.limits);
	who.persons = persons_new(&who.limits, 100);
	who.access = access_new(&(struct access_options){.persons = who.persons});
	assert_int_equal(store_access(fx.db.store, &rows), STORE_OK);
	assert_int_equal(access_set(who.access, rows), 0);
	who.a = pass_of("192.0.2.1");
	who.b = pass_of("192.0.2.2");
	fx.options.access = who.access;
	fx.options.queue_max = SENDS;
	fx.options.queue_bytes_max = 100000000;
	test_watchdog(60);
	return 0;
}

static int
teardown_persons(void **state)
{
	teardown(state);
	pass_drop(who.a);
	pass_drop(who.b);
	access_free(who.access);
	persons_free(who.persons);
	test_watchdog(0);
	return 0;
}

static void
add_as(struct pass *pass, size_t handle, const char *text)
{
	fx.pass = pass;
	assert_int_equal(add(handle, "room", text, ""), 0);
}

enum { MANY = 1500, LARGE = 400000, LARGES = 20 };

static enum test_next
many_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < MANY; i++)
			add_as(who.a, i, "a");
		for (size_t i = MANY; i < MANY + 3; i++)
			add_as(who.b, i, "b");
		assert_int_equal(commit_counts(fx.commit).queued, MANY + 3);
	}
	return fx.n_done < MANY + 3 ? TEST_WAIT : TEST_STOP;
}

/* They take turns, each in order, and a batch has an end. */
static void
who_sends_much_and_who_sends_little_take_turns(void **state)
{
	(void)state;
	run(many_steps);
	for (size_t i = 0; i < MANY + 3; i++)
		assert_int_equal(fx.sends[i].outcome, COMMIT_STORED);
	for (size_t i = 1; i < MANY; i++)
		assert_true(fx.sends[i].id > fx.sends[i - 1].id);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fx.sends[MANY + i].id - fx.sends[0].id, 2 * i + 1);
	assert_int_equal(commit_counts(fx.commit).largest, 1024);
	assert_int_equal(commit_counts(fx.commit).commits, 2);
	assert_true(commit_idle(fx.commit));
}

static enum test_next
large_steps(void *ctx, int turn)
{
	static char text[LARGE + 1];

	(void)ctx;
	memset(text, 'x', LARGE);
	if (turn == 0) {
		for (size_t i = 0; i < LARGES; i++)
			add_as(who.a, i, text);
		add_as(who.b, LARGES, "b");
	}
	return fx.n_done <= LARGES ? TEST_WAIT : TEST_STOP;
}

/* A batch has room for three of them. */
static void
who_sends_large_ones_keeps_others_waiting_for_a_few_of_them(void **state)
{
	(void)state;
	run(large_steps);
	assert_int_equal(fx.sends[LARGES].outcome, COMMIT_STORED);
	assert_int_equal(fx.sends[LARGES].id, fx.sends[0].id + 1);
	assert_true(fx.sends[LARGES].head <= fx.sends[0].id + 3);
	assert_in_range(commit_counts(fx.commit).commits, (LARGES + 1) / 3, (LARGES + 1) / 3 + 2);
}

static enum test_next
locked_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		test_other(&fx.db, "BEGIN IMMEDIATE");
		for (size_t i = 0; i < MANY; i++)
			add_as(who.a, i, "a");
		add_as(who.b, MANY, "b");
	}
	if (fx.n_done < MANY + 1)
		return TEST_WAIT;
	test_other(&fx.db, "COMMIT");
	return TEST_STOP;
}

/* Those behind the batch that cannot go do not wait for longer than those in it. */
static void
nobody_waits_for_a_lock_for_longer_than_may_be(void **state)
{
	(void)state;
	fx.options.lock_wait_ms = 100;
	run(locked_steps);
	for (size_t i = 0; i <= MANY; i++) {
		assert_int_equal(fx.sends[i].outcome, COMMIT_LOCKED);
		assert_in_range(fx.sends[i].took_ms, 99, 100 + 2000 + test_late_ms);
	}
	assert_true(commit_idle(fx.commit));
}

static enum test_next
lock_ends_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		test_other(&fx.db, "BEGIN IMMEDIATE");
		for (size_t i = 0; i < 3; i++)
			add_as(who.a, i, "a");
	}
	/* The batch was tried, and is tried again, with those who came meanwhile behind it. */
	if (turn == 20) {
		add_as(who.b, 3, "b");
		add_as(who.a, 4, "a");
	}
	if (turn == 40)
		test_other(&fx.db, "COMMIT");
	return fx.n_done < 5 ? TEST_WAIT : TEST_STOP;
}

static void
a_batch_that_is_tried_again_keeps_its_order(void **state)
{
	(void)state;
	run(lock_ends_steps);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(fx.sends[i].outcome, COMMIT_STORED);
		assert_true(i == 0 || fx.sends[i].id == fx.sends[i - 1].id + 1 || i >= 3);
	}
	assert_int_equal(fx.sends[3].id + fx.sends[4].id, 2 * fx.sends[2].id + 3);
}

static enum test_next
refused_steps(void *ctx, int turn)
{
	char room[8];

	(void)ctx;
	if (turn == 0)
		for (size_t i = 0; i < 40; i++) {
			fx.pass = i % 4 == 0 ? who.b : who.a;
			snprintf(room, sizeof room, i == 17 || i == 32 ? "bad" : "good");
			assert_int_equal(add(i, room, "x", ""), 0);
		}
	return fx.n_done < 40 ? TEST_WAIT : TEST_STOP;
}

/* Parted by halves, in whose turn it was. */
static void
only_those_to_blame_are_refused(void **state)
{
	(void)state;
	test_other(&fx.db, "CREATE TRIGGER no BEFORE INSERT ON messages WHEN NEW.room = 'bad' "
	                   "BEGIN SELECT abs(-9223372036854775808); END");
	run(refused_steps);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(fx.sends[i].outcome, i == 17 || i == 32 ? COMMIT_FAILED : COMMIT_STORED);
}

static enum test_next
barred_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		test_other(&fx.db, "BEGIN IMMEDIATE");
		test_other(&fx.db, "INSERT INTO grants VALUES ('anyone', 'room', 'r'), ('anyone', 'good', 'rw')");
		for (size_t i = 0; i < MANY; i++) {
			fx.pass = i % 2 == 0 ? who.a : who.b;
			assert_int_equal(add(i, i % 3 == 0 ? "good" : "room", "x", ""), 0);
		}
	}
	/* By now the batch has met the lock. */
	if (turn == 20)
		test_other(&fx.db, "COMMIT");
	return fx.n_done < MANY ? TEST_WAIT : TEST_STOP;
}

/* In the batch that is tried again, and behind it. */
static void
who_may_no_more_is_told_and_the_others_are_stored(void **state)
{
	(void)state;
	run(barred_steps);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(fx.sends[i].outcome, i % 3 == 0 ? COMMIT_STORED : COMMIT_FORBIDDEN);
	assert_int_equal(commit_counts(fx.commit).queued, 0);
	assert_true(commit_idle(fx.commit));
}

static enum test_next
freed_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < MANY; i++)
			add_as(who.a, i, "a");
		return TEST_AGAIN;
	}
	return TEST_STOP;
}

static void
what_is_left_at_the_end_is_freed(void **state)
{
	(void)state;
	run(freed_steps);
	assert_true(fx.n_done < MANY);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_persons, teardown_persons)
	const struct CMUnitTest tests[] = {
	    TEST(who_sends_much_and_who_sends_little_take_turns),
	    TEST(who_sends_large_ones_keeps_others_waiting_for_a_few_of_them),
	    TEST(nobody_waits_for_a_lock_for_longer_than_may_be),
	    TEST(a_batch_that_is_tried_again_keeps_its_order),
	    TEST(only_those_to_blame_are_refused),
	    TEST(who_may_no_more_is_told_and_the_others_are_stored),
	    TEST(what_is_left_at_the_end_is_freed),
	};

	return cmocka_run_group_tests_name("commit_turns", tests, NULL, NULL);
}
