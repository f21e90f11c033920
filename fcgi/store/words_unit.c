#include "words_state.h"

#include <string.h>

#include <utf8proc.h>

enum {
	ESC = 0x1B,
	HAN_FIRST = 0x4E00,
	HAN_LAST = 0x9FFF,
	KEYCAP = 0x20E3,
	BORDER_LOOK = 64, /* bytes */
};

size_t
words_decode(struct str s, int32_t *c)
{
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.p, s.n < 4 ? (utf8proc_ssize_t)s.n : 4, c);

	if (n > 0 && *c >= 0)
		return (size_t)n;
	*c = -1;
	return 1;
}

/* Whether a letter that is followed by s is a grapheme by itself; false: perhaps. */
static bool
nothing_joins(struct str s)
{
	unsigned char lead = s.n > 0 ? (unsigned char)s.p[0] : 0;

	/* ASCII; U+4000 to U+9FFF; U+FF00 to U+FF7F, which has the comma and the full stop. */
	return lead < 0x80 || (lead >= 0xE4 && lead <= 0xE9) ||
	       (lead == 0xEF && s.n > 1 && ((unsigned char)s.p[1] == 0xBC || (unsigned char)s.p[1] == 0xBD)) ||
	       /* U+3000 to U+3029, U+3040 to U+307F, U+30C0 to U+30FF */
	       (lead == 0xE3 && s.n > 2 &&
	           (((unsigned char)s.p[1] == 0x80 && (unsigned char)s.p[2] < 0xAA) || (unsigned char)s.p[1] == 0x81 ||
	               (unsigned char)s.p[1] == 0x83));
}

/* A Han character that is a grapheme by itself, at the beginning of s: by far the most of a Chinese text. */
static bool
read_han(struct words_unit *u, struct str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (s.n < 3 || p[0] < 0xE4 || p[0] > 0xE9 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80 ||
	    (p[0] == 0xE4 && p[1] < 0xB8) || !nothing_joins(str_skip(s, 3)))
		return false;
	u->kind = WORDS_RUN;
	u->start = at;
	u->end = at + 3;
	u->n = 3;
	u->chars = 1;
	memcpy(u->bytes, p, 3);
	return true;
}

/* An ASCII character that nothing joins. */
static bool
read_ascii(struct words_unit *u, struct str s, size_t at)
{
	unsigned char c = (unsigned char)s.p[0];

	if (c >= 0x80 || c == ESC || (s.n > 1 && (unsigned char)s.p[1] >= 0x80))
		return false;
	u->kind = words_ascii[c] != 0 ? WORDS_LETTER : WORDS_NONE;
	u->letters = WORDS_OTHERS;
	u->start = at;
	u->end = at + 1;
	u->n = u->chars = 1;
	u->bytes[0] = (char)words_ascii[c];
	return true;
}

/* Those that are no marks to Unicode. */
static bool
is_sound_mark(int32_t c)
{
	return c == 0x309B || c == 0x309C;
}

/* Whether nothing of what stands behind a letter makes one grapheme with it. */
static bool
stands_apart(struct str s)
{
	int32_t c;

	if (s.n == 0 || (unsigned char)s.p[0] < 0x80)
		return true;
	(void)words_decode(s, &c);
	if (c < 0)
		return true;
	switch (utf8proc_get_property(c)->boundclass) {
	case UTF8PROC_BOUNDCLASS_EXTEND:
	case UTF8PROC_BOUNDCLASS_ZWJ:
	case UTF8PROC_BOUNDCLASS_SPACINGMARK:
	case UTF8PROC_BOUNDCLASS_V:
	case UTF8PROC_BOUNDCLASS_T:
		return false;
	default:
		return !is_sound_mark(c);
	}
}

/* A letter by itself that is folded to itself or to one in lower case: most of the others. */
static bool
read_letter(struct words_unit *u, struct str s, size_t at)
{
	const utf8proc_property_t *property;
	int32_t c;
	size_t n = words_decode(s, &c);

	if (c < 0)
		return false;
	property = utf8proc_get_property(c);
	if (property->category < UTF8PROC_CATEGORY_LU || property->category > UTF8PROC_CATEGORY_LO ||
	    property->decomp_seqindex != UINT16_MAX || property->ignorable ||
	    (property->boundclass != UTF8PROC_BOUNDCLASS_OTHER && property->boundclass != UTF8PROC_BOUNDCLASS_LV &&
	        property->boundclass != UTF8PROC_BOUNDCLASS_LVT) ||
	    !stands_apart(str_skip(s, n)))
		return false;
	u->kind = words_script(c) == WORDS_SCRIPT_RUNS ? WORDS_RUN : WORDS_LETTER;
	u->letters = words_letters_of(c);
	u->start = at;
	u->end = at + n;
	words_fold_letter(u, c);
	return u->n > 0;
}

/* Of scripts without blanks: what puts the next consonant below the one before it, in Burmese, Khmer, and some others.
 */
static bool
is_stacker(int32_t c)
{
	return c == 0x1039 || c == 0x17D2 || c == 0x1A60 || c == 0x1B44 || c == 0xA9C0;
}

/*
 * Whether a grapheme goes on for us with c that does not for Unicode, or only for one that is newer: the sound marks of
 * kana that stand alone, the vowel am of Thai and Lao in two characters, consonants below others.
 */
static bool
joins(int32_t before, int32_t c)
{
	bool kana = (before >= 0x3041 && before <= 0x30FF) || (before >= 0xFF66 && before <= 0xFF9D);

	if ((kana && is_sound_mark(c)) || (before == 0xE4D && c == 0xE32) || (before == 0xECD && c == 0xEB2))
		return true;
	return is_stacker(before) && c >= 0x1000 && utf8proc_get_property(c)->category == UTF8PROC_CATEGORY_LO &&
	       words_script(c) == WORDS_SCRIPT_RUNS;
}

/* The grapheme that s begins with; its length. s begins with a character. */
static size_t
read_grapheme(struct str s, struct words_raw *raw)
{
	int32_t before, c, state = 0;
	size_t at = words_decode(s, &before);

	raw->c[0] = before;
	raw->n = 1;
	while (at < s.n && before >= 0) {
		size_t n = words_decode(str_skip(s, at), &c);

		if (c < 0)
			break;
		if (utf8proc_grapheme_break_stateful(before, c, &state) && !joins(before, c))
			break;
		if (raw->n < WORDS_RAW_MAX)
			raw->c[raw->n++] = c;
		before = c;
		at += n;
	}
	return at;
}

static bool
is_class(int32_t c, utf8proc_boundclass_t class)
{
	return utf8proc_get_property(c)->boundclass == class;
}

/* Two regional indicators are a flag, # and * with a keycap a sign; the others are no words. */
static bool
is_flag_or_key(const struct words_raw *raw, size_t base)
{
	if (base + 1 < raw->n && is_class(raw->c[base], UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR))
		return is_class(raw->c[base + 1], UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR);
	if (raw->c[base] != '#' && raw->c[base] != '*')
		return false;
	for (size_t i = base + 1; i < raw->n; i++)
		if (raw->c[i] == KEYCAP)
			return true;
	return false;
}

/* What a grapheme is, and what it is folded to; its parts are left in w. */
static void
understand(struct words *w, struct words_unit *u, const struct words_raw *raw)
{
	bool mark = false;
	size_t base = 0;

	u->kind = WORDS_NONE;
	u->n = u->chars = 0;
	if (raw->c[0] < 0)
		return;
	/* Format characters may stand before it. */
	while ((u->kind = words_kind_of(raw->c[base], &mark)) == WORDS_PASS && !mark && base + 1 < raw->n)
		base++;
	if (is_class(raw->c[base], UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC) || is_flag_or_key(raw, base)) {
		u->kind = WORDS_SOLO;
		words_fold_emoji(u, raw, base);
	} else if (u->kind == WORDS_LETTER || u->kind == WORDS_RUN) {
		u->letters = words_letters_of(raw->c[base]);
		if (!words_fold(u, raw, base, w->parts, &w->n_parts))
			u->kind = WORDS_NONE;
		else if (u->n == 0)
			u->kind = WORDS_PASS;
	} else if (u->kind == WORDS_NONE)
		words_symbol_parts(raw->c[base], w->parts, &w->n_parts);
	else if (u->kind == WORDS_SOLO)
		words_fold_emoji(u, raw, base);
}

/* The next part of a sign that has several, each at the place of the whole; behind the last, what parts it from others.
 */
static void
read_part(struct words *w)
{
	struct words_unit *u = &w->unit;
	bool mark;

	u->n = u->chars = 0;
	if (w->part == w->n_parts) {
		u->kind = WORDS_NONE;
		w->part = w->n_parts = 0;
		return;
	}
	u->kind = words_kind_of(w->parts[w->part], &mark);
	u->letters = words_letters_of(w->parts[w->part]);
	if (u->kind == WORDS_LETTER || u->kind == WORDS_RUN)
		words_fold_part(u, w->parts[w->part]);
	else if (u->kind == WORDS_SOLO)
		u->kind = WORDS_NONE;
	if (u->kind == WORDS_LETTER && u->n == 0)
		u->kind = WORDS_PASS;
	w->part++;
}

void
words_read(struct words *w)
{
	struct words_unit *u = &w->unit;
	struct str s = str_skip(w->text, w->at);
	struct words_raw raw;
	size_t n;

	if (w->n_parts > 0) {
		read_part(w);
		return;
	}
	if (s.n == 0) {
		u->kind = WORDS_END;
		return;
	}
	if (read_ascii(u, s, w->at) || read_han(u, s, w->at) || read_letter(u, s, w->at)) {
		w->at = u->end;
		return;
	}
	n = words_escape(s);
	if (n > 0) {
		u->kind = WORDS_PASS;
		/* With the marks on its last character, with which they are one grapheme. */
		if ((unsigned char)s.p[n - 1] < 0x80)
			n += read_grapheme(str_skip(s, n - 1), &raw) - 1;
	} else {
		n = read_grapheme(s, &raw);
		understand(w, u, &raw);
	}
	u->start = w->at;
	u->end = w->at += n;
}

size_t
words_grapheme(struct str text)
{
	struct words_raw raw;

	return text.n == 0 ? 0 : read_grapheme(text, &raw);
}

size_t
words_border(struct str text, size_t at)
{
	size_t from = at < text.n ? at : text.n, border;
	struct words_raw raw;

	if (from == text.n)
		return text.n;
	/* What comes behind does not matter. */
	if (text.n - at > BORDER_LOOK)
		text.n = at + BORDER_LOOK;
	/* The beginning of a character, some way before, and from there on by graphemes. */
	from = at > BORDER_LOOK ? at - BORDER_LOOK : 0;
	while (from < at && ((unsigned char)text.p[from] & 0xC0) == 0x80)
		from++;
	for (border = from; from <= at; border = from, from += read_grapheme(str_skip(text, from), &raw))
		if (from == at)
			return at;
	return border;
}
