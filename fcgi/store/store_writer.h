/*
 * store_writer: what the files of the writer share: store_writer.c (its jobs begin and end), store_news.c,
 * store_append.c, store_insert.c, store_change.c, store_key.c, store_allow.c, store_access.c, store_overwritten.c,
 * store_keep.c, store_prune.c, store_scrub.c, store_gaps.c and
 * store_rebuild.c.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "store_db.h"

/*
 * Before a job of the writer: makes sure the connection works and belongs to the file now at the path. STORE_BUSY when
 * there is no file, and somebody may still be removing what belongs to it.
 */
enum store_status store_ready(struct store *s, struct store_news *news);

/*
 * Whether somebody has written over the file in place, as cp does: SQLite does not notice, and would go on with pages
 * of one log and of another. It is found out where the file has changed, by a look at it with a new connection.
 */
bool store_overwritten(struct store *s);

/* Begins anew with what stands in the file now, under a new epoch. */
enum store_status store_start_anew(struct store *s, struct store_news *news);

/* After a job: what the log is called, where it ends, and which state that is. */
void store_tell_state(struct store *s, struct store_news *news);

/* Both, for a job that has to tell more than that there is another log; false: that is all it does, and *status is what
 * became of it. */
bool store_ready_to_tell(struct store *s, struct store_news *news, enum store_status *status);

/* Begins and ends a transaction of the writer. SQLite result codes. */
int store_begin(struct store *s, bool write);
int store_commit(struct store *s);
void store_roll_back(struct store *s);

/*
 * A job that tells the news, alone or with what is done to the index in the same transaction: filled, or of deleted
 * rows forgotten, until clock_us() says until_us; *more: there are more of these.
 */
enum store_filling { STORE_ONLY_LOOK, STORE_FILL, STORE_FORGET, STORE_SCRUB, STORE_REBUILD };
enum store_status store_tell(
    struct store *s, int64_t floor, struct store_news *news, enum store_filling filling, int64_t until_us, bool *more);

/* From now on, or no more, commits are not synced. No send may ever be committed so. */
void store_sync(struct store *s, bool sync);

/* After an error: what was read may not be true; the next job begins with a look, or with the file opened again. */
enum store_status store_give_up(struct store *s, int code, const char *doing);

/*
 * After a commit that failed: when only its sync did, it stands whole at the end of the WAL, and a crash would take it
 * for committed. Writes over it.
 */
void store_write_over(struct store *s);

/*
 * In a transaction: what others have committed since the last time. Sets news->reset when the log is not the one that
 * was known: wiped, restored to an earlier state, or of another epoch. An SQLite result code (SQLITE_DONE is good).
 */
int store_read_news(struct store *s, int64_t floor, struct store_news *news);

/* What table changed has that was not told yet, likewise. */
int store_read_changes(struct store *s, int64_t floor, struct store_news *news);

struct store_inserted {
	bool changed;  /* a change was stored: what it did to others stands in table changed */
	bool all_ours; /* nothing else happened in the transaction: no trigger of the user's did anything */
	bool unsure;   /* what became of the sends is not said: it is known only of rows inserted singly (s->singly) */
};

/*
 * In a transaction: inserts the sends in their order, and says of each what became of it. An SQLite result code
 * (SQLITE_DONE is good).
 */
int store_insert(struct store *s, struct store_send *sends, size_t n, struct store_inserted *what);

/*
 * In store_change.c: inserts a send that is a change, unless there is nothing (left) to change, and says so in its
 * outcome. An SQLite result code (SQLITE_DONE is good).
 */
int store_insert_change(struct store *s, struct store_send *send);

/*
 * In store_key.c: whether there is a message with the send's room, `by` and key already: then its outcome is a replay
 * or a conflict. Somebody who is proven may have sent it before the log knew of that (row `by_since` of table meta),
 * under the same name: that is a replay too. An SQLite result code (SQLITE_DONE is good).
 */
int store_find_key(struct store *s, struct store_send *send);

/*
 * In store_allow.c: whether the send may have the sender that it claims, and be in its room; says so in its outcome,
 * and whether it makes the room. `before` are those that will be inserted before it and are not yet. An SQLite result
 * code (SQLITE_DONE is good).
 */
int store_allow(struct store *s, struct store_send *send, struct store_send *const *before, size_t n);

/*
 * In store_scrub.c: in a transaction whose news are told to the end, a piece of a scrub. An SQLite result code
 * (SQLITE_DONE is good).
 */
int store_scrub_piece(struct store *s, struct store_news *news);

/*
 * How large the next piece should be, in whatever it is counted, so that it takes piece_us; the last one was so large,
 * and took so long. Twice as large at the most: one that had little to do says nothing of how fast it goes.
 */
int store_piece_size(int size, int64_t took_us, int64_t piece_us, int least, int most);

/*
 * In store_gaps.c: passes over the pages of the file, that zero their gaps (gap.h). With the WAL emptied: whether there
 * is to be a pass, which begins. There is one, and another behind one that has found something: while it went on, a
 * page that was read before it came by may have been written, and copied from the WAL by another program, as it was.
 *
 * A piece of it, of so many pages; *whole: that was the last one. An SQLite result code (SQLITE_DONE is good;
 * SQLITE_BUSY: somebody copies from the WAL).
 *
 * Then, that it is on the disk. An SQLite result code (SQLITE_OK is good).
 */
bool store_another_pass(struct store *s);
int store_zero_gaps(struct store *s, int pages, bool *whole);
int store_sync_gaps(struct store *s);

/* In store_rebuild.c: likewise, a piece of an index that is made anew; and one that is put off where there might not be
 * room for the whole. */
int store_rebuild_piece(struct store *s, struct store_news *news);
int store_rebuild_if_room(struct store *s, struct store_news *news);

/* Nothing is known of rooms and names any more: somebody else may have changed them, or what was stored is undone. */
void store_forget_names(struct store *s);

/* In store_access.c, in a transaction: tells tokens and grants in the news, if they changed since they were told last,
 * or (again) in any case. An SQLite result code (SQLITE_DONE is good). */
int store_read_access(struct store *s, bool again, struct store_news *news);

/* Puts m, taking a holding, at the end of the news. An SQLite result code (SQLITE_OK is good). */
int store_news_add(struct store_news *news, struct message *m);

#endif
