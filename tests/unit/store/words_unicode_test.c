/*
 * What words has in tables of its own, beside Unicode's (Debian's package unicode-data); and each of its characters for
 * itself. Only those that the file and utf8proc know alike are looked at: the two may be of different years.
 */
#include <utf8proc.h>

#include "store/words_state.h"

#include "test.h"

#define DATA "/usr/share/unicode/"

enum { CHARS = 0x110000, WRONG_SHOWN = 20 };

static char category[CHARS][3], script[CHARS][24];
static bool pictographic[CHARS];
static size_t wrong;

static void
tell(int32_t c, const char *what)
{
	if (wrong++ < WRONG_SHOWN)
		print_error("U+%04X (%s, %s) %s\n", (unsigned)c, category[c], script[c], what);
}

static void
none_is_wrong(void)
{
	size_t n = wrong;

	wrong = 0;
	assert_int_equal(n, 0);
}

/* Calls fn for each line "FIRST..LAST ; VALUE" or "C ; VALUE" of a file. */
static void
each_range(const char *file, void (*fn)(int32_t c, const char *value))
{
	FILE *f = fopen(file, "r");
	char line[1000], value[100];

	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		unsigned first, last;

		if (sscanf(line, "%x..%x ; %99[A-Za-z_]", &first, &last, value) != 3) {
			if (sscanf(line, "%x ; %99[A-Za-z_]", &first, value) != 2)
				continue;
			last = first;
		}
		for (; first <= last && first < CHARS; first++)
			fn((int32_t)first, value);
	}
	fclose(f);
}

static void
on_category(int32_t c, const char *value)
{
	if (strcmp(utf8proc_category_string(c), value) == 0)
		snprintf(category[c], sizeof category[c], "%s", value);
}

static void
on_script(int32_t c, const char *value)
{
	snprintf(script[c], sizeof script[c], "%s", value);
}

static void
on_emoji_property(int32_t c, const char *value)
{
	pictographic[c] |= strcmp(value, "Extended_Pictographic") == 0;
}

static int
read_data(void **state)
{
	(void)state;
	test_watchdog(60);
	if (access(DATA "Scripts.txt", R_OK) != 0)
		return 0;
	each_range(DATA "extracted/DerivedGeneralCategory.txt", on_category);
	each_range(DATA "Scripts.txt", on_script);
	each_range(DATA "emoji/emoji-data.txt", on_emoji_property);
	return 0;
}

static void
needs_data(void)
{
	if (category['a'][0] == '\0')
		skip();
}

static bool
one_of(const char *word, const char *words)
{
	const char *at = strstr(words, word);
	size_t n = strlen(word);

	return at != NULL && (at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0');
}

static void
scripts_are_what_unicode_says(void **state)
{
	size_t n = 0;

	(void)state;
	needs_data();
	for (int32_t c = 0; c < CHARS; c++) {
		enum words_script want = WORDS_SCRIPT_KEPT;

		if (category[c][0] == '\0' || strchr("LMN", category[c][0]) == NULL || strcmp(category[c], "No") == 0 ||
		    one_of(script[c], "Common Inherited"))
			continue;
		if (one_of(script[c], "Latin Greek Cyrillic Arabic Hebrew"))
			want = WORDS_SCRIPT_DROPPED;
		else if (one_of(script[c], "Han Hiragana Katakana Bopomofo Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue "
		                           "Tai_Tham Tai_Viet"
		                           " Ahom Javanese Balinese Tangut Nushu Khitan_Small_Script"))
			want = WORDS_SCRIPT_RUNS;
		if (words_script(c) != want)
			tell(c, "is taken for another kind of script");
		n++;
	}
	none_is_wrong();
	assert_true(n > 100000);
}

/* The tokens of x, c and more, and y, with blanks between. */
static const char *
tokens(int32_t c, int32_t more, const char *x, const char *y)
{
	static char all[2000];
	char text[40];
	size_t n = strlen(x), out = 0;
	struct words w;

	memcpy(text, x, n);
	n += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)text + n);
	if (more > 0)
		n += (size_t)utf8proc_encode_char(more, (utf8proc_uint8_t *)text + n);
	memcpy(text + n, y, strlen(y));
	all[0] = '\0';
	for (words_begin(&w, (struct str){text, n + strlen(y)}, false); words_next(&w);)
		out += (size_t)snprintf(all + out, sizeof all - out, "%s%.*s", out > 0 ? " " : "", (int)w.n, w.token);
	return all;
}

static void
symbols_and_punctuation_part_words(void **state)
{
	size_t n = 0;

	(void)state;
	needs_data();
	for (int32_t c = 1; c < CHARS; c++) {
		/* Radicals are Han, and 309B and 309C kana; those of emoji and those that stand for letters are words.
		 */
		if (strchr("SPZ", category[c][0]) == NULL || category[c][0] == '\0' || pictographic[c] ||
		    strcmp(script[c], "Han") == 0 || utf8proc_get_property(c)->decomp_type != 0 ||
		    utf8proc_get_property(c)->boundclass == UTF8PROC_BOUNDCLASS_EXTEND)
			continue;
		if (strcmp(tokens(c, 0, "x", "y"), "x y") != 0)
			tell(c, "does not part words");
		n++;
	}
	none_is_wrong();
	assert_true(n > 5000);
}

static void
format_characters_are_passed_over(void **state)
{
	size_t n = 0;

	(void)state;
	needs_data();
	for (int32_t c = 1; c < CHARS; c++) {
		if (strcmp(category[c], "Cf") != 0 || c == 0x200B)
			continue;
		if (strcmp(tokens(c, 0, "x", "y"), "xy") != 0)
			tell(c, "is not passed over");
		n++;
	}
	none_is_wrong();
	assert_true(n > 100);
}

/* CGJ changes nothing and cannot be seen, but a grapheme with it is more than a letter. */
static void
a_letter_by_itself_is_folded_as_one_among_others(void **state)
{
	char alone[2000];

	(void)state;
	for (int32_t c = 1; c < CHARS; c++) {
		if (!utf8proc_codepoint_valid(c) || c == 0x1B)
			continue;
		snprintf(alone, sizeof alone, "%s", tokens(c, 0, "", ""));
		if (strcmp(alone, tokens(c, 0x34F, "", "")) != 0)
			tell(c, "is folded to something else when it is followed by U+034F");
		if (strcmp(alone, tokens(c, 0, "", ",")) != 0 || strcmp(alone, tokens(c, 0, "", "\n")) != 0)
			tell(c, "is folded to something else when it is followed by a sign");
	}
	none_is_wrong();
}

static void
all_digits_of_scripts_with_blanks_are_digits(void **state)
{
	FILE *f = fopen(DATA "UnicodeData.txt", "r");
	char line[1000], want[] = "x0y";
	size_t n = 0;

	(void)state;
	needs_data();
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		unsigned c;
		int digit;

		if (sscanf(line, "%x;%*[^;];Nd;%*[^;];%*[^;];%*[^;];%d", &c, &digit) != 2 &&
		    sscanf(line, "%x;%*[^;];Nd;%*[^;];%*[^;];;%d", &c, &digit) != 2)
			continue;
		if (category[c][0] == '\0' || words_script((int32_t)c) == WORDS_SCRIPT_RUNS)
			continue;
		want[1] = (char)('0' + digit);
		if (strcmp(tokens((int32_t)c, 0, "x", "y"), want) != 0)
			tell((int32_t)c, "is no digit");
		n++;
	}
	fclose(f);
	none_is_wrong();
	assert_true(n > 500);
}

static char primaries[CHARS][40];

/* The weights of the primary level that the collation has for each character. */
static void
read_primaries(void)
{
	FILE *f = fopen(DATA "allkeys.txt", "r");
	char line[1000];

	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		unsigned c;
		int at = 0;
		char *out = NULL;

		if (sscanf(line, "%x ; %n", &c, &at) != 1 || at == 0)
			continue;
		out = primaries[c];
		for (char *p = line + at; (p = strchr(p, '[')) != NULL; p++)
			if (memcmp(p + 2, "0000", 4) != 0 && strlen(primaries[c]) + 5 < sizeof primaries[c])
				out += sprintf(out, "%.4s", p + 2);
	}
	fclose(f);
}

/* The ASCII letters with these weights; false: there are none. */
static bool
letters_of(const char *weights, char *letters)
{
	for (; *weights != '\0'; weights += 4) {
		int32_t c = 'a';

		while (c <= 'z' && memcmp(weights, primaries[c], 4) != 0)
			c++;
		if (c > 'z')
			return false;
		*letters++ = (char)c;
	}
	*letters = '\0';
	return true;
}

static void
latin_letters_are_what_the_collation_says(void **state)
{
	char want[20];
	size_t n = 0;

	(void)state;
	needs_data();
	read_primaries();
	for (int32_t c = 0x80; c < CHARS; c++) {
		bool latin = strcmp(script[c], "Latin") == 0 && strchr("L", category[c][0]) != NULL;

		if (!latin || c == 0x131 || primaries[c][0] == '\0')
			continue;
		if (letters_of(primaries[c], want)) {
			if (strcmp(tokens(c, 0, "", ""), want) != 0)
				tell(c, "is not folded to what the collation says");
			n++;
		} else if (words_letters(c) != NULL)
			tell(c, "is folded, but a letter of its own for the collation");
	}
	none_is_wrong();
	assert_true(n > 500);
	assert_string_equal(tokens(0x131, 0, "", ""), "i");
}

/* Those that Unicode recommends, sequences and all: none glues itself to a word, each is one token. */
static void
each_emoji_is_a_word(void **state)
{
	FILE *f = fopen(DATA "emoji/emoji-test.txt", "r");
	char line[1000];
	size_t n = 0, bad = 0;

	(void)state;
	needs_data();
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		char *mark = strstr(line, "# "), text[200];
		struct words w;
		size_t length;

		/* A skin tone alone is a mark on what is before it. */
		if (line[0] == '#' || strchr(line, ';') == NULL || mark == NULL || strstr(line, "; component") != NULL)
			continue;
		snprintf(text, sizeof text, "x%.*sy", (int)strcspn(mark + 2, " "), mark + 2);
		length = strlen(text);
		words_begin(&w, (struct str){text, length}, false);
		if (!words_next(&w) || w.end != 1 || !words_next(&w) || w.start != 1 || w.end != length - 1 ||
		    !words_next(&w) || w.n != 1 || words_next(&w))
			if (bad++ < WRONG_SHOWN)
				print_error("%s: not three words\n", text);
		n++;
	}
	fclose(f);
	assert_int_equal(bad, 0);
	assert_true(n > 4000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scripts_are_what_unicode_says),
	    cmocka_unit_test(symbols_and_punctuation_part_words),
	    cmocka_unit_test(format_characters_are_passed_over),
	    cmocka_unit_test(a_letter_by_itself_is_folded_as_one_among_others),
	    cmocka_unit_test(all_digits_of_scripts_with_blanks_are_digits),
	    cmocka_unit_test(latin_letters_are_what_the_collation_says),
	    cmocka_unit_test(each_emoji_is_a_word),
	};

	return cmocka_run_group_tests_name("words beside Unicode", tests, read_data, NULL);
}
