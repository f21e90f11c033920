#include "terms.h"

#include <string.h>

/* From here on a character may be a word: radicals, kana, ideographs. */
enum { FIRST_OF_NO_ALPHABET = 0x2E80 };

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

/* Whether the index may take it for a part of a word; it knows better of what is not ASCII. */
static bool
in_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

/* The words in a term; the last one in *last. */
static size_t
words_of(struct str text, struct str *last)
{
	size_t n = 0;

	*last = (struct str){text.p, 0};
	for (size_t i = 0; i < text.n; i++) {
		if (!in_word(text.p[i]))
			continue;
		if (i == 0 || !in_word(text.p[i - 1])) {
			*last = (struct str){text.p + i, 0};
			n++;
		}
		last->n++;
	}
	return n;
}

static bool
too_short(struct str word)
{
	size_t first = str_utf8_char(word);
	const unsigned char *p = (const unsigned char *)word.p;

	if (word.n == 0 || first < word.n)
		return false;
	/* Three bytes of UTF-8 hold 4, 6 and 6 bits. */
	return first < 3 || (first == 3 && ((p[0] & 0xF) << 12 | (p[1] & 0x3F) << 6) < FIRST_OF_NO_ALPHABET);
}

struct terms_counts
terms_count(struct str q)
{
	struct terms_counts counts = {0};
	struct term t;
	bool ored = false; /* with the one before */

	while (terms_next(&q, &t)) {
		struct str last;
		size_t n = words_of(t.text, &last);

		counts.not_or = counts.not_or || (t.not &&(ored || t.or_next));
		ored = t.or_next;
		counts.words += n > 0 ? n : 1;
		if (!t.prefix)
			continue;
		counts.prefixes++;
		if (counts.short_prefix.n == 0 && too_short(last))
			counts.short_prefix = last;
	}
	return counts;
}
