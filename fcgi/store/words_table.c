#include "words_state.h"

struct letter {
	int32_t c;
	char as[4];
};

/*
 * Latin letters that Unicode does not decompose and that its collation (DUCET) has for the same as these at the primary
 * level: strokes, hooks of insular hands, ligatures; and the dotless i. Sorted. words_unicode_test.c compares them.
 */
static const struct letter letters[] = {{0xE6, "ae"}, {0xF0, "d"}, {0xF8, "o"}, {0x111, "d"}, {0x127, "h"},
    {0x131, "i"}, {0x142, "l"}, {0x153, "oe"}, {0x18D, "zw"}, {0x1BE, "ts"}, {0x238, "db"}, {0x239, "qp"},
    {0x2A3, "dz"}, {0x2A6, "ts"}, {0x2AA, "ls"}, {0x2AB, "lz"}, {0x1D79, "g"}, {0x1D7A, "th"}, {0x1EFB, "ll"},
    {0xA729, "tz"}, {0xA733, "aa"}, {0xA735, "ao"}, {0xA737, "au"}, {0xA739, "av"}, {0xA73B, "av"}, {0xA73D, "ay"},
    {0xA74F, "oo"}, {0xA75B, "r"}, {0xA761, "vy"}, {0xA77A, "d"}, {0xA77C, "f"}, {0xA783, "r"}, {0xA785, "s"},
    {0xA787, "t"}, {0xA79B, "a"}, {0xA79D, "o"}, {0xA79F, "u"}, {0xA7A1, "g"}, {0xA7A3, "k"}, {0xA7A5, "n"},
    {0xA7A7, "r"}, {0xA7A9, "s"}, {0xA7C1, "a"}, {0xA7C3, "w"}, {0xA7D9, "s"}, {0x10780, "aa"}};

const char *
words_letters(int32_t c)
{
	size_t n = WORDS_UP_TO(letters, c);

	return n > 0 && letters[n - 1].c == c ? letters[n - 1].as : NULL;
}

int32_t
words_not_final(int32_t c)
{
	/* Hebrew kaf, mem, nun, pe, tsadi: the usual form stands behind the final one. */
	return c == 0x5DA || c == 0x5DD || c == 0x5DF || c == 0x5E3 || c == 0x5E5 ? c + 1 : c;
}

/* The zeros of scripts with blanks; nine more digits stand behind each. Sorted. */
static const int32_t zeros[] = {0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6,
    0xD66, 0xDE6, 0xF20, 0x1810, 0x1946, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xAA50, 0xABF0, 0x104A0,
    0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x118E0, 0x11950, 0x11C50,
    0x11D50, 0x11DA0, 0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E950};

int
words_digit(int32_t c)
{
	size_t n = WORDS_UP_TO(zeros, c);

	return n > 0 && c - zeros[n - 1] <= 9 ? (int)(c - zeros[n - 1]) : -1;
}

const unsigned char words_ascii[128] = {['0'] = '0',
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
    '9',
    ['A'] = 'a',
    'b',
    'c',
    'd',
    'e',
    'f',
    'g',
    'h',
    'i',
    'j',
    'k',
    'l',
    'm',
    'n',
    'o',
    'p',
    'q',
    'r',
    's',
    't',
    'u',
    'v',
    'w',
    'x',
    'y',
    'z',
    ['a'] = 'a',
    'b',
    'c',
    'd',
    'e',
    'f',
    'g',
    'h',
    'i',
    'j',
    'k',
    'l',
    'm',
    'n',
    'o',
    'p',
    'q',
    'r',
    's',
    't',
    'u',
    'v',
    'w',
    'x',
    'y',
    'z'};
