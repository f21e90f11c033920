/*
 * Sends, rows of others, looks, the index.
 */
#include "live/commit.h"

#include "test_commit_fixture.h"

static uint64_t
times(const struct histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < LENGTH(h->n); i++)
		n += h->n[i];
	return n;
}

static enum test_next
sends_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		assert_true(commit_idle(fx.commit));
		for (size_t i = 0; i < 100; i++)
			assert_int_equal(add(i, i % 2 == 0 ? "a" : "b", "text", i % 10 == 9 ? "same" : ""), 0);
		assert_false(commit_idle(fx.commit));
		assert_int_equal(commit_counts(fx.commit).queued, 100);
		assert_int_equal(fx.n_done, 0);
		return TEST_WAIT;
	}
	if (fx.n_done < 100)
		return TEST_WAIT;
	if (!commit_idle(fx.commit))
		return TEST_WAIT;
	return TEST_STOP;
}

static void
sends_that_come_together_are_stored_together_in_order(void **state)
{
	struct commit_counts counts;
	int64_t id = 0;

	(void)state;
	run(sends_steps);
	for (size_t i = 0; i < 100; i++) {
		if (i % 10 == 9 && i > 9) {
			assert_int_equal(fx.sends[i].outcome, COMMIT_REPLAYED);
			assert_int_equal(fx.sends[i].id, fx.sends[9].id);
			continue;
		}
		assert_int_equal(fx.sends[i].outcome, COMMIT_STORED);
		assert_int_equal(fx.sends[i].id, ++id);
	}
	assert_int_equal(rooms_head(fx.rooms), id);
	assert_int_equal(rooms_counts(fx.rooms).messages, id);
	assert_int_equal(test_number(&fx.db, "SELECT count(*) FROM messages"), id);
	counts = commit_counts(fx.commit);
	assert_int_equal(counts.sends, 100);
	/* Those that came together went together. */
	assert_true(counts.commits <= 2);
	assert_true(counts.largest >= 50);
	assert_int_equal(counts.queued, 0);
	/* Each transaction is timed, and each message that was stored: a repetition was seen before. */
	assert_int_equal(times(&counts.took), counts.commits);
	assert_int_equal(counts.took.sum_us, counts.commit_us);
	assert_int_equal(times(&counts.delivered), id);
	assert_true(counts.delivered.sum_us >= counts.lag_us);
}

static enum test_next
queue_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < fx.options.queue_max; i++) {
			assert_int_equal(commit_crowded(fx.commit), i >= fx.options.queue_max / 2);
			assert_int_equal(add(i, "a", "text", ""), 0);
		}
		assert_int_equal(add(500, "a", "text", ""), -1);
		return TEST_WAIT;
	}
	if (fx.n_done < fx.options.queue_max)
		return TEST_WAIT;
	if (fx.step == 0) {
		/* There is room again. */
		assert_false(commit_crowded(fx.commit));
		fx.step = 1;
		assert_int_equal(add(1500, "a", "text", ""), 0);
		return TEST_WAIT;
	}
	return fx.sends[1500].done ? TEST_STOP : TEST_WAIT;
}

static void
a_full_queue_refuses_a_send_until_there_is_room_again(void **state)
{
	(void)state;
	run(queue_steps);
	assert_int_equal(test_number(&fx.db, "SELECT count(*) FROM messages"), fx.options.queue_max + 1);
}

static char large[300001];

static enum test_next
bytes_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(add(i, "a", large, ""), 0);
		assert_int_equal(add(3, "a", large, ""), -1);
		assert_true(commit_crowded(fx.commit));
		assert_int_equal(add(3, "a", "small", ""), 0);
		return TEST_WAIT;
	}
	if (fx.n_done < 4)
		return TEST_WAIT;
	if (fx.step++ == 0) {
		for (size_t i = 4; i < 7; i++)
			assert_int_equal(add(i, "a", large, ""), 0);
		return TEST_WAIT;
	}
	return fx.n_done < 7 ? TEST_WAIT : TEST_STOP;
}

static void
a_queue_with_too_many_bytes_refuses_a_large_send_only(void **state)
{
	(void)state;
	memset(large, 'x', sizeof large - 1);
	run(bytes_steps);
}

static enum test_next
foreign_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn < 20)
		return TEST_WAIT;
	if (fx.step == 0) {
		test_other(&fx.db, "INSERT INTO messages (room, text) VALUES ('ops', 'theirs')");
		begin_time();
		fx.step = 1;
	}
	return rooms_head(fx.rooms) < 1 && time_taken() < 2000 ? TEST_WAIT : TEST_STOP;
}

/* A row of another program's is published without anybody asking. */
static void
a_row_of_another_program_is_published_by_itself(void **state)
{
	(void)state;
	run(foreign_steps);
	assert_int_equal(rooms_head(fx.rooms), 1);
	assert_int_equal(room_chain(room_get(fx.rooms, STR("ops")))->n, 1);

	test_other(&fx.db, "INSERT INTO messages (room, text) VALUES ('ops', 'not told yet')");
	assert_false(commit_current(fx.commit));
}

static enum test_next
mixed_steps(void *ctx, int turn)
{
	static size_t next;

	(void)ctx;
	if (turn == 0) {
		next = 0;
		test_seed(16);
	}
	if (next < 600) {
		for (size_t i = test_random(10); i > 0 && next < 600; i--, next++)
			assert_int_equal(add(next, "a", "ours", ""), 0);
		if (test_random(3) == 0)
			test_other(&fx.db, "INSERT INTO messages (room, text) VALUES ('b', 'theirs')");
		return TEST_WAIT;
	}
	if (fx.n_done < 600 || rooms_head(fx.rooms) < test_number(&fx.db, "SELECT max(id) FROM messages"))
		return TEST_WAIT;
	return TEST_STOP;
}

/* Ours and theirs together: memory ends with all of them, in order. */
static void
memory_has_our_rows_and_those_of_others_in_order(void **state)
{
	const struct ring_chain *all;
	int64_t n;

	(void)state;
	run(mixed_steps);
	n = test_number(&fx.db, "SELECT count(*) FROM messages");
	all = room_chain(room_all(fx.rooms));
	assert_int_equal(all->n, n);
	for (size_t i = 0; i < all->n; i++)
		assert_int_equal(ring_at(all, i)->f.id, i + 1);
	assert_int_equal(commit_counts(fx.commit).sends, 600);
}

static enum test_next
look_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		test_other(&fx.db, "INSERT INTO messages (text) VALUES ('theirs')");
		for (uint64_t i = 0; i < 3; i++)
			assert_int_equal(commit_look(fx.commit, on_looked, &fx, i), 0);
		assert_int_equal(fx.n_looked, 0);
		return TEST_WAIT;
	}
	if (fx.n_looked == 0)
		return TEST_WAIT;
	/* Whoever asked is told after what was there is published. */
	assert_int_equal(rooms_head(fx.rooms), 1);
	assert_true(fx.looked_ok);
	return fx.n_looked < 3 ? TEST_WAIT : TEST_STOP;
}

static void
a_look_is_answered_when_what_it_found_is_published(void **state)
{
	(void)state;
	run(look_steps);
	assert_int_equal(fx.last_looked, 2);
}

static enum test_next
probe_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		assert_int_equal(commit_probe(fx.commit, on_looked, &fx, 1), 0);
		assert_int_equal(commit_probe(fx.commit, on_looked, &fx, 2), 0);
		return TEST_WAIT;
	}
	if (fx.n_looked < 2)
		return TEST_WAIT;
	if (fx.step++ == 0) {
		assert_true(fx.looked_ok);
		/* Within a second what was found is still good. */
		assert_int_equal(commit_probe(fx.commit, on_looked, &fx, 3), 0);
		assert_int_equal(fx.n_looked, 3);
	}
	return TEST_STOP;
}

static void
a_probe_within_a_second_of_the_last_is_answered_at_once(void **state)
{
	(void)state;
	run(probe_steps);
}

static enum test_next
index_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < 500; i++)
			assert_int_equal(add(i, "a", "word", ""), 0);
		return TEST_WAIT;
	}
	if (fx.n_done < 500)
		return TEST_WAIT;
	if (fx.step++ == 0)
		assert_int_equal(commit_want_index(fx.commit, 5000, on_looked, &fx, 9), 0);
	if (fx.n_looked == 0)
		return TEST_WAIT;
	assert_int_equal(commit_indexed(fx.commit), 500);
	/* It is there: no waiting. */
	assert_int_equal(commit_want_index(fx.commit, 5000, on_looked, &fx, 10), 0);
	assert_int_equal(fx.n_looked, 2);
	return TEST_STOP;
}

static void
a_search_waits_until_the_index_has_all_and_then_no_more(void **state)
{
	(void)state;
	run(index_steps);
}

static enum test_next
free_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn < 3)
		return TEST_WAIT;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(add(i, "a", "text", ""), 0);
	assert_int_equal(commit_look(fx.commit, on_looked, &fx, 1), 0);
	assert_int_equal(commit_probe(fx.commit, on_looked, &fx, 1), 0);
	assert_int_equal(commit_want_index(fx.commit, 1000, on_looked, &fx, 1), 0);
	return TEST_STOP;
}

/* Freed with everything under way: nothing is told any more, and nothing leaks. */
static void
nothing_is_told_after_it_is_freed(void **state)
{
	size_t looked;

	(void)state;
	run(free_steps);
	looked = fx.n_looked;
	commit_free(fx.commit);
	fx.commit = NULL;
	assert_int_equal(fx.n_done, 0);
	assert_int_equal(fx.n_looked, looked);
	commit_free(NULL);
}

enum { ROWS = 4500 };

static enum test_next
many_rows_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0)
		test_other(&fx.db,
		    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		    " INSERT INTO messages (text) SELECT i FROM n",
		    ROWS);
	return rooms_head(fx.rooms) < ROWS ? TEST_WAIT : TEST_STOP;
}

/* More than one look holds: the next begins at once, and waits for no sign. */
static void
more_rows_than_a_look_holds_are_published_without_a_sign(void **state)
{
	(void)state;
	run(many_rows_steps);
	assert_true(commit_counts(fx.commit).looks >= 5);
}

/* Who searches while rows of others are told piece by piece is told when the last of them is in the index. */
static enum test_next
index_rows_steps(void *ctx, int turn)
{
	if (many_rows_steps(ctx, turn) == TEST_STOP && fx.step == 0)
		return TEST_STOP; /* all at once: this machine was away */
	if (fx.step == 0 && rooms_head(fx.rooms) > 0) {
		fx.step = 1;
		assert_int_equal(commit_want_index(fx.commit, 20000, on_looked, &fx, 1), 0);
	}
	return fx.n_looked == 0 ? TEST_WAIT : TEST_STOP;
}

static void
a_search_waits_until_the_last_row_of_others_is_indexed(void **state)
{
	(void)state;
	run(index_rows_steps);
	if (fx.step == 1) {
		assert_int_equal(rooms_head(fx.rooms), ROWS);
		assert_int_equal(commit_indexed(fx.commit), ROWS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(sends_that_come_together_are_stored_together_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_full_queue_refuses_a_send_until_there_is_room_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_queue_with_too_many_bytes_refuses_a_large_send_only, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_row_of_another_program_is_published_by_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(memory_has_our_rows_and_those_of_others_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_look_is_answered_when_what_it_found_is_published, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_probe_within_a_second_of_the_last_is_answered_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_search_waits_until_the_index_has_all_and_then_no_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(more_rows_than_a_look_holds_are_published_without_a_sign, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_search_waits_until_the_last_row_of_others_is_indexed, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_is_told_after_it_is_freed, setup, teardown),
	};

	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
