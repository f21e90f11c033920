/*
 * What other programs commit between the batches, and what is told of it.
 */
#include "store/store.h"

#include <fcntl.h>

#include "test_store_fixture.h"

static void
rows_of_others_are_told_in_the_order_of_the_log(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("1:theirs ");
	assert_int_equal(fx.news.head, 1);
	/* Theirs before ours, in the order of the log. */
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs'), ('theirs too')");
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("2:theirs 3:theirs too 4:ours ");
	assert_int_equal(fx.news.head, 4);
	/* Come and gone between two looks: only the head tells. */
	test_other(&fx, "INSERT INTO messages (text) VALUES ('gone'); DELETE FROM messages WHERE text = 'gone'");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(fx.news.n_messages, 0);
	assert_int_equal(fx.news.head, 5);
	/* What is rolled back was never there. */
	test_other(&fx, "BEGIN; INSERT INTO messages (text) VALUES ('no'); ROLLBACK");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("6:ours ");
}

/* Whoever writes, in whichever order: every row is told once, in the order of ids. */
static void
every_row_is_told_once_whoever_writes(void **state)
{
	int64_t told = 0, n_told = 0, n = 0;

	(void)state;
	test_seed(14);
	for (int i = 0; i < 400; i++) {
		struct store_send send;
		size_t what = test_random(6);

		if (what < 2) {
			test_other(&fx, "BEGIN");
			for (size_t k = test_random(4); k > 0; k--, n++)
				test_other(&fx, "INSERT INTO messages (room, text) VALUES ('r%d', 'theirs')",
				    (int)test_random(5));
			test_other(&fx, "COMMIT");
			continue;
		}
		if (what < 4) {
			assert_int_equal(append("main", "ours", "", &send), STORE_OK);
			n++;
			assert_ptr_equal(fx.news.messages[fx.news.n_messages - 1]->f.id, send.id);
		} else if (what < 5)
			assert_int_equal(test_look(&fx, 0), STORE_OK);
		else {
			store_news_fini(&fx.news);
			assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_OK);
		}
		for (size_t k = 0; k < fx.news.n_messages; k++) {
			assert_true(fx.news.messages[k]->f.id > told);
			told = fx.news.messages[k]->f.id;
			n_told++;
		}
		assert_int_equal(fx.news.head, told);
		assert_int_equal(fx.news.n_changes, 0);
	}
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(n_told + (int64_t)fx.news.n_messages, n);
}

static void
changes_are_told_down_to_the_floor(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx, "INSERT INTO messages (room, text) VALUES ('a', '1'), ('b', '2'), ('a', '3'), ('a', '4')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_other(&fx, "UPDATE messages SET text = 'new' WHERE id = 1; DELETE FROM messages WHERE id = 2");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("=a1:new -b2 ");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	/* Twice, and then gone: whatever is told, it ends with what is. */
	test_other(&fx, "UPDATE messages SET text = 'x' WHERE id = 3; UPDATE messages SET text = 'y' WHERE id = 3;"
	                "DELETE FROM messages WHERE id = 3");
	assert_int_equal(append("a", "ours", "", &send), STORE_OK);
	assert_int_equal(fx.news.n_messages, 1);
	assert_true(fx.news.n_changes >= 1);
	for (size_t i = 0; i < fx.news.n_changes; i++) {
		assert_int_equal(fx.news.changes[i].id, 3);
		assert_null(fx.news.changes[i].message);
	}
	/* Nobody remembers what is at or below the floor. */
	test_other(
	    &fx, "UPDATE messages SET text = 'below' WHERE id = 1; UPDATE messages SET text = 'above' WHERE id = 4");
	assert_int_equal(test_look(&fx, 1), STORE_OK);
	assert_news("-a1 =a4:above ");
	/* A new row, and what became of it at once. */
	test_other(
	    &fx, "INSERT INTO messages (text) VALUES ('new'); UPDATE messages SET text = 'newer' WHERE text = 'new'");
	assert_int_equal(test_look(&fx, 1), STORE_OK);
	assert_int_equal(fx.news.n_messages, 1);
	assert_str(fx.news.messages[0]->f.body, "newer");
	/* The filling of the index takes the notes away; told are they all the same. */
	test_other(&fx, "DELETE FROM messages WHERE id = 4");
	store_news_fini(&fx.news);
	assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_OK);
	assert_news("-a4 ");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed"), 0);
	/* And those that come after. */
	test_other(&fx, "DELETE FROM messages WHERE id = 1");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("-a1 ");
}

static void
a_replaced_row_is_told_as_new_and_as_gone(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (key, text) VALUES ('k', 'was')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_other(&fx, "INSERT OR REPLACE INTO messages (key, text) VALUES ('k', 'is')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("2:is -main1 ");
}

/* More than one answer holds comes in several; an append waits until all is told. */
static void
what_is_too_much_for_one_answer_comes_in_several(void **state)
{
	struct store_send send;
	int64_t told = 0;
	int looks = 0;

	(void)state;
	test_other(&fx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3500)"
	                " INSERT INTO messages (text) SELECT i FROM n");
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	do {
		assert_true(++looks < 10);
		assert_true(fx.news.n_messages > 0 && fx.news.n_messages < 3500);
		for (size_t i = 0; i < fx.news.n_messages; i++)
			assert_int_equal(fx.news.messages[i]->f.id, ++told);
		assert_int_equal(fx.news.head, told); /* not further than what was told */
		assert_int_equal(fx.news.more, told < 3500);
	} while (fx.news.more && test_look(&fx, 0) == STORE_OK);
	assert_int_equal(told, 3500);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("3501:ours ");
}

static void
many_changes_come_in_several_answers(void **state)
{
	size_t n = 0;

	(void)state;
	test_other(&fx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"
	                " INSERT INTO messages (text) SELECT i FROM n");
	do
		assert_int_equal(test_look(&fx, 0), STORE_OK);
	while (fx.news.more);
	test_other(&fx, "DELETE FROM messages");
	do {
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		for (size_t i = 0; i < fx.news.n_changes; i++)
			assert_int_equal(fx.news.changes[i].id, ++n);
	} while (fx.news.more);
	assert_int_equal(n, 12000);
	assert_int_equal(fx.news.head, 12000);
}

/* Nothing of ours is lost or told twice when the daemon starts again. */
static void
nothing_is_lost_or_told_twice_after_a_start(void **state)
{
	char epoch[STORE_EPOCH_SIZE], error[STORE_ERROR_SIZE];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	test_other(&fx, "INSERT INTO messages (text) VALUES ('meanwhile')");
	store_close(fx.store);
	fx.store = test_store_open(&fx, true);
	assert_int_equal(store_start(fx.store, 200, error), 0);
	assert_string_equal(store_epoch(fx.store), epoch);
	assert_int_equal(store_head(fx.store), 4);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("5:ours ");
}

/* news->seen says which state was told: as long as nobody commits, the index of the WAL says the same. */
static void
what_was_seen_agrees_with_the_walindex(void **state)
{
	struct walindex_file {
		int fd;
	} shm;
	char path[TEST_PATH_SIZE + 32];
	struct store_send send;
	uint32_t changes;

	(void)state;
	snprintf(path, sizeof path, "%s-shm", fx.path);
	for (int i = 0; i < 10; i++) {
		if (i % 3 == 0)
			test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
		assert_int_equal(i % 2 == 0 ? append("main", "ours", "", &send) : test_look(&fx, 0), STORE_OK);
		if (i == 6)
			test_fill(&fx);
		assert_true(fx.news.seen != 0);
		/* Not closed here: that would drop the locks of this process. */
		shm.fd = open(path, O_RDONLY);
		assert_int_equal(pread(shm.fd, &changes, sizeof changes, 8), sizeof changes);
		assert_int_equal(changes, fx.news.seen);
	}
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
	assert_int_equal(pread(shm.fd, &changes, sizeof changes, 8), sizeof changes);
	assert_int_not_equal(changes, fx.news.seen);
}

/* A state of which not all was told is not said to be known, or nobody would ask for the rest. */
static void
a_state_that_is_not_all_told_is_not_seen(void **state)
{
	(void)state;
	test_other(&fx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
	                " INSERT INTO messages (text) SELECT i FROM n");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		assert_true(fx.news.more);
		assert_int_equal(fx.news.seen, 0);
	}
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_false(fx.news.more);
	assert_int_not_equal(fx.news.seen, 0);

	/* A piece of the index that meets a lock has not even looked. */
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs'); BEGIN IMMEDIATE");
	store_news_fini(&fx.news);
	assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_BUSY);
	assert_int_equal(fx.news.n_messages, 0);
	assert_int_equal(fx.news.seen, 0);
	test_other(&fx, "ROLLBACK");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("2501:theirs ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(rows_of_others_are_told_in_the_order_of_the_log, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_row_is_told_once_whoever_writes, setup, teardown),
	    cmocka_unit_test_setup_teardown(changes_are_told_down_to_the_floor, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_replaced_row_is_told_as_new_and_as_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_too_much_for_one_answer_comes_in_several, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_changes_come_in_several_answers, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_is_lost_or_told_twice_after_a_start, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_was_seen_agrees_with_the_walindex, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_state_that_is_not_all_told_is_not_seen, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_news", tests, NULL, NULL);
}
