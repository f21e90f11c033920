/*
 * scrub: when the writer erases from the files what was deleted or changed. chores own it.
 *
 * A deletion leaves words in the segments of the index until these are written anew, in the gaps of pages until these
 * are zeroed (gap.h), and in the WAL until it is emptied. That takes as long as index and file are large, so it is done
 * for all deletions of some minutes together, in pieces of some 3 ms (store_scrub()). Between two pieces the writer
 * rests 64 times as long as the last one took, 16 times after a minute, 4 times after another, and none goes while
 * sends wait. After three minutes it rests as long only as the last piece took, and a piece goes between two batches as
 * well: so it ends under any load.
 *
 * States: CLEAN -> (something was deleted) -> WAITING -> (after_ms) -> PIECES -> (the index is written anew) -> WAL ->
 * (it was emptied) -> PIECES of the file -> WAL -> CLEAN, or WAITING for what was deleted meanwhile. A scrub that was
 * under way when the daemon ended begins when the next one starts. One that another program asks for
 * (store_news.erase_now) begins at once, and rests no longer than it works; so does the next one, if something was
 * deleted while this one was under way. The WAL is emptied when no other program reads an older state: it is tried
 * until then.
 */
#ifndef SCRUB_H
#define SCRUB_H

#include "event/loop.h"
#include "store.h"

struct scrub {
	struct loop *loop;
	int64_t after_ms;
	enum { SCRUB_CLEAN, SCRUB_WAITING, SCRUB_PIECES, SCRUB_EMPTYING } state;
	int64_t left;     /* deletions and changes that are not erased */
	int64_t began_ms; /* clock_ms() */
	bool known;       /* what an earlier daemon has left is */
	bool asked;       /* somebody waits for it: it begins at once, and hardly rests */
	bool rests;
	bool last; /* a piece was the writer's last job */
	struct timer timer;
	uint8_t timer_kind;
};

/* Registers a kind of timer, so as often as a loop can have them. */
void scrub_init(struct scrub *s, struct loop *loop, int64_t after_ms);
void scrub_fini(struct scrub *s);

/* What the writer should do for it. busy: sends wait. */
enum scrub_due { SCRUB_NOTHING, SCRUB_PIECE, SCRUB_WAL };
enum scrub_due scrub_due(const struct scrub *s, bool busy);

/* After each job of the writer's; then, if it was a piece of the index, of the scrub, or the end of one: */
void scrub_told(struct scrub *s, const struct store_news *news);
void scrub_filled(struct scrub *s, const struct store_news *news);
void scrub_piece_ended(struct scrub *s, enum store_status status, const struct store_news *news);
void scrub_wal_ended(struct scrub *s, enum store_status status, const struct store_news *news);

/* How many deletions and changes are not erased yet. */
int64_t scrub_left(const struct scrub *s);

#endif
