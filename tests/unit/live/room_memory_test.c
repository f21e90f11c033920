/*
 * Rooms without memory: what cannot be kept raises the floor (I8), whichever allocation fails.
 */
#include "test_rooms.h"

enum { MESSAGES = 40, WAITERS = 3 };

/* The linker puts it before malloc(3), see the Makefile. */
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

static int fail_at; /* counted from now on, this allocation fails; 0: none */

void *
__wrap_malloc(size_t n)
{
	return fail_at > 0 && --fail_at == 0 ? NULL : __real_malloc(n);
}

static struct fixture {
	struct loop *loop;
	struct rooms *rooms;
	struct waiter waiters[WAITERS];
	size_t told;
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
	(void)state;
	memset(&fx, 0, sizeof fx);
	test_rooms_init(&fx.loop, &fx.rooms, 1 << 20, wake, &fx);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < WAITERS; i++)
		room_unwait(&fx.waiters[i]);
	test_rooms_fini(fx.loop, fx.rooms);
	return 0;
}

/* Whether a chain holds every id of its room above a floor, up to the head. */
static void
assert_holds(const struct ring_chain *chain, int64_t floor, int64_t head, int64_t step)
{
	size_t place = ring_above(chain, floor);

	for (int64_t id = head; id > floor; id -= step)
		place++;
	assert_int_equal(place, chain->n);
	for (size_t i = 0; i < chain->n; i++)
		assert_int_equal(ring_at(chain, chain->n - 1 - i)->f.id, head - (int64_t)i * step);
}

/* One of many messages in two rooms cannot be kept; true when an allocation was asked for that failed. */
static bool
publish_with_failure(int64_t at, int nth)
{
	bool failed = false;

	for (int64_t id = 1; id <= MESSAGES; id++) {
		struct message *m = test_rooms_message(id, id % 2 == 0 ? "a" : "b");

		fail_at = id == at ? nth : 0;
		rooms_publish(fx.rooms, m);
		failed = failed || (id == at && fail_at == 0);
		fail_at = 0;
		assert_int_equal(rooms_head(fx.rooms), id);
		/* What is above the floor is there; what failed is not above it. */
		assert_int_equal(rooms_floor(fx.rooms), failed ? at : 0);
		assert_holds(room_chain(room_all(fx.rooms)), rooms_floor(fx.rooms), id, 1);
	}
	return failed;
}

static void
assert_room(const char *name, int64_t head)
{
	struct room *room = room_find(fx.rooms, str_of(name));

	assert_non_null(room);
	assert_true(room_chain(room)->floor <= head);
	assert_holds(room_chain(room), rooms_floor(fx.rooms), head, 2);
}

/* Each allocation of each message fails once. */
static void
the_floor_rises_whichever_allocation_fails(void **state)
{
	int failures = 0;

	(void)state;
	for (int64_t at = 1; at <= MESSAGES - 2; at++)
		for (int nth = 1; nth <= 3; nth++) {
			if (publish_with_failure(at, nth))
				failures++;
			assert_room("a", MESSAGES);
			assert_room("b", MESSAGES - 1);
			rooms_reset(fx.rooms, "epoch", 0);
		}
	assert_true(failures >= 6); /* a room, the whole log's chain and a room's, more than once */
}

/* What cannot be noted of a message that is not kept any more, the database knows. */
static void
a_mark_that_cannot_be_kept_is_left_to_the_database(void **state)
{
	(void)state;
	rooms_publish(fx.rooms, test_rooms_message(1, "a"));
	rooms_publish_end(fx.rooms, 3);
	fail_at = 1;
	rooms_prune(fx.rooms, STR("b"), 2, true);
	assert_int_equal(fail_at, 0);
	assert_int_equal(rooms_floor(fx.rooms), 3);
	assert_null(room_find(fx.rooms, STR("b")));
}

/* The chain that lost the message says so itself: a waiter that was there asks the database. */
static void
a_chain_that_lost_a_message_says_so_itself(void **state)
{
	const struct ring_chain *chain = room_chain(room_get(fx.rooms, STR("a")));
	struct message *m;

	(void)state;
	room_wait(room_get(fx.rooms, STR("a")), &fx.waiters[0], ROOM_POLL, 0);
	m = test_rooms_message(1, "a");
	fail_at = 1;
	rooms_publish(fx.rooms, m);
	assert_int_equal(fail_at, 0);
	assert_int_equal(chain->n, 0);
	assert_int_equal(chain->floor, 1);
	assert_int_equal(room_chain(room_all(fx.rooms))->floor, 1);
}

static enum test_next
wake_steps(void *ctx, int turn)
{
	struct message *m;

	(void)ctx;
	switch (turn) {
	case 0:
		room_wait(room_get(fx.rooms, STR("a")), &fx.waiters[0], ROOM_POLL, 0);
		room_wait(room_all(fx.rooms), &fx.waiters[1], ROOM_POLL, 0);
		m = test_rooms_message(1, "a");
		fail_at = 1; /* the whole log's chain */
		rooms_publish(fx.rooms, m);
		assert_int_equal(fail_at, 0);
		return TEST_AGAIN;
	case 1:
		assert_int_equal(fx.told, 2);
		room_wait(room_all(fx.rooms), &fx.waiters[2], ROOM_POLL, 1);
		m = test_rooms_message(2, "b");
		fail_at = 1; /* the room, that nobody waits in */
		rooms_publish(fx.rooms, m);
		assert_int_equal(fail_at, 0);
		assert_null(room_find(fx.rooms, STR("b")));
		return TEST_AGAIN;
	default:
		assert_int_equal(fx.told, 3);
		return TEST_STOP;
	}
}

/* Whoever waits is told all the same. */
static void
waiters_are_told_of_what_could_not_be_kept(void **state)
{
	(void)state;
	test_run(fx.loop, wake_steps, NULL);
	assert_int_equal(rooms_floor(fx.rooms), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_floor_rises_whichever_allocation_fails, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_mark_that_cannot_be_kept_is_left_to_the_database, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_chain_that_lost_a_message_says_so_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(waiters_are_told_of_what_could_not_be_kept, setup, teardown),
	};

	return cmocka_run_group_tests_name("room_memory", tests, NULL, NULL);
}
