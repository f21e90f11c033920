/*
 * index: full text behind the log, in FTS5's tables of the same file. The writer fills it in pieces; readers search it.
 *
 * It reads the log by store_sql.h, on whatever connection it is called with. It may be behind, but is never wrong: what
 * was changed since it was indexed is not found until the index knows (triggers in sql/ note the old text in
 * `changed`).
 *
 * What is taken out of it leaves its words, or the ends of them, in FTS5's segments until these are written anew: a
 * scrub (index_scrub.c) does that. How many texts were taken out stands in the file, in the transaction that did it
 * (meta: taken_out), and beside it how many of them are erased (erased).
 *
 * Files: index_open.c, index_tables.c, index_fill.c, index_rebuild.c, index_scrub.c, index_expression.c,
 * index_search.c, index_excerpt.c; terms.h says what a search consists of.
 */
#ifndef INDEX_H
#define INDEX_H

#include "store.h"

struct sqlite3;

/*
 * For each connection that is opened: what the index needs of it, and adds what a search shows of a hit. An SQLite
 * result code; *x, also after an error, is the caller's, who closes it before the connection. NULL is let pass.
 */
struct index;
int index_open(struct store *s, struct sqlite3 *db, struct index **x);
void index_close(struct index *x);

/* The greatest id that it knows; -1: it cannot be read. */
int64_t index_end(struct store *s);

/*
 * In a transaction of the writer's, with everything up to head told: brings the index forward by at most 100 rows, and
 * says in the news how far it is. An SQLite result code (SQLITE_DONE is good).
 */
int index_fill(struct store *s, int64_t head, struct store_news *news);

/*
 * Likewise, but only takes out what was changed or deleted, until clock_us() says until_us (one row at least); *more:
 * there is more. An SQLite result code (SQLITE_DONE is good).
 */
int index_forget(struct store *s, int64_t until_us, bool *more);

/*
 * How many texts were taken out of it so far; how many of them no segment holds any more; and how many are not erased,
 * with those that are still to be taken out.
 */
int64_t index_taken(struct store *s);
int64_t index_erased(struct store *s);
int64_t index_erasing(struct store *s);
/* How many notes of changed and deleted messages it has to take. */
int64_t index_notes(struct store *s);

/* In a transaction: n texts were taken out; those up to the number `taken` are erased. SQLite result codes (SQLITE_DONE
 * is good). */
int index_taken_out(struct store *s, int64_t n);
int index_set_erased(struct store *s, int64_t taken);

/*
 * In a transaction: writes about so many pages of it anew. first: those that are to be written anew are those it has
 * now; later pieces go on with them. whole: nothing of them is left to be done. An SQLite result code (SQLITE_DONE is
 * good).
 */
int index_scrub(struct store *s, int pages, bool first, bool *whole);

/*
 * In a transaction: each scrub leaves the index two more levels, all but one of them empty, and with 2,000 FTS5 takes
 * it for damaged. Takes away empty ones when there are many. changed: it did, and the connection must be opened anew
 * behind the transaction, since FTS5 remembers what it knew. An SQLite result code (SQLITE_DONE is good).
 */
int index_lower(struct store *s, bool *changed);

/* In a transaction: empties it, to be filled anew. An SQLite result code (SQLITE_OK is good). */
int index_clear(struct store *s);

/*
 * In the transaction of a start: makes the tables of an index that is made by our words, if there is none; one that was
 * made by others' is asked, too, until the new one is filled. An SQLite result code (SQLITE_OK is good).
 */
int index_start(struct store *s);

/*
 * In a transaction: a piece of what is to be done until there is only the one index, made by our words. Of messages
 * that are to be put into it anew, or of rows of tables that are nobody's, about so many. *left: how many ids are to be
 * put in anew; *more: there is more to be done. An SQLite result code (SQLITE_DONE is good).
 */
int index_rebuild(struct store *s, int rows, int64_t *left, bool *more);

/* Whether all is done. */
bool index_rebuilt(struct store *s);

/* In a transaction: what part of the messages is yet to be put in anew: from 1 down to 0. */
double index_part_left(struct store *s);

/*
 * Reads the page of a search, in these rooms instead of the page's, with at most reply_max bytes of messages beyond the
 * first. An SQLite result code (SQLITE_OK is good; SQLITE_EMPTY: there is nothing to look for in q).
 */
int index_search(struct store *s, struct store_page *p, const struct store_rooms *rooms, size_t reply_max);

#endif
