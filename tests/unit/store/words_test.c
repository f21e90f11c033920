/*
 * Texts as tokens: where they stand, what they are folded to, what a search looks for, and their bounds. What each
 * script finds is in words_search_test.c.
 */
#include "store/words.h"

#include <utf8proc.h>

#include "test.h"

enum { LONG = 100000 };

/* The tokens with blanks between, as TOKEN@START-END; a last one of a run with a $, one that is alone with a !. */
static const char *
walk(struct str text, bool query)
{
	static char all[4000];
	struct words w;
	size_t n = 0;

	all[0] = '\0';
	words_begin(&w, text, query);
	while (words_next(&w) && n < sizeof all) {
		const char *mark = w.kind != WORDS_LAST ? "" : w.alone ? "!" : "$";

		n += (size_t)snprintf(all + n, sizeof all - n, "%s%.*s%s@%zu-%zu", n > 0 ? " " : "", (int)w.n, w.token,
		    mark, w.start, w.end);
	}
	assert_false(words_next(&w));
	return all;
}

#define assert_tokens(text, want) assert_string_equal(walk(STR(text), false), want)
#define assert_query(text, want) assert_string_equal(walk(STR(text), true), want)

static void
words_are_letters_and_digits(void **state)
{
	(void)state;
	assert_tokens("", "");
	assert_tokens(" ,.-\n\t", "");
	assert_tokens("a", "a@0-1");
	assert_tokens("Hello, World-2!", "hello@0-5 world@7-12 2@13-14");
	assert_tokens("a_b\0c", "a@0-1 b@2-3 c@4-5");
	assert_tokens("caf\u00e9 na\u00efve", "cafe@0-5 naive@6-12");
	assert_tokens("e\u0301a", "ea@0-4");
	assert_tokens("x-\u0301y", "x@0-1 y@4-5");
	/* What is no UTF-8 parts words. */
	assert_tokens("a\xff"
	              "b\xc3"
	              "c\xe6\x97",
	    "a@0-1 b@2-3 c@4-5");
	assert_tokens("a\xed\xa0\x80"
	              "b",
	    "a@0-1 b@4-5");
}

static void
a_token_ends_with_its_grapheme(void **state)
{
	(void)state;
	/* ZWJ, a variation selector and a mark belong to the letter before them, a soft hyphen to none. */
	assert_tokens("a\u200d b\ufe0f c\u0327. d\u00ad.", "a@0-4 b@5-9 c@10-13 d@15-16");
	/* The Arabic number sign belongs to what is behind it. */
	assert_tokens("\u0600\u0661", "1@0-4");
	assert_tokens("\u1112\u1161\u11ab", "\ud55c@0-9");
	assert_tokens("\uac00\u11a8 \uac00\u1161", "\uac01@0-6 \uac00\u1161@7-13");
	assert_tokens("a\u1112\u1161", "a@0-1 \ud558@1-7");
	/* Tone marks and sound marks, on Han characters too. */
	assert_tokens("\u6771\u302a", "\2\u6771\u302a!@0-6");
	assert_tokens("\u6771\u3099", "\2\u6771\u3099!@0-6");
}

static void
a_run_has_pairs_and_its_last_one(void **state)
{
	(void)state;
	assert_tokens("\u6771", "\u6771!@0-3");
	assert_tokens("\u6771\u4eac", "\u6771\u4eac@0-6 \u4eac$@3-6");
	assert_tokens("a\u6771\u4eacb", "a@0-1 \u6771\u4eac@1-7 \u4eac$@4-7 b@7-8");
	assert_tokens("\u6771\u3001\u4eac", "\u6771!@0-3 \u4eac!@6-9");
	assert_tokens("\u6771 \u4eac", "\u6771!@0-3 \u4eac!@4-7");
	/* Through what cannot be seen. */
	assert_tokens("\u6771\u200b\u4eac", "\u6771\u4eac@0-9 \u4eac$@6-9");
	/* What consists of several characters has their number before it. */
	assert_tokens("\u0e01\u0e34", "\2\u0e01\u0e34!@0-6");
	assert_tokens("\u0e01\u0e02\u0e34", "\u0e01\2\u0e02\u0e34@0-9 \2\u0e02\u0e34$@3-9");
	assert_tokens("\u30ab\u3099", "\u30ac!@0-6");
}

static void
a_query_leaves_out_the_last_one_of_its_last_run(void **state)
{
	(void)state;
	assert_query("\u6771", "\u6771!@0-3");
	assert_query("\u6771\u4eac", "\u6771\u4eac@0-6");
	assert_query("\u6771\u4eac\u3002", "\u6771\u4eac@0-6");
	assert_query("\u6771\u4eac b", "\u6771\u4eac@0-6 \u4eac$@3-6 b@7-8");
	assert_query("a\u6771", "a@0-1 \u6771!@1-4");
	assert_query("\u6771\u4eac \u6771\u4eac", "\u6771\u4eac@0-6 \u4eac$@3-6 \u6771\u4eac@7-13");
	assert_query("a b", "a@0-1 b@2-3");
}

static void
assert_term(struct str text, size_t tokens, bool prefix, size_t units, const char *last)
{
	struct words_term term = words_term(text);

	if (term.tokens != tokens || term.prefix != prefix || term.last_units != units ||
	    !str_eq(term.last, str_of(last)))
		fail_msg("%.*s: %zu tokens, %d, %zu, '%.*s'", STR_ARGS(text), term.tokens, term.prefix, term.last_units,
		    STR_ARGS(term.last));
}

static void
a_term_says_whether_it_must_be_a_prefix(void **state)
{
	(void)state;
	assert_term(STR(""), 0, false, 0, "");
	assert_term(STR("..."), 0, false, 0, "");
	assert_term(STR("91%full"), 2, false, 4, "full");
	assert_term(STR("\u00e9"), 1, false, 1, "\u00e9");
	assert_term(STR("\u6771"), 1, true, 1, "\u6771");
	assert_term(STR("abc\u6771"), 2, true, 1, "\u6771");
	assert_term(STR("\u6771\u4eac"), 1, false, 2, "\u6771\u4eac");
	assert_term(STR("\u6771 abc"), 2, false, 3, "abc");
	assert_term(STR("\u6771 \u4eac"), 2, true, 1, "\u4eac");
	assert_term(STR("\U0001f642"), 1, false, 1, "\U0001f642");
	assert_int_equal(words_term(STR("\U0001f642")).last_kind, WORDS_SIGN);
	assert_int_equal(words_term(STR("\u6771\u4eac")).last_kind, WORDS_PAIR);
	assert_int_equal(words_term(STR("\u6771")).last_kind, WORDS_LAST);
	assert_int_equal(words_term(STR("ab")).last_kind, WORDS_WORD);
}

static void
escape_sequences_are_passed_over_if_they_end(void **state)
{
	char text[600];

	(void)state;
	assert_tokens("\x1b[1;31mERROR\x1b[0m", "error@7-12");
	assert_tokens("a\x1b[1mb", "ab@0-6");
	assert_tokens("\x1b]0;t\ax", "x@6-7");
	assert_tokens("\x1b]8;;u\x1b\\x", "x@8-9");
	assert_tokens("\x1bPq\x1b\\x\x1b(By\x1b"
	              "7z",
	    "xyz@5-13");
	assert_tokens("\xc2\x9b"
	              "1mx\xc2\x9d"
	              "0;t\xc2\x9cy",
	    "xy@4-13");
	/* With what makes one grapheme with their last character. */
	assert_tokens("\x1b[1m\uff9ea", "a@7-8");
	/* Without an end, just what they begin with. */
	assert_tokens("\x1b[12", "12@2-4");
	assert_tokens("\x1b[1\x01m", "1@2-3 m@4-5");
	assert_tokens("\x1b]x y", "x@2-3 y@4-5");
	assert_tokens("\x1b]x\ny\a", "x@2-3 y@4-5");
	assert_tokens("\x1b]x\x1b]y\a", "x@2-3");
	assert_tokens("\x1b]x\xc2\x9dy\a", "x@2-3");
	assert_tokens("a\x1b", "a@0-1");
	assert_tokens("\x1b"
	              "ab",
	    "ab@1-3");
	/* At most 256 bytes. */
	memset(text, 'x', sizeof text);
	memcpy(text, "\x1b]", 2);
	text[255] = '\a';
	text[256] = 'y';
	assert_string_equal(walk((struct str){text, 257}, false), "y@256-257");
	text[255] = 'x';
	text[256] = '\a';
	assert_non_null(strstr(walk((struct str){text, 257}, false), "xx@2-256"));
}

static void
a_long_word_is_several_tokens(void **state)
{
	char *text = malloc(LONG);
	struct words w;
	size_t n = 0, end = 0;

	(void)state;
	assert_non_null(text);
	memset(text, 'A', LONG);
	for (words_begin(&w, (struct str){text, LONG}, false); words_next(&w); n++) {
		assert_int_equal(w.start, end);
		assert_true(w.n == w.end - w.start && (w.n == WORDS_TOKEN_MAX || w.end == LONG));
		end = w.end;
	}
	assert_int_equal(end, LONG);
	assert_int_equal(n, LONG / WORDS_TOKEN_MAX + 1);
	free(text);
}

static void
marks_without_an_end_are_one_grapheme_and_a_short_token(void **state)
{
	/* The second is two characters for Unicode, as which they would be more bytes than a grapheme may have. */
	static const char *const bases[] = {"a", "\u0926", "\u6771", "\u0e01", "\U0001f642"};
	static const char *const marks[] = {"\u0951", "\u0f73"};
	char *text = malloc(LONG);

	(void)state;
	assert_non_null(text);
	for (size_t k = 0; k < LENGTH(bases) * LENGTH(marks); k++) {
		const char *base = bases[k / LENGTH(marks)];
		size_t first = strlen(base), n = first;
		struct words w;

		memcpy(text, base, first);
		for (; n + 3 <= LONG; n += 3)
			memcpy(text + n, marks[k % LENGTH(marks)], 3);
		words_begin(&w, (struct str){text, n}, false);
		assert_true(words_next(&w));
		assert_int_equal(w.start, 0);
		assert_int_equal(w.end, n);
		assert_true(w.n >= first && w.n <= WORDS_UNIT_MAX + 1);
		assert_false(words_next(&w));
	}
	free(text);
}

static void
a_border_is_one_of_graphemes(void **state)
{
	static const char family[] = "ab\U0001f468\u200d\U0001f469 e\u0301x";

	(void)state;
	assert_int_equal(words_border(STR(""), 0), 0);
	assert_int_equal(words_border(STR("abc"), 2), 2);
	assert_int_equal(words_border(STR("abc"), 9), 3);
	for (size_t at = 3; at < 13; at++)
		assert_int_equal(words_border(STR(family), at), 2);
	assert_int_equal(words_border(STR(family), 13), 13);
	assert_int_equal(words_border(STR(family), 15), 14);
	assert_int_equal(words_border(STR(family), 17), 17);
	/* Without one in reach it is a character's. */
	{
		char text[1 + 200 * 2];

		text[0] = 'a';
		for (size_t i = 0; i < 200; i++)
			memcpy(text + 1 + 2 * i, "\u0301", 2);
		assert_true(words_border((struct str){text, sizeof text}, 300) >= 300 - 64);
		assert_int_equal(words_border((struct str){text, sizeof text}, 300) % 2, 1);
		assert_int_equal(words_border((struct str){text, sizeof text}, 40), 0);
	}
}

static void
the_version_has_that_of_unicode(void **state)
{
	char version[WORDS_VERSION_SIZE], want[100];

	(void)state;
	snprintf(want, sizeof want, "-%s", utf8proc_unicode_version());
	assert_non_null(strstr(words_version(version), want));
	assert_true(version[0] >= '1' && version[0] <= '9');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_letters_and_digits),
	    cmocka_unit_test(a_token_ends_with_its_grapheme),
	    cmocka_unit_test(a_run_has_pairs_and_its_last_one),
	    cmocka_unit_test(a_query_leaves_out_the_last_one_of_its_last_run),
	    cmocka_unit_test(a_term_says_whether_it_must_be_a_prefix),
	    cmocka_unit_test(escape_sequences_are_passed_over_if_they_end),
	    cmocka_unit_test(a_long_word_is_several_tokens),
	    cmocka_unit_test(marks_without_an_end_are_one_grapheme_and_a_short_token),
	    cmocka_unit_test(a_border_is_one_of_graphemes),
	    cmocka_unit_test(the_version_has_that_of_unicode),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
