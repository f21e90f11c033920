#include "web/query.h"

#include "test.h"

static void
reads_fields(void **state)
{
	static const struct {
		const char *text, *names[4], *values[4];
		bool has_value[4];
	} cases[] = {
	    {"", {NULL}, {NULL}, {0}},
	    {"&&&", {NULL}, {NULL}, {0}},
	    {"a=1", {"a"}, {"1"}, {true}},
	    {"a=1&b=2", {"a", "b"}, {"1", "2"}, {true, true}},
	    {"&a=1&&b=2&", {"a", "b"}, {"1", "2"}, {true, true}},
	    {"a", {"a"}, {""}, {false}},
	    {"a&b=", {"a", "b"}, {"", ""}, {false, true}},
	    {"=x", {""}, {"x"}, {true}},
	    {"=", {""}, {""}, {true}},
	    {"a=b=c", {"a"}, {"b=c"}, {true}},
	    {"a=1&a=2", {"a", "a"}, {"1", "2"}, {true, true}},
	    {"a+b=c+d", {"a b"}, {"c d"}, {true}},
	    {"%61=%2B%26%3D%25", {"a"}, {"+&=%"}, {true}},
	    {"a=%c3%A9", {"a"}, {"\xC3\xA9"}, {true}},
	    {"a=%FF", {"a"}, {"\xFF"}, {true}},
	    {"a;b=1", {"a;b"}, {"1"}, {true}},
	    /* A % that begins no byte stands for itself. */
	    {"text=91%", {"text"}, {"91%"}, {true}},
	    {"text=91%25", {"text"}, {"91%"}, {true}},
	    {"text=%4", {"text"}, {"%4"}, {true}},
	    {"text=%4g", {"text"}, {"%4g"}, {true}},
	    {"text=%g4", {"text"}, {"%g4"}, {true}},
	    {"text=%%41", {"text"}, {"%A"}, {true}},
	    {"text=%+41", {"text"}, {"% 41"}, {true}},
	    {"text=%4&x=1", {"text", "x"}, {"%4", "1"}, {true, true}}, /* not across fields */
	    {"a%=1", {"a%"}, {"1"}, {true}},
	    {"a%4=1", {"a%4"}, {"1"}, {true}},
	    {"text=%2541", {"text"}, {"%41"}, {true}}, /* once only */
	    {"a=%0X%@0%:0%/0%G0%`0", {"a"}, {"%0X%@0%:0%/0%G0%`0"}, {true}},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct query q;
		size_t n = 0;

		assert_int_equal(query_parse(&q, str_of(cases[i].text)), 0);
		assert_false(q.too_many);
		for (; n < 4 && cases[i].names[n] != NULL; n++) {
			assert_true(n < q.n);
			assert_str(q.fields[n].name, cases[i].names[n]);
			assert_str(q.fields[n].value, cases[i].values[n]);
			assert_int_equal(q.fields[n].has_value, cases[i].has_value[n]);
		}
		assert_int_equal(q.n, n);
		query_fini(&q);
	}
}

static void
keeps_a_zero_byte(void **state)
{
	struct query q;

	(void)state;
	assert_int_equal(query_parse(&q, STR("a=x%00y&b=\0z")), 0);
	assert_int_equal(q.n, 2);
	assert_str_n(q.fields[0].value, STR("x\0y"));
	assert_str_n(q.fields[1].value, STR("\0z"));
	query_fini(&q);
	assert_int_equal(query_parse(&q, (struct str){NULL, 0}), 0);
	assert_int_equal(q.n, 0);
	query_fini(&q);
}

static void
decodes_every_byte(void **state)
{
	struct query q;
	char text[2 + 3 * 256 + 1] = "a=";

	(void)state;
	for (unsigned c = 0; c < 256; c++)
		snprintf(text + 2 + 3 * c, 4, c % 2 == 0 ? "%%%02x" : "%%%02X", c);
	assert_int_equal(query_parse(&q, str_of(text)), 0);
	assert_int_equal(q.n, 1);
	assert_int_equal(q.fields[0].value.n, 256);
	for (unsigned c = 0; c < 256; c++)
		assert_int_equal((unsigned char)q.fields[0].value.p[c], c);
	query_fini(&q);
}

static void
says_when_there_are_too_many_fields(void **state)
{
	char text[4 * (QUERY_FIELDS_MAX + 1)] = "";
	struct query q;

	(void)state;
	for (int i = 0; i < QUERY_FIELDS_MAX; i++)
		strcat(text, "a=&");
	assert_int_equal(query_parse(&q, str_of(text)), 0);
	assert_int_equal(q.n, QUERY_FIELDS_MAX);
	assert_false(q.too_many);
	query_fini(&q);
	strcat(text, "b");
	assert_int_equal(query_parse(&q, str_of(text)), 0);
	assert_int_equal(q.n, QUERY_FIELDS_MAX);
	assert_true(q.too_many);
	query_fini(&q);
}

/* Views of earlier fields stay good however long the text is. */
static void
keeps_earlier_fields_however_long_the_text_is(void **state)
{
	size_t n = 1000 * 1000;
	char *text = malloc(n);
	struct query q;

	(void)state;
	memset(text, 'x', n);
	memcpy(text, "first=%41&b=", 12);
	assert_int_equal(query_parse(&q, (struct str){text, n}), 0);
	assert_int_equal(q.n, 2);
	assert_str(q.fields[0].name, "first");
	assert_str(q.fields[0].value, "A");
	assert_int_equal(q.fields[1].value.n, n - 12);
	query_fini(&q);
	free(text);
}

/* Behind however many of the client's own, before them, written in whatever way. */
static void
finds_the_names_asked_for_among_any_others(void **state)
{
	static const char *const names[] = {"sid", "transport", NULL};
	char text[8 * 1000] = "tr%61nsport=a";
	struct query q;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strcat(text, "&x=%41");
	strcat(text, "&sid=1&sid=%32&si=3&sidx=4&sid");
	assert_int_equal(query_parse_only(&q, str_of(text), names), 0);
	assert_false(q.too_many);
	assert_int_equal(q.n, 2);
	assert_str(q.fields[0].name, "transport");
	assert_str(q.fields[0].value, "a");
	assert_str(q.fields[1].name, "sid");
	assert_str(q.fields[1].value, "");
	assert_false(q.fields[1].has_value);
	query_fini(&q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_fields),
	    cmocka_unit_test(keeps_a_zero_byte),
	    cmocka_unit_test(decodes_every_byte),
	    cmocka_unit_test(says_when_there_are_too_many_fields),
	    cmocka_unit_test(keeps_earlier_fields_however_long_the_text_is),
	    cmocka_unit_test(finds_the_names_asked_for_among_any_others),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
