#include "live/room.h"

#include "base/clock.h"
#include "test_rooms.h"

enum { WAITERS = 400, ROOMS = 6, LOG = 8000 };

static const char *const NAMES[ROOMS] = {"a", "b", "c", "d", "e", "f"};

/* A reader that waits, as poll does: it is told, looks, and is answered or waits on. */
struct reader {
	struct waiter waiter;
	struct room *room;
	size_t place; /* which room: ROOMS is the whole log */
	int64_t since;
	uint64_t parked; /* a number that grows with each wait */
	size_t told;
	bool again; /* waits again as soon as it was told */
};

static struct fixture {
	struct loop *loop;
	struct rooms *rooms;
	struct reader readers[WAITERS];
	uint64_t parked;
	size_t told[LOG]; /* readers in the order in which they were told */
	size_t n_told;
	size_t told_by_turn;
	int64_t next_id;
	void (*on_wake)(struct reader *r);
} fx;

static void
wake(void *ctx, struct room *room, struct waiter *w)
{
	struct reader *r = (struct reader *)(void *)w;

	assert_ptr_equal(ctx, &fx);
	assert_ptr_equal(room, r->room);
	assert_null(w->room);
	assert_int_equal(waiter_since(w), r->since);
	r->told++;
	fx.told_by_turn++;
	if (fx.n_told < LOG)
		fx.told[fx.n_told++] = (size_t)(r - fx.readers);
	if (fx.on_wake != NULL)
		fx.on_wake(r);
}

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	test_rooms_init(&fx.loop, &fx.rooms, 1 << 20, wake, &fx);
	fx.next_id = 1;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < WAITERS; i++)
		room_unwait(&fx.readers[i].waiter);
	test_rooms_fini(fx.loop, fx.rooms);
	return 0;
}

static struct room *
place(size_t i)
{
	return i == ROOMS ? room_all(fx.rooms) : room_get(fx.rooms, str_of(NAMES[i]));
}

static void
wait_in(size_t reader, size_t room, int64_t since)
{
	struct reader *r = &fx.readers[reader];

	r->room = place(room);
	r->place = room;
	r->since = since;
	r->parked = ++fx.parked;
	room_wait(r->room, &r->waiter, ROOM_POLL, since);
}

static struct message *
message(int64_t id, size_t room)
{
	return test_rooms_message(id, NAMES[room]);
}

/* One message, as a batch of its own. */
static int64_t
publish(size_t room)
{
	return test_rooms_publish(fx.rooms, fx.next_id++, NAMES[room]);
}

static void
assert_told(size_t n, ...)
{
	va_list ap;

	va_start(ap, n);
	assert_int_equal(fx.n_told, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(fx.told[i], va_arg(ap, int));
	va_end(ap);
	fx.n_told = 0;
}

static enum test_next
first_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (turn) {
	case 0:
		wait_in(0, 0, 0);
		wait_in(1, 0, 0);
		wait_in(2, 1, 0);
		wait_in(3, ROOMS, 0);
		assert_false(room_busy(place(0)));
		return TEST_AGAIN;
	case 1:
		assert_told(0);
		publish(0);
		/* Nobody is told at once. */
		assert_told(0);
		assert_true(room_busy(place(0)));
		assert_true(room_busy(place(ROOMS)));
		assert_false(room_busy(place(1)));
		return TEST_AGAIN;
	case 2:
		assert_told(3, 0, 3, 1); /* the rooms in turn, each oldest first */
		assert_false(room_busy(place(0)));
		return TEST_AGAIN;
	case 3:
		assert_told(0);
		/* Nobody waits there any more, so nobody is told and nothing is due. */
		publish(0);
		assert_false(room_busy(place(0)));
		return TEST_AGAIN;
	case 4:
		assert_told(0);
		/* A waiter that comes later is not told of what was there before: it looks first. */
		wait_in(0, 0, 2);
		return TEST_AGAIN;
	case 5:
		assert_told(0);
		publish(1);
		return TEST_AGAIN;
	case 6:
		assert_told(1, 2);
		room_make_due(place(0));
		return TEST_AGAIN;
	case 7:
		assert_told(1, 0);
		return TEST_STOP;
	default:
		fail();
		return TEST_STOP;
	}
}

static void
tells_nobody_at_once_and_all_that_wait_in_the_next_turn(void **state)
{
	(void)state;
	test_run(fx.loop, first_steps, NULL);
	assert_int_equal(rooms_head(fx.rooms), 3);
}

static enum test_next
round_steps(void *ctx, int turn)
{
	static size_t before;

	(void)ctx;
	switch (turn) {
	case 0:
		for (size_t i = 0; i < 200; i++)
			wait_in(i, 0, 0);
		publish(0);
		return TEST_AGAIN;
	case 1:
		/* A bounded number in each turn, so that the rest of the loop goes on. */
		before = fx.n_told;
		assert_true(before > 0 && before < 200);
		assert_true(room_busy(place(0)));
		/* While the round goes on others come, and something is published: both are for the next round. */
		wait_in(300, 0, 1);
		wait_in(301, 0, 1);
		publish(0);
		return TEST_AGAIN;
	case 2:
		assert_int_equal(fx.n_told, 2 * before);
		/* Those who were told wait again: they too are for the next round. */
		wait_in(0, 0, 1);
		return TEST_AGAIN;
	default:
		if (room_busy(place(0)))
			return TEST_AGAIN;
		assert_int_equal(fx.n_told, 203);
		for (size_t i = 0; i < 200; i++)
			assert_int_equal(fx.told[i], i);
		assert_int_equal(fx.told[200], 300);
		assert_int_equal(fx.told[201], 301);
		assert_int_equal(fx.told[202], 0);
		return TEST_STOP;
	}
}

static void
gathers_what_comes_during_a_round_for_the_next(void **state)
{
	(void)state;
	test_run(fx.loop, round_steps, NULL);
}

static enum test_next
no_next_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < 200; i++)
			wait_in(i, 0, 0);
		publish(0);
		return TEST_AGAIN;
	}
	if (turn == 1)
		wait_in(300, 0, 1); /* has read all there is; nothing more comes */
	if (room_busy(place(0)))
		return TEST_AGAIN;
	assert_int_equal(fx.n_told, 200);
	assert_int_equal(fx.readers[300].told, 0);
	return TEST_STOP;
}

/* Without anything new there is no next round. */
static void
begins_no_next_round_without_news(void **state)
{
	(void)state;
	test_run(fx.loop, no_next_steps, NULL);
}

/* A round takes its time. */
static void
slowly(struct reader *r)
{
	(void)r;
	clock_sleep_ms(1);
}

enum { CROWD = 300, BACK = CROWD - CROWD / 64 };

/* After a large round the next one waits until nearly all are back, or some times as long as the large one took. */
static enum test_next
rest_steps(void *ctx, int turn)
{
	static int phase;

	(void)ctx;
	if (turn == 0)
		phase = 0;
	switch (phase) {
	case 0:
		fx.on_wake = slowly;
		for (size_t i = 0; i < CROWD; i++)
			wait_in(i, 0, 0);
		publish(0);
		phase++;
		return TEST_AGAIN;
	case 1:
		if (room_busy(place(0)))
			return TEST_AGAIN;
		assert_int_equal(fx.n_told, CROWD);
		fx.on_wake = NULL;
		publish(0); /* nobody is back yet */
		assert_true(room_busy(place(0)));
		for (size_t i = 0; i < BACK - 1; i++)
			wait_in(i, 0, 1);
		phase++;
		return TEST_AGAIN;
	case 2:
		assert_int_equal(fx.n_told, CROWD);
		wait_in(BACK - 1, 0, 1);
		fx.on_wake = slowly;
		phase++;
		return TEST_AGAIN;
	case 3:
		if (room_busy(place(0)))
			return TEST_AGAIN;
		assert_int_equal(fx.n_told, CROWD + BACK);
		wait_in(0, 0, 2);
		publish(0);
		phase++;
		return TEST_AGAIN;
	case 4:
		assert_int_equal(fx.n_told, CROWD + BACK);
		phase++;
		return TEST_WAIT;
	default:
		/* The others stay away. */
		return fx.n_told == CROWD + BACK + 1 ? TEST_STOP : TEST_WAIT;
	}
}

static void
rests_until_a_crowd_is_back(void **state)
{
	(void)state;
	test_run(fx.loop, rest_steps, NULL);
}

/* A crowd that was just told; those who come back one by one gather, whatever came meanwhile, and however late. */
static enum test_next
gather_steps(void *ctx, int turn)
{
	static int phase;
	static int64_t since_ms;

	(void)ctx;
	if (turn == 0) {
		phase = 0;
		assert_false(room_gathers(place(0)));
		for (size_t i = 0; i < CROWD; i++)
			wait_in(i, 0, 0);
		publish(0);
		return TEST_AGAIN;
	}
	if (room_busy(place(0)))
		return TEST_AGAIN;
	switch (phase++) {
	case 0:
		assert_int_equal(fx.n_told, CROWD);
		clock_sleep_ms(50);
		/* The first who comes has something new, which came while nobody waited. */
		assert_true(room_gathers(place(0)));
		publish(0);
		wait_in(0, 0, 1);
		room_make_due(place(0));
		since_ms = clock_ms();
		return TEST_AGAIN;
	case 1:
		/* Alone it was told after a while, and the others are awaited still. */
		assert_int_equal(fx.n_told, CROWD + 1);
		assert_true(clock_ms() - since_ms >= 4);
		assert_true(room_gathers(place(0)));
		for (size_t i = 0; i < CROWD; i++)
			wait_in(i, 0, 2);
		/* Now there is nobody to wait for. */
		assert_false(room_gathers(place(0)));
		publish(0);
		return TEST_AGAIN;
	default:
		assert_int_equal(fx.n_told, CROWD + 1 + CROWD);
		return TEST_STOP;
	}
}

static void
gathers_those_of_a_crowd_that_come_back_one_by_one(void **state)
{
	(void)state;
	test_run(fx.loop, gather_steps, NULL);
}

/* Nothing else happens in the loop: a round that was put off begins by itself all the same. */
static bool
quiet_step(void *ctx)
{
	int *phase = ctx;

	if (*phase == 0 && fx.n_told == CROWD) {
		(*phase)++;
		publish(0);
		wait_in(0, 0, 1);
		room_make_due(place(0));
		return true;
	}
	if (*phase == 1 && fx.n_told == CROWD + 1) {
		(*phase)++;
		for (size_t i = 0; i < CROWD; i++)
			wait_in(i, 0, 2);
		rooms_expect(fx.rooms, true);
		publish(0);
		return true;
	}
	if (*phase == 2 && fx.n_told == 2 * CROWD + 1)
		loop_stop(fx.loop);
	return false;
}

static void
quiet_begin(void *ctx, struct timer *t)
{
	(void)ctx;
	(void)t;
	for (size_t i = 0; i < CROWD; i++)
		wait_in(i, 0, 0);
	publish(0);
}

static void
begins_a_round_that_was_put_off_though_nothing_else_happens(void **state)
{
	struct timer timer = {.set = false};
	int phase = 0;

	(void)state;
	loop_hook(fx.loop, LOOP_SWEEP, quiet_step, &phase);
	loop_timer_set(fx.loop, &timer, loop_timer_kind(fx.loop, quiet_begin, NULL), 0);
	loop_run(fx.loop); /* the watchdog ends it, should it sleep until something else happens */
	assert_int_equal(phase, 2);
}

/* A large round that could begin waits for what is being committed: until it is there, or for a moment. */
static enum test_next
hold_steps(void *ctx, int turn)
{
	static int phase;
	static int since_turn;
	static int64_t since_ms;

	(void)ctx;
	if (turn == 0)
		phase = 0;
	switch (phase) {
	case 0:
		/* Not the first one, nor a small one. */
		rooms_expect(fx.rooms, true);
		for (size_t i = 0; i < CROWD; i++)
			wait_in(i, 0, 0);
		wait_in(CROWD, 1, 0);
		publish(0);
		publish(1);
		phase++;
		return TEST_AGAIN;
	case 1:
		if (room_busy(place(0)))
			return TEST_AGAIN;
		assert_int_equal(fx.n_told, CROWD + 1);
		for (size_t i = 0; i < CROWD; i++)
			wait_in(i, 0, 1);
		wait_in(CROWD, 1, 2);
		publish(0);
		publish(1);
		phase++;
		return TEST_AGAIN;
	case 2:
		/* Only the small one. */
		assert_int_equal(fx.n_told, CROWD + 2);
		assert_true(room_busy(place(0)));
		publish(0);
		rooms_expect(fx.rooms, false);
		phase++;
		return TEST_AGAIN;
	case 3:
		/* At once. */
		assert_true(fx.n_told > CROWD + 2);
		if (room_busy(place(0)))
			return TEST_AGAIN;
		assert_int_equal(fx.n_told, 2 * CROWD + 2);
		for (size_t i = 0; i < CROWD; i++)
			wait_in(i, 0, 5);
		rooms_expect(fx.rooms, true);
		publish(0);
		since_ms = clock_ms();
		since_turn = turn;
		phase++;
		return TEST_AGAIN;
	default:
		/* What is being committed does not come: once is enough. */
		assert_true(fx.n_told == 2 * CROWD + 2 || clock_ms() - since_ms >= 4);
		assert_true(turn - since_turn < 30);
		return fx.n_told < 3 * CROWD + 2 ? TEST_WAIT : TEST_STOP;
	}
}

static void
holds_a_large_round_for_what_is_being_committed(void **state)
{
	(void)state;
	test_run(fx.loop, hold_steps, NULL);
}

static enum test_next
fair_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < 390; i++)
			wait_in(i, 0, 0);
		wait_in(390, 1, 0);
		publish(0);
		publish(1);
		return TEST_AGAIN;
	}
	/* A large room does not keep a small one waiting. */
	assert_int_equal(fx.readers[390].told, 1);
	assert_true(fx.n_told < 390);
	return TEST_STOP;
}

static void
keeps_no_small_room_waiting_for_a_large_one(void **state)
{
	(void)state;
	test_run(fx.loop, fair_steps, NULL);
}

/* The first who is told makes others go: one of the same round, one that waits for the next, one of another room. */
static void
unwait_others(struct reader *r)
{
	(void)r;
	fx.on_wake = NULL;
	room_unwait(&fx.readers[1].waiter);
	room_unwait(&fx.readers[5].waiter);
	room_unwait(&fx.readers[6].waiter);
	room_unwait(&fx.readers[6].waiter); /* again is no harm */
	room_unwait(&fx.readers[0].waiter); /* is unlinked already */
	wait_in(7, 0, 0);
}

static enum test_next
unwait_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (turn) {
	case 0:
		for (size_t i = 0; i < 3; i++)
			wait_in(i, 0, 0);
		wait_in(6, 1, 0);
		publish(0);
		publish(1);
		wait_in(5, 0, 1); /* still in this round: it has not begun */
		fx.on_wake = unwait_others;
		return TEST_AGAIN;
	case 1:
		assert_told(2, 0, 2);
		assert_null(fx.readers[1].waiter.room);
		assert_non_null(fx.readers[7].waiter.room);
		/* Those who go at any time leave nothing behind. */
		wait_in(1, 2, 0);
		assert_non_null(room_find(fx.rooms, STR("c")));
		room_unwait(&fx.readers[1].waiter);
		assert_null(room_find(fx.rooms, STR("c")));
		wait_in(1, 2, 0);
		room_make_due(fx.readers[1].room);
		room_unwait(&fx.readers[1].waiter);
		return TEST_AGAIN;
	case 2:
		assert_told(0);
		assert_null(room_find(fx.rooms, STR("c")));
		return TEST_STOP;
	default:
		fail();
		return TEST_STOP;
	}
}

static void
tells_no_waiter_that_has_gone(void **state)
{
	(void)state;
	test_run(fx.loop, unwait_steps, NULL);
}

static enum test_next
reset_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (turn) {
	case 0:
		publish(0);
		publish(1);
		wait_in(0, 0, 1);
		wait_in(1, 2, 2);
		wait_in(2, ROOMS, 2);
		for (size_t i = 10; i < 210; i++)
			wait_in(i, 1, 2);
		publish(1);
		return TEST_AGAIN;
	case 1:
		wait_in(3, 1, 3); /* in the middle of a round */
		for (size_t i = 0; i < 3; i++)
			fx.readers[i].again = !room_was_reset(fx.rooms, &fx.readers[i].waiter);
		assert_true(fx.readers[0].again && fx.readers[1].again);
		rooms_reset(fx.rooms, "epoch2", 7);
		assert_string_equal(rooms_epoch(fx.rooms), "epoch2");
		assert_int_equal(rooms_head(fx.rooms), 7);
		assert_int_equal(rooms_floor(fx.rooms), 7);
		assert_int_equal(rooms_counts(fx.rooms).messages, 0);
		assert_int_equal(room_chain(place(1))->n, 0);
		assert_true(room_was_reset(fx.rooms, &fx.readers[0].waiter));
		assert_true(room_was_reset(fx.rooms, &fx.readers[3].waiter));
		wait_in(4, 0, 7); /* of the new log, and told of nothing that matters to it */
		assert_false(room_was_reset(fx.rooms, &fx.readers[4].waiter));
		return TEST_AGAIN;
	default:
		if (turn < 20)
			return TEST_AGAIN;
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(fx.readers[i].told, 1);
		for (size_t i = 10; i < 210; i++)
			assert_int_equal(fx.readers[i].told, 1);
		return TEST_STOP;
	}
}

static void
wakes_everybody_when_the_log_becomes_another(void **state)
{
	uint64_t resets = rooms_resets(fx.rooms);

	(void)state;
	test_run(fx.loop, reset_steps, NULL);
	assert_int_equal(rooms_resets(fx.rooms), resets + 1);
}

static void
knows_what_was_changed_and_deleted(void **state)
{
	struct message *now;

	(void)state;
	for (int i = 0; i < 4; i++)
		publish(0);
	publish(1);
	assert_int_equal(room_deleted(place(0)), 0);
	rooms_change(fx.rooms, STR("a"), 2, NULL);
	assert_int_equal(room_deleted(place(0)), 2);
	assert_int_equal(room_deleted(place(ROOMS)), 2);
	assert_int_equal(room_deleted(place(1)), 0);
	assert_int_equal(room_chain(place(0))->n, 3);
	rooms_change(fx.rooms, STR("a"), 1, NULL);
	assert_int_equal(room_deleted(place(0)), 2); /* the greatest */
	now = message(3, 0);
	rooms_change(fx.rooms, STR("a"), 3, now);
	assert_ptr_equal(ring_at(room_chain(place(0)), 0), now);
	assert_int_equal(room_deleted(place(0)), 2);
	/* A room whose last message goes is remembered as long as the mark may matter. */
	rooms_change(fx.rooms, STR("b"), 5, NULL);
	assert_non_null(room_find(fx.rooms, STR("b")));
	assert_int_equal(room_deleted(place(1)), 5);
	/* Of what memory does not hold nothing is noted. */
	rooms_reset(fx.rooms, "epoch2", 100);
	assert_null(room_find(fx.rooms, STR("b")));
	rooms_change(fx.rooms, STR("c"), 100, NULL);
	rooms_change(fx.rooms, STR("c"), 50, message(50, 2));
	assert_null(room_find(fx.rooms, STR("c")));
	assert_int_equal(room_deleted(place(ROOMS)), 0);
	fx.next_id = 101;
	rooms_change(fx.rooms, STR("c"), 101, NULL);
	assert_int_equal(room_deleted(place(2)), 101);
}

static enum test_next
mended_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (turn) {
	case 0:
		publish(0);
		rooms_publish_end(fx.rooms, 2);
		fx.next_id = 3;
		publish(1);
		wait_in(0, 2, 0);
		wait_in(1, ROOMS, 1);
		rooms_change(fx.rooms, STR("c"), 2, message(2, 2));
		return TEST_AGAIN;
	default:
		/* A waiter that was below finds it in the database; nothing in memory hides it. */
		assert_int_equal(rooms_floor(fx.rooms), 3);
		assert_int_equal(room_chain(place(2))->floor, 3);
		assert_told(2, 1, 0);
		return TEST_STOP;
	}
}

/* A row that could not be told when it came, and can now. */
static void
leaves_a_row_that_was_mended_to_the_database(void **state)
{
	(void)state;
	test_run(fx.loop, mended_steps, NULL);
}

static enum test_next
gap_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (turn) {
	case 0:
		publish(0);
		wait_in(0, 0, 0);
		wait_in(1, 1, 0);
		wait_in(2, ROOMS, 1);
		rooms_change(fx.rooms, STR("a"), 1, NULL);
		return TEST_AGAIN;
	default:
		assert_told(2, 0, 2);
		return TEST_STOP;
	}
}

/* Waiters are told when something was deleted: there may be a gap above their cursor. */
static void
wakes_waiters_when_something_is_deleted(void **state)
{
	(void)state;
	test_run(fx.loop, gap_steps, NULL);
}

static void
finds_each_of_many_rooms_by_its_name(void **state)
{
	char name[16];
	struct room *rooms[1000];
	static struct waiter waiters[1000];

	(void)state;
	memset(waiters, 0, sizeof waiters);
	for (size_t i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "room-%zu", i);
		assert_null(room_find(fx.rooms, str_of(name)));
		rooms[i] = room_get(fx.rooms, str_of(name));
		room_wait(rooms[i], &waiters[i], ROOM_POLL, 0);
	}
	assert_int_equal(rooms_counts(fx.rooms).rooms, 1000);
	for (size_t i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "room-%zu", i);
		assert_ptr_equal(room_find(fx.rooms, str_of(name)), rooms[i]);
		assert_ptr_equal(room_get(fx.rooms, str_of(name)), rooms[i]);
	}
	for (size_t i = 0; i < 1000; i++)
		room_unwait(&waiters[i]);
	assert_int_equal(rooms_counts(fx.rooms).rooms, 0);
}

/*
 * Anything at random, and after every turn: a waiter that has something new above its cursor was told, or its room is
 * busy. No turn tells more than 64.
 */
static bool
has_news(const struct reader *r)
{
	const struct ring_chain *chain = room_chain(r->room);

	return ring_above(chain, r->since) < chain->n || room_deleted(r->room) > r->since ||
	       room_was_reset(fx.rooms, &r->waiter);
}

static void
read_on(struct reader *r)
{
	size_t i = (size_t)(r - fx.readers);

	if (test_random(3) == 0)
		return;
	if (room_was_reset(fx.rooms, &r->waiter))
		wait_in(i, r->place, rooms_head(fx.rooms));
	else if (!has_news(r))
		wait_in(i, r->place, r->since);
	else
		wait_in(i, r->place, rooms_head(fx.rooms));
	if (test_random(10) == 0)
		room_unwait(&fx.readers[test_random(WAITERS)].waiter);
}

static enum test_next
random_steps(void *ctx, int turn)
{
	static size_t quiet;

	(void)ctx;
	if (turn == 0)
		quiet = 0;
	assert_true(fx.told_by_turn <= 64);
	fx.told_by_turn = 0;
	for (size_t i = 0; i < WAITERS; i++) {
		struct reader *r = &fx.readers[i];

		if (r->waiter.room != NULL && has_news(r) && !room_busy(r->room) && r->since != rooms_head(fx.rooms))
			fail_msg("turn %d: a waiter at %lld was not told", turn, (long long)r->since);
	}
	if (turn >= 4000) {
		/* At last everything comes to rest. */
		fx.on_wake = NULL;
		assert_true(++quiet < 100);
		for (size_t i = 0; i <= ROOMS; i++)
			if (room_busy(place(i)))
				return TEST_AGAIN;
		return TEST_STOP;
	}
	for (size_t n = test_random(8); n > 0; n--) {
		size_t i = test_random(WAITERS), what = test_random(100);

		if (what < 50) {
			if (fx.readers[i].waiter.room == NULL)
				wait_in(i, test_random(ROOMS + 1), rooms_head(fx.rooms));
		} else if (what < 60)
			room_unwait(&fx.readers[i].waiter);
		else if (what < 90)
			publish(test_random(ROOMS));
		else if (what < 97 && fx.next_id > 1)
			rooms_change(fx.rooms, str_of(NAMES[test_random(ROOMS)]),
			    (int64_t)test_random((size_t)fx.next_id), NULL);
		else if (what < 98)
			rooms_reset(fx.rooms, "epoch", fx.next_id - 1);
	}
	return TEST_AGAIN;
}

static void
leaves_no_waiter_behind_whatever_happens(void **state)
{
	(void)state;
	test_seed(11);
	fx.on_wake = read_on;
	test_run(fx.loop, random_steps, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(tells_nobody_at_once_and_all_that_wait_in_the_next_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(gathers_what_comes_during_a_round_for_the_next, setup, teardown),
	    cmocka_unit_test_setup_teardown(begins_no_next_round_without_news, setup, teardown),
	    cmocka_unit_test_setup_teardown(rests_until_a_crowd_is_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(gathers_those_of_a_crowd_that_come_back_one_by_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        begins_a_round_that_was_put_off_though_nothing_else_happens, setup, teardown),
	    cmocka_unit_test_setup_teardown(holds_a_large_round_for_what_is_being_committed, setup, teardown),
	    cmocka_unit_test_setup_teardown(keeps_no_small_room_waiting_for_a_large_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(tells_no_waiter_that_has_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(wakes_everybody_when_the_log_becomes_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(knows_what_was_changed_and_deleted, setup, teardown),
	    cmocka_unit_test_setup_teardown(leaves_a_row_that_was_mended_to_the_database, setup, teardown),
	    cmocka_unit_test_setup_teardown(wakes_waiters_when_something_is_deleted, setup, teardown),
	    cmocka_unit_test_setup_teardown(finds_each_of_many_rooms_by_its_name, setup, teardown),
	    cmocka_unit_test_setup_teardown(leaves_no_waiter_behind_whatever_happens, setup, teardown),
	};

	return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
