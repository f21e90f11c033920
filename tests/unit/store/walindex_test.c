#include "store/walindex.h"

#include "test_store_fixture.h"

static void
counts_every_transaction(void **state)
{
	struct walindex w;
	struct store_send send;
	uint32_t before;

	(void)state;
	walindex_init(&w, fx.path);
	before = walindex_changes(&w);
	assert_int_not_equal(before, 0);
	assert_int_equal(walindex_changes(&w), before);
	/* With each transaction, whoever commits it and however much is in it. */
	test_other(&fx, "INSERT INTO messages (text) VALUES ('1'), ('2')");
	assert_int_equal(walindex_changes(&w), before + 1);
	assert_int_equal(test_append(&fx, test_message("main", "3", ""), &send), STORE_OK);
	assert_int_equal(walindex_changes(&w), before + 2);
	/* Not by reading, nor by what is rolled back. */
	test_number(&fx, "SELECT count(*) FROM messages");
	test_other(&fx, "BEGIN; INSERT INTO messages (text) VALUES ('no')");
	assert_int_equal(walindex_changes(&w), before + 2);
	test_other(&fx, "ROLLBACK");
	assert_int_equal(walindex_changes(&w), before + 2);
	walindex_fini(&w);
	walindex_fini(&w);
}

static void
counts_nothing_without_a_file(void **state)
{
	char path[TEST_PATH_SIZE + 32];
	struct walindex w;

	(void)state;
	snprintf(path, sizeof path, "%s/nothing.db", fx.folder);
	walindex_init(&w, path);
	assert_int_equal(walindex_changes(&w), 0);
	walindex_fini(&w);
	/* Too short to hold the counter. */
	strcat(path, "-shm");
	fclose(fopen(path, "w"));
	assert_int_equal(walindex_changes(&w), 0);
	walindex_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(counts_every_transaction, setup, teardown),
	    cmocka_unit_test_setup_teardown(counts_nothing_without_a_file, setup, teardown),
	};

	return cmocka_run_group_tests_name("walindex", tests, NULL, NULL);
}
