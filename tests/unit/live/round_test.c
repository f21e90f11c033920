/*
 * The states of a round, by the table of round.c: each event in each state, and what the mechanisms that wait decide.
 * Clock and timers are the test's own.
 */
#include "live/round.h"

#include <sched.h>

#include "base/clock.h"
#include "test.h"

enum {
	CROWD = 256,
	BACK = CROWD - CROWD / 64, /* nearly all of them */
	TOLD_MS = 10,              /* how long it takes to tell the crowd */
	REST_MS = (TOLD_MS + 1) * 4,
	HOLD_MS = 4,
	EVERYTHING = 1 << 20,
};

enum event { NEWS, ADDED, OVER, TURN };

int64_t __wrap_clock_ms(void);
uint8_t __wrap_loop_timer_kind(struct loop *loop, loop_timer_fn *fn, void *ctx);
void __wrap_loop_timer_set(struct loop *loop, struct timer *t, uint8_t kind, int64_t wait_ms);
void __wrap_loop_timer_clear(struct loop *loop, struct timer *t);
bool __wrap_loop_spent(const struct loop *loop);
int __wrap_sched_yield(void);

static struct fixture {
	struct rounds all;
	struct round round, other;
	struct waiter waiters[2 * CROWD];
	size_t n_added, n_told, n_ended, n_yields;
	int steps; /* of rounds_tell(), before the loop says that it was enough */
	int64_t now_ms;
	loop_timer_fn *on_timer;
	void *ctx;
	void (*on_wake)(void);
} fx;

int64_t
__wrap_clock_ms(void)
{
	return fx.now_ms;
}

uint8_t
__wrap_loop_timer_kind(struct loop *loop, loop_timer_fn *fn, void *ctx)
{
	(void)loop;
	fx.on_timer = fn;
	fx.ctx = ctx;
	return 7;
}

void
__wrap_loop_timer_set(struct loop *loop, struct timer *t, uint8_t kind, int64_t wait_ms)
{
	(void)loop;
	assert_int_equal(kind, 7);
	t->set = true;
	t->due = (uint32_t)(fx.now_ms + wait_ms);
}

void
__wrap_loop_timer_clear(struct loop *loop, struct timer *t)
{
	(void)loop;
	t->set = false;
}

bool
__wrap_loop_spent(const struct loop *loop)
{
	(void)loop;
	return fx.steps-- == 0;
}

int
__wrap_sched_yield(void)
{
	fx.n_yields++;
	return 0;
}

static void
wake(void *ctx, struct room *room, struct waiter *w)
{
	assert_ptr_equal(ctx, &fx);
	assert_ptr_equal(room, &fx);
	assert_null(w->room);
	fx.n_told++;
	if (fx.on_wake != NULL)
		fx.on_wake();
}

static void
ended(struct round *round)
{
	fx.n_ended++;
	assert_true(round->state < ROUND_DUE);
}

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.now_ms = 1000;
	rounds_init(&fx.all, NULL, ended);
	fx.all.kinds[ROOM_SESSION].fn = wake;
	fx.all.kinds[ROOM_SESSION].ctx = &fx;
	round_init(&fx.all, &fx.round, NULL);
	round_init(&fx.all, &fx.other, NULL);
	return 0;
}

static void
add_to(struct round *round, size_t n)
{
	while (n-- > 0) {
		struct waiter *w = &fx.waiters[fx.n_added++ % LENGTH(fx.waiters)];

		assert_null(w->room);
		w->room = (struct room *)(void *)&fx;
		w->kind = ROOM_SESSION;
		round_add(round, w);
	}
}

static void
add(size_t n)
{
	add_to(&fx.round, n);
}

static void
news(void)
{
	round_make_due(&fx.round);
}

/* So many steps, which tell a waiter each unless a round ends. */
static void
tell(int steps)
{
	fx.steps = steps;
	while (fx.steps > 0 && rounds_tell(&fx.all))
		;
}

static void
fire(void)
{
	if (!fx.round.timer.set || fx.now_ms < fx.round.timer.due)
		return;
	fx.round.timer.set = false;
	fx.on_timer(fx.ctx, &fx.round.timer);
}

/* A large round was told, and nobody is back. */
static void
tell_crowd(void)
{
	add(CROWD);
	news();
	tell(1);
	fx.now_ms += TOLD_MS;
	tell(EVERYTHING);
	assert_int_equal(fx.n_told, CROWD);
	assert_int_equal(fx.round.state, ROUND_IDLE);
}

static void
be_held(void)
{
	tell_crowd();
	add(CROWD);
	rounds_expect(&fx.all, true);
	news();
	tell(1);
}

static void
begin(enum round_state state)
{
	switch (state) {
	case ROUND_RESTING: /* for one more */
		tell_crowd();
		add(BACK - 1);
		news();
		break;
	case ROUND_HELD:
		be_held();
		break;
	case ROUND_READY:
		be_held();
		rounds_expect(&fx.all, false);
		break;
	case ROUND_DUE:
		add(1);
		news();
		break;
	case ROUND_TELLING:
	case ROUND_TELLING_DUE: /* nobody is left to be told, and one waits for the next */
		add(1);
		news();
		tell(1);
		add(1);
		if (state == ROUND_TELLING_DUE)
			news();
		break;
	default:
		add(1);
	}
	assert_int_equal(fx.round.state, state);
	fx.n_told = fx.n_ended = 0;
}

static void
happen(enum event event)
{
	switch (event) {
	case NEWS:
		news();
		break;
	case ADDED:
		add(1);
		break;
	case OVER:
		fx.now_ms += 1000;
		fire();
		break;
	case TURN:
		tell(1);
		break;
	}
}

/* Where something can be told of the event, `told` is how many waiters were told by it. */
static const struct row {
	const char *name;
	enum round_state from;
	enum event event;
	enum round_state to;
	size_t told;
} ROWS[] = {
    {"an_idle_round_is_due_when_news_comes", ROUND_IDLE, NEWS, ROUND_DUE, 0},
    {"an_idle_round_waits_for_news_whoever_comes", ROUND_IDLE, ADDED, ROUND_IDLE, 0},
    {"an_idle_round_waits_for_news_however_long", ROUND_IDLE, OVER, ROUND_IDLE, 0},
    {"an_idle_round_has_no_turn", ROUND_IDLE, TURN, ROUND_IDLE, 0},
    {"a_resting_round_rests_on_when_more_news_comes", ROUND_RESTING, NEWS, ROUND_RESTING, 0},
    {"a_resting_round_is_due_when_nearly_all_are_back", ROUND_RESTING, ADDED, ROUND_DUE, 0},
    {"a_resting_round_is_due_when_its_time_is_over", ROUND_RESTING, OVER, ROUND_DUE, 0},
    {"a_resting_round_has_no_turn", ROUND_RESTING, TURN, ROUND_RESTING, 0},
    {"a_held_round_is_held_on_when_more_news_comes", ROUND_HELD, NEWS, ROUND_HELD, 0},
    {"a_held_round_is_held_on_whoever_comes", ROUND_HELD, ADDED, ROUND_HELD, 0},
    {"a_held_round_is_ready_when_its_time_is_over", ROUND_HELD, OVER, ROUND_READY, 0},
    {"a_held_round_has_no_turn", ROUND_HELD, TURN, ROUND_HELD, 0},
    {"a_due_round_is_due_once_however_much_news_comes", ROUND_DUE, NEWS, ROUND_DUE, 0},
    {"a_due_round_takes_in_whoever_comes", ROUND_DUE, ADDED, ROUND_DUE, 0},
    {"a_due_round_waits_for_its_turn_however_long", ROUND_DUE, OVER, ROUND_DUE, 0},
    {"a_due_round_begins_at_its_turn", ROUND_DUE, TURN, ROUND_TELLING, 1},
    {"a_ready_round_is_not_put_off_by_more_news", ROUND_READY, NEWS, ROUND_READY, 0},
    {"a_ready_round_takes_in_whoever_comes", ROUND_READY, ADDED, ROUND_READY, 0},
    {"a_ready_round_waits_for_its_turn_however_long", ROUND_READY, OVER, ROUND_READY, 0},
    {"a_ready_round_begins_at_its_turn", ROUND_READY, TURN, ROUND_TELLING, 1},
    {"a_round_under_way_is_due_again_when_news_comes", ROUND_TELLING, NEWS, ROUND_TELLING_DUE, 0},
    {"a_round_under_way_does_not_take_in_who_comes", ROUND_TELLING, ADDED, ROUND_TELLING, 0},
    {"a_round_under_way_has_no_time", ROUND_TELLING, OVER, ROUND_TELLING, 0},
    {"a_round_under_way_ends_when_all_were_told", ROUND_TELLING, TURN, ROUND_IDLE, 0},
    {"a_round_due_again_is_due_once_however_much_news_comes", ROUND_TELLING_DUE, NEWS, ROUND_TELLING_DUE, 0},
    {"a_round_due_again_does_not_take_in_who_comes", ROUND_TELLING_DUE, ADDED, ROUND_TELLING_DUE, 0},
    {"a_round_due_again_has_no_time", ROUND_TELLING_DUE, OVER, ROUND_TELLING_DUE, 0},
    {"a_round_due_again_is_followed_by_the_next", ROUND_TELLING_DUE, TURN, ROUND_TELLING, 1},
};

static void
a_row(void **state)
{
	const struct row *row = *state;

	setup(NULL);
	begin(row->from);
	happen(row->event);
	assert_int_equal(fx.round.state, row->to);
	assert_int_equal(fx.n_told, row->told);
	assert_int_equal(fx.n_ended, row->from >= ROUND_DUE && row->to < ROUND_DUE);
	assert_int_equal(fx.round.timer.set, row->to == ROUND_RESTING || row->to == ROUND_HELD);
	assert_int_equal(rounds_are_due(&fx.all), row->to >= ROUND_DUE);
	assert_int_equal(round_busy(&fx.round), row->to != ROUND_IDLE);
	round_fini(&fx.round);
	assert_false(fx.round.timer.set || rounds_are_due(&fx.all) || !TAILQ_EMPTY(&fx.all.held));
}

/* ---- the rest ---- */

static void
a_resting_round_rests_on_while_more_than_a_few_are_away(void **state)
{
	(void)state;
	tell_crowd();
	add(BACK - 2);
	news();
	add(1);
	assert_int_equal(fx.round.state, ROUND_RESTING);
	add(1);
	assert_int_equal(fx.round.state, ROUND_DUE);
}

static void
a_rest_lasts_four_times_the_telling(void **state)
{
	(void)state;
	tell_crowd();
	fx.now_ms++;
	add(1);
	news();
	assert_int_equal(fx.round.state, ROUND_RESTING);
	assert_int_equal(fx.round.timer.due, fx.now_ms + REST_MS - 1);
	fx.now_ms += REST_MS - 2;
	news();
	assert_int_equal(fx.round.state, ROUND_RESTING);
	/* The timer may be late: then news makes it due. */
	fx.now_ms++;
	news();
	assert_int_equal(fx.round.state, ROUND_DUE);
	assert_false(fx.round.timer.set);
}

static void
a_rest_lasts_a_quarter_of_a_second_at_most(void **state)
{
	(void)state;
	add(CROWD);
	news();
	tell(1);
	fx.now_ms += 100;
	tell(EVERYTHING);
	news();
	assert_int_equal(fx.round.state, ROUND_RESTING);
	assert_int_equal(fx.round.timer.due, fx.now_ms + 250);
}

static void
a_small_round_is_followed_by_no_rest(void **state)
{
	(void)state;
	add(255);
	news();
	tell(255);
	news();
	add(1);
	tell(1);
	assert_int_equal(fx.round.state, ROUND_TELLING);
	assert_int_equal(fx.n_told, 256);
}

static void
a_round_due_again_rests_when_all_were_told(void **state)
{
	(void)state;
	add(CROWD);
	news();
	tell(CROWD);
	add(1);
	news();
	tell(1);
	assert_int_equal(fx.round.state, ROUND_RESTING);
	assert_int_equal(fx.n_told, CROWD);
	assert_int_equal(fx.n_ended, 1);
}

static void
the_first_of_a_crowd_that_was_away_longer_than_a_rest_rests_anew(void **state)
{
	(void)state;
	tell_crowd();
	fx.now_ms += REST_MS;
	assert_true(round_gathers(&fx.round));
	add(1);
	news();
	assert_int_equal(fx.round.state, ROUND_RESTING);
	assert_int_equal(fx.round.timer.due, fx.now_ms + REST_MS);
}

static void
a_crowd_is_forgotten_after_half_a_second(void **state)
{
	(void)state;
	tell_crowd();
	fx.now_ms += 499;
	assert_true(round_gathers(&fx.round));
	fx.now_ms++;
	assert_false(round_gathers(&fx.round));
	add(1);
	news();
	assert_int_equal(fx.round.state, ROUND_DUE);
	rounds_expect(&fx.all, true);
	tell(2);
	assert_int_equal(fx.n_told, CROWD + 1);
	news();
	assert_int_equal(fx.round.state, ROUND_DUE);
}

static void
nobody_gathers_when_the_crowd_is_back(void **state)
{
	(void)state;
	tell_crowd();
	add(BACK - 1);
	assert_true(round_gathers(&fx.round));
	add(1);
	assert_false(round_gathers(&fx.round));
}

static void
a_small_round_soon_after_a_large_one_is_followed_by_a_rest_too(void **state)
{
	(void)state;
	tell_crowd();
	add(1);
	news();
	fx.now_ms += REST_MS;
	fire();
	tell(2);
	assert_int_equal(fx.n_told, CROWD + 1);
	assert_int_equal(fx.round.state, ROUND_IDLE);
	round_make_due_if_waited(&fx.round);
	assert_int_equal(fx.round.state, ROUND_RESTING);
}

/* ---- the hold ---- */

static void
a_held_round_is_told_when_nothing_is_coming(void **state)
{
	(void)state;
	begin(ROUND_HELD);
	assert_int_equal(fx.round.timer.due, fx.now_ms + HOLD_MS);
	rounds_expect(&fx.all, true);
	assert_int_equal(fx.round.state, ROUND_HELD);
	rounds_expect(&fx.all, false);
	assert_int_equal(fx.round.state, ROUND_READY);
	tell(EVERYTHING);
	assert_int_equal(fx.n_told, CROWD);
}

static void
a_round_is_held_once(void **state)
{
	(void)state;
	begin(ROUND_HELD);
	fx.now_ms += HOLD_MS;
	fire();
	tell(1); /* although more is coming */
	assert_int_equal(fx.round.state, ROUND_TELLING);
	/* The next one is another one. */
	tell(EVERYTHING);
	add(CROWD);
	news();
	tell(1);
	assert_int_equal(fx.round.state, ROUND_HELD);
}

static void
a_round_without_a_crowd_is_not_held(void **state)
{
	(void)state;
	begin(ROUND_DUE);
	rounds_expect(&fx.all, true);
	tell(1);
	assert_int_equal(fx.round.state, ROUND_TELLING);
}

static void
a_round_that_has_rested_is_held_as_well(void **state)
{
	(void)state;
	begin(ROUND_RESTING);
	rounds_expect(&fx.all, true);
	add(1);
	tell(1);
	assert_int_equal(fx.round.state, ROUND_HELD);
}

static void
a_round_due_again_is_held_when_all_were_told(void **state)
{
	(void)state;
	add(CROWD);
	news();
	tell(CROWD);
	add(BACK);
	news();
	rounds_expect(&fx.all, true);
	tell(1);
	assert_int_equal(fx.round.state, ROUND_HELD);
	assert_int_equal(fx.n_ended, 1);
}

/* ---- the yield ---- */

static void
the_loop_yields_once_when_rounds_begin(void **state)
{
	(void)state;
	add(100);
	news();
	add_to(&fx.other, 1);
	round_make_due(&fx.other);
	fx.steps = EVERYTHING;
	assert_true(rounds_tell(&fx.all));
	assert_int_equal(fx.n_yields, 1);
	assert_false(rounds_tell(&fx.all));
	assert_int_equal(fx.n_yields, 1);
}

/* ---- impatient rounds ---- */

static void
without_rests_a_crowd_is_not_waited_for(void **state)
{
	(void)state;
	fx.all.patience.rest = false;
	tell_crowd();
	add(1);
	news();
	assert_int_equal(fx.round.state, ROUND_DUE);
}

static void
without_holds_a_round_begins_though_something_is_coming(void **state)
{
	(void)state;
	fx.all.patience.hold = false;
	tell_crowd();
	add(CROWD);
	rounds_expect(&fx.all, true);
	news();
	tell(1);
	assert_int_equal(fx.round.state, ROUND_TELLING);
}

static void
without_yields_the_loop_goes_on(void **state)
{
	(void)state;
	fx.all.patience.yield = false;
	add(1);
	news();
	tell(EVERYTHING);
	assert_int_equal(fx.n_told, 1);
	assert_int_equal(fx.n_yields, 0);
}

/* ---- the telling ---- */

static void
a_turn_of_the_loop_tells_64_and_rooms_take_turns(void **state)
{
	(void)state;
	add(200);
	news();
	add_to(&fx.other, 1);
	round_make_due(&fx.other);
	fx.steps = EVERYTHING;
	rounds_tell(&fx.all);
	/* The end of the small one is a step too. */
	assert_int_equal(fx.n_told, 63);
	assert_int_equal(fx.other.state, ROUND_IDLE);
}

static void
a_round_that_begins_with_nobody_ends_at_once_without_a_rest(void **state)
{
	(void)state;
	begin(ROUND_RESTING);
	add(1);
	for (size_t i = 0; i < LENGTH(fx.waiters); i++)
		if (fx.waiters[i].room != NULL)
			round_remove(&fx.round, &fx.waiters[i]);
	tell(1);
	assert_int_equal(fx.round.state, ROUND_IDLE);
	assert_int_equal(fx.n_ended, 1);
	assert_true(round_idle(&fx.round));
	round_make_due_if_waited(&fx.round);
	assert_int_equal(fx.round.state, ROUND_IDLE);
}

static void
news_that_nobody_waits_for_makes_no_round_due(void **state)
{
	(void)state;
	round_make_due_if_waited(&fx.round);
	assert_int_equal(fx.round.state, ROUND_IDLE);
	add(1);
	round_make_due_if_waited(&fx.round);
	assert_int_equal(fx.round.state, ROUND_DUE);
	tell(1);
	round_make_due_if_waited(&fx.round); /* while it is under way someone may come */
	assert_int_equal(fx.round.state, ROUND_TELLING_DUE);
}

static void
come_back(void)
{
	add(1);
	news();
}

static void
a_waiter_that_comes_back_as_it_is_told_is_in_the_next_round(void **state)
{
	(void)state;
	add(3);
	news();
	fx.on_wake = come_back;
	tell(3);
	assert_int_equal(fx.n_told, 3);
	assert_int_equal(fx.round.state, ROUND_TELLING_DUE);
	assert_int_equal(fx.n_ended, 0);
	fx.on_wake = NULL;
	tell(EVERYTHING);
	assert_int_equal(fx.n_told, 6);
	assert_int_equal(fx.n_ended, 1);
}

int
main(void)
{
	struct CMUnitTest rows[LENGTH(ROWS)];
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_resting_round_rests_on_while_more_than_a_few_are_away, setup),
	    cmocka_unit_test_setup(a_rest_lasts_four_times_the_telling, setup),
	    cmocka_unit_test_setup(a_rest_lasts_a_quarter_of_a_second_at_most, setup),
	    cmocka_unit_test_setup(a_small_round_is_followed_by_no_rest, setup),
	    cmocka_unit_test_setup(a_round_due_again_rests_when_all_were_told, setup),
	    cmocka_unit_test_setup(the_first_of_a_crowd_that_was_away_longer_than_a_rest_rests_anew, setup),
	    cmocka_unit_test_setup(a_crowd_is_forgotten_after_half_a_second, setup),
	    cmocka_unit_test_setup(nobody_gathers_when_the_crowd_is_back, setup),
	    cmocka_unit_test_setup(a_small_round_soon_after_a_large_one_is_followed_by_a_rest_too, setup),
	    cmocka_unit_test_setup(a_held_round_is_told_when_nothing_is_coming, setup),
	    cmocka_unit_test_setup(a_round_is_held_once, setup),
	    cmocka_unit_test_setup(a_round_without_a_crowd_is_not_held, setup),
	    cmocka_unit_test_setup(a_round_that_has_rested_is_held_as_well, setup),
	    cmocka_unit_test_setup(a_round_due_again_is_held_when_all_were_told, setup),
	    cmocka_unit_test_setup(the_loop_yields_once_when_rounds_begin, setup),
	    cmocka_unit_test_setup(without_rests_a_crowd_is_not_waited_for, setup),
	    cmocka_unit_test_setup(without_holds_a_round_begins_though_something_is_coming, setup),
	    cmocka_unit_test_setup(without_yields_the_loop_goes_on, setup),
	    cmocka_unit_test_setup(a_turn_of_the_loop_tells_64_and_rooms_take_turns, setup),
	    cmocka_unit_test_setup(a_round_that_begins_with_nobody_ends_at_once_without_a_rest, setup),
	    cmocka_unit_test_setup(news_that_nobody_waits_for_makes_no_round_due, setup),
	    cmocka_unit_test_setup(a_waiter_that_comes_back_as_it_is_told_is_in_the_next_round, setup),
	};
	int failed;

	for (size_t i = 0; i < LENGTH(ROWS); i++)
		rows[i] = (struct CMUnitTest){ROWS[i].name, a_row, NULL, NULL, (void *)(uintptr_t)&ROWS[i]};
	failed = cmocka_run_group_tests_name("round, state by event", rows, NULL, NULL);
	return failed + cmocka_run_group_tests_name("round", tests, NULL, NULL);
}
