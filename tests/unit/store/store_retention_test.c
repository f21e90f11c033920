/*
 * What is not kept any more is deleted: exactly that, by the rules, in pieces; and the index, attachments and rooms go
 * along.
 */
#include "base/clock.h"
#include "store/pruning.h"

#include "test_store_fixture.h"

static struct keep keep;
static struct store_prune run;
static size_t n_told, n_pieces;

static void
keep_rooms(const char *value)
{
	char error[KEEP_ERROR_SIZE];

	assert_true(keep_read_room(&keep, str_of(value), error));
}

static int
setup_keep(void **state)
{
	keep = (struct keep){.gone_max = 10000};
	return setup(state);
}

static void
begin_run(void)
{
	run = (struct store_prune){.keep = &keep};
	n_told = n_pieces = 0;
}

static enum store_status
piece(int64_t floor)
{
	enum store_status status;

	store_news_fini(&fx.news);
	status = store_prune(fx.store, &run, floor, &fx.news);
	n_pieces++;
	for (size_t i = 0; i < fx.news.n_changes; i++)
		n_told += fx.news.changes[i].pruned;
	return status;
}

/* A whole run; how many messages it deleted. */
static int64_t
prune(void)
{
	begin_run();
	while (run.step != STORE_PRUNE_ENDED) {
		assert_int_equal(piece(0), STORE_OK);
		assert_true(n_pieces < 100000);
	}
	return run.deleted;
}

static void
assert_ids(const char *want)
{
	char got[2000];

	test_text(&fx, "SELECT group_concat(id, ' ') FROM (SELECT id FROM messages ORDER BY id)", got, sizeof got);
	assert_string_equal(got, want);
}

static void
insert(const char *room, const char *text, int64_t age_ms)
{
	test_other(&fx, "INSERT INTO messages (room, text, at) VALUES ('%s', '%s', %lld)", room, text,
	    (long long)(clock_wall_ms() - age_ms));
}

enum { HOUR = 3600000 };

static void
each_room_keeps_what_its_rule_says(void **state)
{
	(void)state;
	keep.otherwise = (struct keep_rule){.age_ms = 2 * HOUR};
	keep_rooms("count*=2");
	keep_rooms("count-all=off");
	keep_rooms("both=2h,2");
	insert("main", "1", 3 * HOUR);
	insert("main", "2", 1 * HOUR);
	for (int i = 0; i < 3; i++) /* 3 4 5 */
		insert("count-1", "x", 9 * HOUR);
	for (int i = 0; i < 3; i++) /* 6 7 8 */
		insert("count-all", "x", 9 * HOUR);
	insert("both", "9", 9 * HOUR);
	insert("both", "10", 9 * HOUR);
	insert("both", "11", 1 * HOUR);
	for (int i = 0; i < 4; i++) /* 12 - 15 */
		insert("both2", "x", 1 * HOUR);
	keep_rooms("both2=9h,2");
	assert_int_equal(prune(), 6);
	assert_ids("2 4 5 6 7 8 11 14 15");
	assert_int_equal(run.due, 6);
	assert_int_equal(run.of, 15);
	assert_int_equal(run.rooms, 4);
	assert_int_equal(n_told, 6);
	assert_int_equal(prune(), 0);
	/* Triggers took the rest along. */
	assert_int_equal(test_number(&fx, "SELECT n FROM rooms WHERE name = 'count-1'"), 2);
	assert_int_equal(test_number(&fx, "SELECT id FROM deleted WHERE room = 'count-1'"), 3);
	assert_int_equal(test_number(&fx, "SELECT id FROM deleted WHERE room = 'both'"), 10);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM deleted"), 4);
	insert("main", "16", 0);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("16:16 ");
}

/* A room that is emptied is gone, and its name may be used again. */
static void
rooms_go_with_their_last_message(void **state)
{
	struct store_send send;

	(void)state;
	assert_int_equal(append("other", "x", "", &send), STORE_OK);
	test_other(&fx, "UPDATE messages SET at = 1000");
	keep.otherwise = (struct keep_rule){.age_ms = HOUR};
	insert("main", "2", 0);
	assert_int_equal(prune(), 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM rooms"), 1);
	assert_int_equal(append("other", "x", "", &send), STORE_OK);
	assert_true(send.made_room);
}

static void
keys_attachments_and_words_are_forgotten(void **state)
{
	struct store_send send;

	(void)state;
	assert_int_equal(append("main", "zebra", "k", &send), STORE_OK);
	test_other(&fx, "UPDATE messages SET attachments = 1, at = 1000;"
	                "INSERT INTO attachments VALUES (1, 0, x'00')");
	insert("main", "horse", 0);
	test_fill(&fx);
	keep.otherwise = (struct keep_rule){.age_ms = HOUR};
	assert_int_equal(prune(), 1);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM attachments"), 0);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed"), 0);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM search_1 WHERE search_1 MATCH 'zebra'"), 0);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM search_1 WHERE search_1 MATCH 'horse'"), 1);
	test_other(&fx, "INSERT INTO search_1 (search_1) VALUES ('integrity-check')");
	/* A key is kept as long as its message. */
	assert_int_equal(append("main", "zebra", "k", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_STORED);
	assert_int_equal(send.id, 3);
}

/* A time that is still to come counts from its neighbours: it neither lives for ever nor keeps others. */
static void
times_to_come_count_from_what_follows(void **state)
{
	(void)state;
	keep.otherwise = (struct keep_rule){.age_ms = 2 * HOUR};
	insert("a", "1", -1000 * (int64_t)HOUR);
	insert("b", "2", -1000 * (int64_t)HOUR);
	insert("a", "3", -1000 * (int64_t)HOUR);
	insert("a", "4", 4 * HOUR);
	insert("a", "5", -1000 * (int64_t)HOUR); /* what follows is new */
	insert("a", "6", 1 * HOUR);
	insert("b", "7", -1000 * (int64_t)HOUR); /* the last */
	assert_int_equal(prune(), 4);
	assert_ids("5 6 7");
	/* As they get old they go. */
	test_other(&fx, "UPDATE messages SET at = at - %d WHERE id = 6", 3 * HOUR);
	assert_int_equal(prune(), 2);
	assert_ids("7");
	insert("c", "8", 3 * HOUR);
	insert("c", "9", 0);
	assert_int_equal(prune(), 2);
	assert_ids("9");
}

/* What followed may have gone long before, where others are kept for less long: marks say what was there when. */
static void
times_to_come_pass_though_nothing_is_left_that_followed(void **state)
{
	(void)state;
	keep.otherwise = (struct keep_rule){.age_ms = 2 * HOUR};
	keep_rooms("z=1h");
	keep_rooms("n=1");
	insert("a", "1", -1000 * (int64_t)HOUR);
	insert("z", "2", 0);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(prune(), 0);
	/* Time goes by, and others come and go. */
	for (int i = 0; i < 3; i++) {
		test_other(&fx,
		    "UPDATE messages SET at = at - 2000000 WHERE id > 1;"
		    "UPDATE meta SET value = value - 2000000 WHERE name GLOB 'clock:*' OR name = 'keep_since'");
		insert("n", "x", 0);
		insert("z", "x", 0);
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		(void)prune();
		assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE id = 1"), 1);
	}
	test_other(&fx, "UPDATE messages SET at = at - 2000000 WHERE id > 1;"
	                "UPDATE meta SET value = value - 2000000 WHERE name GLOB 'clock:*'");
	insert("n", "x", 0);
	insert("z", "x", 0);
	(void)prune();
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE id = 1"), 0);
	/* There are never many of them. */
	for (int i = 0; i < 300; i++) {
		test_other(&fx, "UPDATE meta SET value = value - 100000 WHERE name GLOB 'clock:*'");
		insert("z", "x", 0);
		(void)test_look(&fx, 0);
		(void)prune();
	}
	assert_in_range(test_number(&fx, "SELECT count(*) FROM meta WHERE name GLOB 'clock:*'"), 60, 140);
}

/* A row goes when those before it in its room have gone: a wrong time far back takes nothing with it. */
static void
rows_go_in_the_order_of_ids(void **state)
{
	(void)state;
	keep.otherwise = (struct keep_rule){.age_ms = 2 * HOUR};
	insert("a", "1", 3 * HOUR);
	insert("a", "2", 1 * HOUR);
	test_other(&fx, "INSERT INTO messages (room, text, at) VALUES ('a', 'in seconds', 1700000000)");
	insert("a", "4", 0);
	assert_int_equal(prune(), 1);
	assert_ids("2 3 4");
	test_other(&fx, "UPDATE messages SET at = at - %d WHERE id = 2", 3 * HOUR);
	assert_int_equal(prune(), 2);
	assert_ids("4");
	/* What is no number at all is a time to come. */
	test_other(&fx, "PRAGMA ignore_check_constraints = 1;"
	                "INSERT INTO messages (room, text, at) VALUES ('a', '5', 'soon'), ('a', '6', 5);"
	                "UPDATE messages SET at = 5 WHERE id = 4; PRAGMA ignore_check_constraints = 0");
	insert("a", "7", 0);
	assert_int_equal(prune(), 3);
	assert_ids("7");
}

/* A great many of one time, and of times to come, are gone through in pieces. */
static void
long_ranges_are_gone_through_in_pieces(void **state)
{
	(void)state;
	keep.otherwise = (struct keep_rule){.age_ms = HOUR};
	test_other(&fx, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 20000)"
	                "INSERT INTO messages (room, text, at) SELECT 'a', i, CASE WHEN i <= 10000 THEN 1000"
	                " ELSE 9000000000000 END FROM c");
	assert_int_equal(test_look(&fx, 100000), STORE_OK);
	while (fx.news.more)
		assert_int_equal(test_look(&fx, 100000), STORE_OK);
	insert("b", "last", 0);
	keep.grace_ms = HOUR;
	assert_int_equal(prune(), 0);
	assert_int_equal(run.due, 10000);
	assert_int_equal(run.of, 20001);
	keep.grace_ms = 0;
	assert_int_equal(prune(), 10000);
	assert_int_equal(n_told, 10000);
	/* No piece is a long one. */
	assert_true(n_pieces >= 10000 / STORE_PRUNE_ROWS);
	test_other(&fx, "UPDATE messages SET at = 5 WHERE room = 'b'");
	insert("c", "new", 0);
	assert_int_equal(prune(), 10001);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed"), 0);
}

static void
new_rules_wait_and_a_restart_does_not_begin_anew(void **state)
{
	int64_t begins;

	(void)state;
	keep.otherwise = (struct keep_rule){.messages = 1};
	keep.grace_ms = HOUR;
	insert("main", "1", 0);
	insert("main", "2", 0);
	assert_int_equal(prune(), 0);
	assert_true(run.changed);
	assert_int_equal(run.due, 1);
	begins = run.begins_ms;
	assert_true(begins - run.now_ms == HOUR);
	/* The file remembers it, whoever asks. */
	clock_sleep_ms(5);
	assert_int_equal(prune(), 0);
	assert_false(run.changed);
	assert_int_equal(run.begins_ms, begins);
	/* Time goes by. */
	test_other(&fx, "UPDATE meta SET value = value - %d WHERE name = 'keep_since'", HOUR);
	assert_int_equal(prune(), 1);
	/* Other rules are new, and so are the same after none. */
	keep.otherwise.messages = 2;
	insert("main", "3", 0);
	insert("main", "4", 0);
	assert_int_equal(prune(), 0);
	assert_true(run.changed);
	test_other(&fx, "UPDATE meta SET value = value - %d WHERE name = 'keep_since'", HOUR);
	store_keep_all(fx.store);
	assert_int_equal(prune(), 0);
	assert_true(run.changed);
	/* Written by a clock that was ahead: from now on, not from then. */
	test_other(&fx, "UPDATE meta SET value = value + 1000000000 WHERE name = 'keep_since'");
	assert_int_equal(prune(), 0);
	assert_true(run.begins_ms - run.now_ms <= HOUR);
}

/* Whether a reader of the room is told that something above since was deleted, and a session that it is not to go on.
 */
static bool
told_of_gap(const char *room, int64_t since)
{
	struct store_poll p = {.since = since,
	    .head = 1000,
	    .limit = 100,
	    .rooms = {.names = {str_of(room)}, .n = 1, .all = room[0] == '*'}};
	struct store_missed m = {.room = str_of(room), .since = since, .head = 1000, .limit = 100};

	assert_int_equal(store_poll(fx.reader, &p), STORE_OK);
	buf_fini(&p.json);
	assert_int_equal(store_missed(fx.reader, &m), STORE_OK);
	assert_true(room[0] == '*' || p.gap == m.gap);
	return p.gap;
}

/* Rooms come and go without end: of those that went long ago one mark tells, and each of their readers of its gap. */
static void
names_of_rooms_that_are_gone_are_bounded(void **state)
{
	const char *gone = "SELECT count(*) FROM deleted WHERE room <> '' AND room NOT IN (SELECT name FROM rooms)";
	char room[16];

	(void)state;
	keep.otherwise = (struct keep_rule){.age_ms = HOUR};
	keep.gone_max = 100;
	keep_rooms("main=off");
	insert("main", "1", 0);
	for (int i = 2; i <= 101; i++) {
		snprintf(room, sizeof room, "r%d", i);
		insert(room, "x", 9 * HOUR);
	}
	assert_int_equal(prune(), 100);
	assert_int_equal(run.gone, 100);
	assert_int_equal(test_number(&fx, gone), 100);
	assert_false(told_of_gap("main", 0));
	/* One more. */
	insert("kept", "102", 0);
	insert("r103", "x", 9 * HOUR);
	assert_int_equal(prune(), 1);
	assert_in_range(test_number(&fx, gone), 40, 60);
	assert_int_equal(run.gone, test_number(&fx, gone));
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM meta WHERE name GLOB 'pruned:?*'"), test_number(&fx, gone));
	for (int i = 2; i <= 103; i++) {
		snprintf(room, sizeof room, "r%d", i);
		if (i == 102)
			continue;
		assert_true(told_of_gap(room, i - 1));
		if (i >= 60) /* it has a mark of its own */
			assert_false(told_of_gap(room, i));
	}
	/* Those that were there are told nothing of it, neither is whoever is above it. */
	assert_false(told_of_gap("main", 0));
	assert_false(told_of_gap("kept", 0));
	assert_true(told_of_gap("*", 102));
	assert_false(told_of_gap("*", 103));
	insert("new", "104", 0);
	assert_false(told_of_gap("new", 60));
	/* And on and on. */
	for (int i = 105; i < 900; i++) {
		snprintf(room, sizeof room, "r%d", i);
		insert(room, "x", 9 * HOUR);
		if (i % 40 == 0)
			(void)prune();
		assert_true(test_number(&fx, gone) <= 140);
	}
	assert_false(told_of_gap("main", 0));
	assert_true(told_of_gap("r2", 1));
	assert_true(told_of_gap("r700", 699));
	insert("main", "x", 9 * HOUR);
	test_other(&fx, "DELETE FROM messages WHERE room = 'main' AND id = 1");
	assert_true(told_of_gap("*", 0));
}

/* Another program has the lock, or a trigger of its own says no. */
static void
others_may_be_in_the_way(void **state)
{
	(void)state;
	keep.otherwise = (struct keep_rule){.messages = 1};
	for (int i = 0; i < 3; i++) {
		insert("a", "x", 0);
		insert("b", "x", 0);
		insert("c", "x", 0);
		insert("d", "x", 0);
	}
	begin_run();
	while (run.step != STORE_PRUNE_DELETE)
		assert_int_equal(piece(0), STORE_OK);
	test_other(&fx, "BEGIN IMMEDIATE");
	assert_int_equal(piece(0), STORE_BUSY);
	test_other(&fx, "COMMIT; CREATE TRIGGER no BEFORE DELETE ON messages WHEN OLD.room IN ('a', 'b', 'c')"
	                " BEGIN SELECT CASE OLD.room WHEN 'a' THEN RAISE(ABORT, 'no') WHEN 'b' THEN RAISE(IGNORE)"
	                " ELSE RAISE(ROLLBACK, 'no') END; END");
	for (int i = 0; run.step != STORE_PRUNE_ENDED; i++) {
		(void)piece(0);
		assert_true(i < 100);
	}
	assert_int_equal(run.deleted, 2);
	assert_ids("1 2 3 5 6 7 9 10 11 12");
	/* What a trigger of somebody's does meanwhile is told as anything that others do. */
	test_other(&fx, "DROP TRIGGER no; CREATE TRIGGER also AFTER DELETE ON messages WHEN OLD.id = 1"
	                " BEGIN DELETE FROM messages WHERE id = 12; INSERT INTO messages (text) VALUES ('also'); END");
	assert_int_equal(prune(), 6);
	assert_int_equal(n_told, 6);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_ids("9 10 11 13");
}

static void
what_triggers_did_is_told(void **state)
{
	bool told = false, gone = false;

	(void)state;
	keep.otherwise = (struct keep_rule){.messages = 1};
	insert("a", "1", 0);
	insert("a", "2", 0);
	insert("b", "3", 0);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_other(&fx, "CREATE TRIGGER also AFTER DELETE ON messages WHEN OLD.id = 1"
	                " BEGIN DELETE FROM messages WHERE id = 3; INSERT INTO messages (text) VALUES ('also'); END");
	begin_run();
	while (run.step != STORE_PRUNE_ENDED) {
		assert_int_equal(piece(0), STORE_OK);
		for (size_t i = 0; i < fx.news.n_messages; i++)
			told = told || str_eq(fx.news.messages[i]->f.body, STR("also"));
		for (size_t i = 0; i < fx.news.n_changes; i++) {
			gone = gone || fx.news.changes[i].id == 3;
			assert_int_equal(fx.news.changes[i].pruned, fx.news.changes[i].id == 1);
		}
	}
	assert_true(told && gone);
}

static void
a_gap_is_told_to_whom_it_is_due(void **state)
{
	(void)state;
	keep.otherwise = (struct keep_rule){.messages = 2};
	for (int i = 0; i < 4; i++) /* odd ones in a, even ones in b */
		insert("a", "x", 0), insert("b", "x", 0);
	keep_rooms("b=off");
	assert_int_equal(prune(), 2);
	assert_ids("2 4 5 6 7 8");
	for (int64_t since = 0; since <= 8; since++)
		for (int which = 0; which < 3; which++) {
			struct store_poll p = {.since = since, .head = 8, .limit = 100, .rooms = {.all = which == 2}};

			p.rooms.names[0] = which == 0 ? STR("a") : STR("b");
			p.rooms.n = 1;
			assert_int_equal(store_poll(fx.reader, &p), STORE_OK);
			assert_int_equal(p.gap, which != 1 && since < 3);
			buf_fini(&p.json);
		}
	/* The newest that are kept are all there are. */
	for (int64_t n = 1; n <= 5; n++) {
		struct store_poll p = {.newest = n, .head = 8, .limit = 100, .rooms = {.names = {STR("a")}, .n = 1}};

		assert_int_equal(store_poll(fx.reader, &p), STORE_OK);
		assert_int_equal(p.n, n < 2 ? n : 2);
		assert_false(p.gap);
		buf_fini(&p.json);
	}
	for (int64_t since = 0; since <= 8; since++) {
		struct store_missed m = {.room = STR("a"), .since = since, .head = 8, .limit = 100};
		struct store_tail t = {.room = STR("a"), .since = since, .head = 8, .limit = 10, .bytes_max = 1000};

		assert_int_equal(store_missed(fx.reader, &m), STORE_OK);
		assert_int_equal(m.gap, since < 3);
		assert_int_equal(store_tail(fx.reader, &t), STORE_OK);
		assert_int_equal(t.gap, since < 3);
		store_tail_fini(&t);
	}
}

/* A deletion by somebody's SQL keeps nobody from recovering. */
static void
deletions_of_others_are_no_retention(void **state)
{
	struct store_missed m = {.room = STR("main"), .since = 0, .head = 2, .limit = 100};

	(void)state;
	insert("main", "1", 0);
	insert("main", "2", 0);
	test_other(&fx, "DELETE FROM messages WHERE id = 1");
	assert_int_equal(store_missed(fx.reader, &m), STORE_OK);
	assert_false(m.gap);
}

/* Pages in use, with the index in one piece: what it is before it is merged says nothing of the rows. */
static int64_t
pages_used(void)
{
	test_other(&fx, "INSERT INTO search_1 (search_1) VALUES ('optimize')");
	return test_number(&fx, "PRAGMA page_count") - test_number(&fx, "PRAGMA freelist_count");
}

/* What was freed is used again, and nothing is left of what went. */
static void
the_file_does_not_grow(void **state)
{
	static const char rows[] = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 3000)"
	                           "INSERT INTO messages (room, text) SELECT 'main', hex(randomblob(100)) FROM c";
	int64_t used = 0, pages = 0;

	(void)state;
	keep.otherwise = (struct keep_rule){.messages = 3000};
	for (int i = 0; i < 10; i++) {
		test_other(&fx, "%s", rows);
		test_fill(&fx);
		assert_int_equal(prune(), i == 0 ? 0 : 3000);
		test_fill(&fx);
		if (i == 2) {
			used = pages_used();
			pages = test_number(&fx, "PRAGMA page_count");
		}
	}
	assert_in_range(pages_used(), used * 98 / 100, used * 102 / 100);
	/* The index is larger before it is merged; of seven times as many rows it would be much more than that. */
	assert_in_range(test_number(&fx, "PRAGMA page_count"), pages, 2 * pages);
}

/* In the middle of a run the disk fails, or memory is short: nothing is told that did not happen, and a later run does
 * the rest. */
static void
after_a_failure_the_next_run_does_the_rest(void **state)
{
	(void)state;
	keep.otherwise = (struct keep_rule){.messages = 10};
	for (int i = 0; i < 200; i++)
		insert("main", "x", 0);
	begin_run();
	while (run.step != STORE_PRUNE_DELETE)
		assert_int_equal(piece(0), STORE_OK);
	log_set_level(LOG_ERROR - 1);
	test_disk.write_errno = EIO;
	assert_int_not_equal(piece(0), STORE_OK);
	assert_int_equal(n_told, 0);
	test_disk.write_errno = 0;
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 200);
	log_set_level(LOG_ERROR);
	assert_int_equal(prune(), 190);
	assert_int_equal(n_told, 190);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_room_keeps_what_its_rule_says, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(rooms_go_with_their_last_message, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(keys_attachments_and_words_are_forgotten, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(times_to_come_count_from_what_follows, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(
	        times_to_come_pass_though_nothing_is_left_that_followed, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(rows_go_in_the_order_of_ids, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(long_ranges_are_gone_through_in_pieces, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(new_rules_wait_and_a_restart_does_not_begin_anew, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(names_of_rooms_that_are_gone_are_bounded, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(others_may_be_in_the_way, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(what_triggers_did_is_told, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(a_gap_is_told_to_whom_it_is_due, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(deletions_of_others_are_no_retention, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(the_file_does_not_grow, setup_keep, teardown),
	    cmocka_unit_test_setup_teardown(after_a_failure_the_next_run_does_the_rest, setup_keep, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
