#include "round.h"

#include <sched.h>
#include <stddef.h>

#include "base/clock.h"

enum {
	WAKES_PER_TURN = 64, /* so that a big round never starves the rest of the loop */
	LARGE = 256,         /* from so many on those who were told are waited for */
	STRAGGLERS = 64,     /* one of so many need not be */
	RESTS = 4,           /* for how many times as long as it took to tell them */
	REST_MAX_MS = 250,
	CROWD_MS = 500, /* so long after a large round its waiters may still be waited for */
	HOLD_MS = 4,
};

/* A round that was put off is so no more. */
static void
take_up(struct rounds *all, struct round *round)
{
	if (round->held)
		TAILQ_REMOVE(&all->held, round, link);
	if (round->later)
		loop_timer_clear(all->loop, &round->timer);
	round->held = round->later = false;
}

static void
list(struct rounds *all, struct round *round)
{
	take_up(all, round);
	round->most = 0;
	round->due = true;
	if (round->listed)
		return;
	round->listed = true;
	TAILQ_INSERT_TAIL(&all->busy, round, link);
}

static void
on_rest_timer(void *ctx, struct timer *t)
{
	list(ctx, CONTAINER(t, struct round, timer));
}

void
rounds_init(struct rounds *all, struct loop *loop, round_ended_fn *ended)
{
	*all = (struct rounds){.loop = loop, .ended = ended};
	all->timer_kind = loop_timer_kind(loop, on_rest_timer, all);
	TAILQ_INIT(&all->busy);
	TAILQ_INIT(&all->held);
}

void
rounds_fini(struct rounds *all)
{
	while (!TAILQ_EMPTY(&all->busy))
		TAILQ_REMOVE(&all->busy, TAILQ_FIRST(&all->busy), link);
	while (!TAILQ_EMPTY(&all->held))
		take_up(all, TAILQ_FIRST(&all->held));
}

void
round_init(struct round *round, void *owner)
{
	*round = (struct round){.owner = owner};
	TAILQ_INIT(&round->waiters[0]);
	TAILQ_INIT(&round->waiters[1]);
}

void
round_fini(struct rounds *all, struct round *round)
{
	take_up(all, round);
}

bool
round_busy(const struct round *round)
{
	return round->listed || round->later;
}

/* Whether a large round was told a moment ago. */
static bool
has_crowd(const struct round *round)
{
	return round->crowd > 0 && clock_ms() < round->crowd_until_ms;
}

static bool
crowd_is_away(const struct round *round)
{
	return round->crowd > round->n[round->parked] && has_crowd(round);
}

bool
round_gathers(const struct round *round)
{
	return round_busy(round) || crowd_is_away(round);
}

bool
round_idle(const struct round *round)
{
	return !round_busy(round) && TAILQ_EMPTY(&round->waiters[0]) && TAILQ_EMPTY(&round->waiters[1]);
}

void
round_add(struct rounds *all, struct round *round, struct waiter *w)
{
	w->list = round->parked == 1;
	TAILQ_INSERT_TAIL(&round->waiters[w->list], w, link);
	round->n[w->list]++;
	if (round->later && !round->held && round->n[w->list] >= round->most)
		list(all, round);
}

void
round_remove(struct round *round, struct waiter *w)
{
	TAILQ_REMOVE(&round->waiters[w->list], w, link);
	round->n[w->list]--;
	w->room = NULL;
}

/* Whether those who were told last are still waited for. */
static bool
resting(const struct round *round)
{
	return round->most > round->n[round->parked] && clock_ms() < round->rest_until_ms;
}

/* A round that nothing but its crowd keeps from beginning waits for what is being committed; once. */
static bool
to_be_held(const struct rounds *all, const struct round *round)
{
	return all->coming && !round->was_held && has_crowd(round);
}

static void
put_off(struct rounds *all, struct round *round)
{
	int64_t ms = round->rest_until_ms - clock_ms();

	if (round->later)
		return;
	if (!resting(round) && to_be_held(all, round)) {
		round->held = round->was_held = true;
		TAILQ_INSERT_TAIL(&all->held, round, link);
		ms = HOLD_MS;
	}
	round->later = true;
	loop_timer_set(all->loop, &round->timer, all->timer_kind, ms);
}

void
rounds_expect(struct rounds *all, bool coming)
{
	struct round *round;

	all->coming = coming;
	while (!coming && (round = TAILQ_FIRST(&all->held)) != NULL)
		list(all, round);
}

static void
rest(struct round *round)
{
	round->most = round->crowd;
	round->rest_until_ms = clock_ms() + round->rest_ms;
}

void
round_make_due(struct rounds *all, struct round *round)
{
	if (round->held)
		return;
	if (!round->listed && !round->later && !resting(round) && crowd_is_away(round))
		rest(round);
	if (!round->listed && resting(round))
		put_off(all, round);
	else
		list(all, round);
}

void
round_make_due_if_waited(struct rounds *all, struct round *round)
{
	/* While they are away nobody may wait yet, but those who come must not be told one by one. */
	if (round->listed || !TAILQ_EMPTY(&round->waiters[round->parked]) || resting(round))
		round_make_due(all, round);
}

/* The round has been told. */
static void
end(struct round *round)
{
	int64_t now = clock_ms(), wait = (now - round->began_ms + 1) * RESTS;

	round->under_way = false;
	if (round->told >= LARGE) {
		round->crowd = round->told - round->told / STRAGGLERS;
		round->rest_ms = (uint32_t)(wait < REST_MAX_MS ? wait : REST_MAX_MS);
		round->crowd_until_ms = now + CROWD_MS;
	} else if (now >= round->crowd_until_ms)
		round->crowd = 0;
	rest(round);
}

/* Who waits becomes the next one. */
static void
begin(struct rounds *all, struct round *round)
{
	round->due = round->was_held = false;
	round->under_way = true;
	round->most = round->told = 0;
	round->began_ms = clock_ms();
	round->parked = !round->parked;
	all->began = true;
}

/* Tells the next waiter of the round; false when nobody is left to tell, or the next one is to be put off. */
static bool
tell_one(struct rounds *all, struct round *round)
{
	struct waiter *w = TAILQ_FIRST(&round->waiters[!round->parked]);
	struct room *room;

	if (w == NULL) {
		if (round->under_way)
			end(round);
		if (!round->due || resting(round) || to_be_held(all, round))
			return false;
		begin(all, round);
		w = TAILQ_FIRST(&round->waiters[!round->parked]);
	}
	if (w == NULL) {
		round->under_way = false;
		return false;
	}
	room = w->room;
	round_remove(round, w);
	round->told++;
	all->woken++;
	/* The round is listed, so the room outlives the call. */
	all->kinds[w->kind].fn(all->kinds[w->kind].ctx, room, w);
	return true;
}

bool
rounds_tell(void *ctx)
{
	struct rounds *all = ctx;
	struct round *round;

	for (int i = 0; i < WAKES_PER_TURN && !loop_spent(all->loop) && (round = TAILQ_FIRST(&all->busy)) != NULL;
	     i++) {
		bool told = tell_one(all, round);

		TAILQ_REMOVE(&all->busy, round, link);
		if (told) {
			/* In turn, so that a large room does not keep a small one waiting. */
			TAILQ_INSERT_TAIL(&all->busy, round, link);
		} else {
			round->listed = false;
			if (round->due)
				put_off(all, round);
			round->due = false;
			all->ended(round);
		}
	}
	if (all->began) {
		all->began = false;
		/* Where the web server shares our processor it would not run before our slice is over, some ms later;
		 * so it passes the first answers on now. With a processor for each this costs nothing. */
		sched_yield();
	}
	return !TAILQ_EMPTY(&all->busy);
}

bool
rounds_are_due(void *ctx)
{
	struct rounds *all = ctx;

	return !TAILQ_EMPTY(&all->busy);
}
