/*
 * Of any bytes the tokens are bounded, hits stand inside the text and at borders of graphemes, and a text has the same
 * tokens whatever stands before and behind it, a line apart. A query has those of its text, but for the last of a run.
 */
#include "store/words.h"

#include <utf8proc.h>

#include "fuzz.h"

enum { ESC = 0x1B, C1_LEAD = 0xC2, BORDER_LOOK = 64, TEXT_MAX = 1 << 16, AROUND_MAX = 8 };

/* Where a grapheme of the text begins, and its end: a byte each, by utf8proc alone. */
static const uint8_t *
borders(struct str text)
{
	static uint8_t is[TEXT_MAX + 1];
	utf8proc_int32_t before = -1, c, state = 0;
	utf8proc_ssize_t n;

	memset(is, 0, text.n + 1);
	for (size_t at = 0; at < text.n; at += (size_t)n) {
		n = utf8proc_iterate((const utf8proc_uint8_t *)text.p + at, (utf8proc_ssize_t)(text.n - at), &c);
		if (n <= 0) {
			n = 1;
			c = -1;
		}
		if (before < 0 || c < 0)
			state = 0;
		is[at] = before < 0 || c < 0 || utf8proc_grapheme_break_stateful(before, c, &state);
		before = c;
	}
	is[text.n] = 1;
	return is;
}

/* A hash of the tokens and where they stand, `off` bytes before; and how many there are. */
struct summary {
	uint64_t hash;
	size_t n;
};

static void
mix(struct summary *s, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		s->hash = (s->hash ^ p[i]) * 0x100000001B3u;
}

static void
count_in(struct summary *s, const struct words *w, size_t off)
{
	size_t place[2] = {w->start - off, w->end - off};

	mix(s, place, sizeof place);
	mix(s, w->token, w->n);
	s->n++;
}

static void
check_token(const struct words *w, struct str text, const uint8_t *border)
{
	MUST(w->start < w->end && w->end <= text.n);
	MUST(w->n > 0 && w->n <= WORDS_TOKEN_MAX && w->units > 0);
	MUST(border[w->start] && border[w->end]);
	MUST(memchr(w->token, '\0', w->n) == NULL);
}

/* The tokens of a text within another one. */
static struct summary
within(const char *before, struct str text, const char *behind, size_t want)
{
	struct summary sum = {0};
	static char all[TEXT_MAX + 2 * AROUND_MAX];
	struct words w;
	size_t from = strlen(before), i = 0;

	memcpy(all, before, from);
	memcpy(all + from, text.p, text.n);
	memcpy(all + from + text.n, behind, strlen(behind));
	words_begin(&w, (struct str){all, from + text.n + strlen(behind)}, false);
	/* One word is before it. */
	while (words_next(&w))
		if (i++ >= 1 && i <= want + 1)
			count_in(&sum, &w, from);
	MUST(i == want + 2);
	return sum;
}

/* A query's tokens are the text's, without the last one if that is the end of a run of several. */
static void
check_query(struct str text, size_t n)
{
	struct words w, q;
	struct words_term term = words_term(text);
	bool several = false;
	size_t i = 0;

	words_begin(&w, text, false);
	words_begin(&q, text, true);
	while (words_next(&q)) {
		MUST(words_next(&w) && w.n == q.n && w.start == q.start && w.end == q.end && w.kind == q.kind);
		MUST(memcmp(w.token, q.token, w.n) == 0);
		several = w.kind == WORDS_LAST && !w.alone;
		i++;
	}
	if (words_next(&w)) {
		MUST(w.kind == WORDS_LAST && !w.alone && i > 0);
		MUST(!words_next(&w));
		i++;
	} else
		MUST(!several);
	MUST(i == n && term.tokens <= n && (term.tokens == 0) == (n == 0));
	MUST(!term.prefix || (term.last_kind == WORDS_LAST && term.last_units == 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str text = {(const char *)bytes, n};
	struct summary sum = {0};
	const uint8_t *border;
	struct words w;
	size_t last = 0;

	if (n > TEXT_MAX)
		return 0;
	border = borders(text);
	words_begin(&w, text, false);
	while (words_next(&w)) {
		check_token(&w, text, border);
		MUST(w.start >= last);
		last = w.start;
		count_in(&sum, &w, 0);
		MUST(sum.n <= n * WORDS_PARTS_MAX);
	}
	check_query(text, sum.n);
	for (size_t at = 0; at <= n; at += 1 + n / 16) {
		size_t found = words_border(text, at);

		MUST(found <= at && at - found <= BORDER_LOOK && (border[found] || at > BORDER_LOOK));
	}
	/* An escape sequence that does not end in the text may end behind it. */
	if (memchr(text.p, ESC, n) == NULL && memchr(text.p, C1_LEAD, n) == NULL) {
		struct summary in = within("a\n", text, "\nb", sum.n);

		MUST(in.hash == sum.hash && in.n == sum.n);
	}
	return 0;
}
