#include "tool/import_map.h"

#include "test.h"

static int64_t
moved(const struct import_map *map, int64_t id)
{
	const struct import_span *s = import_map_find(map, id);

	return s == NULL ? 0 : id + s->distance;
}

/* The worked case of import_map.h. */
static void
knows_what_each_id_became(void **state)
{
	struct import_map map = {.n = 0};

	(void)state;
	assert_null(import_map_find(&map, 1));
	assert_int_equal(import_map_put(&map, 5, 96, false), 0);
	assert_int_equal(import_map_put(&map, 6, 96, false), 0);
	assert_int_equal(import_map_put(&map, 7, 98, false), 0);
	assert_int_equal(import_map_put(&map, 10, -3, true), 0);
	assert_int_equal(map.n, 3);
	assert_null(import_map_find(&map, 4));
	assert_int_equal(moved(&map, 5), 101);
	assert_int_equal(moved(&map, 6), 102);
	assert_int_equal(moved(&map, 8), 106);
	assert_int_equal(moved(&map, 9), 107);
	assert_int_equal(moved(&map, 10), 7);
	assert_true(import_map_find(&map, 10)->there && !import_map_find(&map, 9)->there);
	for (int64_t id = 11; id < 5000; id++)
		assert_int_equal(import_map_put(&map, id, id, false), 0);
	for (int64_t id = 11; id < 5000; id++)
		assert_int_equal(moved(&map, id), 2 * id);
	import_map_fini(&map);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(knows_what_each_id_became)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
