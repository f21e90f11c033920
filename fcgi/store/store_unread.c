#include "store_rows.h"

/*
 * Rows of a room that are looked at, messages and changes. Of changes behind a message all but the first are stepped
 * over (sql/009-steps.sql), which an import notes as well, so there are two for each message at most. Only where
 * another program had a step forgotten by a REPLACE there may be more, and then less may be told than is unread.
 */
enum { ROWS_MAX = 4 * STORE_UNREAD_MAX };

/* A count under way. */
struct count {
	struct str room;
	int64_t read;
	int64_t n, rows; /* counted, looked at */
};

/* The message before one that stands behind changes; 0: there is none, -1: it is not known. */
static int64_t
message_below(struct store *s, struct str room, int64_t id)
{
	sqlite3_stmt *stmt =
	    store_prepare(s, "SELECT s.below FROM steps AS s LEFT JOIN messages AS m ON m.id = s.below"
	                     " WHERE s.id = ?1 AND (s.below = 0 OR m.room = ?2 AND typeof(m.changes) = 'null')");

	if (stmt == NULL)
		return 0;
	sqlite3_bind_int64(stmt, 1, id);
	store_bind_str(stmt, 2, room);
	return store_first_number(s, stmt, -1);
}

/* Whether a row is a change is told by its type alone: behind a long text SQLite would have to read all of that. */
static sqlite3_stmt *
select_down(struct store *s, const struct count *c, int64_t from)
{
	sqlite3_stmt *stmt =
	    store_prepare(s, "SELECT id, typeof(changes) = 'null' FROM messages INDEXED BY messages_room"
	                     " WHERE room = ?1 AND id <= ?2 AND id > ?3 ORDER BY id DESC");

	if (stmt == NULL)
		return NULL;
	store_bind_str(stmt, 1, c->room);
	sqlite3_bind_int64(stmt, 2, from);
	sqlite3_bind_int64(stmt, 3, c->read);
	return stmt;
}

/* Counts from a message down, to a change below which it is known where to go on: there; 0: that was all. */
static int64_t
count_down(struct store *s, struct count *c, int64_t from)
{
	sqlite3_stmt *stmt = select_down(s, c, from);
	int64_t message = 0, below = -1;

	if (stmt == NULL)
		return 0;
	while (below < 0 && c->n < STORE_UNREAD_MAX && c->rows < ROWS_MAX && sqlite3_step(stmt) == SQLITE_ROW) {
		c->rows++;
		if (sqlite3_column_int(stmt, 1) != 0) {
			c->n++;
			message = sqlite3_column_int64(stmt, 0);
		} else if (message != 0) {
			below = message_below(s, c->room, message);
			message = 0;
		}
	}
	store_reset(s, stmt);
	return below > 0 ? below : 0;
}

int64_t
store_unread(struct store *s, struct str room, int64_t read, int64_t last)
{
	struct count c = {.room = room, .read = read};

	while (last > read && c.n < STORE_UNREAD_MAX && c.rows < ROWS_MAX)
		last = count_down(s, &c, last);
	return c.n;
}
