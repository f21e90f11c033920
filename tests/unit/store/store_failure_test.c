/*
 * A lock, a full disk and one that fails; what is left in the WAL.
 */
#include "store/store.h"

#include <fcntl.h>

#include "base/clock.h"
#include "test_store_fixture.h"

static void
another_programs_lock_is_not_waited_for(void **state)
{
	struct store_send send;
	int64_t began = clock_ms();
	sqlite3 *third;

	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('before')");
	test_other(&fx, "BEGIN IMMEDIATE; INSERT INTO messages (text) VALUES ('not yet')");
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	assert_true(clock_ms() - began < 10000); /* whoever asked waits, not the writer */
	assert_news("1:before ");                /* and news are told meanwhile */
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	store_news_fini(&fx.news);
	assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_BUSY);
	assert_int_equal(store_probe(fx.store, false), STORE_BUSY);
	test_other(&fx, "COMMIT");
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("2:not yet 3:ours ");
	/* A reader that stays keeps nobody from writing. */
	assert_int_equal(sqlite3_open(fx.path, &third), SQLITE_OK);
	assert_int_equal(sqlite3_exec(third, "BEGIN; SELECT * FROM messages", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	sqlite3_close(third);
}

/* A disk that is full, or fails, for a while: refused, nothing half-stored, and then all is well. */
static void
fail_for_a_while(int *error, int value, enum store_status want)
{
	struct store_send send;
	struct store_poll p = {.rooms = {.all = true}, .limit = 10, .head = 1};

	assert_int_equal(append("main", "first", "", &send), STORE_OK);
	/* In a daemon the readers' connections are always in use. */
	assert_int_equal(store_poll(fx.reader, &p), STORE_OK);
	buf_fini(&p.json);
	*error = value;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(append("main", "lost", "", &send), want);
		assert_int_equal(fx.news.n_messages, 0);
		assert_int_equal(store_probe(fx.store, true), want);
	}
	assert_int_equal(test_look(&fx, 0), STORE_OK); /* reading goes on */
	*error = 0;
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 1);
	assert_int_equal(store_probe(fx.store, true), STORE_OK);
	assert_int_equal(append("main", "second", "", &send), STORE_OK);
	assert_int_equal(send.id, 2);
	assert_news("2:second ");
	sqlite3_close(fx.other);
	test_other_open(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text IN ('first', 'second')"), 2);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 2);
}

static void
a_full_disk_is_told_and_gets_over(void **state)
{
	(void)state;
	fail_for_a_while(&test_disk.write_errno, ENOSPC, STORE_FULL);
}

static void
a_broken_disk_is_told_and_gets_over(void **state)
{
	(void)state;
	fail_for_a_while(&test_disk.write_errno, EIO, STORE_FAILED);
}

static void
a_failed_sync_is_told_and_gets_over(void **state)
{
	(void)state;
	fail_for_a_while(&test_disk.sync_errno, EIO, STORE_FAILED);
}

/* What a crash would leave now, as the next to open it reads it: how many messages. */
static int64_t
messages_after_crash(void)
{
	char command[3 * TEST_PATH_SIZE];
	struct test_store crashed = {0};
	int64_t n;

	/* Not copied here: closing the database's file would drop the locks of this process. */
	snprintf(command, sizeof command, "cd '%s' && cp log.db crash.db && cp log.db-wal crash.db-wal", fx.folder);
	assert_int_equal(system(command), 0);
	snprintf(crashed.path, sizeof crashed.path, "%s/crash.db", fx.folder);
	test_other_open(&crashed);
	n = test_number(&crashed, "SELECT count(*) FROM messages");
	sqlite3_close(crashed.other);
	return n;
}

/* A transaction that was written but could not be synced is not found by whoever recovers the file. */
static void
a_message_whose_sync_failed_is_not_found_after_a_crash(void **state)
{
	static char large[100001];
	const char *const texts[] = {"lost", "", large};
	struct store_send send;

	(void)state;
	memset(large, 'x', sizeof large - 1);
	assert_int_equal(append("main", "first", "", &send), STORE_OK);
	test_disk.sync_errno = EIO;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		assert_int_equal(append("main", texts[i], "", &send), STORE_FAILED);
		assert_int_equal(messages_after_crash(), 1);
	}
	test_disk.sync_errno = 0;
	assert_int_equal(append("main", "second", "", &send), STORE_OK);
	assert_int_equal(send.id, 2);
	assert_int_equal(messages_after_crash(), 2);
}

static void
a_checkpoint_empties_the_wal_and_waits_for_no_reader(void **state)
{
	struct store *checkpointer = test_store_open(&fx, false);
	char wal[TEST_PATH_SIZE + 32];
	struct store_send send;
	struct stat st;
	sqlite3 *third;

	(void)state;
	snprintf(wal, sizeof wal, "%s-wal", fx.path);
	for (int i = 0; i < 20; i++)
		assert_int_equal(append("main", "text", "", &send), STORE_OK);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 0);
	assert_int_equal(store_checkpoint(checkpointer, false), STORE_OK);
	assert_int_equal(store_checkpoint(checkpointer, true), STORE_OK);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_size, 0);
	/* Somebody reads on in the old state: it is not waited for. */
	assert_int_equal(sqlite3_open(fx.path, &third), SQLITE_OK);
	assert_int_equal(sqlite3_exec(third, "BEGIN; SELECT * FROM messages", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(append("main", "text", "", &send), STORE_OK);
	assert_int_equal(store_checkpoint(checkpointer, true), STORE_BUSY);
	sqlite3_close(third);
	assert_int_equal(store_checkpoint(checkpointer, true), STORE_OK);
	store_close(checkpointer);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 21);
}

static int inserted_code;

/* As cron's sqlite3, which has no time-out. */
static void
insert_meanwhile(void)
{
	sqlite3 *other;

	test_disk.on_sync = NULL;
	inserted_code = sqlite3_open(fx.path, &other);
	if (inserted_code == SQLITE_OK)
		inserted_code = sqlite3_exec(other, "INSERT INTO messages(text) VALUES('from cron')", NULL, NULL, NULL);
	sqlite3_close(other);
}

/* However slow the disk is: while the WAL is copied others can write. */
static void
others_can_write_during_a_checkpoint(void **state)
{
	struct store *checkpointer = test_store_open(&fx, false);
	struct store_send send;

	(void)state;
	assert_int_equal(append("main", "text", "", &send), STORE_OK);
	inserted_code = -1;
	test_disk.on_sync = insert_meanwhile;
	assert_int_equal(store_checkpoint(checkpointer, true), STORE_OK);
	assert_int_equal(inserted_code, SQLITE_OK);
	store_close(checkpointer);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 2);
}

/* What is logged while a poll of everything reads. */
static void
poll_logged(char log[1000], enum store_status want)
{
	struct store_poll p = {.rooms = {.all = true}, .limit = 10, .head = 2};
	char path[TEST_PATH_SIZE + 8];
	int fd, kept = dup(STDERR_FILENO);
	ssize_t n;

	snprintf(path, sizeof path, "%s/stderr", fx.folder);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && kept >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	assert_int_equal(store_poll(fx.reader, &p), want);
	buf_fini(&p.json);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	n = pread(fd, log, 999, 0);
	log[n < 0 ? 0 : n] = '\0';
	close(kept);
	close(fd);
}

/* An error is logged with its own words, whatever SQLite was asked after it. */
static void
an_error_is_logged_with_its_own_words(void **state)
{
	char log[1000];

	(void)state;
	test_other(&fx, "INSERT INTO messages (args, attachments) VALUES ('[{\"_placeholder\":true,\"num\":0}]', 1);"
	                "INSERT INTO messages (text) VALUES ('after'); DROP TABLE attachments");
	assert_int_equal(test_look(&fx, 0), STORE_FAILED);
	poll_logged(log, STORE_FAILED);
	if (strstr(log, " code=1 error=\"no such table: attachments\" ") == NULL)
		fail_msg("%s", log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(another_programs_lock_is_not_waited_for, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_gets_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_broken_disk_is_told_and_gets_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_failed_sync_is_told_and_gets_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_message_whose_sync_failed_is_not_found_after_a_crash, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_checkpoint_empties_the_wal_and_waits_for_no_reader, setup, teardown),
	    cmocka_unit_test_setup_teardown(others_can_write_during_a_checkpoint, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_error_is_logged_with_its_own_words, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_failure", tests, NULL, NULL);
}
