/*
 * pruning: when what is not kept any more (keep.h) is deleted.
 *
 * A run looks by which rules the log is kept, counts what is beyond them, and deletes it, each in pieces of some ms by
 * the writer (store_prune()), between its other jobs and never while sends wait. Between two pieces it rests for as
 * long as sends come. The next run begins `every_ms` later. When the rules have changed nothing is deleted for
 * `grace_ms`: it is said how much it would be.
 *
 * States: WAITING --timer--> DUE --pruning_run(), pruning_ended()--> RESTING or DUE; the last piece of a run: WAITING.
 */
#ifndef PRUNING_H
#define PRUNING_H

#include "store.h"

struct loop;
struct pruning;

/* keep stays the caller's. NULL without memory. The first run is due at once. */
struct pruning *pruning_new(struct loop *loop, const struct keep *keep);
void pruning_free(struct pruning *p); /* NULL is let pass, here and below */

/* Whether a piece may go now, if nobody sends. */
bool pruning_due(const struct pruning *p);

/* In the writer's thread, as store_look(). */
enum store_status pruning_run(struct pruning *p, struct store *writer, int64_t floor, struct store_news *news);

/* After it; rested: nobody has sent for a while, so the next piece need not wait. */
void pruning_ended(struct pruning *p, enum store_status status, bool rested);

/* Another log stands there now: it may be kept by other rules. While no piece runs. */
void pruning_reset(struct pruning *p);

struct pruning_counts {
	uint64_t pruned; /* messages, since the start */
	int64_t gone;    /* rooms that are not there any more, and are remembered; when it was looked last */
	int64_t pending; /* that are to go, when it was looked last */
	int64_t
	    oldest_at_ms; /* of the first message that is left, since 1970; INT64_MAX: there is none, or not known */
};
struct pruning_counts pruning_counts(const struct pruning *p);

#endif
