/*
 * Names of rooms that are gone: of each there is a mark of what was deleted (table deleted; meta, pruned:ROOM), so that
 * its readers are told of the gap. Since rooms can come and go without end, the marks of about the older half become
 * one when there are more than keep says: that of the empty name, which holds for every room without a mark of its own.
 *
 * A room that is there is to be told nothing of others, so each has a mark of its own before that, of what may be
 * missing from it: of what went before the one mark of then. So only readers of rooms that are gone, or were made again
 * since, can be told of a gap where there is none, and only below that mark.
 */
#include "store_prune.h"

#include <string.h>

#include "store_writer.h"

enum { NAMES = 64 }; /* in a transaction */

static void
go_on_from(struct store_prune *p, struct str name)
{
	memcpy(p->room, name.p, name.n);
	p->room_n = name.n;
}

int
store_gone_count(struct store *s, struct store_prune *p)
{
	sqlite3_stmt *stmt = store_prepare_room(s, p,
	    "SELECT d.room, d.id, r.name FROM deleted AS d LEFT JOIN rooms AS r ON r.name = d.room"
	    " WHERE d.room > ?1 AND length(CAST(d.room AS BLOB)) <= 64 ORDER BY d.room");
	int code = SQLITE_DONE, n = 0;

	while (stmt != NULL && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		go_on_from(p, store_column(stmt, 0));
		if (sqlite3_column_type(stmt, 2) == SQLITE_NULL)
			p->gone_mean += ((double)sqlite3_column_int64(stmt, 1) - p->gone_mean) / (double)++p->gone;
		if (++n % STORE_PRUNE_CHECK == 0 && store_prune_late(p))
			break;
	}
	if (stmt != NULL)
		store_reset(s, stmt);
	if (code != SQLITE_DONE)
		return s->trouble;
	p->room_n = 0;
	p->step = p->gone > p->keep->gone_max ? STORE_PRUNE_MARK : STORE_PRUNE_ENDED;
	p->gone_id = store_number_with(s, "SELECT max(id) FROM deleted WHERE id <= ?", (int64_t)p->gone_mean, 0);
	return s->trouble;
}

/* The last of the next names behind the one at hand, into p->to; false: there is none. */
static bool
find_names(struct store *s, struct store_prune *p, const char *sql)
{
	sqlite3_stmt *stmt = store_prepare_room(s, p, sql);
	struct str name;
	bool found;

	if (stmt == NULL)
		return false;
	sqlite3_bind_int(stmt, 2, NAMES);
	found = sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_TEXT;
	if (found) {
		name = store_column(stmt, 0);
		memcpy(p->to, name.p, name.n);
		p->to_n = name.n;
	}
	store_reset(s, stmt);
	return found;
}

/* Runs sql for the names from the one at hand to p->to, with the id up to which marks go. As store_run(). */
static int
run_names(struct store *s, const struct store_prune *p, const char *sql)
{
	sqlite3_stmt *stmt = store_prepare_room(s, p, sql);

	if (stmt == NULL)
		return s->trouble;
	store_bind_str(stmt, 2, (struct str){p->to, p->to_n});
	sqlite3_bind_int64(stmt, 3, p->gone_id);
	return store_run(stmt);
}

/* Each room that is there gets a mark. */
static int
mark(struct store *s, const struct store_prune *p)
{
	return run_names(s, p,
	    "INSERT INTO deleted SELECT name, coalesce((SELECT id FROM deleted WHERE room = ''), 0) FROM rooms"
	    " WHERE name > ?1 AND name <= ?2 AND ?3 > 0 AND NOT EXISTS (SELECT 1 FROM deleted WHERE room = name)");
}

/* The one mark takes the places of others, which go. */
static int
fold(struct store *s, struct store_prune *p)
{
	int code = store_run_with(s,
	    "INSERT INTO deleted VALUES ('', ?) ON CONFLICT (room) DO UPDATE SET id = max(id, excluded.id)", p->gone_id,
	    0);

	if (code == SQLITE_DONE)
		code = store_run_with(s,
		    "INSERT INTO meta VALUES ('pruned:', ?)"
		    " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
		    p->gone_id, 0);
	if (code == SQLITE_DONE)
		code = run_names(s, p,
		    "DELETE FROM deleted WHERE room > ?1 AND room <= ?2 AND id <= ?3"
		    " AND NOT EXISTS (SELECT 1 FROM rooms WHERE name = room)");
	if (code == SQLITE_DONE)
		p->gone -= sqlite3_changes(s->db);
	if (code == SQLITE_DONE)
		code = run_names(s, p,
		    "DELETE FROM meta WHERE name > 'pruned:' || ?1 AND name <= 'pruned:' || ?2 AND value <= ?3"
		    " AND NOT EXISTS (SELECT 1 FROM deleted WHERE room = substr(meta.name, 8))");
	return code;
}

int
store_gone_fold(struct store *s, struct store_prune *p)
{
	bool marks = p->step == STORE_PRUNE_MARK;
	int code;

	if (!find_names(s, p,
	        marks ? "SELECT max(name) FROM (SELECT name FROM rooms WHERE name > ?1"
	                " AND length(CAST(name AS BLOB)) <= 64 ORDER BY name LIMIT ?2)"
	              : "SELECT max(room) FROM (SELECT room FROM deleted WHERE room > ?1"
	                " AND length(CAST(room AS BLOB)) <= 64 ORDER BY room LIMIT ?2)")) {
		if (s->trouble == SQLITE_OK)
			p->step = marks ? STORE_PRUNE_FOLD : STORE_PRUNE_ENDED;
		p->room_n = 0;
		return s->trouble;
	}
	store_sync(s, false);
	code = store_begin(s, true);
	if (code == SQLITE_OK)
		code = marks ? mark(s, p) : fold(s, p);
	if (code == SQLITE_DONE)
		code = store_commit(s);
	s->seen = 0; /* what others committed before it was not told */
	if (code != SQLITE_OK)
		return code; /* store_give_up() */
	store_sync(s, true);
	go_on_from(p, (struct str){p->to, p->to_n});
	return SQLITE_OK;
}
