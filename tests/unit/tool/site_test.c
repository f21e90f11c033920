#include "tool/site.h"

#include "test.h"

static void
takes_addresses_of_sites(void **state)
{
	static const char *const good[] = {"http://localhost:8080", "https://longline.example", "HTTPS://x/chat/",
	    "http://[::1]:8080/a/b", "https://me:word@x", "http://x@y/"};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++)
		if (site_url_wrong(str_of(good[i])) != NULL)
			fail_msg("%s: %s", good[i], site_url_wrong(str_of(good[i])));
}

static void
refuses_what_is_no_address_of_a_site(void **state)
{
	static const char *const bad[] = {"", "localhost", "x:8080", "ftp://x", "http:/x", "http://", "https://",
	    "http:///x", "http://:80", "http://u:p@", "http://u:p@/x", "http://x y", " http://x", "http://x\n",
	    "http://x\177", "http://\303\244", "http://x?y", "http://x/#y", "file:///etc/passwd"};
	char longest[SITE_URL_MAX + 2];

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (site_url_wrong(str_of(bad[i])) == NULL)
			fail_msg("'%s' is taken", bad[i]);
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "http://", 7);
	assert_null(site_url_wrong((struct str){longest, SITE_URL_MAX}));
	assert_non_null(site_url_wrong((struct str){longest, SITE_URL_MAX + 1}));
}

static void
knows_what_can_be_a_token(void **state)
{
	char longest[SITE_TOKEN_MAX + 1];

	(void)state;
	assert_true(site_token_ok(STR("ll_abcdefghijklmnopqrstuvwxyz234567")));
	assert_true(site_token_ok(STR("a.b-c_d/e+f=~!")));
	assert_false(site_token_ok(STR("")));
	assert_false(site_token_ok(STR("a b")));
	assert_false(site_token_ok(STR("a\r\nX: y")));
	assert_false(site_token_ok(STR("a\177")));
	assert_false(site_token_ok(STR("\303\244")));
	memset(longest, 'x', sizeof longest);
	assert_true(site_token_ok((struct str){longest, SITE_TOKEN_MAX}));
	assert_false(site_token_ok((struct str){longest, SITE_TOKEN_MAX + 1}));
}

static void
reads_lines_of_a_file(void **state)
{
	struct site_lines lines;

	(void)state;
	assert_int_equal(site_read_lines(STR(""), &lines), 0);
	assert_str(lines.url, "");
	assert_str(lines.token, "");
	assert_int_equal(site_read_lines(STR("# both\r\n\n url = http://x/?a=b \r\ntoken=ll_x"), &lines), 0);
	assert_str(lines.url, "http://x/?a=b");
	assert_str(lines.token, "ll_x");
	assert_int_equal(site_read_lines(STR("url=a\nurl=b\n"), &lines), 0);
	assert_str(lines.url, "b");
	assert_int_equal(site_read_lines(STR("url=a\n\nurl b\n"), &lines), 3);
	assert_int_equal(site_read_lines(STR("URL=a\n"), &lines), 1);
	assert_int_equal(site_read_lines(STR("=\n"), &lines), 1);
	assert_int_equal(site_read_lines(STR("url=a\ntoken"), &lines), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_addresses_of_sites),
	    cmocka_unit_test(refuses_what_is_no_address_of_a_site),
	    cmocka_unit_test(knows_what_can_be_a_token),
	    cmocka_unit_test(reads_lines_of_a_file),
	};

	return cmocka_run_group_tests_name("site", tests, NULL, NULL);
}
