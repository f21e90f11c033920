/*
 * The WAL is copied when it is large, and emptied after a rest.
 */
#include "store/chores.h"

#include "base/clock.h"
#include "test_store_fixture.h"

static struct loop *loop;
static struct chores *chores;
static int64_t began_ms;
static bool asked;

static int64_t
wal_size(void)
{
	char path[TEST_PATH_SIZE + 32];
	struct stat st;

	snprintf(path, sizeof path, "%s-wal", fx.path);
	return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* A slow disk. */
static void
sync_slowly(void)
{
	test_disk.on_sync = NULL;
	clock_sleep_ms(600);
}

static enum test_next
slow_copy_steps(void *ctx, int turn)
{
	int64_t past_ms = clock_ms() - began_ms;

	(void)ctx;
	(void)turn;
	if (past_ms < 1700)
		return TEST_WAIT;
	if (!asked) {
		asked = true;
		test_disk.on_sync = sync_slowly;
		chores_told(chores, &(struct store_news){.wal_pages = 1000});
		chores_copy(chores);
	}
	assert_true(past_ms < 15000);
	return wal_size() > 0 ? TEST_WAIT : TEST_STOP;
}

/* The time to empty the WAL comes while it is being copied: it is emptied later. */
static void
test_emptied_after_slow_copy(void **state)
{
	struct store_send send;
	struct store *store;

	(void)state;
	assert_int_equal(append("main", "text", "", &send), STORE_OK);
	assert_true(wal_size() > 0);
	loop = loop_new();
	store = test_store_open(&fx, false);
	chores = chores_new(loop, store);
	assert_non_null(chores);
	began_ms = clock_ms();
	test_run(loop, slow_copy_steps, NULL);
	chores_free(chores);
	store_close(store);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_emptied_after_slow_copy, setup, teardown),
	};

	return cmocka_run_group_tests_name("chores", tests, NULL, NULL);
}
