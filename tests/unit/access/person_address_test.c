/*
 * From an address to the person that is counted for it.
 */
#include "access/person.h"
#include "test.h"

enum { NOW = 1000000 };

static struct fixture {
	struct limits limits;
	struct persons *all;
	char text[PERSON_ADDRESS_SIZE];
} fx;

static int
setup(void **state)
{
	(void)state;
	limits_init(&fx.limits);
	fx.all = persons_new(&fx.limits, 1000);
	assert_non_null(fx.all);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	persons_free(fx.all);
	return 0;
}

static struct str
identity(const char *address, const char *forwarded)
{
	return person_address(fx.all, str_of(address), str_of(forwarded), fx.text);
}

static void
an_address_is_its_own_or_its_network(void **state)
{
	(void)state;
	assert_str(identity("192.0.2.1", ""), "@192.0.2.1");
	assert_str(identity("::ffff:192.0.2.1", ""), "@192.0.2.1");
	assert_str(identity("::FFFF:C000:201", ""), "@192.0.2.1");
	assert_str(identity("2001:db8:1:2:3:4:5:6", ""), "@2001:db8:1:2::/64");
	assert_str(identity("2001:0DB8:0001:0002::", ""), "@2001:db8:1:2::/64");
	assert_str(identity("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""), "@ffff:ffff:ffff:ffff::/64");
	assert_str(identity("::1", ""), "@::/64");
	assert_str(identity("127.0.0.1", ""), "@127.0.0.1");
	/* What a public address says of another is only said. */
	assert_str(identity("192.0.2.1", "198.51.100.1"), "@192.0.2.1");
}

static void
what_is_no_address_is_not_counted(void **state)
{
	static const char *const none[] = {"", "unix:", "unix:/run/x", "localhost", "1.2.3", "1.2.3.4.5",
	    "::ffff:1.2.3.4:5", "fe80::1%eth0", "2001:db8:1:2:3:4:5:6:7",
	    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};

	(void)state;
	for (size_t i = 0; i < LENGTH(none); i++)
		assert_str(identity(none[i], ""), "");
	assert_str_n(person_address(fx.all, (struct str){"1.2.3.4\0x", 9}, STR(""), fx.text), STR(""));
}

/* The edges of each network, inside and outside. */
static void
a_proxys_address_is_not_counted(void **state)
{
	static const char *const inside[] = {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255",
	    "192.168.0.0", "192.168.255.255", "127.0.0.1", "127.255.255.255", "169.254.1.1", "100.64.0.0",
	    "100.127.255.255", "::1", "fc00::1", "fdff::1", "fe80::1", "febf::1", "::ffff:10.1.1.1",
	    "::ffff:127.0.0.1"};
	static const char *const outside[] = {"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0",
	    "192.167.255.255", "192.169.0.0", "126.255.255.255", "128.0.0.0", "169.253.1.1", "100.63.255.255",
	    "100.128.0.0", "::2", "fbff::1", "fe00::1", "fe7f::1", "fec0::1", "2001:db8::1", "::ffff:11.1.1.1"};

	(void)state;
	for (size_t i = 0; i < LENGTH(inside); i++) {
		assert_str(identity(inside[i], "192.0.2.1"), "");
		assert_true(identity(inside[i], "").n > 0);
	}
	for (size_t i = 0; i < LENGTH(outside); i++)
		assert_true(identity(outside[i], "192.0.2.1").n > 0);
}

static void
a_limit_that_is_set_counts_them_all(void **state)
{
	char error[LIMIT_ERROR_SIZE];

	(void)state;
	persons_free(fx.all);
	assert_true(limits_read(&fx.limits, STR("user.messages=off"), error));
	fx.all = persons_new(&fx.limits, 10);
	assert_str(identity("10.0.0.1", "192.0.2.1"), "");
	persons_free(fx.all);
	assert_true(limits_read(&fx.limits, STR("stranger.messages=1:1"), error));
	fx.all = persons_new(&fx.limits, 10);
	assert_str(identity("10.0.0.1", "192.0.2.1"), "@10.0.0.1");
	assert_str(identity("", "192.0.2.1"), "@none");
	assert_str(identity("unix:", ""), "@none");
}

static void
loopback_is_known(void **state)
{
	(void)state;
	assert_true(person_is_loopback(STR("127.0.0.1")));
	assert_true(person_is_loopback(STR("127.9.9.9")));
	assert_true(person_is_loopback(STR("::1")));
	assert_true(person_is_loopback(STR("::ffff:127.0.0.1")));
	assert_false(person_is_loopback(STR("128.0.0.1")));
	assert_false(person_is_loopback(STR("::2")));
	assert_false(person_is_loopback(STR("10.0.0.1")));
	assert_false(person_is_loopback(STR("unix:")));
	assert_false(person_is_loopback(STR("")));
}

static struct person *
get(const char *format, int a, int b)
{
	char address[64];

	snprintf(address, sizeof address, format, a, b);
	return person_get(fx.all, identity(address, ""), PERSON_STRANGER, NOW);
}

/* 64 of a /48 are themselves, all others one; another /48 has its own. */
static void
a_48_is_64_persons_and_one_more(void **state)
{
	struct person *first[64], *rest;

	(void)state;
	for (int i = 0; i < 64; i++) {
		first[i] = get("2001:db8:%d:%x::1", 1, i);
		assert_ptr_equal(get("2001:db8:%d:%x::2", 1, i), first[i]);
	}
	rest = get("2001:db8:%d:%x::1", 1, 64);
	for (int i = 0; i < 64; i++) {
		assert_ptr_not_equal(rest, first[i]);
		assert_ptr_equal(get("2001:db8:%d:%x::1", 1, i), first[i]);
		assert_ptr_equal(get("2001:db8:%d:%x::1", 1, 65 + i), rest);
	}
	assert_int_equal(persons_counts(fx.all).n, 65);
	assert_int_equal(persons_counts(fx.all).busy, 65);
	assert_ptr_not_equal(get("2001:db8:%d:%x::1", 2, 0), rest);
	assert_ptr_not_equal(get("2001:db8:%d:%x::1", 2, 65), rest);
	/* Their /48 is there too, and nobody has it. */
	assert_int_equal(persons_counts(fx.all).n, 68);
	assert_int_equal(persons_counts(fx.all).busy, 67);
}

/* Whoever can have any number of addresses fills the table with 65 at most. */
static void
a_48_takes_no_more_of_the_table(void **state)
{
	(void)state;
	for (int i = 0; i < 60000; i++)
		person_drop(fx.all, get("2001:db8:%d:%x::1", 1, i), NOW);
	assert_int_equal(persons_counts(fx.all).n, 65);
	assert_int_equal(persons_counts(fx.all).shared, 0);
}

/* /64s of many /48s come and go; the /48s go with them. */
static void
networks_come_and_go(void **state)
{
	struct person *held[64] = {NULL};

	(void)state;
	test_seed(15);
	for (int step = 0; step < 100000; step++) {
		size_t i = test_random(LENGTH(held));

		if (held[i] != NULL)
			person_drop(fx.all, held[i], NOW);
		held[i] = test_random(3) == 0 ? NULL
		                              : get("2001:db8:%x:%x::1", (int)test_random(2000),
		                                    (int)test_random(3) * (int)test_random(200));
		assert_in_range(persons_counts(fx.all).n, 0, 1000);
	}
	assert_int_equal(persons_counts(fx.all).shared, 0);
	for (size_t i = 0; i < LENGTH(held); i++)
		if (held[i] != NULL)
			person_drop(fx.all, held[i], NOW);
	assert_int_equal(persons_counts(fx.all).busy, 0);
	/* Nothing of it stays behind. */
	for (int i = 0; i < 1000; i++)
		(void)get("10.1.%d.%d", i / 256, i % 256);
	assert_int_equal(persons_counts(fx.all).shared, 0);
	assert_int_equal(persons_counts(fx.all).busy, 1000);
	(void)get("2001:db8:%x:%x::1", 1, 1);
	assert_int_equal(persons_counts(fx.all).shared, 1);
}

/* One place is left: that is for the /48, and so its /64 has none. */
static void
a_network_without_room_shares(void **state)
{
	struct person *shared, *last;

	(void)state;
	for (int i = 0; i < 999; i++)
		(void)get("10.1.%d.%d", i / 256, i % 256);
	shared = get("2001:db8:%x:%x::1", 1, 1);
	assert_int_equal(persons_counts(fx.all).shared, 1);
	last = get("10.2.%d.%d", 1, 1);
	assert_int_equal(persons_counts(fx.all).shared, 1);
	assert_ptr_not_equal(last, shared);
	assert_int_equal(persons_counts(fx.all).n, 1000);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(an_address_is_its_own_or_its_network),
	    TEST(what_is_no_address_is_not_counted),
	    TEST(a_proxys_address_is_not_counted),
	    TEST(a_limit_that_is_set_counts_them_all),
	    TEST(loopback_is_known),
	    TEST(a_48_is_64_persons_and_one_more),
	    TEST(a_48_takes_no_more_of_the_table),
	    TEST(networks_come_and_go),
	    TEST(a_network_without_room_shares),
	};

	test_watchdog(60);
	return cmocka_run_group_tests_name("person_address", tests, NULL, NULL);
}
