/*
 * How long messages are kept, as people say it, and which rule decides for a room.
 */
#include "store/keep.h"

#include "test.h"

enum which { DAYS, MESSAGES, ROOM };

static bool
read_one(struct keep *k, enum which which, const char *value, char error[KEEP_ERROR_SIZE])
{
	struct str s = str_of(value);

	return which == DAYS       ? keep_read_days(k, s, error)
	       : which == MESSAGES ? keep_read_messages(k, s, error)
	                           : keep_read_room(k, s, error);
}

static void
assert_read(struct keep *k, enum which which, const char *value)
{
	char error[KEEP_ERROR_SIZE] = "";

	if (!read_one(k, which, value, error))
		fail_msg("%s: %s", value, error);
}

static void
assert_refused(enum which which, const char *value)
{
	struct keep k = {0};
	char error[KEEP_ERROR_SIZE] = "";

	if (read_one(&k, which, value, error))
		fail_msg("'%s' was taken", value);
	assert_non_null(strstr(error, which == ROOM && error[0] == 't' ? "before" : "expected"));
	assert_false(keep_any(&k));
}

static void
assert_rule(const struct keep *k, const char *room, int64_t age_ms, int64_t messages)
{
	struct keep_rule r = keep_of(k, str_of(room));

	assert_int_equal(r.age_ms, age_ms);
	assert_int_equal(r.messages, messages);
}

static void
times_and_numbers_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t age_ms;
	} days[] = {{"30", 2592000000}, {"0.5", 43200000}, {"1.25d", 108000000}, {"12h", 43200000}, {"90s", 90000},
	    {"5m", 300000}, {"2w", 1209600000}, {"1s", 1000}, {"36500", 3153600000000}, {"0.00002", 1728}, {"off", 0}};
	static const char *const bad[] = {"", "0", "-1", "x", "1y", "36501", "0.5s", "999ms", "1.", ".5", "1.1234567",
	    "1 d", "d", "99999999999999999999", "30d,10", "1e3"};
	static const char *const bad_numbers[] = {"", "0", "-1", "1.5", "30d", "1000000000001", "many"};

	(void)state;
	for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
		struct keep k = {0};

		assert_read(&k, DAYS, days[i].text);
		assert_rule(&k, "main", days[i].age_ms, 0);
		assert_int_equal(keep_any(&k), days[i].age_ms > 0);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_refused(DAYS, bad[i]);
	for (size_t i = 0; i < sizeof bad_numbers / sizeof bad_numbers[0]; i++)
		assert_refused(MESSAGES, bad_numbers[i]);
}

static void
the_longest_name_decides(void **state)
{
	static const char *const bad[] = {"", "=30d", "main", "main=", "main=30", "ma in=30d", "a*b=30d", "**=30d",
	    "main=30d,", "main=,5", "main=30d,12h", "main=5,6", "main=off,5", "main=30d,off", "main=0", "main=0d",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=5"};
	struct keep k = {0};

	(void)state;
	/* A number without a unit is one of messages. */
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (strcmp(bad[i], "main=30") != 0)
			assert_refused(ROOM, bad[i]);
	assert_read(&k, DAYS, "1");
	assert_read(&k, MESSAGES, "7");
	assert_rule(&k, "ci-1", 86400000, 7);
	assert_read(&k, ROOM, "ci-*=30d");
	assert_read(&k, ROOM, "ci-keep*=off");
	assert_read(&k, ROOM, "ci-9=1000");
	assert_read(&k, ROOM, "ci-9*=2h,5");
	assert_read(&k, ROOM, "c*=5,2h");
	assert_rule(&k, "ci-1", 2592000000, 0);
	assert_rule(&k, "ci-", 2592000000, 0);
	assert_rule(&k, "ci-keeper", 0, 0);
	assert_rule(&k, "ci-9", 0, 1000); /* itself before what begins so */
	assert_rule(&k, "ci-99", 7200000, 5);
	assert_rule(&k, "c", 7200000, 5);
	assert_rule(&k, "main", 86400000, 7);
	assert_read(&k, ROOM, "*=1h");
	assert_rule(&k, "main", 3600000, 0);
}

static void
rules_are_bounded_and_given_once(void **state)
{
	struct keep k = {0};
	char error[KEEP_ERROR_SIZE];

	(void)state;
	assert_read(&k, ROOM, "a*=5");
	assert_false(keep_read_room(&k, STR("a*=6"), error));
	assert_non_null(strstr(error, "given before"));
	for (int i = 1; i < KEEP_ROOMS_MAX; i++) {
		char value[32];

		snprintf(value, sizeof value, "room-%d=5", i);
		assert_read(&k, ROOM, value);
	}
	assert_false(keep_read_room(&k, STR("b=6"), error));
	assert_non_null(strstr(error, "256 times"));
	assert_rule(&k, "room-255", 0, 5);
}

static void
the_text_is_the_same_for_the_same_rules(void **state)
{
	static const char *const rules[] = {"a=5", "b*=30d", "cc=off", "*=1h,9"};
	struct buf one, other;
	struct keep k = {0}, l = {0};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_read(&k, ROOM, rules[i]);
		assert_read(&l, ROOM, rules[3 - i]);
	}
	k.grace_ms = 5;
	buf_init(&one, 1000);
	buf_init(&other, 1000);
	keep_add_text(&k, &one);
	keep_add_text(&l, &other);
	assert_true(str_eq(buf_str(&one), buf_str(&other)));
	assert_read(&l, MESSAGES, "3");
	buf_reset(&other, 1000);
	keep_add_text(&l, &other);
	assert_false(str_eq(buf_str(&one), buf_str(&other)));
	buf_fini(&one);
	buf_fini(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_and_numbers_are_read),
	    cmocka_unit_test(the_longest_name_decides),
	    cmocka_unit_test(rules_are_bounded_and_given_once),
	    cmocka_unit_test(the_text_is_the_same_for_the_same_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
