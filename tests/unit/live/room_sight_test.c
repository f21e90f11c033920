/* The log as somebody sees it who may not read all of it: who is told, what is skipped, when a reader is asked. */
#include "access/sight.h"
#include "test_rooms.h"

enum { READERS = 3 };

static struct fixture {
	struct loop *loop;
	struct rooms *rooms;
	struct sights *sights;
	struct sight *ops, *chat; /* ops*, and chat alone */
	struct reader {
		struct waiter waiter;
		size_t told;
	} readers[READERS];
	int64_t next_id;
	int64_t since; /* a test's own */
	bool far_when_told;
	int64_t first_when_told;
} fx;

static void
wake(void *ctx, struct room *room, struct waiter *w)
{
	assert_ptr_equal(ctx, &fx);
	assert_true(room_is_all(room));
	CONTAINER(w, struct reader, waiter)->told++;
	fx.far_when_told = room_is_far(room, waiter_since(w));
	if (room_above(room, waiter_since(w)) < room_chain(room)->n)
		fx.first_when_told = ring_at(room_chain(room), room_above(room, waiter_since(w)))->f.id;
}

static struct sight *
sight(const char *rooms)
{
	struct sight_rule rule = {str_of(rooms), 0, MAY_READ};

	return sight_get(fx.sights, &rule, 1);
}

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	test_rooms_init(&fx.loop, &fx.rooms, 16 << 20, wake, &fx);
	fx.sights = sights_new();
	fx.ops = sight("ops*");
	fx.chat = sight("chat");
	assert_non_null(fx.ops);
	assert_non_null(fx.chat);
	fx.next_id = 1;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < READERS; i++)
		room_unwait(&fx.readers[i].waiter);
	test_rooms_fini(fx.loop, fx.rooms);
	sight_drop(fx.ops);
	sight_drop(fx.chat);
	sights_free(fx.sights);
	return 0;
}

static int64_t
publish(const char *room)
{
	return test_rooms_publish(fx.rooms, fx.next_id++, room);
}

static struct room *
seen_by(struct sight *s)
{
	struct room *room = room_of_sight(fx.rooms, s);

	assert_non_null(room);
	return room;
}

static void
wait_for(size_t reader, struct sight *s)
{
	room_wait(seen_by(s), &fx.readers[reader].waiter, ROOM_POLL, rooms_head(fx.rooms));
}

/* The ids that a reader of this sight is told above since. */
static void
assert_seen(struct sight *s, int64_t since, size_t n, ...)
{
	struct room *room = seen_by(s);
	const struct ring_chain *chain = room_chain(room);
	size_t place = room_above(room, since);
	va_list ap;

	va_start(ap, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(place < chain->n);
		assert_int_equal(ring_at(chain, place)->f.id, va_arg(ap, int));
		place = room_onward(room, place + 1);
	}
	va_end(ap);
	assert_int_equal(place, chain->n);
}

static enum test_next
wake_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (turn) {
	case 0:
		wait_for(0, fx.ops);
		wait_for(1, fx.chat);
		room_wait(room_all(fx.rooms), &fx.readers[2].waiter, ROOM_POLL, 0);
		publish("main");
		return TEST_AGAIN;
	case 1:
		assert_int_equal(fx.readers[0].told + fx.readers[1].told, 0);
		assert_int_equal(fx.readers[2].told, 1);
		publish("ops-new"); /* a room that nobody knew when they began to wait */
		return TEST_AGAIN;
	case 2:
		assert_int_equal(fx.readers[0].told, 1);
		assert_int_equal(fx.readers[1].told, 0);
		publish("chat");
		return TEST_AGAIN;
	default:
		assert_int_equal(fx.readers[0].told, 1);
		assert_int_equal(fx.readers[1].told, 1);
		return TEST_STOP;
	}
}

static void
wakes_only_those_that_see_it(void **state)
{
	(void)state;
	test_run(fx.loop, wake_steps, NULL);
}

static void
passes_over_what_is_not_seen(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		publish("main");
		publish("ops-1");
		publish("chat");
	}
	assert_seen(fx.ops, 0, 3, 2, 5, 8);
	assert_seen(fx.ops, 2, 2, 5, 8);
	assert_seen(fx.chat, 8, 1, 9);
	assert_seen(fx.chat, 9, 0);
	assert_int_equal(room_before_newest(seen_by(fx.ops), 2), 4);
	assert_int_equal(room_before_newest(seen_by(fx.ops), 4), -1);
	assert_int_equal(room_before_newest(room_all(fx.rooms), 4), 5);
}

static enum test_next
quiet_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (turn) {
	case 0:
		wait_for(0, fx.ops);
		fx.since = rooms_head(fx.rooms);
		for (int i = 0; i < 3000; i++)
			publish("main");
		return TEST_AGAIN;
	case 1:
		assert_int_equal(fx.readers[0].told, 0);
		/* All of them were looked at, once: a waiter need not go there again. */
		assert_false(room_is_far(seen_by(fx.ops), fx.since));
		/* But one that comes with an older cursor does not know that. */
		assert_true(room_is_far(seen_by(fx.chat), 0));
		assert_false(room_is_far(room_all(fx.rooms), 0));
		publish("ops");
		return TEST_AGAIN;
	case 2:
		assert_int_equal(fx.readers[0].told, 1);
		assert_false(fx.far_when_told);
		assert_int_equal(fx.first_when_told, 3001);
		return TEST_STOP;
	default:
		return TEST_STOP;
	}
}

static void
remembers_where_nothing_is_seen(void **state)
{
	(void)state;
	test_run(fx.loop, quiet_steps, NULL);
}

static enum test_next
flood_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		wait_for(0, fx.ops);
		for (int i = 0; i < 9000; i++)
			publish("main");
		publish("ops");
		return TEST_AGAIN;
	}
	/* 4,096 are looked at in a turn. */
	if (turn < 3) {
		assert_int_equal(fx.readers[0].told, 0);
		return TEST_AGAIN;
	}
	assert_true(turn <= 4);
	return fx.readers[0].told == 1 ? TEST_STOP : TEST_AGAIN;
}

static void
looks_at_a_bounded_number_in_a_turn(void **state)
{
	(void)state;
	test_run(fx.loop, flood_steps, NULL);
}

static enum test_next
deletion_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (turn) {
	case 0:
		publish("ops");
		publish("main");
		publish("ops");
		wait_for(0, fx.ops);
		rooms_change(fx.rooms, STR("main"), 2, NULL);
		return TEST_AGAIN;
	case 1:
		assert_int_equal(fx.readers[0].told, 0);
		assert_int_equal(room_deleted(seen_by(fx.ops)), 0);
		/* A room that is seen from now on does not know whether 2 was seen: only a reader does. */
		assert_true(room_is_far(seen_by(fx.chat), 1));
		assert_false(room_is_far(seen_by(fx.chat), 2));
		rooms_change(fx.rooms, STR("ops"), 3, NULL);
		return TEST_AGAIN;
	case 2:
		assert_int_equal(fx.readers[0].told, 1);
		return TEST_STOP;
	default:
		return TEST_STOP;
	}
}

static void
tells_of_deletions_that_are_seen(void **state)
{
	(void)state;
	test_run(fx.loop, deletion_steps, NULL);
}

static enum test_next
many_deletions_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (int i = 0; i < 600; i++)
			publish(i == 0 ? "ops" : "main");
		wait_for(0, fx.ops);
		for (int i = 0; i < 600; i++)
			rooms_change(fx.rooms, i == 0 ? STR("ops") : STR("main"), i + 1, NULL);
		return TEST_AGAIN;
	}
	/* More than are remembered: it is told to ask. */
	assert_int_equal(fx.readers[0].told, 1);
	assert_true(room_is_far(seen_by(fx.ops), 0));
	return TEST_STOP;
}

static void
leaves_many_deletions_to_a_reader(void **state)
{
	(void)state;
	test_run(fx.loop, many_deletions_steps, NULL);
}

static enum test_next
reset_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		publish("ops");
		wait_for(0, fx.ops);
		rooms_reset(fx.rooms, "epoch2", 7);
		fx.next_id = 8;
		return TEST_AGAIN;
	}
	assert_int_equal(fx.readers[0].told, 1);
	assert_true(room_was_reset(fx.rooms, &fx.readers[0].waiter));
	return TEST_STOP;
}

static void
wakes_everybody_when_the_log_becomes_another(void **state)
{
	(void)state;
	test_run(fx.loop, reset_steps, NULL);
}

static enum test_next
loose_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		/* Held by its room for this turn. */
		struct sight *s = sight("loose");

		seen_by(s);
		sight_drop(s);
		return TEST_AGAIN;
	}
	return TEST_STOP;
}

static void
frees_what_nobody_waits_in(void **state)
{
	struct sight *s;

	(void)state;
	test_run(fx.loop, loose_steps, NULL);
	s = sight("loose");
	/* Two of the fixture's and this one. */
	assert_int_equal(sights_count(fx.sights), 3);
	sight_drop(s);
	assert_int_equal(sights_count(fx.sights), 2);
}

static enum test_next
answer_steps(void *ctx, int turn)
{
	struct room *room = seen_by(fx.ops);

	(void)ctx;
	(void)turn;
	publish("ops");
	wait_for(0, fx.ops);
	room_answer(room, ROOM_POLL_ANSWER, 0)->first = 1;
	assert_int_equal(room_answer(room, ROOM_POLL_ANSWER, 0)->first, 1);
	rooms_change(fx.rooms, STR("ops"), 1, NULL);
	assert_int_equal(room_answer(room, ROOM_POLL_ANSWER, 0)->first, 0);
	return TEST_STOP;
}

static void
forgets_answers_that_are_not_true_any_more(void **state)
{
	(void)state;
	test_run(fx.loop, answer_steps, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(wakes_only_those_that_see_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(passes_over_what_is_not_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(remembers_where_nothing_is_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(looks_at_a_bounded_number_in_a_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(tells_of_deletions_that_are_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(leaves_many_deletions_to_a_reader, setup, teardown),
	    cmocka_unit_test_setup_teardown(wakes_everybody_when_the_log_becomes_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(frees_what_nobody_waits_in, setup, teardown),
	    cmocka_unit_test_setup_teardown(forgets_answers_that_are_not_true_any_more, setup, teardown),
	};

	return cmocka_run_group_tests_name("room_sight", tests, NULL, NULL);
}
