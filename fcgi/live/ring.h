/*
 * ring: the newest messages of the whole log in memory, up to a number of bytes.
 *
 * Messages stand in one chain of the whole log and in one chain for each room, both ascending by id, so that a reader
 * finds what is newer than its cursor by bisection, however many rooms talk at once. The owner of a room's chain keeps
 * it; the ring takes messages out of it as they grow old.
 * Invariant: every message of the log with an id above the floor, up to the last one added, is in the ring unless it
 * was deleted.
 */
#ifndef RING_H
#define RING_H

#include "store/message.h"

struct ring_chain {
	struct message **v; /* a circle of cap places, cap a power of two */
	size_t first, n, cap;
	int64_t floor; /* every message of the chain above it is here, or was deleted */
	void *owner;
};

struct ring {
	struct ring_chain all;
	size_t bytes, bytes_max;
	int64_t floor;
	void (*emptied)(void *ctx, struct ring_chain *chain); /* a chain lost its last message */
	void *ctx;
};

void ring_init(struct ring *r, size_t bytes_max, void (*emptied)(void *ctx, struct ring_chain *chain), void *ctx);
void ring_fini(struct ring *r);

/* Forgets all messages; those to come have ids above floor. */
void ring_reset(struct ring *r, int64_t floor);

/* Drops all messages up to this id: the floor is not below it. */
void ring_forget(struct ring *r, int64_t up_to);

/* Takes a holding of m, the newest message, into the ring and its room's chain. -1 without memory: then the floor is
 * m's id. */
int ring_add(struct ring *r, struct ring_chain *chain, struct message *m);

/* Puts now (taking a holding) in the place of the message with its id, or removes that message (now is NULL). false:
 * it is not here. */
bool ring_change(struct ring *r, int64_t id, struct message *now);

/* The message with this id, as long as it is here; NULL: it is not. */
struct message *ring_find(const struct ring *r, int64_t id);

/* The place in the chain of the first message above id: 0 to chain->n. */
size_t ring_above(const struct ring_chain *chain, int64_t id);

struct message *ring_at(const struct ring_chain *chain, size_t place);

void ring_chain_fini(struct ring_chain *chain);

#endif
