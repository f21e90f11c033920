/*
 * store_writer: what the files of the writer share: store_writer.c (its jobs begin and end), store_news.c,
 * store_append.c, store_insert.c and store_overwritten.c.
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

/* Begins and ends a transaction of the writer. SQLite result codes. */
int store_begin(struct store *s, bool write);
int store_commit(struct store *s);
void store_roll_back(struct store *s);

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

struct store_inserted {
	bool all_ours; /* nothing else happened in the transaction: no trigger of the user's did anything */
	bool unsure;   /* what became of the sends is not said: it is known only of rows inserted singly (s->singly) */
};

/*
 * In a transaction: inserts the sends in their order, and says of each what became of it. An SQLite result code
 * (SQLITE_DONE is good).
 */
int store_insert(struct store *s, struct store_send *sends, size_t n, struct store_inserted *what);

/* Puts m, taking a holding, at the end of the news. An SQLite result code (SQLITE_OK is good). */
int store_news_add(struct store_news *news, struct message *m);

#endif
