/*
 * The rules of the database itself: they must hold for any program that writes to it.
 */
#include "store/schema.h"

#include "test_store_fixture.h"

/* What follows from the messages must be what a count over them says. */
static void
assert_consistent(void)
{
	char text[200];

	test_text(&fx,
	    "SELECT group_concat(name || ' ' || last || ' ' || at || ' ' || n, ', ') FROM"
	    " (SELECT name, last, at, n FROM rooms EXCEPT SELECT room, max(id), at, count(*) FROM messages GROUP BY "
	    "room)",
	    text, sizeof text);
	assert_string_equal(text, "");
	test_text(&fx,
	    "SELECT group_concat(room || ' ' || id || ' ' || at || ' ' || n, ', ') FROM"
	    " (SELECT room, max(id) AS id, at, count(*) AS n FROM messages GROUP BY room"
	    " EXCEPT SELECT name, last, at, n FROM rooms)",
	    text, sizeof text);
	assert_string_equal(text, "");
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM attachments WHERE message NOT IN (SELECT id FROM messages)"), 0);
}

static void
a_text_alone_makes_a_whole_message(void **state)
{
	char text[200];

	(void)state;
	test_other(&fx, "INSERT INTO messages(text) VALUES('hi')");
	test_text(&fx,
	    "SELECT id || '|' || room || '|' || event || '|' || sender || '|' || text || '|' || coalesce(args, key, "
	    "'NULL') || '|'"
	    " || attachments || '|' || (abs(at - strftime('%s', 'now') * 1000) < 5000) FROM messages",
	    text, sizeof text);
	assert_string_equal(text, "1|main|chat message||hi|NULL|0|1");
	assert_consistent();
}

static void
rows_that_break_the_rules_are_refused(void **state)
{
	static const char *const refused[] = {
	    "(text, args) VALUES ('a', '[]')",
	    "(room) VALUES ('main')",
	    "(text) VALUES (NULL)",
	    "(text) VALUES (x'00')",
	    "(room, text) VALUES ('', 'a')",
	    "(room, text) VALUES ('a b', 'a')",
	    "(room, text) VALUES ('*', 'a')",
	    "(room, text) VALUES ('\xC3\xA9', 'a')",
	    "(room, text) VALUES ('a' || char(0), 'a')",
	    "(room, text) VALUES (NULL, 'a')",
	    "(room, text) VALUES (x'61', 'a')",
	    "(room, text) VALUES (replace(hex(zeroblob(32)), '0', 'r') || 'r', 'a')",
	    "(room, text) VALUES ('a]', 'a')",
	    "(room, text) VALUES ('a^', 'a')",
	    "(event, text) VALUES ('', 'a')",
	    "(event, text) VALUES ('connect', 'a')",
	    "(event, text) VALUES ('connect_error', 'a')",
	    "(event, text) VALUES ('disconnect', 'a')",
	    "(event, text) VALUES ('disconnecting', 'a')",
	    "(event, text) VALUES ('newListener', 'a')",
	    "(event, text) VALUES ('removeListener', 'a')",
	    "(event, text) VALUES (hex(zeroblob(64)) || 'e', 'a')",
	    "(sender, text) VALUES (hex(zeroblob(32)) || 's', 'a')",
	    "(sender, text) VALUES (NULL, 'a')",
	    "(args) VALUES ('')",
	    "(args) VALUES ('{}')",
	    "(args) VALUES ('\"a\"')",
	    "(args) VALUES ('[')",
	    "(args) VALUES ('[1,]')",
	    "(args) VALUES (x'5B5D')",
	    "(key, text) VALUES ('', 'a')",
	    "(key, text) VALUES (hex(zeroblob(64)) || 'k', 'a')",
	    "(at, text) VALUES ('now', 'a')",
	    "(at, text) VALUES (1.5, 'a')",
	    "(at, text) VALUES (NULL, 'a')",
	    "(id, text) VALUES (0, 'a')",
	    "(id, text) VALUES (-2, 'a')",
	    "(id, text) VALUES (9007199254740992, 'a')",
	    "(attachments, text) VALUES (11, 'a')",
	    "(attachments, text) VALUES (-1, 'a')",
	};
	static const char *const taken[] = {
	    "(room, text) VALUES (replace(hex(zeroblob(32)), '0', 'r'), 'a')",
	    "(room, text) VALUES ('A-z.0_9', 'a')",
	    "(event, text) VALUES (hex(zeroblob(64)), 'a')",
	    "(sender, text) VALUES (hex(zeroblob(32)), 'a')",
	    "(key, text) VALUES (hex(zeroblob(64)), 'a')",
	    "(text) VALUES ('')",
	    "(text) VALUES (char(0))",
	    "(text) VALUES (1)", /* becomes text */
	    "(args) VALUES ('[]')",
	    "(args) VALUES (' [ {} ] ')",
	};
	char sql[200];

	(void)state;
	for (size_t i = 0; i < LENGTH(refused); i++) {
		snprintf(sql, sizeof sql, "INSERT INTO messages %s", refused[i]);
		if (!test_other_refused(&fx, sql))
			fail_msg("taken: %s", sql);
	}
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 0);
	for (size_t i = 0; i < LENGTH(taken); i++)
		test_other(&fx, "INSERT INTO messages %s", taken[i]);
	assert_consistent();
}

static void
an_id_is_never_given_twice(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('1'), ('2')");
	test_other(&fx, "INSERT INTO messages (id, text) VALUES (10, '10')");
	assert_true(test_other_refused(&fx, "INSERT INTO messages (id, text) VALUES (10, 'x')"));
	assert_true(test_other_refused(&fx, "INSERT INTO messages (id, text) VALUES (9, 'x')"));
	assert_true(test_other_refused(&fx, "INSERT OR REPLACE INTO messages (id, text) VALUES (10, 'x')"));
	assert_true(test_other_refused(&fx, "UPDATE messages SET id = 11 WHERE id = 10"));
	assert_true(test_other_refused(&fx, "UPDATE messages SET room = 'x' WHERE id = 10"));
	test_other(&fx, "UPDATE messages SET id = 10, room = 'main' WHERE id = 10");
	/* An id is never given twice, though its message is gone. */
	test_other(&fx, "DELETE FROM messages WHERE id = 10; INSERT INTO messages (text) VALUES ('11')");
	assert_int_equal(test_number(&fx, "SELECT max(id) FROM messages"), 11);
	test_other(&fx, "DELETE FROM messages; INSERT INTO messages (text) VALUES ('12')");
	assert_int_equal(test_number(&fx, "SELECT max(id) FROM messages"), 12);
	assert_int_equal(test_number(&fx, "SELECT id FROM deleted WHERE room = 'main'"), 11);
	/* The end of all ids: refused, not wrapped around. */
	test_other(&fx, "INSERT INTO messages (id, text) VALUES (9007199254740991, 'last')");
	assert_true(test_other_refused(&fx, "INSERT INTO messages (text) VALUES ('one more')"));
	assert_consistent();
}

static void
a_key_is_taken_once_in_a_room(void **state)
{
	(void)state;
	test_other(
	    &fx, "INSERT INTO messages (room, key, text) VALUES ('a', 'k', '1'), ('b', 'k', '2'), ('a', 'l', '3')");
	test_other(&fx, "INSERT INTO messages (room, text) VALUES ('a', '4'), ('a', '5')");
	assert_true(test_other_refused(&fx, "INSERT INTO messages (room, key, text) VALUES ('a', 'k', 'x')"));
	test_other(&fx, "INSERT OR IGNORE INTO messages (room, key, text) VALUES ('a', 'k', 'x')");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 5);
	assert_consistent();
}

/* A message replaced is a message deleted, and another. */
static void
replace(void)
{
	test_other(
	    &fx, "INSERT INTO messages (room, key, text) VALUES ('a', 'k', '1'), ('a', 'l', '2'), ('b', 'k', '3')");
	test_other(&fx, "INSERT INTO attachments VALUES (1, 0, x'00')");
	test_other(&fx, "INSERT OR REPLACE INTO messages (room, key, text) VALUES ('a', 'k', 'new')");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 3);
	assert_int_equal(test_number(&fx, "SELECT id FROM deleted WHERE room = 'a'"), 1);
	assert_true(test_number(&fx, "SELECT count(*) FROM changed WHERE id = 1 AND text = '1'") >= 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed WHERE id <> 1"), 0);
	assert_consistent();
	/* The only one of its room. */
	test_other(&fx, "INSERT OR REPLACE INTO messages (room, key, text) VALUES ('b', 'k', 'new')");
	assert_int_equal(test_number(&fx, "SELECT id FROM deleted WHERE room = 'b'"), 3);
	assert_consistent();
}

static void
a_replaced_row_is_noted_as_deleted(void **state)
{
	(void)state;
	replace();
}

/* In a program that has PRAGMA recursive_triggers on, REPLACE does fire the triggers of DELETE. */
static void
a_replaced_row_is_noted_with_recursive_triggers_too(void **state)
{
	(void)state;
	test_other(&fx, "PRAGMA recursive_triggers = ON");
	replace();
}

static void
an_update_that_replaces_notes_the_row_that_goes(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (key, text) VALUES ('k', '1'), ('l', '2')");
	if (test_other_refused(&fx, "UPDATE OR REPLACE messages SET key = 'k' WHERE id = 2"))
		return;
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 1);
	assert_int_equal(test_number(&fx, "SELECT id FROM deleted"), 1);
	assert_consistent();
}

/* What is changed leaves a note of what it was; what search and readers do not see leaves none. */
static void
a_change_leaves_a_note_of_what_was(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (text, key) VALUES ('was', 'k')");
	test_other(&fx, "UPDATE messages SET key = 'l', attachments = 1, text = 'was'");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed"), 0);
	test_other(&fx, "UPDATE messages SET text = 'is'");
	test_other(&fx, "UPDATE messages SET text = NULL, args = '[\"is\"]'");
	test_other(
	    &fx, "UPDATE messages SET sender = 's'; UPDATE messages SET event = 'e'; UPDATE messages SET at = 1");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed"), 5);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM changed WHERE seq = 1 AND text = 'was' AND sender = ''"), 1);
	test_other(&fx, "DELETE FROM messages");
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM changed WHERE seq = 6 AND args = '[\"is\"]' AND sender = 's'"), 1);
	assert_consistent();
}

static void
the_tables_agree_after_random_writes(void **state)
{
	static const char *const rooms[] = {"a", "b", "c"};

	(void)state;
	test_seed(13);
	for (int i = 0; i < 400; i++) {
		const char *room = rooms[test_random(3)];
		long long id = (long long)test_random(300);
		int key = (int)test_random(10), n = (int)test_random(5);

		switch (test_random(8)) {
		case 0:
			test_other(&fx, "DELETE FROM messages WHERE id = %lld", id);
			break;
		case 1:
			test_other(&fx,
			    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE room = '%s' ORDER BY id "
			    "DESC LIMIT %d)",
			    room, n);
			break;
		case 2:
			test_other(&fx, "INSERT OR REPLACE INTO messages (room, key, text) VALUES ('%s', 'k%d', 'x')",
			    room, key);
			break;
		case 3:
			test_other(&fx, "INSERT OR IGNORE INTO messages (room, key, text) VALUES ('%s', 'k%d', 'y')",
			    room, key);
			break;
		case 4:
			test_other(&fx, "UPDATE messages SET text = 'z' WHERE id = %lld", id);
			break;
		case 5:
			test_other(&fx, "BEGIN; DELETE FROM messages WHERE room = '%s'; ROLLBACK", room);
			break;
		default:
			test_other(
			    &fx, "INSERT INTO messages (room, text, at) VALUES ('%s', 'x', %d)", room, 100000 - i);
			break;
		}
		assert_consistent();
	}
}

/* The time that a room tells is its last message's, also when that is set. */
static void
a_room_tells_the_changed_time_of_its_last_message(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (text, at) VALUES ('a', 1), ('b', 2)");
	test_other(&fx, "UPDATE messages SET at = 5 WHERE id = 2");
	assert_consistent();
}

/* A file as version 5 left it, marked or (as after .dump) not; sql is what is done to it then. */
static void
make_version_5(struct test_store *t, bool marked, const char *sql)
{
	test_store_prepare(t);
	test_other_open(t);
	test_other(t, "PRAGMA journal_mode = WAL");
	for (int i = 0; i < 5; i++)
		if (sqlite3_exec(t->other, schema_steps[i], NULL, NULL, NULL) != SQLITE_OK)
			fail_msg("%s", sqlite3_errmsg(t->other));
	test_other(t, marked ? "PRAGMA user_version = 5" : "PRAGMA application_id = 0");
	test_other(
	    t, "INSERT INTO messages (sender, text, key) VALUES ('ann', '1', 'k'), ('bob', '2', NULL), ('', '3', 'l')");
	test_other(t, "%s", sql);
}

static int
start_store(struct test_store *t)
{
	char error[STORE_ERROR_SIZE] = "";

	t->store = test_store_open(t, false);
	return store_start(t->store, 200, error);
}

static void
a_file_of_version_5_is_brought_to_this_one(void **state)
{
	struct test_store t;
	struct store_send send;

	(void)state;
	for (int i = 0; i < 2; i++) {
		make_version_5(&t, i == 0, "SELECT 1");
		log_set_level(LOG_ERROR);
		assert_int_equal(start_store(&t), 0);
		assert_int_equal(test_number(&t, "PRAGMA user_version"), schema_version);
		assert_int_equal(test_number(&t, "SELECT value FROM meta WHERE name = 'by_since'"), 3);
		assert_int_equal(test_number(&t, "SELECT value FROM meta WHERE name = 'access_version'"), 1);
		assert_int_equal(test_number(&t, "SELECT count(*) FROM messages WHERE \"by\" IS NULL"), 3);
		assert_int_equal(test_append(&t, test_message("main", "1", "k"), &send), STORE_OK);
		assert_int_equal(send.outcome, STORE_REPLAYED);
		test_other(&t, "INSERT INTO messages (text, key, \"by\") VALUES ('4', 'k', 'ci')");
		assert_true(test_other_refused(&t, "INSERT INTO messages (text, key) VALUES ('4', 'k')"));
		test_other(&t, "INSERT OR REPLACE INTO messages (text, key) VALUES ('5', 'k')");
		assert_int_equal(test_number(&t, "SELECT id FROM deleted WHERE room = 'main'"), 1);
		t.reader = NULL;
		test_store_fini(&t);
	}
}

/* One with something in the way stays as it is, whole. */
static void
a_file_that_cannot_be_brought_to_this_version_stays_as_it_is(void **state)
{
	struct test_store t;
	char before[8000], after[8000];
	const char *all = "SELECT group_concat(name || coalesce(sql, '')) || (SELECT count(*) FROM messages)"
	                  " || (SELECT group_concat(name || value) FROM meta) FROM sqlite_master";

	(void)state;
	make_version_5(&t, true, "CREATE TABLE proven (mine)");
	test_text(&t, all, before, sizeof before);
	assert_int_equal(start_store(&t), -1);
	test_text(&t, all, after, sizeof after);
	assert_string_equal(before, after);
	assert_int_equal(test_number(&t, "PRAGMA user_version"), 5);
	t.reader = NULL;
	test_store_fini(&t);
}

/* However many rows there are, a key is looked up, and a name too. */
static void
keys_and_names_are_looked_up_by_their_indexes(void **state)
{
	static const char *const looked_up[] = {
	    "SELECT id, text FROM messages WHERE room = ?1 AND key = ?2 AND ifnull(\"by\", '') = ?3 AND id <= ?4",
	    "SELECT 1 FROM tokens WHERE lower(trim(name)) = ?1",
	    "SELECT 1 FROM tokens WHERE lower(trim(sender)) = ?1 AND sender <> '*'",
	    "SELECT 1 FROM grants WHERE who GLOB 'user:*' AND lower(trim(substr(who, 6))) = ?1",
	};
	char sql[300];
	sqlite3_stmt *stmt;

	(void)state;
	for (size_t i = 0; i < LENGTH(looked_up); i++) {
		snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", looked_up[i]);
		assert_int_equal(sqlite3_prepare_v2(fx.other, sql, -1, &stmt, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		if (strncmp((const char *)sqlite3_column_text(stmt, 3), "SEARCH", 6) != 0)
			fail_msg("%s: %s", looked_up[i], sqlite3_column_text(stmt, 3));
		sqlite3_finalize(stmt);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_text_alone_makes_a_whole_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(rows_that_break_the_rules_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_id_is_never_given_twice, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_key_is_taken_once_in_a_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_replaced_row_is_noted_as_deleted, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_replaced_row_is_noted_with_recursive_triggers_too, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_update_that_replaces_notes_the_row_that_goes, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_change_leaves_a_note_of_what_was, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_tables_agree_after_random_writes, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_room_tells_the_changed_time_of_its_last_message, setup, teardown),
	    cmocka_unit_test(a_file_of_version_5_is_brought_to_this_one),
	    cmocka_unit_test(a_file_that_cannot_be_brought_to_this_version_stays_as_it_is),
	    cmocka_unit_test_setup_teardown(keys_and_names_are_looked_up_by_their_indexes, setup, teardown),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
