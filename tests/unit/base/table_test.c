#include "base/table.h"

#include "test.h"

struct thing {
	struct table_entry entry;
	bool gone;
	char name[24];
};

static size_t looks; /* how often a name was asked for: the steps of whoever searches */

static struct str
name_of(const struct table_entry *e)
{
	looks++;
	return str_of(CONTAINER(e, struct thing, entry)->name);
}

static void
finds_what_was_added(void **state)
{
	struct thing a = {.name = "a"}, b = {.name = "b"};
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, name_of), 0);
	assert_null(table_find(&t, STR("a")));
	table_add(&t, &a.entry);
	table_add(&t, &b.entry);
	assert_ptr_equal(table_find(&t, STR("a")), &a.entry);
	assert_ptr_equal(table_find(&t, STR("b")), &b.entry);
	assert_null(table_find(&t, STR("")));
	table_remove(&t, &a.entry);
	assert_null(table_find(&t, STR("a")));
	assert_ptr_equal(table_find(&t, STR("b")), &b.entry);
	assert_int_equal(t.n, 1);
	table_fini(&t);
}

static void
take_odd(void *ctx, struct table_entry *e)
{
	struct thing *thing = CONTAINER(e, struct thing, entry);

	if (strtol(thing->name, NULL, 10) % 2 != 0) {
		table_remove(ctx, e);
		thing->gone = true;
	}
}

/* Through many splits, and back: all that are in it are found, once each, and none that is not. */
static void
grows_with_what_is_in_it(void **state)
{
	enum { N = 5000 };
	struct thing *things = calloc(N, sizeof *things);
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, name_of), 0);
	for (int i = 0; i < N; i++) {
		snprintf(things[i].name, sizeof things[i].name, "%d", i);
		table_add(&t, &things[i].entry);
		assert_ptr_equal(table_find(&t, str_of(things[i / 2].name)), &things[i / 2].entry);
	}
	assert_true(t.base + t.split >= N);
	looks = 0;
	for (int i = 0; i < N; i++)
		assert_ptr_equal(table_find(&t, str_of(things[i].name)), &things[i].entry);
	assert_in_range(looks, N, 2 * N);
	table_each(&t, take_odd, &t);
	assert_int_equal(t.n, N / 2);
	for (int i = 0; i < N; i++) {
		assert_int_equal(things[i].gone, i % 2 != 0);
		assert_ptr_equal(table_find(&t, str_of(things[i].name)), i % 2 == 0 ? &things[i].entry : NULL);
	}
	table_fini(&t);
	free(things);
}

/* An entry splits one place at most, so adding never stands still for long. */
static void
adding_costs_the_same_at_any_size(void **state)
{
	enum { N = 20000, MOST = 64 };
	struct thing *things = calloc(N, sizeof *things);
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, name_of), 0);
	for (int i = 0; i < N; i++) {
		snprintf(things[i].name, sizeof things[i].name, "%d", i);
		looks = 0;
		table_add(&t, &things[i].entry);
		assert_in_range(looks, 1, MOST);
	}
	table_fini(&t);
	free(things);
}

/* Names that a stranger has found to meet by a hash without a key: they are spread like any others. */
static void
names_cannot_be_made_to_meet(void **state)
{
	enum { N = 2000, BITS = 9 };
	struct thing *things = calloc(N, sizeof *things);
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, name_of), 0);
	for (int i = 0, tried = 0; i < N; tried++) {
		uint64_t h;

		snprintf(things[i].name, sizeof things[i].name, "room-%d", tried);
		h = hash_fnv1a(str_of(things[i].name));
		if (((h ^ h >> 32) & ((1U << BITS) - 1)) == 0)
			table_add(&t, &things[i++].entry);
	}
	looks = 0;
	for (int i = 0; i < N; i++)
		assert_non_null(table_find(&t, str_of(things[i].name)));
	assert_in_range(looks, N, 2 * N);
	table_fini(&t);
	free(things);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_was_added),
	    cmocka_unit_test(grows_with_what_is_in_it),
	    cmocka_unit_test(adding_costs_the_same_at_any_size),
	    cmocka_unit_test(names_cannot_be_made_to_meet),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
