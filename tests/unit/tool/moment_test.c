#include "tool/moment.h"

#include "test.h"

static const int64_t NOW_MS = INT64_C(1800000000000), DAY_MS = INT64_C(86400000);

static void
reads_how_long_from_now(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {{"0s", 0}, {"1s", 1000}, {"5m", 300000}, {"12h", 43200000}, {"90d", 7776000000}, {"2w", 1209600000},
	    {"1y", 31536000000}, {"100y", 3153600000000}, {"3153600000s", 3153600000000}};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		int64_t at_ms = -1;

		if (!moment_read(str_of(good[i].text), NOW_MS, &at_ms) || at_ms != NOW_MS + good[i].ms)
			fail_msg("%s gives %lld", good[i].text, (long long)at_ms);
	}
}

static void
reads_days_and_moments_in_utc(void **state)
{
	int64_t at_ms;

	(void)state;
	assert_true(moment_read(STR("1970-01-02"), NOW_MS, &at_ms));
	assert_true(at_ms == DAY_MS);
	assert_true(moment_read(STR("1970-01-02T00:00:01+00:00"), NOW_MS, &at_ms));
	assert_true(at_ms == DAY_MS + 1000);
}

static void
reads_how_long_ago(void **state)
{
	int64_t at_ms;

	(void)state;
	assert_true(moment_read_past(STR("90d"), NOW_MS, &at_ms));
	assert_true(at_ms == NOW_MS - 90 * DAY_MS);
	assert_true(moment_read_past(STR("0s"), NOW_MS, &at_ms));
	assert_true(at_ms == NOW_MS);
	assert_true(moment_read_past(STR("100y"), NOW_MS, &at_ms));
	assert_true(at_ms == NOW_MS - 36500 * DAY_MS);
	assert_true(moment_read_past(STR("1970-01-02"), NOW_MS, &at_ms));
	assert_true(at_ms == DAY_MS);
	assert_false(moment_read_past(STR("-1d"), NOW_MS, &at_ms));
}

static void
refuses_what_is_no_time(void **state)
{
	static const char *const bad[] = {"", "d", "90", "-1d", "+1d", "1 d", "1.5d", "1D", "90d ", " 90d", "1d2h",
	    "101y", "3153600001s", "99999999999999999999d", "2027-02-29", "2027-1-1", "tomorrow", "never"};
	int64_t at_ms;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (moment_read(str_of(bad[i]), NOW_MS, &at_ms))
			fail_msg("\"%s\" is taken for a time", bad[i]);
}

static void
writes_minutes_in_utc(void **state)
{
	char text[MOMENT_SIZE];

	(void)state;
	moment_write(false, DAY_MS + 12 * 3600000 + 34 * 60000 + 59999, text);
	assert_string_equal(text, "1970-01-02 12:34");
	moment_write(true, 0, text);
	assert_string_equal(text, "never");
	moment_write(false, INT64_MAX, text);
	assert_int_equal(strlen(text), 16);
	moment_write(false, INT64_MIN, text);
	assert_int_equal(strlen(text), 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_how_long_from_now),
	    cmocka_unit_test(reads_days_and_moments_in_utc),
	    cmocka_unit_test(reads_how_long_ago),
	    cmocka_unit_test(refuses_what_is_no_time),
	    cmocka_unit_test(writes_minutes_in_utc),
	};

	return cmocka_run_group_tests_name("moment", tests, NULL, NULL);
}
