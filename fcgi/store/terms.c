#include "terms.h"

#include <string.h>

#include "words.h"

/* Between these a character is more than a letter: radicals, syllables; before and behind it is one, in whatever form.
 */
enum { SYLLABLES_FIRST = 0x2E80, SYLLABLES_END = 0xFB00 };

static bool
space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
}

static struct str
skip_spaces(struct str q)
{
	while (q.n > 0 && space(q.p[0]))
		q = (struct str){q.p + 1, q.n - 1};
	return q;
}

/* Up to a quote or a blank. */
static void
take_word(struct str *q, struct term *t)
{
	size_t n = 0;

	while (n < q->n && !space(q->p[n]) && q->p[n] != '"')
		n++;
	t->text = (struct str){q->p, n};
	*q = (struct str){q->p + n, q->n - n};
	if (t->text.n > 1 && t->text.p[t->text.n - 1] == '*') {
		t->prefix = true;
		t->text.n--;
	}
}

/* Behind a quote. */
static void
take_phrase(struct str *q, struct term *t)
{
	t->text = str_cut(q, '"');
	if (q->n > 0 && q->p[0] == '*') {
		t->prefix = true;
		*q = (struct str){q->p + 1, q->n - 1};
	}
}

/* Takes OR off *q, if there is one with something behind it. */
static bool
take_or(struct str *q)
{
	struct str rest = skip_spaces(*q);

	/* Right behind a phrase it is a word of its own, as any other. */
	if (rest.p == q->p || rest.n < 3 || memcmp(rest.p, "OR", 2) != 0 || !space(rest.p[2]))
		return false;
	rest = skip_spaces((struct str){rest.p + 2, rest.n - 2});
	if (rest.n == 0)
		return false;
	*q = rest;
	return true;
}

bool
terms_next(struct str *q, struct term *t)
{
	*q = skip_spaces(*q);
	*t = (struct term){0};
	if (q->n == 0)
		return false;
	if (q->p[0] == '-' && q->n > 1 && !space(q->p[1])) {
		t->not = true;
		*q = (struct str){q->p + 1, q->n - 1};
	}
	if (q->p[0] == '"') {
		*q = (struct str){q->p + 1, q->n - 1};
		take_phrase(q, t);
	} else
		take_word(q, t);
	t->or_next = take_or(q);
	return true;
}

static bool
too_short(const struct words_term *term)
{
	const unsigned char *p = (const unsigned char *)term->last.p;
	int c;

	if (term->tokens == 0 || term->last_kind != WORDS_WORD || term->last_units >= TERMS_PREFIX_MIN)
		return false;
	if (str_utf8_char(term->last) != 3)
		return true;
	/* Three bytes of UTF-8 hold 4, 6 and 6 bits. */
	c = (p[0] & 0xF) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
	return c < SYLLABLES_FIRST || c >= SYLLABLES_END;
}

struct terms_counts
terms_count(struct str q)
{
	struct terms_counts counts = {0};
	struct term t;
	bool ored = false; /* with the one before */

	while (terms_next(&q, &t)) {
		struct words_term term = words_term(t.text);

		counts.not_or = counts.not_or || (t.not &&(ored || t.or_next));
		ored = t.or_next;
		counts.words += term.tokens > 0 ? term.tokens : 1;
		counts.prefixes += t.prefix || term.prefix;
		if (t.prefix && counts.short_prefix.n == 0 && too_short(&term))
			counts.short_prefix = term.last;
	}
	return counts;
}
