#include "event/watch.h"

#include <fcntl.h>

#include "test.h"

static struct fixture {
	struct loop *loop;
	char folder[TEST_PATH_SIZE], path[TEST_PATH_SIZE + 16];
	size_t signs;
	bool wal_only; /* the last one */
} fx;

static void
on_sign(void *ctx, bool wal_only)
{
	fx.wal_only = wal_only;
	assert_ptr_equal(ctx, &fx);
	fx.signs++;
}

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.loop = loop_new();
	test_folder(fx.folder);
	snprintf(fx.path, sizeof fx.path, "%s/log.db", fx.folder);
	test_watchdog(30);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(fx.loop);
	test_folder_remove(fx.folder);
	test_watchdog(0);
	return 0;
}

static void
write_to(const char *suffix)
{
	char path[TEST_PATH_SIZE + 32];
	int fd;

	snprintf(path, sizeof path, "%s/%s", fx.folder, suffix);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; i < 10; i++)
		assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static void
move(const char *from, const char *to)
{
	char a[TEST_PATH_SIZE + 32], b[TEST_PATH_SIZE + 32];

	snprintf(a, sizeof a, "%s/%s", fx.folder, from);
	snprintf(b, sizeof b, "%s/%s", fx.folder, to);
	assert_int_equal(rename(a, b), 0);
}

/* Each thing that is done is seen, or not, in the turn that follows. */
static enum test_next
steps(void *ctx, int turn)
{
	static size_t before;
	static bool seen;

	(void)ctx;
	if (turn > 0)
		assert_int_equal(fx.signs > before, seen);
	before = fx.signs;
	seen = true;
	switch (turn) {
	case 0:
		write_to("log.db");
		return TEST_AGAIN;
	case 1:
		assert_false(fx.wal_only);
		write_to("log.db-wal"); /* and makes it */
		return TEST_AGAIN;
	case 2:
		assert_false(fx.wal_only);
		write_to("other.db");
		seen = false;
		return TEST_AGAIN;
	case 3:
		move("other.db", "log.db"); /* replaced */
		return TEST_AGAIN;
	case 4:
		move("log.db", "away.db");
		return TEST_AGAIN;
	case 5:
		write_to("away.db");
		seen = false;
		return TEST_AGAIN;
	case 6:
		move("away.db", "log.db");
		return TEST_AGAIN;
	case 7:
		unlink(fx.path);
		return TEST_AGAIN;
	case 8:
		seen = false; /* nothing happens */
		return TEST_AGAIN;
	default:
		return TEST_STOP;
	}
}

/* A rest in which much happens. */
static enum test_next
rest_steps(void *ctx, int turn)
{
	struct watch *w = ctx;

	switch (turn) {
	case 0:
		write_to("log.db-wal");
		return TEST_AGAIN;
	case 1:
		fx.signs = 0;
		watch_rest(w, true);
		write_to("log.db-wal");
		return TEST_AGAIN;
	case 2:
		write_to("log.db-wal");
		return TEST_AGAIN;
	case 3:
		assert_int_equal(fx.signs, 0);
		watch_rest(w, false);
		return TEST_AGAIN;
	case 4:
		assert_int_equal(fx.signs, 1);
		assert_true(fx.wal_only);
		write_to("log.db-wal");
		write_to("log.db");
		return TEST_AGAIN;
	default:
		assert_false(fx.wal_only);
		return TEST_STOP;
	}
}

static void
rests_after_a_sign(void **state)
{
	struct watch *w = watch_new(fx.loop, fx.path, on_sign, &fx);

	(void)state;
	if (w == NULL)
		skip(); /* no inotify here */
	test_run(fx.loop, rest_steps, w);
	watch_free(w);
}

static void
tells_of_writes_to_the_file(void **state)
{
	struct watch *w = watch_new(fx.loop, fx.path, on_sign, &fx);

	(void)state;
	if (w == NULL)
		skip(); /* no inotify here */
	test_run(fx.loop, steps, NULL);
	watch_free(w);
	watch_free(NULL);
}

static void
fails_without_the_folder(void **state)
{
	(void)state;
	assert_null(watch_new(fx.loop, "/nowhere/at/all/log.db", on_sign, &fx));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(tells_of_writes_to_the_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(rests_after_a_sign, setup, teardown),
	    cmocka_unit_test_setup_teardown(fails_without_the_folder, setup, teardown),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
