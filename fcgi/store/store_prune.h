/*
 * store_prune: what the files of retention share: store_prune.c (a piece of a run, and deleting), store_keep.c (by
 * which rules the log is kept), store_count.c (how much goes), store_goes.c (whether the first row of a room goes),
 * store_gone.c (names of rooms that are gone).
 *
 * Nothing in them takes longer than some ms, whatever the log holds: each looks at p->until_us, and goes on in the next
 * piece.
 */
#ifndef STORE_PRUNE_H
#define STORE_PRUNE_H

#include "base/clock.h"
#include "store_db.h"

enum { STORE_PRUNE_CHECK = 64 }; /* rows, from one look at the clock to the next */

static inline bool
store_prune_late(const struct store_prune *p)
{
	return clock_us() >= p->until_us;
}

/* The statement for sql, whose first parameter is the room at hand; NULL as store_prepare(). */
static inline sqlite3_stmt *
store_prepare_room(struct store *s, const struct store_prune *p, const char *sql)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);

	if (stmt != NULL)
		store_bind_str(stmt, 1, (struct str){p->room, p->room_n});
	return stmt;
}

/*
 * In store_keep.c: since when the log has been kept by these rules, which are written down if they are new, so that a
 * restart does not begin the wait anew. The next step is to count. An SQLite result code (SQLITE_OK is good).
 */
int store_keep_look(struct store *s, struct store_prune *p);

/* In store_prune.c: the next room of which anything may go is at hand; false: there is none, for now or (*ended) at
 * all. */
bool store_prune_room(struct store *s, struct store_prune *p, bool *ended);

/* In store_count.c: counts on; at the end the next step is to delete, or none. An SQLite result code (SQLITE_OK is
 * good). */
int store_prune_count(struct store *s, struct store_prune *p);

/* In store_goes.c: whether the first row of the room at hand goes, and which one that is. */
enum store_goes { STORE_STAYS, STORE_GOES, STORE_NOT_KNOWN };
enum store_goes store_first_goes(struct store *s, struct store_prune *p, int64_t *id);

/* In store_gone.c: counts on, and then goes on to the next step; the pieces of both that follow. SQLite result codes
 * (SQLITE_OK is good). */
int store_gone_count(struct store *s, struct store_prune *p);
int store_gone_fold(struct store *s, struct store_prune *p);

#endif
