#include "erase.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "interrupt.h"
#include "owner.h"
#include "progress.h"
#include "say.h"
#include "store/store.h"

enum {
	LOOK_EVERY_MS = 100,
	ASK_EVERY_MS = 10000, /* a new daemon has not heard it */
	READER_MS = 10000,    /* after so long another program that is in the way is told of */
	GONE_MS = 20000,      /* a daemon that ended may be one that starts again */
};

/* ---- by longlined ---- */

/* What is to be erased: notes up to a number, and then texts up to one. */
struct waiting {
	struct database *database;
	const char *lock;
	int64_t notes, taken; /* taken: -1 until all the notes were */
	int64_t asked_ms, alive_ms, began_ms;
	bool told;
	int fd; /* the lock, when it has become ours: there is no longlined any more */
};

static int
number(struct database *d, const char *sql, int64_t *value)
{
	return database_one(d, sql, NULL, 0, 0, value);
}

static int
read_taken(struct database *d, int64_t *taken)
{
	return number(d, "SELECT value FROM meta WHERE name = 'taken_out'", taken);
}

static int
ask(struct waiting *w)
{
	int64_t now_ms = clock_ms();

	if (w->asked_ms != 0 && now_ms - w->asked_ms < ASK_EVERY_MS)
		return 0;
	w->asked_ms = now_ms;
	return database_run(w->database,
	    "INSERT INTO meta VALUES ('erase_asked', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", NULL, 0,
	    NULL, NULL);
}

/* 1: all is erased; 0: not yet. */
static int
look(struct waiting *w)
{
	struct database_value notes = DATABASE_VALUE_NUMBER(w->notes);
	int64_t left, erased;

	if (w->taken < 0) {
		if (database_one(w->database, "SELECT count(*) FROM (SELECT 1 FROM changed WHERE seq <= ?1 LIMIT 1)",
		        &notes, 1, 0, &left) != 0)
			return -1;
		if (left > 0)
			return 0;
		if (read_taken(w->database, &w->taken) != 0)
			return -1;
	}
	if (number(w->database, "SELECT value FROM meta WHERE name = 'erased'", &erased) != 0)
		return -1;
	return erased >= w->taken;
}

/* The process that the lock's file names: whether there is one. */
static bool
lives(const char *holder)
{
	long pid = strtol(holder, NULL, 10);

	return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Whether there is still somebody who does it; else the lock is ours. */
static bool
daemon_runs(struct waiting *w)
{
	char holder[LOCK_HOLDER_SIZE];
	int64_t now_ms = clock_ms();

	lock_holder(w->lock, holder);
	if (lives(holder))
		w->alive_ms = now_ms;
	if (now_ms - w->began_ms > READER_MS && !w->told && w->taken >= 0) {
		w->told = true;
		progress_end();
		say_note("This waits for the index, or for a program that has a transaction open in the log.");
	}
	if (now_ms - w->alive_ms < GONE_MS)
		return true;
	/* It may be one whose number is not known here. */
	w->alive_ms = now_ms;
	w->fd = lock_take(w->lock, holder);
	return w->fd < 0;
}

/* *fd: the lock, if it has to be done here after all; else -1. */
static int
wait_for_daemon(struct database *d, const char *lock, int *fd, int64_t *texts)
{
	struct waiting w = {
	    .database = d, .lock = lock, .taken = -1, .alive_ms = clock_ms(), .began_ms = clock_ms(), .fd = -1};
	int64_t before;
	int result = 0;

	if (number(d, "SELECT coalesce(max(seq), 0) FROM changed", &w.notes) != 0 ||
	    number(d, "SELECT value FROM meta WHERE name = 'erased'", &before) != 0)
		return -1;
	while (result == 0 && w.fd < 0 && (result = look(&w)) == 0) {
		progress_show("erasing", 0, 0);
		if (interrupt_came()) {
			progress_end();
			say_error("interrupted: longlined goes on with it");
			result = -1;
		} else if (ask(&w) != 0)
			result = -1;
		else if (daemon_runs(&w))
			clock_sleep_ms(LOOK_EVERY_MS);
	}
	progress_end();
	*fd = w.fd;
	*texts = w.taken > before ? w.taken - before : 0;
	return result < 0 ? -1 : 0;
}

/* ---- by ourselves ---- */

static int
failed(enum store_status status)
{
	progress_end();
	if (interrupt_came())
		say_error("interrupted: what was deleted is erased by longlined when it runs");
	else if (status == STORE_FULL)
		say_error("there is no room on the disk to write the index anew");
	else
		say_error("the index could not be written anew");
	return -1;
}

/* Pieces, until the index is written anew. */
static int
scrub_pieces(struct store *s)
{
	struct store_news news = {0};
	enum store_status status;
	bool whole = false;

	while (!whole && !interrupt_came()) {
		status = store_scrub(s, INT64_MAX, &news);
		whole = status == STORE_OK && news.scrubbed;
		store_news_fini(&news);
		progress_show("erasing", 0, 0);
		if (status == STORE_BUSY)
			clock_sleep_ms(LOOK_EVERY_MS);
		else if (status != STORE_OK)
			return failed(status);
	}
	return whole ? 0 : failed(STORE_OK);
}

/* Empties the WAL, when nobody reads an older state any more; whether that was all, or pieces follow. */
static int
empty_wal(struct store *s, int64_t *texts, bool *whole)
{
	int64_t began_ms = clock_ms();
	struct store_news news = {0};
	enum store_status status = store_scrub_end(s, &news);

	while (status == STORE_BUSY && !interrupt_came()) {
		if (began_ms != 0 && clock_ms() - began_ms > READER_MS) {
			began_ms = 0;
			progress_end();
			say_note("This waits for a program that has a transaction open in the log.");
		}
		progress_show("erasing", 0, 0);
		clock_sleep_ms(LOOK_EVERY_MS);
		status = store_scrub_end(s, &news);
	}
	*texts = news.erased;
	*whole = news.scrubbed;
	store_news_fini(&news);
	if (status == STORE_OK)
		return 0;
	progress_end();
	return failed(status);
}

static int
scrub(const char *path, int64_t *texts)
{
	struct store_options options = {.path = path};
	char error[STORE_ERROR_SIZE];
	struct store *s;
	bool whole = false;
	int result;

	/* What it would tell of each piece is no news here. */
	log_set_level(LOG_ERROR);
	s = store_open(&options, false, error);
	result = s == NULL ? -1 : store_start(s, DATABASE_WAIT_MS, error);
	if (result != 0)
		say_error("%s", error);
	while (result == 0 && !whole) {
		result = scrub_pieces(s);
		if (result == 0)
			result = empty_wal(s, texts, &whole);
	}
	progress_end();
	store_close(s);
	return result;
}

int
erase_run(struct database *d, const char *path, int64_t *texts)
{
	char lock[LOCK_PATH_SIZE], holder[LOCK_HOLDER_SIZE];
	int fd, result;

	*texts = 0;
	fd = owner_take_lock(path, lock, holder);
	if (fd < 0 && errno == EWOULDBLOCK) {
		result = wait_for_daemon(d, lock, &fd, texts);
		if (fd < 0)
			return result;
	} else if (fd < 0) {
		say_error("cannot take the lock %s: %s", lock, strerror(errno));
		return -1;
	}
	result = scrub(path, texts);
	close(fd);
	return result;
}
