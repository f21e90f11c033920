#include "words_state.h"

#include <utf8proc.h>

struct range {
	int32_t first, last;
};

/*
 * utf8proc knows no scripts. Of letters, marks and numbers that are not in these, marks are kept. What is between them
 * and is none of these does not matter. words_unicode_test.c compares them with Unicode's own.
 */
static const struct range dropped[] = {{0x00, 0x2B8}, {0x2E0, 0x2E4}, {0x370, 0x373}, {0x376, 0x3E1}, {0x3F0, 0x484},
    {0x487, 0x52F}, {0x591, 0x63F}, {0x641, 0x64A}, {0x656, 0x66F}, {0x671, 0x6FF}, {0x750, 0x77F}, {0x870, 0x8FF},
    {0x1C80, 0x1C88}, {0x1D00, 0x1DBF}, {0x1E00, 0x209C}, {0x2126, 0x2126}, {0x212A, 0x212B}, {0x2132, 0x2132},
    {0x214E, 0x2188}, {0x2C60, 0x2C7F}, {0x2DE0, 0x2DFF}, {0xA640, 0xA69F}, {0xA722, 0xA787}, {0xA78B, 0xA7FF},
    {0xAB30, 0xAB69}, {0xFB00, 0xFB06}, {0xFB1D, 0xFDFB}, {0xFE2E, 0xFEFC}, {0xFF21, 0xFF5A}, {0x10140, 0x10174},
    {0x10780, 0x107BA}, {0x10EFD, 0x10EFF}, {0x1D242, 0x1D244}, {0x1DF00, 0x1DF2A}, {0x1E030, 0x1E08F},
    {0x1EE00, 0x1EEBB}};

/*
 * Han, kana, Bopomofo, Thai, Lao, Khmer, Burmese, and others that are written without blanks: Tai Le, New Tai Lue, Tai
 * Tham, Tai Viet, Ahom, Javanese, Balinese, Tangut, Nushu, Khitan. The planes 2 and 3 are ideographs, those to come as
 * well.
 */
static const struct range runs[] = {{0xE01, 0xEDF}, {0x1000, 0x109F}, {0x1780, 0x17E9}, {0x1950, 0x19D9},
    {0x1A20, 0x1AA7}, {0x1B00, 0x1B7F}, {0x2E80, 0x2FD5}, {0x3005, 0x3029}, {0x3031, 0x3096}, {0x309B, 0x309F},
    {0x30A1, 0x312F}, {0x31A0, 0x31BF}, {0x31F0, 0x31FF}, {0x3400, 0x9FFF}, {0xA980, 0xA9C0}, {0xA9D0, 0xA9FE},
    {0xAA60, 0xAADF}, {0xF900, 0xFAD9}, {0xFF66, 0xFF9D}, {0x11700, 0x1174F}, {0x16FE0, 0x1B2FF}, {0x20000, 0x3FFFD}};

/* Blocks of symbols, punctuation and emoji, for characters that are newer than this utf8proc. */
static const struct range symbols[] = {{0x2000, 0x2BFF}, {0x2E00, 0x2E7F}, {0x2FE0, 0x303F}, {0xFE10, 0xFE6F},
    {0xFFE0, 0xFFFF}, {0x10100, 0x101FF}, {0x1BCA0, 0x1BCFF}, {0x1CC00, 0x1D3FF}, {0x1F000, 0x1FAFF},
    {0x1FB00, 0x1FFFF}, {0xE0000, 0x10FFFF}};

/* n: how many of the ranges begin at c or before. */
static bool
ends_behind(const struct range *ranges, size_t n, int32_t c)
{
	return n > 0 && c <= ranges[n - 1].last;
}

#define WITHIN(ranges, c) ends_behind(ranges, WORDS_UP_TO(ranges, c), c)

enum words_script
words_script(int32_t c)
{
	if (WITHIN(runs, c))
		return WORDS_SCRIPT_RUNS;
	return WITHIN(dropped, c) ? WORDS_SCRIPT_DROPPED : WORDS_SCRIPT_KEPT;
}

bool
words_symbol_block(int32_t c)
{
	return WITHIN(symbols, c) || (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

enum words_letters
words_letters_of(int32_t c)
{
	if (c < 0x1100)
		return WORDS_OTHERS;
	if ((c >= 0x3131 && c <= 0x318E) || (c >= 0xFFA0 && c <= 0xFFDC))
		return WORDS_JAMO;
	return (c >= 0xAC00 && c <= 0xD7FB) || c <= 0x11FF || (c >= 0xA960 && c <= 0xA97C) ? WORDS_HANGUL
	                                                                                   : WORDS_OTHERS;
}

enum {
	ZERO_WIDTH_SPACE = 0x200B,
	EMOJI_FIRST = 0x1F000, /* where those to come will stand */
	EMOJI_LAST = 0x1FFFD,
};

/* Of what is neither letter nor mark. */
static enum words_unit_kind
other_kind(int32_t c, utf8proc_propval_t category)
{
	switch (category) {
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
		return words_script(c) == WORDS_SCRIPT_RUNS ? WORDS_RUN : WORDS_LETTER;
	case UTF8PROC_CATEGORY_NO:
		/* As those of dingbats, in black circles. */
		return words_symbol_block(c) && utf8proc_get_property(c)->decomp_type == 0 ? WORDS_SOLO : WORDS_LETTER;
	case UTF8PROC_CATEGORY_CN:
		if (words_symbol_block(c))
			return (c >= EMOJI_FIRST && c <= EMOJI_LAST) ? WORDS_SOLO : WORDS_NONE;
		return words_script(c) == WORDS_SCRIPT_RUNS ? WORDS_RUN : WORDS_LETTER;
	case UTF8PROC_CATEGORY_CO:
		return WORDS_SOLO;
	case UTF8PROC_CATEGORY_CF:
		return WORDS_PASS;
	default:
		/* Radicals are symbols to Unicode, and Han all the same; the sound marks of kana that stand alone. */
		return (c >= 0x2E80 && c <= 0x2FD5) || c == 0x309B || c == 0x309C ? WORDS_RUN : WORDS_NONE;
	}
}

enum words_unit_kind
words_kind_of(int32_t c, bool *mark)
{
	const utf8proc_property_t *property = utf8proc_get_property(c);

	*mark = false;
	if (c == ZERO_WIDTH_SPACE)
		return WORDS_GAP;
	if (property->ignorable)
		return WORDS_PASS;
	switch (property->category) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
		return words_script(c) == WORDS_SCRIPT_RUNS ? WORDS_RUN : WORDS_LETTER;
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
		*mark = true;
		return WORDS_PASS;
	default:
		return other_kind(c, property->category);
	}
}
