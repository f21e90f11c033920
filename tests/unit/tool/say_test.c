#include "tool/say.h"

#include "test.h"

static void
check(struct str text, const char *want)
{
	struct buf b;

	buf_init(&b, 65536);
	say_add_safe(&b, text);
	assert_true(buf_ok(&b));
	assert_str(buf_str(&b), want);
	buf_fini(&b);
}

static void
leaves_text_as_it_is(void **state)
{
	(void)state;
	check(STR(""), "");
	check(STR("token:ci ops*"), "token:ci ops*");
	check(STR("\303\244\342\202\254\360\237\230\200 \\x1b"), "\303\244\342\202\254\360\237\230\200 \\x1b");
}

static void
writes_controls_of_all_kinds_as_their_numbers(void **state)
{
	(void)state;
	check(STR("a\033[31mb\n\r\t\0c\177"), "a\\x1b[31mb\\x0a\\x0d\\x09\\x00c\\x7f");
	check(STR("\302\233"), "\\u009b"); /* CSI in one character */
	check(STR("\342\200\256\342\201\246"), "\\u202e\\u2066");
	check(STR("\342\200\213\357\273\277\342\200\251"), "\\u200b\\ufeff\\u2029");
	check(STR("\363\240\200\201"), "\\ue0001");
}

static void
writes_what_is_no_utf8_byte_by_byte(void **state)
{
	(void)state;
	check(STR("\233x\377"), "\\x9bx\\xff");
	check(STR("\300\233"), "\\xc0\\x9b"); /* an overlong ESC */
	check(STR("\342\200"), "\\xe2\\x80");
	check(STR("\355\240\200"), "\\xed\\xa0\\x80");
}

/* Of all bytes and pairs and many others, none that a terminal acts on is left. */
static void
lets_no_byte_through_that_a_terminal_acts_on(void **state)
{
	(void)state;
	test_seed(1);
	for (int i = 0; i < 200000; i++) {
		char bytes[6];
		struct buf b;

		for (size_t j = 0; j < sizeof bytes; j++)
			bytes[j] = (char)test_random(256);
		buf_init(&b, 65536);
		say_add_safe(&b, (struct str){bytes, 1 + test_random(sizeof bytes)});
		assert_true(buf_ok(&b) && str_utf8(buf_str(&b)));
		for (size_t j = 0; j < b.n; j++) {
			unsigned char c = (unsigned char)b.p[j];

			assert_true(c >= 0x20 && c != 0x7F);
			assert_false(c >= 0x80 && c < 0xA0 && (unsigned char)b.p[j - 1] == 0xC2);
		}
		buf_fini(&b);
	}
}

static void
writes_json_that_means_the_same(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	say_add_safe_json(&b, STR("{\"a\\n\":\"\303\244\177\302\233\342\200\256\363\240\200\201\360\237\230\200\"}"));
	assert_str(buf_str(&b), "{\"a\\n\":\"\303\244\\u007f\\u009b\\u202e\\udb40\\udc01\360\237\230\200\"}");
	buf_fini(&b);
}

static void
measures_characters(void **state)
{
	(void)state;
	assert_int_equal(say_width(STR("")), 0);
	assert_int_equal(say_width(STR("abc")), 3);
	assert_int_equal(say_width(STR("\303\244\342\202\254\360\237\230\200")), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(leaves_text_as_it_is),
	    cmocka_unit_test(writes_controls_of_all_kinds_as_their_numbers),
	    cmocka_unit_test(writes_what_is_no_utf8_byte_by_byte),
	    cmocka_unit_test(lets_no_byte_through_that_a_terminal_acts_on),
	    cmocka_unit_test(writes_json_that_means_the_same),
	    cmocka_unit_test(measures_characters),
	};

	return cmocka_run_group_tests_name("say", tests, NULL, NULL);
}
