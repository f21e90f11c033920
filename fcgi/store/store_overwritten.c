#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "store_writer.h"

enum { CHECK_AGAIN_MS = 100 }; /* checkpoints change the file too, many a second under load */

/* What a connection that remembers nothing finds there: SQLITE_ROW, and whether it is our log, or another code. */
static int
look_afresh(const struct store *s, bool *ours)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_open_v2(s->options.path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (code == SQLITE_OK) {
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
		store_harden(db);
		code = sqlite3_prepare_v2(db,
		    "SELECT (SELECT value FROM meta WHERE name = 'epoch'),"
		    " max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0),"
		    " coalesce((SELECT max(id) FROM messages), 0))",
		    -1, &stmt, NULL);
	}
	if (code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW)
		*ours = str_eq(store_column(stmt, 0), str_of(s->epoch)) && sqlite3_column_int64(stmt, 1) >= s->head;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return code & 0xFF;
}

/* Whether the file is another one's by now; false: it could not be looked at. Another log that came by way of SQLite is
 * found with the news; one that came behind SQLite's back never is. */
static bool
examine(struct store *s, const struct stat *st)
{
	bool ours = false;
	int code = SQLITE_NOTADB;

	if (st->st_size > 0) /* an empty one must not be opened: SQLite would delete the WAL */
		code = look_afresh(s, &ours);
	if (code == SQLITE_ROW)
		s->overwritten = !ours && store_number(s, "PRAGMA data_version", -1) == s->data_version;
	else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR)
		s->overwritten = true;
	else
		return false;
	return true;
}

bool
store_overwritten(struct store *s)
{
	struct stat st;
	int64_t now;

	if (stat(s->options.path, &st) != 0)
		return false;
	if (!s->overwritten && st.st_mtim.tv_sec == s->checked_at.tv_sec && st.st_mtim.tv_nsec == s->checked_at.tv_nsec)
		return false;
	now = clock_ms();
	if (s->checked_ms != 0 && now - s->checked_ms < CHECK_AGAIN_MS)
		return s->overwritten;
	s->checked_ms = now;
	if (examine(s, &st))
		s->checked_at = st.st_mtim;
	if (s->overwritten)
		store_say(s, "overwritten", SQLITE_NOTADB, "look at the file",
		    "somebody wrote over it; stop, put a good copy in its place, without -wal and -shm, and start");
	return s->overwritten;
}
