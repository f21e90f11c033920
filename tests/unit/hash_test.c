#include "hash.h"
#include "test.h"

/* Of the vectors that the makers of FNV publish. */
static void
test_vectors(void **state)
{
	(void)state;
	assert_int_equal(hash_fnv1a(STR("")), UINT64_C(0xcbf29ce484222325));
	assert_int_equal(hash_fnv1a(STR("a")), UINT64_C(0xaf63dc4c8601ec8c));
	assert_int_equal(hash_fnv1a(STR("foobar")), UINT64_C(0x85944171f73967e8));
	/* Bytes above 0x7F are not negative. */
	assert_int_equal(hash_fnv1a(STR("\xff")), UINT64_C(0xaf64724c8602eb6e));
}

/* Names that differ only in their first bytes must not all fall into the same place. */
static void
test_spread(void **state)
{
	enum { PLACES = 64, NAMES = 64 * PLACES };
	size_t names[PLACES] = {0};

	(void)state;
	for (int i = 0; i < NAMES; i++) {
		char name[32];

		snprintf(name, sizeof name, "%d-room-with-a-long-name", i);
		names[hash_place(str_of(name)) & (PLACES - 1)]++;
	}
	for (size_t i = 0; i < PLACES; i++)
		assert_in_range(names[i], NAMES / PLACES / 3, NAMES / PLACES * 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_spread),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
