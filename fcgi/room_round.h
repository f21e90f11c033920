/*
 * room_round: the rounds in which the waiters of rooms are told; see room.h.
 *
 * States of a room's round: idle -> (round_make_due()) due, listed -> (rounds_tell(): all who wait are the round) told
 * one by one, still listed -> once more if it became due meanwhile, else idle. What is listed keeps its room alive.
 */
#ifndef ROOM_ROUND_H
#define ROOM_ROUND_H

#include "room.h"

TAILQ_HEAD(waiters, waiter);

/* One room's. */
struct round {
	void *owner;               /* the room's, for who is told that it ended */
	TAILQ_ENTRY(round) link;   /* of rounds->busy while listed */
	struct waiters waiters[2]; /* [parked] wait, [!parked] are this round */
	uint8_t parked;
	bool listed, due;
};

/* Nobody is left to be told, and the round is listed no more; it may be freed. */
typedef void round_ended_fn(struct round *round);

/* All rooms'. */
struct rounds {
	struct {
		room_wake_fn *fn;
		void *ctx;
	} kinds[ROOM_WAITER_KINDS];
	TAILQ_HEAD(, round) busy; /* under way or due */
	round_ended_fn *ended;
	uint64_t woken;
	bool began; /* a round, in this call of rounds_tell() */
};

void rounds_init(struct rounds *all, round_ended_fn *ended);

/* Nobody is told any more; waiters are their owners'. */
void rounds_fini(struct rounds *all);

/* Tells a bounded number of waiters; whether more are due. For LOOP_WAKE; all is a struct rounds. */
bool rounds_tell(void *all);

void round_init(struct round *round, void *owner);

/* Whether nobody waits in it, and it is not listed. */
bool round_idle(const struct round *round);

void round_add(struct round *round, struct waiter *w);
void round_remove(struct round *round, struct waiter *w);

void round_make_due(struct rounds *all, struct round *round);

/* The same if there is anyone to be told, now or because a round is under way. */
void round_make_due_if_waited(struct rounds *all, struct round *round);

#endif
