/*
 * Searches as they are typed: their terms, and how much they ask for.
 */
#include "store/terms.h"

#include "test.h"

/* The terms with blanks between: - before a not, * behind a prefix, | before what OR joins to it. */
static void
assert_terms(struct str q, const char *want)
{
	char got[200] = "";
	struct term t;
	size_t n = 0;

	while (terms_next(&q, &t))
		n += (size_t)snprintf(got + n, sizeof got - n, "%s%s<%.*s>%s%s", n > 0 ? " " : "", t.not ? "-" : "",
		    STR_ARGS(t.text), t.prefix ? "*" : "", t.or_next ? " |" : "");
	assert_string_equal(got, want);
}

static void
a_query_is_split_into_words_and_phrases(void **state)
{
	(void)state;
	assert_terms(STR(""), "");
	assert_terms(STR(" \t\n"), "");
	assert_terms(STR("a bc"), "<a> <bc>");
	assert_terms(STR("a* -b -c*"), "<a>* -<b> -<c>*");
	assert_terms(STR("\"a b\" \"c d\"* -\"e\"x"), "<a b> <c d>* -<e> <x>");
	assert_terms(STR("a\"b"), "<a> <b>");
	assert_terms(STR("- * ** -*"), "<-> <*> <*>* -<*>");
	assert_terms(STR("a\0b"), "<a> <b>");
}

static void
or_stands_between_two_terms(void **state)
{
	(void)state;
	assert_terms(STR("a OR b"), "<a> | <b>");
	assert_terms(STR("x a  OR\tb y"), "<x> <a> | <b> <y>");
	assert_terms(STR("a OR b OR \"c d\"* e"), "<a> | <b> | <c d>* <e>");
	/* Elsewhere, in quotes, with something at it or in other letters it is a word. */
	assert_terms(STR("OR a"), "<OR> <a>");
	assert_terms(STR("a OR"), "<a> <OR>");
	assert_terms(STR("a OR "), "<a> <OR>");
	assert_terms(STR("OR"), "<OR>");
	assert_terms(STR("a OR OR b"), "<a> | <OR> <b>");
	assert_terms(STR("a or b Or c"), "<a> <or> <b> <Or> <c>");
	assert_terms(STR("a \"OR\" b"), "<a> <OR> <b>");
	assert_terms(STR("a OR* b ORB c"), "<a> <OR>* <b> <ORB> <c>");
	assert_terms(STR("\"a\"OR b"), "<a> <OR> <b>");
	assert_terms(STR("a -OR b"), "<a> -<OR> <b>");
	assert_terms(STR("-a OR b"), "-<a> | <b>");
	assert_terms(STR("a OR -b"), "<a> | -<b>");
}

static void
a_not_beside_or_is_noticed(void **state)
{
	static const struct {
		const char *q;
		bool bad;
	} cases[] = {{"a OR b -c", false}, {"-c a OR b", false}, {"-a OR b", true}, {"a OR -b", true},
	    {"a OR b OR -c", true}, {"-OR a", false}, {"-a OR", false}, {"OR -a", false}};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (terms_count(str_of(cases[i].q)).not_or != cases[i].bad)
			fail_msg("%s", cases[i].q);
}

static void
assert_counts(const char *q, size_t words, size_t prefixes, const char *short_prefix)
{
	struct terms_counts counts = terms_count(str_of(q));

	if (counts.words != words || counts.prefixes != prefixes || !str_eq(counts.short_prefix, str_of(short_prefix)))
		fail_msg("%s: %zu words, %zu prefixes, short '%.*s'", q, counts.words, counts.prefixes,
		    STR_ARGS(counts.short_prefix));
}

static void
words_are_counted_as_the_index_sees_them(void **state)
{
	(void)state;
	assert_counts("", 0, 0, "");
	assert_counts("a b -c", 3, 0, "");
	/* Phrases cost what their words do, and so does what the index takes for a phrase. */
	assert_counts("\"a b c\" -\"d e\"", 5, 0, "");
	assert_counts("91%full /dev/sda1", 4, 0, "");
	assert_counts("... - ()", 3, 0, "");
	assert_counts("\"\" \"\"*", 2, 1, "");
	assert_counts("ab* \"c de\"* -fg*", 4, 3, "");
	/* A beginning has two letters at least, but where one character may be a word. */
	assert_counts("a* bc*", 2, 2, "a");
	assert_counts("bc* -5* x*", 3, 3, "5");
	assert_counts("\"ab c\"*", 2, 1, "c");
	assert_counts("ab.c*", 2, 1, "c");
	assert_counts("\xC3\xA9*", 1, 1, "\xC3\xA9");         /* é */
	assert_counts("\xC3\xA9t*", 1, 1, "");                /* ét */
	assert_counts("\xE2\xB4\x80*", 1, 1, "\xE2\xB4\x80"); /* Georgian, U+2D00 */
	assert_counts("\xE6\x9D\xB1*", 1, 1, "");             /* 東 */
	assert_counts("\xE3\x81\x82*", 1, 1, "");             /* あ */
	assert_counts("\xF0\xA0\x80\x80*", 1, 1, "");         /* U+20000 */
	assert_counts("** -* ...*", 3, 2, "");
	assert_counts("\xED\x95\x98*", 1, 1, "");                     /* 하 */
	assert_counts("\xEF\xBC\xA1*", 1, 1, "\xEF\xBC\xA1");         /* wide A */
	assert_counts("\xF0\x9D\x90\x9A*", 1, 1, "\xF0\x9D\x90\x9A"); /* bold a */
	assert_counts("\xE6\x9D\xB1 \xE4\xBA\xAC", 2, 2, "");         /* 東 京: beginnings of pairs */
	assert_counts("\xE6\x9D\xB1\xE4\xBA\xAC\xE9\x83\xBD a\xE6\x9D\xB1", 4, 1, ""); /* 東京都 a東 */
	assert_counts("a OR b OR c* OR", 4, 1, "c"); /* OR itself is nothing that is looked for */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_query_is_split_into_words_and_phrases),
	    cmocka_unit_test(or_stands_between_two_terms),
	    cmocka_unit_test(a_not_beside_or_is_noticed),
	    cmocka_unit_test(words_are_counted_as_the_index_sees_them),
	};

	return cmocka_run_group_tests_name("terms", tests, NULL, NULL);
}
