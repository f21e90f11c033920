#include <limits.h>

#include "test.h"

static void
equal_means_the_same_bytes(void **state)
{
	(void)state;
	assert_true(str_eq(STR(""), STR("")));
	assert_true(str_eq((struct str){NULL, 0}, STR("")));
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_false(str_eq(STR("a"), STR("ab")));
	assert_false(str_eq(STR("a"), STR("A")));

	assert_true(str_eq_nocase(STR("Text/Plain"), STR("text/pLAIN")));
	assert_true(str_eq_nocase((struct str){NULL, 0}, STR("")));
	assert_false(str_eq_nocase(STR("text"), STR("text/")));
	assert_false(str_eq_nocase(STR("@"), STR("`")));
}

static void
starts_with_any_beginning(void **state)
{
	(void)state;
	assert_true(str_starts(STR("abc"), STR("")));
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_starts(STR("abc"), STR("abc")));
	assert_false(str_starts(STR("abc"), STR("abcd")));
	assert_false(str_starts(STR("abc"), STR("b")));
	assert_true(str_starts((struct str){NULL, 0}, (struct str){NULL, 0}));
	assert_false(str_starts((struct str){NULL, 0}, STR("a")));
}

static void
trims_blanks_and_tabs(void **state)
{
	(void)state;
	assert_str(str_trim(STR("")), "");
	assert_str(str_trim(STR(" \t \t")), "");
	assert_str(str_trim(STR("\t a b\t ")), "a b");
	assert_str(str_trim(STR("\na\n")), "\na\n");
	assert_int_equal(str_trim((struct str){NULL, 0}).n, 0);
}

static void
cuts_at_the_first_separator(void **state)
{
	struct str s = STR("a&&bc");

	(void)state;
	assert_str(str_cut(&s, '&'), "a");
	assert_str(s, "&bc");
	assert_str(str_cut(&s, '&'), "");
	assert_str(s, "bc");
	assert_str(str_cut(&s, '&'), "bc");
	assert_str(s, "");
	assert_str(str_cut(&s, '&'), "");

	s = STR("x=");
	assert_str(str_cut(&s, '='), "x");
	assert_int_equal(s.n, 0);
	s = STR("a\0b");
	assert_str(str_cut(&s, '\0'), "a");
	assert_str(s, "b");
	s = (struct str){NULL, 0};
	assert_int_equal(str_cut(&s, '=').n, 0);
}

static void
reads_hexadecimal_digits(void **state)
{
	static const char digits[] = "0123456789abcdef", upper[] = "ABCDEF";

	(void)state;
	for (int c = CHAR_MIN; c <= CHAR_MAX; c++) {
		const char *lower_at = c == 0 ? NULL : strchr(digits, c), *upper_at = c == 0 ? NULL : strchr(upper, c);
		int want = lower_at != NULL   ? (int)(lower_at - digits)
		           : upper_at != NULL ? (int)(upper_at - upper) + 10
		                              : -1;

		assert_int_equal(str_hex((char)c), want);
	}
}

static void
reads_numbers_up_to_a_maximum(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool good;
		uint64_t value;
	} cases[] = {
	    {"0", 0, true, 0},
	    {"1", 0, false, 0},
	    {"0", 5, true, 0},
	    {"5", 5, true, 5},
	    {"6", 5, false, 0},
	    {"10", 5, false, 0},
	    {"05", 5, true, 5},
	    {"0000000000000000000000000000000000005", 5, true, 5},
	    {"9", 10, true, 9},
	    {"10", 10, true, 10},
	    {"11", 10, false, 0},
	    {"19", 19, true, 19},
	    {"20", 19, false, 0},
	    {"100", 99, false, 0},
	    {"9007199254740991", UINT64_C(9007199254740991), true, UINT64_C(9007199254740991)},
	    {"9007199254740992", UINT64_C(9007199254740991), false, 0},
	    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
	    {"18446744073709551616", UINT64_MAX, false, 0},
	    {"18446744073709551620", UINT64_MAX, false, 0},
	    {"99999999999999999999", UINT64_MAX, false, 0},
	    {"184467440737095516150", UINT64_MAX, false, 0},
	    {"18446744073709551614", UINT64_MAX - 1, true, UINT64_MAX - 1},
	    {"18446744073709551615", UINT64_MAX - 1, false, 0},
	    {"", 10, false, 0},
	    {" 1", 10, false, 0},
	    {"1 ", 10, false, 0},
	    {"+1", 10, false, 0},
	    {"-1", 10, false, 0},
	    {"1.0", 10, false, 0},
	    {"0x1", 10, false, 0},
	    {"1e1", 100, false, 0},
	    {"\xC2\xB2", 10, false, 0},
	    {":", 100, false, 0},
	    {"/", 100, false, 0},
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		value = 12345;
		if (str_uint(str_of(cases[i].text), cases[i].max, &value) != cases[i].good)
			fail_msg("\"%s\", at most %llu", cases[i].text, (unsigned long long)cases[i].max);
		/* A bad text leaves the value alone. */
		assert_true(value == (cases[i].good ? cases[i].value : 12345));
	}
	assert_false(str_uint(STR("1\0"), 10, &value));
	for (uint64_t max = 0; max < 130; max++)
		for (uint64_t v = 0; v < 150; v++) {
			char text[8];

			snprintf(text, sizeof text, "%llu", (unsigned long long)v);
			assert_int_equal(str_uint(str_of(text), max, &value), v <= max);
		}
}

static void
knows_utf8(void **state)
{
	static const struct str good[] = {
	    {"", 0},
	    {"a\0b", 3},
	    {"\x7F", 1},
	    {"\xC2\x80", 2},
	    {"\xDF\xBF", 2},
	    {"\xE0\xA0\x80", 3},
	    {"\xED\x9F\xBF", 3},
	    {"\xEE\x80\x80", 3},
	    {"\xEF\xBF\xBF", 3},
	    {"\xF0\x90\x80\x80", 4},
	    {"\xF4\x8F\xBF\xBF", 4},
	    {"a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z", 11},
	};
	static const struct str bad[] = {
	    {"\x80", 1}, /* a continuation without a beginning */
	    {"\xBF", 1},
	    {"a\x80", 2},
	    {"\xC0\x80", 2}, /* overlong */
	    {"\xC1\xBF", 2},
	    {"\xE0\x80\x80", 3},
	    {"\xE0\x9F\xBF", 3},
	    {"\xF0\x80\x80\x80", 4},
	    {"\xF0\x8F\xBF\xBF", 4},
	    {"\xED\xA0\x80", 3}, /* surrogates */
	    {"\xED\xBF\xBF", 3},
	    {"\xED\xA0\xBD\xED\xB8\x80", 6},
	    {"\xF4\x90\x80\x80", 4}, /* above U+10FFFF */
	    {"\xF5\x80\x80\x80", 4},
	    {"\xF8\x88\x80\x80\x80", 5},
	    {"\xFE", 1},
	    {"\xFF", 1},
	    {"\xC2", 1}, /* cut short */
	    {"\xE2\x82", 2},
	    {"\xE2", 1},
	    {"\xF0\x9F\x98", 3},
	    {"\xF0\x9F", 2},
	    {"\xF0", 1},
	    {"\xC2\x41", 2}, /* no continuation */
	    {"\xE2\x41\x80", 3},
	    {"\xE2\x82\x41", 3},
	    {"\xF0\x9F\x98\x41", 4},
	    {"\xC3\xC3\xA9", 3},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++)
		if (!str_utf8(good[i]))
			fail_msg("good sequence %zu is refused", i);
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (str_utf8(bad[i]))
			fail_msg("bad sequence %zu is accepted", i);
	assert_int_equal(str_utf8_char(STR("")), 0);
	/* What lies behind the view does not complete a sequence. */
	assert_int_equal(str_utf8_char((struct str){"\xC3\xA9", 1}), 0);
	assert_int_equal(str_utf8_char((struct str){"\xF0\x9F\x98\x80", 3}), 0);
}

/* The length by the definition: decode, then look whether this is how that number is written. 0: malformed. */
static size_t
by_definition(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xC0 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF8 ? 4 : 0;
	uint32_t c;

	if (length == 0 || length > n)
		return 0;
	c = length == 1 ? p[0] : p[0] & (0x7Fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3F);
	}
	return c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) ? 0 : length;
}

static void
knows_utf8_as_its_definition_does(void **state)
{
	static const unsigned char ends[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC0, 0xFF};

	(void)state;
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++)
			for (size_t i = 0; i < LENGTH(ends); i++)
				for (size_t j = 0; j < LENGTH(ends); j++)
					for (size_t n = 1; n <= 4; n++) {
						unsigned char p[] = {
						    (unsigned char)a, (unsigned char)b, ends[i], ends[j]};

						if (str_utf8_char((struct str){(char *)p, n}) != by_definition(p, n))
							fail_msg("%02x %02x %02x %02x, %zu of them", a, b, ends[i],
							    ends[j], n);
					}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_means_the_same_bytes),
	    cmocka_unit_test(starts_with_any_beginning),
	    cmocka_unit_test(trims_blanks_and_tabs),
	    cmocka_unit_test(cuts_at_the_first_separator),
	    cmocka_unit_test(reads_numbers_up_to_a_maximum),
	    cmocka_unit_test(reads_hexadecimal_digits),
	    cmocka_unit_test(knows_utf8),
	    cmocka_unit_test(knows_utf8_as_its_definition_does),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
