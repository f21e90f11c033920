#include "base/buf.h"

#include "base/json.h"
#include "test.h"

static void
grows_and_can_be_used_again(void **state)
{
	struct buf b;
	char want[5000];

	(void)state;
	buf_init(&b, 10000);
	assert_true(buf_ok(&b));
	assert_str(buf_str(&b), "");
	for (size_t i = 0; i < sizeof want; i++) {
		want[i] = (char)('a' + i % 26);
		buf_add_char(&b, want[i]);
		assert_true(b.n <= b.cap && b.cap <= b.max);
	}
	assert_true(buf_ok(&b));
	assert_str_n(buf_str(&b), ((struct str){want, sizeof want}));
	buf_fini(&b);
	assert_null(b.p);
	assert_int_equal(b.max, 10000);
	buf_add(&b, STR("again"));
	assert_str(buf_str(&b), "again");
	buf_fini(&b);
}

static void
holds_its_maximum_and_not_a_byte_more(void **state)
{
	/* Below, at and above the first allocation, and where doubling would pass the maximum. */
	static const size_t max[] = {0, 1, 255, 256, 257, 511, 512, 513, 1000, 4097};

	(void)state;
	for (size_t i = 0; i < LENGTH(max); i++) {
		struct buf b;

		buf_init(&b, max[i]);
		for (size_t n = 0; n < max[i]; n++)
			buf_add_char(&b, 'x');
		assert_true(buf_ok(&b));
		assert_int_equal(b.n, max[i]);
		assert_true(b.cap <= max[i]);
		buf_add(&b, STR("")); /* nothing always fits */
		assert_true(buf_ok(&b));
		buf_add_char(&b, 'x');
		assert_false(buf_ok(&b));
		assert_int_equal(b.n, max[i]);
		buf_fini(&b);
	}
}

static void
keeps_copies_that_stay_where_they_are(void **state)
{
	struct buf b;
	struct str first, none, second;
	char bytes[] = "first";

	(void)state;
	buf_init(&b, 100);
	assert_true(buf_reserve(&b, 11));
	first = buf_keep(&b, str_of(bytes));
	memset(bytes, 'x', sizeof bytes - 1);
	none = buf_keep(&b, STR(""));
	second = buf_keep(&b, STR("second"));
	assert_str(first, "first");
	assert_int_equal(none.n, 0);
	assert_str(second, "second");
	assert_str(buf_str(&b), "firstsecond");
	buf_fini(&b);
}

static void
adds_nothing_after_a_failure_until_it_is_reset(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	buf_add(&b, STR("abc"));
	buf_add(&b, STR("de")); /* as a whole or not at all */
	assert_false(buf_ok(&b));
	assert_str(buf_str(&b), "abc");
	buf_add(&b, STR("d"));
	buf_add_char(&b, 'd');
	buf_add_int(&b, 1);
	buf_add_json(&b, STR(""));
	buf_add_utf8(&b, STR("d"));
	buf_printf(&b, "%d", 1);
	assert_false(buf_reserve(&b, 1));
	assert_false(buf_ok(&b));
	assert_str(buf_str(&b), "abc");
	buf_reset(&b, 100);
	assert_true(buf_ok(&b));
	buf_add(&b, STR("wxyz"));
	assert_true(buf_ok(&b));
	assert_str(buf_str(&b), "wxyz");
	buf_fini(&b);
	assert_true(buf_ok(&b));
}

static void
keeps_its_memory_at_a_reset_up_to_a_size(void **state)
{
	struct buf b;
	char *p;

	(void)state;
	buf_init(&b, SIZE_MAX);
	buf_add(&b, STR("abc"));
	p = b.p;
	buf_reset(&b, b.cap);
	assert_ptr_equal(b.p, p);
	assert_int_equal(b.n, 0);
	buf_reset(&b, b.cap - 1);
	assert_null(b.p);
	assert_int_equal(b.cap, 0);
	buf_add(&b, STR("def"));
	assert_str(buf_str(&b), "def");
	buf_fini(&b);
}

static void
does_not_move_within_what_is_reserved(void **state)
{
	struct buf b;
	char *p;

	(void)state;
	buf_init(&b, 1000);
	assert_true(buf_reserve(&b, 1000));
	p = b.p;
	for (int i = 0; i < 1000; i++)
		buf_add_char(&b, 'x');
	assert_ptr_equal(b.p, p); /* views into what was reserved stay good */
	assert_true(buf_reserve(&b, 0));
	assert_false(buf_reserve(&b, 1));
	buf_fini(&b);
	buf_init(&b, 1000);
	assert_false(buf_reserve(&b, 1001));
	assert_false(buf_reserve(&b, SIZE_MAX));
	buf_fini(&b);
}

/* Asked for more than there is, AddressSanitizer's allocator shall say so as malloc(3) does. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* More than can be had fails; it neither wraps around nor goes on for ever. */
static void
fails_when_asked_for_more_than_there_can_be(void **state)
{
	struct buf b;

	(void)state;
	test_watchdog(30);
	buf_init(&b, SIZE_MAX);
	assert_false(buf_reserve(&b, SIZE_MAX / 2 - 1000));
	buf_fini(&b);
	assert_false(buf_reserve(&b, SIZE_MAX / 2 + 2));
	buf_fini(&b);
	assert_false(buf_reserve(&b, SIZE_MAX));
	buf_fini(&b);
	buf_add(&b, STR("abc"));
	assert_false(buf_reserve(&b, SIZE_MAX - 2));
	assert_str(buf_str(&b), "abc");
	buf_fini(&b);
	test_watchdog(0);
}

static void
adds_any_integer(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_add_int(&b, 0);
	buf_add_char(&b, ' ');
	buf_add_int(&b, -1);
	buf_add_char(&b, ' ');
	buf_add_int(&b, INT64_MAX);
	buf_add_char(&b, ' ');
	buf_add_int(&b, INT64_MIN);
	assert_str(buf_str(&b), "0 -1 9223372036854775807 -9223372036854775808");
	buf_fini(&b);
}

static void
formats_what_is_short_and_what_is_long(void **state)
{
	struct buf b;
	char want[3001];

	(void)state;
	/* Around the size of what is formatted without an allocation, and far above it. */
	for (int n = 505; n <= 3000; n += n < 520 ? 1 : 155) {
		memset(want, 'x', (size_t)n);
		want[n] = '\0';
		buf_init(&b, 10000);
		buf_add(&b, STR("<"));
		buf_printf(&b, "%s", want);
		buf_add(&b, STR(">"));
		assert_true(buf_ok(&b));
		assert_int_equal(b.n, n + 2);
		assert_memory_equal(b.p + 1, want, (size_t)n);
		assert_int_equal(b.p[n + 1], '>');
		buf_fini(&b);
	}
	buf_init(&b, 10);
	buf_printf(&b, "%s", "0123456789");
	assert_true(buf_ok(&b));
	buf_printf(&b, "%s", "");
	assert_true(buf_ok(&b));
	buf_printf(&b, "x");
	assert_false(buf_ok(&b));
	assert_str(buf_str(&b), "0123456789");
	buf_fini(&b);
}

/* What fits exactly fits, by whichever way it is formatted. */
static void
formats_up_to_its_maximum(void **state)
{
	struct buf b;
	char want[701];

	(void)state;
	memset(want, 'x', 700);
	want[700] = '\0';
	buf_init(&b, 700);
	buf_printf(&b, "%s", want);
	assert_true(buf_ok(&b));
	assert_str(buf_str(&b), want);
	buf_fini(&b);
	buf_init(&b, 699);
	buf_printf(&b, "%s", want);
	assert_false(buf_ok(&b));
	buf_fini(&b);
}

static void
assert_json(struct str s, const char *want)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_json(&b, s);
	assert_str(buf_str(&b), want);
	buf_fini(&b);
}

static void
escapes_what_json_must_escape(void **state)
{
	(void)state;
	for (int c = 0; c < 0x20; c++) {
		char text = (char)c, want[16];

		snprintf(want, sizeof want, "\"\\u%04x\"", (unsigned)c);
		if (c == '\n')
			strcpy(want, "\"\\n\"");
		else if (c == '\r')
			strcpy(want, "\"\\r\"");
		else if (c == '\t')
			strcpy(want, "\"\\t\"");
		assert_json((struct str){&text, 1}, want);
	}
	assert_json(STR(""), "\"\"");
	assert_json(STR("\x7F"), "\"\x7F\"");
	assert_json(STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
	assert_json(STR("\"\"\\\\"), "\"\\\"\\\"\\\\\\\\\"");
	assert_json(STR("a\0b"), "\"a\\u0000b\"");
	assert_json(STR("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
}

#define FFFD "\xEF\xBF\xBD"

static void
replaces_what_is_not_utf8(void **state)
{
	static const struct {
		struct str bad;
		const char *want;
	} cases[] = {
	    {{"\x80", 1}, FFFD},
	    {{"\x80\x80", 2}, FFFD FFFD},
	    {{"a\xFFz", 3}, "a" FFFD "z"},
	    {{"\xC3", 1}, FFFD},
	    {{"\xC3z", 2}, FFFD "z"},
	    {{"\xE2\x82", 2}, FFFD},
	    {{"\xE2\x82z", 3}, FFFD "z"},
	    {{"\xF0\x9F\x98", 3}, FFFD},
	    {{"\xF0\x9F\x98z", 4}, FFFD "z"},
	    {{"\xE2\xC3\xA9", 3}, FFFD "\xC3\xA9"}, /* a good character behind is not lost */
	    {{"\xC3\xC3\xA9", 3}, FFFD "\xC3\xA9"},
	    {{"\xE2\x82\xE2\x82\xAC", 5}, FFFD "\xE2\x82\xAC"},
	    {{"\xFE\xC3\xA9", 3}, FFFD "\xC3\xA9"},
	    {{"\xC0\x80", 2}, FFFD FFFD},
	};
	char want[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct buf b;

		buf_init(&b, SIZE_MAX);
		buf_add_utf8(&b, cases[i].bad);
		assert_str(buf_str(&b), cases[i].want);
		buf_fini(&b);
		snprintf(want, sizeof want, "\"%s\"", cases[i].want);
		assert_json(cases[i].bad, want);
	}
	/* Surrogates and what lies above U+10FFFF: at least one replacement, and nothing else. */
	for (int i = 0; i < 2; i++) {
		struct str bad = i == 0 ? STR("\xED\xA0\x80") : STR("\xF4\x90\x80\x80");
		struct buf b;

		buf_init(&b, SIZE_MAX);
		buf_add_utf8(&b, bad);
		assert_true(b.n > 0 && b.n % 3 == 0);
		for (size_t at = 0; at < b.n; at += 3)
			assert_memory_equal(b.p + at, FFFD, 3);
		buf_fini(&b);
	}
}

static void
take(void *ctx, struct str name, enum json_type type, struct str value)
{
	assert_int_equal(name.n, 0);
	assert_int_equal(type, JSON_STRING);
	assert_str_n(value, *(struct str *)ctx);
}

/* Of any bytes at all a JSON reader makes what buf_add_utf8() makes of them. */
static void
makes_json_that_a_reader_gives_back(void **state)
{
	static const char pool[] =
	    "ab \"\\/\n\0\x01\x1F\x7F\x80\xBF\xC2\xC3\xA9\xE2\x82\xAC\xED\xA0\xF0\x9F\x98\x80\xF4\xFF";

	(void)state;
	test_seed(1);
	for (int round = 0; round < 20000; round++) {
		char bytes[24];
		struct str s = {bytes, test_random(sizeof bytes)}, want;
		struct buf json, plain;

		for (size_t i = 0; i < s.n; i++)
			bytes[i] = pool[test_random(sizeof pool - 1)];
		buf_init(&plain, SIZE_MAX);
		buf_add_utf8(&plain, s);
		want = buf_str(&plain);
		assert_true(str_utf8(want));
		if (str_utf8(s))
			assert_str_n(want, s);
		buf_init(&json, SIZE_MAX);
		buf_add_char(&json, '[');
		buf_add_json(&json, s);
		buf_add_char(&json, ']');
		assert_int_equal(json_array(buf_str(&json), 1, take, &want), JSON_OK);
		buf_fini(&json);
		buf_fini(&plain);
	}
}

/* Any byte at any place among plain ones, which are taken eight at a time. */
static void
treats_a_byte_alike_at_any_place(void **state)
{
	(void)state;
	for (size_t n = 1; n < 26; n++)
		for (size_t at = 0; at < n; at++)
			for (unsigned c = 0; c < 256; c++) {
				char text[32];
				struct buf b;

				memset(text, 0x7F, sizeof text);
				text[at] = (char)c;
				buf_init(&b, SIZE_MAX);
				buf_add_json(&b, (struct str){text, n});
				if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\')
					assert_str_n(((struct str){b.p + 1, b.n - 2}), ((struct str){text, n}));
				else {
					assert_memory_equal(b.p + 1, text, at);
					assert_memory_equal(b.p + b.n - (n - at), text + at + 1, n - at - 1);
					assert_memory_equal(
					    b.p + 1 + at, c < 0x80 ? "\\" : "\xEF\xBF\xBD", c < 0x80 ? 1 : 3);
				}
				buf_fini(&b);
				assert_int_equal(str_ascii((struct str){text, n}), c < 0x80 ? n : at);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grows_and_can_be_used_again),
	    cmocka_unit_test(holds_its_maximum_and_not_a_byte_more),
	    cmocka_unit_test(keeps_copies_that_stay_where_they_are),
	    cmocka_unit_test(adds_nothing_after_a_failure_until_it_is_reset),
	    cmocka_unit_test(keeps_its_memory_at_a_reset_up_to_a_size),
	    cmocka_unit_test(does_not_move_within_what_is_reserved),
	    cmocka_unit_test(adds_any_integer),
	    cmocka_unit_test(formats_what_is_short_and_what_is_long),
	    cmocka_unit_test(formats_up_to_its_maximum),
	    cmocka_unit_test(escapes_what_json_must_escape),
	    cmocka_unit_test(replaces_what_is_not_utf8),
	    cmocka_unit_test(makes_json_that_a_reader_gives_back),
	    cmocka_unit_test(treats_a_byte_alike_at_any_place),
	    cmocka_unit_test(fails_when_asked_for_more_than_there_can_be),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
