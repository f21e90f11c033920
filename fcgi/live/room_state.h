/*
 * room_state: what the files of room share: room.c (rooms, and what is published in them), room_prune.c
 * (what is not kept any more), room_sight.c (the log as
 * somebody sees it who may not read all of it).
 */
#ifndef ROOM_STATE_H
#define ROOM_STATE_H

#include "base/table.h"
#include "room.h"
#include "round.h"

struct deletion;
struct seen;

struct room {
	struct rooms *rooms;
	struct table_entry entry;
	struct round round;
	struct ring_chain chain;
	const struct ring_chain *view; /* what its waiters read: chain, or for room_all the ring's */
	int64_t deleted, pruned;
	struct seen *seen;                /* what is seen of the log: of rooms that room_of_sight() made; else NULL */
	LIST_HEAD(, room_answer) answers; /* made when first asked for in a round; few */
	uint8_t name_n;
	char name[MESSAGE_ROOM_MAX];
};

struct rooms {
	struct ring ring;
	int64_t head;
	uint64_t resets;
	char epoch[32];
	struct rounds rounds;
	struct room all;
	struct table table;
	size_t emptied; /* rooms that only the mark of what went keeps there, about */

	/* room_sight.c: */
	struct table sights;           /* rooms as somebody sees them, by their sight */
	TAILQ_HEAD(, seen) behind;     /* of those, the ones that have not looked at all there is */
	TAILQ_HEAD(, seen) current;    /* and the others */
	TAILQ_HEAD(, seen) loose;      /* and that may have nobody to wait in them */
	struct deletion *deletions;    /* the last ones, in a circle */
	uint64_t n_deletions, changes; /* how often a message was deleted, or changed at all */
};

/* ---- room.c ---- */

void room_init(struct rooms *rooms, struct room *room, struct str name);
void room_fini(struct room *room);
void room_forget_answers(struct room *room);
void room_note_deleted(struct room *room, int64_t id);
void room_free_if_idle(struct room *room); /* if nobody waits in it and memory knows nothing of it */

/* ---- room_prune.c ---- */

void room_note_pruned(struct room *room, int64_t id); /* as room_note_deleted(), and nobody is told */

/* ---- room_sight.c ---- */

int rooms_init_sights(struct rooms *rooms); /* -1 without memory */
void rooms_free_sights(struct rooms *rooms);

/* There is something new for all of them to look at. */
void rooms_tell_sights(struct rooms *rooms);
void rooms_tell_sights_deleted(struct rooms *rooms, struct str room, int64_t id, bool pruned);
void rooms_reset_sights(struct rooms *rooms);

/* Looks at a bounded number of messages for them; whether there are more. For LOOP_WAKE; all is a struct rooms. */
bool rooms_feed_sights(void *all);

/* Frees those that nobody is in. For LOOP_SWEEP. */
bool rooms_sweep_sights(void *all);

/* Nobody may be in it any more. */
void room_sight_is_loose(struct room *room);

/* Whether its ready answers may hold what is no longer true; they are to be forgotten then. */
bool room_answers_are_old(struct room *room);

#endif
