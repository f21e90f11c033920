/*
 * Who is proven to have sent a message: kept, told, and the owner of its key.
 */
#include "store/store.h"

#include "test_store_fixture.h"

/* Sends a text of `sender` that by has proven to be (empty: nobody). */
static void
send_by(const char *by, const char *sender, const char *text, const char *key, struct store_send *send)
{
	struct message_fields f = {.room = STR("main"),
	    .event = STR("chat message"),
	    .sender = str_of(sender),
	    .body = str_of(text),
	    .key = str_of(key),
	    .by = str_of(by)};

	assert_int_equal(test_append(&fx, message_new(&f), send), STORE_OK);
}

static bool
has(struct str s, const char *part)
{
	return memmem(s.p, s.n, part, strlen(part)) != NULL;
}

static void
assert_contains(struct buf *b, const char *part)
{
	if (!has(buf_str(b), part))
		fail_msg("%.*s does not contain %s", STR_ARGS(buf_str(b)), part);
	buf_fini(b);
}

/* All answers that have messages say so, behind the sender; without it they say nothing. */
static void
is_told_wherever_the_message_is(void **state)
{
	struct store_send send;
	struct store_poll poll = {.rooms = {.all = true}, .head = 2, .limit = 10};
	struct store_page page = {.rooms = {.all = true},
	    .cursor = STORE_NEWEST,
	    .head = 2,
	    .limit = 10,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX};
	struct store_tail tail = {.room = STR("main"), .head = 2, .limit = 10, .bytes_max = 1000};
	const char *want = "\"sender\":\"Ann\",\"by\":\"user:ann\",\"text\":\"proven\"";

	(void)state;
	send_by("user:ann", "Ann", "proven", "", &send);
	assert_int_equal(send.outcome, STORE_STORED);
	assert_true(has(fx.news.messages[0]->json, want));
	send_by("", "Ann", "claimed", "", &send);
	assert_false(has(fx.news.messages[0]->json, "\"by\""));
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE \"by\" = 'user:ann'"), 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE \"by\" IS NULL"), 1);

	assert_int_equal(store_poll(fx.reader, &poll), STORE_OK);
	assert_contains(&poll.json, want);
	assert_int_equal(store_history(fx.reader, &page), STORE_OK);
	assert_contains(&page.json, want);
	test_fill(&fx);
	page.q = STR("proven");
	page.n = 0;
	assert_int_equal(store_search(fx.reader, &page), STORE_OK);
	assert_int_equal(page.n, 1);
	assert_contains(&page.json, "\"by\":\"user:ann\",\"text\":\"proven\"");
	assert_int_equal(store_tail(fx.reader, &tail), STORE_OK);
	assert_int_equal(tail.n, 2);
	assert_str(tail.messages[0]->f.by, "user:ann");
	assert_int_equal(tail.messages[1]->f.by.n, 0);
	store_tail_fini(&tail);
}

/* What other programs write there is told as well; changes of it are changes of the message. */
static void
is_for_sql_to_write_and_to_change(void **state)
{
	static const char *const refused[] = {
	    "''", "x'61'", "'a' || char(10)", "'a' || char(0)", "char(127)", "char(133)", "hex(zeroblob(64)) || 'b'"};
	char sql[200];

	(void)state;
	for (size_t i = 0; i < LENGTH(refused); i++) {
		snprintf(sql, sizeof sql, "INSERT INTO messages (text, \"by\") VALUES ('x', %s)", refused[i]);
		if (!test_other_refused(&fx, sql))
			fail_msg("taken: %s", sql);
	}
	test_other(&fx, "INSERT INTO messages (text, \"by\") VALUES ('x', hex(zeroblob(64)))");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(fx.news.messages[0]->f.by.n, 128);
	for (size_t i = 0; i < LENGTH(refused); i++) {
		snprintf(sql, sizeof sql, "UPDATE messages SET \"by\" = %s", refused[i]);
		if (!test_other_refused(&fx, sql))
			fail_msg("taken: %s", sql);
	}
	test_other(&fx, "UPDATE messages SET \"by\" = 'ci'");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("=main1:x ");
	assert_str(fx.news.changes[0].message->f.by, "ci");
	test_other(&fx, "UPDATE messages SET \"by\" = 'ci'");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	test_other(&fx, "UPDATE messages SET \"by\" = NULL");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(fx.news.changes[0].message->f.by.n, 0);
}

/* Written past the rules it is left out, and the message is read all the same. */
static void
is_left_out_when_it_breaks_the_rules(void **state)
{
	(void)state;
	test_other(&fx, "DROP TRIGGER messages_asked");
	test_other(&fx, "INSERT INTO messages (text, \"by\") VALUES ('1', ''), ('2', x'61'), ('3', 'a' || char(0)),"
	                " ('4', CAST(x'FF' AS TEXT)), ('5', hex(zeroblob(65))), ('6', 'good')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("1:1 2:2 3:3 4:4 5:5 6:6 ");
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(fx.news.messages[i]->f.by.n, i == 5 ? 4 : 0);
}

static void
assert_sent(const char *by, const char *sender, const char *text, const char *key, int outcome, int64_t id)
{
	struct store_send send;

	send_by(by, sender, text, key, &send);
	if (send.outcome != (unsigned)outcome || send.id != id)
		fail_msg("%s %s %s %s: outcome %d of id %d", by, sender, text, key, (int)send.outcome, (int)send.id);
}

/* The same key of two people is two messages; all who are not proven share theirs. */
static void
owns_its_keys(void **state)
{
	(void)state;
	assert_sent("user:ann", "ann", "hi", "k", STORE_STORED, 1);
	assert_sent("", "ann", "hi", "k", STORE_STORED, 2);
	assert_sent("user:bob", "bob", "ho", "k", STORE_STORED, 3);
	assert_sent("user:ann", "ann", "hi", "k", STORE_REPLAYED, 1);
	assert_sent("", "ann", "hi", "k", STORE_REPLAYED, 2);
	assert_sent("user:bob", "bob", "hi", "k", STORE_KEY_CONFLICT, 3);
	assert_sent("", "bob", "ho", "k", STORE_KEY_CONFLICT, 2);
	/* A key of before the upgrade can only be of before it. */
	assert_int_equal(test_number(&fx, "SELECT value FROM meta WHERE name = 'by_since'"), 0);
	assert_sent("user:cid", "ann", "hi", "k", STORE_STORED, 4);
}

/* The same within one batch. */
static void
owns_its_keys_in_a_batch(void **state)
{
	static const struct {
		const char *by, *key;
		int outcome;
		int64_t id;
	} want[] = {{"a", "k", STORE_STORED, 1}, {"b", "k", STORE_STORED, 2}, {"", "k", STORE_STORED, 3},
	    {"a", "k", STORE_REPLAYED, 1}, {"", "k", STORE_REPLAYED, 3}, {"b", "k", STORE_REPLAYED, 2}};
	struct store_send sends[LENGTH(want)] = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(want); i++)
		sends[i].message = message_new(&(struct message_fields){.room = STR("main"),
		    .event = STR("e"),
		    .body = STR("x"),
		    .key = str_of(want[i].key),
		    .by = str_of(want[i].by)});
	assert_int_equal(store_append(fx.store, sends, LENGTH(sends), 0, &fx.news), STORE_OK);
	for (size_t i = 0; i < LENGTH(want); i++) {
		assert_int_equal(sends[i].outcome, want[i].outcome);
		assert_int_equal(sends[i].id, want[i].id);
		message_drop(sends[i].message);
	}
}

/* A log of before: its keys are nobody's, and the retry of who sent it and is proven by now is no second message. */
static void
a_retry_across_the_upgrade_is_the_same_message(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (sender, text, key) VALUES ('ann', 'hi', 'k'), ('ann', 'ho', 'l')");
	test_other(&fx, "UPDATE meta SET value = 1 WHERE name = 'by_since'");
	store_close(fx.store);
	fx.store = test_store_open(&fx, false);
	assert_int_equal(store_start(fx.store, 200, (char[STORE_ERROR_SIZE]){0}), 0);
	assert_sent("user:ann", "ann", "hi", "k", STORE_REPLAYED, 1);
	assert_sent("", "ann", "hi", "k", STORE_REPLAYED, 1);
	/* Of another name, or other bytes, it is no conflict but one's own key. */
	assert_sent("user:bob", "bob", "hi", "k", STORE_STORED, 3);
	assert_sent("user:ann", "ann", "hu", "k", STORE_STORED, 4);
	assert_sent("user:ann", "ann", "hu", "k", STORE_REPLAYED, 4);
	assert_sent("user:ann", "ann", "hi", "k", STORE_KEY_CONFLICT, 4);
	/* Above by_since who was nobody stays nobody. */
	assert_sent("user:ann", "ann", "ho", "l", STORE_STORED, 5);
	/* In a log that was wiped no id is of before. */
	test_other(&fx, "DELETE FROM messages; DELETE FROM sqlite_sequence; UPDATE meta SET value = 9 WHERE name = "
	                "'indexed'");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_true(fx.news.reset);
	assert_sent("", "ann", "hi", "k", STORE_STORED, 1);
	assert_sent("user:ann", "ann", "hi", "k", STORE_STORED, 2);
}

/* SQL keeps to the same: one per room, key and `by`, and what is replaced is noted as such. */
static void
owns_its_keys_in_sql_too(void **state)
{
	(void)state;
	test_other(
	    &fx, "INSERT INTO messages (text, key, \"by\") VALUES ('1', 'k', NULL), ('2', 'k', 'a'), ('3', 'k', 'b')");
	assert_true(test_other_refused(&fx, "INSERT INTO messages (text, key) VALUES ('x', 'k')"));
	assert_true(test_other_refused(&fx, "INSERT INTO messages (text, key, \"by\") VALUES ('x', 'k', 'a')"));
	assert_true(test_other_refused(&fx, "UPDATE messages SET \"by\" = 'b' WHERE id = 2"));
	assert_true(test_other_refused(&fx, "UPDATE OR REPLACE messages SET \"by\" = 'b' WHERE id = 2"));
	assert_true(test_other_refused(&fx, "UPDATE OR REPLACE messages SET \"by\" = NULL WHERE id = 2"));
	test_other(&fx, "UPDATE messages SET key = 'k', \"by\" = 'a' WHERE id = 2");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("1:1 2:2 3:3 ");
	test_other(&fx, "INSERT OR REPLACE INTO messages (text, key, \"by\") VALUES ('4', 'k', 'a')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("4:4 -main2 ");
	assert_int_equal(test_number(&fx, "SELECT n FROM rooms WHERE name = 'main'"), 3);
	assert_int_equal(test_number(&fx, "SELECT id FROM deleted WHERE room = 'main'"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(is_told_wherever_the_message_is, setup, teardown),
	    cmocka_unit_test_setup_teardown(is_for_sql_to_write_and_to_change, setup, teardown),
	    cmocka_unit_test_setup_teardown(is_left_out_when_it_breaks_the_rules, setup, teardown),
	    cmocka_unit_test_setup_teardown(owns_its_keys, setup, teardown),
	    cmocka_unit_test_setup_teardown(owns_its_keys_in_a_batch, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_retry_across_the_upgrade_is_the_same_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(owns_its_keys_in_sql_too, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_by", tests, NULL, NULL);
}
