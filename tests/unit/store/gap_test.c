/*
 * What SQLite leaves in the gaps of pages does not get into a file that our programs write, and all else does.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/gap.h"
#include "test.h"

enum { PAGE = 512, WORDS = 2000 };

struct page {
	unsigned char bytes[PAGE];
};

/* With n pointers, and cells from there on; the rest is not zeros. */
static struct page
page_of(unsigned char type, size_t header, unsigned n, unsigned cells)
{
	struct page p;

	memset(p.bytes, 0xAA, sizeof p.bytes);
	p.bytes[header] = type;
	p.bytes[header + 3] = (unsigned char)(n >> 8);
	p.bytes[header + 4] = (unsigned char)n;
	p.bytes[header + 5] = (unsigned char)(cells >> 8);
	p.bytes[header + 6] = (unsigned char)cells;
	return p;
}

static void
assert_gap(const struct page *p, int64_t number, size_t want_begin, size_t want_length)
{
	size_t begin = 0, length = 0;

	assert_int_equal(gap_find(p->bytes, PAGE, number, &begin, &length), want_length > 0);
	assert_int_equal(begin, want_length > 0 ? want_begin : 0);
	assert_int_equal(length, want_length);
}

static void
the_gap_is_between_pointers_and_cells(void **state)
{
	struct page p;

	(void)state;
	p = page_of(13, 0, 10, 400);
	assert_gap(&p, 1, 8 + 20, 400 - 28);
	p = page_of(10, 0, 0, 512);
	assert_gap(&p, 7, 8, 504);
	p = page_of(5, 0, 3, 100);
	assert_gap(&p, 1, 12 + 6, 100 - 18);
	p = page_of(2, 0, 3, 100);
	assert_gap(&p, 1, 18, 82);
	p = page_of(13, 100, 2, 300);
	assert_gap(&p, 0, 100 + 8 + 4, 300 - 112);
	/* One that is all zeros is none to be written. */
	p = page_of(13, 0, 10, 400);
	memset(p.bytes + 28, 0, 400 - 28);
	assert_gap(&p, 1, 0, 0);
	p.bytes[399] = 1;
	assert_gap(&p, 1, 28, 372);
}

static void
what_is_no_page_of_a_tree_has_none(void **state)
{
	static const unsigned char OTHERS[] = {0, 1, 3, 4, 6, 9, 11, 12, 14, 0xAA};
	struct page p;

	(void)state;
	for (size_t i = 0; i < sizeof OTHERS; i++) {
		p = page_of(OTHERS[i], 0, 10, 400);
		assert_gap(&p, 1, 0, 0);
	}
	/* Damaged ones are left as they are. */
	p = page_of(13, 0, 10, 513);
	assert_gap(&p, 1, 0, 0);
	p = page_of(13, 0, 200, 400);
	assert_gap(&p, 1, 0, 0);
	p = page_of(13, 0, 10, 28);
	assert_gap(&p, 1, 0, 0);
	p = page_of(13, 0, 10, 0); /* 65,536 */
	assert_gap(&p, 1, 0, 0);
}

static void
files_that_are_left_as_they_are_are_known_by_their_header(void **state)
{
	unsigned char header[GAP_HEADER] = "SQLite format 3";

	(void)state;
	header[18] = 2;
	assert_true(gap_header_ok(header));
	header[18] = 1; /* not in WAL mode */
	assert_false(gap_header_ok(header));
	header[18] = 2;
	for (int at = 52; at < 56; at++) {
		header[at] = 1; /* a pointer map */
		assert_false(gap_header_ok(header));
		header[at] = 0;
	}
}

/* ---- a database as it is on the disk ---- */

struct database {
	char folder[TEST_PATH_SIZE], path[TEST_PATH_SIZE + 16];
	sqlite3 *db;
};

static void
run(struct database *d, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(d->db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
}

static const char *
first(struct database *d, const char *sql, char text[64])
{
	sqlite3_stmt *stmt;

	assert_int_equal(sqlite3_prepare_v2(d->db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	snprintf(text, 64, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return text;
}

/* Words that came in no order, every third of them deleted, and a long value; all of it is in the file, not in the WAL.
 */
static void
write_words(struct database *d, const char *vfs, const char *pragma)
{
	char sql[500];

	test_folder(d->folder);
	snprintf(d->path, sizeof d->path, "%s/words.db", d->folder);
	assert_int_equal(sqlite3_open_v2(d->path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs), SQLITE_OK);
	run(d, pragma);
	run(d, "PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON; PRAGMA synchronous = OFF;"
	       " CREATE TABLE words (word TEXT PRIMARY KEY) WITHOUT ROWID; CREATE TABLE long (text)");
	snprintf(sql, sizeof sql,
	    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	    " INSERT INTO words SELECT printf('%%05dword%%05d', i * 7919 %% %d, i) FROM n",
	    WORDS - 1, WORDS);
	run(d, sql);
	run(d, "INSERT INTO long VALUES (printf('%.50000c', 'x'))");
	run(d, "DELETE FROM words WHERE substr(word, -5) % 3 = 0");
	run(d, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/* How many pages of the file have something in their gaps. */
static int
gaps(const struct database *d)
{
	unsigned char page[4096];
	size_t begin, length;
	int fd = open(d->path, O_RDONLY), n = 0;

	assert_true(fd >= 0);
	for (int64_t number = 0; read(fd, page, sizeof page) == sizeof page; number++)
		n += gap_find(page, sizeof page, number, &begin, &length);
	close(fd);
	return n;
}

static void
remove_words(struct database *d)
{
	sqlite3_close(d->db);
	test_folder_remove(d->folder);
}

static void
what_we_write_has_nothing_in_its_gaps(void **state)
{
	struct database d;
	char text[64], want[64];

	(void)state;
	/* As SQLite does it, so that this test would see something. */
	write_words(&d, "unix", "");
	assert_true(gaps(&d) > 5);
	remove_words(&d);
	gap_register();
	write_words(&d, NULL, "");
	assert_int_equal(gaps(&d), 0);
	sqlite3_close(d.db);
	assert_int_equal(sqlite3_open(d.path, &d.db), SQLITE_OK);
	assert_string_equal(first(&d, "PRAGMA integrity_check", text), "ok");
	snprintf(want, sizeof want, "%d", WORDS - (WORDS + 2) / 3);
	assert_string_equal(first(&d, "SELECT count(*) FROM words", text), want);
	assert_string_equal(first(&d, "SELECT length(text) FROM long", text), "50000");
	remove_words(&d);
}

/* Its pages of pointers look like a b-tree's. */
static void
a_file_with_auto_vacuum_stays_whole(void **state)
{
	static const char *const MODES[] = {"PRAGMA auto_vacuum = FULL", "PRAGMA auto_vacuum = INCREMENTAL"};
	struct database d;
	char text[64];

	(void)state;
	gap_register();
	for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
		write_words(&d, NULL, MODES[i]);
		run(&d, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499)"
		        " INSERT INTO long SELECT printf('%.20000c', 'x') FROM n; PRAGMA wal_checkpoint(TRUNCATE);"
		        " DELETE FROM long WHERE rowid % 3 = 0; PRAGMA incremental_vacuum; PRAGMA "
		        "wal_checkpoint(TRUNCATE)");
		sqlite3_close(d.db);
		assert_int_equal(sqlite3_open(d.path, &d.db), SQLITE_OK);
		assert_string_equal(first(&d, "PRAGMA integrity_check", text), "ok");
		remove_words(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_gap_is_between_pointers_and_cells),
	    cmocka_unit_test(what_is_no_page_of_a_tree_has_none),
	    cmocka_unit_test(files_that_are_left_as_they_are_are_known_by_their_header),
	    cmocka_unit_test(what_we_write_has_nothing_in_its_gaps),
	    cmocka_unit_test(a_file_with_auto_vacuum_stays_whole),
	};

	return cmocka_run_group_tests_name("gap", tests, NULL, NULL);
}
