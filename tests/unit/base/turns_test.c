#include "base/turns.h"

#include "../../memory.h"
#include "test.h"

enum { ITEMS = 2000 };

static struct fixture {
	struct turns turns;
	struct thing {
		struct turns_item item;
		int key, number; /* of those with this key */
	} things[ITEMS];
	char taken[ITEMS * 8]; /* "a1 b1 " */
} fx;

static char keys[ITEMS];

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	assert_int_equal(turns_init(&fx.turns, ITEMS), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	turns_fini(&fx.turns);
	return 0;
}

/* "a1 a2 b1" */
static void
add(const char *what)
{
	static int next;

	next = fx.turns.n == 0 ? 0 : next;
	for (struct str rest = str_of(what), one; rest.n > 0;) {
		struct thing *thing = &fx.things[next++];

		one = str_cut(&rest, ' ');
		thing->key = one.p[0];
		thing->number = atoi(one.p + 1);
		turns_add(&fx.turns, &thing->item, &keys[thing->key]);
	}
}

static const char *
take(size_t n)
{
	size_t at = 0;

	fx.taken[0] = '\0';
	while (n-- > 0) {
		struct turns_item *item = turns_take(&fx.turns);
		struct thing *thing = CONTAINER(item, struct thing, item);

		if (item == NULL)
			break;
		assert_null(item->lane);
		at += (size_t)snprintf(
		    fx.taken + at, sizeof fx.taken - at, "%s%c%d", at == 0 ? "" : " ", thing->key, thing->number);
	}
	return fx.taken;
}

static void
nothing_is_nothing(void **state)
{
	(void)state;
	assert_null(turns_take(&fx.turns));
	add("a1");
	assert_string_equal(take(1), "a1");
	assert_null(turns_take(&fx.turns));
	assert_int_equal(fx.turns.n, 0);
}

static void
one_alone_goes_in_order(void **state)
{
	(void)state;
	add("a1 a2 a3 a4 a5");
	assert_string_equal(take(9), "a1 a2 a3 a4 a5");
}

static void
each_has_a_turn(void **state)
{
	(void)state;
	add("a1 a2 a3 a4 b1 b2 c1");
	assert_string_equal(take(9), "a1 b1 c1 a2 b2 a3 a4");
}

/* As the worked case. */
static void
whoever_comes_new_is_next(void **state)
{
	(void)state;
	add("a1 a2 a3 a4 a5");
	assert_string_equal(take(1), "a1");
	add("b1 a6");
	assert_string_equal(take(9), "b1 a2 a3 a4 a5 a6");
	add("a1 a2 a3 a4 a5");
	assert_string_equal(take(1), "a1");
	add("b1 a6 b2");
	assert_string_equal(take(9), "b1 a2 b2 a3 a4 a5 a6");
}

/* However many come, one of the ring is next after a few. */
static void
the_ring_moves_on_while_others_come(void **state)
{
	int numbers = 1, taken_a = 0;
	static struct thing more[ITEMS];

	(void)state;
	add("a1 a2 a3 a4 a5 a6 a7 a8 a9 a10");
	take(1);
	for (int i = 0; i < 100; i++) {
		struct thing *thing = &more[i];

		thing->key = 'z';
		thing->number = numbers++;
		turns_add(&fx.turns, &thing->item, NULL);
		if (i >= 20 && take(1)[0] == 'a')
			taken_a++;
	}
	assert_in_range(taken_a, 80 / (TURNS_NEW_MAX + 1), 80 / (TURNS_NEW_MAX + 1) + 1);
	take(200);
	assert_int_equal(fx.turns.n, 0);
}

static void
those_without_a_key_are_nobodys_else(void **state)
{
	(void)state;
	add("a1 a2");
	for (int i = 2; i < 6; i++) {
		fx.things[i] = (struct thing){.key = 'n', .number = i};
		turns_add(&fx.turns, &fx.things[i].item, NULL);
	}
	assert_string_equal(take(9), "a1 n2 n3 n4 n5 a2");
}

static void
what_is_removed_is_passed_over(void **state)
{
	(void)state;
	add("a1 a2 a3 b1 b2 c1");
	turns_remove(&fx.turns, &fx.things[1].item); /* a2 */
	turns_remove(&fx.turns, &fx.things[5].item); /* c1: nothing is left of c */
	assert_null(fx.things[5].item.lane);
	assert_string_equal(take(1), "a1");
	turns_remove(&fx.turns, &fx.things[2].item); /* a3: nothing is left in the ring */
	add("c2");
	assert_int_equal(fx.turns.n, 3);
	assert_string_equal(take(9), "b1 c2 b2");
}

/* Random people add, take and remove, against lists that are kept plainly. */
static void
nothing_is_lost_and_each_keeps_the_order(void **state)
{
	enum { PEOPLE = 30, STEPS = 200000 };
	static int next_number[PEOPLE], last_taken[PEOPLE];
	size_t in = 0, n_free = ITEMS;
	static struct thing *unused[ITEMS];

	(void)state;
	for (int i = 0; i < ITEMS; i++)
		unused[i] = &fx.things[i];
	memset(next_number, 0, sizeof next_number);
	memset(last_taken, -1, sizeof last_taken);
	test_seed(17);
	for (int step = 0; step < STEPS; step++) {
		size_t what = test_random(step / 10000 % 2 == 0 ? 8 : 12);
		size_t who = test_random(3) > 0 ? 0 : test_random(PEOPLE);
		struct thing *thing;

		if (what < 5 && n_free > 0) {
			thing = unused[--n_free];
			thing->key = (int)who;
			thing->number = next_number[who]++;
			turns_add(&fx.turns, &thing->item, &keys[who]);
			in++;
		} else if (what == 5) {
			thing = &fx.things[test_random(ITEMS)];
			if (thing->item.lane == NULL)
				continue;
			turns_remove(&fx.turns, &thing->item);
			unused[n_free++] = thing;
			in--;
		} else {
			struct turns_item *item = turns_take(&fx.turns);

			assert_int_equal(item != NULL, in > 0);
			if (item == NULL)
				continue;
			thing = CONTAINER(item, struct thing, item);
			assert_true(thing->number > last_taken[thing->key]);
			last_taken[thing->key] = thing->number;
			unused[n_free++] = thing;
			in--;
		}
		assert_int_equal(fx.turns.n, in);
		assert_true(fx.turns.used <= ITEMS);
	}
	while (turns_take(&fx.turns) != NULL)
		in--;
	assert_int_equal(in, 0);
}

/* One has a thousand in it, each of a hundred others one at a time: they wait for one of the thousand at most. */
static void
nobody_waits_for_more_than_one_of_another(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		fx.things[i] = (struct thing){.key = 'a', .number = i};
		turns_add(&fx.turns, &fx.things[i].item, &keys['a']);
	}
	for (int i = 0; i < 100; i++) {
		take(1);
		fx.things[1000] = (struct thing){.key = 'b', .number = i};
		turns_add(&fx.turns, &fx.things[1000].item, &keys['b']);
		assert_int_equal(take(1)[0], 'b');
	}
}

FAILING_CALLOC(__wrap_calloc)

static void
without_memory_there_is_none(void **state)
{
	struct turns t;

	(void)state;
	for (int i = 0; i < 2; i++) {
		memory_left = i;
		assert_int_equal(turns_init(&t, 10), -1);
	}
	memory_left = -1;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(nothing_is_nothing),
	    TEST(one_alone_goes_in_order),
	    TEST(each_has_a_turn),
	    TEST(whoever_comes_new_is_next),
	    TEST(the_ring_moves_on_while_others_come),
	    TEST(those_without_a_key_are_nobodys_else),
	    TEST(what_is_removed_is_passed_over),
	    TEST(nothing_is_lost_and_each_keeps_the_order),
	    TEST(nobody_waits_for_more_than_one_of_another),
	    TEST(without_memory_there_is_none),
	};

	test_watchdog(60);
	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
