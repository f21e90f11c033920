/*
 * words_cost PAIRS FILE: what the tokenizer `words` costs an index of the lines of a file, beside unicode61: rows a
 * second of the processor's time, and the size of the index. And beside unicode61 that is given the same tokens, with
 * blanks between: what FTS5 itself takes for so many. They take turns, PAIRS times; the medians of the ratios are told.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "lines.h"
#include "store/words.h"

enum { PAIRS_MAX = 99, LINES_MAX = 1 << 20 };

static struct str lines[LINES_MAX], tokens[LINES_MAX];
static size_t n_lines;
static char path[] = "/tmp/longline-words-cost-XXXXXX";

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Rows a second; *size is what the index has then, merged. */
static double
fill(const char *tokenizer, const struct str *texts, double *size)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	char sql[200];
	double before;

	unlink(path);
	must(sqlite3_open(path, &db), db);
	must(words_register(db), db);
	snprintf(sql, sizeof sql,
	    "PRAGMA synchronous = OFF; CREATE VIRTUAL TABLE t USING fts5 (body, content = '', tokenize = '%s'); BEGIN",
	    tokenizer);
	must(sqlite3_exec(db, sql, NULL, NULL, NULL), db);
	stmt = prepare(db, "INSERT INTO t (rowid, body) VALUES (?1, ?2)");
	before = seconds();
	for (size_t i = 0; i < n_lines; i++) {
		sqlite3_bind_int64(stmt, 1, (sqlite3_int64)i);
		sqlite3_bind_text64(stmt, 2, texts[i].p, texts[i].n, SQLITE_STATIC, SQLITE_UTF8);
		must(sqlite3_step(stmt), db);
		sqlite3_reset(stmt);
	}
	must(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), db);
	before = seconds() - before;
	sqlite3_finalize(stmt);
	must(sqlite3_exec(db, "INSERT INTO t (t) VALUES ('optimize')", NULL, NULL, NULL), db);
	stmt = prepare(db, "SELECT sum(length(block)) FROM t_data");
	must(sqlite3_step(stmt), db);
	*size = sqlite3_column_double(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return (double)n_lines / before;
}

static struct str
copy_of(struct str s)
{
	char *p = malloc(s.n + 1);

	if (p == NULL)
		exit(1);
	memcpy(p, s.p, s.n);
	return (struct str){p, s.n};
}

static void
read_lines(FILE *f)
{
	struct lines l = {.f = f};
	struct str line;

	while (n_lines < LINES_MAX && lines_next(&l, &line)) {
		struct words w;
		struct buf b;

		lines[n_lines] = copy_of(line);
		buf_init(&b, SIZE_MAX);
		words_begin(&w, lines[n_lines], false);
		while (words_next(&w)) {
			buf_add(&b, (struct str){w.token, w.n});
			buf_add_char(&b, ' ');
		}
		tokens[n_lines++] = copy_of(buf_str(&b));
		buf_fini(&b);
	}
	lines_end(&l);
}

static int
compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

static double
median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, compare);
	return v[n / 2];
}

int
main(int argc, char **argv)
{
	double beside[PAIRS_MAX], split[PAIRS_MAX], size, words_size, split_size;
	size_t pairs = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	FILE *f = argc == 3 ? fopen(argv[2], "r") : NULL;

	if (f == NULL || pairs < 1 || pairs > PAIRS_MAX) {
		fprintf(stderr, "usage: words_cost PAIRS FILE\n");
		return 2;
	}
	read_lines(f);
	close(mkstemp(path));
	for (size_t i = 0; i < pairs; i++) {
		double unicode61 = fill("unicode61 remove_diacritics 2", lines, &size);
		double ours = fill("words", lines, &words_size);

		beside[i] = ours / unicode61;
		split[i] = ours / fill("unicode61", tokens, &split_size);
	}
	unlink(path);
	printf("%zu lines: %.2f of unicode61's rows/s, %.2f of those of the same tokens split beforehand;"
	       " the index has %.2f times the size\n",
	    n_lines, median(beside, pairs), median(split, pairs), words_size / size);
	return 0;
}
