/*
 * rebuild: when the writer makes the index anew, after another version of words has made the one that is there
 * (store_rebuild()). chores own it.
 *
 * Between two pieces it rests as long as the last one took, so that readers have a processor. While others send it
 * rests 64 times as long, 16 times after ten minutes and 4 times after twenty, and a piece goes between two batches as
 * well: so it ends under any load, and a send waits for one piece at most.
 */
#ifndef REBUILD_H
#define REBUILD_H

#include "event/loop.h"
#include "store.h"

struct rebuild {
	struct loop *loop;
	int64_t left;     /* ids that are to be put in anew */
	int64_t began_ms; /* clock_ms() */
	bool due;         /* as far as is known */
	bool rests;
	bool put_off; /* as was logged */
	bool last;    /* a piece was the writer's last job */
	struct timer timer;
	uint8_t timer_kind;
};

/* Registers a kind of timer, so as often as a loop can have them. */
void rebuild_init(struct rebuild *r, struct loop *loop);
void rebuild_fini(struct rebuild *r);

/* Whether the writer should do a piece. busy: sends wait. */
bool rebuild_due(const struct rebuild *r, bool busy);

/* There is no room for a new index: it is looked again in a while. */
void rebuild_put_off(struct rebuild *r);

/* After each job of the writer's; then, if it filled the index, or was a piece: */
void rebuild_told(struct rebuild *r, const struct store_news *news);
void rebuild_filled(struct rebuild *r, const struct store_news *news);
void rebuild_ended(struct rebuild *r, enum store_status status, const struct store_news *news, bool rested);

#endif
