/*
 * A lock, a disk that is full, a log that is wiped: who is told what, and what goes on.
 */
#include "live/commit.h"

#include "test_commit_fixture.h"

static enum test_next
lock_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (fx.step) {
	case 0:
		if (turn < 5)
			return TEST_WAIT;
		test_other(&fx.db, "BEGIN IMMEDIATE; INSERT INTO messages (text) VALUES ('theirs')");
		for (size_t i = 0; i < 10; i++)
			assert_int_equal(add(i, "a", "ours", ""), 0);
		begin_time();
		fx.step = 1;
		return TEST_WAIT;
	case 1:
		assert_int_equal(fx.n_done, 0);
		if (clock_ms() - fx.began_ms < 200)
			return TEST_WAIT;
		test_other(&fx.db, "COMMIT");
		begin_time();
		fx.step = 2;
		return TEST_WAIT;
	default:
		return fx.n_done < 10 ? TEST_WAIT : TEST_STOP;
	}
}

/* Another program's lock is waited for, and then all goes on soon. */
static void
sends_wait_for_the_lock_of_another_program(void **state)
{
	(void)state;
	run(lock_steps);
	assert_true(time_taken() < 10000);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(fx.sends[i].outcome, COMMIT_STORED);
		assert_int_equal(fx.sends[i].id, i + 2); /* behind theirs */
	}
	assert_int_equal(rooms_counts(fx.rooms).messages, 11);
}

static enum test_next
lock_wait_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (fx.step) {
	case 0:
		if (turn < 5)
			return TEST_WAIT;
		test_other(&fx.db, "BEGIN IMMEDIATE");
		assert_int_equal(add(0, "a", "first", ""), 0);
		assert_int_equal(add(1, "a", "first too", ""), 0);
		begin_time();
		fx.step = 1;
		return TEST_WAIT;
	case 1:
		if (clock_ms() - fx.began_ms < 150)
			return TEST_WAIT;
		assert_int_equal(add(2, "a", "later", ""), 0);
		fx.step = 2;
		return TEST_WAIT;
	case 2:
		if (fx.n_done < 2)
			return TEST_WAIT;
		test_other(&fx.db, "ROLLBACK");
		fx.step = 3;
		return TEST_WAIT;
	default:
		return fx.n_done < 3 ? TEST_WAIT : TEST_STOP;
	}
}

static void
a_send_that_waited_too_long_for_a_lock_is_refused(void **state)
{
	(void)state;
	fx.options.lock_wait_ms = 300;
	run(lock_wait_steps);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(fx.sends[i].outcome, COMMIT_LOCKED);
		assert_true(fx.sends[i].took_ms >= 300);
		assert_true(fx.sends[i].took_ms < 3000 + test_late_ms);
	}
	/* Each waits for its own time, which may be over too on a machine that stood still. */
	if (fx.sends[2].outcome == COMMIT_LOCKED)
		assert_true(fx.sends[2].took_ms >= 300);
	else
		assert_int_equal(fx.sends[2].outcome, COMMIT_STORED);
	assert_int_equal(test_number(&fx.db, "SELECT count(*) FROM messages"), fx.sends[2].outcome == COMMIT_STORED);
}

static enum test_next
fail_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (fx.step) {
	case 0:
		if (turn < 5)
			return TEST_WAIT;
		test_disk.write_errno = ENOSPC;
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(add(i, "a", "lost", ""), 0);
		fx.step = 1;
		return TEST_WAIT;
	case 1:
		if (fx.n_done < 5)
			return TEST_WAIT;
		assert_int_equal(commit_probe(fx.commit, on_looked, &fx, 0), 0);
		fx.step = 2;
		return TEST_WAIT;
	case 2:
		if (fx.n_looked < 1)
			return TEST_WAIT;
		assert_false(fx.looked_ok);
		test_disk.write_errno = 0;
		assert_int_equal(add(5, "a", "kept", ""), 0);
		fx.step = 3;
		return TEST_WAIT;
	default:
		return fx.n_done < 6 ? TEST_WAIT : TEST_STOP;
	}
}

static void
a_full_disk_is_told_and_gets_over(void **state)
{
	(void)state;
	run(fail_steps);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(fx.sends[i].outcome, COMMIT_FULL);
	assert_int_equal(fx.sends[5].outcome, COMMIT_STORED);
	assert_int_equal(fx.sends[5].id, 1);
	assert_true(commit_counts(fx.commit).failures >= 1);
	assert_int_equal(test_number(&fx.db, "SELECT count(*) FROM messages"), 1);
}

static enum test_next
index_wait_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (fx.step) {
	case 0:
		if (turn == 0)
			assert_int_equal(add(0, "a", "word", ""), 0);
		if (fx.n_done < 1)
			return TEST_WAIT;
		test_other(&fx.db, "BEGIN IMMEDIATE"); /* so that nothing can be indexed */
		begin_time();
		assert_int_equal(commit_want_index(fx.commit, 100, on_looked, &fx, 9), 0);
		fx.step = 1;
		return TEST_WAIT;
	default:
		if (fx.n_looked == 0)
			return TEST_WAIT;
		assert_true(time_taken() < 10000);
		test_other(&fx.db, "ROLLBACK");
		return TEST_STOP;
	}
}

/* Whoever waits for the index waits no longer than it said. */
static void
a_wait_for_the_index_ends_in_time(void **state)
{
	(void)state;
	run(index_wait_steps);
}

static enum test_next
fill_steps(void *ctx, int turn)
{
	static size_t next, writes;

	(void)ctx;
	switch (fx.step) {
	case 0:
		if (turn == 0)
			assert_int_equal(add(0, "a", "word", ""), 0);
		if (fx.n_done < 1)
			return TEST_WAIT;
		test_disk.write_errno = EIO;
		writes = test_disk.writes;
		assert_int_equal(commit_want_index(fx.commit, 60000, on_looked, &fx, 9), 0);
		next = 1;
		fx.step = 1;
		return TEST_WAIT;
	case 1:
		if (test_disk.writes == writes)
			return TEST_WAIT;
		/* It could not be filled, and waits for a rest that the sends to come do not leave it. */
		assert_int_equal(commit_indexed(fx.commit), 0);
		test_disk.write_errno = 0;
		begin_time();
		fx.step = 2;
		return TEST_AGAIN;
	default:
		if (fx.n_looked > 0)
			return TEST_STOP;
		assert_true(time_taken() < 3000);
		if (fx.n_done == next && next + 1 < SENDS)
			assert_int_equal(add(next++, "a", "word", ""), 0);
		return TEST_WAIT;
	}
}

/* The index stood still once; it goes on though somebody sends all the time. */
static void
the_index_goes_on_after_a_failure_though_sends_go_on(void **state)
{
	(void)state;
	run(fill_steps);
	assert_true(commit_indexed(fx.commit) >= 1);
}

static enum test_next
ride_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn < 5)
		return TEST_WAIT;
	if (fx.step++ == 0) {
		test_other(&fx.db, "INSERT INTO messages (text) VALUES ('theirs')");
		test_disk.write_errno = ENOSPC;
		/* In one turn: the look rides on the batch. */
		assert_int_equal(add(0, "a", "lost", ""), 0);
		assert_int_equal(commit_look(fx.commit, on_looked, &fx, 7), 0);
		return TEST_WAIT;
	}
	return fx.n_done < 1 || fx.n_looked < 1 ? TEST_WAIT : TEST_STOP;
}

/* A batch that cannot be written does not keep those from reading who rode on it. */
static void
a_look_works_though_its_batch_failed(void **state)
{
	(void)state;
	run(ride_steps);
	assert_int_equal(fx.sends[0].outcome, COMMIT_FULL);
	assert_int_equal(fx.n_looked, 1);
	assert_int_equal(fx.last_looked, 7);
	assert_true(fx.looked_ok);
	assert_int_equal(rooms_head(fx.rooms), 1);
}

static int read_errno; /* 0: the disk can be read */

/* Before the C library's, for SQLite too. */
ssize_t pread64(int fd, void *p, size_t n, off64_t at);

ssize_t
pread64(int fd, void *p, size_t n, off64_t at)
{
	errno = read_errno;
	return read_errno != 0 ? -1 : preadv(fd, &(struct iovec){p, n}, 1, at);
}

static enum test_next
unreadable_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (fx.step) {
	case 0:
		if (turn == 0)
			fx.began_ms = clock_ms();
		/* Until the index is filled, which would look as well. */
		if (clock_ms() - fx.began_ms < 300)
			return TEST_WAIT;
		test_other(&fx.db, "INSERT INTO messages (text) VALUES ('theirs')");
		read_errno = EIO;
		fx.began_ms = clock_ms();
		fx.step = 1;
		return TEST_WAIT;
	case 1:
		assert_int_equal(rooms_head(fx.rooms), 0);
		if (clock_ms() - fx.began_ms < 6000)
			return TEST_WAIT;
		read_errno = 0;
		fx.began_ms = clock_ms();
		fx.step = 2;
		return TEST_WAIT;
	default:
		assert_true(clock_ms() - fx.began_ms < 5000);
		return rooms_head(fx.rooms) < 1 ? TEST_WAIT : TEST_STOP;
	}
}

/* For longer than is looked after a sign, looking failed: what another program committed is still looked for. */
static void
rows_of_others_are_published_after_looks_failed_for_long(void **state)
{
	(void)state;
	run(unreadable_steps);
}

static enum test_next
shut_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (fx.step) {
	case 0:
		if (turn == 0)
			fx.began_ms = clock_ms();
		/* Until the index is filled and the WAL emptied: either would be a sign to look. */
		if (clock_ms() - fx.began_ms < 2500)
			return TEST_WAIT;
		read_errno = test_disk.write_errno = EIO;
		assert_int_equal(add(0, "a", "lost", ""), 0);
		fx.step = 1;
		return TEST_WAIT;
	case 1:
		if (fx.n_done < 1)
			return TEST_WAIT;
		read_errno = test_disk.write_errno = 0;
		begin_time();
		fx.step = 2;
		return TEST_WAIT;
	default:
		assert_true(time_taken() < 5000);
		if (fx.looked_ok)
			return TEST_STOP;
		if (fx.n_looked == (size_t)fx.step - 2) {
			assert_int_equal(commit_probe(fx.commit, on_looked, &fx, 0), 0);
			fx.step++;
		}
		return TEST_WAIT;
	}
}

/* The database could not even be opened anew: it is opened when it can be, though nobody sends and only probes come. */
static void
a_database_that_was_shut_is_opened_for_a_probe(void **state)
{
	(void)state;
	run(shut_steps);
	assert_int_equal(fx.sends[0].outcome, COMMIT_FAILED);
}

static enum test_next
always_failing_steps(void *ctx, int turn)
{
	static size_t next;

	(void)ctx;
	if (turn < 5)
		return TEST_WAIT;
	if (fx.step == 0) {
		test_disk.write_errno = ENOSPC;
		next = 0;
		fx.began_ms = clock_ms();
	}
	/* One for the next batch comes while a batch is under way. */
	if (next < fx.n_done + 20 && next < SENDS)
		assert_int_equal(add(next++, "a", "lost", ""), 0);
	if (fx.step++ == 0) {
		assert_int_equal(commit_look(fx.commit, on_looked, &fx, 7), 0);
		assert_int_equal(commit_probe(fx.commit, on_looked, &fx, 8), 0);
	}
	assert_true(fx.n_done < SENDS / 2);
	return fx.n_looked < 2 ? TEST_AGAIN : TEST_STOP;
}

/* Batch after batch fails: who waits for a look or a probe does not wait for the end of them. */
static void
looks_and_probes_are_answered_while_every_batch_fails(void **state)
{
	(void)state;
	run(always_failing_steps);
	assert_true(fx.n_done < 50);
}

static enum test_next
wiped_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(add(i, "a", "text", ""), 0);
		return TEST_WAIT;
	}
	if (fx.n_done < 5)
		return TEST_WAIT;
	if (fx.step++ == 0) {
		test_other(
		    &fx.db, "BEGIN; DELETE FROM messages; DELETE FROM sqlite_sequence WHERE name = 'messages'; COMMIT");
		assert_int_equal(add(5, "a", "after", ""), 0);
	}
	return fx.n_done < 6 ? TEST_WAIT : TEST_STOP;
}

/* A log wiped under the daemon: a new epoch, and the send is stored in what is there now. */
static void
a_wiped_log_is_a_new_epoch_and_takes_the_send(void **state)
{
	char epoch[STORE_EPOCH_SIZE];

	(void)state;
	strcpy(epoch, rooms_epoch(fx.rooms));
	run(wiped_steps);
	assert_int_equal(fx.sends[5].outcome, COMMIT_STORED);
	assert_int_equal(fx.sends[5].id, 1);
	assert_string_not_equal(rooms_epoch(fx.rooms), epoch);
	assert_string_equal(rooms_epoch(fx.rooms), store_epoch(fx.db.store));
	assert_int_equal(rooms_head(fx.rooms), 1);
	assert_int_equal(rooms_counts(fx.rooms).messages, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(sends_wait_for_the_lock_of_another_program, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_send_that_waited_too_long_for_a_lock_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_gets_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_wait_for_the_index_ends_in_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_index_goes_on_after_a_failure_though_sends_go_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_look_works_though_its_batch_failed, setup, teardown),
	    cmocka_unit_test_setup_teardown(rows_of_others_are_published_after_looks_failed_for_long, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_database_that_was_shut_is_opened_for_a_probe, setup, teardown),
	    cmocka_unit_test_setup_teardown(looks_and_probes_are_answered_while_every_batch_fails, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_wiped_log_is_a_new_epoch_and_takes_the_send, setup, teardown),
	};

	return cmocka_run_group_tests_name("commit_failure", tests, NULL, NULL);
}
