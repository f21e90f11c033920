#include "web/origin.h"

#include "test.h"

static const char *
add(struct origins *o, const char *text)
{
	static char kept[4096];
	static size_t used;
	char *copy = kept + used;

	used += strlen(text) + 1;
	assert_true(used <= sizeof kept);
	strcpy(copy, text);
	return origins_add(o, copy);
}

static void
knows_the_origin_of_our_own_host(void **state)
{
	static const struct {
		const char *origin, *host;
		bool same;
	} cases[] = {
	    {"https://chat.example", "chat.example", true},
	    {"https://chat.example", "chat.example:443", true},
	    {"https://chat.example:443", "chat.example", true},
	    {"http://chat.example", "chat.example:80", true},
	    {"http://chat.example:8080", "chat.example:8080", true},
	    {"https://CHAT.example", "chat.EXAMPLE", true},
	    {"http://[::1]:8080", "[::1]:8080", true},
	    {"http://[::1]", "[::1]:80", true},
	    {"http://[::1]", "[::1]", true},
	    {"http://10.0.0.1", "10.0.0.1", true},
	    /* TLS may end before us, and what is behind it may have the other scheme's port in Host. */
	    {"https://chat.example:80", "chat.example:80", true},
	    /* The default port is the one of Origin's own scheme. */
	    {"https://chat.example", "chat.example:80", false},
	    {"http://chat.example", "chat.example:443", false},
	    {"https://chat.example:80", "chat.example", false},
	    {"http://chat.example:8080", "chat.example", false},
	    {"http://chat.example", "chat.example:8080", false},
	    {"http://chat.example:8080", "chat.example:8081", false},
	    {"http://chat.example", "evil.example", false},
	    {"http://chat.example.evil.example", "chat.example", false},
	    {"http://evilchat.example", "chat.example", false},
	    {"http://chat.example", "", false},
	    {"http://", "", false},
	    {"http://:80", ":80", false},
	    {"null", "null", false},
	    {"", "", false},
	    {"chat.example", "chat.example", false},
	    {"http:chat.example", "chat.example", false},
	    /* An app of that name is not the site. */
	    {"capacitor://localhost", "localhost", false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (origin_is_host(str_of(cases[i].origin), str_of(cases[i].host)) != cases[i].same)
			fail_msg("%s at %s", cases[i].origin, cases[i].host);
	/* A header that is missing. */
	assert_false(origin_is_host(STR("https://chat.example"), (struct str){NULL, 0}));
	assert_false(origin_is_host((struct str){NULL, 0}, (struct str){NULL, 0}));
}

static void
lets_in_those_that_were_named(void **state)
{
	static const char *const good[] = {"https://a.example", "http://a.example:8080", "capacitor://localhost",
	    "ionic://localhost", "chrome-extension://abcdefghijklmnop", "http://[::1]:3000", "http://10.0.0.1",
	    "file://", "http://a_b.example", "https://a.example:80", "HTTPS://UPPER.example", "https://a.example"};
	struct origins o = {.any = false};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++)
		if (add(&o, good[i]) != NULL)
			fail_msg("%s: %s", good[i], add(&o, good[i]));
	assert_int_equal(o.n, LENGTH(good) - 1); /* the last one was there */
	assert_int_equal(origins_find(&o, STR("https://a.example")), ORIGIN_NAMED);
	assert_int_equal(origins_find(&o, STR("capacitor://localhost")), ORIGIN_NAMED + 2);
	/* As browsers write it, which compare letter by letter. */
	assert_str(o.named[origins_find(&o, STR("https://upper.example")) - ORIGIN_NAMED], "https://upper.example");
	assert_int_equal(origins_find(&o, STR("https://b.example")), ORIGIN_OTHER);
	assert_int_equal(origins_find(&o, STR("")), ORIGIN_OTHER);
	assert_int_equal(origins_find(&o, STR("null")), ORIGIN_OTHER);
	assert_true(origins_let_in(&o, ORIGIN_NAMED + 2));
	assert_false(origins_let_in(&o, ORIGIN_OTHER));
	assert_null(add(&o, "*"));
	assert_true(origins_let_in(&o, ORIGIN_OTHER));
	assert_int_equal(origins_find(&o, STR("https://a.example")), ORIGIN_NAMED);
}

static void
lets_in_nobody_at_first(void **state)
{
	struct origins o = {.any = false};

	(void)state;
	assert_int_equal(origins_find(&o, STR("https://a.example")), ORIGIN_NONE);
	assert_false(origins_let_in(&o, ORIGIN_NONE));
}

static void
refuses_what_is_no_origin(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"https://*.example", "*"},
	    {"**", "*"},
	    {"https://a.example:*", "*"},
	    {"*, https://a.example", "once"},
	    {"null", "null"},
	    {"", "scheme"},
	    {"a.example", "scheme"},
	    {"https:a.example", "scheme"},
	    {"://a.example", "scheme"},
	    {"1http://a.example", "scheme"},
	    {"https://a.example:443", "default"},
	    {"http://a.example:80", "default"},
	    {"https://a.example/", "path"},
	    {"https://a.example/chat", "path"},
	    {"capacitor://localhost/", "path"},
	    {"https://", "host"},
	    {"https://:8080", "host"},
	    {"https://ann@a.example", "host"},
	    {"https://a.example,https://b.example", "once"},
	    {"https://a.example https://b.example", "once"},
	    {"https://a\r\nb.example", "host"},
	    {"https://b\xC3\xBC.example", "host"},
	    {"https://a.example?x", "host"},
	    {"https://a.example:", "port"},
	    {"https://a.example:0", "port"},
	    {"https://a.example:080", "port"},
	    {"https://a.example:65536", "port"},
	    {"https://a.example:99999999999999999999", "port"},
	    {"https://a.example:80x", "host"},
	    {"https://[]", "host"},
	};
	struct origins o = {.any = false};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const char *fault = add(&o, cases[i].text);

		if (fault == NULL || strstr(fault, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].text, fault == NULL ? "let in" : fault);
	}
	assert_int_equal(o.n, 0);
	assert_false(o.any);
}

static void
takes_only_so_many(void **state)
{
	struct origins o = {.any = false};
	char text[64];

	(void)state;
	for (int i = 0; i <= ORIGINS_MAX; i++) {
		const char *fault;

		snprintf(text, sizeof text, "http://h%d.example", i);
		fault = add(&o, text);
		assert_true(i < ORIGINS_MAX ? fault == NULL : fault != NULL && strstr(fault, "32") != NULL);
	}
}

static void
decides_which_page_may_ask(void **state)
{
	static const struct {
		const char *origin, *site, *destination, *authorization;
		bool linked, ok;
	} cases[] = {
	    /* No browser. */
	    {"", "", "", "", false, true},
	    {"", "nonsense", "", "", false, true},
	    /* A browser that says no more than Origin. */
	    {"http://chat.example", "", "", "", false, true},
	    {"https://chat.example", "", "", "", false, true},
	    {"http://evil.example", "", "", "", false, false},
	    {"null", "", "", "", false, false},
	    {"http://evil.example", "nonsense", "", "", false, false},
	    /* One that does: it is believed, whatever Host is. */
	    {"http://behind.example", "same-origin", "empty", "", false, true},
	    {"", "none", "document", "", false, true},
	    {"http://chat.example", "same-site", "empty", "", false, false},
	    {"http://chat.example", "cross-site", "empty", "", false, false},
	    {"", "cross-site", "script", "", true, false},
	    {"", "same-site", "image", "", true, false},
	    /* A link was followed; into a frame of the page it is not. */
	    {"", "cross-site", "document", "", true, true},
	    {"", "cross-site", "document", "", false, false},
	    {"", "cross-site", "iframe", "", true, false},
	    {"", "cross-site", "", "", true, false},
	    /* The origin that is let in. */
	    {"https://let.example", "cross-site", "empty", "", false, true},
	    {"https://LET.example", "", "", "", false, true},
	    {"http://let.example", "cross-site", "empty", "", false, false},
	    /* A bearer: what goes by itself with a request (Basic, cookies) is none. */
	    {"http://evil.example", "cross-site", "empty", "Bearer ll_x", false, true},
	    {"http://evil.example", "cross-site", "empty", "bearer ll_x", false, true},
	    {"http://evil.example", "cross-site", "empty", "Bearer", false, false},
	    {"http://evil.example", "cross-site", "empty", "Bearer ", false, false},
	    {"http://evil.example", "cross-site", "empty", "Bearers ll_x", false, false},
	    {"http://evil.example", "cross-site", "empty", "Basic Omxs", false, false},
	};
	struct origins o = {.any = false}, all = {.any = true};

	(void)state;
	assert_null(add(&o, "https://let.example"));
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct origin_ask ask = {.origin = str_of(cases[i].origin),
		    .host = STR("chat.example"),
		    .authorization = str_of(cases[i].authorization),
		    .site = str_of(cases[i].site),
		    .destination = str_of(cases[i].destination)};

		if (origins_ok(&o, &ask, cases[i].linked) != cases[i].ok)
			fail_msg("%s, %s, %s, %s", cases[i].origin, cases[i].site, cases[i].destination,
			    cases[i].authorization);
		/* * lets every page in, but none with what a browser sends by itself. */
		if (cases[i].authorization[0] == '\0' || cases[i].ok)
			assert_true(origins_ok(&all, &ask, cases[i].linked));
		else
			assert_false(origins_ok(&all, &ask, cases[i].linked));
	}
}

static void
lets_none_in_by_a_star_whose_name_was_checked(void **state)
{
	struct origins all = {.any = true}, named = {.any = true};
	struct origin_ask ask = {.origin = STR("https://let.example"), .host = STR("chat.example"), .named = true};

	(void)state;
	assert_null(add(&named, "https://let.example"));
	assert_false(origins_ok(&all, &ask, false));
	assert_true(origins_ok(&named, &ask, false));
	ask.authorization = STR("Bearer ll_x");
	assert_true(origins_ok(&all, &ask, false));
	ask.authorization = STR("");
	ask.origin = STR("https://chat.example");
	assert_true(origins_ok(&all, &ask, false));
	ask.origin = STR("");
	assert_true(origins_ok(&all, &ask, false));
	ask.site = STR("cross-site");
	assert_false(origins_ok(&all, &ask, false));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_the_origin_of_our_own_host),
	    cmocka_unit_test(lets_in_those_that_were_named),
	    cmocka_unit_test(lets_none_in_by_a_star_whose_name_was_checked),
	    cmocka_unit_test(lets_in_nobody_at_first),
	    cmocka_unit_test(refuses_what_is_no_origin),
	    cmocka_unit_test(takes_only_so_many),
	    cmocka_unit_test(decides_which_page_may_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
