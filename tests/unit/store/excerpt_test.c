/*
 * What is shown of a text that was found: some words around the first hit, cut between graphemes, however long the
 * text's words, blanks and graphemes are.
 */
#include "store/excerpt.h"

#include "store/words.h"

#include "test.h"

enum { LONG = 300000, NOT_SHOWN = 100 };

struct hit {
	int token, n;
	bool single;
};

/* The excerpt of a text; the result is good until the next one is made. */
static struct str
excerpt(struct str text, size_t n, const struct hit *hits)
{
	static struct buf b;
	struct excerpt x = {0};
	struct words w;

	for (size_t i = 0; i < n; i++)
		(void)excerpt_hit(&x, hits[i].token, hits[i].n, hits[i].single);
	words_begin(&w, text, false);
	while (words_next(&w) && excerpt_token(&x, text, (int)w.start, (int)w.end))
		;
	buf_fini(&b);
	buf_init(&b, SIZE_MAX);
	excerpt_add(&x, &b, text);
	assert_true(buf_ok(&b));
	return buf_str(&b);
}

#define EXCERPT(text, ...) \
	excerpt((text), sizeof((struct hit[]){__VA_ARGS__}) / sizeof(struct hit), (struct hit[]){__VA_ARGS__})

static void
hits_stand_between_what_is_plain(void **state)
{
	(void)state;
	assert_str(EXCERPT(STR("the quick brown fox"), {2, 1, false}), "[\"the quick \",\"brown\",\" fox\"]");
	assert_str(EXCERPT(STR("a b c"), {0, 1, false}, {2, 1, false}), "[\"\",\"a\",\" b \",\"c\",\"\"]");
	assert_str(EXCERPT(STR("a b c d"), {0, 3, false}, {1, 3, false}), "[\"\",\"a b c\",\"\",\" d\",\"\"]");
	assert_str(excerpt(STR("a b"), 0, NULL), "[\"a b\"]");
	assert_str(excerpt(STR(""), 0, NULL), "[\"\"]");
}

static void
pairs_are_shown_as_what_was_looked_for(void **state)
{
	struct str text = STR("\u6211\u5728\u5317\u4eac");

	(void)state;
	assert_str(EXCERPT(text, {2, 1, false}), "[\"\u6211\u5728\",\"\u5317\u4eac\",\"\"]");
	assert_str(EXCERPT(text, {0, 3, false}), "[\"\",\"\u6211\u5728\u5317\u4eac\",\"\"]");
	/* One character, found as the beginning of a pair, and at the end of a run. */
	assert_str(EXCERPT(text, {2, 1, true}), "[\"\u6211\u5728\",\"\u5317\",\"\u4eac\"]");
	assert_str(EXCERPT(text, {3, 1, true}), "[\"\u6211\u5728\u5317\",\"\u4eac\",\"\"]");
	assert_str(EXCERPT(STR("x \u0e01\u0e34\u0e02"), {0, 2, true}), "[\"\",\"x \u0e01\u0e34\",\"\u0e02\"]");
}

static void
a_long_text_is_shown_around_its_first_hit(void **state)
{
	char text[600] = "", *p = text;

	(void)state;
	for (int i = 0; i < 60; i++)
		p += sprintf(p, "w%d ", i);
	assert_str(EXCERPT(str_of(text), {20, 1, false}),
	    "[\"\u2026w12 w13 w14 w15 w16 w17 w18 w19 \",\"w20\",\" w21 w22 w23 w24 w25 w26 w27 w28 w29 w30 w31 w32 w33"
	    " w34 w35 w36 w37 w38 w39 w40 w41 w42 w43\u2026\"]");
}

/* The text of `head`, n times `more`, and `tail`; free() it. */
static struct str
long_text(const char *head, const char *more, size_t n, const char *tail)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add(&b, str_of(head));
	for (size_t i = 0; i < n; i++)
		buf_add(&b, str_of(more));
	buf_add(&b, str_of(tail));
	assert_true(buf_ok(&b));
	return buf_str(&b);
}

/* Whether an excerpt has its bound, and this in it. */
static void
assert_bounded(struct str got, const char *part)
{
	char copy[2 * EXCERPT_BYTES];

	assert_true(got.n < EXCERPT_BYTES + NOT_SHOWN && str_utf8(got));
	snprintf(copy, sizeof copy, "%.*s", STR_ARGS(got));
	if (strstr(copy, part) == NULL)
		fail_msg("%s is not in %s", part, copy);
}

static void
what_is_long_without_words_has_a_bound(void **state)
{
	struct str text = long_text("hit", ".", LONG, "");

	(void)state;
	assert_bounded(EXCERPT(text, {0, 1, false}), "[\"\",\"hit\",\"...");
	assert_bounded(EXCERPT(text, {0, 1, false}), "...\u2026\"]");
	free((char *)text.p);
	text = long_text("a", " ", LONG, "hit b");
	assert_bounded(EXCERPT(text, {1, 1, false}), "\",\"hit\",\" b\"]");
	assert_bounded(EXCERPT(text, {1, 1, false}), "[\"\u2026  ");
	/* A hit that is too long is shown as far as there is room. */
	assert_bounded(EXCERPT(text, {0, 2, false}), "[\"\",\"a  ");
	assert_bounded(EXCERPT(text, {0, 2, false}), "\",\"\u2026\"]");
	free((char *)text.p);
}

static void
long_words_have_a_bound(void **state)
{
	struct str text = long_text("", "x", LONG, " hit");
	int last = LONG / WORDS_TOKEN_MAX + 1;

	(void)state;
	assert_bounded(EXCERPT(text, {last, 1, false}), "x \",\"hit\",\"\"]");
	assert_bounded(EXCERPT(text, {3, 1, false}), "xxx\",\"xxx");
	free((char *)text.p);
}

static size_t
graphemes_of(struct str s)
{
	size_t n = 0;

	for (size_t length; (length = words_grapheme(s)) > 0; n++)
		s = str_skip(s, length);
	return n;
}

static void
it_is_cut_between_graphemes(void **state)
{
	/* A family of 18 bytes, of which no token is a part, so that blanks are not where to cut. */
	static const char family[] = "\U0001f469\u200d\U0001f469\u200d\U0001f466";
	struct str text = long_text("hit ", family, 31, ""), got;

	(void)state;
	got = EXCERPT(text, {0, 1, false});
	assert_int_equal(graphemes_of(got), graphemes_of(text) + strlen("[\"\",\"\",\"\"]"));
	free((char *)text.p);
	/* Of what makes no words. */
	text = long_text("hit ", "-\u0301\u0302", LONG / 5, "");
	got = EXCERPT(text, {0, 1, false});
	assert_bounded(got, "-\u0301\u0302\u2026\"]");
	assert_int_equal(graphemes_of(got), EXCERPT_GRAPHEMES + strlen("[\"\",\"\",\"\"]") + 1);
	free((char *)text.p);
	/* By bytes: 35 of each. */
	text = long_text("hit ",
	    "-\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b\u030c\u030d\u030e\u030f"
	    "\u0310\u0311",
	    LONG / 35, "");
	got = EXCERPT(text, {0, 1, false});
	assert_bounded(got, "\u0310\u0311\u2026\"]");
	assert_int_equal(graphemes_of(got), 4 + (EXCERPT_BYTES - 4) / 35 + strlen("[\"\",\"\",\"\"]") + 1);
	free((char *)text.p);
	/* One that is too long for all is cut between its characters, which end at the bound or do not. */
	for (int i = 0; i < 2; i++) {
		text = long_text(i == 0 ? "a" : "\u00e9", "\u0301", LONG, "");
		assert_bounded(EXCERPT(text, {0, 1, false}), "\u0301\",\"\u2026\"]");
		free((char *)text.p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hits_stand_between_what_is_plain),
	    cmocka_unit_test(pairs_are_shown_as_what_was_looked_for),
	    cmocka_unit_test(a_long_text_is_shown_around_its_first_hit),
	    cmocka_unit_test(what_is_long_without_words_has_a_bound),
	    cmocka_unit_test(long_words_have_a_bound),
	    cmocka_unit_test(it_is_cut_between_graphemes),
	};

	return cmocka_run_group_tests_name("excerpt", tests, NULL, NULL);
}
