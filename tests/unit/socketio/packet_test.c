#include "socketio/packet.h"

#include "test.h"

enum { DEPTH_MAX = 10 };

/* In memory of just its size, so that AddressSanitizer sees a byte read too far. */
static struct str
exact(struct str s)
{
	char *p = malloc(s.n + (s.n == 0));

	assert_non_null(p);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct str){p, s.n};
}

static void
drop(struct str s)
{
	free((char *)(uintptr_t)s.p);
}

/* ---- packet_next ---- */

/* The packets of a body, each behind a bar. */
static void
check_walk(struct str body, const char *want)
{
	struct str text = exact(body), packet;
	struct packet_walk walk = {.rest = text};
	char got[100];
	size_t n = 0;

	while (packet_next(&walk, &packet)) {
		assert_true(packet.p >= text.p && packet.p + packet.n <= text.p + text.n);
		n += (size_t)snprintf(got + n, sizeof got - n, "|%.*s", STR_ARGS(packet));
	}
	assert_str(((struct str){got, n}), want);
	assert_false(packet_next(&walk, &packet));
	drop(text);
}

static void
packets_are_separated_by_1e_alone(void **state)
{
	(void)state;
	check_walk(STR("4a"), "|4a");
	check_walk(STR("4a\x1E"
	               "4b"),
	    "|4a|4b");
	check_walk(STR("1\x1E"
	               "2\x1E"
	               "3"),
	    "|1|2|3");
	/* Empty packets are handed out, wherever they stand. */
	check_walk(STR(""), "|");
	check_walk(STR("\x1E"), "||");
	check_walk(STR("\x1E\x1E"), "|||");
	check_walk(STR("\x1E"
	               "4a"),
	    "||4a");
	check_walk(STR("4a\x1E"), "|4a|");
	check_walk(STR("4a\x1E\x1E"
	               "4b"),
	    "|4a||4b");
	/* No other byte separates. */
	check_walk(STR("4a\n,\x1D\x1F;"), "|4a\n,\x1D\x1F;");
	check_walk((struct str){NULL, 0}, "|");
}

/* ---- packet_decode ---- */

static bool
decode(struct str text, struct packet *p, struct buf *names)
{
	buf_init(names, text.n + 1);
	return packet_decode(text, DEPTH_MAX, p, names);
}

static bool
is_good(struct str text)
{
	struct str copy = exact(text);
	struct packet p;
	struct buf names;
	bool good = decode(copy, &p, &names);

	buf_fini(&names);
	drop(copy);
	return good;
}

static bool
inside(struct str view, struct str text)
{
	return view.n == 0 || (view.p >= text.p && view.p + view.n <= text.p + text.n);
}

/* What a packet is taken for: type attachments namespace id payload event args. */
static void
a_good_packet_is_read_in_all_its_parts(void **state)
{
	static const struct {
		const char *text;
		enum packet_type type;
		unsigned attachments;
		const char *nsp;
		int64_t id; /* -1: none */
		const char *json, *event, *args;
	} rows[] = {
	    {"0", PACKET_CONNECT, 0, "/", -1, "", "", ""},
	    {"0{}", PACKET_CONNECT, 0, "/", -1, "{}", "", ""},
	    {"0{\"token\":\"1\"}", PACKET_CONNECT, 0, "/", -1, "{\"token\":\"1\"}", "", ""},
	    {"0/admin", PACKET_CONNECT, 0, "/admin", -1, "", "", ""},
	    {"0/admin,", PACKET_CONNECT, 0, "/admin", -1, "", "", ""},
	    {"0/admin,{\"a\":[1,2]}", PACKET_CONNECT, 0, "/admin", -1, "{\"a\":[1,2]}", "", ""},
	    /* All up to the comma is the name, a query too. */
	    {"0/admin?a=b&c=1,{}", PACKET_CONNECT, 0, "/admin?a=b&c=1", -1, "{}", "", ""},
	    {"0/admin{}", PACKET_CONNECT, 0, "/admin{}", -1, "", "", ""},
	    {"0/a/b,", PACKET_CONNECT, 0, "/a/b", -1, "", "", ""},
	    {"0/,", PACKET_CONNECT, 0, "/", -1, "", "", ""},
	    {"0/\xC3\xA9,", PACKET_CONNECT, 0, "/\xC3\xA9", -1, "", "", ""},
	    {"1", PACKET_DISCONNECT, 0, "/", -1, "", "", ""},
	    {"1/admin,", PACKET_DISCONNECT, 0, "/admin", -1, "", "", ""},
	    {"1/admin", PACKET_DISCONNECT, 0, "/admin", -1, "", "", ""},

	    {"2[\"a\"]", PACKET_EVENT, 0, "/", -1, "[\"a\"]", "a", ""},
	    {"2[\"\"]", PACKET_EVENT, 0, "/", -1, "[\"\"]", "", ""},
	    {"2[\"a\",1,{\"b\":[]}]", PACKET_EVENT, 0, "/", -1, "[\"a\",1,{\"b\":[]}]", "a", "1,{\"b\":[]}"},
	    {"2/admin,[\"a\",1]", PACKET_EVENT, 0, "/admin", -1, "[\"a\",1]", "a", "1"},
	    {"212[\"a\"]", PACKET_EVENT, 0, "/", 12, "[\"a\"]", "a", ""},
	    {"20[\"a\"]", PACKET_EVENT, 0, "/", 0, "[\"a\"]", "a", ""},
	    {"2/admin,456[\"a\",\"b\"]", PACKET_EVENT, 0, "/admin", 456, "[\"a\",\"b\"]", "a", "\"b\""},
	    {"29007199254740991[\"a\"]", PACKET_EVENT, 0, "/", INT64_C(9007199254740991), "[\"a\"]", "a", ""},
	    {"2[\"a,]\\\"[\",\"]\"]", PACKET_EVENT, 0, "/", -1, "[\"a,]\\\"[\",\"]\"]", "a,]\"[", "\"]\""},
	    {"2[\"\\u0061\\n\"]", PACKET_EVENT, 0, "/", -1, "[\"\\u0061\\n\"]", "a\n", ""},
	    {"2[\"\xF0\x9F\x98\x80\"]", PACKET_EVENT, 0, "/", -1, "[\"\xF0\x9F\x98\x80\"]", "\xF0\x9F\x98\x80", ""},
	    {"2[\"Connect\"]", PACKET_EVENT, 0, "/", -1, "[\"Connect\"]", "Connect", ""},
	    {"2[\"connection\"]", PACKET_EVENT, 0, "/", -1, "[\"connection\"]", "connection", ""},
	    {"2[\"error\"]", PACKET_EVENT, 0, "/", -1, "[\"error\"]", "error", ""},
	    /* An event's name may be a number, which nobody listens for. */
	    {"2[1]", PACKET_EVENT, 0, "/", -1, "[1]", "", ""},
	    {"2[-1.5e3,\"a\"]", PACKET_EVENT, 0, "/", -1, "[-1.5e3,\"a\"]", "", "\"a\""},
	    /* Blanks are JSON's. */
	    {"2[ \"a\" , 1 ]", PACKET_EVENT, 0, "/", -1, "[ \"a\" , 1 ]", "a", " 1 "},
	    {"2[\"a\"\t]\n", PACKET_EVENT, 0, "/", -1, "[\"a\"\t]\n", "a", ""},
	    {"2[\"a\",1] \r\n", PACKET_EVENT, 0, "/", -1, "[\"a\",1] \r\n", "a", "1"},
	    /* Without a payload they do nothing. */
	    {"2", PACKET_EVENT, 0, "/", -1, "", "", ""},
	    {"212", PACKET_EVENT, 0, "/", 12, "", "", ""},
	    {"2/admin,", PACKET_EVENT, 0, "/admin", -1, "", "", ""},
	    {"3", PACKET_ACK, 0, "/", -1, "", "", ""},
	    {"31", PACKET_ACK, 0, "/", 1, "", "", ""},

	    {"31[]", PACKET_ACK, 0, "/", 1, "[]", "", ""},
	    {"3/admin,1[{\"a\":1}]", PACKET_ACK, 0, "/admin", 1, "[{\"a\":1}]", "", ""},
	    {"3[]", PACKET_ACK, 0, "/", -1, "[]", "", ""},
	    {"31[\"connect\"]", PACKET_ACK, 0, "/", 1, "[\"connect\"]", "", ""},
	    {"4{\"message\":\"no\"}", PACKET_CONNECT_ERROR, 0, "/", -1, "{\"message\":\"no\"}", "", ""},

	    {"51-[\"a\",{\"_placeholder\":true,\"num\":0}]", PACKET_BINARY_EVENT, 1, "/", -1,
	        "[\"a\",{\"_placeholder\":true,\"num\":0}]", "a", "{\"_placeholder\":true,\"num\":0}"},
	    {"510-[\"a\"]", PACKET_BINARY_EVENT, 10, "/", -1, "[\"a\"]", "a", ""},
	    {"51-/admin,7[\"a\"]", PACKET_BINARY_EVENT, 1, "/admin", 7, "[\"a\"]", "a", ""},
	    {"52-3[\"a\"]", PACKET_BINARY_EVENT, 2, "/", 3, "[\"a\"]", "a", ""},
	    {"51-[2]", PACKET_BINARY_EVENT, 1, "/", -1, "[2]", "", ""},
	    {"61-1[{\"_placeholder\":true,\"num\":0}]", PACKET_BINARY_ACK, 1, "/", 1,
	        "[{\"_placeholder\":true,\"num\":0}]", "", ""},
	    {"61-/admin,1[]", PACKET_BINARY_ACK, 1, "/admin", 1, "[]", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct str text = exact(str_of(rows[i].text));
		struct packet p;
		struct buf names;

		if (!decode(text, &p, &names))
			fail_msg("%s is refused", rows[i].text);
		assert_int_equal(p.type, rows[i].type);
		assert_int_equal(p.attachments, rows[i].attachments);
		assert_str(p.nsp, rows[i].nsp);
		assert_int_equal(p.has_id, rows[i].id >= 0);
		assert_int_equal(p.has_id ? (int64_t)p.id : -1, rows[i].id);
		assert_str(p.json, rows[i].json);
		assert_str(p.event, rows[i].event);
		assert_str(p.args, rows[i].args);
		assert_true(inside(p.json, text) && inside(p.args, text));
		buf_fini(&names);
		drop(text);
	}
}

static void
a_bad_packet_is_refused(void **state)
{
	static const char *const rows[] = {
	    /* types */
	    "",
	    "7",
	    "9[\"a\"]",
	    "a",
	    " 2[\"a\"]",
	    "-1",
	    "[\"a\"]",
	    "{}",
	    "\x1F",
	    "\xFF",
	    /* names of namespaces that would end the packet that answers them */
	    "0/a\x1E"
	    "b,",
	    "0/\x1E",
	    /* payloads that their type does not have */
	    "0[]",
	    "0\"a\"",
	    "01{}x",
	    "0null",
	    "0true",
	    "0{",
	    "0{}{}",
	    "0/admin,[]",
	    "0/admin,null",
	    "1{}",
	    "1[]",
	    "1\"a\"",
	    "1/admin,{}",
	    "1null",
	    "2{}",
	    "2\"a\"",
	    "2null",
	    "2true",
	    "2[",
	    "2]",
	    "2[]",
	    "2[\"a\"",
	    "2[\"a\",]",
	    "2[,\"a\"]",
	    "2[\"a\" 1]",
	    "3{}",
	    "3\"a\"",
	    "31{}",
	    "31null",
	    "3[",
	    "4",
	    "4/admin,",
	    "4\"no\"",
	    "4no",
	    /* the name of an event */
	    "2[null]",
	    "2[true]",
	    "2[false]",
	    "2[{}]",
	    "2[[]]",
	    "2[[\"a\"]]",
	    "2[null,\"a\"]",
	    "2[{\"a\":1},\"a\"]",
	    "2[\"connect\"]",
	    "2[\"connect_error\"]",
	    "2[\"disconnect\"]",
	    "2[\"disconnecting\"]",
	    "2[\"newListener\"]",
	    "2[\"removeListener\"]",
	    "2[\"connect\",1]",
	    "2/admin,1[\"disconnect\"]",
	    "2[\"\\u0063onnect\"]",
	    "51-[\"connect\"]",
	    "51-[null]",
	    "51-[]",
	    /* what stands behind */
	    "2[\"a\"]x",
	    "2[\"a\"]]",
	    "2[\"a\"][\"b\"]",
	    "2[\"a\"],",
	    "2[\"a\"]\"",
	    "2[\"a\"] tru",
	    "2[\"a\"]\v",
	    "0{} x",
	    "31[]x",
	    "1x",
	    "1/admin,x",
	    "0/admin,x",
	    /* control characters */
	    "2[\"a\nb\"]",
	    "2[\"a\tb\"]",
	    "2[\v\"a\"]",
	    "2[\f\"a\"]",
	    "2[\"\x01\"]",
	    "2[\"\x1F\"]",
	    "2\x01[\"a\"]",
	    /* ids and namespaces */
	    "2-1[\"a\"]",
	    "2+1[\"a\"]",
	    "21.5[\"a\"]",
	    "21e3[\"a\"]",
	    "2 1[\"a\"]",
	    "21 2[\"a\"]",
	    "29007199254740992[\"a\"]",
	    "299999999999999999999999999999[\"a\"]",
	    "2admin,[\"a\"]",
	    "2?a=1,[\"a\"]",
	    "2,[\"a\"]",
	    "2/admin,,[\"a\"]",
	    /* counts of attachments */
	    "5",
	    "5-",
	    "5[\"a\"]",
	    "5-[\"a\"]",
	    "50-[\"a\"]",
	    "511-[\"a\"]",
	    "5100-[\"a\"]",
	    "5-1-[\"a\"]",
	    "51[\"a\"]",
	    "51",
	    "51-",
	    "51-/admin,",
	    "5a-[\"a\"]",
	    "51.5-[\"a\"]",
	    "5 1-[\"a\"]",
	    "5/admin,1-[\"a\"]",
	    "51-{}",
	    "51-null",
	    "599999999999999999999999-[\"a\"]",
	    "6",
	    "60-1[]",
	    "611-1[]",
	    "6[]",
	    "61-1",
	    "61-1{}",
	    "61-1null",
	    "21-[\"a\"]",
	    "31-1[]",
	    "01-{}",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++)
		if (is_good(str_of(rows[i])))
			fail_msg("%s is accepted", rows[i]);
	/* A byte 0 is a byte like another. */
	assert_false(is_good(STR("\0")));
	assert_false(is_good(STR("2\0")));
	assert_false(is_good(STR("2[\"a\"]\0")));
	assert_false(is_good(STR("2[\"a\0b\"]")));
	assert_false(is_good(STR("0\0{}")));
	assert_true(is_good(STR("2[\"a\\u0000b\"]")));
	assert_false(is_good((struct str){NULL, 0}));
}

/* The placeholders of an event with two attachments. */
static void
a_placeholder_names_an_attachment_that_there_is(void **state)
{
	static const struct {
		const char *args;
		bool good;
	} rows[] = {
	    {"{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}", true},
	    {"{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}", true},
	    {"{\"num\":1,\"_placeholder\":true}", true},
	    /* Twice the same, and one that nothing stands for. */
	    {"{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":0}", true},
	    {"1", true},
	    /* Anywhere. */
	    {"{\"a\":[{\"b\":{\"_placeholder\":true,\"num\":1}}]}", true},
	    {"[[{\"_placeholder\":true,\"num\":1}]]", true},
	    {"{\"_placeholder\":true,\"num\":1,\"more\":{}}", true},

	    {"{\"_placeholder\":true,\"num\":2}", false},
	    {"{\"_placeholder\":true,\"num\":10}", false},
	    {"{\"_placeholder\":true,\"num\":31}", false},
	    {"{\"_placeholder\":true,\"num\":32}", false},
	    {"{\"_placeholder\":true,\"num\":4294967296}", false},
	    {"{\"_placeholder\":true,\"num\":-1}", false},
	    {"{\"_placeholder\":true,\"num\":0.5}", false},
	    {"{\"_placeholder\":true,\"num\":1e400}", false},
	    {"{\"_placeholder\":true,\"num\":\"0\"}", false},
	    {"{\"_placeholder\":true,\"num\":null}", false},
	    {"{\"_placeholder\":true,\"num\":{\"num\":0}}", false},
	    {"{\"_placeholder\":true}", false},
	    {"{\"num\":2,\"_placeholder\":true}", false},
	    {"{\"a\":[{\"b\":{\"_placeholder\":true,\"num\":2}}]}", false},
	    {"{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":2}", false},
	    {"{\"a\":{\"_placeholder\":true},\"num\":0}", false},

	    /* Not placeholders. */
	    {"{\"_placeholder\":false,\"num\":9}", true},
	    {"{\"_placeholder\":null,\"num\":9}", true},
	    {"{\"_placeholder\":1,\"num\":9}", true},
	    {"{\"_placeholder\":\"true\",\"num\":9}", true},
	    {"{\"placeholder\":true,\"num\":9}", true},
	    {"{\"num\":9}", true},
	    {"\"_placeholder\",true,\"num\",9", true},
	    {"{\"_placeholder\":[true],\"num\":9}", true},
	    {"{\"_placeholder\":{\"_placeholder\":false},\"num\":9}", true},
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		snprintf(text, sizeof text, "52-[\"a\",%s]", rows[i].args);
		if (is_good(str_of(text)) != rows[i].good)
			fail_msg("%s is %s", text, rows[i].good ? "refused" : "accepted");
		snprintf(text, sizeof text, "62-1[%s]", rows[i].args);
		if (is_good(str_of(text)) != rows[i].good)
			fail_msg("%s is %s", text, rows[i].good ? "refused" : "accepted");
		/* In a packet without attachments they stand for nothing. */
		snprintf(text, sizeof text, "2[\"a\",%s]", rows[i].args);
		assert_true(is_good(str_of(text)));
	}
	for (unsigned n = 1; n <= PACKET_ATTACHMENTS_MAX; n++)
		for (unsigned num = 0; num <= PACKET_ATTACHMENTS_MAX; num++) {
			snprintf(text, sizeof text, "5%u-[\"a\",{\"_placeholder\":true,\"num\":%u}]", n, num);
			assert_int_equal(is_good(str_of(text)), num < n);
		}
}

/* n brackets around nothing, in an event: n + 1 deep. */
static struct str
nested(char *text, size_t n)
{
	size_t at = (size_t)sprintf(text, "2[\"a\",");

	memset(text + at, '[', n);
	memset(text + at + n, ']', n + 1);
	return (struct str){text, at + 2 * n + 1};
}

static void
what_is_nested_too_deep_is_refused(void **state)
{
	char *text = malloc(300000);
	struct buf names;
	struct packet p;

	(void)state;
	assert_non_null(text);
	assert_true(is_good(nested(text, DEPTH_MAX - 1)));
	assert_false(is_good(nested(text, DEPTH_MAX)));
	assert_true(is_good(STR("0{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{\"9\":{}}}}}}}}}}")));
	assert_false(
	    is_good(STR("0{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{\"9\":{\"10\":{}}}}}}}}}}}")));
	/* Siblings do not add up. */
	assert_true(is_good(STR("2[\"a\",[],[],[],[],[],[],[],[],[],[],[],[[[]]]]")));
	/* Far too deep is neither a crash nor slow. */
	assert_false(is_good(nested(text, 100000)));
	buf_init(&names, 100);
	assert_true(packet_decode(nested(text, 5000), 5001, &p, &names));
	buf_fini(&names);
	buf_init(&names, 100);
	assert_false(packet_decode(nested(text, 5000), 5000, &p, &names));
	buf_fini(&names);
	free(text);
}

/* A good packet cut short anywhere is either bad or one without a payload. */
static void
a_packet_cut_short_is_refused(void **state)
{
	static const char text[] =
	    "52-/admin?q=1,17[\"a\\ud83d\\ude00\",{\"_placeholder\":true,\"num\":1},-1.5e+3,null,\"\xC3\xA9\"]";

	(void)state;
	assert_true(is_good(STR(text)));
	for (size_t n = 0; n < sizeof text - 1; n++)
		assert_false(is_good((struct str){text, n}));
}

/* ---- packet_add_head ---- */

static void
a_head_is_written_as_clients_expect_it(void **state)
{
	static const struct {
		enum packet_type type;
		unsigned attachments;
		const char *nsp;
		int64_t id;
		const char *want;
	} rows[] = {
	    {PACKET_CONNECT, 0, "/", -1, "40"},
	    {PACKET_CONNECT, 0, "/admin", -1, "40/admin,"},
	    {PACKET_DISCONNECT, 0, "/", -1, "41"},
	    {PACKET_DISCONNECT, 0, "/admin", -1, "41/admin,"},
	    {PACKET_EVENT, 0, "/", -1, "42"},
	    {PACKET_EVENT, 0, "/", 0, "420"},
	    {PACKET_EVENT, 0, "/admin", 12, "42/admin,12"},
	    {PACKET_ACK, 0, "/", 9007199254740991, "439007199254740991"},
	    {PACKET_CONNECT_ERROR, 0, "/x", -1, "44/x,"},
	    {PACKET_BINARY_EVENT, 1, "/", -1, "451-"},
	    {PACKET_BINARY_EVENT, 10, "/admin", 3, "4510-/admin,3"},
	    {PACKET_BINARY_ACK, 2, "/", 0, "462-0"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct buf b;

		buf_init(&b, 1000);
		packet_add_head(&b, rows[i].type, rows[i].attachments, str_of(rows[i].nsp), rows[i].id);
		assert_true(buf_ok(&b));
		assert_str(buf_str(&b), rows[i].want);
		buf_fini(&b);
	}
}

/* What is encoded is read as what it was. */
static void
what_is_encoded_is_read_as_what_it_was(void **state)
{
	static const char *const namespaces[] = {"/", "/admin", "/a/b?c=d&e", "/\xC3\xA9", "/1", "/-"};
	static const int64_t ids[] = {-1, 0, 1, 10, INT64_C(9007199254740991)};
	static const char *const payloads[] = {
	    "{}", "", "[\"a\",1,{\"b\":\",]\"}]", "[]", "{\"message\":\"no\"}", "[\"a\",[]]", "[0]"};

	(void)state;
	for (int type = PACKET_CONNECT; type <= PACKET_BINARY_ACK; type++)
		for (size_t i = 0; i < LENGTH(namespaces); i++)
			for (size_t j = 0; j < LENGTH(ids); j++) {
				bool binary = type == PACKET_BINARY_EVENT || type == PACKET_BINARY_ACK;
				struct buf b, names;
				struct str text;
				struct packet p;

				buf_init(&b, 1000);
				packet_add_head(&b, (enum packet_type)type, binary ? (unsigned)j + 1 : 0,
				    str_of(namespaces[i]), ids[j]);
				buf_add(&b, str_of(payloads[type]));
				/* Behind Engine.IO's type. */
				text = str_skip(buf_str(&b), 1);
				assert_int_equal(b.p[0], '4');
				assert_true(decode(text, &p, &names));
				assert_int_equal(p.type, type);
				assert_int_equal(p.attachments, binary ? j + 1 : 0);
				assert_str(p.nsp, namespaces[i]);
				assert_int_equal(p.has_id ? (int64_t)p.id : -1, ids[j]);
				assert_str(p.json, payloads[type]);
				buf_fini(&names);
				buf_fini(&b);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(packets_are_separated_by_1e_alone),
	    cmocka_unit_test(a_good_packet_is_read_in_all_its_parts),
	    cmocka_unit_test(a_bad_packet_is_refused),
	    cmocka_unit_test(a_placeholder_names_an_attachment_that_there_is),
	    cmocka_unit_test(what_is_nested_too_deep_is_refused),
	    cmocka_unit_test(a_packet_cut_short_is_refused),
	    cmocka_unit_test(a_head_is_written_as_clients_expect_it),
	    cmocka_unit_test(what_is_encoded_is_read_as_what_it_was),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
