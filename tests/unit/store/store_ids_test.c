/*
 * Ids that leave their range, by another program's doing: the log goes on, and no id is given twice.
 */
#include "store/store.h"

#include "test_store_fixture.h"

static void
assert_goes_on(int64_t head)
{
	struct store_send send;

	for (int i = 1; i <= 2; i++) {
		assert_int_equal(append("main", "ours", "", &send), STORE_OK);
		assert_int_equal(send.outcome, STORE_STORED);
		assert_int_equal(send.id, head + i);
		assert_int_equal(store_head(fx.store), head + i);
	}
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
	assert_int_equal(test_number(&fx, "SELECT max(id) FROM messages"), head + 3);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(fx.news.n_messages, 1);
	assert_false(fx.news.reset);
	assert_int_equal(fx.news.head, head + 3);
}

static const char *const ways[] = {
    "INSERT INTO messages (id, text) VALUES (9223372036854775807, 'far')",
    "INSERT INTO messages (id, text) VALUES (9223372036854775806, 'far')",
    "INSERT INTO messages (id, text) VALUES (9007199254740992, 'far')",
    "INSERT INTO messages (id, room, text, attachments) VALUES (9007199254740992, 'new room', 'far', 2)",
    "INSERT INTO messages (id, text) VALUES (9223372036854775807, CAST(zeroblob(33554433) AS TEXT))",
    "UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'messages'",
    "UPDATE sqlite_sequence SET seq = 9007199254740991 + 5 WHERE name = 'messages'",
    "UPDATE sqlite_sequence SET seq = 1e300 WHERE name = 'messages'",
    "UPDATE sqlite_sequence SET seq = 'many' WHERE name = 'messages'",
    "INSERT INTO messages (id, text) VALUES (9223372036854775807, 'far');"
    "UPDATE messages SET text = 'farther' WHERE id > 100",
    "INSERT INTO messages (id, text) VALUES (9223372036854775807, 'far'); DELETE FROM messages WHERE id > 100",
};

static void
break_ids(const char *sql)
{
	test_other(&fx, "PRAGMA ignore_check_constraints = ON");
	test_other(&fx, "%s", sql);
	test_other(&fx, "PRAGMA ignore_check_constraints = OFF");
}

/* A room has three messages, and another one; the fourth of the first was deleted. */
static void
prepare(void)
{
	test_other(&fx,
	    "INSERT INTO messages (room, text) VALUES ('main', '1'), ('main', '2'), ('other', '3'), ('main', '4'),"
	    " ('main', '5'); DELETE FROM messages WHERE id = 4");
}

static void
assert_tables(int64_t n)
{
	char rooms[200];

	test_text(&fx,
	    "SELECT group_concat(name || ' ' || last || ' ' || n, ', ') FROM (SELECT * FROM rooms ORDER BY name)",
	    rooms, sizeof rooms);
	assert_string_equal(rooms, "main 8 6, other 3 1");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM strays"), n);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE id > 100"), 0);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed WHERE id > 100"), 0);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM rooms JOIN rooms_recent USING (name) WHERE block = last >> 10"), 2);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM rooms_recent"), 2);
	/* Nobody is told of a gap that no cursor gets behind. */
	assert_true(test_number(&fx, "SELECT max(id) FROM deleted") <= 8);
}

static void
wrong_ids_are_put_right_while_it_runs(void **state)
{
	(void)state;
	for (size_t way = 0; way < LENGTH(ways); way++) {
		test_store_fini(&fx);
		test_store_init(&fx);
		prepare();
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		assert_int_equal(fx.news.head, 5);
		break_ids(ways[way]);
		/* Whether a look meets it first or a send does. */
		if (way % 2 == 0) {
			assert_int_equal(test_look(&fx, 0), STORE_OK);
			assert_int_equal(fx.news.n_messages, 0);
			assert_int_equal(fx.news.n_changes, 0);
			assert_false(fx.news.reset);
			assert_int_equal(fx.news.head, 5);
		}
		assert_goes_on(5);
		assert_tables(strstr(ways[way], "INSERT") != NULL && strstr(ways[way], "DELETE") == NULL);
	}
}

static void
wrong_ids_are_put_right_at_a_start(void **state)
{
	(void)state;
	for (size_t way = 0; way < LENGTH(ways); way++) {
		char error[STORE_ERROR_SIZE];

		test_store_fini(&fx);
		test_store_init(&fx);
		prepare();
		break_ids(ways[way]);
		store_close(fx.store);
		fx.store = test_store_open(&fx, false);
		if (store_start(fx.store, 200, error) != 0)
			fail_msg("%s", error);
		assert_int_equal(store_head(fx.store), 5);
		assert_goes_on(5);
		assert_tables(strstr(ways[way], "INSERT") != NULL && strstr(ways[way], "DELETE") == NULL);
	}
}

/* What came with it and is good is told; what was given and is gone again is not given once more. */
static void
good_rows_beside_a_wrong_id_are_told(void **state)
{
	(void)state;
	prepare();
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	break_ids("INSERT INTO messages (text) VALUES ('6'), ('7'), ('8'); DELETE FROM messages WHERE id = 8;"
	          "INSERT INTO messages (id, text) VALUES (9223372036854775807, 'far')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("6:6 7:7 -main8 ");
	assert_int_equal(fx.news.head, 8);
	assert_goes_on(8);
}

/* An id at or below zero is in nobody's way. */
static void
an_id_below_one_is_in_nobodys_way(void **state)
{
	struct store_list l = {.head = MESSAGE_ID_MAX, .after = INT64_MAX, .limit = 10};

	(void)state;
	prepare();
	test_other(&fx, "DROP TRIGGER messages_asked");
	break_ids("INSERT INTO messages (id, text) VALUES (0, 'zero'), (-5, 'below'),"
	          " (-9223372036854775807 - 1, 'far below')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(fx.news.n_messages, 4);
	l.head = 5;
	assert_int_equal(store_list(fx.reader, &l), STORE_OK);
	assert_int_equal(l.n, 2);
	assert_non_null(memmem(l.json.p, l.json.n, "{\"name\":\"main\",\"last\":5,", 24));
	buf_fini(&l.json);
	assert_goes_on(5);
}

/* The sequence may have been set back: then the greatest row counts. */
static void
the_greatest_row_counts_when_the_sequence_was_set_back(void **state)
{
	(void)state;
	prepare();
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_other(&fx, "INSERT INTO messages (id, text) VALUES (1000, 'x'); UPDATE sqlite_sequence SET seq = 999");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("1000:x ");
	assert_int_equal(fx.news.head, 1000);
	test_other(&fx, "CREATE TABLE of_another_program (x)");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	assert_goes_on(1000);
}

/* Changes have numbers as well. */
static void
wrong_numbers_of_changes_are_put_right(void **state)
{
	(void)state;
	prepare();
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_other(&fx, "INSERT INTO changed (seq, id, room, sender) VALUES (9223372036854775806, 1, 'main', '');"
	                "DELETE FROM messages WHERE id = 2");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("=main1:1 -main2 ");
	test_other(&fx, "DELETE FROM messages WHERE id = 3; UPDATE messages SET text = 'new' WHERE id = 1");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("-other3 =main1:new ");
	test_fill(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(wrong_ids_are_put_right_while_it_runs, setup, teardown),
	    cmocka_unit_test_setup_teardown(wrong_ids_are_put_right_at_a_start, setup, teardown),
	    cmocka_unit_test_setup_teardown(good_rows_beside_a_wrong_id_are_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_id_below_one_is_in_nobodys_way, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_greatest_row_counts_when_the_sequence_was_set_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(wrong_numbers_of_changes_are_put_right, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
