/*
 * Room on a disk that is as large and as full as the test says.
 */
#include "store/disk.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "test.h"

#define MB INT64_C(1000000)

static struct fixture {
	struct loop *loop;
	struct disk *disk;
	int event_fd;
	int64_t now;
	size_t changes;
	bool full;

	/* Of the disk; another thread looks at it. */
	_Atomic int64_t all, free, database; /* database: -1: it cannot be looked at */
	_Atomic int error;                   /* or 0 */
	_Atomic bool hangs;
} fx;

int64_t __wrap_clock_ms(void);
int __wrap_statvfs(const char *path, struct statvfs *fs);

int64_t
__wrap_clock_ms(void)
{
	return fx.now;
}

int
__wrap_statvfs(const char *path, struct statvfs *fs)
{
	assert_string_equal(path, "/some/longline.db");
	while (fx.hangs)
		usleep(1000);
	/* What root alone may use does not count. */
	*fs = (struct statvfs){.f_bsize = 4096,
	    .f_frsize = 1000,
	    .f_blocks = (fsblkcnt_t)fx.all / 1000,
	    .f_bfree = (fsblkcnt_t)fx.free / 1000 + 500000,
	    .f_bavail = (fsblkcnt_t)fx.free / 1000};
	errno = fx.error;
	return errno == 0 ? 0 : -1;
}

int __wrap_stat(const char *path, struct stat *st);

int
__wrap_stat(const char *path, struct stat *st)
{
	assert_string_equal(path, "/some/longline.db");
	*st = (struct stat){.st_size = fx.database};
	errno = ENOENT;
	return fx.database < 0 ? -1 : 0;
}

static void
changed(void *ctx, bool full)
{
	assert_ptr_equal(ctx, &fx);
	fx.changes++;
	fx.full = full;
}

static void
turn(void)
{
	loop_run(fx.loop);
	usleep(500);
}

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.now = 5000000;
	fx.loop = loop_new();
	fx.event_fd = test_single_turns(fx.loop);
	fx.all = 100000 * MB;
	fx.free = 50000 * MB;
	test_watchdog(30);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fx.hangs = false;
	disk_free(fx.disk);
	loop_free(fx.loop);
	close(fx.event_fd);
	test_watchdog(0);
	return 0;
}

static void
start(int64_t free_min)
{
	fx.disk = disk_new(fx.loop,
	    &(struct disk_options){.path = "/some/longline.db", .free_min = free_min, .changed = changed, .ctx = &fx});
	assert_non_null(fx.disk);
}

/* What it says after another look, a second later. */
static bool
full_with(int64_t free)
{
	uint64_t looks = disk_counts(fx.disk).looks + 1;

	fx.free = free;
	fx.now += 1000;
	(void)disk_full(fx.disk);
	while (disk_counts(fx.disk).looks < looks)
		turn();
	return disk_full(fx.disk);
}

static void
it_is_full_below_what_must_be_free(void **state)
{
	(void)state;
	start(1600 * MB);
	assert_false(disk_full(fx.disk));
	assert_false(full_with(1600 * MB));
	assert_int_equal(fx.changes, 0);
	assert_true(full_with(1600 * MB - 1000));
	assert_int_equal(fx.changes, 1);
	assert_true(fx.full);
	/* A little more is not enough: it comes and goes. */
	assert_true(full_with(1700 * MB - 1000));
	assert_false(full_with(1700 * MB));
	assert_int_equal(fx.changes, 2);
	assert_false(fx.full);
	assert_false(full_with(1600 * MB));
	assert_int_equal(disk_counts(fx.disk).free, 1600 * MB);
	assert_int_equal(disk_counts(fx.disk).free_min, 1600 * MB);
}

static void
it_is_short_where_half_a_database_more_is_too_much(void **state)
{
	(void)state;
	fx.database = 200 * MB;
	start(1600 * MB);
	assert_false(full_with(1700 * MB));
	assert_false(disk_short(fx.disk));
	assert_false(full_with(1700 * MB - 1000));
	assert_true(disk_short(fx.disk));
	/* A small one needs little. */
	fx.database = 0;
	assert_false(full_with(1600 * MB));
	assert_false(disk_short(fx.disk));
	fx.database = -1;
	assert_false(full_with(1600 * MB));
	assert_false(disk_short(fx.disk));
}

static void
it_is_never_short_where_nothing_is_looked_at(void **state)
{
	(void)state;
	fx.free = 0;
	fx.database = 200 * MB;
	start(0);
	assert_false(disk_short(fx.disk));
}

static void
else_it_is_a_gigabyte_or_a_twentieth(void **state)
{
	(void)state;
	start(-1);
	assert_int_equal(disk_counts(fx.disk).free_min, 1000 * MB);
	fx.all = 20000 * MB;
	assert_false(full_with(1000 * MB));
	fx.all = 10000 * MB;
	assert_false(full_with(500 * MB));
	assert_int_equal(disk_counts(fx.disk).free_min, 500 * MB);
	assert_true(full_with(499 * MB));
}

static void
it_is_known_from_the_beginning(void **state)
{
	(void)state;
	fx.free = 1 * MB;
	start(2 * MB);
	assert_int_equal(fx.changes, 1);
	assert_true(disk_full(fx.disk));
}

static void
nothing_is_looked_at_if_nothing_must_be_free(void **state)
{
	(void)state;
	fx.free = 0;
	start(0);
	fx.now += 100000;
	assert_false(disk_full(fx.disk));
	assert_int_equal(disk_counts(fx.disk).looks, 0);
}

static void
a_while(void)
{
	for (int i = 0; i < 40; i++) {
		(void)disk_full(fx.disk);
		turn();
	}
}

static void
it_is_looked_at_once_a_second(void **state)
{
	(void)state;
	start(-1);
	fx.now += 999;
	a_while();
	assert_int_equal(disk_counts(fx.disk).looks, 1);
	fx.now += 1;
	a_while();
	assert_int_equal(disk_counts(fx.disk).looks, 2);
}

/* Nobody asks, and still it is found that there is room again. */
static void
while_it_is_full_it_looks_by_itself(void **state)
{
	(void)state;
	fx.free = 0;
	start(-1);
	fx.free = 50000 * MB;
	for (; fx.changes < 2; fx.now += 100)
		turn();
	assert_false(fx.full);
}

/* The loop goes on, and what was known holds; there is one look at a time. */
static void
a_look_that_takes_long_keeps_nobody_waiting(void **state)
{
	(void)state;
	start(-1);
	fx.free = 0;
	fx.hangs = true;
	for (int i = 0; i < 10; i++) {
		fx.now += 1000;
		assert_false(disk_full(fx.disk));
		turn();
	}
	assert_int_equal(disk_counts(fx.disk).looks, 1);
	fx.hangs = false;
	while (disk_counts(fx.disk).looks < 2)
		turn();
	assert_true(disk_full(fx.disk));
}

static void
what_cannot_be_known_changes_nothing(void **state)
{
	(void)state;
	start(-1);
	fx.error = EIO;
	assert_false(full_with(0));
	assert_int_equal(disk_counts(fx.disk).failures, 1);
	fx.error = 0;
	assert_true(full_with(0));
	fx.error = EIO;
	assert_true(full_with(50000 * MB));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(it_is_full_below_what_must_be_free),
	    TEST(it_is_short_where_half_a_database_more_is_too_much),
	    TEST(it_is_never_short_where_nothing_is_looked_at),
	    TEST(else_it_is_a_gigabyte_or_a_twentieth),
	    TEST(it_is_known_from_the_beginning),
	    TEST(nothing_is_looked_at_if_nothing_must_be_free),
	    TEST(it_is_looked_at_once_a_second),
	    TEST(while_it_is_full_it_looks_by_itself),
	    TEST(a_look_that_takes_long_keeps_nobody_waiting),
	    TEST(what_cannot_be_known_changes_nothing),
	};

	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
