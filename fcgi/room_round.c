#include "room_round.h"

#include <sched.h>
#include <stddef.h>

#include "clock.h"

enum {
	WAKES_PER_TURN = 64, /* so that a big round never starves the rest of the loop */
	LARGE = 256,         /* from so many on those who were told are waited for */
	REST_MAX_MS = 250,
};

static void
list(struct rounds *all, struct round *round)
{
	if (round->later)
		loop_timer_clear(all->loop, &round->timer);
	round->later = false;
	round->most = 0;
	round->due = true;
	if (round->listed)
		return;
	round->listed = true;
	round->began_ms = clock_ms();
	TAILQ_INSERT_TAIL(&all->busy, round, link);
}

static void
on_rest_timer(void *ctx, struct timer *t)
{
	list(ctx, (struct round *)(void *)((char *)t - offsetof(struct round, timer)));
}

void
rounds_init(struct rounds *all, struct loop *loop, round_ended_fn *ended)
{
	*all = (struct rounds){.loop = loop, .ended = ended};
	all->timer_kind = loop_timer_kind(loop, on_rest_timer, all);
	TAILQ_INIT(&all->busy);
}

void
rounds_fini(struct rounds *all)
{
	while (!TAILQ_EMPTY(&all->busy))
		TAILQ_REMOVE(&all->busy, TAILQ_FIRST(&all->busy), link);
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
	if (round->later)
		loop_timer_clear(all->loop, &round->timer);
	round->later = false;
}

bool
round_busy(const struct round *round)
{
	return round->listed || round->later;
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
	if (round->later && round->n[w->list] >= round->most)
		list(all, round);
}

void
round_remove(struct round *round, struct waiter *w)
{
	TAILQ_REMOVE(&round->waiters[w->list], w, link);
	round->n[w->list]--;
	w->room = NULL;
}

/* Whether most of those who were told last are still away, and not for long. */
static bool
resting(const struct round *round)
{
	return round->most > round->n[round->parked] && clock_ms() < round->rest_until_ms;
}

static void
put_off(struct rounds *all, struct round *round)
{
	if (round->later)
		return;
	round->later = true;
	loop_timer_set(all->loop, &round->timer, all->timer_kind, round->rest_until_ms - clock_ms());
}

void
round_make_due(struct rounds *all, struct round *round)
{
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
	int64_t now = clock_ms(), took = now - round->began_ms;

	round->most = round->told < LARGE ? 0 : round->told - round->told / 8;
	round->rest_until_ms = now + (took < REST_MAX_MS ? took : REST_MAX_MS);
	round->began_ms = now;
	round->told = 0;
}

/* Tells the next waiter of the round; false when nobody is left to tell. */
static bool
tell_one(struct rounds *all, struct round *round)
{
	struct waiter *w = TAILQ_FIRST(&round->waiters[!round->parked]);
	struct room *room;

	if (w == NULL) {
		end(round);
		if (!round->due || resting(round))
			return false;
		/* Who waits becomes the next one. */
		round->due = false;
		round->most = 0;
		all->began = true;
		round->parked = !round->parked;
		w = TAILQ_FIRST(&round->waiters[!round->parked]);
	}
	if (w == NULL)
		return false;
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

	for (int i = 0; i < WAKES_PER_TURN && (round = TAILQ_FIRST(&all->busy)) != NULL; i++) {
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
