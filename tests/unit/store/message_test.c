#include "store/message.h"

#include <time.h>

#include "base/json.h"
#include "test.h"

static void
a_message_copies_its_fields(void **state)
{
	char room[] = "main", event[] = "chat message", sender[] = "ann", body[] = "h\0i", key[] = "k";
	struct message_fields f = {.id = 7,
	    .at_ms = 8,
	    .room = {room, 4},
	    .event = {event, 12},
	    .sender = {sender, 3},
	    .body = {body, 3},
	    .key = {key, 1}};
	struct message *m = message_new(&f);

	(void)state;
	assert_non_null(m);
	memset(room, 'x', 4);
	memset(event, 'x', 12);
	memset(sender, 'x', 3);
	memset(body, 'x', 3);
	key[0] = 'x';
	assert_int_equal(m->f.id, 7);
	assert_int_equal(m->f.at_ms, 8);
	assert_str(m->f.room, "main");
	assert_str(m->f.event, "chat message");
	assert_str(m->f.sender, "ann");
	assert_str_n(m->f.body, STR("h\0i"));
	assert_str(m->f.key, "k");
	assert_true(m->size >= sizeof *m + 4 + 12 + 3 + 3 + 1);
	assert_int_equal(m->holders, 1);
	assert_ptr_equal(message_hold(m), m);
	message_drop(m);
	assert_str(m->f.room, "main");
	message_drop(m);
	message_drop(NULL);

	m = message_new(&(struct message_fields){.id = 1});
	assert_non_null(m);
	assert_int_equal(m->f.body.n, 0);
	message_drop(m);
}

static void
a_published_message_has_its_json(void **state)
{
	struct message_fields f = {.id = 3, .room = STR("r"), .event = STR("e"), .body = STR("b")};
	struct message *m = message_new(&f);
	size_t size = m->size;

	(void)state;
	assert_int_equal(message_encode(m), 0);
	assert_str(m->json, "{\"id\":3,\"room\":\"r\",\"event\":\"e\",\"sender\":\"\",\"text\":\"b\",\"at\":\"1970-01-"
	                    "01T00:00:00.000Z\"}");
	assert_true(m->size >= size + m->json.n);
	message_drop(m);
}

/* The arguments of an event, from the fields and from the JSON that was made of them. */
static void
assert_args(struct str body, bool is_args, const char *want)
{
	struct message_fields f = {.room = STR("r"), .event = STR("\""), .body = body, .is_args = is_args};
	struct message *m = message_new(&f);
	struct buf b;

	for (int published = 0; published < 2; published++) {
		if (published)
			assert_int_equal(message_encode(m), 0);
		buf_init(&b, SIZE_MAX);
		message_add_args(&b, m);
		assert_str(buf_str(&b), want);
		buf_fini(&b);
	}
	message_drop(m);
}

static void
args_are_added_behind_the_event(void **state)
{
	(void)state;
	assert_args(STR("b\n"), false, "\"\\\"\",\"b\\n\"");
	assert_args(STR(""), false, "\"\\\"\",\"\"");
	assert_args(STR("[]"), true, "\"\\\"\"");
	assert_args(STR(" \r\n[\t\n] \n"), true, "\"\\\"\"");
	assert_args(STR("[\"a\"]"), true, "\"\\\"\",\"a\"");
	assert_args(STR("\n[ 1.50,[2],\"]\"]\n"), true, "\"\\\"\",1.50,[2],\"]\"");
	assert_args(STR("[\"\xFF\",1]"), true, "\"\\\"\",\"\xEF\xBF\xBD\",1");
}

static void
assert_message(const struct message_fields *f, struct str snippet, const char *want)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	message_add_json(&b, f, snippet);
	assert_str(buf_str(&b), want);
	assert_int_equal(json_object(buf_str(&b), 2000, NULL, NULL, NULL), JSON_OK);
	buf_fini(&b);
}

/* What becomes of a body, between the other members. */
static void
assert_body(struct str body, bool is_args, const char *want)
{
	struct message_fields f = {.id = 1, .room = STR("r"), .event = STR("e"), .body = body, .is_args = is_args};
	char all[512];

	snprintf(all, sizeof all,
	    "{\"id\":1,\"room\":\"r\",\"event\":\"e\",\"sender\":\"\",%s,\"at\":\"1970-01-01T00:00:00.000Z\"}", want);
	assert_message(&f, STR(""), all);
}

#define FFFD "\xEF\xBF\xBD"

static void
a_message_is_told_with_all_its_members(void **state)
{
	struct message_fields f = {.id = MESSAGE_ID_MAX,
	    .at_ms = INT64_C(1795350896789),
	    .room = STR("main"),
	    .event = STR("chat \"message\""),
	    .sender = STR("\xC3\xA9\n\x80"),
	    .body = STR("hi")};

	(void)state;
	assert_message(&f, STR(""),
	    "{\"id\":9007199254740991,\"room\":\"main\",\"event\":\"chat "
	    "\\\"message\\\"\",\"sender\":\"\xC3\xA9\\n" FFFD
	    "\",\"text\":\"hi\",\"at\":\"2026-11-22T12:34:56.789Z\"}");
	assert_message(&f, STR("[\"a\"]"),
	    "{\"id\":9007199254740991,\"room\":\"main\",\"event\":\"chat "
	    "\\\"message\\\"\",\"sender\":\"\xC3\xA9\\n" FFFD
	    "\",\"text\":\"hi\",\"at\":\"2026-11-22T12:34:56.789Z\",\"snippet\":[\"a\"]}");
	assert_body(STR(""), false, "\"text\":\"\"");
	assert_body(STR("a\0b"), false, "\"text\":\"a\\u0000b\"");
	assert_body(STR("[\"x\"]"), false, "\"text\":\"[\\\"x\\\"]\"");
}

static void
exactly_one_string_is_told_as_text(void **state)
{
	(void)state;
	assert_body(STR("[]"), true, "\"args\":[]");
	assert_body(STR(" [ ] "), true, "\"args\": [ ] ");
	assert_body(STR("[1]"), true, "\"args\":[1]");
	assert_body(STR("[1.50,123456789012345678901]"), true, "\"args\":[1.50,123456789012345678901]");
	assert_body(STR("[[\"a\"]]"), true, "\"args\":[[\"a\"]]");
	assert_body(STR("[{\"a\":\"b\"}]"), true, "\"args\":[{\"a\":\"b\"}]");
	assert_body(STR("[null]"), true, "\"args\":[null]");
	assert_body(STR("[\"a\",\"b\"]"), true, "\"args\":[\"a\",\"b\"]");
	assert_body(STR("[\"a\",1]"), true, "\"args\":[\"a\",1]");
	/* Exactly one string is a text. */
	assert_body(STR("[\"a\"]"), true, "\"text\":\"a\"");
	assert_body(STR("[\"\"]"), true, "\"text\":\"\"");
	assert_body(STR(" \t\r\n[ \t\r\n\"a\" \t\r\n] \n"), true, "\"text\":\"a\"");
	assert_body(STR("[\"a\\\"b\"]"), true, "\"text\":\"a\\\"b\"");
	assert_body(STR("[\"a\\\\\"]"), true, "\"text\":\"a\\\\\"");
	assert_body(STR("[\"a\\\\\\\"]\"]"), true, "\"text\":\"a\\\\\\\"]\"");
	assert_body(STR("[\"]\"]"), true, "\"text\":\"]\"");
	assert_body(STR("[\"\\\"]\",\"[\"]"), true, "\"args\":[\"\\\"]\",\"[\"]");
	assert_body(STR("[\"\\u0000\\ud83d\\ude00\"]"), true, "\"text\":\"\\u0000\\ud83d\\ude00\"");
	/* As another program may have written it. */
	assert_body(STR("[\"\xFF\"]"), true, "\"text\":\"" FFFD "\"");
	assert_body(STR("[\"a\",\"\xC3\"]"), true, "\"args\":[\"a\",\"" FFFD "\"]");
}

static void
a_time_is_written_with_milliseconds(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
	    {0, "1970-01-01T00:00:00.000Z"},
	    {1, "1970-01-01T00:00:00.001Z"},
	    {-1, "1969-12-31T23:59:59.999Z"},
	    {-1000, "1969-12-31T23:59:59.000Z"},
	    {-1001, "1969-12-31T23:59:58.999Z"},
	    {999, "1970-01-01T00:00:00.999Z"},
	    {INT64_C(1795350896789), "2026-11-22T12:34:56.789Z"},
	    {INT64_C(951827696000), "2000-02-29T12:34:56.000Z"},
	    {INT64_C(-62135596800000), "0001-01-01T00:00:00.000Z"},
	    {INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
	    {INT64_C(-62167219200001), "0000-01-01T00:00:00.000Z"},
	    {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
	    {INT64_C(253402300800000), "9999-12-31T23:59:59.999Z"},
	    {INT64_MIN, "0000-01-01T00:00:00.000Z"},
	    {INT64_MAX, "9999-12-31T23:59:59.999Z"},
	};
	char text[MESSAGE_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		message_time(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
	}
	test_seed(5);
	for (int i = 0; i < 20000; i++) {
		time_t seconds = (time_t)test_random(2147483648u) * 3 - 3000000000;
		int ms = (int)test_random(1000);
		char want[64], day[40];
		struct tm t;

		gmtime_r(&seconds, &t);
		strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &t);
		snprintf(want, sizeof want, "%s.%03dZ", day, ms);
		message_time((int64_t)seconds * 1000 + ms, text);
		assert_string_equal(text, want);
	}
}

static void
a_room_name_has_letters_digits_and_three_others(void **state)
{
	char longest[66];

	(void)state;
	assert_true(message_room_ok(STR("a")));
	assert_true(message_room_ok(STR("A-Z.a_z-0.9")));
	assert_true(message_room_ok(STR("-")));
	assert_true(message_room_ok(STR("..")));
	assert_false(message_room_ok(STR("")));
	assert_false(message_room_ok(STR("*")));
	assert_false(message_room_ok(STR("a b")));
	assert_false(message_room_ok(STR("a/b")));
	assert_false(message_room_ok(STR("a\0")));
	assert_false(message_room_ok(STR("\xC3\xA9")));
	for (int c = 0; c < 256; c++) {
		char name = (char)c;
		bool good =
		    c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", c) != NULL;

		assert_int_equal(message_room_ok((struct str){&name, 1}), good);
	}
	memset(longest, 'r', sizeof longest);
	assert_true(message_room_ok((struct str){longest, MESSAGE_ROOM_MAX}));
	assert_false(message_room_ok((struct str){longest, MESSAGE_ROOM_MAX + 1}));
}

static void
an_event_name_is_none_of_the_reserved(void **state)
{
	static const char *const reserved[] = {
	    "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"};
	char longest[130];

	(void)state;
	for (size_t i = 0; i < LENGTH(reserved); i++) {
		char other[40];

		assert_false(message_event_ok(str_of(reserved[i])));
		snprintf(other, sizeof other, "%s ", reserved[i]);
		assert_true(message_event_ok(str_of(other)));
		assert_true(message_event_ok((struct str){reserved[i], strlen(reserved[i]) - 1}) ||
		            str_eq_nocase((struct str){reserved[i], strlen(reserved[i]) - 1}, STR("disconnectin")));
	}
	assert_true(message_event_ok(STR("chat message")));
	assert_true(message_event_ok(STR("Connect")));
	assert_true(message_event_ok(STR("\xF0\x9F\x98\x80")));
	assert_true(message_event_ok(STR("\0")));
	assert_true(message_event_ok(STR("connect\0")));
	assert_false(message_event_ok(STR("")));
	assert_false(message_event_ok(STR("\x80")));
	memset(longest, 'e', sizeof longest);
	assert_true(message_event_ok((struct str){longest, MESSAGE_EVENT_MAX}));
	assert_false(message_event_ok((struct str){longest, MESSAGE_EVENT_MAX + 1}));
}

/* Names that are shown to others: nothing in them may move a cursor or end a line. */
static void
a_sender_has_no_control_characters(void **state)
{
	char name[MESSAGE_SENDER_MAX + 1];

	(void)state;
	memset(name, 'x', sizeof name);
	assert_true(message_sender_ok((struct str){name, MESSAGE_SENDER_MAX}));
	assert_false(message_sender_ok((struct str){name, MESSAGE_SENDER_MAX + 1}));
	assert_true(message_sender_ok((struct str){NULL, 0}));
	for (unsigned c = 0; c < 0x100; c++) {
		char one[3] = {'a', (char)c, 'b'}, two[2] = {(char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F))};

		assert_int_equal(message_sender_ok((struct str){one, 3}), c >= 0x20 && c < 0x7F);
		if (c >= 0x80)
			assert_int_equal(message_sender_ok((struct str){two, 2}), c >= 0xA0);
	}
	assert_true(message_sender_ok(STR("\xE2\x82\x82"))); /* ends in bytes of U+0082 */
	assert_true(message_sender_ok(STR("\xF0\x9F\x98\x80")));
	assert_false(message_sender_ok(STR("\xC2")));
	assert_false(message_sender_ok(STR("\xED\xA0\x80")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_sender_has_no_control_characters),
	    cmocka_unit_test(a_message_copies_its_fields),
	    cmocka_unit_test(a_published_message_has_its_json),
	    cmocka_unit_test(args_are_added_behind_the_event),
	    cmocka_unit_test(a_message_is_told_with_all_its_members),
	    cmocka_unit_test(exactly_one_string_is_told_as_text),
	    cmocka_unit_test(a_time_is_written_with_milliseconds),
	    cmocka_unit_test(a_room_name_has_letters_digits_and_three_others),
	    cmocka_unit_test(an_event_name_is_none_of_the_reserved),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
