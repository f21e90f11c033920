/*
 * What is appended, with and without keys.
 */
#include "store/store_db.h"

#include "base/clock.h"
#include "test_store_fixture.h"

static void
is_on_the_disk_before_it_is_told(void **state)
{
	struct store_send send;
	size_t syncs = test_disk.syncs;
	int64_t began = clock_wall_ms();

	(void)state;
	assert_int_equal(append("main", "hi", "", &send), STORE_OK);
	/* On the disk before anybody is told. */
	assert_true(test_disk.syncs > syncs);
	assert_false(test_disk.unsynced);
	assert_int_equal(send.outcome, STORE_STORED);
	assert_int_equal(send.id, 1);
	assert_true(send.at_ms >= began && send.at_ms <= clock_wall_ms());
	assert_news("1:hi ");
	assert_int_equal(fx.news.messages[0]->f.id, 1);
	assert_int_equal(fx.news.messages[0]->f.at_ms, send.at_ms);
	assert_int_equal(fx.news.head, 1);
	assert_int_equal(store_head(fx.store), 1);
	assert_string_equal(fx.news.epoch, store_epoch(fx.store));
	assert_false(fx.news.reset || fx.news.more);
	assert_true(fx.news.wal_pages > 0);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM messages WHERE id = 1 AND room = 'main' AND sender = 'ann'"
	                     " AND event = 'chat message' AND text = 'hi' AND args IS NULL AND key IS NULL"),
	    1);
	/* Told once. */
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
}

/* Appends until they are there: a batch may be begun again row by row. */
static void
append_all(struct store_send *sends, size_t n)
{
	enum store_status status = STORE_BUSY;

	for (int tries = 0; tries < 3 && status == STORE_BUSY; tries++) {
		store_news_fini(&fx.news);
		status = store_append(fx.store, sends, n, 0, &fx.news);
		assert_true(status == STORE_OK || fx.news.more);
	}
	assert_int_equal(status, STORE_OK);
}

static void
stores_a_batch_in_one_transaction(void **state)
{
	struct store_send sends[50];
	char text[16];
	size_t syncs = test_disk.syncs;

	(void)state;
	for (size_t i = 0; i < LENGTH(sends); i++) {
		snprintf(text, sizeof text, "%zu", i + 1);
		sends[i] = (struct store_send){.message = test_message(i % 2 == 0 ? "a" : "b", text, "")};
	}
	assert_int_equal(store_append(fx.store, sends, LENGTH(sends), 0, &fx.news), STORE_OK);
	/* One transaction for all. */
	assert_true(test_disk.syncs - syncs <= 2);
	assert_int_equal(fx.news.n_messages, LENGTH(sends));
	for (size_t i = 0; i < LENGTH(sends); i++) {
		assert_int_equal(sends[i].id, i + 1);
		assert_ptr_equal(fx.news.messages[i], sends[i].message);
		message_drop(sends[i].message);
	}
	assert_int_equal(fx.news.head, LENGTH(sends));
}

/* What was told is what a reader finds later, byte for byte. */
static void
assert_stored_as_told(const struct message_fields *f)
{
	struct store_poll p = {.rooms = {.all = true}, .limit = 10};
	struct store_send send;

	assert_int_equal(test_append(&fx, message_new(f), &send), STORE_OK);
	p.head = send.id;
	p.since = send.id - 1;
	assert_int_equal(store_poll(fx.reader, &p), STORE_OK);
	assert_str_n(buf_str(&p.json), fx.news.messages[0]->json);
	buf_fini(&p.json);
}

static void
stores_any_body_as_it_is_told(void **state)
{
	struct message_fields f = {.room = STR("main"), .event = STR("e\0v"), .body = STR("a\0b")};

	(void)state;
	assert_stored_as_told(&f);
	f.body = STR("");
	assert_stored_as_told(&f);
	f.body = STR("[1.50, {\"a\":[]}]");
	f.is_args = true;
	assert_stored_as_told(&f);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text = 'a' || char(0) || 'b'"), 1);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM messages WHERE text = '' AND event = 'e' || char(0) || 'v'"), 1);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM messages WHERE text IS NULL AND args = '[1.50, {\"a\":[]}]'"), 1);
}

static void
replays_a_key_and_refuses_it_for_another_message(void **state)
{
	struct store_send first, again;
	struct message_fields f = {.room = STR("main"),
	    .event = STR("chat message"),
	    .sender = STR("ann"),
	    .body = STR("hi"),
	    .key = STR("k")};

	(void)state;
	assert_int_equal(append("main", "hi", "k", &first), STORE_OK);
	assert_int_equal(append("main", "hi", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_REPLAYED);
	assert_int_equal(again.id, first.id);
	assert_int_equal(again.at_ms, first.at_ms);
	assert_news("");
	/* Another message. */
	assert_int_equal(append("main", "ho", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_KEY_CONFLICT);
	for (int i = 0; i < 4; i++) {
		struct message_fields other = f;

		if (i == 0)
			other.event = STR("e");
		else if (i == 1)
			other.sender = STR("bob");
		else if (i == 2)
			other.body = STR("hi\0");
		else {
			other.is_args = true;
			other.body = STR("[\"hi\",1]");
		}
		assert_int_equal(test_append(&fx, message_new(&other), &again), STORE_OK);
		assert_int_equal(again.outcome, STORE_KEY_CONFLICT);
		assert_news("");
	}
	/* Another room, or none at all: no key of theirs. */
	assert_int_equal(append("ops", "hi", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_STORED);
	assert_int_equal(append("main", "hi", "", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_STORED);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 3);
	/* Attachments make it another message too. */
	test_other(&fx, "UPDATE messages SET attachments = 1 WHERE id = 1");
	assert_int_equal(append("main", "hi", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_KEY_CONFLICT);
	/* As long as its message is kept. */
	test_other(&fx, "DELETE FROM messages WHERE id = 1");
	assert_int_equal(append("main", "hi", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_STORED);
}

/* The same key several times in one batch; what is refused or replayed does not keep the others from being stored. */
static void
stores_the_others_of_a_batch_beside_refused_and_replayed_ones(void **state)
{
	static const struct {
		const char *room, *text, *key;
		int outcome;
		int64_t id;
	} want[] = {
	    {"main", "one", "k", STORE_STORED, 1},
	    {"main", "one", "k", STORE_REPLAYED, 1},
	    {"main", "two", "k", STORE_KEY_CONFLICT, 1},
	    {"bad room", "x", "", STORE_REFUSED, 0},
	    {"main", "three", "", STORE_STORED, 2},
	    {"main", "four", "l", STORE_STORED, 3},
	    {"main", "one", "k", STORE_REPLAYED, 1},
	};
	struct store_send sends[LENGTH(want)];

	(void)state;
	for (size_t i = 0; i < LENGTH(want); i++)
		sends[i] = (struct store_send){.message = test_message(want[i].room, want[i].text, want[i].key)};
	append_all(sends, LENGTH(want));
	for (size_t i = 0; i < LENGTH(want); i++) {
		assert_int_equal(sends[i].outcome, want[i].outcome);
		if (want[i].id != 0)
			assert_int_equal(sends[i].id, want[i].id);
		message_drop(sends[i].message);
	}
	assert_news("1:one 2:three 3:four ");
}

/* Rows go in by many, but each has its own fate and its own id, in the order of the batch. */
static void
gives_ids_in_the_order_of_a_large_batch(void **state)
{
	struct store_send sends[77];
	int64_t id = 0;

	(void)state;
	for (size_t i = 0; i < LENGTH(sends); i++) {
		char text[16], key[16] = "";

		snprintf(text, sizeof text, "%zu", i);
		if (i % 3 == 0)
			snprintf(key, sizeof key, "k%zu", i);
		sends[i] = (struct store_send){
		    .message = test_message(i == 40 || i == 41 || i == 76 ? "bad room" : "main", text, key)};
	}
	/* The 51st is the 4th once more. */
	message_drop(sends[51].message);
	sends[51].message = test_message("main", "3", "k3");
	append_all(sends, LENGTH(sends));
	for (size_t i = 0; i < LENGTH(sends); i++) {
		if (i == 40 || i == 41 || i == 76) {
			assert_int_equal(sends[i].outcome, STORE_REFUSED);
		} else if (i == 51) {
			assert_int_equal(sends[i].outcome, STORE_REPLAYED);
			assert_int_equal(sends[i].id, 4);
		} else {
			char sql[128];

			assert_int_equal(sends[i].outcome, STORE_STORED);
			assert_int_equal(sends[i].id, ++id);
			snprintf(sql, sizeof sql, "SELECT count(*) FROM messages WHERE id = %d AND text = '%zu'",
			    (int)id, i);
			assert_int_equal(test_number(&fx, sql), 1);
		}
		message_drop(sends[i].message);
	}
	assert_int_equal(id, 73);
	assert_int_equal(fx.news.n_messages, 73);
}

static void
append_batch(struct store_send *sends, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sends[i] = (struct store_send){.message = test_message("main", texts[i], "")};
	append_all(sends, n);
	for (size_t i = 0; i < n; i++)
		message_drop(sends[i].message);
}

/* What a user's triggers add to a transaction of ours is told like any row, and each send has its own id. */
static void
tells_the_rows_that_a_trigger_adds(void **state)
{
	static const char *const texts[] = {"a", "ping", "b", "ping", "c"};
	static const int64_t ids[] = {1, 2, 4, 5, 7};
	struct store_send sends[LENGTH(texts)], one;

	(void)state;
	test_other(&fx, "CREATE TRIGGER bot AFTER INSERT ON messages WHEN NEW.text = 'ping' BEGIN"
	                " INSERT INTO messages (text) VALUES ('pong'); END");
	append_batch(sends, texts, LENGTH(texts));
	for (size_t i = 0; i < LENGTH(texts); i++) {
		assert_int_equal(sends[i].outcome, STORE_STORED);
		assert_int_equal(sends[i].id, ids[i]);
	}
	assert_true(fx.news.more);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("1:a 2:ping 3:pong 4:b 5:ping 6:pong 7:c ");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	/* A single one too. */
	append_batch(&one, (const char *const[]){"ping"}, 1);
	assert_int_equal(one.id, 8);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("8:ping 9:pong ");
	/* What it has nothing to do with goes as ever. */
	append_batch(&one, (const char *const[]){"d"}, 1);
	assert_news("10:d ");
}

static void
tells_what_a_trigger_made_of_a_message(void **state)
{
	static const char *const texts[] = {"a", "spam", "loud", "b"};
	struct store_send sends[LENGTH(texts)], one;

	(void)state;
	test_other(&fx, "CREATE TRIGGER filter BEFORE INSERT ON messages WHEN NEW.text = 'spam' BEGIN"
	                " SELECT RAISE(IGNORE); END");
	test_other(&fx, "CREATE TRIGGER quiet AFTER INSERT ON messages WHEN NEW.text = 'loud' BEGIN"
	                " UPDATE messages SET text = 'hush' WHERE id = NEW.id; END");
	append_batch(sends, texts, LENGTH(texts));
	assert_int_equal(sends[1].outcome, STORE_REFUSED);
	assert_int_equal(sends[2].id, 2);
	assert_int_equal(sends[3].id, 3);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("1:a 2:hush 3:b =main2:hush ");
	append_batch(&one, (const char *const[]){"spam"}, 1);
	assert_int_equal(one.outcome, STORE_REFUSED);
}

/* Whatever a trigger refuses with, nothing is there twice, and who is told "refused" has stored nothing. */
static void
stores_nothing_that_a_trigger_refuses(void **state)
{
	static const char *const texts[] = {"a", "b", "no", "c", "d"};
	static const struct {
		const char *when, *how;
	} ways[] = {{"BEFORE", "ABORT"}, {"AFTER", "ABORT"}, {"BEFORE", "FAIL"}, {"AFTER", "FAIL"},
	    {"BEFORE", "ROLLBACK"}, {"AFTER", "ROLLBACK"}};
	int64_t there = 0;

	(void)state;
	for (size_t way = 0; way < LENGTH(ways); way++) {
		struct store_send sends[LENGTH(texts)], one;
		char sql[256];

		test_other(&fx, "DROP TRIGGER IF EXISTS refuse");
		snprintf(sql, sizeof sql,
		    "CREATE TRIGGER refuse %s INSERT ON messages WHEN NEW.text = 'no' BEGIN"
		    " SELECT RAISE(%s, 'no'); END",
		    ways[way].when, ways[way].how);
		test_other(&fx, sql);
		if (strcmp(ways[way].how, "ROLLBACK") == 0) {
			/* It undoes the others too, so they have to go without it. */
			for (size_t i = 0; i < LENGTH(texts); i++)
				sends[i] = (struct store_send){.message = test_message("main", texts[i], "")};
			assert_int_equal(store_append(fx.store, sends, LENGTH(sends), 0, &fx.news), STORE_APART);
			for (size_t i = 0; i < LENGTH(texts); i++)
				message_drop(sends[i].message);
			append_batch(&one, &texts[2], 1);
			assert_int_equal(one.outcome, STORE_REFUSED);
			assert_int_equal(fx.news.n_messages, 0);
			append_batch(&one, &texts[3], 1);
			assert_int_equal(one.outcome, STORE_STORED);
			there++;
		} else {
			append_batch(sends, texts, LENGTH(texts));
			for (size_t i = 0; i < LENGTH(texts); i++)
				assert_int_equal(sends[i].outcome, i == 2 ? STORE_REFUSED : STORE_STORED);
			there += 4;
			assert_int_equal(sends[4].id, there);
			/* Alone it is not stored either, nor told. */
			assert_int_equal(test_look(&fx, 0), STORE_OK);
			append_batch(&one, &texts[2], 1);
			assert_int_equal(one.outcome, STORE_REFUSED);
			assert_int_equal(fx.news.n_messages, 0);
		}
		assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), there);
	}
}

/* Attachments go with their own messages, also where a row of the same batch is refused. */
static void
keeps_attachments_with_their_messages_beside_a_refused_one(void **state)
{
	static const char *const texts[] = {"first", "no", "last"};
	struct store_send sends[LENGTH(texts)];

	(void)state;
	test_other(&fx, "CREATE TRIGGER refuse AFTER INSERT ON messages WHEN NEW.text = 'no' BEGIN"
	                " SELECT RAISE(FAIL, 'no'); END");
	for (size_t i = 0; i < LENGTH(texts); i++)
		sends[i] = (struct store_send){.message = message_new(&(struct message_fields){.room = STR("main"),
		                                   .event = STR("e"),
		                                   .body = str_of(texts[i]),
		                                   .attachments = i == 0 ? STR("\"Zmlyc3Q=\"") : STR("\"bGFzdA==\""),
		                                   .n_attachments = 1})};
	append_all(sends, LENGTH(texts));
	for (size_t i = 0; i < LENGTH(texts); i++)
		message_drop(sends[i].message);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 2);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM attachments"), 2);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages m JOIN attachments a ON a.message = m.id AND "
	                                  "a.data = CAST(m.text AS BLOB)"),
	    2);
}

/* Some of a batch are Markdown: each has its own, and for those that are not nothing more is bound than before. */
static void
formats_stand_beside_plain_texts(void **state)
{
	enum { SENDS = 2 * 32 + 7 };
	struct store_send sends[SENDS];
	char text[20];
	int columns = 0;

	(void)state;
	for (int i = 0; i < SENDS; i++) {
		snprintf(text, sizeof text, "%d", i);
		sends[i] =
		    (struct store_send){.message = message_new(&(struct message_fields){.room = STR("main"),
		                            .event = STR("e"),
		                            .body = str_of(text),
		                            .format = i >= 32 && i % 3 == 0 ? MESSAGE_MARKDOWN : MESSAGE_AS_IT_IS})};
	}
	append_all(sends, SENDS);
	for (int i = 0; i < SENDS; i++)
		message_drop(sends[i].message);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM messages WHERE format IS"
	                     " CASE WHEN CAST(text AS INTEGER) >= 32 AND text % 3 = 0 THEN 'markdown' END"),
	    SENDS);
	/* The first 32 have none. */
	for (size_t i = 0; i < fx.store->n_statements; i++) {
		int n = sqlite3_bind_parameter_count(fx.store->statements[i].stmt);

		if (strncmp(fx.store->statements[i].sql, "INSERT INTO messages (room", 26) == 0 && n >= 32 * 9 &&
		    (columns == 0 || n < columns))
			columns = n;
	}
	assert_int_equal(columns, 32 * 9);
}

static void
tells_what_a_trigger_deletes(void **state)
{
	static const char *const texts[] = {"a", "b", "c"};
	struct store_send sends[LENGTH(texts)], one;

	(void)state;
	append_batch(sends, texts, LENGTH(texts));
	test_other(
	    &fx, "CREATE TRIGGER keep AFTER INSERT ON messages BEGIN DELETE FROM messages WHERE id <= NEW.id - 2; END");
	append_batch(&one, (const char *const[]){"d"}, 1);
	assert_int_equal(one.id, 4);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("4:d -main1 -main2 ");
	append_batch(sends, texts, LENGTH(texts));
	assert_int_equal(sends[2].id, 7);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("6:b 7:c -main3 -main4 -main5 ");
}

static void
gives_the_last_id_and_refuses_the_next(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx, "INSERT INTO messages (id, text) VALUES (9007199254740990, 'x')");
	assert_int_equal(append("main", "last", "", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_STORED);
	assert_int_equal(send.id, MESSAGE_ID_MAX);
	append_batch(&send, (const char *const[]){"one more"}, 1);
	assert_int_equal(send.outcome, STORE_REFUSED);
	assert_int_equal(store_head(fx.store), MESSAGE_ID_MAX);
}

/* The linker puts it before realloc(3), see the Makefile. */
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

static bool no_memory;

void *
__wrap_realloc(void *p, size_t n)
{
	return no_memory ? NULL : __real_realloc(p, n);
}

static void
take_memory(void)
{
	no_memory = true;
}

/* Stored, but not told for want of memory: whoever asks whether all is known is told no, and the next look tells it. */
static void
tells_later_what_it_had_no_memory_to_tell(void **state)
{
	struct store_send send;

	(void)state;
	test_disk.on_sync = take_memory;
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	no_memory = false;
	test_disk.on_sync = NULL;
	assert_int_equal(send.outcome, STORE_STORED);
	assert_news("");
	assert_true(fx.news.more);
	assert_int_equal(fx.news.seen, 0);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("1:ours ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(is_on_the_disk_before_it_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(stores_a_batch_in_one_transaction, setup, teardown),
	    cmocka_unit_test_setup_teardown(stores_any_body_as_it_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(replays_a_key_and_refuses_it_for_another_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        stores_the_others_of_a_batch_beside_refused_and_replayed_ones, setup, teardown),
	    cmocka_unit_test_setup_teardown(gives_ids_in_the_order_of_a_large_batch, setup, teardown),
	    cmocka_unit_test_setup_teardown(tells_the_rows_that_a_trigger_adds, setup, teardown),
	    cmocka_unit_test_setup_teardown(tells_what_a_trigger_made_of_a_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(stores_nothing_that_a_trigger_refuses, setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        keeps_attachments_with_their_messages_beside_a_refused_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(formats_stand_beside_plain_texts, setup, teardown),
	    cmocka_unit_test_setup_teardown(tells_what_a_trigger_deletes, setup, teardown),
	    cmocka_unit_test_setup_teardown(gives_the_last_id_and_refuses_the_next, setup, teardown),
	    cmocka_unit_test_setup_teardown(tells_later_what_it_had_no_memory_to_tell, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_append", tests, NULL, NULL);
}
