/*
 * terms: the words, "phrases" and beginnings* that a search is made of, as people type them (docs/PROTOCOL.md, Search).
 *
 * What a search costs grows with its words, those of phrases too, and far more with its beginnings: for each of these
 * the rows of all words that begin so are brought together first. So there is a most of both.
 */
#ifndef TERMS_H
#define TERMS_H

#include <stdbool.h>

#include "base/str.h"

enum {
	TERMS_WORDS_MAX = 64,
	TERMS_PREFIXES_MAX = 8,
	TERMS_PREFIX_MIN = 2, /* letters of a beginning, in scripts that have letters */
};

/* One word or "phrase" of what was typed, without its marks. */
struct term {
	struct str text;
	bool prefix, not ;
	bool or_next; /* OR stands between it and the next one */
};

/*
 * Takes the next term off *q, and the OR behind it; false at the end. OR is one in capitals that stands between two
 * terms, without quotes; any other is a word.
 */
bool terms_next(struct str *q, struct term *t);

/* What is in a search. */
struct terms_counts {
	size_t words; /* one at least for each term; 91%full are two, and so are three characters of a run (words.h) */
	size_t prefixes;         /* and terms that are looked for as such: single characters of a run */
	struct str short_prefix; /* the first that is too short; n is 0: none */
	bool not_or;             /* a term with - stands beside OR */
};
struct terms_counts terms_count(struct str q);

#endif
