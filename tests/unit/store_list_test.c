/*
 * The list of rooms: its order, its pages, what of a last message is shown, and the head that bounds it.
 */
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
test_order(void **state)
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
test_head(void **state)
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
test_reply_max(void **state)
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
test_shown(void **state)
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_head, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reply_max, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shown, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
