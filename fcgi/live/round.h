/*
 * round: the rounds in which the waiters of rooms are told; see room.h.
 *
 * States of a room's round: idle -> (round_make_due()) due, listed -> (rounds_tell(): all who wait are the round) told
 * one by one, still listed -> once more if it became due meanwhile, else idle. A round that is due may be put off
 * (`later`) before it begins. What is listed or put off keeps its room alive.
 *
 * After a large round its waiters (the crowd) are on their way back. If the next one began at once, it would tell the
 * few who are back already, and each of the others alone as he comes: many answers with little in each. So it is put
 * off until nearly all of them are back, but not for much longer than the large one took: who writes an answer is done
 * before who passes it on. When they are back, what they said on being told is being committed, and would come just
 * after the round began; so it is put off once more (`held`) until that is there, for a few milliseconds at most. Then
 * each answer holds all that came meanwhile. Small rounds, and those after a quiet moment, begin at once.
 */
#ifndef ROUND_H
#define ROUND_H

#include "event/loop.h"
#include "room.h"

TAILQ_HEAD(waiters, waiter);

/* One room's. */
struct round {
	void *owner;               /* the room's, for who is told that it ended */
	TAILQ_ENTRY(round) link;   /* of rounds->busy while listed, of rounds->held while held */
	struct waiters waiters[2]; /* [parked] wait, [!parked] are this round */
	uint32_t n[2];             /* how many these are */
	uint8_t parked;
	bool listed, due, under_way;
	bool later;             /* due, but put off: `timer` is set */
	bool held;              /* for what is being committed: in rounds->held; later is set as well */
	bool was_held;          /* before it began, which is enough */
	uint32_t told;          /* in the round under way */
	uint32_t crowd;         /* nearly all who were told in the last large round; 0: there was none of late */
	uint32_t most;          /* so many are to be back before the next one; 0: it may begin at once */
	uint32_t rest_ms;       /* for so long at most */
	int64_t began_ms;       /* clock_ms() when the round under way did */
	int64_t rest_until_ms;  /* when the next one begins at the latest */
	int64_t crowd_until_ms; /* then the crowd is forgotten */
	struct timer timer;
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
	TAILQ_HEAD(roundlist, round) busy; /* under way or due */
	struct roundlist held;
	bool coming; /* messages are being committed */
	round_ended_fn *ended;
	uint64_t woken;
	bool began; /* a round, in this call of rounds_tell() */
};

void rounds_init(struct rounds *all, struct loop *loop, round_ended_fn *ended);

/* Nobody is told any more; waiters are their owners'. */
void rounds_fini(struct rounds *all);

/* Tells a bounded number of waiters; whether more are due. For LOOP_WAKE; all is a struct rounds. */
bool rounds_tell(void *all);

/* Whether more are due: timers, which make rounds due as well, go off behind LOOP_WAKE. For LOOP_SWEEP; as above. */
bool rounds_are_due(void *all);

/* Whether messages are being committed: from true to false, what was held for them begins. */
void rounds_expect(struct rounds *all, bool coming);

void round_init(struct round *round, void *owner);
void round_fini(struct rounds *all, struct round *round);

/* Whether nobody waits in it, and it is neither listed nor put off. */
bool round_idle(const struct round *round);

/* Whether a round is under way, due or put off. */
bool round_busy(const struct round *round);

/* Whether one who has something new to be told had better wait with the others: they are being told, or on their way.
 */
bool round_gathers(const struct round *round);

void round_add(struct rounds *all, struct round *round, struct waiter *w);
void round_remove(struct round *round, struct waiter *w);

void round_make_due(struct rounds *all, struct round *round);

/* The same if there is anyone to be told, now or because a round is under way. */
void round_make_due_if_waited(struct rounds *all, struct round *round);

#endif
