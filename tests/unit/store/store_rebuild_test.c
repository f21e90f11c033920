/*
 * An index that another version of words made gives way to a new one: search answers all the time and nothing is found
 * that is gone, nothing missed, whatever happens meanwhile and wherever the daemon ends.
 */
#include "store/schema.h"
#include "test_store_fixture.h"

enum { ROWS = 1000, ROWS_MOST = 2500, BEFORE = 10 /* the last version whose index sql/ made */, PRUNED = 9000000 };

/* Of each id what it says: "both w7r3" for the third text of message 7. */
static struct {
	bool there;
	int rev;
} rows[ROWS_MOST + 1];
static int n_rows;

static void
add_row(void)
{
	n_rows++;
	rows[n_rows].there = true;
	rows[n_rows].rev = 0;
	test_other(&fx, "INSERT INTO messages (event, text) VALUES ('e%d', 'both w%dr0')", n_rows % 7, n_rows);
}

static void
edit_row(int id)
{
	if (!rows[id].there)
		return;
	rows[id].rev++;
	test_other(&fx, "UPDATE messages SET text = 'both w%dr%d' WHERE id = %d", id, rows[id].rev, id);
}

static void
delete_row(int id)
{
	rows[id].there = false;
	test_other(&fx, "DELETE FROM messages WHERE id = %d", id);
}

static void
change_something(void)
{
	int id = 1 + (int)test_random((size_t)n_rows);

	switch (test_random(4)) {
	case 0:
		if (n_rows < ROWS_MOST)
			add_row();
		break;
	case 1:
		delete_row(id);
		break;
	default:
		edit_row(id);
	}
}

static int64_t
found(const char *q, int64_t *newest, int64_t *old_words)
{
	struct store_page p = test_page(q);
	int64_t total;

	p.limit = 1;
	p.count_max = ROWS_MOST;
	assert_int_equal(store_search(fx.reader, &p), STORE_OK);
	*newest = p.first;
	*old_words = p.old_words;
	total = p.total;
	buf_fini(&p.json);
	return total;
}

/* Whether all that is there is found; of each text only the last. */
static void
assert_finds_all(void)
{
	int64_t there = 0, newest, old;
	char q[32];

	for (int id = 1; id <= n_rows; id++)
		there += rows[id].there;
	assert_int_equal(found("both", &newest, &old), there);
	for (int i = 0; i < 10; i++) {
		int id = 1 + (int)test_random((size_t)n_rows);

		for (int rev = rows[id].rev > 2 ? rows[id].rev - 2 : 0; rev <= rows[id].rev; rev++) {
			bool want = rows[id].there && rev == rows[id].rev;

			snprintf(q, sizeof q, "w%dr%d", id, rev);
			if (found(q, &newest, &old) != want || (want && newest != id))
				fail_msg("%s is %sfound", q, want ? "not " : "");
		}
	}
}

/* Before the index knows: nothing that is gone, and hardly more is missing than what changed just now. */
static void
assert_finds_nothing_that_is_gone(void)
{
	int64_t newest, old;
	char q[32];

	for (int i = 0; i < 10; i++) {
		int id = 1 + (int)test_random((size_t)n_rows);

		snprintf(q, sizeof q, "w%dr%d", id, rows[id].there ? rows[id].rev - 1 : rows[id].rev);
		assert_int_equal(found(q, &newest, &old), 0);
	}
}

static void
open_stores(void)
{
	char error[STORE_ERROR_SIZE];

	fx.store = test_store_open(&fx, true);
	if (store_start(fx.store, 2000, error) != 0)
		fail_msg("%s", error);
	fx.reader = test_store_open(&fx, false);
}

static void
close_stores(void)
{
	store_news_fini(&fx.news);
	store_close(fx.reader);
	store_close(fx.store);
}

/* A daemon of another version has made the index. */
static void
another_version(void)
{
	test_other(&fx, "UPDATE meta SET value = 'another' WHERE name = 'search_words'");
}

/* A file of the last version whose index sql/ made, with messages in it. */
static int
setup_before(void **state)
{
	(void)state;
	test_store_prepare(&fx);
	test_other_open(&fx);
	test_other(&fx, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
	for (int i = 0; i < BEFORE; i++)
		test_other(&fx, "%s", schema_steps[i]);
	test_other(&fx, "PRAGMA user_version = %d; BEGIN", BEFORE);
	n_rows = 0;
	while (n_rows < ROWS)
		add_row();
	/* The last ones are not indexed yet. */
	test_other(&fx,
	    "INSERT INTO search (rowid, room, sender, body) SELECT id, room, sender, body FROM search_rows WHERE id <= "
	    "%d; UPDATE meta SET value = %d WHERE name = 'indexed'; COMMIT",
	    ROWS - 100, ROWS - 100);
	open_stores();
	return 0;
}

static int
setup_another(void **state)
{
	(void)state;
	test_store_init(&fx);
	test_other(&fx, "PRAGMA synchronous = OFF; BEGIN");
	n_rows = 0;
	while (n_rows < ROWS)
		add_row();
	test_other(&fx, "COMMIT");
	test_fill(&fx);
	close_stores();
	another_version();
	open_stores();
	return 0;
}

static void
rebuild(void)
{
	store_news_fini(&fx.news);
	assert_int_equal(store_rebuild(fx.store, 0, &fx.news), STORE_OK);
}

static void
assert_none(const char *select)
{
	char sql[300];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM (%s)", select);
	assert_int_equal(test_number(&fx, sql), 0);
}

/* There is one index, it is whole, and says what the messages say. */
static void
assert_one_index(void)
{
	int n = (int)test_number(&fx, "SELECT value FROM meta WHERE name = 'search_table'");

	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND sql GLOB '*fts5*'"), 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM sqlite_master WHERE name GLOB 'search*_data'"), 1);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM meta WHERE name IN ('search_old', 'search_left', 'search_start')"),
	    0);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM reindexed"), 0);
	test_other(&fx, "INSERT INTO search_%d (search_%d) VALUES ('integrity-check')", n, n);
	/* Word for word what one that is made now would have. */
	test_other(&fx,
	    "CREATE VIRTUAL TABLE temp.want USING fts5 (room, sender, body, event, content = '', tokenize = 'words');"
	    "INSERT INTO want (rowid, room, sender, body, event) SELECT id, room, sender, body, event FROM search_rows;"
	    "CREATE VIRTUAL TABLE temp.words_wanted USING fts5vocab (temp, want, instance);"
	    "CREATE VIRTUAL TABLE temp.words_there USING fts5vocab (main, search_%d, instance);"
	    "CREATE TEMP VIEW sizes_there AS SELECT id, sz FROM main.search_%d_docsize;"
	    "CREATE TEMP VIEW totals_there AS SELECT block FROM main.search_%d_data WHERE id = 1",
	    n, n, n);
	/* How many there are of everything. */
	assert_none("SELECT block FROM want_data WHERE id = 1 EXCEPT SELECT block FROM totals_there");
	assert_none("SELECT * FROM words_wanted EXCEPT SELECT * FROM words_there");
	assert_none("SELECT * FROM words_there EXCEPT SELECT * FROM words_wanted");
	assert_none("SELECT id, sz FROM want_docsize EXCEPT SELECT id, sz FROM sizes_there");
	assert_none("SELECT id, sz FROM sizes_there EXCEPT SELECT id, sz FROM want_docsize");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM words_there"),
	    test_number(&fx, "SELECT count(*) FROM words_wanted"));
	test_other(&fx, "DROP VIEW temp.sizes_there; DROP VIEW temp.totals_there; DROP TABLE temp.words_there; DROP "
	                "TABLE temp.words_wanted; DROP "
	                "TABLE temp.want");
	test_other(&fx, "PRAGMA integrity_check");
}

/* Pieces with changes between them, and the end of the daemon behind some. Returns how many ends there were. */
static int
rebuild_among_changes(bool versions)
{
	int ends = 0, pieces = 0;

	do {
		for (size_t i = test_random(4); i > 0; i--)
			change_something();
		assert_finds_nothing_that_is_gone();
		if (pieces == 1 || test_random(6) == 0) {
			close_stores();
			/* One of yet another version had begun by then. */
			if (versions && (pieces == 1 || (pieces < 60 && test_random(4) == 0)))
				another_version();
			open_stores();
			ends++;
			assert_finds_nothing_that_is_gone();
		}
		if (test_random(2) == 0) {
			test_fill(&fx);
			assert_finds_all();
		}
		rebuild();
		assert_true(++pieces < 5000);
	} while (fx.news.rebuilding || fx.news.more);
	test_fill(&fx);
	return ends;
}

static void
search_answers_all_the_time(void **state)
{
	int64_t newest, old;

	(void)state;
	test_seed(16);
	test_fill(&fx);
	assert_finds_all();
	(void)found("both", &newest, &old);
	assert_true(old >= ROWS - 100 && old <= ROWS);
	assert_true(fx.news.rebuilding && fx.news.rebuild_left == old);
	assert_true(rebuild_among_changes(false) > 0);
	assert_finds_all();
	(void)found("both", &newest, &old);
	assert_int_equal(old, 0);
	assert_one_index();
	/* And it goes on as any. */
	for (int i = 0; i < 200; i++)
		change_something();
	test_fill(&fx);
	assert_finds_all();
	assert_one_index();
}

static void
another_version_may_begin_in_the_middle_of_it(void **state)
{
	(void)state;
	test_seed(17);
	test_fill(&fx);
	assert_true(rebuild_among_changes(true) > 0);
	assert_finds_all();
	assert_one_index();
}

/* What changed while one was filled that another version gives up is put into the next one once, in whatever order. */
static void
what_only_a_given_up_one_has_is_put_in_once(void **state)
{
	(void)state;
	test_fill(&fx);
	for (int id = ROWS - 300; id < ROWS - 50; id++)
		edit_row(id);
	test_fill(&fx);
	close_stores();
	another_version();
	open_stores();
	for (int i = 0; i < 3; i++)
		rebuild();
	test_fill(&fx);
	assert_finds_all();
	do
		rebuild();
	while (fx.news.rebuilding);
	assert_finds_all();
	assert_one_index();
}

/* The words of events are found as soon as their messages are in the new one, and nothing by what all events are. */
static void
events_are_found_afterwards(void **state)
{
	int64_t newest, old, before;

	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('plain')");
	test_fill(&fx);
	before = found("e3", &newest, &old);
	do
		rebuild();
	while (fx.news.rebuilding);
	assert_true(found("e3", &newest, &old) > before);
	assert_int_equal(found("e3", &newest, &old), ROWS / 7 + (ROWS % 7 >= 3));
	assert_int_equal(found("e3 w10r0", &newest, &old), 1);
	assert_int_equal(found("chat", &newest, &old), 0);
	assert_int_equal(found("chat OR plain", &newest, &old), 1);
	assert_int_equal(found("both -e3", &newest, &old), ROWS - (ROWS / 7 + (ROWS % 7 >= 3)));
}

static void
scrub_to_the_end(void)
{
	for (int n = 0; n == 0 || !fx.news.scrubbed; n++) {
		store_news_fini(&fx.news);
		assert_int_equal(store_scrub(fx.store, 0, &fx.news), STORE_OK);
		assert_true(n < 10000);
	}
	store_news_fini(&fx.news);
	assert_int_equal(store_scrub_end(fx.store, &fx.news), STORE_OK);
	assert_int_equal(fx.news.erasing, 0);
}

/* A scrub ends when the old index, which has what was deleted, is gone. */
static void
what_is_deleted_meanwhile_is_erased(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('secretqqxyz'), ('keptqqxyz')");
	test_fill(&fx);
	close_stores();
	another_version();
	open_stores();
	test_fill(&fx);
	test_other(&fx, "DELETE FROM messages WHERE text = 'secretqqxyz'");
	test_fill(&fx);
	assert_true(fx.news.erasing > 0);
	scrub_to_the_end();
	assert_false(test_file_has(&fx, "", "ecretqqxyz") || test_file_has(&fx, "-wal", "ecretqqxyz"));
	assert_true(test_file_has(&fx, "", "eptqqxyz"));
	assert_one_index();
}

/* An index by another version of a log of which the first nine million messages are gone, and no room but for so many
 * times what is there. */
static void
little_room_for_a_pruned_log(double times)
{
	test_other(&fx,
	    "PRAGMA synchronous = OFF; BEGIN; INSERT INTO messages (id, text) VALUES (%d, 'first');"
	    "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 2000)"
	    "INSERT INTO messages (text) SELECT format('both %%s w%%dr0 %%s %%s %%s', replace(hex(zeroblob(10)), '00', "
	    "'both '),"
	    " i, hex(randomblob(4)), hex(randomblob(4)), hex(randomblob(4))) FROM c; COMMIT",
	    PRUNED);
	test_fill(&fx);
	close_stores();
	another_version();
	fx.options.database_max =
	    (int64_t)(times * (double)test_number(&fx, "SELECT (page_count - freelist_count) *"
	                                               " page_size FROM pragma_page_count,"
	                                               " pragma_freelist_count, pragma_page_size"));
	open_stores();
	test_fill(&fx);
}

/* As soon as one has begun it ends, wherever its messages begin. */
static void
what_had_room_at_first_has_it_to_the_end(void **state)
{
	int64_t newest, old;

	(void)state;
	little_room_for_a_pruned_log(1.6);
	do {
		rebuild();
		assert_false(fx.news.rebuild_short);
	} while (fx.news.rebuilding);
	assert_int_equal(found("both", &newest, &old), 2000);
	assert_int_equal(old, 0);
}

/* For its own sake none is made that might not have room; for what was deleted one is, as long as there is some. */
static void
a_scrub_does_not_wait_for_room(void **state)
{
	(void)state;
	little_room_for_a_pruned_log(1.45);
	rebuild();
	assert_true(fx.news.rebuild_short);
	test_other(&fx, "DELETE FROM messages WHERE text GLOB '* w7r0 *'");
	test_fill(&fx);
	scrub_to_the_end();
	assert_false(test_file_has(&fx, "", " w7r0 ") || test_file_has(&fx, "-wal", " w7r0 "));
}

/* What was wiped is found in neither. */
static void
a_wipe_ends_it(void **state)
{
	int64_t newest, old;

	(void)state;
	test_fill(&fx);
	rebuild();
	test_other(&fx, "DELETE FROM messages; DELETE FROM sqlite_sequence WHERE name = 'messages';"
	                "INSERT INTO messages (text) VALUES ('anew')");
	test_look(&fx, 0);
	test_fill(&fx);
	assert_int_equal(found("both", &newest, &old), 0);
	assert_int_equal(found("anew", &newest, &old), 1);
	assert_int_equal(old, 0);
	do
		rebuild();
	while (fx.news.rebuilding);
	assert_one_index();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(search_answers_all_the_time, setup_before, teardown),
	    cmocka_unit_test_setup_teardown(search_answers_all_the_time, setup_another, teardown),
	    cmocka_unit_test_setup_teardown(another_version_may_begin_in_the_middle_of_it, setup_before, teardown),
	    cmocka_unit_test_setup_teardown(another_version_may_begin_in_the_middle_of_it, setup_another, teardown),
	    cmocka_unit_test_setup_teardown(what_only_a_given_up_one_has_is_put_in_once, setup_before, teardown),
	    cmocka_unit_test_setup_teardown(events_are_found_afterwards, setup_before, teardown),
	    cmocka_unit_test_setup_teardown(what_is_deleted_meanwhile_is_erased, setup_before, teardown),
	    cmocka_unit_test_setup_teardown(what_is_deleted_meanwhile_is_erased, setup_another, teardown),
	    cmocka_unit_test_setup_teardown(what_had_room_at_first_has_it_to_the_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_scrub_does_not_wait_for_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_wipe_ends_it, setup_before, teardown),
	};

	return cmocka_run_group_tests_name("store_rebuild", tests, NULL, NULL);
}
