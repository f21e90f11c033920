/*
 * The locks that SQLite holds for this process. Closing any descriptor of a file drops all that a process holds on it
 * (fcntl(2)), and only another process can tell: this program runs itself as one.
 */
#include "store/store.h"

#include "store/walindex.h"
#include "test_store_fixture.h"

static char self[TEST_PATH_SIZE];

/* The other process: prints the first column of the last row, or the error. */
static int
outsider_main(const char *path, const char *sql)
{
	char text[100] = "done";
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db;
	int code = sqlite3_open(path, &db);

	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	while (code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(stmt, 0));
		code = SQLITE_OK;
	}
	printf("%s", code == SQLITE_OK || code == SQLITE_DONE ? text : sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return 0;
}

static void
assert_outsider(const char *sql, const char *want)
{
	char command[3 * TEST_PATH_SIZE], got[200] = "";
	FILE *out;

	snprintf(command, sizeof command, "'%s' '%s' '%s'", self, fx.path, sql);
	out = popen(command, "r");
	assert_non_null(out);
	if (fgets(got, sizeof got, out) == NULL)
		got[0] = '\0';
	assert_int_equal(pclose(out), 0);
	assert_string_equal(got, want);
}

/* Somebody here reads in an older state: nobody may put the WAL back to its beginning. */
static void
assert_read_lock(void)
{
	assert_outsider("PRAGMA wal_checkpoint(TRUNCATE)", "1");
}

/* Reading the counter in the index of the WAL, again and again, and asking whether it is still the same file. */
static void
reading_the_walindex_drops_no_lock(void **state)
{
	struct walindex w;
	struct store_send send;

	(void)state;
	test_other(&fx, "BEGIN; SELECT * FROM messages");
	assert_int_equal(append("main", "text", "", &send), STORE_OK);
	assert_read_lock();
	walindex_init(&w, fx.path);
	for (int i = 0; i < 3; i++) {
		assert_int_not_equal(walindex_changes(&w), 0);
		walindex_refresh(&w);
		assert_read_lock();
	}
	test_other(&fx, "COMMIT");
	assert_outsider("PRAGMA wal_checkpoint(TRUNCATE)", "0");
	/* Not closed: the locks of the others are still needed, as in the daemon. */
}

/* The writer begins anew in the same file, and opens it again. */
static void
beginning_anew_in_the_same_file_drops_no_lock(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	test_other(&fx, "DELETE FROM messages; DELETE FROM sqlite_sequence");
	test_other(&fx, "BEGIN; SELECT * FROM messages");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_true(fx.news.reset);
	assert_int_equal(append("main", "text", "", &send), STORE_OK);
	assert_read_lock();
	test_disk.sync_errno = EIO; /* after which the writer opens the file again */
	assert_int_equal(append("main", "lost", "", &send), STORE_FAILED);
	test_disk.sync_errno = 0;
	assert_read_lock();
	test_other(&fx, "COMMIT");
}

/* Opening a file that is there, as if to create it. */
static void
opening_the_file_again_drops_no_lock(void **state)
{
	struct store *another;

	(void)state;
	assert_outsider("PRAGMA journal_mode = DELETE", "database is locked");
	another = test_store_open(&fx, true);
	assert_outsider("PRAGMA journal_mode = DELETE", "database is locked");
	store_close(another);
	assert_outsider("PRAGMA journal_mode = DELETE", "database is locked");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(reading_the_walindex_drops_no_lock, setup, teardown),
	    cmocka_unit_test_setup_teardown(beginning_anew_in_the_same_file_drops_no_lock, setup, teardown),
	    cmocka_unit_test_setup_teardown(opening_the_file_again_drops_no_lock, setup, teardown),
	};

	if (argc == 3)
		return outsider_main(argv[1], argv[2]);
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return 1;
	return cmocka_run_group_tests_name("store_locks", tests, NULL, NULL);
}
