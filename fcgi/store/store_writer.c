#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "index.h"
#include "store_writer.h"

enum {
	PROBE_BYTES = 256 * 1024,
	MISSING_MS = 1000,  /* a file is missing before another is made */
	START_ANEW_MS = 20, /* for a lock; our own readers may hold one on a file that was overwritten under them */
};

/* Of a log that is taken up; if it cannot be read now, the next look tells it. */
static void
tell_access(struct store *s, struct store_news *news)
{
	int code = store_begin(s, false);

	if (code == SQLITE_OK && store_read_access(s, false, news) == SQLITE_DONE && s->trouble == SQLITE_OK)
		code = store_commit(s);
	store_roll_back(s);
	s->trouble = SQLITE_OK;
	s->seen = 0; /* the rest of its news is still to be looked for */
}

enum store_status
store_start_anew(struct store *s, struct store_news *news)
{
	char error[STORE_ERROR_SIZE];

	store_news_fini(news);
	s->data_version = -1;
	s->seen = 0; /* another file counts anew, and may come to the same number */
	s->scrub.state = SCRUB_NONE;
	s->options.new_epoch = true;
	s->started = false;
	if (store_start(s, START_ANEW_MS, error) != 0) {
		if (!s->anew_logged)
			log_error("store",
			    "doing=\"take up another log\" error=\"%s\" detail=\"if it was overwritten in place, "
			    "restart\"",
			    error);
		s->anew_logged = true;
		return STORE_FAILED;
	}
	s->anew_logged = false;
	tell_access(s, news);
	log_warning("new_epoch", "file=\"%s\" epoch=%s head=%lld detail=\"the log was replaced, wiped or restored\"",
	    s->options.path, s->epoch, (long long)s->head);
	news->reset = true;
	return STORE_OK;
}

enum store_status
store_ready(struct store *s, struct store_news *news)
{
	bool moved = store_moved(s);

	/* Somebody removes file after file: a WAL that is made at once would be removed with them, and what is in it.
	 */
	if (moved && access(s->options.path, F_OK) != 0) {
		if (s->missing_ms == 0)
			s->missing_ms = clock_ms();
		if (clock_ms() - s->missing_ms < MISSING_MS)
			return STORE_BUSY;
	}
	s->missing_ms = 0;

	if ((s->db == NULL || moved) && store_reopen(s, moved) != 0)
		return STORE_FAILED;
	if (moved || !s->started)
		return store_start_anew(s, news);
	return store_overwritten(s) ? STORE_FAILED : STORE_OK;
}

void
store_tell_state(struct store *s, struct store_news *news)
{
	news->head = s->head;
	/* Of a state that was not told to its end the rest is still to be looked for. */
	news->seen = news->more ? 0 : s->seen;
	news->wal_pages = s->wal_pages;
	s->wal_pages = 0;
	memcpy(news->epoch, s->epoch, sizeof news->epoch);
}

/* A trigger may take long, or have no end. */
static void
set_deadline(struct store *s)
{
	s->deadline_us = s->options.write_timeout_ms > 0 ? clock_us() + s->options.write_timeout_ms * 1000 : 0;
}

/* Begins a transaction of the writer, and notes which state of the database it begins with. */
int
store_begin(struct store *s, bool write)
{
	uint32_t before = walindex_changes(&s->walindex);
	int code;

	s->trouble = SQLITE_OK;
	code = store_exec(s, write ? "BEGIN IMMEDIATE" : "BEGIN");
	set_deadline(s);

	/* With the lock nobody else commits. Without it, somebody may have since: then it is looked at once more. */
	s->seen = write && code == SQLITE_OK ? walindex_changes(&s->walindex) : before;
	s->committed = false;
	return code;
}

int
store_commit(struct store *s)
{
	int code;

	s->deadline_us = 0;
	code = store_exec(s, "COMMIT");
	if (code == SQLITE_OK && s->committed && s->seen != 0)
		s->seen++;
	return code;
}

void
store_roll_back(struct store *s)
{
	s->deadline_us = 0;
	store_forget_names(s);
	if (s->db != NULL && !sqlite3_get_autocommit(s->db))
		store_exec(s, "ROLLBACK");
}

enum store_status
store_give_up(struct store *s, int code, const char *doing)
{
	enum store_status status = store_failed(s, code, doing);

	store_roll_back(s);
	s->data_version = -1;
	s->seen = 0;
	if ((code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB || (code & 0xFF) == SQLITE_IOERR ||
	    (code & 0xFF) == SQLITE_ERROR)
		(void)store_reopen(s, false);
	return status;
}

void
store_sync(struct store *s, bool sync)
{
	if (s->db == NULL)
		return;
	/* No send may ever be committed without it; a connection that is opened anew has it. */
	if (store_exec(s, sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL") != SQLITE_OK && sync)
		(void)store_reopen(s, false);
}

bool
store_ready_to_tell(struct store *s, struct store_news *news, enum store_status *status)
{
	*status = store_ready(s, news);
	if (*status == STORE_OK && !news->reset)
		return true;
	if (s->started)
		store_tell_state(s, news);
	return false;
}

int
store_piece_size(int size, int64_t took_us, int64_t piece_us, int least, int most)
{
	int64_t next = size * piece_us / (took_us < 1 ? 1 : took_us);

	if (next > 2 * (int64_t)size)
		next = 2 * (int64_t)size;
	return (int)(next < least ? least : next > most ? most : next);
}

static const char *const DOING[] = {
    "look", "fill the index", "take what was deleted out of the index", "scrub", "make the index anew"};

/* What is done to the index behind the news. An SQLite result code (SQLITE_DONE is good). */
static int
work(struct store *s, struct store_news *news, enum store_filling filling, int64_t until_us, bool *more)
{
	switch (filling) {
	case STORE_ONLY_LOOK:
		break;
	case STORE_FILL:
		return index_fill(s, s->head, news);
	case STORE_FORGET:
		return index_forget(s, until_us, more);
	case STORE_SCRUB:
		return store_scrub_piece(s, news);
	case STORE_REBUILD:
		return store_rebuild_if_room(s, news);
	}
	return SQLITE_DONE;
}

enum store_status
store_tell(
    struct store *s, int64_t floor, struct store_news *news, enum store_filling filling, int64_t until_us, bool *more)
{
	enum store_status status;
	int code;

	if (!store_ready_to_tell(s, news, &status))
		return status;
	/* Losing the end of the index in a power cut is no loss: what is missing is filled again. */
	if (filling != STORE_ONLY_LOOK)
		store_sync(s, false);
	code = store_begin(s, filling != STORE_ONLY_LOOK);
	if (code == SQLITE_OK)
		code = store_read_news(s, floor, news);
	/* Notes are only taken away once they were told. */
	if (code == SQLITE_DONE && !news->reset && !news->more)
		code = work(s, news, filling, until_us, more);
	if (code == SQLITE_DONE && s->trouble != SQLITE_OK)
		code = s->trouble;
	if (code == SQLITE_DONE)
		code = store_commit(s);
	if (code != SQLITE_OK)
		status = store_give_up(s, code, DOING[filling]);
	if (filling != STORE_ONLY_LOOK)
		store_sync(s, true);
	if (status == STORE_OK && news->reset)
		status = store_start_anew(s, news);
	if (s->started)
		store_tell_state(s, news);
	return status;
}

enum store_status
store_look(struct store *s, int64_t floor, struct store_news *news)
{
	return store_tell(s, floor, news, STORE_ONLY_LOOK, 0, NULL);
}

enum store_status
store_fill(struct store *s, int64_t floor, struct store_news *news)
{
	return store_tell(s, floor, news, STORE_FILL, 0, NULL);
}

enum store_status
store_scrub(struct store *s, int64_t floor, struct store_news *news)
{
	enum store_status status = store_tell(s, floor, news, STORE_SCRUB, 0, NULL);

	if (status != STORE_OK && status != STORE_BUSY)
		s->scrub.state = SCRUB_NONE;
	return status;
}

static int
write_probe(struct store *s, size_t n)
{
	int code = store_exec(s, "BEGIN IMMEDIATE");

	set_deadline(s);
	if (code == SQLITE_OK)
		code = store_run_with(s, "INSERT OR REPLACE INTO meta VALUES ('probe', zeroblob(?))", (int64_t)n, 0);
	s->deadline_us = 0;
	return code == SQLITE_DONE ? store_exec(s, "COMMIT") : code;
}

void
store_write_over(struct store *s)
{
	/* Its first page is enough: the checksums of all behind it no longer follow. The sync may fail once more. */
	if (s->db != NULL && write_probe(s, 0) != SQLITE_OK)
		store_roll_back(s);
}

enum store_status
store_probe(struct store *s, bool thorough)
{
	int code;

	if (s->db == NULL || !s->started || store_overwritten(s))
		return STORE_FAILED;
	s->trouble = SQLITE_OK;
	code = write_probe(s, thorough ? PROBE_BYTES : 0);
	if (code == SQLITE_OK && thorough)
		code = write_probe(s, 0);
	return code == SQLITE_OK ? STORE_OK : store_give_up(s, code, "probe");
}

enum store_status
store_note_used(struct store *s, const char *name, int64_t at_ms)
{
	sqlite3_stmt *stmt;
	int code;

	/* Another file is taken up by the next job. */
	if (s->db == NULL || !s->started || store_moved(s))
		return STORE_BUSY;
	code = store_begin(s, true);
	stmt = code == SQLITE_OK ? store_prepare(s, "UPDATE tokens SET used = ? WHERE name = ?") : NULL;
	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 1, at_ms);
		store_bind_str(stmt, 2, str_of(name));
		code = store_run(stmt);
	} else if (code == SQLITE_OK)
		code = s->trouble;
	if (code == SQLITE_DONE)
		code = store_commit(s);
	s->seen = 0; /* what others committed before it was not told */
	return code == SQLITE_OK ? STORE_OK : store_give_up(s, code, "note that a token was used");
}

enum store_status
store_checkpoint(struct store *s, bool truncate)
{
	int code, in_wal = 0, copied = 0;

	/* Another file is not taken up here: the writer's next job does that, under a new epoch. */
	if (s->started && (s->db == NULL || store_moved(s)))
		return STORE_BUSY;
	if ((s->db == NULL || store_moved(s)) && store_reopen(s, false) != 0)
		return STORE_FAILED;
	s->busy_wait_ms = 0;
	/* TRUNCATE keeps every writer out, and a cron job may not wait. With all copied before, it takes no time. */
	code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &copied);
	if (code == SQLITE_OK && truncate)
		code = copied < in_wal ? SQLITE_BUSY
		                       : sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return code == SQLITE_OK ? STORE_OK : store_failed(s, code, "checkpoint");
}
