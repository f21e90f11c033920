/* What json makes of the payloads of Socket.IO packets, and how it mends them. */
#include "base/json.h"

#include "test.h"

enum { DEPTH_MAX = 10 };

static enum json_result
payload_of(struct str text, struct json_payload *payload)
{
	char *exact = malloc(text.n + 1); /* so that AddressSanitizer sees a byte read too far */
	enum json_result result;

	assert_non_null(exact);
	memcpy(exact, text.p, text.n);
	result = json_payload((struct str){exact, text.n}, DEPTH_MAX, payload);
	free(exact);
	return result;
}

static enum json_result
result_of(struct str text)
{
	struct json_payload payload;
	enum json_result result = payload_of(text, &payload);

	buf_fini(&payload.strings);
	return result;
}

static void
tells_arrays_from_objects_and_their_first_element(void **state)
{
	static const struct {
		const char *text;
		bool is_array;
		size_t n;
		enum json_type first;
		bool first_number;
		const char *value; /* of a first string */
		size_t end;        /* of the first element */
	} rows[] = {
	    {"{}", false, 0, JSON_STRING, false, "", 0},
	    {"{\"a\":[1,2,3]}", false, 0, JSON_STRING, false, "", 0},
	    {" { } ", false, 0, JSON_STRING, false, "", 0},
	    {"[]", true, 0, JSON_STRING, false, "", 0},
	    {"[\"a\"]", true, 1, JSON_STRING, false, "a", 4},
	    {"[\"\"]", true, 1, JSON_STRING, false, "", 3},
	    {"[\"a\",\"b\",\"c\"]", true, 3, JSON_STRING, false, "a", 4},
	    {"[ \"a\" , 1]", true, 2, JSON_STRING, false, "a", 5},
	    {"[\"\\u00e9\\n\\\"\\ud83d\\ude00\"]", true, 1, JSON_STRING, false, "\xC3\xA9\n\"\xF0\x9F\x98\x80", 25},
	    {"[{\"a\":\"b\"},\"c\"]", true, 2, JSON_OTHER, false, "", 10},
	    {"[[\"a\",\"b\"],\"c\"]", true, 2, JSON_ARRAY, false, "", 10},
	    {"[null,\"a\"]", true, 2, JSON_OTHER, false, "", 5},
	    {"[true]", true, 1, JSON_OTHER, false, "", 5},
	    {"[false]", true, 1, JSON_OTHER, false, "", 6},
	    {"[[],{},[[]],{\"a\":{}}]", true, 4, JSON_ARRAY, false, "", 3},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct json_payload p;

		assert_int_equal(payload_of(str_of(rows[i].text), &p), JSON_OK);
		assert_int_equal(p.is_array, rows[i].is_array);
		assert_int_equal(p.n, rows[i].n);
		assert_str(p.first_value, rows[i].value);
		if (p.n > 0) {
			assert_int_equal(p.first, rows[i].first);
			assert_int_equal(p.first_number, rows[i].first_number);
			assert_int_equal(p.first_end, rows[i].end);
		}
		assert_int_equal(p.placeholders, 0);
		assert_false(p.bad_placeholder);
		buf_fini(&p.strings);
	}
}

static void
takes_any_number(void **state)
{
	static const char *const numbers[] = {"0", "1", "-1.5e+3", "99999999999999999999999999999999999999", "1e999"};
	char text[100];

	(void)state;
	for (size_t i = 0; i < LENGTH(numbers); i++) {
		struct json_payload p;

		snprintf(text, sizeof text, "[%s,\"a\"]", numbers[i]);
		assert_int_equal(payload_of(str_of(text), &p), JSON_OK);
		assert_int_equal(p.n, 2);
		assert_int_equal(p.first, JSON_OTHER);
		assert_true(p.first_number);
		assert_int_equal(p.first_end, 1 + strlen(numbers[i]));
		buf_fini(&p.strings);
	}
	assert_int_equal(result_of(STR("[01]")), JSON_BAD);
	assert_int_equal(result_of(STR("[1.]")), JSON_BAD);
	assert_int_equal(result_of(STR("[.5]")), JSON_BAD);
	assert_int_equal(result_of(STR("[+1]")), JSON_BAD);
	assert_int_equal(result_of(STR("[0x1]")), JSON_BAD);
	assert_int_equal(result_of(STR("[NaN]")), JSON_BAD);
	assert_int_equal(result_of(STR("[-]")), JSON_BAD);
}

static void
refuses_what_is_no_payload(void **state)
{
	static const char *const bad[] = {"", " ", "1", "\"a\"", "null", "true", "nul", "[", "]", "{", "}", "[1,]",
	    "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "['a']", "[1 2]", "[1][2]", "[1]{}", "{}[]",
	    "[]]", "[]x", "{}\"", "[] tru", "[]1", "[]-", "[\"a]", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\u12g4\"]",
	    "[\"a\nb\"]", "[\"a\tb\"]", "[\v]", "[\f]", "[]\v", "[/**/]", "[1]//", "[undefined]", "[tru]", "[nulll]"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (result_of(str_of(bad[i])) != JSON_BAD)
			fail_msg("%s is accepted", bad[i]);
	assert_int_equal(result_of(STR("[]\0")), JSON_BAD);
	assert_int_equal(result_of(STR("[\"\0\"]")), JSON_BAD);
	assert_int_equal(result_of((struct str){"", 0}), JSON_BAD);
}

static void
finds_the_placeholders(void **state)
{
	static const struct {
		const char *text;
		unsigned named;
		bool bad;
	} rows[] = {
	    {"[{\"_placeholder\":true,\"num\":0}]", 1, false},
	    {"[{\"num\":3,\"_placeholder\":true}]", 8, false},
	    {"[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":9}]", 1 | 1 << 9, false},
	    {"[{\"_placeholder\":true,\"num\":1},[{\"_placeholder\":true,\"num\":1}]]", 2, false},
	    {"{\"_placeholder\":true,\"num\":2}", 4, false},
	    {"{\"a\":{\"_placeholder\":true,\"num\":2},\"b\":1}", 4, false},
	    {"[{\"_placeholder\":true,\"num\":5,\"a\":{\"num\":6}}]", 32, false},
	    {"[{\"_placeholder\":true,\"a\":{\"b\":1},\"num\":5}]", 32, false},
	    {"[{\"\\u005fplaceholder\":true,\"n\\u0075m\":4}]", 16, false},
	    /* Of two members of one name the last counts, as in a client. */
	    {"[{\"_placeholder\":true,\"num\":1,\"num\":2}]", 4, false},
	    {"[{\"_placeholder\":true,\"_placeholder\":false,\"num\":99}]", 0, false},

	    {"[{\"_placeholder\":true}]", 0, true},
	    {"[{\"_placeholder\":true,\"num\":-1}]", 0, true},
	    {"[{\"_placeholder\":true,\"num\":32}]", 0, true},
	    {"[{\"_placeholder\":true,\"num\":1.0}]", 0, true},
	    {"[{\"_placeholder\":true,\"num\":true}]", 0, true},
	    {"[{\"_placeholder\":true,\"num\":\"1\"}]", 0, true},
	    {"[{\"_placeholder\":true,\"num\":[1]}]", 0, true},
	    {"[{\"_placeholder\":true,\"num\":99999999999999999999999}]", 0, true},
	    {"[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true}]", 1, true},

	    {"[{\"_placeholder\":false,\"num\":99}]", 0, false},
	    {"[{\"_placeholder\":\"true\",\"num\":99}]", 0, false},
	    {"[{\"_placeholder\":{\"a\":true},\"num\":99}]", 0, false},
	    {"[{\"num\":99}]", 0, false},
	    {"[\"_placeholder\",true,\"num\",99]", 0, false},
	    {"[{\"Num\":1,\"_Placeholder\":true}]", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct json_payload p;

		assert_int_equal(payload_of(str_of(rows[i].text), &p), JSON_OK);
		if (p.placeholders != rows[i].named || p.bad_placeholder != rows[i].bad)
			fail_msg("%s: %#x %d", rows[i].text, p.placeholders, p.bad_placeholder);
		buf_fini(&p.strings);
	}
}

/* n brackets around nothing. */
static struct str
nested(char *text, size_t n, bool map)
{
	char *p = text;

	for (size_t i = 1; i < n; i++)
		p += sprintf(p, map ? "{\"a\":" : "[");
	p += sprintf(p, map ? "{}" : "[]");
	for (size_t i = 1; i < n; i++)
		*p++ = map ? '}' : ']';
	return (struct str){text, (size_t)(p - text)};
}

static void
refuses_what_is_nested_too_deep(void **state)
{
	char *text = malloc(1000000);
	struct json_payload p;

	(void)state;
	assert_non_null(text);
	for (int map = 0; map < 2; map++) {
		static const size_t max[] = {1, 2, 3, 1000, 5000};

		for (size_t i = 0; i < LENGTH(max); i++) {
			assert_int_equal(json_payload(nested(text, max[i], map), max[i], &p), JSON_OK);
			buf_fini(&p.strings);
			assert_int_equal(json_payload(nested(text, max[i] + 1, map), max[i], &p), JSON_TOO_DEEP);
			buf_fini(&p.strings);
		}
	}
	assert_int_equal(result_of(STR("[[],[[]],{},[[[[]]]],[\"a\"]]")), JSON_OK);
	memset(text, '[', 1000000);
	assert_int_equal(result_of((struct str){text, 1000000}), JSON_TOO_DEEP);
	free(text);
}

/* ---- json_mend ---- */

static void
mends_surrogates_without_their_pair(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"", ""},
	    {"[]", "[]"},
	    {"[\"a\\n\\\\\"]", "[\"a\\n\\\\\"]"},
	    {"[\"\\ud83d\\ude00\"]", "[\"\\ud83d\\ude00\"]"},
	    {"[\"\\uD83D\\uDE00\\uD83D\\uDE00\"]", "[\"\\uD83D\\uDE00\\uD83D\\uDE00\"]"},
	    {"[\"\\ud800\"]", "[\"\\ufffd\"]"},
	    {"[\"\\udc00\"]", "[\"\\ufffd\"]"},
	    {"[\"\\uDFFF\",\"\\uDBFF\"]", "[\"\\ufffd\",\"\\ufffd\"]"},
	    {"[\"a\\ud83db\"]", "[\"a\\ufffdb\"]"},
	    {"[\"\\ud83d\\n\"]", "[\"\\ufffd\\n\"]"},
	    {"[\"\\ud83d\\u0041\"]", "[\"\\ufffd\\u0041\"]"},
	    /* The wrong way round, and one too many before, between and behind. */
	    {"[\"\\ude00\\ud83d\"]", "[\"\\ufffd\\ufffd\"]"},
	    {"[\"\\ud83d\\ud83d\\ude00\"]", "[\"\\ufffd\\ud83d\\ude00\"]"},
	    {"[\"\\ud83d\\ude00\\ude00\"]", "[\"\\ud83d\\ude00\\ufffd\"]"},
	    {"[\"\\ud83d\\ude00\\ud83d\"]", "[\"\\ud83d\\ude00\\ufffd\"]"},
	    {"[\"\\ud83d\",\"\\ude00\"]", "[\"\\ufffd\",\"\\ufffd\"]"},
	    /* An escaped backslash begins no escape. */
	    {"[\"\\\\ud800\"]", "[\"\\\\ud800\"]"},
	    {"[\"\\\\\\ud800\"]", "[\"\\\\\\ufffd\"]"},
	    {"[\"\\ud83d\\\\ude00\"]", "[\"\\ufffd\\\\ude00\"]"},
	    /* Borders. */
	    {"[\"\\ud7ff\\ue000\\ufffd\\u0000\"]", "[\"\\ud7ff\\ue000\\ufffd\\u0000\"]"},
	    {"[\"\\uD800\\uDC00\\udbff\\udfff\"]", "[\"\\uD800\\uDC00\\udbff\\udfff\"]"},
	    /* In a key as well. */
	    {"{\"\\ud800\":1}", "{\"\\ufffd\":1}"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		size_t n = strlen(rows[i].text);
		char *text = malloc(n + 1);

		assert_non_null(text);
		memcpy(text, rows[i].text, n);
		json_mend(text, n);
		assert_str(((struct str){text, n}), rows[i].want);
		/* What is mended stays as it is, and can be carried on. */
		json_mend(text, n);
		assert_str(((struct str){text, n}), rows[i].want);
		if (n > 0 && text[0] == '[')
			assert_int_equal(json_array((struct str){text, n}, DEPTH_MAX, NULL, NULL), JSON_OK);
		free(text);
	}
}

/* It sees whatever clients send, before anybody knows whether that is JSON: it must keep inside it. */
static void
mends_any_bytes_without_leaving_them(void **state)
{
	static const char text[] = "[\"\\ud83d\\ude00\\ud83d\\\\\\udc00\\";
	static const char *const odd[] = {"\\", "\\u", "\\ud", "\\ud8", "\\ud80", "\\ud800", "\\ud800\\", "\\ud800\\u",
	    "\\ud800\\udc0", "\\uzzzz", "\\u\xFF\xFF\xFF\xFF", "\\\\\\", "\\ud800\\ud800\\ud8"};
	char alphabet[] = "\\ud8cf0";

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		char *exact = malloc(n + (n == 0));

		assert_non_null(exact);
		memcpy(exact, text, n);
		json_mend(exact, n);
		free(exact);
	}
	for (size_t i = 0; i < LENGTH(odd); i++) {
		size_t n = strlen(odd[i]);
		char *exact = malloc(n);

		assert_non_null(exact);
		memcpy(exact, odd[i], n);
		json_mend(exact, n);
		free(exact);
	}
	test_seed(2);
	for (int i = 0; i < 50000; i++) {
		size_t n = 1 + test_random(20);
		char *exact = malloc(n);

		assert_non_null(exact);
		for (size_t j = 0; j < n; j++)
			exact[j] = alphabet[test_random(sizeof alphabet - 1)];
		json_mend(exact, n);
		free(exact);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_arrays_from_objects_and_their_first_element),
	    cmocka_unit_test(takes_any_number),
	    cmocka_unit_test(refuses_what_is_no_payload),
	    cmocka_unit_test(finds_the_placeholders),
	    cmocka_unit_test(refuses_what_is_nested_too_deep),
	    cmocka_unit_test(mends_surrogates_without_their_pair),
	    cmocka_unit_test(mends_any_bytes_without_leaving_them),
	};

	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
