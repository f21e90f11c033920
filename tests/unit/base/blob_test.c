#include "base/blob.h"

#include "test.h"

static void
lives_until_its_last_holder_drops_it(void **state)
{
	struct blob *b = blob_new(3);

	(void)state;
	assert_non_null(b);
	assert_int_equal(b->n, 3);
	assert_int_equal(b->holders, 1);
	memcpy(b->p, "abc", 3);
	assert_ptr_equal(blob_hold(b), b);
	assert_ptr_equal(blob_hold(b), b);
	assert_int_equal(b->holders, 3);
	blob_drop(b);
	blob_drop(b);
	assert_int_equal(b->holders, 1);
	assert_memory_equal(b->p, "abc", 3);
	blob_drop(b); /* AddressSanitizer would tell of a leak, and of a free too early */
}

static void
may_be_empty_or_null(void **state)
{
	struct blob *b = blob_new(0);

	(void)state;
	assert_non_null(b);
	assert_int_equal(b->n, 0);
	blob_drop(b);
	blob_drop(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lives_until_its_last_holder_drops_it),
	    cmocka_unit_test(may_be_empty_or_null),
	};

	return cmocka_run_group_tests_name("blob", tests, NULL, NULL);
}
