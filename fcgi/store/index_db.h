/*
 * index_db: what the files of index share.
 *
 * The tables of an index are search_N, each with a number of its own that is never given again; the first one, which
 * sql/002-search.sql made, is 0 and called `search`. What stands in meta about them:
 *
 *   search_table  the number of the one that is filled, as long as the log is
 *   search_words  words_version() of whoever made it
 *   indexed       the greatest id that it knows
 *   search_old    the number of one that was made by another version, as long as it is asked, too: for what is at or
 *                 below search_left. It stays as it was.
 *   search_left   ids up to this one are yet to be put into the new one, from the greatest on; what changed of them
 *                 meanwhile is in there already (table reindexed)
 *   search_start  search_left as it was at first
 *   search_again  there are messages in table reindexed that another one has, and not the one that is filled
 *
 * Any other table of an index is nobody's, and is dropped in pieces.
 */
#ifndef INDEX_DB_H
#define INDEX_DB_H

#include "index.h"
#include "store_sql.h"

enum {
	INDEX_EXPRESSION_MAX = 64 * 1024,
	INDEX_SQL_MAX = 4096,
	INDEX_NAME_MAX = 32,
	INDEX_AGAIN_ROWS = 100,
	INDEX_NONE = -1
};

/* What the index needs of a connection: the tokenizer of table 0. */
struct index {
	fts5_tokenizer tokenizer;
	Fts5Tokenizer *unicode61;
	bool rebuilt; /* there is one table, as was found when the index was filled last; the writer's */
};

/* Which tables there are, as meta says in this transaction. */
struct index_state {
	int64_t table, old; /* old: INDEX_NONE: there is none */
	int64_t left;       /* 0: there is no old one */
	bool again;
};
struct index_state index_state(struct store *s);

/* In index_tables.c: the statement for sql in which each @ stands for the name of table n; NULL, noted, on failure. */
sqlite3_stmt *index_prepare(struct store *s, const char *sql, int64_t n);

/* The same, and each # for that of another one. */
sqlite3_stmt *index_prepare_both(struct store *s, const char *sql, int64_t n, int64_t old);

/* The same of store_run_with(). */
int index_run_with(struct store *s, const char *sql, int64_t n, int64_t a, int64_t b);

/* The same of store_exec(). */
int index_exec(struct store *s, const char *sql, int64_t n);

/* The same for one that writes to what otherwise only FTS5 writes to (harden.h). It is to be run, once, at once. */
sqlite3_stmt *index_prepare_undefended(struct store *s, const char *sql, int64_t n);
int index_run_undefended(struct store *s, sqlite3_stmt *stmt);

/* From now on nothing is asked but the table that is filled: the old one, if there is one, is nobody's. As store_run().
 */
int index_swap(struct store *s);

/* A table of an index that is nobody's; INDEX_NONE: there is none. */
int64_t index_nobodys(struct store *s);

/* In index_fill.c: puts the messages above `above` and up to `up_to` that table n has not into it. A message that it
 * cannot take it goes without. An SQLite result code (SQLITE_DONE is good). */
int index_put(struct store *s, int64_t n, int64_t above, int64_t up_to);

/* In index_rebuild.c: puts messages that only another table has, and the old one as they were, into the table that is
 * filled, this many or fewer; *more: there may be more. As index_put(). */
int index_put_again(struct store *s, const struct index_state *st, int rows, bool *more);

/* Merges in table n as much as keeps up with what was added, of so many bytes. As index_put(). */
int index_merge(struct store *s, int64_t n, int64_t bytes);

/* In index_excerpt.c: adds what a search shows of a hit. An SQLite result code. */
int index_add_excerpt(fts5_api *api, struct store *s);

/* What is asked of FTS5 for a search. */
struct index_expression {
	struct buf match;   /* the expression (SQLite's documentation, FTS5 section 3) */
	struct buf singles; /* of its phrases, for excerpt() */
};
void index_expression_init(struct index_expression *e);
void index_expression_fini(struct index_expression *e);

/* Makes it, for a table of ours or the one of number 0; false: there is nothing to look for. Without memory, or of too
 * many words, match has failed. */
bool index_express(struct index_expression *e, struct index *x, int64_t table, const struct store_page *p,
    const struct store_rooms *rooms);

#endif
