#include "base/histogram.h"

#include "test.h"

static void
times_are_in_the_bucket_whose_bound_they_reach(void **state)
{
	struct histogram h = {{0}, 0};

	(void)state;
	histogram_add(&h, 0);
	histogram_add(&h, 100);
	histogram_add(&h, 101);
	histogram_add(&h, 999);
	histogram_add(&h, 1000);
	histogram_add(&h, 1001);
	histogram_add(&h, 10000000);
	histogram_add(&h, 10000001);
	assert_int_equal(h.n[0], 2);
	assert_int_equal(h.n[1], 1);
	assert_int_equal(h.n[2], 0);
	assert_int_equal(h.n[3], 2);
	assert_int_equal(h.n[4], 1);
	assert_int_equal(h.n[HISTOGRAM_BOUNDS - 1], 1);
	assert_int_equal(h.n[HISTOGRAM_BOUNDS], 1);
	assert_int_equal(h.sum_us, 100 + 101 + 999 + 1000 + 1001 + 10000000 + 10000001);
}

static void
any_time_is_counted(void **state)
{
	struct histogram h = {{0}, 0};

	(void)state;
	histogram_add(&h, INT64_MIN);
	histogram_add(&h, -1);
	assert_int_equal(h.n[0], 2);
	assert_int_equal(h.sum_us, 0);
	histogram_add(&h, INT64_MAX);
	assert_int_equal(h.n[HISTOGRAM_BOUNDS], 1);
	assert_int_equal(h.sum_us, INT64_MAX);
}

static void
is_written_as_prometheus_reads_it(void **state)
{
	struct histogram h = {{0}, 0};
	struct buf b;

	(void)state;
	histogram_add(&h, 300);
	histogram_add(&h, 1500);
	histogram_add(&h, 20000000);
	buf_init(&b, 4096);
	histogram_write(&h, &b, "x_seconds", "Some time.");
	assert_true(buf_ok(&b));
	assert_str(buf_str(&b), "# HELP x_seconds Some time.\n"
	                        "# TYPE x_seconds histogram\n"
	                        "x_seconds_bucket{le=\"0.0001\"} 0\n"
	                        "x_seconds_bucket{le=\"0.00025\"} 0\n"
	                        "x_seconds_bucket{le=\"0.0005\"} 1\n"
	                        "x_seconds_bucket{le=\"0.001\"} 1\n"
	                        "x_seconds_bucket{le=\"0.0025\"} 2\n"
	                        "x_seconds_bucket{le=\"0.005\"} 2\n"
	                        "x_seconds_bucket{le=\"0.01\"} 2\n"
	                        "x_seconds_bucket{le=\"0.025\"} 2\n"
	                        "x_seconds_bucket{le=\"0.05\"} 2\n"
	                        "x_seconds_bucket{le=\"0.1\"} 2\n"
	                        "x_seconds_bucket{le=\"0.25\"} 2\n"
	                        "x_seconds_bucket{le=\"0.5\"} 2\n"
	                        "x_seconds_bucket{le=\"1\"} 2\n"
	                        "x_seconds_bucket{le=\"2.5\"} 2\n"
	                        "x_seconds_bucket{le=\"5\"} 2\n"
	                        "x_seconds_bucket{le=\"10\"} 2\n"
	                        "x_seconds_bucket{le=\"+Inf\"} 3\n"
	                        "x_seconds_sum 20.001800\n"
	                        "x_seconds_count 3\n");
	buf_fini(&b);
}

static void
without_room_the_text_is_not_good(void **state)
{
	struct histogram h = {{0}, 0};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	histogram_write(&h, &b, "x_seconds", "Some time.");
	assert_false(buf_ok(&b));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_are_in_the_bucket_whose_bound_they_reach),
	    cmocka_unit_test(any_time_is_counted),
	    cmocka_unit_test(is_written_as_prometheus_reads_it),
	    cmocka_unit_test(without_room_the_text_is_not_good),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
