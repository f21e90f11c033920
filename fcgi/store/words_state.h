/* What the files of words share. */
#ifndef WORDS_STATE_H
#define WORDS_STATE_H

#include "words.h"

/* What a character is for words, by itself. */
enum words_script {
	WORDS_SCRIPT_KEPT,    /* its marks are letters of their own right */
	WORDS_SCRIPT_DROPPED, /* its marks do not count: Latin, Greek, Cyrillic, Arabic, Hebrew; digits */
	WORDS_SCRIPT_RUNS,    /* without blanks */
};

/*
 * How many of the n entries of a table, sorted by the character that each begins with, begin with c or one before it.
 * Here, so that it is made for each table: it is asked for most characters.
 */
#define WORDS_UP_TO(table, c) words_up_to(table, sizeof(table) / sizeof(table)[0], sizeof(table)[0], c)
static inline size_t
words_up_to(const void *table, size_t n, size_t size, int32_t c)
{
	size_t low = 0;

	while (n > 0) {
		size_t half = n / 2;
		const int32_t *first = (const void *)((const char *)table + (low + half) * size);

		if (*first <= c) {
			low += half + 1;
			n -= half + 1;
		} else
			n = half;
	}
	return low;
}

/* Of letters, marks and numbers; of others it says nothing that is true. */
enum words_script words_script(int32_t c);
/* Of a character that this utf8proc does not know yet: whether it stands where symbols and punctuation do. */
bool words_symbol_block(int32_t c);

/* What a character begins: WORDS_LETTER, _RUN, _SOLO, _NONE, _PASS or _GAP; *mark: it is a mark. */
enum words_unit_kind words_kind_of(int32_t c, bool *mark);

/*
 * Hangul is written right behind what is no Hangul (Linux를, 2024년), and single jamo right behind syllables: they are
 * words of their own, else the one before them would not be found.
 */
enum words_letters words_letters_of(int32_t c);

/* The digit 0 to 9 that it is, in scripts with blanks; -1: none. */
int words_digit(int32_t c);
/* The letters that a letter with a stroke or a ligature counts as, lower case; NULL: itself. */
const char *words_letters(int32_t c);

/* The letter that a final form counts as; others are themselves. (The case of Greek letters has theirs.) */
int32_t words_not_final(int32_t c);

/* The characters of one grapheme, in their order; more than these are passed over. */
enum { WORDS_RAW_MAX = 32, WORDS_FOLDED_MAX = 64 };
struct words_raw {
	int32_t c[WORDS_RAW_MAX];
	size_t n;
};

/*
 * Folds a grapheme whose base, c[base], is a letter or a number, into u->bytes, u->n and u->chars; false: it consists
 * of several parts, and these are in parts[], *n_parts of them.
 */
bool words_fold(
    struct words_unit *u, const struct words_raw *raw, size_t base, int32_t parts[WORDS_PARTS_MAX], size_t *n_parts);
/* The same for a letter alone that has no decomposition. */
void words_fold_letter(struct words_unit *u, int32_t c);
/* The same for one character of such a part. */
void words_fold_part(struct words_unit *u, int32_t c);
/* An emoji: without variation selectors, skin tones and marks. */
void words_fold_emoji(struct words_unit *u, const struct words_raw *raw, size_t base);
/* The parts of a symbol that has some, such as those of U+338F (kg). */
void words_symbol_parts(int32_t c, int32_t parts[WORDS_PARTS_MAX], size_t *n_parts);

/* The length of the escape sequence that s begins with, as terminals know them; 0: it begins with none. */
size_t words_escape(struct str s);

/* Reads the next unit into w->unit. */
void words_read(struct words *w);

/* The character at the beginning of s, and its length; -1 and 1: no UTF-8. s has one byte at least. */
size_t words_decode(struct str s, int32_t *c);

/* 0: what parts words; else the letter or digit in lower case. */
extern const unsigned char words_ascii[128];

#endif
