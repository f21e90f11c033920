#include "commit.h"

#include "clock.h"
#include "room.h"
#include "test_store.h"

enum { SENDS = 2000 };

static struct fixture {
	struct test_store db;
	struct loop *loop;
	struct rooms *rooms;
	struct store *checkpointer;
	struct commit *commit;
	struct commit_options options;
	struct {
		bool done;
		enum commit_outcome outcome;
		int64_t id, since_ms, took_ms;
		int64_t head; /* of the rooms when it was told */
	} sends[SENDS];
	size_t n_done, n_looked, last_looked;
	bool looked_ok;
	int step; /* a test's own */
	int64_t began_ms;
} fx;

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	test_store_init(&fx.db);
	fx.loop = loop_new();
	fx.rooms = rooms_new(fx.loop, 1 << 20);
	rooms_reset(fx.rooms, store_epoch(fx.db.store), store_head(fx.db.store));
	fx.checkpointer = test_store_open(&fx.db, false);
	fx.options = (struct commit_options){
	    .queue_max = 1000, .queue_bytes_max = 1 << 20, .lock_wait_ms = 5000, .path = fx.db.path};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	commit_free(fx.commit);
	rooms_free(fx.rooms);
	loop_free(fx.loop);
	store_close(fx.checkpointer);
	test_store_fini(&fx.db);
	return 0;
}

static void
run(test_step_fn *step)
{
	fx.commit = commit_new(fx.loop, &fx.options, fx.db.store, fx.checkpointer, fx.rooms);
	assert_non_null(fx.commit);
	test_run(fx.loop, step, NULL);
}

static void
on_sent(void *ctx, uint64_t handle, enum commit_outcome outcome, const struct message *m, int64_t id, int64_t at_ms)
{
	assert_ptr_equal(ctx, &fx);
	assert_true(handle < SENDS);
	assert_false(fx.sends[handle].done);
	fx.sends[handle].done = true;
	fx.sends[handle].outcome = outcome;
	fx.sends[handle].id = id;
	fx.sends[handle].took_ms = clock_ms() - fx.sends[handle].since_ms;
	fx.sends[handle].head = rooms_head(fx.rooms);
	fx.n_done++;
	if (outcome == COMMIT_STORED) {
		assert_int_equal(m->f.id, id);
		assert_int_equal(m->f.at_ms, at_ms);
		/* Seen before it is answered. */
		assert_true(rooms_head(fx.rooms) >= id);
	}
}

static int
add(size_t handle, const char *room, const char *text, const char *key)
{
	struct message *m = test_message(room, text, key);

	fx.sends[handle].since_ms = clock_ms();
	if (commit_add(fx.commit, m, on_sent, &fx, handle) == 0)
		return 0;
	message_drop(m);
	return -1;
}

static void
on_looked(void *ctx, uint64_t handle, bool ok)
{
	assert_ptr_equal(ctx, &fx);
	fx.n_looked++;
	fx.last_looked = handle;
	fx.looked_ok = ok;
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
test_sends(void **state)
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
}

static enum test_next
queue_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < fx.options.queue_max; i++)
			assert_int_equal(add(i, "a", "text", ""), 0);
		assert_int_equal(add(500, "a", "text", ""), -1);
		return TEST_WAIT;
	}
	if (fx.n_done < fx.options.queue_max)
		return TEST_WAIT;
	if (fx.step == 0) {
		/* There is room again. */
		fx.step = 1;
		assert_int_equal(add(1500, "a", "text", ""), 0);
		return TEST_WAIT;
	}
	return fx.sends[1500].done ? TEST_STOP : TEST_WAIT;
}

static void
test_full_queue(void **state)
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
test_full_bytes(void **state)
{
	(void)state;
	memset(large, 'x', sizeof large - 1);
	run(bytes_steps);
}

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
		fx.began_ms = clock_ms();
		fx.step = 1;
		return TEST_WAIT;
	case 1:
		assert_int_equal(fx.n_done, 0);
		if (clock_ms() - fx.began_ms < 200)
			return TEST_WAIT;
		test_other(&fx.db, "COMMIT");
		fx.began_ms = clock_ms();
		fx.step = 2;
		return TEST_WAIT;
	default:
		return fx.n_done < 10 ? TEST_WAIT : TEST_STOP;
	}
}

/* Another program's lock is waited for, and then all goes on soon. */
static void
test_locked(void **state)
{
	(void)state;
	run(lock_steps);
	assert_true(clock_ms() - fx.began_ms < 10000);
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
		fx.began_ms = clock_ms();
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
		/* Each waits for its own time. */
		assert_false(fx.sends[2].done);
		test_other(&fx.db, "ROLLBACK");
		fx.step = 3;
		return TEST_WAIT;
	default:
		return fx.n_done < 3 ? TEST_WAIT : TEST_STOP;
	}
}

static void
test_locked_too_long(void **state)
{
	(void)state;
	fx.options.lock_wait_ms = 300;
	run(lock_wait_steps);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(fx.sends[i].outcome, COMMIT_LOCKED);
		assert_true(fx.sends[i].took_ms >= 300);
		assert_true(fx.sends[i].took_ms < 3000);
	}
	assert_int_equal(fx.sends[2].outcome, COMMIT_STORED);
	assert_int_equal(test_number(&fx.db, "SELECT count(*) FROM messages"), 1);
}

static enum test_next
foreign_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn < 20)
		return TEST_WAIT;
	if (fx.step == 0) {
		test_other(&fx.db, "INSERT INTO messages (room, text) VALUES ('ops', 'theirs')");
		fx.began_ms = clock_ms();
		fx.step = 1;
	}
	return rooms_head(fx.rooms) < 1 && clock_ms() - fx.began_ms < 2000 ? TEST_WAIT : TEST_STOP;
}

/* A row of another program's is published without anybody asking. */
static void
test_foreign_rows(void **state)
{
	(void)state;
	run(foreign_steps);
	assert_int_equal(rooms_head(fx.rooms), 1);
	assert_true(clock_ms() - fx.began_ms < 5000);
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
test_mixed(void **state)
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
test_look_asked(void **state)
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
test_probe(void **state)
{
	(void)state;
	run(probe_steps);
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
test_disk_full(void **state)
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
test_index(void **state)
{
	(void)state;
	run(index_steps);
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
		fx.began_ms = clock_ms();
		assert_int_equal(commit_want_index(fx.commit, 100, on_looked, &fx, 9), 0);
		fx.step = 1;
		return TEST_WAIT;
	default:
		if (fx.n_looked == 0)
			return TEST_WAIT;
		assert_true(clock_ms() - fx.began_ms < 10000);
		test_other(&fx.db, "ROLLBACK");
		return TEST_STOP;
	}
}

/* Whoever waits for the index waits no longer than it said. */
static void
test_index_wait(void **state)
{
	(void)state;
	run(index_wait_steps);
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
test_wiped(void **state)
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
test_freed(void **state)
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_full_queue, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_full_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_locked_too_long, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_foreign_rows, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_mixed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_look_asked, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_disk_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_index, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_index_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wiped, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_freed, setup, teardown),
	};

	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
