/*
 * What was deleted is gone from the files when a scrub has ended, and not before; what is deleted meanwhile is left for
 * the next one.
 */
#include "store/gap.h"
#include "test_store_fixture.h"

enum { ROWS = 4000 };

/* Whether the last half of a row's word is in the file or its WAL. All connections must rest. */
static bool
left(int id)
{
	char end[16];

	snprintf(end, sizeof end, "end%05dz%dq", id, id % 7);
	return test_file_has(&fx, "", end) || test_file_has(&fx, "-wal", end);
}

static void
add_rows(int n)
{
	test_other(&fx,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	    " INSERT INTO messages (text, key) SELECT printf('word%%dend%%05dz%%dq', base + i, base + i, (base + i) %% "
	    "7)"
	    " || ' ' || hex(randomblob(i %% 40)) || ' ' || hex(randomblob(8)), base + i"
	    " FROM n, (SELECT coalesce(max(id), 0) AS base FROM messages)",
	    n);
	test_fill(&fx);
}

static void
delete_rows(int from, int to)
{
	test_other(&fx, "DELETE FROM messages WHERE id BETWEEN %d AND %d", from, to);
}

static void
piece(enum store_status status)
{
	store_news_fini(&fx.news);
	assert_int_equal(store_scrub(fx.store, 0, &fx.news), status);
}

/* All pieces of a scrub; how many. */
static int
scrub(void)
{
	int n = 0;

	do {
		piece(STORE_OK);
		assert_true(++n < 10000);
	} while (!fx.news.scrubbed);
	return n;
}

/* The WAL emptied, and what follows, to the end; the last one's status. */
static void
end(enum store_status want)
{
	enum store_status status;

	for (int n = 0;; n++) {
		store_news_fini(&fx.news);
		status = store_scrub_end(fx.store, &fx.news);
		if (status != STORE_OK || fx.news.scrubbed)
			break;
		assert_true(n < 3);
		scrub();
	}
	assert_int_equal(status, want);
}

static void
a_scrub_leaves_nothing_of_what_was_deleted(void **state)
{
	(void)state;
	add_rows(ROWS);
	assert_int_equal(fx.news.erasing, 0);
	delete_rows(101, 150);
	test_other(&fx, "UPDATE messages SET text = 'other' WHERE id = 200");
	test_fill(&fx);
	assert_int_equal(fx.news.erasing, 51);
	assert_int_equal(store_checkpoint(fx.store, true), STORE_OK);
	/* They are in the index still, or this test would see nothing. */
	assert_true(left(101) || left(125) || left(150));
	assert_true(scrub() > 1);
	assert_int_equal(fx.news.erasing, 51);
	end(STORE_OK);
	assert_int_equal(fx.news.erased, 51);
	assert_int_equal(fx.news.erasing, 0);
	for (int id = 101; id <= 150; id++)
		assert_false(left(id));
	assert_false(left(200));
	assert_true(left(100) && left(151));
	test_other(&fx, "INSERT INTO search_1 (search_1) VALUES ('integrity-check')");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM search_1('word99end00099z1q')"), 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM search_1('word101end00101z3q')"), 0);
}

/* Notes that the index has not taken are taken first; nobody rested. */
static void
a_scrub_takes_the_notes_first(void **state)
{
	(void)state;
	add_rows(500);
	delete_rows(1, 250);
	scrub();
	end(STORE_OK);
	assert_int_equal(fx.news.erased, 250);
	for (int id = 1; id <= 250; id++)
		assert_false(left(id));
}

static void
a_scrub_waits_for_those_who_read_what_was(void **state)
{
	sqlite3 *program;

	(void)state;
	add_rows(500);
	test_other(&fx, "BEGIN");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 500);
	assert_int_equal(sqlite3_open(fx.path, &program), SQLITE_OK);
	assert_int_equal(sqlite3_exec(program, "DELETE FROM messages WHERE id = 300", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(program);
	scrub();
	end(STORE_BUSY);
	end(STORE_BUSY);
	test_other(&fx, "COMMIT");
	end(STORE_OK);
	assert_int_equal(fx.news.erased, 1);
	assert_false(left(300));
}

static void
what_is_deleted_meanwhile_is_left_for_the_next(void **state)
{
	(void)state;
	add_rows(ROWS);
	delete_rows(1, 10);
	test_fill(&fx);
	piece(STORE_OK);
	delete_rows(11, 15);
	test_fill(&fx);
	delete_rows(16, 16);
	while (!fx.news.scrubbed)
		piece(STORE_OK);
	end(STORE_OK);
	assert_int_equal(fx.news.erased, 10);
	assert_int_equal(fx.news.erasing, 6);
	/* What is left stands in the file: another daemon goes on with it. */
	store_close(fx.store);
	fx.store = test_store_open(&fx, false);
	assert_int_equal(store_start(fx.store, 0, (char[STORE_ERROR_SIZE]){""}), 0);
	test_fill(&fx);
	assert_int_equal(fx.news.erasing, 6);
	scrub();
	end(STORE_OK);
	assert_int_equal(fx.news.erasing, 0);
	for (int id = 1; id <= 16; id++)
		assert_false(left(id));
}

static void
a_scrub_that_failed_begins_anew(void **state)
{
	(void)state;
	add_rows(500);
	delete_rows(1, 10);
	/* There was none. */
	end(STORE_FAILED);
	piece(STORE_OK);
	/* A lock is waited for, and the scrub goes on. */
	test_other(&fx, "BEGIN IMMEDIATE");
	piece(STORE_BUSY);
	test_other(&fx, "COMMIT");
	scrub();
	test_other(&fx, "BEGIN IMMEDIATE");
	end(STORE_BUSY);
	test_other(&fx, "COMMIT");
	end(STORE_OK);
	assert_int_equal(fx.news.erased, 10);
}

/*
 * While two segments are merged two newer ones are made. FTS5 finds nothing to do then: of two levels with as many
 * segments it looks at the newer one, which has too few.
 */
static void
segments_that_are_made_meanwhile_do_not_end_it(void **state)
{
	(void)state;
	add_rows(ROWS);
	scrub();
	end(STORE_OK);
	for (int round = 1; round <= 3; round++) {
		delete_rows(round * 100, round * 100 + 50);
		test_fill(&fx);
		piece(STORE_OK);
		for (int i = 0; i < round; i++) {
			test_other(&fx, "INSERT INTO messages (text) VALUES ('meanwhile %d')", i);
			test_fill(&fx);
		}
		scrub();
		end(STORE_OK);
		for (int id = round * 100; id <= round * 100 + 50; id++)
			assert_false(left(id));
	}
	test_other(&fx, "INSERT INTO search_1 (search_1) VALUES ('integrity-check')");
}

/* Each scrub adds levels to the index, and with 2,000 FTS5 says that it is damaged. */
static void
the_index_does_not_grow_in_levels(void **state)
{
	(void)state;
	add_rows(ROWS);
	for (int i = 1; i <= 60; i++) {
		delete_rows(i, i);
		test_other(&fx, "INSERT INTO messages (text) VALUES ('one%d more')", i);
		test_fill(&fx);
		scrub();
		end(STORE_OK);
		assert_int_equal(fx.news.erased, 1);
		/* The number behind the cookie. */
		assert_true(test_number(&fx, "SELECT instr('0123456789ABCDEF', substr(hex(block), 9, 1)) * 16 - 16"
		                             " + instr('0123456789ABCDEF', substr(hex(block), 10, 1)) - 1 FROM "
		                             "search_1_data WHERE id = 10") <= 26);
	}
	test_other(&fx, "INSERT INTO search_1 (search_1) VALUES ('integrity-check')");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM search_1('word99end00099z1q')"), 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM search_1('one60')"), 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM search_1('word60end00060z4q')"), 0);
}

/* How many pages of the file, or of the WAL, have something in their gaps. All connections must rest. */
static int
gaps_in(const char *suffix, off_t header, off_t frame)
{
	unsigned char page[4096];
	char path[TEST_PATH_SIZE + 32];
	size_t begin, length;
	int fd, n = 0;

	snprintf(path, sizeof path, "%s%s", fx.path, suffix);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	/* The first page is known by its place in the file; in the WAL it is not counted. */
	for (off_t at = header + frame; pread(fd, page, sizeof page, at) == sizeof page;
	     at += (off_t)sizeof page + frame)
		n += gap_find(page, sizeof page, at == 0 ? 0 : 1, &begin, &length);
	close(fd);
	return n;
}

static int
gaps(void)
{
	return gaps_in("", 0, 0);
}

static void
program_runs(sqlite3 *program, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(program, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
}

/* In no order. */
static void
program_adds_keys(sqlite3 *program, int nth)
{
	char sql[300];

	snprintf(sql, sizeof sql,
	    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999) INSERT INTO messages "
	    "(text, key)"
	    " SELECT 'same', printf('%%05dkey%%05d-%d', i * 7919 %% 2000, i) FROM n",
	    nth);
	program_runs(program, sql);
}

static void
assert_sound(void)
{
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

static void
append_key(int i)
{
	struct store_send send;
	char key[16];

	snprintf(key, sizeof key, "%05dkeys", i);
	assert_int_equal(append("main", "same", key, &send), STORE_OK);
}

/* A program that writes by SQLite alone, in no order, and copies from the WAL itself, leaves texts in gaps. */
static void
it_takes_what_other_programs_left_in_gaps(void **state)
{
	sqlite3 *program;

	(void)state;
	assert_int_equal(sqlite3_open_v2(fx.path, &program, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	program_adds_keys(program, 0);
	test_fill(&fx);
	program_runs(program, "DELETE FROM messages WHERE id % 3 = 0; PRAGMA wal_checkpoint(TRUNCATE)");
	test_fill(&fx);
	/* Or this test would see nothing. */
	assert_true(gaps() > 5);
	/* So they are in memory, too. */
	for (int i = 0; i < 20; i++)
		append_key(i * 100);
	assert_true(scrub() > 1);
	end(STORE_OK);
	assert_int_equal(gaps(), 0);
	/* Nor does what is in memory bring it back. */
	for (int i = 0; i < 20; i++)
		append_key(i * 100 + 1);
	assert_int_equal(gaps_in("-wal", 32, 24), 0);
	program_runs(program, "INSERT INTO messages (text, key) VALUES ('one', '01000'), ('two', '00500')");
	test_fill(&fx);
	assert_int_equal(store_checkpoint(fx.store, true), STORE_OK);
	assert_int_equal(gaps(), 0);
	sqlite3_close(program);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 2000 - 666 + 42);
}

/* Whatever is copied from the WAL by such a program while the pages are looked through is found by another pass. */
static void
it_takes_what_they_leave_meanwhile(void **state)
{
	sqlite3 *program;

	(void)state;
	assert_int_equal(sqlite3_open_v2(fx.path, &program, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	program_adds_keys(program, 0);
	test_fill(&fx);
	program_runs(program, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_true(gaps() > 5);
	scrub();
	store_news_fini(&fx.news);
	assert_int_equal(store_scrub_end(fx.store, &fx.news), STORE_OK);
	scrub();
	assert_int_equal(gaps(), 0);
	program_adds_keys(program, 1);
	program_runs(program, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_true(gaps() > 5);
	end(STORE_OK);
	assert_int_equal(gaps(), 0);
	sqlite3_close(program);
	assert_sound();
}

/* A pointer map looks like pages of a b-tree. */
static void
a_file_with_auto_vacuum_is_left_as_it_is(void **state)
{
	sqlite3 *program;

	(void)state;
	assert_int_equal(sqlite3_open_v2(fx.path, &program, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	store_close(fx.store);
	store_close(fx.reader);
	sqlite3_close(fx.other);
	program_runs(program, "PRAGMA auto_vacuum = FULL; VACUUM");
	fx.store = test_store_open(&fx, false);
	assert_int_equal(store_start(fx.store, 0, (char[STORE_ERROR_SIZE]){""}), 0);
	fx.reader = test_store_open(&fx, false);
	test_other_open(&fx);
	program_adds_keys(program, 0);
	program_runs(program, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499)"
	                      " INSERT INTO messages (room, text) SELECT 'long', printf('%.20000c', 'x') FROM n");
	test_fill(&fx);
	assert_true(test_number(&fx, "PRAGMA page_count") > 2000);
	program_runs(program, "DELETE FROM messages WHERE id % 3 = 0");
	test_fill(&fx);
	scrub();
	end(STORE_OK);
	assert_sound();
	program_runs(program, "DELETE FROM messages WHERE id % 3 = 1");
	test_fill(&fx);
	assert_int_equal(store_checkpoint(fx.store, true), STORE_OK);
	assert_sound();
	sqlite3_close(program);
}

/* One who copies from the WAL meanwhile is the only one that may write to the file. */
static void
it_waits_for_who_copies_from_the_wal(void **state)
{
	sqlite3_file *file;
	sqlite3 *program;
	int before;

	(void)state;
	assert_int_equal(sqlite3_open_v2(fx.path, &program, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	program_adds_keys(program, 0);
	test_fill(&fx);
	program_runs(program, "PRAGMA wal_checkpoint(TRUNCATE)");
	scrub();
	store_news_fini(&fx.news);
	assert_int_equal(store_scrub_end(fx.store, &fx.news), STORE_OK);
	before = gaps();
	assert_true(before > 5);
	assert_int_equal(sqlite3_file_control(program, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
	assert_int_equal(file->pMethods->xShmLock(file, 1, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE), SQLITE_OK);
	piece(STORE_BUSY);
	assert_int_equal(gaps(), before);
	assert_int_equal(file->pMethods->xShmLock(file, 1, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE), SQLITE_OK);
	sqlite3_close(program);
	scrub();
	end(STORE_OK);
	assert_int_equal(gaps(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_scrub_leaves_nothing_of_what_was_deleted, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_scrub_takes_the_notes_first, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_scrub_waits_for_those_who_read_what_was, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_deleted_meanwhile_is_left_for_the_next, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_scrub_that_failed_begins_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(segments_that_are_made_meanwhile_do_not_end_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_index_does_not_grow_in_levels, setup, teardown),
	    cmocka_unit_test_setup_teardown(it_takes_what_other_programs_left_in_gaps, setup, teardown),
	    cmocka_unit_test_setup_teardown(it_takes_what_they_leave_meanwhile, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_file_with_auto_vacuum_is_left_as_it_is, setup, teardown),
	    cmocka_unit_test_setup_teardown(it_waits_for_who_copies_from_the_wal, setup, teardown),
	};

	gap_register();
	return cmocka_run_group_tests_name("scrub", tests, NULL, NULL);
}
