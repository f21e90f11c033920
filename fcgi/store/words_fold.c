#include "words_state.h"

#include <utf8proc.h>

enum {
	TATWEEL = 0x640, /* it makes an Arabic word longer to the eye */
	BREVE = 0x306,
	DIAERESIS = 0x308,
	SOUND_MARK = 0x3099, /* of kana, and U+309A; alone as U+309B and U+309C */
	LONE_SOUND_MARK = 0x309B,
	ZWJ = 0x200D,
	TAG_FIRST = 0xE0020, /* of the flags of Scotland and the like */
	TAG_LAST = 0xE007F,
	KEYCAP = 0x20E3,
	CASED_MAX = 4, /* characters that one is in lower case */
	FEW = 8,
};

/* Characters in a row, as they are folded. */
struct chars {
	int32_t c[WORDS_FOLDED_MAX];
	size_t n;
};

static bool
is_mark(int32_t c)
{
	switch (utf8proc_get_property(c)->category) {
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
		return true;
	default:
		return false;
	}
}

/* Adds what c decomposes to, by NFKD; what there is no room for is left out. */
static void
add_decomposed(struct chars *to, int32_t c)
{
	utf8proc_ssize_t n, room = (utf8proc_ssize_t)(WORDS_FOLDED_MAX - to->n);

	if (c == LONE_SOUND_MARK || c == LONE_SOUND_MARK + 1)
		c -= LONE_SOUND_MARK - SOUND_MARK;
	if (room <= 0 || !utf8proc_codepoint_valid(c))
		return;
	n = utf8proc_decompose_char(
	    c, to->c + to->n, room, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_IGNORE, NULL);
	if (n > 0 && n <= room)
		to->n += (size_t)n;
}

/* Unicode's canonical order: marks side by side by their class, and those of one class as they stood. */
static void
put_in_order(struct chars *s)
{
	for (size_t i = 1; i < s->n; i++) {
		int32_t c = s->c[i];
		utf8proc_propval_t class = utf8proc_get_property(c)->combining_class;
		size_t at = i;

		while (class > 0 && at > 0 && utf8proc_get_property(s->c[at - 1])->combining_class > class) {
			s->c[at] = s->c[at - 1];
			at--;
		}
		s->c[at] = c;
	}
}

/* Whether a mark makes another letter, though those of its script do not count: Cyrillic й and ї. */
static bool
another_letter(int32_t base, int32_t mark)
{
	return (mark == BREVE && (base == 0x418 || base == 0x438)) ||
	       (mark == DIAERESIS && (base == 0x406 || base == 0x456));
}

/* Takes away the marks behind letters of scripts where these do not count, and the tatweel. */
static void
drop_marks(struct chars *s)
{
	int32_t base = 0;
	bool drop = false;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		int32_t c = s->c[i];

		if (c == TATWEEL)
			continue;
		if (is_mark(c)) {
			if (drop && !another_letter(base, c))
				continue;
		} else {
			base = c;
			drop = words_script(c) == WORDS_SCRIPT_DROPPED;
		}
		s->c[n++] = c;
	}
	s->n = n;
}

static void
add_char(struct words_unit *u, int32_t c)
{
	if (u->n + 4 > WORDS_UNIT_MAX)
		return;
	u->n += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)u->bytes + u->n);
	u->chars++;
}

static void
add_folded(struct words_unit *u, int32_t c)
{
	const char *letters = words_letters(c);
	int digit = words_digit(c);

	if (digit >= 0)
		add_char(u, '0' + digit);
	else if (letters == NULL)
		add_char(u, words_not_final(c));
	else
		while (*letters != '\0')
			add_char(u, *letters++);
}

void
words_fold_letter(struct words_unit *u, int32_t c)
{
	int32_t cased[CASED_MAX];
	utf8proc_ssize_t n = utf8proc_decompose_char(c, cased, CASED_MAX, UTF8PROC_CASEFOLD, NULL);

	u->n = u->chars = 0;
	for (utf8proc_ssize_t i = 0; i < n && c != TATWEEL; i++)
		add_folded(u, cased[i]);
}

/* Without marks, in lower case, and put together again. */
static void
fold(struct words_unit *u, struct chars *s)
{
	struct chars cased = {.n = 0};
	utf8proc_ssize_t n;

	drop_marks(s);
	for (size_t i = 0; i < s->n && cased.n + CASED_MAX <= WORDS_FOLDED_MAX; i++) {
		n = utf8proc_decompose_char(s->c[i], cased.c + cased.n, CASED_MAX, UTF8PROC_CASEFOLD, NULL);
		if (n > 0 && n <= CASED_MAX)
			cased.n += (size_t)n;
	}
	n = utf8proc_normalize_utf32(cased.c, (utf8proc_ssize_t)cased.n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	for (utf8proc_ssize_t i = 0; i < n; i++)
		add_folded(u, cased.c[i]);
}

/* Whether words can be made of all of these, without anything that parts them. */
static bool
whole(const struct chars *s)
{
	for (size_t i = 0; i < s->n; i++) {
		bool mark;
		enum words_unit_kind kind = words_kind_of(s->c[i], &mark);

		if (!mark && kind != WORDS_LETTER && kind != WORDS_RUN)
			return false;
	}
	return true;
}

/* As many as there is room for. */
static void
give_parts(struct chars *s, int32_t parts[WORDS_PARTS_MAX], size_t *n_parts)
{
	utf8proc_ssize_t n = utf8proc_normalize_utf32(s->c, (utf8proc_ssize_t)s->n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);

	*n_parts = 0;
	for (utf8proc_ssize_t i = 0; i < n && *n_parts < WORDS_PARTS_MAX; i++)
		parts[(*n_parts)++] = s->c[i];
}

/* Numbers in circles and on keys, fractions and the like: not those above or below the line, which are as good as any.
 */
static bool
enclosed(const struct words_raw *raw, size_t base)
{
	const utf8proc_property_t *property = utf8proc_get_property(raw->c[base]);

	for (size_t i = base + 1; i < raw->n; i++)
		if (raw->c[i] == KEYCAP)
			return true;
	return property->category == UTF8PROC_CATEGORY_NO && property->decomp_type != 0 &&
	       property->decomp_type != UTF8PROC_DECOMP_TYPE_SUPER && property->decomp_type != UTF8PROC_DECOMP_TYPE_SUB;
}

bool
words_fold(
    struct words_unit *u, const struct words_raw *raw, size_t base, int32_t parts[WORDS_PARTS_MAX], size_t *n_parts)
{
	struct chars s = {.n = 0};

	u->n = u->chars = 0;
	for (size_t i = base; i < raw->n; i++)
		add_decomposed(&s, raw->c[i]);
	put_in_order(&s);
	if (enclosed(raw, base) || !whole(&s)) {
		give_parts(&s, parts, n_parts);
		return false;
	}
	fold(u, &s);
	return true;
}

void
words_fold_part(struct words_unit *u, int32_t c)
{
	struct chars s = {.n = 0};

	if (utf8proc_get_property(c)->decomp_seqindex == UINT16_MAX) {
		words_fold_letter(u, c);
		return;
	}
	u->n = u->chars = 0;
	add_decomposed(&s, c);
	fold(u, &s);
}

void
words_symbol_parts(int32_t c, int32_t parts[WORDS_PARTS_MAX], size_t *n_parts)
{
	struct chars s = {.n = 0};

	*n_parts = 0;
	if (utf8proc_get_property(c)->decomp_type == 0)
		return;
	add_decomposed(&s, c);
	give_parts(&s, parts, n_parts);
}

void
words_fold_emoji(struct words_unit *u, const struct words_raw *raw, size_t base)
{
	u->n = u->chars = 0;
	for (size_t i = base; i < raw->n; i++) {
		int32_t c = raw->c[i];
		bool tag = c >= TAG_FIRST && c <= TAG_LAST;

		if (i > base && !tag && c != KEYCAP &&
		    utf8proc_get_property(c)->boundclass == UTF8PROC_BOUNDCLASS_EXTEND)
			continue;
		/* A joiner that joins nothing. */
		if (c == ZWJ && i + 1 == raw->n)
			continue;
		add_char(u, c);
	}
}
