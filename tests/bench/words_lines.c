/*
 * words_lines LINES: what is found of the lines of a file by FTS5 and its tokenizer `words`. Each line of the standard
 * input is a term, as in a search; the answer is a line of the numbers of lines that it finds, from 0 on. For
 * search-oracle.mjs.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/words.h"

static void
must(int code, sqlite3 *db)
{
	if (code == SQLITE_OK || code == SQLITE_DONE)
		return;
	fprintf(stderr, "words_lines: %s\n", sqlite3_errmsg(db));
	exit(1);
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;

	must(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), db);
	return stmt;
}

/* The term as FTS5 takes it; free() it. */
static char *
expression(struct str term)
{
	char *e = malloc(2 * term.n + 8), *p = e;

	if (e == NULL)
		exit(1);
	*p++ = '"';
	for (size_t i = 0; i < term.n; i++) {
		if (term.p[i] == '"')
			*p++ = '"';
		*p++ = term.p[i];
	}
	strcpy(p, words_term(term).prefix ? "\"*" : "\"");
	return e;
}

int
main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
	sqlite3_stmt *insert, *find;
	sqlite3 *db;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (f == NULL) {
		fprintf(stderr, "usage: words_lines LINES\n");
		return 2;
	}
	must(sqlite3_open(":memory:", &db), db);
	must(words_register(db), db);
	must(sqlite3_exec(db, "CREATE VIRTUAL TABLE t USING fts5 (body, content = '', tokenize = 'words'); BEGIN", NULL,
	         NULL, NULL),
	    db);
	insert = prepare(db, "INSERT INTO t (rowid, body) VALUES (?1, ?2)");
	for (int64_t row = 0; (n = getline(&line, &size, f)) > 0; row++) {
		sqlite3_bind_int64(insert, 1, row);
		sqlite3_bind_text(insert, 2, line, (int)(line[n - 1] == '\n' ? n - 1 : n), SQLITE_TRANSIENT);
		must(sqlite3_step(insert), db);
		sqlite3_reset(insert);
	}
	fclose(f);
	sqlite3_finalize(insert);
	must(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), db);
	find = prepare(db, "SELECT rowid FROM t WHERE t MATCH ?1 ORDER BY rowid");
	while ((n = getline(&line, &size, stdin)) > 0) {
		char *e = expression((struct str){line, (size_t)(line[n - 1] == '\n' ? n - 1 : n)});
		int code;

		sqlite3_bind_text(find, 1, e, -1, SQLITE_TRANSIENT);
		while ((code = sqlite3_step(find)) == SQLITE_ROW)
			printf("%lld ", sqlite3_column_int64(find, 0));
		must(code, db);
		putchar('\n');
		sqlite3_reset(find);
		free(e);
	}
	sqlite3_finalize(find);
	sqlite3_close(db);
	free(line);
	return 0;
}
