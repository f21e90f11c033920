/*
 * Another log where one was: wiped, restored, removed, overwritten.
 */
#include "store/store.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "test_store_fixture.h"

static bool cannot_open;

int __real_sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs);

int
__wrap_sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs)
{
	*db = NULL;
	return cannot_open ? SQLITE_CANTOPEN : __real_sqlite3_open_v2(path, db, flags, vfs);
}

/* Another log stands there now. */
static void
assert_reset(int64_t head, const char *was)
{
	char epoch[100];

	assert_true(fx.news.reset);
	assert_int_equal(fx.news.seen, 0); /* what was known is of another file's counter */
	assert_int_equal(fx.news.head, head);
	assert_int_equal(store_head(fx.store), head);
	assert_int_equal(fx.news.n_messages, 0);
	assert_int_equal(fx.news.n_changes, 0);
	assert_string_not_equal(fx.news.epoch, was);
	assert_string_equal(fx.news.epoch, store_epoch(fx.store));
	sqlite3_close(fx.other);
	test_other_open(&fx);
	test_text(&fx, "SELECT value FROM meta WHERE name = 'epoch'", epoch, sizeof epoch);
	assert_string_equal(epoch, fx.news.epoch);
	/* Once. */
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_false(fx.news.reset);
	assert_int_equal(fx.news.n_messages, 0);
}

static void
a_wiped_log_begins_anew(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	test_other(&fx, "BEGIN; DELETE FROM messages; DELETE FROM sqlite_sequence; INSERT INTO messages (text) VALUES "
	                "('new'); COMMIT");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_reset(1, epoch);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("2:ours ");
}

static void
an_append_notices_a_wiped_log_first(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	test_other(&fx, "DELETE FROM messages; DELETE FROM sqlite_sequence");
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	assert_reset(0, epoch);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("1:ours ");
}

/* After a wipe search finds what is new, and what was there is not said to be missing. */
static void
nothing_of_a_wiped_log_is_missed(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_page page = {.rooms = {.all = true},
	    .cursor = STORE_NEWEST,
	    .limit = 10,
	    .head = 3,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX,
	    .q = STR("fresh")};
	struct store_poll poll = {.rooms = {.names = {STR("main")}, .n = 1}, .limit = 10, .head = 3};

	(void)state;
	fill_up(epoch);
	test_other(&fx, "DELETE FROM messages WHERE id = 2");
	test_fill(&fx);
	test_other(&fx, "BEGIN; DELETE FROM messages; DELETE FROM sqlite_sequence;"
	                "INSERT INTO messages (text) VALUES ('fresh'), ('fresh'); COMMIT");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_true(fx.news.reset);
	test_other(&fx, "INSERT INTO messages (text) VALUES ('fresh')");
	test_fill(&fx);
	assert_int_equal(store_search(fx.reader, &page), STORE_OK);
	assert_int_equal(page.n, 3);
	buf_fini(&page.json);
	assert_int_equal(store_poll(fx.reader, &poll), STORE_OK);
	assert_int_equal(poll.n, 3);
	buf_fini(&poll.json);
	assert_false(poll.gap);
}

static void
another_epoch_is_another_log(void **state)
{
	char epoch[STORE_EPOCH_SIZE];

	(void)state;
	fill_up(epoch);
	test_other(&fx, "UPDATE meta SET value = '0000000000000000' WHERE name = 'epoch'");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_reset(3, epoch);
	/* Also when it has come into the file itself: it was not written over behind SQLite's back. */
	strcpy(epoch, store_epoch(fx.store));
	test_other(&fx, "UPDATE meta SET value = '0' WHERE name = 'epoch'; PRAGMA wal_checkpoint(TRUNCATE)");
	clock_sleep_ms(150);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_reset(3, epoch);
}

/* An older state of the same log, put in its place. */
static void
a_restored_log_is_another_one(void **state)
{
	char epoch[STORE_EPOCH_SIZE], copy[TEST_PATH_SIZE + 16];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	snprintf(copy, sizeof copy, "%s/copy.db", fx.folder);
	test_other(&fx, "VACUUM INTO '%s'", copy);
	test_other(&fx, "INSERT INTO messages (text) VALUES ('4')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(rename(copy, fx.path), 0);
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	assert_reset(3, epoch);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("4:ours ");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text = 'ours'"), 1);
}

/* Put in its place between two jobs of the writer, one of which only checkpoints: that must not take it up unseen. */
static void
a_checkpoint_does_not_take_up_another_file_unseen(void **state)
{
	char epoch[STORE_EPOCH_SIZE], path[TEST_PATH_SIZE + 32], copy[TEST_PATH_SIZE + 16];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	snprintf(copy, sizeof copy, "%s/copy.db", fx.folder);
	test_other(&fx, "VACUUM INTO '%s'", copy);
	assert_int_equal(rename(copy, fx.path), 0);
	snprintf(path, sizeof path, "%s-wal", fx.path);
	unlink(path);
	snprintf(path, sizeof path, "%s-shm", fx.path);
	unlink(path);
	(void)store_checkpoint(fx.store, false);
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	assert_reset(3, epoch);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("4:ours ");
}

/* Removed file by file: what is sent in between does not go into a file that is about to lose its WAL. */
static void
nothing_goes_into_a_file_that_is_being_removed(void **state)
{
	char epoch[STORE_EPOCH_SIZE], path[TEST_PATH_SIZE + 32];
	int64_t began = clock_ms();
	enum store_status status;
	struct store_send send;

	(void)state;
	fill_up(epoch);
	unlink(fx.path);
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	status = test_look(&fx, 0);
	if (clock_ms() - began < 1000) { /* else this machine is too slow to look */
		assert_int_equal(status, STORE_BUSY);
		assert_int_equal(access(fx.path, F_OK), -1);
	}
	snprintf(path, sizeof path, "%s-wal", fx.path);
	unlink(path);
	snprintf(path, sizeof path, "%s-shm", fx.path);
	unlink(path);
	while ((status = append("main", "ours", "", &send)) == STORE_BUSY) {
		assert_true(clock_ms() - began < 30000);
		clock_sleep_ms(5);
	}
	assert_true(clock_ms() - began >= 1000);
	assert_int_equal(status, STORE_OK);
	assert_int_equal(send.id, 1);
	assert_string_not_equal(store_epoch(fx.store), epoch);
	sqlite3_close(fx.other);
	test_other_open(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text = 'ours'"), 1);
}

static char away[TEST_PATH_SIZE + 32];

static void
take_away(void)
{
	test_disk.on_sync = NULL;
	assert_int_equal(rename(fx.path, away), 0);
}

/* Gone as a batch was committed, and back soon: the batch is not stored twice, and nothing of others' is forgotten. */
static void
a_batch_is_stored_once_though_the_file_was_gone(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	snprintf(away, sizeof away, "%s/away.db", fx.folder);
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
	test_disk.on_sync = take_away;
	assert_int_equal(append("main", "ours", "key", &send), STORE_BUSY);
	assert_int_equal(fx.news.n_messages, 0);
	assert_int_equal(rename(away, fx.path), 0);
	assert_int_equal(append("main", "ours", "key", &send), STORE_BUSY);
	assert_reset(5, epoch);
	assert_int_equal(append("main", "ours", "key", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_REPLAYED);
	assert_int_equal(send.id, 5);
}

/* Replaced by what is not ours: nothing is written to it, and when a good one is back, things go on. */
static void
nothing_is_written_to_a_file_that_is_no_log(void **state)
{
	char epoch[STORE_EPOCH_SIZE], kept[TEST_PATH_SIZE + 16];
	struct store_send send;
	enum store_status status;
	int fd;

	(void)state;
	fill_up(epoch);
	test_other(&fx, "PRAGMA wal_checkpoint(TRUNCATE)");
	snprintf(kept, sizeof kept, "%s/kept.db", fx.folder);
	assert_int_equal(rename(fx.path, kept), 0);
	fd = open(fx.path, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(write(fd, "rubbish ", 8), 8);
	close(fd);
	status = append("main", "ours", "", &send);
	assert_true(status == STORE_FAILED || status == STORE_BUSY);
	assert_int_not_equal(append("main", "ours", "", &send), STORE_OK);
	assert_int_not_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(rename(kept, fx.path), 0);
	for (int i = 0; (status = append("main", "ours", "", &send)) != STORE_OK; i++)
		assert_true(i < 4);
	sqlite3_close(fx.other);
	test_other_open(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 4);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text = 'ours'"), 1);
}

static void
copy_file(const char *from, const char *to)
{
	char bytes[4096];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof bytes)) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

/* Written over in place: SQLite would not notice. Nothing is stored until the right bytes are back. */
static void
nothing_is_stored_while_the_file_is_overwritten(void **state)
{
	char epoch[STORE_EPOCH_SIZE], path[3][TEST_PATH_SIZE + 16];
	struct store_send send;

	(void)state;
	for (int i = 0; i < 3; i++)
		snprintf(path[i], sizeof path[i], "%s/copy%d", fx.folder, i);
	fill_up(epoch);
	test_other(&fx, "VACUUM INTO '%s'", path[0]); /* an older state */
	assert_int_equal(append("main", "four", "", &send), STORE_OK);
	test_other(&fx, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	copy_file(fx.path, path[1]);
	copy_file("/dev/null", path[2]);
	for (int i = 0; i < 3; i += 2) {
		copy_file(path[i], fx.path);
		clock_sleep_ms(150); /* it is not looked at more often */
		assert_int_equal(append("main", "ours", "", &send), STORE_FAILED);
		assert_int_equal(append("main", "ours", "", &send), STORE_FAILED);
		assert_int_equal(test_look(&fx, 0), STORE_FAILED);
		assert_int_equal(store_probe(fx.store, false), STORE_FAILED);
		copy_file(path[1], fx.path);
		clock_sleep_ms(150);
		assert_int_equal(append("main", "ours", "", &send), STORE_OK);
		test_other(&fx, "PRAGMA wal_checkpoint(TRUNCATE)");
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		copy_file(fx.path, path[1]);
	}
	sqlite3_close(fx.other);
	test_other_open(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text = 'ours'"), 2);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 6);
}

/* Emptied while the WAL holds all: whoever opened it now would have SQLite delete that. */
static void
an_emptied_file_does_not_cost_the_wal(void **state)
{
	char epoch[STORE_EPOCH_SIZE], copy[TEST_PATH_SIZE + 16];
	struct store_send send;

	(void)state;
	snprintf(copy, sizeof copy, "%s/copy", fx.folder);
	fill_up(epoch);
	copy_file(fx.path, copy);
	copy_file("/dev/null", fx.path);
	clock_sleep_ms(150);
	assert_int_equal(append("main", "ours", "", &send), STORE_FAILED);
	copy_file(copy, fx.path);
	clock_sleep_ms(150);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	sqlite3_close(fx.other);
	test_other_open(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 4);
}

/* Without a descriptor the file cannot be looked at: it is looked at again, although it was not written to since. */
static void
a_file_that_could_not_be_looked_at_is_looked_at_again(void **state)
{
	char epoch[STORE_EPOCH_SIZE], path[TEST_PATH_SIZE + 16];
	struct store_send send;

	(void)state;
	snprintf(path, sizeof path, "%s/copy", fx.folder);
	fill_up(epoch);
	test_other(&fx, "VACUUM INTO '%s'", path);
	assert_int_equal(append("main", "four", "", &send), STORE_OK);
	test_other(&fx, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	copy_file(path, fx.path);
	clock_sleep_ms(150);
	cannot_open = true;
	(void)test_look(&fx, 0);
	cannot_open = false;
	clock_sleep_ms(150);
	assert_int_equal(test_look(&fx, 0), STORE_FAILED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_wiped_log_begins_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_append_notices_a_wiped_log_first, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_of_a_wiped_log_is_missed, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_epoch_is_another_log, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_restored_log_is_another_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_checkpoint_does_not_take_up_another_file_unseen, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_goes_into_a_file_that_is_being_removed, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_batch_is_stored_once_though_the_file_was_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_is_written_to_a_file_that_is_no_log, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_is_stored_while_the_file_is_overwritten, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_file_that_could_not_be_looked_at_is_looked_at_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_emptied_file_does_not_cost_the_wal, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_replaced", tests, NULL, NULL);
}
