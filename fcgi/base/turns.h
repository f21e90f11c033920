/*
 * turns: a queue in which everybody has a turn: what one has put there never keeps another's waiting for longer than
 * one thing of theirs takes.
 *
 * Whose a thing is says a key, which is only compared. Those who have things in the queue stand in a ring, and from
 * each one thing is taken in turn, in the order in which they were put there. Whoever comes new (had nothing in it)
 * goes before the ring, for that person's first thing alone; and of these at most a few in a row, so that the ring
 * moves on however many come. Adding, taking and removing cost a few steps, however many there are. For one thread at a
 * time.
 *
 * Worked case: A has put a1 to a5, of which a1 was taken. b1 comes, and a6: now they go b1 a2 a3 a4 a5 a6. With b2
 * behind b1 they go b1 a2 b2 a3 a4 a5 a6.
 */
#ifndef TURNS_H
#define TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "container.h"

struct turns_lane;

/* What is in it embeds one. */
struct turns_item {
	TAILQ_ENTRY(turns_item) link;
	struct turns_lane *lane; /* NULL: it is in no queue */
};
TAILQ_HEAD(turns_items, turns_item);
TAILQ_HEAD(turns_lanes, turns_lane);
LIST_HEAD(turns_place, turns_lane);

enum { TURNS_NEW_MAX = 8 /* in a row, while others wait in the ring */ };

struct turns {
	size_t n, n_max;
	size_t new_in_a_row;
	struct turns_lanes new, ring; /* those who have something in it */
	struct turns_lanes free;      /* lanes that were in use */
	struct turns_lane *lanes;     /* n_max of them, of which the first `used` ones are, or were, in use */
	size_t used;
	struct turns_place *places; /* lanes by key */
	size_t n_places;            /* a power of two */
};

/* There is room for n_max things. -1 without memory. */
int turns_init(struct turns *t, size_t n_max);

/* What is in it stays its owners'. Also for one that is all zero. */
void turns_fini(struct turns *t);

/* Of this key; NULL: of nobody else's. There must be room, and item must not be in it. */
void turns_add(struct turns *t, struct turns_item *item, const void *key);

/* The next one, out of it; NULL: it is empty. */
struct turns_item *turns_take(struct turns *t);

/* item must be in it. */
void turns_remove(struct turns *t, struct turns_item *item);

#endif
