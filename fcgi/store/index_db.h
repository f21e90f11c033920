/*
 * index_db: what the files of index share.
 */
#ifndef INDEX_DB_H
#define INDEX_DB_H

#include "index.h"
#include "store_sql.h"

enum { INDEX_EXPRESSION_MAX = 64 * 1024 };

/* What the index needs of a connection. */
struct index {
	fts5_tokenizer tokenizer; /* the one of its tables */
	Fts5Tokenizer *words;
};

/* In index_excerpt.c: adds what a search shows of a hit. An SQLite result code. */
int index_add_excerpt(fts5_api *api, struct store *s);

/* Whether the tokenizer finds any word in a text. */
bool index_has_words(struct index *x, struct str text);

/* The FTS5 expression of a search (SQLite's documentation, FTS5 section 3); false when there is nothing to look for. */
bool index_expression(struct buf *b, struct index *x, const struct store_page *p, const struct store_rooms *rooms);

#endif
