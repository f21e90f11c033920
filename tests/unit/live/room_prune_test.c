/*
 * What is not kept any more goes from memory: who reads from below is told, who waits is not, and nothing stays behind.
 */
#include "access/sight.h"
#include "test_rooms.h"

enum { WAITERS = 3 };

static struct fixture {
	struct loop *loop;
	struct rooms *rooms;
	struct sights *sights;
	struct sight *seen; /* room a alone */
	struct waiter waiters[WAITERS];
	size_t told;
	int64_t head;
} fx;

static void
wake(void *ctx, struct room *room, struct waiter *w)
{
	(void)ctx;
	(void)room;
	(void)w;
	fx.told++;
}

static int
setup(void **state)
{
	struct sight_rule rule = {STR("a"), 0, MAY_READ};

	(void)state;
	memset(&fx, 0, sizeof fx);
	test_rooms_init(&fx.loop, &fx.rooms, 1 << 20, wake, &fx);
	fx.sights = sights_new();
	fx.seen = sight_get(fx.sights, &rule, 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < WAITERS; i++)
		room_unwait(&fx.waiters[i]);
	test_rooms_fini(fx.loop, fx.rooms);
	sight_drop(fx.seen);
	sights_free(fx.sights);
	return 0;
}

static void
publish(const char *room)
{
	test_rooms_publish(fx.rooms, ++fx.head, room);
}

static enum test_next
waiting_steps(void *ctx, int turn)
{
	struct room *a;

	(void)ctx;
	if (turn == 0)
		for (int i = 0; i < 4; i++) /* odd ones in a */
			publish(i % 2 == 0 ? "a" : "b");
	a = room_find(fx.rooms, STR("a"));
	switch (turn) {
	case 0:
		room_wait(a, &fx.waiters[0], ROOM_POLL, 4);
		room_wait(room_all(fx.rooms), &fx.waiters[1], ROOM_POLL, 4);
		room_wait(room_of_sight(fx.rooms, fx.seen), &fx.waiters[2], ROOM_POLL, 4);
		rooms_prune(fx.rooms, STR("a"), 1, false);
		rooms_prune(fx.rooms, STR("a"), 3, true);
		rooms_prune(fx.rooms, STR("b"), 2, true);
		return TEST_AGAIN;
	case 1:
	case 2:
		return TEST_AGAIN;
	case 3:
		assert_int_equal(fx.told, 0);
		assert_int_equal(room_deleted(a), 3);
		assert_int_equal(room_pruned(a), 3);
		assert_int_equal(room_deleted(room_find(fx.rooms, STR("b"))), 2);
		assert_int_equal(room_deleted(room_all(fx.rooms)), 3);
		assert_int_equal(room_deleted(room_of_sight(fx.rooms, fx.seen)), 3);
		assert_int_equal(room_chain(a)->n, 0);
		assert_int_equal(room_chain(room_all(fx.rooms))->n, 1);
		/* A deletion by somebody tells, and is no retention. */
		rooms_change(fx.rooms, STR("b"), 4, NULL);
		assert_int_equal(room_pruned(room_find(fx.rooms, STR("b"))), 2);
		return TEST_AGAIN;
	case 4:
		assert_int_equal(fx.told, 1);
		publish("a");
		return TEST_AGAIN;
	default:
		assert_true(turn < 20);
		return fx.told == 3 ? TEST_STOP : TEST_AGAIN;
	}
}

static void
nobody_who_waits_is_told(void **state)
{
	(void)state;
	test_run(fx.loop, waiting_steps, NULL);
}

/* Rooms come and go, and one message stays: memory does not keep a mark of each for ever. */
static void
rooms_that_are_gone_do_not_stay(void **state)
{
	char name[32];

	(void)state;
	publish("stays");
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "r%d", i);
		publish(name);
		rooms_prune(fx.rooms, str_of(name), fx.head, true);
		assert_true(rooms_counts(fx.rooms).rooms <= 1100);
		/* Whoever read before is told, by memory or by the database. */
		assert_true(rooms_floor(fx.rooms) >= fx.head ||
		            (room_find(fx.rooms, str_of(name)) != NULL &&
		                room_deleted(room_find(fx.rooms, str_of(name))) == fx.head));
	}
	assert_true(rooms_floor(fx.rooms) > 8000);
}

/* What memory does not hold is not its business. */
static void
what_lies_below_the_floor_is_passed_over(void **state)
{
	(void)state;
	rooms_reset(fx.rooms, "epoch", 100);
	fx.head = 100;
	rooms_prune(fx.rooms, STR("a"), 100, true);
	assert_null(room_find(fx.rooms, STR("a")));
	publish("a");
	rooms_prune(fx.rooms, STR("a"), 101, true);
	assert_int_equal(room_pruned(room_find(fx.rooms, STR("a"))), 101);
	rooms_reset(fx.rooms, "epoch", 50);
	assert_null(room_find(fx.rooms, STR("a")));
	assert_int_equal(room_pruned(room_all(fx.rooms)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(nobody_who_waits_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(rooms_that_are_gone_do_not_stay, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_lies_below_the_floor_is_passed_over, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
