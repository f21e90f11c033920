/*
 * test_commit_fixture: a queue of sends on a database of the test's own, and what became of each send.
 */
#ifndef TEST_COMMIT_FIXTURE_H
#define TEST_COMMIT_FIXTURE_H

#include "base/clock.h"
#include "live/commit.h"
#include "live/room.h"
#include "test_store.h"

enum { SENDS = 2000 };

static struct fixture {
	struct test_store db;
	struct loop *loop;
	struct rooms *rooms;
	struct store *checkpointer;
	struct commit *commit;
	struct commit_options options;
	struct pass *pass; /* of what is added; NULL: none */
	struct {
		bool done;
		enum commit_outcome outcome;
		int64_t id, since_ms, took_ms;
		int64_t head; /* of the rooms when it was told */
	} sends[SENDS];
	size_t n_done, n_looked, last_looked;
	bool looked_ok;
	int step; /* a test's own */
	int64_t began_ms, late_ms;
} fx;

/* For steps that take a time, and for how long it is; the delay of the machine does not count. */
static inline void
begin_time(void)
{
	fx.began_ms = clock_ms();
	fx.late_ms = test_late_ms;
}

static inline int64_t
time_taken(void)
{
	return clock_ms() - fx.began_ms - (test_late_ms - fx.late_ms);
}

static inline int
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
	    .queue_max = 1000, .queue_bytes_max = 1 << 20, .lock_wait_ms = 60000, .path = fx.db.path};
	return 0;
}

static inline int
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

static inline void
run(test_step_fn *step)
{
	fx.commit = commit_new(fx.loop, &fx.options, fx.db.store, fx.checkpointer, fx.rooms);
	assert_non_null(fx.commit);
	test_run(fx.loop, step, NULL);
}

static inline void
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

static inline int
add(size_t handle, const char *room, const char *text, const char *key)
{
	struct message *m = test_message(room, text, key);

	fx.sends[handle].since_ms = clock_ms();
	if (commit_add(fx.commit, m, fx.pass, on_sent, &fx, handle) == 0)
		return 0;
	message_drop(m);
	return -1;
}

static inline void
on_looked(void *ctx, uint64_t handle, bool ok)
{
	assert_ptr_equal(ctx, &fx);
	fx.n_looked++;
	fx.last_looked = handle;
	fx.looked_ok = ok;
}

#endif
