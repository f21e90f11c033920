#include "store/store.h"

#include <fcntl.h>

#include "base/clock.h"
#include "store/schema.h"
#include "test_store_fixture.h"

#define APPLICATION_ID "1282371175" /* "Long" */

enum { LOCK_WAIT_MS = 200 };

/* No file yet. */
static int
setup_empty(void **state)
{
	(void)state;
	test_store_prepare(&fx);
	return 0;
}

/* Opens and starts; the error, or "" when it works. */
static const char *
start(void)
{
	static char error[STORE_ERROR_SIZE];

	store_close(fx.store);
	error[0] = '\0';
	fx.store = store_open(&fx.options, true, error);
	if (fx.store != NULL && store_start(fx.store, LOCK_WAIT_MS, error) == 0)
		assert_string_equal(error, "");
	else
		assert_string_not_equal(error, "");
	return error;
}

static void
other_closes(void)
{
	sqlite3_close(fx.other);
	fx.other = NULL;
}

/* The whole file, to see whether it was changed. */
static size_t
file(char *bytes, size_t size)
{
	int fd = open(fx.path, O_RDONLY);
	ssize_t n = read(fd, bytes, size);

	close(fd);
	assert_true(n >= 0 && (size_t)n < size);
	return (size_t)n;
}

static void
assert_refused_untouched(const char *why)
{
	enum { SIZE = 1 << 20 };
	char *before = malloc(SIZE), *after = malloc(SIZE);
	size_t n = file(before, SIZE);

	assert_non_null(strstr(start(), why));
	assert_non_null(strstr(start(), fx.path)); /* it says which file */
	store_close(fx.store);
	fx.store = NULL;
	assert_int_equal(file(after, SIZE), n);
	assert_memory_equal(before, after, n);
	free(before);
	free(after);
}

static void
a_new_file_is_made_with_all_it_needs(void **state)
{
	mode_t mask = umask(0007);
	struct stat st;
	char text[100];

	(void)state;
	assert_string_equal(start(), "");
	umask(mask);
	assert_int_equal(stat(fx.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(strlen(store_epoch(fx.store)), STORE_EPOCH_SIZE - 1);
	assert_int_equal(strspn(store_epoch(fx.store), "0123456789abcdef"), STORE_EPOCH_SIZE - 1);
	assert_int_equal(store_head(fx.store), 0);
	test_other_open(&fx);
	assert_int_equal(test_number(&fx, "PRAGMA user_version"), schema_version);
	assert_int_equal(test_number(&fx, "PRAGMA application_id"), 0x4C6F6E67);
	test_text(&fx, "PRAGMA journal_mode", text, sizeof text);
	assert_string_equal(text, "wal");
	test_text(&fx, "PRAGMA integrity_check", text, sizeof text);
	assert_string_equal(text, "ok");
}

static void
a_log_is_the_same_when_it_starts_again(void **state)
{
	char epoch[STORE_EPOCH_SIZE];

	(void)state;
	start();
	strcpy(epoch, store_epoch(fx.store));
	test_other_open(&fx);
	test_other(
	    &fx, "INSERT INTO messages (text) VALUES ('a'), ('b'), ('c'); DELETE FROM messages WHERE text = 'c'");
	assert_string_equal(start(), "");
	assert_string_equal(store_epoch(fx.store), epoch);
	assert_int_equal(store_head(fx.store), 3); /* the greatest id ever given */
	/* An epoch is made anew when that is asked for, and then kept. */
	fx.options.new_epoch = true;
	assert_string_equal(start(), "");
	assert_string_not_equal(store_epoch(fx.store), epoch);
	strcpy(epoch, store_epoch(fx.store));
	assert_int_equal(store_head(fx.store), 3);
	fx.options.new_epoch = false;
	assert_string_equal(start(), "");
	assert_string_equal(store_epoch(fx.store), epoch);
}

/* A file as the first version of the program left it. */
static void
make_version_1(void)
{
	test_other_open(&fx);
	test_other(&fx, "PRAGMA journal_mode = WAL");
	assert_int_equal(sqlite3_exec(fx.other, schema_steps[0], NULL, NULL, NULL), SQLITE_OK);
	test_other(&fx, "PRAGMA user_version = 1; PRAGMA application_id = " APPLICATION_ID ";"
	                "UPDATE meta SET value = '0123456789abcdef' WHERE name = 'epoch';"
	                "INSERT INTO messages (room, text) VALUES ('main', 'old words'), ('ops', 'gone')");
}

static void
an_old_version_is_brought_up_to_date(void **state)
{
	struct store_page page = {.rooms = {.all = true},
	    .cursor = STORE_NEWEST,
	    .limit = 10,
	    .head = 2,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX,
	    .q = STR("words")};

	(void)state;
	make_version_1();
	assert_string_equal(start(), "");
	assert_int_equal(test_number(&fx, "PRAGMA user_version"), schema_version);
	assert_string_equal(store_epoch(fx.store), "0123456789abcdef"); /* the log is the same one */
	assert_int_equal(store_head(fx.store), 2);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 2);
	/* What the new version adds works for old rows too. */
	test_other(&fx, "DELETE FROM messages WHERE text = 'gone'");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed"), 1);
	test_fill(&fx);
	fx.reader = test_store_open(&fx, false);
	assert_int_equal(store_search(fx.reader, &page), STORE_OK);
	assert_int_equal(page.n, 1);
	buf_fini(&page.json);
}

/* A step that fails leaves the file at the version it had. */
static void
a_failed_step_leaves_the_version_as_it_was(void **state)
{
	(void)state;
	make_version_1();
	test_other(&fx, "CREATE VIEW search_changed AS SELECT 1");
	assert_non_null(strstr(start(), "search_changed"));
	assert_int_equal(test_number(&fx, "PRAGMA user_version"), 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM sqlite_master WHERE name = 'changed'"), 0);
	test_other(&fx, "DROP VIEW search_changed");
	assert_string_equal(start(), "");
}

static void
a_newer_version_is_refused(void **state)
{
	(void)state;
	start();
	test_other_open(&fx);
	test_other(&fx, "PRAGMA user_version = %d; PRAGMA wal_checkpoint(TRUNCATE)", schema_version + 1);
	other_closes();
	assert_refused_untouched("newer");
}

static void
tables_of_another_program_are_refused(void **state)
{
	(void)state;
	test_other_open(&fx);
	test_other(&fx, "CREATE TABLE theirs (a)");
	other_closes();
	assert_refused_untouched("not Longline's");
}

static void
the_mark_of_another_program_is_refused(void **state)
{
	(void)state;
	test_other_open(&fx);
	test_other(&fx, "CREATE TABLE theirs (a); PRAGMA user_version = 1; PRAGMA application_id = 42");
	other_closes();
	assert_refused_untouched("not Longline's");
}

/* A version, as many programs set it, but no mark. */
static void
a_version_without_our_mark_is_refused(void **state)
{
	(void)state;
	test_other_open(&fx);
	test_other(&fx, "CREATE TABLE theirs (a); PRAGMA user_version = %d", schema_version);
	other_closes();
	assert_refused_untouched("not Longline's");
}

/* No tables yet, but it is another program's by its mark. */
static void
an_empty_file_with_another_mark_is_refused(void **state)
{
	(void)state;
	test_other_open(&fx);
	test_other(&fx, "PRAGMA application_id = 42");
	other_closes();
	assert_refused_untouched("not Longline's");
}

static void
what_is_no_database_is_refused(void **state)
{
	FILE *f = fopen(fx.path, "w");

	(void)state;
	for (int i = 0; i < 1000; i++)
		fprintf(f, "This is a text. ");
	fclose(f);
	assert_refused_untouched("not a database");
}

static void
a_file_that_cannot_be_opened_is_named(void **state)
{
	char error[STORE_ERROR_SIZE], path[TEST_PATH_SIZE + 32];

	(void)state;
	/* Not there, and not to be created. */
	assert_null(store_open(&fx.options, false, error));
	assert_non_null(strstr(error, fx.path));
	assert_int_equal(access(fx.path, F_OK), -1);
	snprintf(path, sizeof path, "%s/nowhere/log.db", fx.folder);
	fx.options.path = path;
	assert_null(store_open(&fx.options, true, error));
	assert_non_null(strstr(error, path));
	fx.options.path = fx.folder;
	assert_null(store_open(&fx.options, true, error));
	assert_non_null(strstr(error, fx.folder));
	store_close(NULL);
}

/* Another program holds the lock: it is waited for as long as was said, and then named. */
static void
a_lock_is_waited_for_and_then_named(void **state)
{
	int64_t began;

	(void)state;
	make_version_1();
	test_other(&fx, "BEGIN IMMEDIATE");
	began = clock_ms();
	assert_non_null(strstr(start(), "lock"));
	assert_true(clock_ms() - began >= LOCK_WAIT_MS);
	assert_true(clock_ms() - began < 100 * LOCK_WAIT_MS);
	test_other(&fx, "ROLLBACK");
	assert_string_equal(start(), "");
}

static void
a_start_on_a_full_disk_fails_and_can_be_tried_again(void **state)
{
	(void)state;
	test_disk.write_errno = ENOSPC;
	assert_string_not_equal(start(), "");
	test_disk.write_errno = 0;
	assert_string_equal(start(), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_new_file_is_made_with_all_it_needs, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(a_log_is_the_same_when_it_starts_again, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(an_old_version_is_brought_up_to_date, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(a_failed_step_leaves_the_version_as_it_was, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(a_newer_version_is_refused, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(tables_of_another_program_are_refused, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(the_mark_of_another_program_is_refused, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(a_version_without_our_mark_is_refused, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(an_empty_file_with_another_mark_is_refused, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_database_is_refused, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_is_named, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(a_lock_is_waited_for_and_then_named, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(a_start_on_a_full_disk_fails_and_can_be_tried_again, setup_empty, teardown),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
