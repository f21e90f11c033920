/*
 * What other programs may write to the file once they have turned its rules off: nothing of it does harm to anybody,
 * and what can be read is.
 */
#include "store/store.h"

#include "base/clock.h"
#include "test_store_fixture.h"

static _Atomic uint64_t passed_over;

static int
setup_with(int64_t write_timeout_ms)
{
	setup(NULL);
	passed_over = 0;
	log_set_level(LOG_ERROR);
	store_close(fx.store);
	store_close(fx.reader);
	fx.options.passed_over = &passed_over;
	fx.options.write_timeout_ms = write_timeout_ms;
	fx.store = test_store_open(&fx, false);
	fx.reader = test_store_open(&fx, false);
	assert_int_equal(store_start(fx.store, 200, (char[STORE_ERROR_SIZE]){0}), 0);
	test_other(&fx, "PRAGMA ignore_check_constraints = ON");
	return 0;
}

static int
setup_counting(void **state)
{
	(void)state;
	return setup_with(0);
}

/* What is not without end is in time also on a slow machine. */
static int
setup_impatient(void **state)
{
	(void)state;
	return setup_with(1000);
}

/* The ids that an answer tells, each with a comma behind it. */
static const char *
ids_in(const struct buf *json)
{
	static char ids[500];
	struct str rest = buf_str(json);
	size_t n = 0;

	ids[0] = '\0';
	for (; rest.n > 6; rest = str_skip(rest, 1))
		if (str_starts(rest, STR("{\"id\":")))
			n += (size_t)snprintf(ids + n, sizeof ids - n, "%d,", atoi(rest.p + 6));
	return ids;
}

static void
assert_poll(struct store_rooms rooms, int64_t since, size_t limit, const char *want, bool more)
{
	struct store_poll p = {.rooms = rooms, .since = since, .head = MESSAGE_ID_MAX, .limit = limit};

	assert_int_equal(store_poll(fx.reader, &p), STORE_OK);
	assert_string_equal(ids_in(&p.json), want);
	assert_int_equal(p.more, more);
	assert_false(p.gap);
	buf_fini(&p.json);
}

static void
assert_page(enum store_cursor cursor, int64_t at, size_t limit, const char *want)
{
	struct store_page p = {.rooms = {.all = true},
	    .cursor = cursor,
	    .at = at,
	    .head = MESSAGE_ID_MAX,
	    .limit = limit,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX};

	assert_int_equal(store_history(fx.reader, &p), STORE_OK);
	assert_string_equal(ids_in(&p.json), want);
	buf_fini(&p.json);
}

static void
assert_found(const char *q, const char *want)
{
	struct store_page p = {.rooms = {.all = true},
	    .head = MESSAGE_ID_MAX,
	    .limit = 100,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX,
	    .q = str_of(q)};

	assert_int_equal(store_search(fx.reader, &p), STORE_OK);
	assert_string_equal(ids_in(&p.json), want);
	buf_fini(&p.json);
}

/* The text of the answer to a list of all rooms. */
static const char *
rooms_listed(void)
{
	static char json[2000];
	struct store_list l = {.head = MESSAGE_ID_MAX, .after = INT64_MAX, .limit = 100};

	assert_int_equal(store_list(fx.reader, &l), STORE_OK);
	snprintf(json, sizeof json, "%.*s", STR_ARGS(buf_str(&l.json)));
	buf_fini(&l.json);
	return json;
}

static const char *const wrong[] = {
    "(room, text) VALUES (replace(hex(zeroblob(65)), '00', 'r'), 'word')",
    "(room, text) VALUES ('', 'word')",
    "(room, text) VALUES ('a b', 'word')",
    "(room, text) VALUES ('a' || char(0) || 'b', 'word')",
    "(room, text) VALUES (x'6d61696e', 'word')",
    "(room, text) VALUES (CAST(x'6dff' AS TEXT), 'word')",
    "(event, text) VALUES ('', 'word')",
    "(event, text) VALUES (replace(hex(zeroblob(129)), '00', 'e'), 'word')",
    "(event, text) VALUES ('disconnect', 'word')",
    "(sender, text) VALUES (replace(hex(zeroblob(65)), '00', 's'), 'word')",
    "(text) VALUES (replace(hex(zeroblob(4000001)), '00', 't'))",
    "(args) VALUES ('[\"' || replace(hex(zeroblob(4000000)), '00', 't') || '\"]')",
    "(text) VALUES (CAST(zeroblob(33554433) AS TEXT))",
    "(args) VALUES (CAST(zeroblob(33554433) AS TEXT))",
    "(sender, text) VALUES (CAST(zeroblob(33554433) AS TEXT), 'word')",
    "(event, text) VALUES (CAST(zeroblob(33554433) AS TEXT), 'word')",
};

/* A row that can be no message is passed over by all, and those around it are told. */
static void
a_row_that_can_be_no_message_is_passed_over(void **state)
{
	const struct store_rooms all = {.all = true}, one = {.names = {STR("main")}, .n = 1},
	                         two = {.names = {STR("main"), STR("other")}, .n = 2};

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		uint64_t before = passed_over;
		char sql[300];

		test_other(&fx,
		    "DELETE FROM messages; DELETE FROM sqlite_sequence; DELETE FROM rooms; DELETE FROM deleted;"
		    "DELETE FROM changed; UPDATE meta SET value = 0 WHERE name = 'indexed';"
		    "INSERT INTO search_1 (search_1) VALUES ('delete-all')");
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		test_other(&fx, "INSERT INTO messages (text) VALUES ('first word')");
		snprintf(sql, sizeof sql, "INSERT INTO messages %s", wrong[i]);
		test_other(&fx, "%s", sql);
		test_other(&fx, "%s", i % 2 == 0 ? sql : "INSERT INTO messages (event, text) VALUES ('', 'word')");
		test_other(&fx, "INSERT INTO messages (text) VALUES ('last word')");
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		assert_news("1:first word 4:last word ");
		assert_int_equal(fx.news.head, 4);
		assert_true(passed_over >= before + 2);
		assert_poll(all, 0, 10, "1,4,", false);
		assert_poll(one, 0, 2, "1,4,", false);
		assert_poll(two, 0, 1, "1,", true);
		assert_poll(all, 1, 1, "4,", false);
		assert_poll(all, 2, 1, "4,", false);
		assert_page(STORE_NEWEST, 0, 10, "1,4,");
		assert_page(STORE_AFTER, 1, 1, "4,");
		assert_page(STORE_BEFORE, 4, 1, "1,");
		assert_page(STORE_AROUND, 2, 10, "1,4,");
		test_fill(&fx);
		assert_int_equal(fx.news.indexed, 4);
		assert_found("word", "4,1,");
		assert_non_null(strstr(rooms_listed(), "{\"name\":\"main\",\"last\":4,"));
	}
}

/* The last message of a room that can be shown stands for one that cannot; a room without any is not listed. */
static void
a_room_is_listed_with_its_last_message_that_can_be_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		test_other(&fx, "DELETE FROM messages; INSERT INTO messages (text) VALUES ('the first')");
		test_other(&fx, "INSERT INTO messages %s", wrong[i]);
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		assert_non_null(strstr(rooms_listed(), "\"text\":\"the first\"}"));
		assert_null(strstr(rooms_listed(), "},{"));
	}
	test_other(&fx, "DELETE FROM messages; INSERT INTO messages (room, event, text) VALUES ('r', '', 'x')");
	assert_string_equal(rooms_listed(), "");
}

/* What a session is sent of a room. */
static void
a_tail_passes_over_what_can_be_no_message(void **state)
{
	(void)state;
	for (size_t i = 6; i < LENGTH(wrong); i += 3) {
		struct store_tail t = {.room = STR("main"), .limit = 2, .bytes_max = SIZE_MAX};

		test_other(&fx, "INSERT INTO messages (text) VALUES ('a')");
		t.since = test_number(&fx, "SELECT max(id) - 1 FROM messages");
		test_other(&fx, "INSERT INTO messages %s", wrong[i]);
		test_other(&fx, "INSERT INTO messages (text) VALUES ('b')");
		t.head = test_number(&fx, "SELECT max(id) FROM messages");
		assert_int_equal(store_tail(fx.reader, &t), STORE_OK);
		assert_int_equal(t.n, 2);
		assert_str(t.messages[0]->f.body, "a");
		assert_str(t.messages[1]->f.body, "b");
		store_tail_fini(&t);
	}
}

/* It ends when there is enough of it in bytes, but has one. */
static void
a_tail_ends_when_its_bytes_are_enough(void **state)
{
	struct store_tail t = {.room = STR("bytes"), .limit = 10};

	(void)state;
	t.since = test_number(&fx, "SELECT coalesce(max(id), 0) FROM messages");
	for (int i = 0; i < 5; i++)
		test_other(&fx, "INSERT INTO messages (room, text) VALUES ('bytes', hex(zeroblob(5000)))");
	t.head = test_number(&fx, "SELECT max(id) FROM messages");
	for (size_t n = 1; n <= 5; n++) {
		t.bytes_max = (n - 1) * 11000;
		t.n = 0;
		assert_int_equal(store_tail(fx.reader, &t), STORE_OK);
		assert_int_equal(t.n, n);
		store_tail_fini(&t);
	}
}

/* Whether one poll's only message has these members. */
static void
assert_mended(const char *values, const char *members)
{
	struct store_poll p = {.rooms = {.all = true}, .limit = 10};
	char json[10000];

	test_other(&fx, "INSERT INTO messages %s", values);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(fx.news.n_messages, 1);
	snprintf(json, sizeof json, "%.*s", STR_ARGS(fx.news.messages[0]->json));
	if (strstr(json, members) == NULL)
		fail_msg("%s: %s", values, json);
	p.head = fx.news.head;
	p.since = p.head - 1;
	assert_int_equal(store_poll(fx.reader, &p), STORE_OK);
	assert_str(buf_str(&p.json), json);
	buf_fini(&p.json);
}

static void
a_strange_row_is_mended(void **state)
{
	(void)state;
	assert_mended("(args) VALUES ('[\"\\ud83d\", 1]')", "\"args\":[\"\\ufffd\", 1]");
	assert_mended(
	    "(args) VALUES ('[{\"\\uDE00\":\"\\ud83d\\ude00\"}]')", "\"args\":[{\"\\ufffd\":\"\\ud83d\\ude00\"}]");
	assert_mended("(args) VALUES ('[\"\\ud83d\"]')", "\"text\":\"\\ufffd\"");
	assert_mended("(args) VALUES ('[1,')", "\"text\":\"[1,\"");
	assert_mended("(args) VALUES ('{\"a\":1}')", "\"text\":\"{\\\"a\\\":1}\"");
	assert_mended("(args) VALUES ('no JSON')", "\"text\":\"no JSON\"");
	assert_mended("(args) VALUES (17)", "\"text\":\"17\"");
	assert_mended("(args) VALUES ('[1]' || char(0) || ']')", "\"args\":[1]");
	assert_mended("(args) VALUES ('[1' || char(0) || ']')", "\"text\":\"[1\\u0000]\"");
	assert_mended("(args) VALUES (CAST('[1]' AS BLOB))", "\"args\":[1]");
	assert_mended("(args) VALUES ('[' || char(11) || '1]')", "\"text\":\"[\\u000b1]\"");
	assert_mended("(args) VALUES ('')", "\"args\":[]");
	assert_mended("(args) VALUES (NULL)", "\"args\":[]");
	assert_mended("(text) VALUES (x'6869ff')", "\"text\":\"hi\xEF\xBF\xBD\"");
	assert_mended("(text) VALUES (17)", "\"text\":\"17\"");
	assert_mended("(text, args) VALUES ('both', '[1]')", "\"text\":\"both\",\"at\"");
	assert_mended("(text, sender) VALUES ('x', x'616e6e')", "\"sender\":\"ann\"");
	assert_mended("(text, at) VALUES ('x', 'yesterday')", "\"at\":\"1970-01-01T00:00:00.000Z\"");
	assert_mended("(text, at) VALUES ('x', 1e300)", "\"at\":\"9999-12-31T23:59:59.999Z\"");
	assert_mended("(text, attachments) VALUES ('x', 'many')", "\"text\":\"x\",\"at\"");
	assert_mended("(text, attachments) VALUES ('x', 99)", "\"text\":\"x\",\"at\"");
	assert_mended("(text, attachments) VALUES ('x', -1)", "\"text\":\"x\",\"at\"");
}

/* Deeper than SQLite's own json_valid() lets pass no reader can follow. */
static void
args_nested_too_deep_are_told_as_text(void **state)
{
	(void)state;
	assert_mended(
	    "(args) VALUES (replace(hex(zeroblob(2000)), '00', '[') || replace(hex(zeroblob(2000)), '00', ']'))",
	    "\"args\":[[[");
	test_other(&fx, "INSERT INTO messages (args) VALUES (replace(hex(zeroblob(1900000)), '00', '[')"
	                " || replace(hex(zeroblob(1900000)), '00', ']'))");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(fx.news.n_messages, 1);
	assert_false(fx.news.messages[0]->f.is_args);
}

static void
attachments_beyond_the_limits_are_not_read(void **state)
{
	(void)state;
	/* As many as there are from 0 on. */
	test_other(&fx, "BEGIN; INSERT INTO messages (args, attachments) VALUES ('[1]', 3);"
	                "INSERT INTO attachments VALUES (1, 0, x'61'), (1, 2, x'62'); COMMIT");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_str(fx.news.messages[0]->f.attachments, "\"YQ==\"");
	/* Not more than ten, whatever they are. */
	test_other(&fx, "BEGIN; INSERT INTO messages (args, attachments) VALUES ('[1]', 12); COMMIT");
	for (int i = 0; i < 12; i++)
		test_other(&fx, "INSERT INTO attachments VALUES (2, %d, 'x')", i);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(fx.news.messages[0]->f.n_attachments, MESSAGE_ATTACHMENTS_MAX);
	/* And not more bytes than are read. */
	test_other(&fx, "BEGIN; INSERT INTO messages (args, attachments) VALUES ('[1]', 1), ('[2]', 2);"
	                "INSERT INTO attachments VALUES (3, 0, zeroblob(33554433)), (4, 0, zeroblob(20000000)),"
	                " (4, 1, zeroblob(20000000)); COMMIT");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	assert_int_equal(fx.news.head, 4);
	assert_poll((struct store_rooms){.all = true}, 0, 10, "1,2,", false);
}

/* An UPDATE can break a row that was told, and mend one that was not. */
static void
a_change_may_break_a_row_and_mend_it(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('good word'), ('another word')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_fill(&fx);
	test_other(&fx, "UPDATE messages SET text = CAST(zeroblob(33554433) AS TEXT) WHERE id = 1;"
	                "UPDATE messages SET event = '' WHERE id = 2");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("-main1 -main2 ");
	test_fill(&fx);
	assert_found("word", "");
	test_other(&fx, "UPDATE messages SET text = 'mended word', event = 'e'");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("=main1:mended word =main2:mended word ");
	test_fill(&fx);
	assert_found("word", "2,1,");
	/* Notes of changes that nobody can read are no obstacle either. */
	test_other(&fx,
	    "INSERT INTO changed (id, room, sender, text) VALUES (1, CAST(zeroblob(33554433) AS TEXT), '', ''),"
	    " (1, 'a b', '', ''), (2, 'main', '', CAST(zeroblob(33554433) AS TEXT))");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("=main2:mended word ");
	test_fill(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed"), 0);
}

/* The key of a row that breaks the rules is taken all the same. */
static void
the_key_of_a_broken_row_is_taken(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx, "INSERT INTO messages (key, event, text) VALUES ('k', '', 'x')");
	assert_int_equal(append("main", "x", "k", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_KEY_CONFLICT);
	test_other(&fx, "INSERT INTO messages (key, text) VALUES ('l', CAST(zeroblob(33554433) AS TEXT))");
	assert_int_equal(append("main", "x", "l", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_KEY_CONFLICT);
	assert_int_equal(send.id, 2);
}

/* A room's name of that length does not keep others from being listed. */
static void
a_room_with_a_huge_name_keeps_no_other_from_being_listed(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('a');"
	                "INSERT INTO messages (room, text) VALUES (CAST(zeroblob(33554433) AS TEXT), 'b')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("1:a ");
	assert_int_equal(fx.news.head, 2);
	assert_non_null(strstr(rooms_listed(), "\"main\""));
	assert_poll((struct store_rooms){.all = true}, 0, 10, "1,", false);
	test_fill(&fx);
	assert_int_equal(fx.news.indexed, 2);
}

/* Users' triggers that keep the log short have to do with such rows as well. */
static void
a_trigger_may_delete_broken_rows(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx,
	    "INSERT INTO messages (text) VALUES (CAST(zeroblob(33554433) AS TEXT));"
	    "CREATE TRIGGER keep AFTER INSERT ON messages BEGIN DELETE FROM messages WHERE id < NEW.id; END");
	assert_int_equal(append("main", "x", "", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_STORED);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 1);
	test_fill(&fx);
}

/* A trigger without end is cut, and what it did is undone; whatever comes next has its own time. */
static void
a_trigger_without_end_is_cut(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx, "CREATE TRIGGER endless AFTER INSERT ON messages WHEN NEW.text = 'slow' BEGIN"
	                " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n; END");
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(append("main", "slow", "", &send), STORE_TIMEOUT);
		assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), i - 1);
		assert_int_equal(append("main", "quick", "", &send), STORE_OK);
		assert_int_equal(send.id, i);
	}
	test_other(&fx, "CREATE TRIGGER endless_too AFTER UPDATE ON meta BEGIN"
	                " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n; END");
	store_news_fini(&fx.news);
	assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_TIMEOUT);
	assert_int_equal(store_probe(fx.store, false), STORE_OK);
	assert_int_equal(append("main", "quick", "", &send), STORE_OK);
}

/* SQLite's own tables, and those of the index, are changed by nobody's triggers. */
static void
no_trigger_changes_the_tables_of_the_index(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx, "CREATE TRIGGER shadow AFTER INSERT ON messages BEGIN DELETE FROM search_1_data; END");
	assert_int_equal(append("main", "x", "", &send), STORE_FAILED);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM search_1_data") > 0, true);
	test_other(&fx, "DROP TRIGGER shadow");
	assert_int_equal(append("main", "x", "", &send), STORE_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_row_that_can_be_no_message_is_passed_over, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(
	        a_room_is_listed_with_its_last_message_that_can_be_shown, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(a_tail_passes_over_what_can_be_no_message, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(a_tail_ends_when_its_bytes_are_enough, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(a_strange_row_is_mended, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(args_nested_too_deep_are_told_as_text, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(attachments_beyond_the_limits_are_not_read, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(a_change_may_break_a_row_and_mend_it, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(the_key_of_a_broken_row_is_taken, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(
	        a_room_with_a_huge_name_keeps_no_other_from_being_listed, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(a_trigger_may_delete_broken_rows, setup_counting, teardown),
	    cmocka_unit_test_setup_teardown(a_trigger_without_end_is_cut, setup_impatient, teardown),
	    cmocka_unit_test_setup_teardown(no_trigger_changes_the_tables_of_the_index, setup_counting, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
