/*
 * When the index is filled; the WAL is copied when it is large, and emptied after a rest; when what was deleted is
 * erased.
 */
#include "store/chores.h"

#include "base/clock.h"
#include "test_store_fixture.h"

static struct loop *loop;
static struct chores *chores;
static int64_t began_ms;
static bool asked;

static int64_t
wal_size(void)
{
	char path[TEST_PATH_SIZE + 32];
	struct stat st;

	snprintf(path, sizeof path, "%s-wal", fx.path);
	return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* A slow disk. */
static void
sync_slowly(void)
{
	test_disk.on_sync = NULL;
	clock_sleep_ms(600);
}

static enum test_next
slow_copy_steps(void *ctx, int turn)
{
	int64_t past_ms = clock_ms() - began_ms;

	(void)ctx;
	(void)turn;
	if (past_ms < 1700)
		return TEST_WAIT;
	if (!asked) {
		asked = true;
		test_disk.on_sync = sync_slowly;
		chores_told(chores, &(struct store_news){.wal_pages = 1000});
		chores_copy(chores);
	}
	assert_true(past_ms < 15000);
	return wal_size() > 0 ? TEST_WAIT : TEST_STOP;
}

/* The time to empty the WAL comes while it is being copied: it is emptied later. */
static void
the_wal_is_emptied_after_a_slow_copy(void **state)
{
	struct store_send send;
	struct store *store;

	(void)state;
	assert_int_equal(append("main", "text", "", &send), STORE_OK);
	assert_true(wal_size() > 0);
	loop = loop_new();
	store = test_store_open(&fx, false);
	chores = chores_new(loop, store, 0);
	assert_non_null(chores);
	began_ms = clock_ms();
	test_run(loop, slow_copy_steps, NULL);
	chores_free(chores);
	store_close(store);
	loop_free(loop);
}

static void
ended(enum chore chore, enum store_status status, bool behind)
{
	struct store_news news = {.indexed = 100, .index_behind = behind};

	chores_told(chores, &news);
	chores_ended(chores, chore, status, &news);
}

static void
assert_fills(bool rest, bool search, bool busy_search)
{
	assert_int_equal(chores_due(chores, false, false), rest ? CHORE_FILL : CHORE_NONE);
	assert_int_equal(chores_due(chores, false, true), search ? CHORE_FILL : CHORE_NONE);
	assert_int_equal(chores_due(chores, true, false), CHORE_NONE);
	assert_int_equal(chores_due(chores, true, true), busy_search ? CHORE_FILL : CHORE_NONE);
}

static void
the_index_is_filled_in_a_rest_for_a_search_or_far_behind(void **state)
{
	(void)state;
	loop = loop_new();
	chores = chores_new(loop, fx.store, 86400000);
	/* There has been no rest yet, so only for a search. */
	assert_fills(false, true, true);
	/* While sends wait there is another job between two pieces. */
	ended(CHORE_FILL, STORE_OK, true);
	assert_int_equal(chores_indexed(chores), 100);
	assert_fills(false, true, false);
	chores_told(chores, &(struct store_news){.head = 100});
	assert_fills(false, true, true);
	/* With many notes of changes it waits for no rest either, nor for a moment without sends. */
	chores_told(chores, &(struct store_news){.n_changes = 10000});
	assert_fills(false, true, true);
	chores_told(chores, &(struct store_news){.n_changes = 1});
	assert_int_equal(chores_due(chores, false, false), CHORE_FILL);
	assert_int_equal(chores_due(chores, true, false), CHORE_FILL);
	ended(CHORE_FILL, STORE_OK, true);
	assert_fills(false, true, false);
	chores_told(chores, &(struct store_news){.head = 100});
	/* Far behind it waits for no rest. */
	chores_told(chores, &(struct store_news){.head = 100 + 100001});
	assert_fills(true, true, true);
	assert_false(chores_indexed_up_to(chores, 101));
	ended(CHORE_FILL, STORE_FAILED, true);
	assert_fills(false, false, false);
	chores_free(chores);
	/* With all in it there is nothing to fill. */
	chores = chores_new(loop, fx.store, 0);
	ended(CHORE_FILL, STORE_OK, false);
	assert_fills(false, false, false);
	assert_true(chores_indexed_up_to(chores, 101));
	chores_free(chores);
	loop_free(loop);
}

static struct keep keep = {.otherwise = {.messages = 1}, .every_ms = 1000};

static enum test_next
prune_steps(void *ctx, int turn)
{
	enum chore chore = chores_due(chores, false, false);

	(void)ctx;
	(void)turn;
	assert_true(clock_ms() - began_ms < 15000);
	/* Never while sends wait. */
	assert_int_equal(chores_due(chores, true, false), CHORE_NONE);
	if (chore == CHORE_NONE)
		return chores_pruning(chores).pruned == 2 ? TEST_STOP : TEST_WAIT;
	store_news_fini(&fx.news);
	assert_int_equal(chores_run(chores, chore, fx.store, 0, &fx.news), STORE_OK);
	chores_told(chores, &fx.news);
	chores_ended(chores, chore, STORE_OK, &fx.news);
	return TEST_AGAIN;
}

/* In pieces, with a rest between them while sends come; and in turns with the index. */
static void
what_is_not_kept_goes_while_nobody_sends(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('1'), ('2'), ('3')");
	loop = loop_new();
	chores = chores_new(loop, fx.store, 86400000);
	ended(CHORE_FILL, STORE_OK, false);
	assert_int_equal(chores_due(chores, false, false), CHORE_NONE);
	assert_int_equal(chores_keep(chores, &keep), 0);
	began_ms = clock_ms();
	test_run(loop, prune_steps, NULL);
	assert_int_equal(chores_pruning(chores).pending, 0);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 1);
	/* Another log may be kept by other rules: it is looked at. */
	chores_told(chores, &(struct store_news){.reset = true, .head = 200000});
	assert_int_equal(chores_due(chores, false, false), CHORE_FILL);
	ended(CHORE_FILL, STORE_OK, true);
	assert_int_equal(chores_due(chores, false, false), CHORE_PRUNE);
	ended(CHORE_PRUNE, STORE_OK, false);
	assert_int_equal(chores_due(chores, false, false), CHORE_FILL);
	chores_free(chores);
	loop_free(loop);
}

static enum test_next
restart_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		chores_told(chores, &(struct store_news){.wal_pages = 4000});
		assert_int_equal(chores_due(chores, true, false), CHORE_NONE);
		chores_copy(chores);
	}
	assert_true(clock_ms() - began_ms < 15000);
	return chores_due(chores, true, false) == CHORE_NONE ? TEST_WAIT : TEST_STOP;
}

/* When a WAL that is too large was copied the writer copies the rest at once, though sends wait. */
static void
the_rest_of_a_large_wal_is_copied_though_sends_wait(void **state)
{
	struct store *store = test_store_open(&fx, false);

	(void)state;
	loop = loop_new();
	chores = chores_new(loop, store, 0);
	began_ms = clock_ms();
	test_run(loop, restart_steps, NULL);
	assert_int_equal(chores_due(chores, true, false), CHORE_RESTART_WAL);
	assert_int_equal(chores_run(chores, CHORE_RESTART_WAL, fx.store, 0, &fx.news), STORE_OK);
	ended(CHORE_RESTART_WAL, STORE_OK, false);
	assert_int_equal(chores_due(chores, true, false), CHORE_NONE);
	chores_free(chores);
	store_close(store);
	loop_free(loop);
}

static void
scrubbed(bool whole)
{
	struct store_news news = {.scrubbed = whole, .erasing = 3, .took_us = 1000};

	chores_told(chores, &news);
	chores_ended(chores, CHORE_SCRUB, STORE_OK, &news);
}

static void
wal_erased(enum store_status status, bool whole)
{
	struct store_news news = {.scrubbed = whole, .erasing = whole ? 0 : 3, .erased = whole ? 3 : 0};

	chores_told(chores, &news);
	chores_ended(chores, CHORE_ERASE_WAL, status, &news);
}

/* What is due, each time after a rest: two pieces, the WAL twice, since somebody reads; a piece of the file, and the
 * WAL. */
static enum test_next
scrub_steps(void *ctx, int turn)
{
	static const enum chore dues[] = {
	    CHORE_SCRUB, CHORE_SCRUB, CHORE_ERASE_WAL, CHORE_ERASE_WAL, CHORE_SCRUB, CHORE_ERASE_WAL};
	int *step = ctx;
	enum chore due = chores_due(chores, false, false);

	(void)turn;
	assert_true(clock_ms() - began_ms < 15000);
	if (due == CHORE_NONE)
		return TEST_WAIT;
	assert_int_equal(due, dues[*step]);
	assert_true(clock_ms() - began_ms >= 90);
	assert_int_equal(chores_due(chores, true, false), CHORE_NONE); /* sends wait */
	assert_int_equal(chores_erasing(chores), 3);
	switch ((*step)++) {
	case 0:
		scrubbed(false);
		break;
	case 1:
	case 4:
		scrubbed(true);
		break;
	case 2:
		wal_erased(STORE_BUSY, false);
		break;
	case 3:
		wal_erased(STORE_OK, false);
		break;
	default:
		wal_erased(STORE_OK, true);
		return TEST_STOP;
	}
	assert_int_equal(chores_due(chores, false, false), CHORE_NONE); /* a rest */
	return TEST_WAIT;
}

/* A scrub begins some time behind a deletion, rests between its pieces, and not while sends wait. */
static void
what_was_deleted_is_erased_after_a_while(void **state)
{
	struct store *store = test_store_open(&fx, false);
	int step = 0;

	(void)state;
	loop = loop_new();
	chores = chores_new(loop, store, 100);
	ended(CHORE_FILL, STORE_OK, false);
	assert_int_equal(chores_erasing(chores), 0);
	chores_told(chores, &(struct store_news){.n_changes = 3});
	/* The index takes them. */
	chores_ended(chores, CHORE_FILL, STORE_OK, &(struct store_news){.erasing = 3});
	began_ms = clock_ms();
	test_run(loop, scrub_steps, &step);
	assert_int_equal(chores_erasing(chores), 0);
	assert_int_equal(chores_due(chores, false, false), CHORE_NONE);
	chores_free(chores);
	store_close(store);
	loop_free(loop);
}

/* What an earlier daemon has left is erased at once; of another log nothing is known. */
static void
what_was_left_is_erased_at_once(void **state)
{
	struct store_news left = {.indexed = 100, .erasing = 2};

	(void)state;
	loop = loop_new();
	chores = chores_new(loop, fx.store, 86400000);
	chores_told(chores, &left);
	chores_ended(chores, CHORE_FILL, STORE_OK, &left);
	assert_int_equal(chores_erasing(chores), 2);
	assert_int_equal(chores_due(chores, false, false), CHORE_SCRUB);
	/* One that failed is tried again later, from its beginning. */
	chores_ended(chores, CHORE_SCRUB, STORE_FAILED, &(struct store_news){0});
	assert_int_not_equal(chores_due(chores, false, false), CHORE_SCRUB);
	chores_told(chores, &(struct store_news){.reset = true});
	assert_int_equal(chores_erasing(chores), 0);
	assert_int_not_equal(chores_due(chores, false, false), CHORE_SCRUB);
	chores_free(chores);
	loop_free(loop);
}

static void
rebuilt(int64_t left, bool more)
{
	struct store_news news = {.rebuild_left = left, .rebuilding = more, .took_us = 1000};

	chores_told(chores, &news);
	chores_ended(chores, CHORE_REBUILD, STORE_OK, &news);
	assert_int_equal(chores_rebuild_left(chores), left);
	assert_int_equal(chores_rebuilding(chores), more);
	assert_int_equal(chores_due(chores, false, false), CHORE_NONE);
	began_ms = clock_ms();
}

/* Pieces: behind one while others send, and behind one in a rest. */
static enum test_next
rebuild_steps(void *ctx, int turn)
{
	int *step = ctx;

	(void)turn;
	assert_true(clock_ms() - began_ms < 15000);
	if (chores_due(chores, false, false) == CHORE_NONE)
		return TEST_WAIT;
	assert_int_equal(chores_due(chores, false, false), CHORE_REBUILD);
	/* While sends wait there is another job between two pieces. */
	assert_int_equal(chores_due(chores, true, false), CHORE_NONE);
	chores_told(chores, &(struct store_news){.head = 100});
	assert_int_equal(chores_due(chores, true, false), CHORE_REBUILD);
	if ((*step)++ > 0) {
		rebuilt(0, false);
		return TEST_STOP;
	}
	assert_true(clock_ms() - began_ms >= 60);
	rebuilt(40, true);
	return TEST_WAIT;
}

/* An index of another version gives way in pieces; 64 times as long as each is for others, as long as they send. */
static void
an_index_is_made_anew_beside_sends(void **state)
{
	struct store *store = test_store_open(&fx, false);
	struct store_news news = {.rebuild_left = 80, .rebuilding = true};
	int step = 0;

	(void)state;
	loop = loop_new();
	chores = chores_new(loop, store, 86400000);
	assert_false(chores_rebuilding(chores));
	/* It is known when the index was filled. */
	chores_ended(chores, CHORE_FILL, STORE_OK, &news);
	assert_int_equal(chores_rebuild_left(chores), 80);
	assert_int_equal(chores_due(chores, false, false), CHORE_REBUILD);
	assert_int_equal(chores_due(chores, true, false), CHORE_REBUILD);
	chores_sent(chores);
	rebuilt(60, true);
	test_run(loop, rebuild_steps, &step);
	/* Another log has another index. */
	chores_ended(chores, CHORE_FILL, STORE_OK, &news);
	chores_told(chores, &(struct store_news){.reset = true});
	assert_int_equal(chores_rebuild_left(chores), 0);
	assert_int_not_equal(chores_due(chores, true, false), CHORE_REBUILD);
	/* One that has no room waits for a while, and one that failed. */
	chores_ended(chores, CHORE_FILL, STORE_OK, &news);
	assert_int_equal(chores_due(chores, true, false), CHORE_REBUILD);
	chores_put_off_rebuild(chores);
	assert_int_equal(chores_due(chores, true, false), CHORE_NONE);
	assert_int_equal(chores_rebuild_left(chores), 80);
	chores_free(chores);
	chores = chores_new(loop, store, 86400000);
	chores_ended(chores, CHORE_FILL, STORE_OK, &news);
	chores_ended(chores, CHORE_REBUILD, STORE_OK, &(struct store_news){.rebuild_short = true});
	assert_int_equal(chores_due(chores, true, false), CHORE_NONE);
	assert_int_equal(chores_rebuild_left(chores), 80);
	assert_true(chores_rebuilding(chores));
	chores_free(chores);
	chores = chores_new(loop, store, 86400000);
	chores_ended(chores, CHORE_FILL, STORE_OK, &news);
	chores_ended(chores, CHORE_REBUILD, STORE_FAILED, &(struct store_news){0});
	assert_int_equal(chores_due(chores, true, false), CHORE_NONE);
	chores_free(chores);
	store_close(store);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_index_is_filled_in_a_rest_for_a_search_or_far_behind, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_not_kept_goes_while_nobody_sends, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_rest_of_a_large_wal_is_copied_though_sends_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_wal_is_emptied_after_a_slow_copy, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_was_deleted_is_erased_after_a_while, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_was_left_is_erased_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_index_is_made_anew_beside_sends, setup, teardown),
	};

	return cmocka_run_group_tests_name("chores", tests, NULL, NULL);
}
