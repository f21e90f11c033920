/*
 * Persons and what is left of their share; time is what a test says it is.
 */
#include "access/person.h"

#include "../../memory.h"
#include "test.h"

enum { NOW = 1000000 };

static struct limits limits;

static int
setup(void **state)
{
	(void)state;
	limits_init(&limits);
	return 0;
}

static struct persons *
make(size_t n)
{
	struct persons *all = persons_new(&limits, n);

	assert_non_null(all);
	return all;
}

/* Held; a name for each number. */
static struct person *
get(struct persons *all, int i, int64_t now)
{
	char name[32];

	snprintf(name, sizeof name, "user:%d", i);
	return person_get(all, str_of(name), PERSON_USER, now);
}

/* One that is known, and not held. */
static void
see(struct persons *all, int i, int64_t now)
{
	person_drop(all, get(all, i, now), now);
}

/* ---- who it is ---- */

static void
one_identity_is_one_person(void **state)
{
	struct persons *all = make(10);
	struct person *a = get(all, 1, NOW), *b = get(all, 1, NOW), *c = get(all, 2, NOW);

	(void)state;
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_int_equal(persons_counts(all).n, 2);
	assert_int_equal(persons_counts(all).busy, 2);
	person_drop(all, a, NOW);
	assert_int_equal(persons_counts(all).busy, 2);
	person_drop(all, person_hold(b), NOW);
	person_drop(all, b, NOW);
	assert_int_equal(persons_counts(all).busy, 1);
	assert_int_equal(persons_counts(all).n, 2);
	person_drop(all, c, NOW);
	persons_free(all);
}

static void
nobody_is_limited_as_nobody(void **state)
{
	struct persons *all = make(1);
	struct person *p = person_get(all, STR(""), PERSON_STRANGER, NOW);

	(void)state;
	for (enum limit l = 0; l < LIMIT_RATES; l++) {
		limit_charge(all, p, l, UINT64_C(1) << 60, NOW);
		assert_int_equal(limit_take(all, p, l, UINT64_C(1) << 60, 0, NOW), 0);
		limit_give_back(all, p, l, 1);
	}
	for (enum limit l = LIMIT_RATES; l < LIMITS; l++) {
		assert_true(limit_enter(all, p, l, UINT64_C(1) << 60));
		limit_leave(all, p, l, 1);
	}
	person_drop(all, p, NOW);
	assert_int_equal(persons_counts(all).n + persons_counts(all).busy, 0);
	persons_free(all);
}

/* Those that are all busy: the next is one of many who share, of its class, and has ten times the limits. */
static void
one_more_than_there_is_room_for_shares(void **state)
{
	struct persons *all = make(PERSONS_MAX);
	struct person **held = calloc(PERSONS_MAX, sizeof(struct person *)), *shared, *stranger;

	(void)state;
	for (int i = 0; i < PERSONS_MAX; i++)
		held[i] = get(all, i, NOW);
	assert_int_equal(persons_counts(all).busy, PERSONS_MAX);
	assert_int_equal(persons_counts(all).shared, 0);
	shared = get(all, PERSONS_MAX, NOW);
	assert_ptr_equal(shared, get(all, PERSONS_MAX + 1, NOW));
	stranger = person_get(all, STR("@192.0.2.1"), PERSON_STRANGER, NOW);
	assert_ptr_not_equal(stranger, shared);
	assert_ptr_equal(person_get(all, STR("@2001:db8::/64"), PERSON_STRANGER, NOW), stranger);
	assert_int_equal(persons_counts(all).shared, 4);
	assert_int_equal(persons_counts(all).n, PERSONS_MAX);
	/* Those who are known are themselves. */
	assert_ptr_equal(get(all, 77, NOW), held[77]);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(limit_take(all, stranger, LIMIT_MESSAGES, 1, 0, NOW), 0);
	assert_int_equal(limit_take(all, stranger, LIMIT_MESSAGES, 1, 0, NOW), -10);
	assert_int_equal(limit_take(all, stranger, LIMIT_MESSAGES, 1, 0, NOW + 10), 0);
	assert_true(limit_enter(all, stranger, LIMIT_SESSIONS, 1280));
	assert_false(limit_enter(all, stranger, LIMIT_SESSIONS, 1));
	/* The first that is idle makes room. */
	person_drop(all, held[5], NOW);
	person_drop(all, get(all, PERSONS_MAX, NOW), NOW);
	assert_int_equal(persons_counts(all).shared, 4);
	assert_int_equal(persons_counts(all).n, PERSONS_MAX);
	free(held);
	persons_free(all);
}

static bool
remembers(struct persons *all, int i)
{
	struct person *p = get(all, i, NOW);
	bool owes = limit_take(all, p, LIMIT_MESSAGES, 600, 0, NOW) != 0;

	person_drop(all, p, NOW);
	return owes;
}

static void
the_longest_idle_one_goes(void **state)
{
	struct persons *all = make(3);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_false(remembers(all, i));
		see(all, i, NOW);
	}
	see(all, 0, NOW); /* seen again: now 1 is the longest idle */
	see(all, 3, NOW);
	assert_true(remembers(all, 0));
	assert_true(remembers(all, 2));
	assert_false(remembers(all, 1)); /* instead of 3 */
	assert_int_equal(persons_counts(all).n, 3);
	assert_int_equal(persons_counts(all).shared, 0);
	persons_free(all);
}

static void
one_that_is_held_stays(void **state)
{
	struct persons *all = make(2);
	struct person *held = get(all, 0, NOW);

	(void)state;
	for (int i = 1; i < 100; i++)
		see(all, i, NOW);
	assert_ptr_equal(get(all, 0, NOW), held);
	assert_int_equal(persons_counts(all).shared, 0);
	persons_free(all);
}

static void
idle_ones_are_forgotten_after_an_hour_unless_they_owe(void **state)
{
	enum { HOUR = 3600 * 1000 };
	struct persons *all = make(10);
	struct person *p;

	(void)state;
	for (int i = 0; i < 4; i++)
		see(all, i, NOW);
	p = get(all, 4, NOW);
	limit_charge(all, p, LIMIT_DAY_BYTES, 1000000000, NOW);
	person_drop(all, p, NOW);
	see(all, 5, NOW + HOUR - 1000);
	assert_int_equal(persons_counts(all).n, 6);
	see(all, 5, NOW + HOUR);
	see(all, 5, NOW + HOUR);
	see(all, 5, NOW + HOUR);
	assert_int_equal(persons_counts(all).n, 2);
	see(all, 5, NOW + 13 * HOUR);
	assert_int_equal(persons_counts(all).n, 1);
	persons_free(all);
}

/* Random people come and go, against a list of who must be known. */
static void
people_come_and_go(void **state)
{
	enum { ROOM = 50, PEOPLE = 120, STEPS = 100000 };
	struct persons *all = make(ROOM);
	struct person *held[PEOPLE] = {NULL};
	size_t busy = 0;

	(void)state;
	test_seed(13);
	for (int step = 0; step < STEPS; step++) {
		size_t i = test_random(PEOPLE);

		if (held[i] != NULL) {
			assert_true(limit_enter(all, held[i], LIMIT_SESSIONS, 1));
			limit_leave(all, held[i], LIMIT_SESSIONS, 1);
			person_drop(all, held[i], NOW);
			held[i] = NULL;
			busy--;
		} else if (busy < ROOM) {
			held[i] = get(all, (int)i, NOW);
			busy++;
		}
		assert_int_equal(persons_counts(all).busy, busy);
		assert_in_range(persons_counts(all).n, busy, ROOM);
	}
	assert_int_equal(persons_counts(all).shared, 0);
	for (int i = 0; i < PEOPLE; i++)
		for (int other = 0; other < i; other++)
			assert_true(held[i] == NULL || held[i] != held[other]);
	persons_free(all);
}

static void
a_class_may_change(void **state)
{
	struct persons *all = make(10);
	struct person *p = person_get(all, STR("token:ci"), PERSON_USER, NOW);

	(void)state;
	assert_true(limit_enter(all, p, LIMIT_SESSIONS, 256));
	assert_false(limit_enter(all, p, LIMIT_SESSIONS, 1));
	assert_ptr_equal(person_get(all, STR("token:ci"), PERSON_TRUSTED, NOW), p);
	assert_true(limit_enter(all, p, LIMIT_SESSIONS, 1));
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1000000, 0, NOW), 0);
	assert_ptr_equal(person_get(all, STR("token:ci"), PERSON_STRANGER, NOW), p);
	assert_false(limit_enter(all, p, LIMIT_SESSIONS, 0));
	limit_leave(all, p, LIMIT_SESSIONS, 257);
	assert_true(limit_enter(all, p, LIMIT_SESSIONS, 128));
	persons_free(all);
}

/* ---- rates ---- */

/* Each rate bites at one more than its burst, not at it, and is filled again at its rate. */
static void
every_rate_bites_and_refills(void **state)
{
	struct persons *all = make(10);

	(void)state;
	for (int of = 0; of < PERSON_TRUSTED; of++)
		for (enum limit l = 0; l < LIMIT_RATES; l++) {
			const struct limit_value *v = &limits.v[of][l];
			struct person *p = person_get(all, STR("user:ann"), (enum person_class)of, NOW);
			/* One is filled in so long; a ms at least. */
			int64_t ms = 1000 / v->rate < 1 ? 1 : (int64_t)(1000 / v->rate + 0.5), now = NOW + l * 1000;
			uint64_t unit = 1000 / v->rate < 1 ? (uint64_t)(v->rate / 1000) + 1 : 1;

			limit_give_back(all, p, l, UINT64_C(1) << 50);
			assert_int_equal(limit_take(all, p, l, v->most - unit, 0, now), 0);
			assert_int_equal(limit_take(all, p, l, unit, 0, now), 0);
			assert_true(limit_take(all, p, l, unit, 0, now) < 0);
			assert_true(limit_take(all, p, l, unit, 0, now + ms - 1) < 0);
			assert_int_equal(limit_take(all, p, l, unit, 0, now + ms + (unit > 1)), 0);
			assert_true(limit_take(all, p, l, unit, 0, now + ms + (unit > 1)) < 0);
			assert_int_equal(persons_counts(all).limited[l], 3 + 3 * of);
			person_drop(all, p, NOW);
		}
	persons_free(all);
}

static void
what_is_off_never_bites(void **state)
{
	struct persons *all = make(10);
	struct person *p = person_get(all, STR("user:ann"), PERSON_TRUSTED, NOW);

	(void)state;
	for (enum limit l = 0; l < LIMIT_RATES; l++)
		for (int i = 0; i < 100; i++)
			assert_int_equal(limit_take(all, p, l, UINT32_MAX, 0, NOW), 0);
	persons_free(all);
}

/* 10/s : 300 */
static void
one_waits_before_one_is_refused(void **state)
{
	enum { WAIT_MAX = 10000 };
	struct persons *all = make(10);
	struct person *p = person_get(all, STR("@192.0.2.1"), PERSON_STRANGER, NOW);

	(void)state;
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 300, WAIT_MAX, NOW), 0);
	for (int i = 1; i <= 100; i++)
		assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1, WAIT_MAX, NOW), i * 100);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1, WAIT_MAX, NOW), -10100);
	/* What was refused is not charged, and after what was said it goes at once. */
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1, WAIT_MAX, NOW), -10100);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1, WAIT_MAX, NOW + 100), WAIT_MAX);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1, 0, NOW + 10199), -1);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1, 0, NOW + 10200), 0);
	assert_int_equal(persons_counts(all).limited[LIMIT_MESSAGES], 100 + 2 + 1 + 1);
	persons_free(all);
}

static void
what_is_given_back_can_be_taken_again(void **state)
{
	struct persons *all = make(10);
	struct person *p = person_get(all, STR("@192.0.2.1"), PERSON_STRANGER, NOW);

	(void)state;
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 300, 0, NOW), 0);
	limit_give_back(all, p, LIMIT_MESSAGES, 2);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 3, 0, NOW), -100);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 2, 0, NOW), 0);
	/* No more than a full bucket comes of it. */
	limit_give_back(all, p, LIMIT_MESSAGES, 1000000);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 300, 0, NOW), 0);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1, 0, NOW), -100);
	persons_free(all);
}

static void
a_try_takes_or_does_nothing(void **state)
{
	struct persons *all = make(10);
	struct person *p = person_get(all, STR("@192.0.2.1"), PERSON_STRANGER, NOW);

	(void)state;
	assert_true(limit_try(all, p, LIMIT_NEW_ROOMS, 19, NOW));
	assert_false(limit_try(all, p, LIMIT_NEW_ROOMS, 2, NOW));
	assert_true(limit_try(all, p, LIMIT_NEW_ROOMS, 1, NOW));
	assert_false(limit_try(all, p, LIMIT_NEW_ROOMS, 1, NOW + 59999));
	assert_true(limit_try(all, p, LIMIT_NEW_ROOMS, 1, NOW + 60000));
	assert_int_equal(persons_counts(all).limited[LIMIT_NEW_ROOMS], 0);
	assert_int_equal(limit_take(all, p, LIMIT_NEW_ROOMS, 1, 0, NOW + 60000), -60000);
	persons_free(all);
}

/* Reading: 200 ms a second, and 3 s may be owed. */
static void
what_is_charged_afterwards_is_paid_before_the_next(void **state)
{
	struct persons *all = make(10);
	struct person *p = person_get(all, STR("@192.0.2.1"), PERSON_STRANGER, NOW);

	(void)state;
	limit_charge(all, p, LIMIT_READING, 3000, NOW);
	assert_int_equal(limit_take(all, p, LIMIT_READING, 0, 10000, NOW), 0);
	limit_charge(all, p, LIMIT_READING, 1000, NOW);
	assert_int_equal(limit_take(all, p, LIMIT_READING, 0, 10000, NOW), 5000);
	assert_int_equal(limit_take(all, p, LIMIT_READING, 0, 10000, NOW + 4999), 1);
	assert_int_equal(limit_take(all, p, LIMIT_READING, 0, 10000, NOW + 5000), 0);
	limit_charge(all, p, LIMIT_READING, 2000, NOW + 5000);
	assert_int_equal(limit_take(all, p, LIMIT_READING, 0, 9999, NOW + 5000), -10000);
	/* Whatever is charged, it is a number. */
	for (int i = 0; i < 100; i++)
		limit_charge(all, p, LIMIT_READING, UINT64_MAX, NOW);
	assert_true(limit_take(all, p, LIMIT_READING, 0, 10000, NOW) < -INT32_MAX);
	persons_free(all);
}

static void
an_amount_beyond_the_burst_waits_for_a_full_bucket(void **state)
{
	struct persons *all = make(10);
	struct person *p = person_get(all, STR("@192.0.2.1"), PERSON_STRANGER, NOW);

	(void)state;
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1, 0, NOW), 0);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 400, 0, NOW), -100);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 400, 0, NOW + 100), 0);
	assert_int_equal(limit_take(all, p, LIMIT_MESSAGES, 1, 0, NOW + 100), -10100);
	persons_free(all);
}

/* 500 MB, filled evenly in a day. */
static void
a_day_is_a_bucket(void **state)
{
	enum { MB = 1000000, DAY = 86400000 };
	struct persons *all = make(10);
	struct person *p = person_get(all, STR("@192.0.2.1"), PERSON_STRANGER, NOW);
	int64_t now = NOW, taken = 0;

	(void)state;
	assert_int_equal(limit_take(all, p, LIMIT_DAY_BYTES, 500 * MB, 0, now), 0);
	assert_int_equal(limit_take(all, p, LIMIT_DAY_BYTES, 1 * MB, 0, now), -DAY / 500);
	assert_int_equal(limit_take(all, p, LIMIT_DAY_BYTES, 250 * MB, 0, now + DAY / 2), 0);
	assert_true(limit_take(all, p, LIMIT_DAY_BYTES, 1 * MB, 0, now + DAY / 2) < 0);
	/* As much as there is, for 10 days. */
	for (now += DAY / 2; now < NOW + 10 * (int64_t)DAY; now += DAY / 1000)
		if (limit_take(all, p, LIMIT_DAY_BYTES, MB / 4, 0, now) == 0)
			taken += MB / 4;
	assert_in_range(taken, 2370 * (int64_t)MB, 4750 * (int64_t)MB);
	persons_free(all);
}

/* The same by a bucket that is kept as one, with fractions. */
static void
a_bucket_does_the_same(void **state)
{
	enum { STEPS = 200000 };
	static const struct limit_value values[] = {
	    {.rate = 10, .most = 300},
	    {.rate = 1000000, .most = 20000000},
	    {.rate = 1.0 / 60, .most = 20},
	    {.rate = 3, .most = 1},
	    {.rate = 0.7, .most = 7},
	};

	(void)state;
	test_seed(14);
	for (size_t i = 0; i < LENGTH(values); i++) {
		struct persons *all;
		struct person *p;
		double level = (double)values[i].most, rate = values[i].rate;
		size_t refused = 0, waited = 0, went = 0, unclear = 0;
		int64_t now = NOW;

		limits.v[PERSON_USER][LIMIT_MESSAGES] = values[i];
		all = make(10);
		p = get(all, 1, now);
		for (int step = 0; step < STEPS; step++) {
			uint64_t amount = 1 + test_random(values[i].most / 3 + 1);
			int64_t ms = (int64_t)test_random((size_t)(2000 * (double)amount / rate) + 2);
			int64_t wait_max = (int64_t)test_random(3) * ms, wait;
			double after, expected;

			now += ms;
			level += (double)ms / 1000 * rate;
			level = level > (double)values[i].most ? (double)values[i].most : level;
			after = level - (double)amount;
			expected = after >= 0 ? 0 : -after / rate * 1000;
			wait = limit_take(all, p, LIMIT_MESSAGES, amount, wait_max, now);
			if (wait >= 0)
				level = after;
			/* Both are right where they differ by less than a ms. */
			if (expected > 0 && expected - (double)wait_max < 1.5 && expected - (double)wait_max > -1.5)
				unclear++;
			else if (expected > (double)wait_max)
				assert_true(
				    wait < 0 && (double)-wait > expected - 1.5 && (double)-wait < expected + 1.5);
			else
				assert_true((double)wait > expected - 1.5 && (double)wait < expected + 1.5);
			refused += wait < 0;
			waited += wait > 0;
			went += wait == 0;
		}
		assert_true(
		    refused > STEPS / 100 && waited > STEPS / 100 && went > STEPS / 100 && unclear < STEPS / 10);
		persons_free(all);
	}
}

/* ---- counts ---- */

static void
every_count_bites(void **state)
{
	struct persons *all = make(10);

	(void)state;
	for (int of = 0; of < PERSON_CLASSES; of++) {
		struct person *p = person_get(all, STR("user:ann"), (enum person_class)of, NOW);

		for (enum limit l = LIMIT_RATES; l < LIMITS; l++) {
			uint64_t most = limits.v[of][l].most;

			assert_true(limit_enter(all, p, l, most - 1));
			assert_false(limit_enter(all, p, l, 2));
			assert_true(limit_enter(all, p, l, 1));
			assert_false(limit_enter(all, p, l, 1));
			assert_false(limit_enter(all, p, l, UINT64_MAX));
			limit_leave(all, p, l, 1);
			assert_true(limit_enter(all, p, l, 1));
			limit_leave(all, p, l, most);
			assert_int_equal(persons_counts(all).limited[l], 3 * (of + 1));
		}
		person_drop(all, p, NOW);
	}
	persons_free(all);
}

static void
a_count_that_is_off_ends_all_the_same(void **state)
{
	struct persons *all;
	struct person *p;

	(void)state;
	limits.v[PERSON_STRANGER][LIMIT_MEMORY].off = true;
	limits.v[PERSON_STRANGER][LIMIT_HELD].most = 0;
	all = make(10);
	p = person_get(all, STR("@192.0.2.1"), PERSON_STRANGER, NOW);
	assert_true(limit_enter(all, p, LIMIT_MEMORY, UINT32_MAX));
	assert_false(limit_enter(all, p, LIMIT_MEMORY, 1));
	limit_leave(all, p, LIMIT_MEMORY, UINT32_MAX);
	assert_false(limit_enter(all, p, LIMIT_HELD, 1));
	persons_free(all);
}

/* Without memory there is no table. */
FAILING_CALLOC(__wrap_calloc)

static void
without_memory_there_is_no_table(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		memory_left = i;
		assert_null(persons_new(&limits, 10));
	}
	memory_left = -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(one_identity_is_one_person, setup),
	    cmocka_unit_test_setup(nobody_is_limited_as_nobody, setup),
	    cmocka_unit_test_setup(one_more_than_there_is_room_for_shares, setup),
	    cmocka_unit_test_setup(the_longest_idle_one_goes, setup),
	    cmocka_unit_test_setup(one_that_is_held_stays, setup),
	    cmocka_unit_test_setup(idle_ones_are_forgotten_after_an_hour_unless_they_owe, setup),
	    cmocka_unit_test_setup(people_come_and_go, setup),
	    cmocka_unit_test_setup(a_class_may_change, setup),
	    cmocka_unit_test_setup(every_rate_bites_and_refills, setup),
	    cmocka_unit_test_setup(what_is_off_never_bites, setup),
	    cmocka_unit_test_setup(one_waits_before_one_is_refused, setup),
	    cmocka_unit_test_setup(what_is_given_back_can_be_taken_again, setup),
	    cmocka_unit_test_setup(a_try_takes_or_does_nothing, setup),
	    cmocka_unit_test_setup(what_is_charged_afterwards_is_paid_before_the_next, setup),
	    cmocka_unit_test_setup(an_amount_beyond_the_burst_waits_for_a_full_bucket, setup),
	    cmocka_unit_test_setup(a_day_is_a_bucket, setup),
	    cmocka_unit_test_setup(a_bucket_does_the_same, setup),
	    cmocka_unit_test_setup(every_count_bites, setup),
	    cmocka_unit_test_setup(a_count_that_is_off_ends_all_the_same, setup),
	    cmocka_unit_test_setup(without_memory_there_is_no_table, setup),
	};

	test_watchdog(60);
	return cmocka_run_group_tests_name("person", tests, NULL, NULL);
}
