/*
 * room_round: the rounds in which the waiters of rooms are told; see room.h.
 *
 * States of a room's round: idle -> (round_make_due()) due, listed -> (rounds_tell(): all who wait are the round) told
 * one by one, still listed -> once more if it became due meanwhile, else idle. What is listed keeps its room alive.
 *
 * After a large round most of its waiters are still on their way back. If the next one began at once, it would tell the
 * few who are back already, and each of the others alone as he comes: many answers with little in each. So a round that
 * becomes due while they are away is put off (`later`) until most of them are back, but not for longer than the last
 * one took. Then each answer holds all that came meanwhile. Small rounds, and those after a quiet moment, begin at
 * once.
 */
#ifndef ROOM_ROUND_H
#define ROOM_ROUND_H

#include "loop.h"
#include "room.h"

TAILQ_HEAD(waiters, waiter);

/* One room's. */
struct round {
	void *owner;               /* the room's, for who is told that it ended */
	TAILQ_ENTRY(round) link;   /* of rounds->busy while listed */
	struct waiters waiters[2]; /* [parked] wait, [!parked] are this round */
	uint32_t n[2];             /* how many these are */
	uint8_t parked;
	bool listed, due;
	bool later;            /* due, but put off */
	uint32_t told;         /* in the round under way */
	uint32_t most;         /* so many are to be back before the next one; 0: it may begin at once */
	int64_t began_ms;      /* clock_ms() when the round under way did */
	int64_t rest_until_ms; /* when the next one begins at the latest */
	struct timer timer;    /* set while later */
};

/* Nobody is left to be told, and the round is listed no more; it may be freed. */
typedef void round_ended_fn(struct round *round);

/* All rooms'. */
struct rounds {
	struct {
		room_wake_fn *fn;
		void *ctx;
	} kinds[ROOM_WAITER_KINDS];
	struct loop *loop;
	uint8_t timer_kind;
	TAILQ_HEAD(, round) busy; /* under way or due */
	round_ended_fn *ended;
	uint64_t woken;
	bool began; /* a round, in this call of rounds_tell() */
};

void rounds_init(struct rounds *all, struct loop *loop, round_ended_fn *ended);

/* Nobody is told any more; waiters are their owners'. */
void rounds_fini(struct rounds *all);

/* Tells a bounded number of waiters; whether more are due. For LOOP_WAKE; all is a struct rounds. */
bool rounds_tell(void *all);

void round_init(struct round *round, void *owner);
void round_fini(struct rounds *all, struct round *round);

/* Whether nobody waits in it, and it is neither listed nor put off. */
bool round_idle(const struct round *round);

/* Whether one who has something new to be told had better wait with the others. */
bool round_busy(const struct round *round);

void round_add(struct rounds *all, struct round *round, struct waiter *w);
void round_remove(struct round *round, struct waiter *w);

void round_make_due(struct rounds *all, struct round *round);

/* The same if there is anyone to be told, now or because a round is under way. */
void round_make_due_if_waited(struct rounds *all, struct round *round);

#endif
