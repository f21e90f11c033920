/*
 * budget: the memory that strangers make the daemon take, all of it together, and who has to go when it is too much.
 *
 * Each noun has a maximum of its own (a body, a queue, an answer), but there may be a hundred thousand of each. So what
 * they take is counted here as well, in real sizes, by kind; and at the limit the kind that has most gives up its
 * largest, or its slowest, until all fits again. That costs a few steps, however many there are: shares of a kind stand
 * in lists by the power of two of their size (the largest goes first, and of those of about one size whoever has been
 * so large for longest), or in one list by when they last moved (the slowest goes first).
 *
 * Some kinds have a part of their own, so that one of them cannot take the room of all others. A kind without `end` is
 * never asked to go; whoever adds to it asks by budget_take(), and refuses what does not fit.
 *
 * What is not counted: what all share whoever comes (the ring, tables, the database's cache), and what is gone again
 * when a turn is over. For one thread.
 */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "container.h"

enum budget_kind {
	BUDGET_SENDS,    /* the commit queue */
	BUDGET_QUEUES,   /* what waits for one session alone */
	BUDGET_POSTS,    /* bodies of sessions' POSTs that are not handled yet */
	BUDGET_PASSING,  /* events that are passed on and not stored */
	BUDGET_EVENTS,   /* events whose attachments are still coming, and what waits for the answer to a CONNECT */
	BUDGET_REQUESTS, /* requests, and messages of WebSockets, of which a part has come */
	BUDGET_ANSWERS,  /* answers that were not taken yet */
	BUDGET_KINDS,
};

/* What one of a kind has. Its owner embeds it, all zero at first. */
struct budget_share {
	TAILQ_ENTRY(budget_share) link;
	size_t bytes;
	uint8_t kind, rank; /* enum budget_kind; the list that it is in */
};

struct budget;

enum budget_order { BUDGET_LARGEST, BUDGET_SLOWEST };

/* Ends it and gives its bytes back, by budget_set(…, 0), before it returns; it may free the share. */
typedef void budget_end_fn(void *ctx, struct budget_share *share);

/* Of all kinds together. NULL without memory. All functions let a NULL budget pass: then nothing is counted. */
struct budget *budget_new(size_t bytes_max);
void budget_free(struct budget *b);

/* Which share of a kind goes first, and how. bytes_max: of this kind alone; 0: as much as there is. */
void budget_kind(
    struct budget *b, enum budget_kind kind, enum budget_order order, size_t bytes_max, budget_end_fn *end, void *ctx);

/*
 * The share has `bytes` now. If that is too much, others are ended before it returns; false: this one is the one
 * that has to go (and is counted so), and its caller ends it.
 */
bool budget_set(struct budget *b, struct budget_share *share, enum budget_kind kind, size_t bytes);

/* Bytes that several shares hold together: counted in the kind, by whoever makes and frees them. */
void budget_add(struct budget *b, enum budget_kind kind, size_t bytes);
void budget_sub(struct budget *b, enum budget_kind kind, size_t bytes);

/* It has moved: of its kind it is now the last to be called slow. */
void budget_moved(struct budget *b, struct budget_share *share);

/* Like budget_add(), if the kind may have so much more; others make room if need be. false: nothing is taken. */
bool budget_take(struct budget *b, enum budget_kind kind, size_t bytes);

struct budget_counts {
	size_t bytes_max, bytes;
	size_t kind_bytes[BUDGET_KINDS];
	uint64_t ended[BUDGET_KINDS]; /* how many had to go, or were refused */
};
struct budget_counts budget_counts(const struct budget *b);

/* A word for a kind: "sends". */
const char *budget_kind_name(enum budget_kind kind);

/* What an allocation really takes; 0 for NULL. */
size_t budget_size(void *allocation);

#endif
