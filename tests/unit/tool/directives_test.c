#include "tool/directives.h"

#include "base/buf.h"
#include "test.h"

static void
on_directive(void *ctx, const struct str *words, size_t n, enum directives_end end)
{
	static const char *const ends[] = {";", "{", "}"};

	for (size_t i = 0; i < n; i++) {
		buf_add_char(ctx, '<');
		buf_add(ctx, words[i]);
		buf_add_char(ctx, '>');
	}
	buf_add(ctx, str_of(ends[end]));
}

static void
check(struct str text, const char *want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	directives_each(text, on_directive, &b);
	assert_true(buf_ok(&b));
	assert_str(buf_str(&b), want);
	buf_fini(&b);
}

static void
finds_directives_and_blocks(void **state)
{
	(void)state;
	check(STR(""), "");
	check(STR("user  www-data;\nevents { worker_connections 768; }"),
	    "<user><www-data>;<events>{<worker_connections><768>;}");
	check(STR("a{b{c;}}d;"), "<a>{<b>{<c>;}}<d>;");
	check(STR("location ~ ^/(x){2}$ { }"), "<location><~><^/(x)>{<2}$>{}");
}

static void
leaves_comments_out(void **state)
{
	(void)state;
	check(STR("# a; b {\nc; # d;\n#e;"), "<c>;");
	check(STR("a b#c;"), "<a><b#c>;");
}

static void
takes_quotes_off(void **state)
{
	(void)state;
	check(STR("set $longline_user \"\"; x 'a;{}# b' \"c\\\"d\";"), "<set><$longline_user><>;<x><a;{}# b><c\\\"d>;");
	check(STR("alias \"/a b/\";"), "<alias></a b/>;");
}

static void
knows_names_of_variables(void **state)
{
	(void)state;
	check(STR("set $x ${y}z; a { }"), "<set><$x><${y}z>;<a>{}");
	check(STR("a b\\;c;"), "<a><b\\;c>;");
}

static void
ends_with_its_text(void **state)
{
	static const char *const texts[] = {
	    "a", "a b", "\"", "\"a", "'a\\", "a \\", "${", "a ${x", "}", "}}", "{", "#", "a;#"};

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		/* A copy as long as it is, for the sanitizer. */
		size_t n = strlen(texts[i]);
		char *copy = malloc(n);
		struct buf b;

		memcpy(copy, texts[i], n);
		buf_init(&b, 4096);
		directives_each((struct str){copy, n}, on_directive, &b);
		buf_fini(&b);
		free(copy);
	}
	test_seed(3);
	for (int i = 0; i < 100000; i++) {
		static const char bytes[] = "ab ;{}\"'\\$#\n";
		size_t n = test_random(24);
		char *text = malloc(n + 1);
		struct buf b;

		for (size_t j = 0; j < n; j++)
			text[j] = bytes[test_random(sizeof bytes - 1)];
		buf_init(&b, 4096);
		directives_each((struct str){text, n}, on_directive, &b);
		buf_fini(&b);
		free(text);
	}
}

static void
leaves_words_out_beyond_the_most(void **state)
{
	char text[200] = "";

	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(text, "a ");
	strcat(text, "; b;");
	check(str_of(text), "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>;<b>;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_directives_and_blocks),
	    cmocka_unit_test(leaves_comments_out),
	    cmocka_unit_test(takes_quotes_off),
	    cmocka_unit_test(knows_names_of_variables),
	    cmocka_unit_test(ends_with_its_text),
	    cmocka_unit_test(leaves_words_out_beyond_the_most),
	};

	return cmocka_run_group_tests_name("directives", tests, NULL, NULL);
}
