/*
 * lines: what the programs of the tokenizer `words` share: the lines of a file, and an SQLite that must not fail.
 */
#ifndef LINES_H
#define LINES_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

/* The lines of a file, one after the other. */
struct lines {
	FILE *f;
	char *bytes;
	size_t size;
};

/* The next one, without its end, good until the one after it; false: there is none. */
static inline bool
lines_next(struct lines *l, struct str *line)
{
	ssize_t n = getline(&l->bytes, &l->size, l->f);

	if (n <= 0)
		return false;
	*line = (struct str){l->bytes, (size_t)(l->bytes[n - 1] == '\n' ? n - 1 : n)};
	return true;
}

static inline void
lines_end(struct lines *l)
{
	free(l->bytes);
	fclose(l->f);
}

static inline void
must(int code, sqlite3 *db)
{
	if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
		return;
	fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(db));
	exit(1);
}

static inline sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;

	must(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), db);
	return stmt;
}

#endif
