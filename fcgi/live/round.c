#include "round.h"

#include <sched.h>
#include <stddef.h>

#include "base/clock.h"

enum {
	WAKES_PER_TURN = 64, /* so that a big round never starves the rest of the loop */
	LARGE = 256,         /* a round this large is followed by a rest */
	STRAGGLERS = 64,     /* of 64 waiters one need not be back */
	RESTS = 4,           /* a rest lasts at most 4 times the telling */
	REST_MAX_MS = 250,
	CROWD_MS = 500, /* so long after a large round its waiters may still be waited for */
	HOLD_MS = 4,
};

enum event {
	NEWS,  /* there is something that waiters have not been told */
	ADDED, /* a waiter came */
	OVER,  /* the state's timer went off, or what a held round waits for is there */
	TURN,  /* the round is first in rounds->busy, and nobody is left to be told in it */
	EVENTS
};

/* Returns the state that follows. NULL in the table: nothing changes, or it cannot be. */
typedef enum round_state step_fn(struct round *round);
static step_fn rest_or_due, due_if_rested, due_if_back, over, hold_or_begin, release, begin, due_again, end,
    end_and_next;

/* clang-format off */
static step_fn *const STEPS[ROUND_STATES][EVENTS] = {
	/*                     NEWS           ADDED        OVER           TURN */
	[ROUND_IDLE]        = {rest_or_due,   NULL,        NULL,          NULL},
	[ROUND_RESTING]     = {due_if_rested, due_if_back, over,          NULL},
	[ROUND_HELD]        = {NULL,          NULL,        release,       NULL},
	[ROUND_DUE]         = {NULL,          NULL,        NULL,          hold_or_begin},
	[ROUND_READY]       = {NULL,          NULL,        NULL,          begin},
	[ROUND_TELLING]     = {due_again,     NULL,        NULL,          end},
	[ROUND_TELLING_DUE] = {NULL,          NULL,        NULL,          end_and_next},
};
/* clang-format on */

static struct roundlist *
list_of(struct rounds *all, enum round_state state)
{
	return state >= ROUND_DUE ? &all->busy : state == ROUND_HELD ? &all->held : NULL;
}

static void
enter(struct round *round, enum round_state state)
{
	struct rounds *all = round->all;
	struct roundlist *from = list_of(all, round->state), *to = list_of(all, state);

	if (state == round->state)
		return;
	round->state = state;
	if (from != to && from != NULL)
		TAILQ_REMOVE(from, round, link);
	if (from != to && to != NULL)
		TAILQ_INSERT_TAIL(to, round, link);
	loop_timer_clear(all->loop, &round->timer);
	if (state == ROUND_RESTING)
		loop_timer_set(all->loop, &round->timer, all->timer_kind, round->crowd.rest_until_ms - clock_ms());
	else if (state == ROUND_HELD)
		loop_timer_set(all->loop, &round->timer, all->timer_kind, HOLD_MS);
}

static void
step(struct round *round, enum event event)
{
	if (STEPS[round->state][event] != NULL)
		enter(round, STEPS[round->state][event](round));
}

static void
on_timer(void *ctx, struct timer *t)
{
	(void)ctx;
	step(CONTAINER(t, struct round, timer), OVER);
}

/* ---- the crowd ---- */

/* Whether a large round was told a moment ago. */
static bool
has_crowd(const struct round *round)
{
	return round->crowd.n > 0 && clock_ms() < round->crowd.until_ms;
}

static bool
crowd_is_back(const struct round *round)
{
	return round->n[round->parked] >= round->crowd.n;
}

static bool
crowd_is_away(const struct round *round)
{
	return !crowd_is_back(round) && has_crowd(round);
}

static void
note_crowd(struct round *round)
{
	int64_t now = clock_ms(), rest_ms = (now - round->began_ms + 1) * RESTS;

	if (round->told >= LARGE) {
		round->crowd.n = round->told - round->told / STRAGGLERS;
		round->crowd.rest_ms = (uint32_t)(rest_ms < REST_MAX_MS ? rest_ms : REST_MAX_MS);
		round->crowd.until_ms = now + CROWD_MS;
	} else if (now >= round->crowd.until_ms)
		round->crowd.n = 0;
}

/* ---- the rest: for a crowd on its way back ---- */

/* When a round ends; and anew when the crowd stays away for longer, with news for the first of it that is back. */
static void
begin_rest(struct round *round)
{
	round->crowd.rest_until_ms = clock_ms() + round->crowd.rest_ms;
}

static bool
rests(const struct round *round)
{
	return round->all->patience.rest && !crowd_is_back(round) && clock_ms() < round->crowd.rest_until_ms;
}

static enum round_state
rest_or_due(struct round *round)
{
	if (!rests(round) && crowd_is_away(round))
		begin_rest(round);
	return due_if_rested(round);
}

static enum round_state
due_if_rested(struct round *round)
{
	return rests(round) ? ROUND_RESTING : ROUND_DUE;
}

static enum round_state
due_if_back(struct round *round)
{
	return crowd_is_back(round) ? ROUND_DUE : ROUND_RESTING;
}

/* Timers are never early. */
static enum round_state
over(struct round *round)
{
	(void)round;
	return ROUND_DUE;
}

/* ---- the hold: for what is being committed ---- */

static enum round_state
hold_or_begin(struct round *round)
{
	return round->all->patience.hold && round->all->coming && has_crowd(round) ? ROUND_HELD : begin(round);
}

static enum round_state
release(struct round *round)
{
	(void)round;
	return ROUND_READY;
}

/* ---- the yield: for the web server ---- */

/* Where it shares our processor it would not run before our slice is over, a few ms later; so it passes the first
 * answers on now. With a processor for each this costs nothing. */
static void
yield_if_begun(struct rounds *all)
{
	if (all->began && all->patience.yield)
		sched_yield();
	all->began = false;
}

/* ---- the telling ---- */

/* All who wait become the round. */
static enum round_state
begin(struct round *round)
{
	round->all->began = true;
	round->told = 0;
	round->began_ms = clock_ms();
	round->crowd.rest_until_ms = 0;
	round->parked = !round->parked;
	return round->n[!round->parked] > 0 ? ROUND_TELLING : ROUND_IDLE;
}

static enum round_state
due_again(struct round *round)
{
	(void)round;
	return ROUND_TELLING_DUE;
}

static enum round_state
end(struct round *round)
{
	note_crowd(round);
	begin_rest(round);
	return ROUND_IDLE;
}

static enum round_state
end_and_next(struct round *round)
{
	end(round);
	return rests(round) ? ROUND_RESTING : hold_or_begin(round);
}

static void
tell_one(struct round *round)
{
	struct rounds *all = round->all;
	struct waiter *w = TAILQ_FIRST(&round->waiters[!round->parked]);
	struct room *room = w->room;

	round_remove(round, w);
	round->told++;
	all->woken++;
	/* The round is under way, so the room outlives the call. */
	all->kinds[w->kind].fn(all->kinds[w->kind].ctx, room, w);
	/* In turn, so that a large room does not keep a small one waiting. */
	TAILQ_REMOVE(&all->busy, round, link);
	TAILQ_INSERT_TAIL(&all->busy, round, link);
}

bool
rounds_tell(void *ctx)
{
	struct rounds *all = ctx;
	struct round *round;

	for (int i = 0; i < WAKES_PER_TURN && !loop_spent(all->loop) && (round = TAILQ_FIRST(&all->busy)) != NULL;
	     i++) {
		if (round->n[!round->parked] == 0)
			step(round, TURN);
		if (round->n[!round->parked] > 0)
			tell_one(round);
		else
			all->ended(round);
	}
	yield_if_begun(all);
	return rounds_are_due(all);
}

bool
rounds_are_due(void *ctx)
{
	struct rounds *all = ctx;

	return !TAILQ_EMPTY(&all->busy);
}

void
rounds_expect(struct rounds *all, bool coming)
{
	struct round *round;

	all->coming = coming;
	while (!coming && (round = TAILQ_FIRST(&all->held)) != NULL)
		step(round, OVER);
}

/* ---- what a room does with its round ---- */

void
rounds_init(struct rounds *all, struct loop *loop, round_ended_fn *ended)
{
	*all = (struct rounds){.loop = loop, .ended = ended, .patience = {.rest = true, .hold = true, .yield = true}};
	all->timer_kind = loop_timer_kind(loop, on_timer, NULL);
	TAILQ_INIT(&all->busy);
	TAILQ_INIT(&all->held);
}

void
round_init(struct rounds *all, struct round *round, void *owner)
{
	*round = (struct round){.all = all, .owner = owner};
	TAILQ_INIT(&round->waiters[0]);
	TAILQ_INIT(&round->waiters[1]);
}

void
round_fini(struct round *round)
{
	enter(round, ROUND_IDLE);
}

bool
round_busy(const struct round *round)
{
	return round->state != ROUND_IDLE;
}

bool
round_gathers(const struct round *round)
{
	return round_busy(round) || crowd_is_away(round);
}

bool
round_idle(const struct round *round)
{
	return !round_busy(round) && round->n[round->parked] == 0;
}

void
round_add(struct round *round, struct waiter *w)
{
	w->list = round->parked == 1;
	TAILQ_INSERT_TAIL(&round->waiters[w->list], w, link);
	round->n[w->list]++;
	step(round, ADDED);
}

void
round_remove(struct round *round, struct waiter *w)
{
	TAILQ_REMOVE(&round->waiters[w->list], w, link);
	round->n[w->list]--;
	w->room = NULL;
}

void
round_make_due(struct round *round)
{
	step(round, NEWS);
}

void
round_make_due_if_waited(struct round *round)
{
	/* While they are away nobody may wait yet, but those who come must not be told one by one. */
	if (round->state == ROUND_TELLING || round->n[round->parked] > 0 || rests(round))
		round_make_due(round);
}
