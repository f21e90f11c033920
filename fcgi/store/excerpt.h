/*
 * excerpt: what a search shows of a text that it found: some words around the first hit, as a JSON array of strings,
 * plain, hit, plain, hit, and so on.
 *
 * However long its words, blanks or graphemes are, an excerpt has a bound; and it is cut between graphemes.
 */
#ifndef EXCERPT_H
#define EXCERPT_H

#include "base/buf.h"

enum {
	EXCERPT_TOKENS = 32,     /* words shown of a text */
	EXCERPT_BEFORE = 8,      /* of them before the first hit */
	EXCERPT_HITS = 32,       /* those behind are shown plain */
	EXCERPT_GRAPHEMES = 400, /* shown of a text, */
	EXCERPT_BYTES = 2000,    /* and bytes; a single grapheme that has more is cut between characters */
	EXCERPT_BEFORE_BYTES =
	    256, /* of them before the first hit, and as many again as a grapheme may take at its border */
};

/* Tokens, as the index counts them, that are a hit. */
struct excerpt_hit {
	int from, to; /* to not included */
	bool single;  /* of the last one only the first grapheme is, see struct words_term */
	int start, end;
};

/* Begin with an empty one: (struct excerpt){0}. */
struct excerpt {
	struct excerpt_hit hits[EXCERPT_HITS];
	int n_hits;
	int first, last;     /* tokens of the excerpt, last not included */
	int token;           /* the next one */
	int start, end, cut; /* bytes of the excerpt; cut: there is more behind */
};

/* Takes a hit, those with smaller tokens first, before any token; false: it wants no more. */
bool excerpt_hit(struct excerpt *x, int token, int n_tokens, bool single);

/* Takes the next token of the text, from the first one on; false: it wants no more. */
bool excerpt_token(struct excerpt *x, struct str text, int start, int end);

/* Behind the last token: adds the JSON. */
void excerpt_add(struct excerpt *x, struct buf *b, struct str text);

#endif
