/*
 * The list of rooms: its order, its pages, what of a last message is shown, and the head that bounds it.
 */
#include "store/store_db.h"
#include "test_store.h"

static struct test_store fx;

static int
setup(void **state)
{
	(void)state;
	test_store_init(&fx);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_store_fini(&fx);
	return 0;
}

/* The rooms as "name:last:n", with blanks between and "+" behind when there are more. */
static const char *
listed(struct store *s, int64_t head, int64_t after, size_t limit)
{
	static char text[1000];
	struct store_list l = {.head = head, .after = after, .limit = limit};
	size_t n = 0;
	char *p;

	assert_int_equal(store_list(s, &l), STORE_OK);
	buf_add_char(&l.json, '\0');
	text[0] = '\0';
	p = l.json.p;
	for (size_t i = 0; i < l.n; i++) {
		char name[80];
		long long last, count;
		const char *behind = strstr(p, "\"n\":");

		assert_int_equal(sscanf(p, "{\"name\":\"%79[^\"]\",\"last\":%lld", name, &last), 2);
		assert_non_null(behind);
		assert_int_equal(sscanf(behind, "\"n\":%lld", &count), 1);
		n +=
		    (size_t)snprintf(text + n, sizeof text - n, "%s%s:%lld:%lld", i == 0 ? "" : " ", name, last, count);
		p = strstr(behind, "},{");
		assert_true((p != NULL) == (i + 1 < l.n));
		p += 2;
	}
	snprintf(text + n, sizeof text - n, "%s", l.more ? "+" : "");
	buf_fini(&l.json);
	return text;
}

static void
add(const char *room)
{
	test_other(&fx, "INSERT INTO messages (room, text) VALUES ('%s', 'x')", room);
}

static void
lists_rooms_by_their_last_messages(void **state)
{
	(void)state;
	assert_string_equal(listed(fx.reader, MESSAGE_ID_MAX, INT64_MAX, 10), "");
	add("a");
	add("b");
	add("c");
	add("a");
	assert_string_equal(listed(fx.reader, 4, INT64_MAX, 10), "a:4:2 c:3:1 b:2:1");
	assert_string_equal(listed(fx.reader, 4, INT64_MAX, 3), "a:4:2 c:3:1 b:2:1");
	assert_string_equal(listed(fx.reader, 4, INT64_MAX, 2), "a:4:2 c:3:1+");
	assert_string_equal(listed(fx.reader, 4, 3, 2), "b:2:1");
	assert_string_equal(listed(fx.reader, 4, 4, 1), "c:3:1+");
	assert_string_equal(listed(fx.reader, 4, 2, 2), "");
	test_other(&fx, "DELETE FROM messages WHERE id = 4");
	assert_string_equal(listed(fx.reader, 4, INT64_MAX, 10), "c:3:1 b:2:1 a:1:1");
	test_other(&fx, "DELETE FROM messages WHERE room = 'c'");
	assert_string_equal(listed(fx.reader, 4, INT64_MAX, 10), "b:2:1 a:1:1");
}

/* Whatever the table says by now: as it was at the head. */
static void
lists_rooms_as_they_were_at_the_head(void **state)
{
	(void)state;
	add("a");
	add("b");
	add("a");
	add("c");
	add("b");
	add("b");
	assert_string_equal(listed(fx.reader, 6, INT64_MAX, 10), "b:6:3 c:4:1 a:3:2");
	assert_string_equal(listed(fx.reader, 5, INT64_MAX, 10), "b:5:2 c:4:1 a:3:2");
	assert_string_equal(listed(fx.reader, 4, INT64_MAX, 10), "c:4:1 a:3:2 b:2:1");
	assert_string_equal(listed(fx.reader, 4, INT64_MAX, 2), "c:4:1 a:3:2+");
	assert_string_equal(listed(fx.reader, 4, 3, 2), "b:2:1");
	assert_string_equal(listed(fx.reader, 2, INT64_MAX, 10), "b:2:1 a:1:1");
	assert_string_equal(listed(fx.reader, 0, INT64_MAX, 10), "");
}

static void
ends_a_page_when_its_bytes_are_enough(void **state)
{
	struct store *s;

	(void)state;
	add("a");
	add("b");
	add("c");
	fx.options.reply_max = 300;
	s = test_store_open(&fx, false);
	assert_string_equal(listed(s, 3, INT64_MAX, 10), "c:3:1 b:2:1+");
	store_close(s);
	fx.options.reply_max = 1;
	s = test_store_open(&fx, false);
	assert_string_equal(listed(s, 3, INT64_MAX, 10), "c:3:1+");
	assert_string_equal(listed(s, 3, 2, 10), "a:1:1");
	store_close(s);
}

/* The text shown of the newest room. */
static void
assert_shown(const char *sql_values, const char *members)
{
	struct store_list l = {.head = MESSAGE_ID_MAX, .after = INT64_MAX, .limit = 1};
	struct buf expected;

	test_other(&fx, "INSERT INTO messages (room, event, sender, at, text, args) VALUES ('r', %s)", sql_values);
	assert_int_equal(store_list(fx.reader, &l), STORE_OK);
	buf_init(&expected, 10000);
	buf_printf(&expected, "%s}", members);
	assert_true(l.json.n > expected.n);
	assert_memory_equal(l.json.p + l.json.n - expected.n, expected.p, expected.n);
	buf_fini(&expected);
	buf_fini(&l.json);
}

static void
shows_200_characters_of_the_last_message(void **state)
{
	char sql[1000], members[2000], wide[201 * 4 + 1] = "";

	(void)state;
	assert_shown("'e', 'ann', 0, 'hi', NULL", ",\"at\":\"1970-01-01T00:00:00.000Z\",\"n\":1,\"event\":\"e\","
	                                          "\"sender\":\"ann\",\"text\":\"hi\"");
	assert_shown("'e', '', 1, NULL, '[\"sda\", 17]'", ",\"sender\":\"\",\"text\":\"[\\\"sda\\\", 17]\"");
	assert_shown("'e', '', 1, '', NULL", ",\"text\":\"\"");
	assert_shown("'e', '', 1, CAST(x'61006200' AS TEXT), NULL", ",\"text\":\"a\\u0000b\\u0000\"");
	assert_shown("'e', '', 1, CAST(x'61ff62' AS TEXT), NULL", ",\"text\":\"a\xEF\xBF\xBD"
	                                                          "b\"");
	test_other(&fx, "PRAGMA ignore_check_constraints = ON");
	assert_shown("'e', '', 1, NULL, NULL", ",\"text\":\"\"");
	test_other(&fx, "PRAGMA ignore_check_constraints = OFF");
	/* 200 characters are shown whole, of however many bytes, and of 201 the first 200. */
	for (size_t i = 0; i < 200; i++)
		strcat(wide, "\xF0\x9F\x8E\x88");
	snprintf(sql, sizeof sql, "'e', '', 1, '%s', NULL", wide);
	snprintf(members, sizeof members, ",\"text\":\"%s\"", wide);
	assert_shown(sql, members);
	snprintf(sql, sizeof sql, "'e', '', 1, '%s!', NULL", wide);
	snprintf(members, sizeof members, ",\"text\":\"%s\xE2\x80\xA6\"", wide);
	assert_shown(sql, members);
	assert_shown("'e', '', 1, replace(hex(zeroblob(201)), '00', 'x'), NULL", "x\xE2\x80\xA6\"");
	assert_shown("'e', '', 1, replace(hex(zeroblob(199)), '00', 'x') || 'y', NULL", "xy\"");
}

/* ---- what a page costs ---- */

/* Steps of SQLite's machine since they were asked for last. */
static int
steps_taken(void)
{
	int steps = 0;

	for (size_t i = 0; i < fx.reader->n_statements; i++)
		steps += sqlite3_stmt_status(fx.reader->statements[i].stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
	return steps;
}

/* Steps that a page takes. */
static int
steps_of(int64_t head, int64_t after, size_t limit)
{
	struct store_list l = {.head = head, .after = after, .limit = limit};

	assert_int_equal(store_list(fx.reader, &l), STORE_OK);
	assert_int_equal(l.n, limit);
	buf_fini(&l.json);
	return steps_taken();
}

/* Rooms whose last messages are far apart from each other, in another order than their names'. */
static void
add_rooms(int from, int n)
{
	test_other(&fx,
	    "INSERT INTO messages (room, text) WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) SELECT 'r' || ((i * 7919) %% 100003), 'x' FROM n",
	    from, from + n - 1);
}

/* However many rooms there are, and wherever it begins. */
static void
costs_the_same_beside_any_number_of_rooms(void **state)
{
	enum { FEW = 5000, MANY = 40000, SHOWN = 100, BLOCK = 1024, A_ROOM = 40 };
	int few, many;

	(void)state;
	add_rooms(1, FEW);
	few = steps_of(FEW, INT64_MAX, SHOWN);
	add_rooms(FEW + 1, MANY - FEW);
	many = steps_of(MANY, INT64_MAX, SHOWN);
	/* Two blocks that are not shown whole, at most. */
	assert_in_range(few, SHOWN, (SHOWN + 2 * BLOCK) * A_ROOM);
	assert_in_range(many, SHOWN, (SHOWN + 2 * BLOCK) * A_ROOM);
	assert_in_range(steps_of(MANY, MANY / 2, SHOWN), SHOWN, (SHOWN + 2 * BLOCK) * A_ROOM);
	assert_in_range(steps_of(MANY, 2 * SHOWN, SHOWN), SHOWN, (SHOWN + 2 * BLOCK) * A_ROOM);
	/* Other programs' messages are not known yet. */
	assert_in_range(steps_of(MANY - 3, INT64_MAX, SHOWN), SHOWN, (SHOWN + 3 * BLOCK) * A_ROOM);
	assert_in_range(steps_of(MANY, INT64_MAX, 1000), 1000, (1000 + 2 * BLOCK) * A_ROOM);
}

/* ---- what is unread ---- */

/* Of room r, above `read`. */
static int64_t
unread(int64_t read)
{
	struct store_marks marks = {.v = {{"r", read}}, .n = 1};
	struct store_list l = {.head = MESSAGE_ID_MAX, .after = INT64_MAX, .limit = 10, .marks = &marks};
	long long n = -1;
	const char *p;

	assert_int_equal(store_list(fx.reader, &l), STORE_OK);
	buf_add_char(&l.json, '\0');
	p = strstr(l.json.p, ",\"unread\":");
	if (p != NULL)
		assert_int_equal(sscanf(p, ",\"unread\":%lld", &n), 1);
	buf_fini(&l.json);
	return n;
}

static void
change(int64_t id, int n)
{
	test_other(&fx,
	    "INSERT INTO messages (room, event, changes, text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
	    " FROM n WHERE i < %d) SELECT 'r', 'message changed', %lld, i FROM n",
	    n, (long long)id);
}

static bool
has_messages(void)
{
	return test_number(&fx, "SELECT EXISTS (SELECT 1 FROM messages WHERE room = 'r' AND changes IS NULL)") != 0;
}

/* Messages, changes and deletions at random; each count is what a walk through all rows counts. */
static void
counts_what_is_unread(void **state)
{
	(void)state;
	srand(11);
	for (int round = 0; round < 300; round++) {
		int64_t head =
		    test_number(&fx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'messages'");
		int64_t some = head == 0 ? 0 : rand() % head;
		char sql[200];

		if (rand() % 3 != 0)
			add(rand() % 4 == 0 ? "other" : "r");
		if (has_messages())
			change(test_number(&fx, "SELECT id FROM messages WHERE room = 'r' AND changes IS NULL"
			                        " ORDER BY random() LIMIT 1"),
			    rand() % 3 == 0 ? 4 : 1);
		if (rand() % 3 == 0)
			test_other(&fx, "DELETE FROM messages WHERE id = %lld", (long long)some);
		if (rand() % 10 == 0)
			test_other(&fx, "INSERT OR REPLACE INTO messages (room, text, key) VALUES ('r', 'y', 'k%d')",
			    rand() % 2);
		snprintf(sql, sizeof sql,
		    "SELECT count(*) FROM messages WHERE room = 'r' AND changes IS NULL AND id > %lld",
		    (long long)some);
		if (has_messages())
			assert_int_equal(unread(some), test_number(&fx, sql));
	}
}

/* However many changes there are between the messages. */
static void
counting_costs_no_changes(void **state)
{
	enum { CHANGES = 20000, FEW = 1000, MANY = 60000 };

	(void)state;
	add("r");
	change(1, CHANGES);
	add("r");
	change(1, CHANGES);
	add("r");
	assert_int_equal(unread(0), 3);
	assert_in_range(steps_taken(), 1, FEW);
	/* Where steps are forgotten it ends all the same. */
	test_other(&fx, "DELETE FROM steps");
	assert_int_equal(unread(0), 1);
	assert_in_range(steps_taken(), FEW, MANY);
}

/* What the list would be if all rooms were sorted each time. */
static void
assert_as_sorted(int64_t head, int64_t after, size_t limit)
{
	struct store_list l = {.head = head, .after = after, .limit = limit};
	sqlite3_stmt *stmt;
	const char *p;
	size_t n = 0;

	assert_int_equal(store_list(fx.reader, &l), STORE_OK);
	buf_add_char(&l.json, '\0');
	p = l.json.p;
	assert_int_equal(
	    sqlite3_prepare_v2(fx.other,
	        "SELECT room, max(id), count(*) FROM messages WHERE id <= ?1 GROUP BY room HAVING max(id) < ?2"
	        " ORDER BY max(id) DESC",
	        -1, &stmt, NULL),
	    SQLITE_OK);
	sqlite3_bind_int64(stmt, 1, head);
	sqlite3_bind_int64(stmt, 2, after);
	while (sqlite3_step(stmt) == SQLITE_ROW && n < limit) {
		char name[80];
		long long last, count;

		assert_in_range(n++, 0, l.n - 1);
		assert_int_equal(sscanf(p, "{\"name\":\"%79[^\"]\",\"last\":%lld,\"at\":\"%*[^\"]\",\"n\":%lld", name,
		                     &last, &count),
		    3);
		assert_string_equal(name, (const char *)sqlite3_column_text(stmt, 0));
		assert_int_equal(last, sqlite3_column_int64(stmt, 1));
		assert_int_equal(count, sqlite3_column_int64(stmt, 2));
		p = strchr(p, '}') + 2;
	}
	assert_int_equal(n, l.n);
	assert_int_equal(l.more, sqlite3_column_count(stmt) > 0 && sqlite3_data_count(stmt) > 0);
	sqlite3_finalize(stmt);
	buf_fini(&l.json);
}

/* Messages come and go at random, over several blocks; the blocks say of each room what table rooms says. */
static void
the_blocks_agree_with_the_rooms(void **state)
{
	(void)state;
	srand(7);
	for (int round = 0; round < 30; round++) {
		int64_t head;

		test_other(&fx,
		    "INSERT INTO messages (room, text, key) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
		    "FROM n"
		    " WHERE i < %d) SELECT 'r' || (abs(random()) %% %d), 'x', NULL FROM n",
		    1 + rand() % 600, 1 + rand() % 200);
		test_other(&fx, "INSERT OR REPLACE INTO messages (room, text, key) VALUES ('r%d', 'y', 'k%d')",
		    rand() % 50, rand() % 3);
		test_other(&fx, "DELETE FROM messages WHERE id %% 7 = %d AND id > (SELECT max(id) - %d FROM messages)",
		    rand() % 7, rand() % 3000);
		test_other(&fx, "DELETE FROM messages WHERE room = 'r%d'", rand() % 200);
		assert_int_equal(test_number(&fx, "SELECT count(*) FROM (SELECT last >> 10, name FROM rooms EXCEPT"
		                                  " SELECT block, name FROM rooms_recent)"),
		    0);
		assert_int_equal(test_number(&fx, "SELECT count(*) FROM rooms_recent"),
		    test_number(&fx, "SELECT count(*) FROM rooms"));
		head = test_number(&fx, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'");
		assert_as_sorted(head, INT64_MAX, 1000);
		assert_as_sorted(head, head - rand() % 2000, 20);
		assert_as_sorted(head - rand() % 2000, INT64_MAX, 50);
		assert_as_sorted(head - rand() % 500, head - rand() % 2000, 50);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(lists_rooms_by_their_last_messages, setup, teardown),
	    cmocka_unit_test_setup_teardown(lists_rooms_as_they_were_at_the_head, setup, teardown),
	    cmocka_unit_test_setup_teardown(ends_a_page_when_its_bytes_are_enough, setup, teardown),
	    cmocka_unit_test_setup_teardown(shows_200_characters_of_the_last_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(costs_the_same_beside_any_number_of_rooms, setup, teardown),
	    cmocka_unit_test_setup_teardown(counts_what_is_unread, setup, teardown),
	    cmocka_unit_test_setup_teardown(counting_costs_no_changes, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_blocks_agree_with_the_rooms, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
