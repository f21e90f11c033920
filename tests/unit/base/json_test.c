#include "base/json.h"

#include "../../memory.h"
#include "test.h"

FAILING_REALLOC(__wrap_realloc)

/* The members that json_object() told of, as text: name:type(value), … */
struct told {
	struct buf text;
};

static void
tell(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct told *t = ctx;

	buf_printf(&t->text, "%.*s:%c(%.*s) ", STR_ARGS(name),
	    type == JSON_STRING  ? 's'
	    : type == JSON_ARRAY ? 'a'
	                         : 'o',
	    STR_ARGS(value));
}

static enum json_result
object(const char *text, size_t depth_max, char *told, size_t size)
{
	struct told t;
	char error[JSON_ERROR_SIZE] = "";
	enum json_result result;

	buf_init(&t.text, SIZE_MAX);
	result = json_object(str_of(text), depth_max, tell, &t, error);
	if (told != NULL)
		snprintf(told, size, "%.*s", STR_ARGS(buf_str(&t.text)));
	buf_fini(&t.text);
	/* An error is said, and nothing else is. */
	if ((result == JSON_BAD) != (error[0] != '\0'))
		fail_msg("%s: the error is \"%s\"", text, error);
	return result;
}

static void
tells_the_members_of_an_object(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
	    {"{}", ""},
	    {" \t\r\n{ } \n", ""},
	    {"{\"a\":\"b\"}", "a:s(b) "},
	    {"{\"\":\"\"}", ":s() "},
	    {"{\"a\":1,\"b\":null,\"c\":true,\"d\":false,\"e\":{},\"f\":[]}",
	        "a:o(1) b:o(null) c:o(true) d:o(false) e:o({}) f:a([]) "},
	    {"{\"a\":\"x\",\"a\":\"y\"}", "a:s(x) a:s(y) "}, /* the reader of the members is to notice */
	    {"{\"\\u0061\":\"x\",\"a\":\"y\"}", "a:s(x) a:s(y) "},
	    /* Only the outermost object's, and what they are as it came. */
	    {"{\"a\": {\"b\" : \"c\",\"d\":[1]} ,\"e\":\"f\"}", "a:o({\"b\" : \"c\",\"d\":[1]}) e:s(f) "},
	    {"{\"a\":[ 1 , {\"b\":[\"c\"]} ,[]] }", "a:a([ 1 , {\"b\":[\"c\"]} ,[]]) "},
	    {"{\"a\":[1,2.50,1e5],\"b\":[\"\\u00e9\",\"\\/\"]}", "a:a([1,2.50,1e5]) b:a([\"\\u00e9\",\"\\/\"]) "},
	    {"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}",
	        "a:s(\"\\/\b\f\n\r\t\xC3\xA9\xF0\x9F\x98\x80) "},
	    {"{\"a\":\"\xC3\xA9\x7F\"}", "a:s(\xC3\xA9\x7F) "},
	};
	char told[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_int_equal(object(cases[i].text, 10, told, sizeof told), JSON_OK);
		assert_string_equal(told, cases[i].told);
	}
}

static void
refuses_what_is_no_object(void **state)
{
	static const char *const bad[] = {"", " ", "x", "{", "}", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",
	    "{\"a\":1 \"b\":2}", "{a:1}", "{'a':1}", "{\"a\":'b'}", "{1:2}", "{\"a\":[1,]}", "{\"a\":[,1]}",
	    "{\"a\":[1 2]}", "{\"a\":[1}", "{\"a\":[1]]}", "{} {}", "{}x", "{},", "{}[]", "{}\"", "{}\"x", "{} t",
	    "{}nul", "{}-", "{}1", "{}/", "[]", "[{}]", "\"a\"", "1", "null", "true", "{\"a\":nul}", "{\"a\":True}",
	    "{\"a\":01}", "{\"a\":+1}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":1e}", "{\"a\":-}", "{\"a\":0x10}",
	    "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":\"}", "{\"a\":\"\n\"}", "{\"a\":\"\t\"}", "{\"a\":\"\x01\"}",
	    "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\\"}", "{/**/}", "{}//", "{\v}",
	    "{}\f", "{\"a\":\f1}", "{\"a\":\"\x80\"}", "{\"a\":\"\xC0\x80\"}", "{\"a\":\"\xED\xA0\x80\"}",
	    "\xEF\xBB\xBF{}", "{\"\xFF\":1}", "{\"a\":1}\xFF"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (object(bad[i], 10, NULL, 0) != JSON_BAD)
			fail_msg("%s is accepted", bad[i]);
	/* A byte 0 is neither an end nor a blank. */
	assert_int_equal(json_object(STR("{}\0"), 10, NULL, NULL, NULL), JSON_BAD);
	assert_int_equal(json_object(STR("{\"a\":\"\0\"}"), 10, NULL, NULL, NULL), JSON_BAD);
	assert_int_equal(json_object(STR("\0"), 10, NULL, NULL, NULL), JSON_BAD);
}

/* What is certain is good; and what is ordinary is certain. */
static void
what_is_certain_is_good_and_what_is_ordinary_is_certain(void **state)
{
	static const char *const certain[] = {"[]", " [ ] ", "[1]", "[-0.5e+7,0,10,1E9]", "[true,false,null]", "[\"\"]",
	    "[\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"]", "[{}]", "[{\"a\":1,\"b\":[{},[]]},[[[]]]]", "\n[\t1 ,\r2 ] ",
	    "[{ \"a\" : { \"b\" : \"c\" } }]", "[\"]\",{\"}\":\":\"}]"},
	                         *const not_certain[] = {"", " ", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]",
	                             "{}", "1", "\"a\"", "null", "[1]]", "[1] x", "[[1]", "[{]", "[{]}", "[}",
	                             "[{\"a\"}]", "[{\"a\":}]", "[{\"a\":1,}]", "[{\"a\":1,\"b\":}]", "[{\"a\" 1}]",
	                             "[{1:1}]", "[{[\"a\"]:1}]", "[{{}:1}]", "[{\"a\":1]", "[1}", "[01]", "[-]", "[1.]",
	                             "[.5]", "[1e]", "[1e+]", "[+1]", "[0x1]", "[--1]", "[NaN]", "[tru]", "[nul",
	                             "[\"a]", "[\"\\", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\u12g4\"]", "[\"\n\"]",
	                             "[\"\\ud83d\"]", "[\"\\uDE00\"]", "[\v1]", "[1]\f", "[1,/**/2]", "['a']"};
	char deep[200];

	(void)state;
	for (size_t i = 0; i < LENGTH(certain); i++) {
		if (!json_certain(str_of(certain[i])))
			fail_msg("%s", certain[i]);
		assert_int_equal(json_array(str_of(certain[i]), 64, NULL, NULL), JSON_OK);
	}
	for (size_t i = 0; i < LENGTH(not_certain); i++)
		if (json_certain(str_of(not_certain[i])))
			fail_msg("%s", not_certain[i]);
	/* A byte 0, which is no end. */
	assert_false(json_certain(STR("[1]\0")));
	assert_false(json_certain(STR("[\"\0\"]")));
	for (size_t depth = 1; depth <= 65; depth++) {
		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		assert_int_equal(json_certain((struct str){deep, 2 * depth}), depth <= 64);
	}
}

static void
refuses_a_surrogate_without_its_pair(void **state)
{
	static const struct {
		const char *string;
		enum json_result result;
	} cases[] = {
	    {"\\ud83d\\ude00", JSON_OK},
	    {"\\uD83D\\uDE00", JSON_OK},
	    {"x\\ud800\\udc00y", JSON_OK},
	    {"\\udbff\\udfff", JSON_OK},
	    {"\\ud7ff\\ue000", JSON_OK},
	    {"\\\\ud800", JSON_OK}, /* a backslash, and five letters */
	    {"\\\\\\\\udc00", JSON_OK},
	    {"\\ud800", JSON_BAD},
	    {"\\udbff", JSON_BAD},
	    {"\\udc00", JSON_BAD},
	    {"\\uDFFF", JSON_BAD},
	    {"\\ud800x", JSON_BAD},
	    {"x\\ud800 \\udc00", JSON_BAD},
	    {"\\ud800\\n", JSON_BAD},
	    {"\\ud800\\\\udc00", JSON_BAD},
	    {"\\ud800\\u0041", JSON_BAD},
	    {"\\ud800\\ud800\\udc00", JSON_BAD},
	    {"\\ud800\\udc00\\udc00", JSON_BAD},
	    {"\\ud800\\udc00\\ud800", JSON_BAD},
	    {"\\udc00\\ud800", JSON_BAD},
	    {"\\\\\\ud800", JSON_BAD}, /* a backslash, and a half */
	    {"\\ud83d\xF0\x9F\x98\x80", JSON_BAD},
	};
	/* As a value, a name, in an array, below: nothing may carry half a pair. */
	static const char *const places[] = {"{\"a\":\"%s\"}", "{\"%s\":1}", "{\"a\":[\"%s\"]}",
	    "{\"a\":[[1,{\"b\":\"%s\"}]]}", "{\"a\":[{\"%s\":1}]}", "{\"a\":{\"%s\":1}}", "{\"a\":\"%s\",\"b\":\"c\"}"};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		for (size_t j = 0; j < LENGTH(places); j++) {
			char text[128];

/* The formats are those above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(text, sizeof text, places[j], cases[i].string);
#pragma GCC diagnostic pop
			if (object(text, 10, NULL, 0) != cases[i].result)
				fail_msg("%s should be %s", text, cases[i].result == JSON_OK ? "good" : "bad");
		}
}

static void
take_string(void *ctx, struct str name, enum json_type type, struct str value)
{
	(void)name;
	assert_int_equal(type, JSON_STRING);
	buf_add(ctx, value);
}

static void
reads_an_escaped_zero(void **state)
{
	struct buf got;

	(void)state;
	buf_init(&got, 100);
	assert_int_equal(json_object(STR("{\"a\":\"x\\u0000y\"}"), 10, take_string, &got, NULL), JSON_OK);
	assert_str_n(buf_str(&got), STR("x\0y"));
	buf_fini(&got);
}

static void
take_text(void *ctx, struct str name, enum json_type type, struct str value)
{
	(void)name;
	if (type == JSON_ARRAY)
		buf_add(ctx, value);
}

/* Not a digit is lost, and nothing is too large. */
static void
loses_no_digit_of_a_number(void **state)
{
	static const char array[] = "[123456789012345678901234567890.123456789012345678901234567890e-7, 1e999999,"
	                            "-0,0.1,-12345678901234567890123, 1E+5,9007199254740993]";
	char text[512];
	struct buf got;

	(void)state;
	buf_init(&got, 1000);
	snprintf(text, sizeof text, "{\"a\":%s,\"n\":%s}", array, "99999999999999999999999999999999999999");
	assert_int_equal(json_object(str_of(text), 10, take_text, &got, NULL), JSON_OK);
	assert_str(buf_str(&got), array);
	buf_fini(&got);
}

/* An array of n brackets, or of objects in one, with what goes around it. */
static struct str
nested(char *text, const char *before, const char *open, const char *close, size_t n, const char *after)
{
	char *p = text;

	p += sprintf(p, "%s", before);
	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%s", open);
	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%s", close);
	p += sprintf(p, "%s", after);
	return (struct str){text, (size_t)(p - text)};
}

static void
refuses_what_is_nested_too_deep(void **state)
{
	static const size_t max[] = {1, 2, 3, 128, 1000, 5000};
	char *text = malloc(200000);

	(void)state;
	for (size_t i = 0; i < LENGTH(max); i++) {
		size_t n = max[i];

		/* The array itself is counted, the object around the members is not. */
		assert_int_equal(json_object(nested(text, "{\"a\":", "[", "]", n, "}"), n, NULL, NULL, NULL), JSON_OK);
		assert_int_equal(
		    json_object(nested(text, "{\"a\":", "[", "]", n + 1, "}"), n, NULL, NULL, NULL), JSON_TOO_DEEP);
		assert_int_equal(json_array(nested(text, "", "[", "]", n, ""), n, NULL, NULL), JSON_OK);
		assert_int_equal(json_array(nested(text, "", "[", "]", n + 1, ""), n, NULL, NULL), JSON_TOO_DEEP);
		/* Objects count as arrays do. */
		assert_int_equal(
		    json_array(nested(text, "[", "{\"a\":[", "]}", n, "]"), 2 * n + 1, NULL, NULL), JSON_OK);
		assert_int_equal(
		    json_array(nested(text, "[", "{\"a\":[", "]}", n, "]"), 2 * n, NULL, NULL), JSON_TOO_DEEP);
	}
	/* Siblings do not add up. */
	assert_int_equal(json_array(STR("[[],[],[[]],{}]"), 3, NULL, NULL), JSON_OK);
	assert_int_equal(json_array(STR("[[],[],[[]],{}]"), 2, NULL, NULL), JSON_TOO_DEEP);
	/* Far too deep is neither a crash nor slow. */
	memset(text, '[', 200000);
	assert_int_equal(json_array((struct str){text, 200000}, 1000, NULL, NULL), JSON_TOO_DEEP);
	free(text);
}

static void
tells_the_elements_of_an_array(void **state)
{
	static const char *const bad[] = {"", "{}", "1", "\"a\"", "null", "[", "]", "[1,]", "[1]x", "[1]\"", "[1] tru",
	    "[\v]", "[1]\f", "[1] [2]", "[\"\\ud800\"]", "[\"\x80\"]", "{\"a\":[]}"};
	struct told t;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (json_array(str_of(bad[i]), 10, NULL, NULL) != JSON_BAD)
			fail_msg("%s is accepted", bad[i]);
	assert_int_equal(json_array(STR("[1]\0"), 10, NULL, NULL), JSON_BAD);
	assert_int_equal(json_array(STR("[1]\0junk"), 10, NULL, NULL), JSON_BAD);

	buf_init(&t.text, SIZE_MAX);
	assert_int_equal(
	    json_array(STR(" [\"a\" , 1,[2, 3 ],{\"b\":[\"c\"]},null,true,\"\\u0041\"] "), 10, tell, &t), JSON_OK);
	assert_str(buf_str(&t.text), ":s(a) :o(1) :a([2, 3 ]) :o({\"b\":[\"c\"]}) :o(null) :o(true) :s(A) ");
	buf_fini(&t.text);
}

/* A name for which there was no memory is no other name, though there is memory for the next. */
static void
tells_of_no_name_without_memory(void **state)
{
	struct told t;

	(void)state;
	buf_init(&t.text, SIZE_MAX);
	memory_once = true;
	memory_left = 0;
	assert_int_equal(json_object(STR("{\"a\":\"x\",\"b\":\"y\"}"), 10, tell, &t, NULL), JSON_NO_MEMORY);
	assert_int_equal(memory_left, -1);
	assert_str(buf_str(&t.text), "");
	buf_fini(&t.text);
}

struct kept {
	struct str values[8];
	size_t n;
};

static void
keep_view(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct kept *k = ctx;

	(void)name;
	(void)type;
	k->values[k->n++] = value;
}

struct views {
	struct kept kept;
	size_t wrong;
};

static void
check_views(void *ctx, struct str name, enum json_type type, struct str value)
{
	static const char *const want[] = {"one\n", "[\"x\"]", "two\t", "three", "four\\"};
	struct views *v = ctx;

	v->wrong += !str_eq(value, str_of(want[v->kept.n]));
	keep_view(&v->kept, name, type, value);
}

/* json.h: a value lives until fn returns. */
static void
values_live_until_the_function_returns(void **state)
{
	struct views v = {0};

	(void)state;
	assert_int_equal(
	    json_object(STR("{\"a\":\"one\\n\",\"b\":[\"x\"],\"c\":\"two\\t\",\"d\":\"three\",\"e\":\"four\\\\\"}"), 10,
	        check_views, &v, NULL),
	    JSON_OK);
	assert_int_equal(v.kept.n, 5);
	assert_int_equal(v.wrong, 0);
}

static void
says_what_is_wrong_in_few_words(void **state)
{
	char error[JSON_ERROR_SIZE];
	char *text = malloc(100001);

	(void)state;
	assert_int_equal(json_object(STR("[]"), 10, NULL, NULL, error), JSON_BAD);
	assert_non_null(strstr(error, "object"));
	assert_int_equal(json_object(STR("{\"a\":\"\xFF\"}"), 10, NULL, NULL, error), JSON_BAD);
	assert_non_null(strstr(error, "UTF-8"));
	assert_int_equal(json_object(STR("{\"a\":\"\\ud800\"}"), 10, NULL, NULL, error), JSON_BAD);
	assert_non_null(strstr(error, "surrogate"));
	/* A long text does not make a long error. */
	memset(text, 'x', 100000);
	text[100000] = '\0';
	assert_int_equal(json_object((struct str){text, 100000}, 10, NULL, NULL, error), JSON_BAD);
	assert_true(strlen(error) < JSON_ERROR_SIZE);
	free(text);
}

/* A good text cut short anywhere is bad, and so is one with a byte too many. */
static void
refuses_a_good_text_cut_short(void **state)
{
	static const char text[] = "{\"a\":[\"\\ud83d\\ude00\",{\"b\":-1.5e+3}],\"c\":\"\xC3\xA9\\n\",\"d\":null}";

	(void)state;
	assert_int_equal(json_object(str_of(text), 10, NULL, NULL, NULL), JSON_OK);
	for (size_t n = 0; n < sizeof text - 1; n++) {
		char *exact = malloc(n + 1); /* so that AddressSanitizer sees a byte read too far */

		memcpy(exact, text, n);
		assert_int_equal(json_object((struct str){exact, n}, 10, NULL, NULL, NULL), JSON_BAD);
		free(exact);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_the_members_of_an_object),
	    cmocka_unit_test(refuses_what_is_no_object),
	    cmocka_unit_test(what_is_certain_is_good_and_what_is_ordinary_is_certain),
	    cmocka_unit_test(refuses_a_surrogate_without_its_pair),
	    cmocka_unit_test(reads_an_escaped_zero),
	    cmocka_unit_test(loses_no_digit_of_a_number),
	    cmocka_unit_test(refuses_what_is_nested_too_deep),
	    cmocka_unit_test(tells_the_elements_of_an_array),
	    cmocka_unit_test(tells_of_no_name_without_memory),
	    cmocka_unit_test(values_live_until_the_function_returns),
	    cmocka_unit_test(says_what_is_wrong_in_few_words),
	    cmocka_unit_test(refuses_a_good_text_cut_short),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
