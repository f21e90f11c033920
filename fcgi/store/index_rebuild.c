/*
 * An index made by another version of words gives way to one of ours: that is filled from the newest message back, by
 * pieces, while the old one, to which nothing is done, is asked for what is missing in it. Then the old one is dropped,
 * by pieces too.
 */
#include "base/clock.h"
#include "index_db.h"

enum {
	NOTES_US = 1000,            /* that notes of changes may take of a piece */
	REBUILD_BYTES = 256 * 1024, /* of text, in a piece */
};

/* The id below the messages of a piece that ends with `left`: of so many rows, but not too many bytes. 0: these are the
 * last. */
static int64_t
piece_begin(struct store *s, int64_t left, int rows, int64_t *bytes)
{
	sqlite3_stmt *stmt = store_prepare(
	    s, "SELECT id, length(coalesce(text, args)) FROM messages WHERE id <= ? ORDER BY id DESC LIMIT ?");
	int64_t begin = left + 1;
	int code, n = 0;

	*bytes = 0;
	if (stmt == NULL)
		return left;
	sqlite3_bind_int64(stmt, 1, left);
	sqlite3_bind_int(stmt, 2, rows);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW &&
	       (n == 0 || *bytes + sqlite3_column_int64(stmt, 1) <= REBUILD_BYTES)) {
		begin = sqlite3_column_int64(stmt, 0);
		*bytes += sqlite3_column_int64(stmt, 1);
		n++;
	}
	sqlite3_reset(stmt);
	if (code == SQLITE_DONE)
		return n < rows ? 0 : begin - 1;
	/* One that is longer than is read, which the index goes without. */
	if (code == SQLITE_TOOBIG)
		return n > 0 ? begin - 1
		             : store_number_with(s, "SELECT max(id) FROM messages WHERE id <= ?", left, 0) - 1;
	if (code != SQLITE_ROW)
		store_note(s, code);
	return begin - 1;
}

int
index_put_again(struct store *s, const struct index_state *st, int rows, bool *more)
{
	int64_t ids[INDEX_AGAIN_ROWS];
	sqlite3_stmt *stmt = store_prepare(s, "SELECT id FROM reindexed WHERE n <> ? LIMIT ?");
	int code = SQLITE_DONE, n = 0;

	if (stmt == NULL)
		return store_trouble(s);
	sqlite3_bind_int64(stmt, 1, st->table);
	sqlite3_bind_int(stmt, 2, rows < INDEX_AGAIN_ROWS ? rows : INDEX_AGAIN_ROWS);
	while (n < rows && n < INDEX_AGAIN_ROWS && sqlite3_step(stmt) == SQLITE_ROW)
		ids[n++] = sqlite3_column_int64(stmt, 0);
	store_reset(s, stmt);
	*more = n > 0;
	for (int i = 0; i < n && code == SQLITE_DONE; i++) {
		code = index_put(s, st->table, ids[i] - 1, ids[i]);
		if (code == SQLITE_DONE)
			code = store_run_with(s, "UPDATE reindexed SET n = ?2 WHERE id = ?1", ids[i], st->table);
	}
	if (code == SQLITE_DONE && n == 0)
		code = store_run_with(s, "DELETE FROM meta WHERE name = 'search_again' AND ?", 1, 0);
	return code;
}

static int
put_back(struct store *s, const struct index_state *st, int rows, int64_t *left)
{
	int64_t bytes, begin = piece_begin(s, st->left, rows, &bytes);
	int code = store_trouble(s) == SQLITE_OK ? index_put(s, st->table, begin, st->left) : store_trouble(s);

	if (code == SQLITE_DONE)
		code = index_merge(s, st->table, bytes);
	if (code == SQLITE_DONE)
		code = store_run_with(s, "UPDATE meta SET value = ? WHERE name = 'search_left'", begin, 0);
	*left = begin;
	return code == SQLITE_DONE && begin == 0 ? index_swap(s) : code;
}

/* Notes first: of a message that is put in as it is now, nothing may be said any more of what it was. And then what is
 * only in a table that was given up, so that it is put in once. */
static int
rebuild_piece(struct store *s, const struct index_state *st, int rows, int64_t *left)
{
	bool more = false;
	int code = SQLITE_DONE;

	if (index_notes(s) > 0)
		code = index_forget(s, clock_us() + NOTES_US, &more);
	if (code == SQLITE_DONE && !more && st->again)
		code = index_put_again(s, st, rows, &more);
	return code == SQLITE_DONE && !more ? put_back(s, st, rows, left) : code;
}

/* Takes rows away; *done: there was one. As store_run(). */
static int
take_away(struct store *s, const char *sql, int64_t n, int rows, bool *done)
{
	sqlite3_stmt *stmt = index_prepare_undefended(s, sql, n);
	int code;

	if (stmt == NULL)
		return store_trouble(s);
	sqlite3_bind_int(stmt, 1, rows);
	code = index_run_undefended(s, stmt);
	*done = sqlite3_changes(sqlite3_db_handle(stmt)) > 0;
	return code;
}

/*
 * A table that is nobody's: FTS5 is told that it has no segments, so that it is whole as far as it knows, and then what
 * they consist of goes.
 */
static int
drop(struct store *s, int64_t n, int rows)
{
	static const char *const steps[] = {
	    "UPDATE @_data SET block = CAST(substr(block, 1, 4) || x'000000' AS BLOB) WHERE id = 10 AND length(block) "
	    "<> 7 AND ?1",
	    "DELETE FROM @_data WHERE id IN (SELECT id FROM @_data WHERE id > 10 LIMIT ?1)",
	    "DELETE FROM @_docsize WHERE id IN (SELECT id FROM @_docsize LIMIT 16 * ?1)",
	    "DELETE FROM @_idx WHERE (segid, term) IN (SELECT segid, term FROM @_idx LIMIT 16 * ?1)",
	};
	bool done = false;
	int code = SQLITE_DONE;

	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && code == SQLITE_DONE && !done; i++)
		code = take_away(s, steps[i], n, rows, &done);
	if (code != SQLITE_DONE || done)
		return code;
	code = index_exec(s, "DROP TABLE @", n);
	return code == SQLITE_OK ? SQLITE_DONE : code;
}

int
index_rebuild(struct store *s, int rows, int64_t *left, bool *more)
{
	struct index_state st = index_state(s);
	int64_t nobodys;
	bool done = false;
	int code;

	*left = st.left;
	if (st.old != INDEX_NONE)
		code = rebuild_piece(s, &st, rows, left);
	else if ((nobodys = index_nobodys(s)) != INDEX_NONE)
		code = drop(s, nobodys, rows);
	else
		code = take_away(
		    s, "DELETE FROM reindexed WHERE id IN (SELECT id FROM reindexed LIMIT 16 * ?1)", 0, rows, &done);
	*more = !index_rebuilt(s);
	return code;
}

double
index_part_left(struct store *s)
{
	struct index_state st = index_state(s);
	int64_t start = store_number(s, "SELECT value FROM meta WHERE name = 'search_start'", 0);
	/* Of a log that is pruned the first ids are nobody's. */
	int64_t least = store_number(s, "SELECT min(id) FROM messages", 1) - 1;

	if (st.old == INDEX_NONE || st.left <= 0 || st.left <= least)
		return 0;
	return start > st.left ? (double)(st.left - least) / (double)(start - least) : 1;
}

bool
index_rebuilt(struct store *s)
{
	return index_state(s).old == INDEX_NONE && index_nobodys(s) == INDEX_NONE &&
	       store_number(s, "SELECT id FROM reindexed LIMIT 1", 0) == 0;
}
