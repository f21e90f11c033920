#include "room_round.h"

#include <sched.h>

enum { WAKES_PER_TURN = 64 }; /* so that a big round never starves the rest of the loop */

void
rounds_init(struct rounds *all, round_ended_fn *ended)
{
	*all = (struct rounds){.ended = ended};
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

bool
round_idle(const struct round *round)
{
	return !round->listed && TAILQ_EMPTY(&round->waiters[0]) && TAILQ_EMPTY(&round->waiters[1]);
}

void
round_add(struct round *round, struct waiter *w)
{
	w->list = round->parked == 1;
	TAILQ_INSERT_TAIL(&round->waiters[w->list], w, link);
}

void
round_remove(struct round *round, struct waiter *w)
{
	TAILQ_REMOVE(&round->waiters[w->list], w, link);
	w->room = NULL;
}

void
round_make_due(struct rounds *all, struct round *round)
{
	round->due = true;
	if (round->listed)
		return;
	round->listed = true;
	TAILQ_INSERT_TAIL(&all->busy, round, link);
}

void
round_make_due_if_waited(struct rounds *all, struct round *round)
{
	if (round->listed || !TAILQ_EMPTY(&round->waiters[round->parked]))
		round_make_due(all, round);
}

/* Tells the next waiter of the round; false when nobody is left to tell. */
static bool
tell_one(struct rounds *all, struct round *round)
{
	struct waiter *w = TAILQ_FIRST(&round->waiters[!round->parked]);
	struct room *room;

	if (w == NULL && round->due) {
		/* The round has been told; who waits becomes the next one. */
		round->due = false;
		all->began = true;
		round->parked = !round->parked;
		w = TAILQ_FIRST(&round->waiters[!round->parked]);
	}
	if (w == NULL)
		return false;
	room = w->room;
	round_remove(round, w);
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
