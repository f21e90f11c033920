/*
 * words: what a word is, in every script (docs/PROTOCOL.md, Search). It cuts a text into the tokens that the index
 * keeps and that a search looks for, by utf8proc and tables of its own; and it is FTS5's tokenizer `words`.
 *
 * A text is read grapheme by grapheme, as readers see it. Scripts with blanks have words. A script without blanks has
 * runs, and of a run each two graphemes side by side are a token, and the last one alone once more: so whatever stands
 * in it is found, by as many tokens as graphemes. An emoji is a token.
 *
 * Nothing here allocates; what is made of a text of n bytes takes a time that grows with n, and a token has a bound.
 *
 * Files: words.c makes tokens of units; words_unit.c reads units (a grapheme, folded); words_escape.c passes over
 * escape sequences; words_fold.c folds, by words_table.c; words_script.c knows scripts; words_fts5.c is FTS5's side.
 */
#ifndef WORDS_H
#define WORDS_H

#include "base/str.h"

struct sqlite3;

enum {
	WORDS_TOKEN_MAX = 512, /* bytes; a longer word is several tokens, side by side */
	WORDS_UNIT_MAX = 128,  /* bytes of a folded grapheme; what is longer is cut */
	WORDS_PARTS_MAX = 24,  /* characters that one sign consists of, such as U+FDFA of 18 */
	WORDS_VERSION_SIZE = 32,
};

enum words_kind {
	WORDS_WORD, /* letters and digits, of a script with blanks */
	WORDS_PAIR, /* two graphemes side by side, of a script without */
	WORDS_LAST, /* the last grapheme of a run of such a script */
	WORDS_SIGN, /* an emoji and the like */
};

/* For words.c and words_unit.c: what a grapheme is, and of letters which; those of two kinds are never one word. */
enum words_unit_kind { WORDS_END, WORDS_LETTER, WORDS_RUN, WORDS_SOLO, WORDS_NONE, WORDS_PASS, WORDS_GAP };
enum words_letters { WORDS_OTHERS, WORDS_HANGUL, WORDS_JAMO };
struct words_unit {
	enum words_unit_kind kind;
	enum words_letters letters;
	size_t start, end;
	size_t n, chars; /* bytes, and of how many characters they are */
	char bytes[WORDS_UNIT_MAX];
};

/* A walk over a text, and the token that it is at. */
struct words {
	/* The token: where its graphemes stand in the text, and its folded bytes. */
	enum words_kind kind;
	bool alone;        /* WORDS_LAST: its run has no other */
	size_t start, end; /* bytes of the text, end not included */
	size_t units;      /* graphemes that it consists of */
	size_t n;
	char token[WORDS_TOKEN_MAX];

	/* The walk's own. */
	struct str text;
	size_t at;
	bool query;
	enum words_letters letters; /* of the word */
	size_t run;                 /* graphemes of the run so far; the last of them is in `last` */
	bool again;                 /* the unit was read, and is yet to be taken */
	struct words_unit unit, last;
	int32_t parts[WORDS_PARTS_MAX]; /* of a sign that consists of several characters: yet to be given as units */
	size_t part, n_parts;
};

/*
 * Begins a walk over a text of any bytes, which stays the caller's and must last as long as the walk.
 *
 * query: as a search looks for it: a run that ends the text has no last grapheme alone, which would be found at the end
 * of a run only; unless it is all there is of the run, see struct words_term.
 */
void words_begin(struct words *w, struct str text, bool query);

/* Goes to the next token; false: there is none. */
bool words_next(struct words *w);

/* What a term of a search (a word or a phrase, as typed, without its marks) consists of. */
struct words_term {
	size_t tokens; /* that the index looks for, side by side; 0: there is nothing to look for */
	/*
	 * The last is a single grapheme of a script without blanks. It must be looked for as a prefix (FTS5: `"…"*`),
	 * whether or not it was typed as one, and finds just what has that grapheme there.
	 */
	bool prefix;
	enum words_kind last_kind; /* of the last token */
	size_t last_units;         /* its graphemes */
	struct str last;           /* where it stands in the term */
};
struct words_term words_term(struct str term);

/* The length of the grapheme that a text begins with; 0: it is empty. */
size_t words_grapheme(struct str text);

/* The greatest border of graphemes of the text that is not behind `at`, of those in the last 64 bytes before it; if
 * there is none, that of a character. For whoever shortens a text. */
size_t words_border(struct str text, size_t at);

/*
 * What the tokens are made by: our version, and the Unicode version of this utf8proc, as "1-15.0.0". An index that was
 * made by another is to be made anew.
 */
const char *words_version(char version[WORDS_VERSION_SIZE]);

/*
 * Makes FTS5's tokenizer `words` known to a connection: tokenize = 'words'. In the text of a query
 * (FTS5_TOKENIZE_QUERY) it gives what `query` does above. An SQLite result code.
 */
int words_register(struct sqlite3 *db);

#endif
