/*
 * words_lines LINES: what is found of the lines of a file by FTS5 and its tokenizer `words`. Each line of the standard
 * input is a term, as in a search; the answer is a line of the numbers of lines that it finds, from 0 on. For
 * search-oracle.mjs.
 */
#include <string.h>

#include "lines.h"
#include "store/words.h"

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
	struct lines texts = {.f = argc == 2 ? fopen(argv[1], "r") : NULL}, terms = {.f = stdin};
	sqlite3_stmt *insert, *find;
	sqlite3 *db;
	struct str line;

	if (texts.f == NULL) {
		fprintf(stderr, "usage: words_lines LINES\n");
		return 2;
	}
	must(sqlite3_open(":memory:", &db), db);
	must(words_register(db), db);
	must(sqlite3_exec(db, "CREATE VIRTUAL TABLE t USING fts5 (body, content = '', tokenize = 'words'); BEGIN", NULL,
	         NULL, NULL),
	    db);
	insert = prepare(db, "INSERT INTO t (rowid, body) VALUES (?1, ?2)");
	for (int64_t row = 0; lines_next(&texts, &line); row++) {
		sqlite3_bind_int64(insert, 1, row);
		sqlite3_bind_text(insert, 2, line.p, (int)line.n, SQLITE_TRANSIENT);
		must(sqlite3_step(insert), db);
		sqlite3_reset(insert);
	}
	lines_end(&texts);
	sqlite3_finalize(insert);
	must(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), db);
	find = prepare(db, "SELECT rowid FROM t WHERE t MATCH ?1 ORDER BY rowid");
	while (lines_next(&terms, &line)) {
		char *e = expression(line);
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
	lines_end(&terms);
	return 0;
}
