#include "tool/grants.h"

#include "test.h"

static void
put(struct grants *g, const char *who, const char *rooms, const char *may)
{
	assert_int_equal(grants_put(g, str_of(who), str_of(rooms), str_of(may)), 0);
}

static void
knows_who_there_can_be(void **state)
{
	char who[200] = "user:";

	(void)state;
	assert_int_equal(grants_whose(STR("anyone")), GRANTS_ANYONE);
	assert_int_equal(grants_whose(STR("users")), GRANTS_USERS);
	assert_int_equal(grants_whose(STR("user:ann")), GRANTS_ONE);
	assert_int_equal(grants_whose(STR("token:c i")), GRANTS_ONE);
	assert_int_equal(grants_whose(STR("user:\303\244")), GRANTS_ONE);
	memset(who + 5, 'x', 123);
	assert_int_equal(grants_whose(str_of(who)), GRANTS_ONE);
	who[5 + 123] = 'x';
	assert_int_equal(grants_whose(str_of(who)), GRANTS_NOBODY);
	memcpy(who, "token:", 6);
	who[6 + 64] = '\0';
	assert_int_equal(grants_whose(str_of(who)), GRANTS_ONE);
	who[6 + 64] = 'x';
	assert_int_equal(grants_whose(str_of(who)), GRANTS_NOBODY);
	static const char *const bad[] = {"", "all", "Anyone", "anyone ", "user:", "token:", "users:", "user", "jwt:x",
	    "user:a\n", "user:\177", "user:\302\205", "user:\377"};
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (grants_whose(str_of(bad[i])) != GRANTS_NOBODY)
			fail_msg("\"%s\" is taken for somebody", bad[i]);
	assert_int_equal(grants_whose(STR("user:a\0b")), GRANTS_NOBODY);
}

static void
puts_and_takes_rows(void **state)
{
	struct grants g = {0};
	char name[16];

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "r%d", i);
		put(&g, "users", name, "mr");
	}
	put(&g, "users", "r7", "w");
	assert_int_equal(g.n, 200);
	assert_string_equal(g.rows[7].may, "w");
	assert_string_equal(g.rows[8].may, "rm");
	assert_int_equal(grants_take(&g, STR("users"), STR("r7")), 0);
	assert_int_equal(grants_take(&g, STR("users"), STR("r7")), -1);
	assert_int_equal(grants_take(&g, STR("anyone"), STR("r8")), -1);
	assert_int_equal(g.n, 199);
	grants_fini(&g);
}

/* What the rows that fit are, as "who rooms;", the one that decides first. */
static void
check_fitting(const struct grants *g, const char *who, const char *room, const char *want)
{
	const struct store_grant **rows;
	struct sights *all = sights_new();
	struct sight *sight = grants_sight(g, all, str_of(who));
	const struct sight_rule *rule;
	char got[512] = "";
	size_t n;

	assert_true(grants_fitting(g, str_of(who), str_of(room), &rows, &n));
	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s %s;", rows[i]->who, rows[i]->rooms);
	assert_string_equal(got, want);
	/* The daemon decides alike. */
	rule = sight_decides(sight, str_of(room));
	assert_int_equal(rule != NULL, n > 0);
	if (n > 0) {
		assert_str(rule->rooms, rows[0]->rooms);
		assert_int_equal(rule->may, sight_read_may(str_of(rows[0]->may)));
	}
	free(rows);
	sight_drop(sight);
	sights_free(all);
}

static void
finds_the_rows_that_fit_in_their_order(void **state)
{
	struct grants g = {0};

	(void)state;
	put(&g, "anyone", "*", "r");
	put(&g, "anyone", "pub", "rw");
	put(&g, "users", "pub*", "rw");
	put(&g, "users", "p*", "w");
	put(&g, "users", "pub-ops", "m");
	put(&g, "user:ann", "*", "");
	put(&g, "user:ann", "pub-*", "rwm");
	put(&g, "token:ann", "pub-ops", "r");
	check_fitting(&g, "anyone", "pub-ops", "anyone *;");
	check_fitting(&g, "anyone", "pub", "anyone pub;anyone *;");
	check_fitting(&g, "users", "pub-ops", "users pub-ops;users pub*;users p*;anyone *;");
	check_fitting(
	    &g, "user:ann", "pub-ops", "user:ann pub-*;user:ann *;users pub-ops;users pub*;users p*;anyone *;");
	check_fitting(&g, "token:ann", "pub-ops", "token:ann pub-ops;users pub-ops;users pub*;users p*;anyone *;");
	check_fitting(&g, "user:bob", "x", "anyone *;");
	g.n = 0;
	check_fitting(&g, "users", "x", "");
	grants_fini(&g);
}

static void
add_change(void *ctx, struct str whom, struct str rooms, unsigned before, unsigned after)
{
	char *text = ctx, was[GRANTS_MAY_SIZE], is[GRANTS_MAY_SIZE];

	grants_may(before, was);
	grants_may(after, is);
	snprintf(text + strlen(text), 512 - strlen(text), "%.*s %.*s %s>%s;", STR_ARGS(whom), STR_ARGS(rooms), was, is);
}

/* Puts a row in, and compares. */
static void
check_change(struct grants *g, const char *who, const char *rooms, const char *may, const char *want)
{
	struct grants after = {0};
	char got[512] = "";

	for (size_t i = 0; i < g->n; i++)
		put(&after, g->rows[i].who, g->rows[i].rooms, g->rows[i].may);
	put(&after, who, rooms, may);
	assert_int_equal(grants_compare(g, &after, str_of(who), str_of(rooms), add_change, got), 0);
	assert_string_equal(got, want);
	grants_fini(g);
	*g = after;
}

static void
tells_what_a_row_changes(void **state)
{
	struct grants g = {0};

	(void)state;
	check_change(&g, "users", "ops*", "rw", "users ops* >rw;");
	check_change(&g, "users", "ops-1", "r", "users ops-1 rw>r;");
	/* Longer prefixes keep what they have. */
	check_change(&g, "users", "ops-2*", "rwm", "users ops-2* rw>rwm;");
	check_change(&g, "users", "*", "r", "users * >r;");
	check_change(&g, "users", "ops*", "w", "users ops* rw>w;");
	/* One's own come first, so what they cover is what counts: each kind of room by itself. */
	check_change(&g, "user:ann", "ops*", "r", "user:ann ops* w>r;user:ann ops-2* rwm>r;");
	check_change(&g, "user:ann", "ops-2-x", "rwm", "user:ann ops-2-x r>rwm;");
	/* What users have comes before. */
	check_change(&g, "anyone", "ops*", "", "");
	check_change(&g, "anyone", "main", "rw", "anyone main >rw;");
	grants_fini(&g);
	check_change(&g, "anyone", "*", "r", "anyone * >r;users * >r;");
	check_change(&g, "anyone", "x", "", "anyone x r>;users x r>;");
	grants_fini(&g);
}

/* Of random rows: what is told is what asking about each room says. */
static void
tells_every_change_and_no_other(void **state)
{
	static const char *const rooms[] = {"*", "a*", "ab*", "a", "ab", "abc", "b*", "b"};
	static const char *const asked[] = {"a", "ab", "abc", "b", "ax", "abx", "bx", "x"};
	static const char *const whos[] = {"anyone", "users", "user:ann"};
	static const char *const mays[] = {"", "r", "rw", "rwm"};

	(void)state;
	test_seed(5);
	for (int i = 0; i < 3000; i++) {
		struct grants before = {0}, after = {0};
		struct sights *all = sights_new();
		const char *who = whos[test_random(LENGTH(whos))], *place = rooms[test_random(LENGTH(rooms))];
		struct sight *was, *is;
		char got[512] = "";
		bool moved = false;

		for (size_t n = test_random(8); n > 0; n--) {
			const char *w = whos[test_random(LENGTH(whos))], *r = rooms[test_random(LENGTH(rooms))];
			const char *m = mays[test_random(LENGTH(mays))];

			put(&before, w, r, m);
			put(&after, w, r, m);
		}
		put(&after, who, place, mays[test_random(LENGTH(mays))]);
		assert_int_equal(grants_compare(&before, &after, str_of(who), str_of(place), add_change, got), 0);
		was = grants_sight(&before, all, str_of(who));
		is = grants_sight(&after, all, str_of(who));
		for (size_t j = 0; j < LENGTH(asked); j++)
			moved |= sight_may(was, str_of(asked[j])) != sight_may(is, str_of(asked[j]));
		if (moved && got[0] == '\0')
			fail_msg("%s %s changes something, and nothing is told", who, place);
		if (!moved && got[0] != '\0' && strcmp(who, "anyone") != 0)
			fail_msg("%s %s changes nothing, and this is told: %s", who, place, got);
		sight_drop(was);
		sight_drop(is);
		sights_free(all);
		grants_fini(&before);
		grants_fini(&after);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_who_there_can_be),
	    cmocka_unit_test(puts_and_takes_rows),
	    cmocka_unit_test(finds_the_rows_that_fit_in_their_order),
	    cmocka_unit_test(tells_what_a_row_changes),
	    cmocka_unit_test(tells_every_change_and_no_other),
	};

	return cmocka_run_group_tests_name("grants", tests, NULL, NULL);
}
