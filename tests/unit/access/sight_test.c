#include "access/sight.h"

#include "../../memory.h"
#include "test.h"

FAILING_MALLOC(__wrap_malloc)

static struct sights *all;

static int
setup(void **state)
{
	(void)state;
	all = sights_new();
	return all == NULL;
}

/* Nothing is left behind: sights_free() asserts it. */
static int
teardown(void **state)
{
	(void)state;
	sights_free(all);
	return 0;
}

static struct sight_rule
rule(unsigned rank, const char *rooms, const char *may)
{
	int bits = sight_read_may(str_of(may));

	assert_true(bits >= 0 && sight_rooms_ok(str_of(rooms)));
	return (struct sight_rule){str_of(rooms), (uint8_t)rank, (uint8_t)bits};
}

static void
reads_what_may_be_done(void **state)
{
	static const struct {
		const char *text;
		int may;
	} cases[] = {
	    {"", 0},
	    {"r", 1},
	    {"w", 2},
	    {"m", 4},
	    {"rw", 3},
	    {"wr", 3},
	    {"mwr", 7},
	    {"rr", -1},
	    {"rwmr", -1},
	    {"x", -1},
	    {"R", -1},
	    {"r ", -1},
	    {"-", -1},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_int_equal(sight_read_may(str_of(cases[i].text)), cases[i].may);
	assert_int_equal(sight_read_may(STR("r\0")), -1);
}

static void
knows_a_room_and_a_prefix(void **state)
{
	static const char *const good[] = {"*", "a", "a*", "A-z.0_9", "A-z.0_9*"};
	static const char *const bad[] = {"", "**", "*a", "a**", "a b", "a/b*", "\xC3\xA9", " *"};
	char longest[66];

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++)
		assert_true(sight_rooms_ok(str_of(good[i])));
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_false(sight_rooms_ok(str_of(bad[i])));
	memset(longest, 'a', sizeof longest);
	assert_true(sight_rooms_ok((struct str){longest, 64}));
	assert_false(sight_rooms_ok((struct str){longest, 65}));
	longest[63] = longest[64] = '*';
	assert_true(sight_rooms_ok((struct str){longest, 64}));
	longest[63] = 'a';
	assert_false(sight_rooms_ok((struct str){longest, 65}));
}

static void
assert_may(const struct sight *s, const char *room, const char *may)
{
	if ((int)sight_may(s, str_of(room)) != sight_read_may(str_of(may)))
		fail_msg("%s: %u, expected %s", room, sight_may(s, str_of(room)), may);
}

/* The worked case of sight.h. */
static void
decides_in_one_order(void **state)
{
	const struct sight_rule rules[] = {
	    rule(SIGHT_ANYONE, "pub*", "r"), rule(SIGHT_USERS, "pub-ops", "rw"), rule(SIGHT_OWN, "pub*", "")};
	struct sight *ann, *bob, *stranger;

	(void)state;
	ann = sight_get(all, rules, 3);
	bob = sight_get(all, rules, 2);
	stranger = sight_get(all, rules, 1);
	assert_may(ann, "pub-ops", "");
	assert_may(bob, "pub-ops", "rw");
	assert_may(bob, "pub", "r");
	assert_may(stranger, "pub-ops", "r");
	assert_may(stranger, "pu", "");
	assert_may(stranger, "", "");
	assert_str(sight_decides(bob, STR("pub-ops"))->rooms, "pub-ops");
	assert_int_equal(sight_decides(bob, STR("pub-ops"))->rank, SIGHT_USERS);
	assert_null(sight_decides(bob, STR("ops")));
	assert_int_equal(sight_rules(ann), 3);
	sight_drop(ann);
	sight_drop(bob);
	sight_drop(stranger);
}

static void
takes_an_exact_room_before_the_longest_prefix(void **state)
{
	const struct sight_rule rules[] = {rule(SIGHT_OWN, "ops", "m"), rule(SIGHT_OWN, "*", "r"),
	    rule(SIGHT_OWN, "ops-a*", ""), rule(SIGHT_OWN, "ops*", "rw"), rule(SIGHT_OWN, "ops-all", "w"),
	    rule(SIGHT_OWN, "ops*", "m") /* the first of two counts */};
	struct sight *s;

	(void)state;
	s = sight_get(all, rules, LENGTH(rules));
	assert_may(s, "ops", "m");
	assert_may(s, "ops1", "rw");
	assert_may(s, "ops-", "rw");
	assert_may(s, "ops-a", "");
	assert_may(s, "ops-alf", "");
	assert_may(s, "ops-all", "w");
	assert_may(s, "ops-alle", "");
	assert_may(s, "ops-b", "rw");
	assert_may(s, "op", "r");
	assert_may(s, "z", "r");
	assert_int_equal(sight_rules(s), 5);
	sight_drop(s);
}

static void
shares_equal_ones(void **state)
{
	struct sight_rule some[] = {rule(SIGHT_ANYONE, "a*", "r"), rule(SIGHT_USERS, "b", "w")};
	struct sight_rule turned[] = {
	    rule(SIGHT_USERS, "b", "w"), rule(SIGHT_ANYONE, "a*", "r"), rule(SIGHT_USERS, "b", "r")};
	struct sight_rule shadowed[] = {rule(SIGHT_ANYONE, "a*", "r"), rule(SIGHT_OWN, "*", "r")};
	struct sight *one, *same, *other;

	(void)state;
	one = sight_get(all, some, 2);
	same = sight_get(all, turned, 3);
	assert_ptr_equal(one, same);
	some[1].may = MAY_READ;
	other = sight_get(all, some, 2);
	assert_ptr_not_equal(one, other);
	assert_int_equal(sights_count(all), 2);
	sight_drop(other);
	other = sight_hold(same);
	sight_drop(same);
	sight_drop(one);
	assert_int_equal(sights_count(all), 1);
	sight_drop(other);
	assert_int_equal(sights_count(all), 0);
	/* What is behind a rule for all rooms does not count. */
	one = sight_get(all, shadowed, 2);
	same = sight_get_all(all, MAY_READ);
	assert_ptr_equal(one, same);
	sight_drop(one);
	sight_drop(same);
	sight_drop(NULL);
}

static void
knows_whether_it_may_everywhere_or_anywhere(void **state)
{
	const struct sight_rule rules[] = {rule(SIGHT_OWN, "ops*", "rw"), rule(SIGHT_USERS, "*", "r")};
	const struct sight_rule denies[] = {rule(SIGHT_OWN, "ops*", ""), rule(SIGHT_USERS, "*", "r")};
	struct sight *s;

	(void)state;
	s = sight_get(all, rules, 2);
	assert_true(sight_everywhere(s, MAY_READ));
	assert_null(sight_sees(s));
	assert_false(sight_everywhere(s, MAY_WRITE));
	assert_true(sight_anywhere(s, MAY_READ | MAY_WRITE));
	assert_false(sight_anywhere(s, MAY_MODERATE));
	sight_drop(s);
	s = sight_get(all, rules, 1);
	assert_false(sight_everywhere(s, MAY_READ));
	assert_true(sight_anywhere(s, MAY_READ));
	sight_drop(s);
	s = sight_get(all, denies, 2);
	assert_false(sight_everywhere(s, MAY_READ));
	assert_true(sight_anywhere(s, MAY_READ));
	sight_drop(s);
	s = sight_get(all, NULL, 0);
	assert_false(sight_everywhere(s, MAY_READ));
	assert_false(sight_anywhere(s, MAY_READ));
	assert_may(s, "main", "");
	sight_drop(s);
	s = sight_get_all(all, MAY_READ | MAY_WRITE);
	assert_true(sight_everywhere(s, MAY_READ | MAY_WRITE));
	assert_may(s, "main", "rw");
	sight_drop(s);
}

static void
tells_the_store_where_to_look(void **state)
{
	const struct sight_rule rules[] = {rule(SIGHT_OWN, "pub-a*", "r"), rule(SIGHT_OWN, "pub-b", "w"),
	    rule(SIGHT_OWN, "ops", "rw"), rule(SIGHT_ANYONE, "pub*", "r"), rule(SIGHT_ANYONE, "ops", "r"),
	    rule(SIGHT_ANYONE, "pub", "r"), rule(SIGHT_USERS, "z*", "")};
	const struct store_sees *sees;
	struct sight *s;

	(void)state;
	s = sight_get(all, rules, LENGTH(rules));
	sees = sight_sees(s);
	assert_non_null(sees);
	assert_int_equal(sees->n_patterns, 2);
	assert_str(sees->patterns[0], "ops");
	assert_str(sees->patterns[1], "pub*");
	assert_true(sees->sees(sees->ctx, STR("pub-a1")));
	assert_true(sees->sees(sees->ctx, STR("pub")));
	assert_false(sees->sees(sees->ctx, STR("pub-b")));
	assert_false(sees->sees(sees->ctx, STR("zoo")));
	assert_ptr_equal(sight_sees(s), sees);
	sight_drop(s);
	/* Nothing can be read: there is nowhere to look. */
	s = sight_get(all, rules + 1, 1);
	assert_int_equal(sight_sees(s)->n_patterns, 0);
	sight_drop(s);
}

/* So many rooms as may be, and one more. */
static void
tells_so_many_places_at_most(void **state)
{
	enum { N = SIGHT_PATTERNS_MAX + 1 };
	struct sight_rule *rules = calloc(N, sizeof *rules);
	char(*names)[16] = calloc(N, sizeof *names);
	struct sight *s;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		snprintf(names[i], sizeof names[i], "room%zu", i);
		rules[i] = rule(SIGHT_OWN, names[i], "r");
	}
	s = sight_get(all, rules, N - 1);
	assert_int_equal(sight_sees(s)->n_patterns, N - 1);
	sight_drop(s);
	s = sight_get(all, rules, N);
	assert_int_equal(sight_sees(s)->n_patterns, 1);
	assert_str(sight_sees(s)->patterns[0], "*");
	assert_false(sight_sees(s)->sees(sight_sees(s)->ctx, STR("other")));
	sight_drop(s);
	free(names);
	free(rules);
}

/* As one would do it by hand. */
static const struct sight_rule *
naive(const struct sight_rule *rules, size_t n, struct str room)
{
	const struct sight_rule *best = NULL;
	size_t best_length = 0;

	for (size_t i = 0; i < n; i++) {
		struct str text = rules[i].rooms;
		bool prefix = text.p[text.n - 1] == '*';
		size_t length = prefix ? --text.n : 1000;

		if (!(prefix ? str_starts(room, text) : str_eq(room, text)))
			continue;
		if (best == NULL || rules[i].rank < best->rank ||
		    (rules[i].rank == best->rank && length > best_length)) {
			best = &rules[i];
			best_length = length;
		}
	}
	return best;
}

/* Few letters, so that names meet. */
static struct str
random_name(char *text, size_t longest, bool may_be_prefix)
{
	size_t n = test_random(longest + 1);
	bool prefix = may_be_prefix && (n == 0 || test_random(2) == 0);

	if (n == 0 && !prefix)
		n = 1;
	for (size_t i = 0; i < n; i++)
		text[i] = "ab"[test_random(2)];
	if (prefix)
		text[n++] = '*';
	return (struct str){text, n};
}

static bool
covered(const struct store_sees *sees, struct str room)
{
	for (size_t i = 0; i < sees->n_patterns; i++) {
		struct str p = sees->patterns[i];

		if (p.p[p.n - 1] == '*' ? str_starts(room, (struct str){p.p, p.n - 1}) : str_eq(room, p))
			return true;
	}
	return false;
}

enum { CASE_RULES = 24, CASE_ROOMS = 10 };

static void
check_room(struct sight *s, const struct sight_rule *rules, size_t n, struct str room)
{
	const struct sight_rule *want = naive(rules, n, room), *got = sight_decides(s, room);
	unsigned may = want == NULL ? 0 : want->may;

	if ((want == NULL) != (got == NULL) || sight_may(s, room) != may)
		fail_msg("%.*s: %u, expected %u", STR_ARGS(room), sight_may(s, room), may);
	if (want != NULL) {
		assert_str_n(got->rooms, want->rooms);
		assert_int_equal(got->rank, want->rank);
	}
	for (unsigned bits = 1; bits < 8; bits++) {
		assert_true(!sight_everywhere(s, bits) || (may & bits) == bits);
		assert_true(sight_anywhere(s, bits) || (may & bits) != bits);
	}
	if (sight_sees(s) != NULL) {
		assert_int_equal(sight_sees(s)->sees(sight_sees(s)->ctx, room), (may & MAY_READ) != 0);
		assert_true((may & MAY_READ) == 0 || covered(sight_sees(s), room));
	}
}

/* The same rules, but turned around, are the same sight. */
static void
check_shared(struct sight *s, const struct sight_rule *rules, size_t n)
{
	struct sight_rule turned[CASE_RULES];
	struct sight *same;
	size_t left = 0;

	for (size_t i = n; i-- > 0;) {
		bool again = false;

		for (size_t j = 0; j < i; j++)
			again = again || (rules[j].rank == rules[i].rank && str_eq(rules[j].rooms, rules[i].rooms));
		if (!again)
			turned[left++] = rules[i];
	}
	same = sight_get(all, turned, left);
	assert_ptr_equal(same, s);
	sight_drop(same);
}

static void
does_as_one_would_by_hand(void **state)
{
	enum { CASES = 100000 };
	char texts[CASE_RULES][8], name[8];
	struct sight_rule rules[CASE_RULES];

	(void)state;
	test_seed(5);
	for (int i = 0; i < CASES; i++) {
		size_t n = test_random(CASE_RULES + 1);
		struct sight *s;

		for (size_t j = 0; j < n; j++)
			rules[j] = (struct sight_rule){
			    random_name(texts[j], 5, true), (uint8_t)test_random(SIGHT_RANKS), (uint8_t)test_random(8)};
		s = sight_get(all, rules, n);
		assert_non_null(s);
		for (int j = 0; j < CASE_ROOMS; j++)
			check_room(s, rules, n, random_name(name, 7, false));
		check_room(s, rules, n, STR("a\0"));
		check_room(s, rules, n, STR("\xFF"));
		check_shared(s, rules, n);
		sight_drop(s);
	}
}

/* Names of all lengths, many of them, which share their beginnings. */
static void
decides_among_ten_thousand(void **state)
{
	enum { N = 10000, LONG = 64 };
	struct sight_rule *rules = calloc(N, sizeof *rules);
	char(*names)[LONG] = calloc(N, sizeof *names), room[LONG];
	struct sight *s;

	(void)state;
	test_seed(6);
	for (size_t i = 0; i < N; i++)
		rules[i] = (struct sight_rule){
		    random_name(names[i], LONG - 1, true), (uint8_t)test_random(SIGHT_RANKS), (uint8_t)test_random(8)};
	s = sight_get(all, rules, N);
	for (int i = 0; i < 1000; i++) {
		struct str name = random_name(room, LONG, false), other = rules[test_random(N)].rooms;

		check_room(s, rules, N, name);
		/* One that is near. */
		memcpy(room, other.p, other.n);
		room[other.n - 1] = "ab"[test_random(2)];
		check_room(s, rules, N, (struct str){room, other.n});
	}
	sight_drop(s);
	free(names);
	free(rules);
}

/* Each allocation fails in turn: NULL, nothing left behind, and the places to look are wide ones. */
static void
fails_clean_without_memory(void **state)
{
	const struct sight_rule rules[] = {rule(SIGHT_OWN, "a*", "r"), rule(SIGHT_USERS, "b*", "r")};
	struct sight *s = NULL;
	int tries = 0;

	(void)state;
	for (; s == NULL && tries < 100; tries++) {
		memory_left = tries;
		s = sight_get(all, rules, 2);
		memory_left = -1;
		assert_int_equal(sights_count(all), s != NULL);
	}
	assert_int_equal(tries, 8); /* of each layer the rules, their order and itself; the sight */
	memory_left = 0;
	assert_int_equal(sight_sees(s)->n_patterns, 1);
	memory_left = -1;
	assert_str(sight_sees(s)->patterns[0], "*");
	assert_false(sight_sees(s)->sees(sight_sees(s)->ctx, STR("c")));
	assert_true(sight_sees(s)->sees(sight_sees(s)->ctx, STR("b")));
	sight_drop(s);
	memory_left = 0;
	assert_null(sights_new());
	memory_left = -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_may_be_done),
	    cmocka_unit_test(knows_a_room_and_a_prefix),
	    cmocka_unit_test_setup_teardown(decides_in_one_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(takes_an_exact_room_before_the_longest_prefix, setup, teardown),
	    cmocka_unit_test_setup_teardown(shares_equal_ones, setup, teardown),
	    cmocka_unit_test_setup_teardown(knows_whether_it_may_everywhere_or_anywhere, setup, teardown),
	    cmocka_unit_test_setup_teardown(tells_the_store_where_to_look, setup, teardown),
	    cmocka_unit_test_setup_teardown(tells_so_many_places_at_most, setup, teardown),
	    cmocka_unit_test_setup_teardown(does_as_one_would_by_hand, setup, teardown),
	    cmocka_unit_test_setup_teardown(decides_among_ten_thousand, setup, teardown),
	    cmocka_unit_test_setup_teardown(fails_clean_without_memory, setup, teardown),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
