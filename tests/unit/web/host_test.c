#include "web/host.h"

#include "test.h"

static void
takes_only_names_and_addresses(void **state)
{
	static const char *const good[] = {"example.org", "EXAMPLE.org", "example.org.", "localhost", "a", "a_b-c.d",
	    "127.0.0.1", "[::1]", "::1", "[2001:db8::7]", "xn--bcher-kva.example"};
	static const char *const bad[] = {"", ".", "*", "*.example.org", "example.org:443",
	    "example.org:", "127.0.0.1:", "[::1]:80", "[::1]:", "[::1", "::1]", "[]", "[example.org]", "[127.0.0.1]",
	    ":", "a:b:c", "a b", "a/b", "http://example.org", "-a", ".a",
	    "b\xC3\xBC"
	    "cher.example"};
	struct hosts all = {.n = 0};
	char long_name[HOST_NAME_BYTES + 2];

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++)
		if (!hosts_add(&all, str_of(good[i])))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (hosts_add(&all, str_of(bad[i])))
			fail_msg("%s", bad[i]);
	memset(long_name, 'a', sizeof long_name);
	assert_false(hosts_add(&all, (struct str){long_name, HOST_NAME_BYTES + 1}));
	assert_true(hosts_add(&all, (struct str){long_name, HOST_NAME_BYTES}));
	while (all.n < HOSTS_MAX)
		assert_true(hosts_add(&all, STR("again")));
	assert_false(hosts_add(&all, STR("again")));
}

static void
knows_its_hosts_with_any_port(void **state)
{
	static const char *const known[] = {"example.org", "Example.ORG", "example.org:8080", "example.org.",
	    "example.org:", "EXAMPLE.org.:443", "10.1.2.3", "10.1.2.3:80", "[::1]", "[::1]:8080",
	    "[0:0:0:0:0:0:0:1]:80", "[2001:DB8::7]"};
	static const char *const unknown[] = {"", "example.or", "example.org.evil", "evil.example.org",
	    "evilexample.org", "example.org:x", "example.org:99999", "example.org:80:80", "example.org..", "10.1.2.30",
	    "[::2]", "[::1", "[::1]x", "[::1]80", "[::1]:x", "[10.1.2.3]x", "localhost", "example.org ", " example.org",
	    ".", ":", "[", "[]", "]"};
	struct hosts all = {.n = 0};

	(void)state;
	assert_true(hosts_know(NULL, STR("any")));
	assert_true(hosts_know(&all, STR("any")));
	assert_true(hosts_know(&all, STR("")));
	assert_true(hosts_add(&all, STR("example.org")) && hosts_add(&all, STR("10.1.2.3")));
	assert_true(hosts_add(&all, STR("[::1]")) && hosts_add(&all, STR("2001:db8::7")));
	for (size_t i = 0; i < LENGTH(known); i++)
		if (!hosts_know(&all, str_of(known[i])))
			fail_msg("%s", known[i]);
	for (size_t i = 0; i < LENGTH(unknown); i++)
		if (hosts_know(&all, str_of(unknown[i])))
			fail_msg("%s", unknown[i]);
	assert_false(hosts_know(&all, STR("example.org\0")));
	assert_false(hosts_know(&all, STR("[::1\0]")));
	assert_false(hosts_know(&all, (struct str){NULL, 0}));
}

static void
tells_addresses_from_names(void **state)
{
	static const char *const yes[] = {
	    "", "127.0.0.1", "192.168.7.9:8080", "[::1]", "[fe80::1]:80", "localhost", "LOCALHOST:80"};
	static const char *const no[] = {
	    "evil.example", "127.0.0.1.evil.example", "1.2.3", "localhost.evil.example", "[evil.example]", "[]", ":80"};

	(void)state;
	for (size_t i = 0; i < LENGTH(yes); i++)
		if (!host_is_address(str_of(yes[i])))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < LENGTH(no); i++)
		if (host_is_address(str_of(no[i])))
			fail_msg("%s", no[i]);
	assert_true(host_is_address((struct str){NULL, 0}));
	assert_false(host_is_address(STR("127.0.0.1\0")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_only_names_and_addresses),
	    cmocka_unit_test(knows_its_hosts_with_any_port),
	    cmocka_unit_test(tells_addresses_from_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
