#include "base/date.h"

#include <time.h>

#include "test.h"

static const int64_t DAY_MS = INT64_C(86400000);

static void
reads_every_day_as_the_c_library_does(void **state)
{
	struct tm t;
	time_t end;

	(void)state;
	/* Each day of four centuries, so each rule of leap years, against the C library; then the ends of the range. */
	t = (struct tm){.tm_year = 1880 - 1900, .tm_mday = 1};
	end = timegm(&(struct tm){.tm_year = 2285 - 1900, .tm_mday = 1});
	for (time_t at = timegm(&t); at < end; at += 86400) {
		char text[32];
		int64_t ms = 0;

		gmtime_r(&at, &t);
		strftime(text, sizeof text, "%Y-%m-%d", &t);
		if (!date_day(str_of(text), 0, &ms) || ms != (int64_t)at * 1000)
			fail_msg("%s gives %lld, not %lld", text, (long long)ms, (long long)at * 1000);
	}
	for (int year = 1; year <= 9999; year++) {
		char text[32];
		int64_t ms = 0;

		t = (struct tm){.tm_year = year - 1900, .tm_mon = 11, .tm_mday = 31};
		snprintf(text, sizeof text, "%04d-12-31", year);
		assert_true(date_day(str_of(text), 0, &ms));
		assert_true(ms == (int64_t)timegm(&t) * 1000);
	}
}

/* Of all dates that can be written, those are good that the C library gives back unchanged. */
static void
refuses_days_that_a_month_does_not_have(void **state)
{
	static const int years[] = {1, 4, 100, 400, 1900, 2000, 2023, 2024, 2100, 9999};

	(void)state;
	for (size_t i = 0; i < LENGTH(years); i++)
		for (int month = 0; month <= 13; month++)
			for (int day = 0; day <= 32; day++) {
				struct tm t = {.tm_year = years[i] - 1900, .tm_mon = month - 1, .tm_mday = day};
				char text[32];
				bool good;
				int64_t ms;

				snprintf(text, sizeof text, "%04d-%02d-%02d", years[i], month, day);
				(void)timegm(&t);
				good = t.tm_mon == month - 1 && t.tm_mday == day;
				if (date_day(str_of(text), 0, &ms) != good)
					fail_msg("%s should be %s", text, good ? "good" : "bad");
			}
}

static void
refuses_days_in_any_other_form(void **state)
{
	static const char *const bad[] = {"", "2024", "2024-1-1", "2024-01-1", "24-01-01", "02024-01-01", "2024-01-01 ",
	    " 2024-01-01", "2024/01/01", "2024-01-01T", "2024-01-01Z", "+2024-01-01", "-2024-01-01", "2024-01--1",
	    "2024-+1-01", "2024-01-0a", "20240101", "0000-01-01", "2024-01-01T00:00:00Z", "2024-01-01\n"};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (date_day(str_of(bad[i]), 0, &ms))
			fail_msg("\"%s\" is taken for a day", bad[i]);
	assert_false(date_day(STR("2024-01-01\0"), 0, &ms));
	/* A day begins earlier in the east. */
	assert_true(date_day(STR("1970-01-02"), 0, &ms));
	assert_true(ms == DAY_MS);
	assert_true(date_day(STR("1970-01-02"), 120, &ms));
	assert_true(ms == DAY_MS - 2 * 3600000);
	assert_true(date_day(STR("1970-01-02"), -330, &ms));
	assert_true(ms == DAY_MS + 330 * 60000);
	assert_true(date_day(STR("1970-01-02"), 1439, &ms));
	assert_true(ms == 60000);
}

static void
reads_zones(void **state)
{
	static const struct {
		const char *text;
		int minutes;
	} good[] = {{"+00:00", 0}, {"-00:00", 0}, {" 00:00", 0}, {"+05:30", 330}, {" 05:30", 330}, {"-03:30", -210},
	    {"+23:59", 1439}, {"-23:59", -1439}};
	static const char *const bad[] = {"", "+", "-", "05:30", "+5:30", "+05:3", "+05:300", "+0530", "+24:00",
	    "-24:00", "+05:60", "Z", "+05.30", "++5:30", "+05:30 ", "  05:30", "+-5:30", "+05:-1", "\t05:30"};
	int minutes;

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		assert_true(date_zone(str_of(good[i].text), &minutes));
		assert_int_equal(minutes, good[i].minutes);
	}
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (date_zone(str_of(bad[i]), &minutes))
			fail_msg("\"%s\" is taken for a zone", bad[i]);
}

static void
reads_moments_with_and_without_a_zone(void **state)
{
	static const struct {
		const char *text;
		int tz_minutes;
		int64_t ms;
	} good[] = {
	    {"1970-01-01T00:00:00Z", 0, 0},
	    {"1970-01-01T00:00:00Z", 600, 0}, /* it has a zone of its own */
	    {"1970-01-01", 60, -3600000},     /* it has none */
	    {"1970-01-01t00:00:01z", 0, 1000},
	    {"1970-01-01 00:00:01Z", 0, 1000}, /* as RFC 3339 lets people write it */
	    {"1970-01-01T00:00:00+01:00", 0, -3600000},
	    {"1970-01-01T00:00:00 01:00", 0, -3600000}, /* the + of a URL */
	    {"1970-01-01T00:00:00-01:00", 0, 3600000},
	    {"1970-01-01T00:00:00-00:00", 0, 0},
	    {"1970-01-01T23:59:59+23:59", 0, 59000},
	    {"1970-01-01T00:00:00.5Z", 0, 500},
	    {"1970-01-01T00:00:00.05Z", 0, 50},
	    {"1970-01-01T00:00:00.005Z", 0, 5},
	    {"1970-01-01T00:00:00.123456789Z", 0, 123},
	    {"1970-01-01T00:00:00.0009Z", 0, 0},
	    {"1970-01-01T00:00:00.999999999999999999999999Z", 0, 999},
	    {"1970-01-01T00:00:00.000Z", 0, 0},
	    {"1969-12-31T23:59:59.999Z", 0, -1},
	    {"1969-12-31T23:59:59.25 05:30", 0, -1000 + 250 - 330 * 60000},
	    {"2016-12-31T23:59:60Z", 0, INT64_C(1483228800000)}, /* a leap second */
	    {"2026-11-22T12:34:56.789Z", 0, INT64_C(1795350896789)},
	    {"0001-01-01T00:00:00Z", 0, INT64_C(-62135596800000)},
	    {"9999-12-31T23:59:59.999Z", 0, INT64_C(253402300799999)},
	};
	static const char *const bad[] = {"", "now", "1970-01-01T", "1970-01-01T00:00:00", "1970-01-01T00:00Z",
	    "1970-01-01T0:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z",
	    "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00.", "1970-01-01T00:00:00.5", "1970-01-01T00:00:00,5Z",
	    "1970-01-01T00:00:00.5 Z", "1970-01-01T00:00:00ZZ", "1970-01-01T00:00:00Z ", "1970-01-01T00:00:00+24:00",
	    "1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00+0100", "1970-01-01_00:00:00Z", "1970-02-30T00:00:00Z",
	    "1970-01-01T-1:00:00Z", "1970-01-01T00:00:00Z+01:00", "197001-01T00:00:00Z", "0000-01-01T00:00:00Z"};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		ms = 42;
		if (!date_moment(str_of(good[i].text), good[i].tz_minutes, &ms) || ms != good[i].ms)
			fail_msg("\"%s\" gives %lld", good[i].text, (long long)ms);
	}
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (date_moment(str_of(bad[i]), 0, &ms))
			fail_msg("\"%s\" is taken for a moment", bad[i]);
}

static void
reads_random_moments_as_the_c_library_does(void **state)
{
	(void)state;
	test_seed(2);
	for (int i = 0; i < 20000; i++) {
		/* Of the years 1 to 9999, a day from each end for the zone. */
		time_t at = (time_t)(test_random(2147483648u) * (size_t)146 % 315537724800u) - 62135510400;
		int offset = (int)test_random(2 * 1439 + 1) - 1439, away = offset < 0 ? -offset : offset;
		unsigned fraction = (unsigned)test_random(1000);
		char text[80], day[40];
		struct tm t;
		int64_t ms;

		gmtime_r(&at, &t);
		strftime(day, sizeof day, "%m-%dT%H:%M:%S", &t);
		snprintf(text, sizeof text, "%04d-%s.%03u%c%02d:%02d", t.tm_year + 1900, day, fraction,
		    offset < 0   ? '-'
		    : i % 2 == 0 ? '+'
		                 : ' ',
		    away / 60, away % 60);
		if (!date_moment(str_of(text), 17, &ms) || ms != ((int64_t)at - offset * 60) * 1000 + fraction)
			fail_msg("%s", text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_every_day_as_the_c_library_does),
	    cmocka_unit_test(refuses_days_that_a_month_does_not_have),
	    cmocka_unit_test(refuses_days_in_any_other_form),
	    cmocka_unit_test(reads_zones),
	    cmocka_unit_test(reads_moments_with_and_without_a_zone),
	    cmocka_unit_test(reads_random_moments_as_the_c_library_does),
	};

	return cmocka_run_group_tests_name("date", tests, NULL, NULL);
}
