/*
 * round: the rounds in which the waiters of rooms are told; see room.h.
 *
 * All who wait in a room when its round begins are told in it, the oldest first; news that comes meanwhile makes the
 * next round due. A turn of the loop tells at most 64 waiters, of the rounds in turn (LOOP_WAKE). A small round begins
 * at once. Behind a large one, whose waiters (the crowd) are on their way back, two mechanisms wait on purpose; a third
 * yields as a round begins:
 *
 * - The rest. If the next round began at once, it would tell the few that are back already, and every other one alone
 *   as it comes back: many answers with little in each. So it rests until nearly all of them are back, but not for much
 *   longer than the large one took: a daemon that has written its answers is done before the web server is.
 * - The hold. When they are back, what they said on being told is being committed, and would come just after the round
 *   began. So a round is held until that is there, once, for HOLD_MS at most. Each answer then has all that came.
 * - The yield. Behind the first turn of a round the web server may run, where it shares our processor.
 *
 * When a waiter is told, by the state of the round that it is added to (round.c begins with the table of states):
 *
 *   IDLE         in the round that the next news makes due
 *   RESTING      in the round that becomes due when nearly all of the crowd are back, or at crowd.rest_until_ms
 *   HELD         in the round that is ready when nothing is being committed any more, or after HOLD_MS
 *   DUE          in the round that begins at its turn in the next LOOP_WAKE, unless it is held there
 *   READY        in the round that begins at its turn in the next LOOP_WAKE
 *   TELLING      not in this round; in the next one, as in IDLE
 *   TELLING_DUE  not in this round; in the next one, which begins, rests or is held as soon as this one has been told
 *
 * A round that is not IDLE keeps its room alive.
 */
#ifndef ROUND_H
#define ROUND_H

#include "event/loop.h"
#include "room.h"

TAILQ_HEAD(waiters, waiter);

enum round_state {
	ROUND_IDLE,
	ROUND_RESTING, /* put off: its crowd is on the way back; `timer` is set */
	ROUND_HELD,    /* put off: messages are being committed; `timer` is set, and it is in rounds->held */
	ROUND_DUE,     /* begins at its turn, unless it is held; it and those that follow are in rounds->busy */
	ROUND_READY,   /* was held, which happens once, and begins at its turn */
	ROUND_TELLING,
	ROUND_TELLING_DUE, /* with news for the next round */
	ROUND_STATES
};

/* What is known of those who were told in the last large round. */
struct crowd {
	uint32_t n;            /* nearly all of them; 0: there was no large round of late */
	uint32_t rest_ms;      /* how long a rest may last */
	int64_t rest_until_ms; /* the rest that goes on ends then at the latest; 0: none does */
	int64_t until_ms;      /* then the crowd is forgotten */
};

/* One room's. */
struct round {
	struct rounds *all;
	void *owner; /* the room: for round_ended_fn */
	TAILQ_ENTRY(round) link;
	struct waiters waiters[2]; /* [parked] wait, [!parked] are the round under way */
	uint32_t n[2];             /* how many these are */
	uint8_t parked;
	enum round_state state;
	uint32_t told;    /* in the round under way */
	int64_t began_ms; /* clock_ms() when it did */
	struct crowd crowd;
	struct timer timer;
};

/* The round has been told, or was put off. When it is idle, it may be freed. */
typedef void round_ended_fn(struct round *round);

/* All rooms'. */
struct rounds {
	struct {
		room_wake_fn *fn;
		void *ctx;
	} kinds[ROOM_WAITER_KINDS];
	struct loop *loop;
	uint8_t timer_kind;
	TAILQ_HEAD(roundlist, round) busy; /* under way, or about to begin */
	struct roundlist held;
	struct room_patience patience;
	bool coming; /* messages are being committed */
	round_ended_fn *ended;
	uint64_t woken;
	bool began; /* a round, in this call of rounds_tell() */
};

void rounds_init(struct rounds *all, struct loop *loop, round_ended_fn *ended);

/* Tells a bounded number of waiters; whether more are due. For LOOP_WAKE; all is a struct rounds. */
bool rounds_tell(void *all);

/* Whether more are due: timers, which make rounds due as well, go off behind LOOP_WAKE. For LOOP_SWEEP; as above. */
bool rounds_are_due(void *all);

/* Whether messages are being committed: from true to false, the rounds that were held for them begin. */
void rounds_expect(struct rounds *all, bool coming);

void round_init(struct rounds *all, struct round *round, void *owner);

/* Nobody is told any more; waiters are their owners'. */
void round_fini(struct round *round);

/* Whether nobody waits in it, and it is ROUND_IDLE. */
bool round_idle(const struct round *round);

/* Whether a round is under way, due or put off. */
bool round_busy(const struct round *round);

/* Whether a reader that has something new to be told had better wait with the others: they are being told, or on their
 * way. */
bool round_gathers(const struct round *round);

void round_add(struct round *round, struct waiter *w);
void round_remove(struct round *round, struct waiter *w);

/* There is news for the waiters. */
void round_make_due(struct round *round);

/* The same if there is anyone to be told, now or because a round is under way. */
void round_make_due_if_waited(struct round *round);

#endif
