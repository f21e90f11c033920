#include "store_rows.h"

/* What is left of the walk begins behind this row. */
static void
go_behind(struct store_walk *w, int64_t id)
{
	if (w->descending)
		w->up_to = id - 1;
	else
		w->above = id;
}

static void
leave(struct store_walk *w)
{
	if (w->stmt != NULL)
		sqlite3_reset(w->stmt);
	w->stmt = NULL;
}

/*
 * SQLite fails a whole statement when it meets what is longer than its limit. So the id of that row, which is the next
 * one, is asked for alone. An SQLite result code (SQLITE_OK is good).
 */
static int
pass_over_next(struct store *s, struct store_walk *w, bool by_names)
{
	struct store_filter f = *w->f;
	struct store_rooms rooms;
	sqlite3_stmt *stmt;
	int code;

	if (!by_names) {
		rooms = *f.rooms;
		rooms.sees = NULL;
		f.rooms = &rooms;
		f.by_sender = false;
	}
	stmt = store_select(s, &f, "id", w->above, w->up_to, w->descending, 1);
	if (stmt == NULL)
		return s->trouble;
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		go_behind(w, sqlite3_column_int64(stmt, 0));
		store_passed_over(s, sqlite3_column_int64(stmt, 0), "it has more bytes than are read");
	}
	sqlite3_reset(stmt);
	if (code == SQLITE_TOOBIG && by_names)
		return pass_over_next(s, w, false); /* it is the sender, or the room */
	return code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_TOOBIG : code;
}

static int
begin(struct store *s, struct store_walk *w)
{
	w->left = w->rows;
	w->stmt = store_select(s, w->f, STORE_COLUMNS, w->above, w->up_to, w->descending, w->rows);
	return w->stmt == NULL ? s->trouble : SQLITE_OK;
}

int
store_walk_next(struct store *s, struct store_walk *w, struct message_fields *fields)
{
	int code = SQLITE_OK;

	for (;;) {
		if (w->stmt == NULL && (code = begin(s, w)) != SQLITE_OK)
			return code;
		code = sqlite3_step(w->stmt);
		if (code == SQLITE_ROW) {
			w->left--;
			go_behind(w, sqlite3_column_int64(w->stmt, 0));
			if (store_row(s, w->stmt, fields))
				return SQLITE_ROW;
			continue;
		}
		leave(w);
		if (code == SQLITE_TOOBIG)
			code = pass_over_next(s, w, true);
		else if (code == SQLITE_DONE && w->left == 0)
			code = SQLITE_OK; /* rows that were passed over took the places of others */
		if (code != SQLITE_OK)
			return code;
	}
}

void
store_walk_end(struct store_walk *w)
{
	leave(w);
}
