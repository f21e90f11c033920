/*
 * --limit: what is read, and what is refused with what was expected.
 */
#include "access/person.h"
#include "test.h"

static struct limits limits;
static char error[LIMIT_ERROR_SIZE];

static int
setup(void **state)
{
	(void)state;
	limits_init(&limits);
	return 0;
}

static const struct limit_value *
value_read(const char *text, enum person_class of, enum limit l)
{
	error[0] = '\0';
	if (!limits_read(&limits, str_of(text), error))
		fail_msg("%s: %s", text, error);
	return &limits.v[of][l];
}

static void
assert_rate(const char *text, enum limit l, double rate, uint64_t burst)
{
	const struct limit_value *v = value_read(text, PERSON_STRANGER, l);

	assert_false(v->off);
	assert_true(v->rate > rate * 0.999999 && v->rate < rate * 1.000001);
	assert_int_equal(v->most, burst);
}

static void
rates_are_read(void **state)
{
	(void)state;
	assert_rate("messages=10/s:300", LIMIT_MESSAGES, 10, 300);
	assert_rate("messages=11:301", LIMIT_MESSAGES, 11, 301);
	assert_rate("requests=1.5/s:2", LIMIT_REQUESTS, 1.5, 2);
	assert_rate("requests=0.25k:2k", LIMIT_REQUESTS, 250, 2000);
	assert_rate("bytes=200k/s:20M", LIMIT_BYTES, 200000, 20000000);
	assert_rate("new-rooms=6/min:20", LIMIT_NEW_ROOMS, 0.1, 20);
	assert_rate("handshakes=1M/day:1G", LIMIT_HANDSHAKES, 1e6 / 86400, 1000000000);
	assert_rate("day-bytes=500M/day:400M", LIMIT_DAY_BYTES, 500e6 / 86400, 400000000);
	assert_rate("day-bytes=86400", LIMIT_DAY_BYTES, 1, 86400);
	assert_rate("day-bytes=2G", LIMIT_DAY_BYTES, 2e9 / 86400, 2000000000);
	assert_rate("reading=200:3000", LIMIT_READING, 200, 3000);
	assert_rate("passing=0.000002:1", LIMIT_PASSING, 2e-6, 1);
}

static void
counts_are_read(void **state)
{
	(void)state;
	assert_int_equal(value_read("held=7", PERSON_STRANGER, LIMIT_HELD)->most, 7);
	assert_int_equal(value_read("sessions=0", PERSON_STRANGER, LIMIT_SESSIONS)->most, 0);
	assert_int_equal(value_read("reads=2k", PERSON_STRANGER, LIMIT_READS)->most, 2000);
	assert_int_equal(value_read("memory=4G", PERSON_STRANGER, LIMIT_MEMORY)->most, 4000000000);
	assert_int_equal(value_read("memory=4294967295", PERSON_STRANGER, LIMIT_MEMORY)->most, UINT32_MAX);
}

static void
a_class_is_one_and_without_it_are_all(void **state)
{
	struct limits before;

	(void)state;
	before = limits;
	for (int of = 0; of < PERSON_CLASSES; of++)
		assert_false(limits.set[of]);
	assert_int_equal(value_read("user.held=7", PERSON_USER, LIMIT_HELD)->most, 7);
	assert_true(limits.set[PERSON_USER] && !limits.set[PERSON_STRANGER] && !limits.set[PERSON_TRUSTED]);
	assert_int_equal(limits.v[PERSON_STRANGER][LIMIT_HELD].most, before.v[PERSON_STRANGER][LIMIT_HELD].most);
	assert_int_equal(limits.v[PERSON_TRUSTED][LIMIT_HELD].most, before.v[PERSON_TRUSTED][LIMIT_HELD].most);
	assert_true(value_read("stranger.messages=off", PERSON_STRANGER, LIMIT_MESSAGES)->off);
	assert_false(limits.v[PERSON_USER][LIMIT_MESSAGES].off);
	assert_int_equal(value_read("trusted.messages=1:5", PERSON_TRUSTED, LIMIT_MESSAGES)->most, 5);
	value_read("passing=off", PERSON_USER, LIMIT_PASSING);
	for (int of = 0; of < PERSON_CLASSES; of++)
		assert_true(limits.set[of] && limits.v[of][LIMIT_PASSING].off);
	/* The last one counts. */
	assert_int_equal(value_read("user.held=8", PERSON_USER, LIMIT_HELD)->most, 8);
}

static void
what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
	    {"", "there is no limit ''"},
	    {"message=1:1", "there is no limit 'message', but requests, handshakes, messages,"},
	    {"stranger.message=1:1", "there is no limit 'message', but "},
	    {"Messages=1:1", "sessions, reads and memory"},
	    {"nobody.messages=1:1", "a class is stranger, user or trusted, not 'nobody'"},
	    {".messages=1:1", "not ''"},
	    {"stranger.user.messages=1:1", "there is no limit 'user.messages'"},
	    {"messages", "messages must be RATE:BURST, such as 10/s:300 or 1/min:20, or off, not ''"},
	    {"messages=", "not ''"},
	    {"messages=10", "not '10'"},
	    {"messages=:10", "not ':10'"},
	    {"messages=10:", "not '10:'"},
	    {"messages=0:10", "not '0:10'"},
	    {"messages=10:0", "not '10:0'"},
	    {"messages=-1:10", "messages must be"},
	    {"messages=1e3:10", "messages must be"},
	    {"messages=0x10:10", "messages must be"},
	    {"messages= 1:10", "messages must be"},
	    {"messages=1:10 ", "messages must be"},
	    {"messages=1:10:10", "messages must be"},
	    {"messages=1.:10", "messages must be"},
	    {"messages=.5:10", "messages must be"},
	    {"messages=1.5.5:10", "messages must be"},
	    {"messages=1/h:10", "messages must be"},
	    {"messages=1/s/s:10", "messages must be"},
	    {"messages=1:1.5", "messages must be"},
	    {"messages=k:10", "messages must be"},
	    {"messages=1K:10", "messages must be"},
	    {"messages=1kk:10", "messages must be"},
	    {"messages=1001G:10", "messages must be"},
	    {"messages=0.0000001:10", "messages must be"},
	    {"messages=1:1001G", "messages must be"},
	    {"messages=1:99999999999999999999999", "messages must be"},
	    {"messages=99999999999999999999999:1", "messages must be"},
	    {"messages=OFF", "not 'OFF'"},
	    {"day-bytes=0", "day-bytes must be bytes a day, such as 500M, or RATE:BURST"},
	    {"day-bytes=x", "day-bytes must be"},
	    {"held=1:1", "held must be a count up to 4294967295, such as 128 or 8M, or off, not '1:1'"},
	    {"held=-1", "held must be"},
	    {"held=", "held must be"},
	    {"memory=4294967296", "memory must be"},
	    {"memory=5G", "memory must be"},
	    {"memory=1.5G", "memory must be"},
	    {"held=0123456789012345678901234567890123456789tail", "6789'"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct limits before = limits;

		error[0] = '\0';
		if (limits_read(&limits, str_of(bad[i].text), error) || strstr(error, bad[i].says) == NULL)
			fail_msg("%s: %s", bad[i].text, error);
		assert_memory_equal(&before, &limits, sizeof limits);
	}
}

/* Each has a name of its own, and is what its name says. */
static void
every_limit_has_a_name(void **state)
{
	char text[64];

	(void)state;
	for (enum limit l = 0; l < LIMITS; l++) {
		snprintf(text, sizeof text, "%s=off", limit_name(l));
		assert_false(limits.v[PERSON_USER][l].off);
		assert_true(value_read(text, PERSON_USER, l)->off);
	}
}

static void
the_table_is_what_was_promised(void **state)
{
	struct limit_value(*v)[LIMITS] = limits.v;

	(void)state;
	assert_true(v[PERSON_STRANGER][LIMIT_REQUESTS].rate == 50 && v[PERSON_STRANGER][LIMIT_REQUESTS].most == 500);
	assert_true(v[PERSON_STRANGER][LIMIT_MESSAGES].rate == 10 && v[PERSON_USER][LIMIT_MESSAGES].most == 600);
	assert_true(v[PERSON_USER][LIMIT_DAY_BYTES].most == 2000000000);
	assert_true(v[PERSON_STRANGER][LIMIT_MEMORY].most == 8000000 && v[PERSON_TRUSTED][LIMIT_READS].most == 16);
	for (enum limit l = 0; l < LIMIT_RATES; l++)
		assert_true(v[PERSON_TRUSTED][l].off);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(rates_are_read, setup),
	    cmocka_unit_test_setup(counts_are_read, setup),
	    cmocka_unit_test_setup(a_class_is_one_and_without_it_are_all, setup),
	    cmocka_unit_test_setup(what_is_wrong_is_said, setup),
	    cmocka_unit_test_setup(every_limit_has_a_name, setup),
	    cmocka_unit_test_setup(the_table_is_what_was_promised, setup),
	};

	return cmocka_run_group_tests_name("person_options", tests, NULL, NULL);
}
