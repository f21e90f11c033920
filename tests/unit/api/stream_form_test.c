/*
 * The forms of a stream (stream_form.h).
 */
#include "test.h"

#include "api/stream_form.h"

#define EPOCH STR("0123456789abcdef")

static struct buf out;

static int
setup(void **state)
{
	(void)state;
	buf_init(&out, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&out);
	return 0;
}

static struct message_fields
chat(struct str text)
{
	return (struct message_fields){.id = 42,
	    .at_ms = 1767225600123,
	    .room = STR("main"),
	    .event = STR("chat message"),
	    .sender = STR("ann"),
	    .body = text};
}

static void
expect(enum stream_form form, const struct message_fields *f, const char *want)
{
	buf_reset(&out, SIZE_MAX);
	stream_form_message(form, &out, EPOCH, f, STR(""));
	assert_true(buf_ok(&out));
	assert_str(buf_str(&out), want);
}

static void
a_message_has_its_id_in_each_form(void **state)
{
	struct message_fields f = chat(STR("hi"));

	(void)state;
	expect(STREAM_SSE, &f,
	    "id: 42-0123456789abcdef\n"
	    "data: {\"id\":42,\"room\":\"main\",\"event\":\"chat message\",\"sender\":\"ann\",\"text\":\"hi\","
	    "\"at\":\"2026-01-01T00:00:00.123Z\"}\n\n");
	expect(STREAM_LINES, &f,
	    "{\"id\":42,\"room\":\"main\",\"event\":\"chat message\",\"sender\":\"ann\",\"text\":\"hi\","
	    "\"at\":\"2026-01-01T00:00:00.123Z\"}\n");
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\tann\thi\n");
}

static void
ready_json_is_taken_as_it_is(void **state)
{
	struct message_fields f = chat(STR("hi"));

	(void)state;
	stream_form_message(STREAM_LINES, &out, EPOCH, &f, STR("{\"id\":42}"));
	assert_str(buf_str(&out), "{\"id\":42}\n");
}

static void
line_ends_between_arguments_are_blanks(void **state)
{
	struct message_fields f = chat(STR("[1,\n\r\n2]"));

	(void)state;
	f.is_args = true;
	f.event = STR("numbers");
	expect(STREAM_LINES, &f,
	    "{\"id\":42,\"room\":\"main\",\"event\":\"numbers\",\"sender\":\"ann\",\"args\":[1,   2],"
	    "\"at\":\"2026-01-01T00:00:00.123Z\"}\n");
	buf_reset(&out, SIZE_MAX);
	stream_form_message(STREAM_SSE, &out, EPOCH, &f, STR(""));
	assert_null(memmem(out.p, out.n - 2, "\n\n", 2));
	assert_null(memchr(out.p, '\r', out.n));
}

static void
expect_escaped(struct str s, const char *want)
{
	buf_reset(&out, SIZE_MAX);
	stream_form_escape(&out, s);
	assert_str(buf_str(&out), want);
}

static void
text_has_no_control_character(void **state)
{
	(void)state;
	expect_escaped(STR(""), "");
	expect_escaped(STR("plain, with blanks "), "plain, with blanks ");
	expect_escaped(STR("a\\b"), "a\\\\b");
	expect_escaped(STR("a\tb\nc\rd"), "a\\tb\\nc\\rd");
	expect_escaped(STR("\0\x01\x07\x1b[31m\x1f\x7f"), "\\x00\\x01\\x07\\x1b[31m\\x1f\\x7f");
	expect_escaped(STR("\xC2\x80\xC2\x85\xC2\x9B\xC2\x9F"), "\\u0080\\u0085\\u009b\\u009f");
	expect_escaped(
	    STR("\xC2\xA0 \xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80"), "\xC2\xA0 \xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80");
	expect_escaped(STR("\x9B"
	                   "31m\xFF"),
	    "\xEF\xBF\xBD"
	    "31m\xEF\xBF\xBD");
}

static void
a_line_of_text_has_five_columns_none_of_which_but_the_last_is_empty(void **state)
{
	struct message_fields f = chat(STR("a\tb\nc"));

	(void)state;
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\tann\ta\\tb\\nc\n");
	f.sender = STR("");
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\t-\ta\\tb\\nc\n");
	f.sender = STR("-");
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\t\\x2d\ta\\tb\\nc\n");
	f.sender = STR("\x1b]0;x\x07");
	f.body = STR("");
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\t\\x1b]0;x\\x07\t\n");
}

static void
other_events_are_marked_in_text_as_no_text_can_be(void **state)
{
	struct message_fields f = chat(STR("[\"sda1\",{\"p\":91}]"));

	(void)state;
	f.event = STR("disk");
	f.is_args = true;
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\tann\t\\: disk [\"sda1\",{\"p\":91}]\n");
	f.body = STR("[ \"one\\nstring\" ]");
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\tann\t\\: disk one\\nstring\n");
	f.body = STR("[\"a\\n\",1]");
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\tann\t\\: disk [\"a\\\\n\",1]\n");
	f.body = STR("[]");
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\tann\t\\: disk []\n");
	f = chat(STR("new"));
	f.event = STR("message changed");
	f.changes = 7;
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\tann\t\\: message changed 7 new\n");
	f.event = STR("message deleted");
	f.body = STR("");
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\tann\t\\: message deleted 7\n");
	f = chat(STR("\\: message deleted 7"));
	expect(STREAM_TEXT, &f, "42\t2026-01-01T00:00:00.123Z\tmain\tann\t\\\\: message deleted 7\n");
}

static void
expect_word(enum stream_form form, enum stream_word word, const char *want)
{
	buf_reset(&out, SIZE_MAX);
	stream_form_word(form, &out, word, EPOCH, 42);
	assert_str(buf_str(&out), want);
}

static void
each_word_says_where_to_go_on(void **state)
{
	(void)state;
	expect_word(STREAM_SSE, STREAM_OPEN, "event: open\nid: 42-0123456789abcdef\n\n");
	expect_word(STREAM_SSE, STREAM_ALIVE, ":\nid: 42-0123456789abcdef\n\n");
	expect_word(STREAM_SSE, STREAM_GAP,
	    "event: gap\nid: 42-0123456789abcdef\ndata: {\"epoch\":\"0123456789abcdef\",\"next\":42}\n\n");
	expect_word(STREAM_SSE, STREAM_RESET,
	    "event: reset\nid: 42-0123456789abcdef\ndata: {\"epoch\":\"0123456789abcdef\",\"next\":42}\n\n");
	expect_word(STREAM_LINES, STREAM_ALIVE, "{\"stream\":\"alive\",\"epoch\":\"0123456789abcdef\",\"next\":42}\n");
	expect_word(STREAM_TEXT, STREAM_RESET, "# reset 42-0123456789abcdef\n");
}

static void
the_end_and_the_time_to_come_back(void **state)
{
	static const char *const want[STREAM_FORMS] = {
	    "retry: 1500\n: it is over\n\n", "{\"stream\":\"end\",\"why\":\"it is over\"}\n", "# end it is over\n"};

	(void)state;
	for (unsigned form = 0; form < STREAM_FORMS; form++) {
		buf_reset(&out, SIZE_MAX);
		stream_form_retry((enum stream_form)form, &out, 1500);
		stream_form_end((enum stream_form)form, &out, STR("it is over"));
		assert_str(buf_str(&out), want[form]);
	}
}

static void
an_id_may_have_an_epoch(void **state)
{
	static const struct str bad[] = {{"", 0}, {"x", 1}, {"-", 1}, {"-1", 2}, {"42-", 3}, {"42 ", 3}, {"4x-e", 4},
	    {"9007199254740992", 16}, {"-e", 2}};
	int64_t id;
	struct str epoch;

	(void)state;
	assert_true(stream_form_read_id(STR("42-abc"), &id, &epoch));
	assert_int_equal(id, 42);
	assert_str(epoch, "abc");
	assert_true(stream_form_read_id(STR("9007199254740991"), &id, &epoch));
	assert_int_equal(id, MESSAGE_ID_MAX);
	assert_int_equal(epoch.n, 0);
	assert_true(stream_form_read_id(STR("0-a-b"), &id, &epoch));
	assert_str(epoch, "a-b");
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_false(stream_form_read_id(bad[i], &id, &epoch));
}

static void
forms_have_names(void **state)
{
	enum stream_form form;

	(void)state;
	assert_true(stream_form_read(STR("sse"), &form) && form == STREAM_SSE);
	assert_true(stream_form_read(STR("ndjson"), &form) && form == STREAM_LINES);
	assert_true(stream_form_read(STR("text"), &form) && form == STREAM_TEXT);
	assert_false(stream_form_read(STR(""), &form));
	assert_false(stream_form_read(STR("SSE"), &form));
	assert_str(stream_form_type(STREAM_SSE), "text/event-stream");
	assert_str(stream_form_type(STREAM_LINES), "application/x-ndjson");
	assert_str(stream_form_type(STREAM_TEXT), "text/plain; charset=UTF-8");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_message_has_its_id_in_each_form, setup, teardown),
	    cmocka_unit_test_setup_teardown(ready_json_is_taken_as_it_is, setup, teardown),
	    cmocka_unit_test_setup_teardown(line_ends_between_arguments_are_blanks, setup, teardown),
	    cmocka_unit_test_setup_teardown(text_has_no_control_character, setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        a_line_of_text_has_five_columns_none_of_which_but_the_last_is_empty, setup, teardown),
	    cmocka_unit_test_setup_teardown(other_events_are_marked_in_text_as_no_text_can_be, setup, teardown),
	    cmocka_unit_test_setup_teardown(each_word_says_where_to_go_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_end_and_the_time_to_come_back, setup, teardown),
	    cmocka_unit_test(an_id_may_have_an_epoch),
	    cmocka_unit_test(forms_have_names),
	};

	return cmocka_run_group_tests_name("stream_form", tests, NULL, NULL);
}
