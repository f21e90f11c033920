/*
 * index: full text behind the log, in FTS5's tables of the same file. The writer fills it in pieces; readers search it.
 *
 * It reads the log by store_sql.h, on whatever connection it is called with. It may be behind, but is never wrong: what
 * was changed since it was indexed is not found until the index knows (triggers in sql/ note the old text in
 * `changed`).
 *
 * Files: index_fill.c, index_search.c, index_excerpt.c; terms.h says what a search consists of.
 */
#ifndef INDEX_H
#define INDEX_H

#include "store.h"

struct sqlite3;

/* For each connection that is opened: adds what a search shows of a hit. An SQLite result code. */
int index_open(struct store *s, struct sqlite3 *db);

/* The greatest id that it knows; -1: it cannot be read. */
int64_t index_end(struct store *s);

/*
 * In a transaction of the writer's, with everything up to head told: brings the index forward by at most 100 rows, and
 * says in the news how far it is. An SQLite result code (SQLITE_DONE is good).
 */
int index_fill(struct store *s, int64_t head, struct store_news *news);

/* In a transaction: empties it, to be filled anew. An SQLite result code (SQLITE_OK is good). */
int index_clear(struct store *s);

/*
 * Reads the page of a search, with at most reply_max bytes of messages beyond the first. An SQLite result code
 * (SQLITE_OK is good; SQLITE_EMPTY: there is nothing to look for in q).
 */
int index_search(struct store *s, struct store_page *p, size_t reply_max);

#endif
