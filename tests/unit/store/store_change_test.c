/*
 * Changes: what a send that changes or deletes a message does to it, and what is told of that.
 */
#include "store/store.h"

#include "test_store_fixture.h"

/* A change of a message in room main, by nobody. */
static struct store_send
change(const char *event, int64_t target, const char *text, const char *key)
{
	struct message *m = message_new(&(struct message_fields){
	    .room = STR("main"), .event = str_of(event), .body = str_of(text), .key = str_of(key), .changes = target});

	assert_non_null(m);
	return (struct store_send){.message = m, .revision = -1};
}

static struct store_send
plain(const char *text, const char *key)
{
	return (struct store_send){.message = test_message("main", text, key), .revision = -1};
}

/* All in one batch, which must be stored at once: their outcomes and ids, and what is told. */
static void
assert_batch(struct store_send *sends, size_t n, const char *want, const char *news)
{
	char got[200] = "";
	size_t at = 0;

	store_news_fini(&fx.news);
	assert_int_equal(store_append(fx.store, sends, n, 0, &fx.news), STORE_OK);
	for (size_t i = 0; i < n; i++) {
		at += (size_t)snprintf(
		    got + at, sizeof got - at, "%d:%lld ", (int)sends[i].outcome, (long long)sends[i].id);
		message_drop(sends[i].message);
	}
	assert_string_equal(got, want);
	assert_news(news);
}

#define BATCH(want, news, ...)                                    \
	do {                                                      \
		struct store_send sends_[] = {__VA_ARGS__};       \
		assert_batch(sends_, LENGTH(sends_), want, news); \
	} while (0)

#define CHANGED "message changed"
#define DELETED "message deleted"

static void
are_stored_in_their_place_among_others(void **state)
{
	(void)state;
	BATCH("0:1 0:2 0:3 0:4 0:5 ", "1:a 2:b 3:A 4:c 5: =main1:A -main2 ", plain("a", ""), plain("b", ""),
	    change(CHANGED, 1, "A", ""), plain("c", ""), change(DELETED, 2, "", ""));
	assert_false(fx.news.more);
	assert_int_equal(fx.news.head, 5);
	assert_false(fx.news.changes[0].told);
	assert_true(fx.news.changes[1].told);
	/* Nothing is left to be told. */
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM deleted"), 0);
	assert_int_equal(test_number(&fx, "SELECT n * 100 + last FROM rooms WHERE name = 'main'"), 204);
}

static void
empty_the_change_before(void **state)
{
	(void)state;
	BATCH("0:1 0:2 0:3 ", "1:a 2:b 3:c =main1:c =main2: =main1:c ", plain("a", ""), change(CHANGED, 1, "b", ""),
	    change(CHANGED, 1, "c", ""));
	BATCH("0:4 ", "4: =main3: -main1 ", change(DELETED, 1, "", ""));
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text <> ''"), 0);
	/* The room is there as long as something in it is told. */
	assert_int_equal(test_number(&fx, "SELECT n FROM rooms WHERE name = 'main'"), 0);
}

static void
are_told_apart_from_those_that_change_nothing(void **state)
{
	struct store_send outdated, other;

	(void)state;
	BATCH("0:1 0:2 ", "1:a 2:b ", plain("a", ""), plain("b", ""));
	outdated = change(CHANGED, 1, "x", "");
	outdated.revision = 7;
	other = change(CHANGED, 1, "x", "");
	message_drop(other.message);
	other.message = message_new(
	    &(struct message_fields){.room = STR("ops"), .event = STR(CHANGED), .body = STR("x"), .changes = 1});
	/* The same; of none; of a change; of another room; not the one that it was. */
	BATCH("8:1 10:9 11:1 10:1 ", "", change(CHANGED, 1, "a", ""), change(DELETED, 9, "", ""), outdated, other);
	BATCH("0:3 ", "3: -main1 ", change(DELETED, 1, "", ""));
	BATCH(
	    "8:3 9:3 10:3 ", "", change(DELETED, 1, "", ""), change(CHANGED, 1, "z", ""), change(CHANGED, 3, "z", ""));
}

static void
have_keys_and_so_has_what_they_changed(void **state)
{
	(void)state;
	BATCH(
	    "0:1 0:2 0:3 ", "1:a 2:b 3:B =main2:B ", plain("a", "ka"), plain("b", "kb"), change(CHANGED, 2, "B", "kc"));
	/* Repeated: the change, and what it changed, whatever that says now. */
	BATCH("1:3 1:2 1:2 2:1 ", "", change(CHANGED, 2, "B", "kc"), plain("b", "kb"), plain("other", "kb"),
	    plain("other", "ka"));
	/* A key is of one message or of one change. */
	BATCH("2:1 2:3 ", "", change(CHANGED, 2, "C", "ka"), plain("x", "kc"));
	BATCH("0:4 ", "4: -main1 ", change(DELETED, 1, "", "kd"));
	BATCH("1:1 1:1 1:4 ", "", plain("a", "ka"), plain("other", "ka"), change(DELETED, 1, "", "kd"));
}

static void
by_sql_do_the_same(void **state)
{
	(void)state;
	BATCH("0:1 0:2 ", "1:a 2:b ", plain("a", ""), plain("b", ""));
	test_other(&fx, "INSERT INTO messages (event, changes, text) VALUES ('" CHANGED "', 1, 'A')");
	test_other(&fx, "INSERT INTO messages (event, changes, text) VALUES ('" DELETED "', 2, '')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("3:A 4: =main1:A -main2 ");
	assert_true(fx.news.changes[1].told);
	assert_true(test_other_refused(&fx, "INSERT INTO messages (event, changes, text) VALUES ('x', 1, 'A')"));
	assert_true(test_other_refused(&fx, "INSERT INTO messages (event, text) VALUES ('" CHANGED "', 'A')"));
	assert_true(test_other_refused(
	    &fx, "INSERT INTO messages (room, event, changes, text) VALUES ('ops', '" CHANGED "', 1, 'A')"));
	/* A row that is deleted by SQL is a gap. */
	test_other(&fx, "DELETE FROM messages WHERE id = 1");
	assert_int_equal(test_number(&fx, "SELECT id FROM deleted WHERE room = 'main'"), 1);
}

/* Each room's last message is the last that is no change, and steps are as sql/009-steps.sql says. */
static void
assert_last(void)
{
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM rooms WHERE n > 0 AND last <>"
	                                  " (SELECT max(id) FROM messages WHERE room = name AND changes IS NULL)"),
	    0);
	assert_int_equal(
	    test_number(&fx,
	        "SELECT count(*) FROM (SELECT s.below, ifnull((SELECT max(id) FROM messages WHERE room = m.room"
	        " AND id < m.id AND changes IS NULL), 0) AS before, (SELECT changes FROM messages"
	        " WHERE room = m.room AND id < m.id ORDER BY id DESC LIMIT 1) AS behind_change"
	        " FROM messages AS m LEFT JOIN steps AS s ON s.id = m.id WHERE m.changes IS NULL)"
	        " WHERE below <> before OR (below IS NULL AND behind_change IS NOT NULL)"),
	    0);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM steps WHERE id NOT IN (SELECT id FROM messages)"), 0);
}

static void
leave_each_room_its_last_message(void **state)
{
	static const char *const doing[] = {
	    "INSERT INTO messages (room, text) SELECT room, 'x' FROM turn",
	    "INSERT INTO messages (room, text) SELECT room, 'x' FROM turn",
	    "INSERT INTO messages (room, event, changes, text) SELECT room, '" CHANGED "', id, 'y'"
	    " FROM messages JOIN turn USING (room) WHERE changes IS NULL ORDER BY id * 37 % n LIMIT 1",
	    "INSERT INTO messages (room, event, changes, text) SELECT room, '" DELETED "', id, ''"
	    " FROM messages JOIN turn USING (room) WHERE changes IS NULL ORDER BY id * 37 % n LIMIT 1",
	    "INSERT INTO messages (room, event, changes, text) SELECT room, '" DELETED "', id, ''"
	    " FROM messages JOIN turn USING (room) WHERE changes IS NULL ORDER BY id DESC LIMIT 1",
	    "DELETE FROM messages WHERE id ="
	    " (SELECT max(id) FROM messages JOIN turn USING (room) WHERE changes IS NULL)",
	    "DELETE FROM messages WHERE id = (SELECT min(id) FROM messages JOIN turn USING (room))",
	    "DELETE FROM messages WHERE id ="
	    " (SELECT id FROM messages JOIN turn USING (room) ORDER BY id * 37 % n LIMIT 1)",
	};

	(void)state;
	test_seed(7);
	test_other(&fx, "CREATE TEMP TABLE turn (room, n); INSERT INTO turn VALUES ('a', 7)");
	for (int i = 0; i < 1000; i++) {
		test_other(&fx, "UPDATE turn SET room = '%s', n = %lld", i % 2 == 0 ? "a" : "b",
		    (long long)test_random(30) + 7);
		test_other(&fx, "%s", doing[test_random(LENGTH(doing))]);
		assert_last();
	}
}

static int
count_steps(void *n)
{
	++*(int *)n;
	return 0;
}

/* However many changes stand between it and the one before. */
static void
cost_nothing_where_a_last_message_is_deleted(void **state)
{
	int steps = 0;

	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('1'), ('2');"
	                "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 5000)"
	                "INSERT INTO messages (event, changes, text) SELECT '" CHANGED "', 1, i FROM c;"
	                "INSERT INTO messages (text) VALUES ('3'), ('4')");
	sqlite3_progress_handler(fx.other, 10, count_steps, &steps);
	for (int i = 0; i < 2; i++)
		test_other(&fx, "DELETE FROM messages WHERE id = (SELECT max(id) FROM messages)");
	test_other(&fx, "INSERT INTO messages (event, changes, text) VALUES ('" DELETED "', 2, '')");
	sqlite3_progress_handler(fx.other, 0, NULL, NULL);
	assert_in_range(steps, 1, 200);
	assert_last();
}

static void
are_in_no_page_but_in_what_is_polled(void **state)
{
	struct store_poll poll = {.rooms = {.names = {STR("main")}, .n = 1}, .head = 4, .limit = 10};
	struct store_poll newest = poll;
	struct store_page page = {.rooms = {.names = {STR("main")}, .n = 1},
	    .head = 4,
	    .limit = 10,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX};
	struct store_list list = {.head = 4, .after = INT64_MAX, .limit = 10};

	(void)state;
	BATCH("0:1 0:2 0:3 0:4 ", "1:a 2:b 3:B 4:C =main2:C =main3: =main2:C ", plain("a", ""), plain("b", ""),
	    change(CHANGED, 2, "B", ""), change(CHANGED, 2, "C", ""));
	assert_int_equal(store_poll(fx.reader, &poll), STORE_OK);
	assert_int_equal(poll.n, 4);
	buf_fini(&poll.json);
	newest.newest = 2;
	assert_int_equal(store_poll(fx.reader, &newest), STORE_OK);
	assert_int_equal(newest.since, 0);
	assert_int_equal(newest.n, 4);
	buf_fini(&newest.json);
	assert_int_equal(store_history(fx.reader, &page), STORE_OK);
	assert_int_equal(page.n, 2);
	buf_fini(&page.json);
	assert_int_equal(store_list(fx.reader, &list), STORE_OK);
	assert_non_null(memmem(list.json.p, list.json.n, "\"last\":2,", 9));
	assert_non_null(memmem(list.json.p, list.json.n, "\"n\":2,", 6));
	assert_non_null(memmem(list.json.p, list.json.n, "\"text\":\"C\"", 10));
	buf_fini(&list.json);
}

static void
of_old_names_are_told_by_others(void **state)
{
	struct store_poll poll = {.rooms = {.names = {STR("main")}, .n = 1}, .head = 1, .limit = 10};

	(void)state;
	test_other(
	    &fx, "DROP TRIGGER messages_asked; INSERT INTO messages (event, text) VALUES ('" CHANGED "', 'old')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(store_poll(fx.reader, &poll), STORE_OK);
	assert_non_null(memmem(poll.json.p, poll.json.n, "\"event\":\"message changed, once\"", 31));
	buf_fini(&poll.json);
}

static void
answers_of_one_message(void **state)
{
	struct store_one one = {.id = 1, .key = STR("ka")};

	(void)state;
	BATCH("0:1 0:2 ", "1:a 2:A =main1:A ", plain("a", "ka"), change(CHANGED, 1, "A", ""));
	assert_int_equal(store_one(fx.reader, &one), STORE_OK);
	assert_non_null(one.message);
	assert_true(one.message->f.edited_ms != 0);
	assert_int_equal(one.revision, 2);
	assert_true(one.key_fits);
	store_one_fini(&one);
	BATCH("0:3 ", "3: =main2: -main1 ", change(DELETED, 1, "", ""));
	assert_int_equal(store_one(fx.reader, &one), STORE_OK);
	assert_null(one.message);
	assert_non_null(one.deletion);
	assert_int_equal(one.deletion->f.id, 3);
	assert_true(one.key_fits);
	store_one_fini(&one);
	one.id = 77;
	assert_int_equal(store_one(fx.reader, &one), STORE_OK);
	assert_true(one.message == NULL && one.deletion == NULL && !one.key_fits);
	store_one_fini(&one);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(are_stored_in_their_place_among_others, setup, teardown),
	    cmocka_unit_test_setup_teardown(empty_the_change_before, setup, teardown),
	    cmocka_unit_test_setup_teardown(are_told_apart_from_those_that_change_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(have_keys_and_so_has_what_they_changed, setup, teardown),
	    cmocka_unit_test_setup_teardown(by_sql_do_the_same, setup, teardown),
	    cmocka_unit_test_setup_teardown(leave_each_room_its_last_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(cost_nothing_where_a_last_message_is_deleted, setup, teardown),
	    cmocka_unit_test_setup_teardown(are_in_no_page_but_in_what_is_polled, setup, teardown),
	    cmocka_unit_test_setup_teardown(of_old_names_are_told_by_others, setup, teardown),
	    cmocka_unit_test_setup_teardown(answers_of_one_message, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_change", tests, NULL, NULL);
}
