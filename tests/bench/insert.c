/*
 * insert: another program that writes to the log by SQL.
 *
 * usage: insert DATABASE, then one command a line on standard input, each answered by one line of JSON:
 *
 *	rows RUN FROM N EVERY_MS HOLD_MS   N transactions of one row, texts b:RUN:FROM… and on, each held open for so
 *long; tells when each was committed (wall clock, us) and how long the commits took
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

enum { ROWS_MAX = 1000000, TEXT_BYTES = 100 };

static sqlite3 *db;
static sqlite3_stmt *row;

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
rest_until(int64_t us)
{
	int64_t left = us - now_us();
	struct timespec t = {.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};

	if (left > 0)
		nanosleep(&t, NULL);
}

static void
run(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "insert: %s: %s\n", sql, sqlite3_errmsg(db));
		exit(1);
	}
}

static void
insert(unsigned run_id, long seq)
{
	char text[TEXT_BYTES + 1];
	int n = snprintf(text, sizeof text, "b:%u:%ld:", run_id, seq);

	memset(text + n, 'x', (size_t)(TEXT_BYTES - n));
	sqlite3_bind_text(row, 1, text, TEXT_BYTES, SQLITE_TRANSIENT);
	if (sqlite3_step(row) != SQLITE_DONE) {
		fprintf(stderr, "insert: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
	sqlite3_reset(row);
}

static void
rows(unsigned run_id, long from, long n, int64_t every_us, int64_t hold_us)
{
	int64_t began = now_us(), busy_us = 0;

	printf("{\"commits\":[");
	for (long i = 0; i < n; i++) {
		int64_t at = now_us();

		run("BEGIN IMMEDIATE");
		insert(run_id, from + i);
		if (hold_us > 0)
			rest_until(now_us() + hold_us);
		run("COMMIT");
		busy_us += now_us() - at;
		printf("%s[%ld,%" PRId64 "]", i > 0 ? "," : "", from + i, now_us());
		if (every_us > 0)
			rest_until(began + (i + 1) * every_us);
	}
	printf("],\"each_us\":%.1f}\n", n > 0 ? (double)busy_us / (double)n : 0);
}

int
main(int argc, char **argv)
{
	char line[256];

	if (argc != 2 || sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
		fprintf(stderr, "usage: insert DATABASE\n");
		return 2;
	}
	sqlite3_busy_timeout(db, 10000);
	run("PRAGMA synchronous = FULL");
	if (sqlite3_prepare_v2(db, "INSERT INTO messages(text) VALUES(?1)", -1, &row, NULL) != SQLITE_OK) {
		fprintf(stderr, "insert: %s\n", sqlite3_errmsg(db));
		return 1;
	}
	while (fgets(line, sizeof line, stdin) != NULL) {
		unsigned run_id;
		long from, n, every_ms, hold_ms;

		if (sscanf(line, "rows %u %ld %ld %ld %ld", &run_id, &from, &n, &every_ms, &hold_ms) == 5 &&
		    n <= ROWS_MAX)
			rows(run_id, from, n, every_ms * 1000, hold_ms * 1000);
		else
			printf("{\"unknown\":true}\n");
		fflush(stdout);
	}
	sqlite3_finalize(row);
	sqlite3_close(db);
	return 0;
}
