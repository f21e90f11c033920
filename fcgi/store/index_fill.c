#include <stdlib.h>

#include "base/clock.h"
#include "index_db.h"

enum {
	FILL_ROWS = 100,
	FILL_BYTES = 256 * 1024,
	/* Merge budget of a piece: what it added, times the levels of the index, plus MERGE_PAGES: merging keeps up. */
	MERGE_PAGES = 8,
	MERGE_LEVELS = 12,
	MERGE_PAGE_BYTES = 4096,
};

/* What a piece of the index still has to do, and what was put in so far. */
struct piece {
	struct index_state st;
	int rows_left;
	int64_t bytes;    /* of text */
	int64_t notes;    /* that were taken away */
	int64_t until_us; /* clock_us() at which no other row is begun; 0: any time */
};

/* Of a row that changed after it was put in. */
struct note {
	int64_t seq, id;
};

/* Whether it is the row (not the file) that the index cannot take: longer than is read, or an error to SQLite. */
static bool
of_row(int code)
{
	return (code & 0xFF) == SQLITE_TOOBIG || (code & 0xFF) == SQLITE_ERROR || (code & 0xFF) == SQLITE_MISMATCH;
}

/* The same for one row; what the index cannot take it goes without. */
static int
run_for_row(struct store *s, const char *sql, int64_t n, int64_t number)
{
	int code = index_run_with(s, sql, n, number, 0);

	return of_row(code) ? SQLITE_DONE : code;
}

/* Whether a row that was put in, or is yet to be put in anew, is in the table that is filled. */
static bool
holds(struct store *s, const struct index_state *st, int64_t id)
{
	return id > st->left ||
	       store_number_with(s, "SELECT 1 FROM reindexed WHERE id = ? AND n = ?", id, st->table) == 1;
}

/* Takes the oldest text of a changed row out of the index, puts the newest in, and drops its notes. */
static int
fill_changed(struct store *s, const struct index_state *st, int64_t seq, int64_t id, int64_t indexed)
{
	int code = SQLITE_DONE;

	if (id <= indexed) {
		if (holds(s, st, id))
			code = run_for_row(s,
			    "INSERT INTO @ (@, rowid, room, sender, body, event)"
			    " SELECT 'delete', id, room, sender, body, event FROM search_changed WHERE seq = ?",
			    st->table, seq);
		if (code == SQLITE_DONE)
			code = run_for_row(s,
			    "INSERT INTO @ (rowid, room, sender, body, event)"
			    " SELECT id, room, sender, body, event FROM search_rows WHERE id = ?",
			    st->table, id);
		/* The old one stays as it was: there it is not looked for any more. */
		if (code == SQLITE_DONE && id <= st->left)
			code =
			    store_run_with(s, "INSERT OR REPLACE INTO reindexed (id, n) VALUES (?, ?)", id, st->table);
	}
	if (code == SQLITE_DONE)
		code = store_run_with(s, "DELETE FROM changed WHERE id = ?", id, 0);
	return code;
}

/* The length of a changed text; 0 when it is longer than is read, and so is not in the index. */
static int64_t
changed_length(struct store *s, int64_t seq)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT length(coalesce(text, args)) FROM changed WHERE seq = ?");
	int64_t n = 0;

	if (stmt == NULL)
		return 0;
	sqlite3_bind_int64(stmt, 1, seq);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return n;
}

/* By their rows, and of each row the oldest first. */
static int
compare_notes(const void *one, const void *other)
{
	const struct note *a = one, *b = other;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/*
 * The oldest notes, at most FILL_ROWS, in the order of their rows: FTS5 writes a segment of its own each time that a
 * row comes after one with a greater id. SQLITE_DONE, or an error.
 */
static int
read_notes(struct store *s, struct note notes[FILL_ROWS], size_t *n)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT seq, id FROM changed ORDER BY seq LIMIT ?");
	int code;

	*n = 0;
	if (stmt == NULL)
		return store_trouble(s);
	sqlite3_bind_int(stmt, 1, FILL_ROWS);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
		notes[(*n)++] =
		    (struct note){.seq = sqlite3_column_int64(stmt, 0), .id = sqlite3_column_int64(stmt, 1)};
	store_reset(s, stmt);
	qsort(notes, *n, sizeof *notes, compare_notes);
	return code;
}

static int
fill_changes(struct store *s, int64_t indexed, struct piece *piece)
{
	struct note notes[FILL_ROWS];
	size_t n;
	int code = read_notes(s, notes, &n);

	for (size_t i = 0; i < n && code == SQLITE_DONE && piece->rows_left > 0; i++) {
		/* The oldest note of a row is what the index holds of it, if it holds it; the others went with it. */
		if (i > 0 && notes[i].id == notes[i - 1].id)
			continue;
		/* Out with the old and in with the new, which is taken to be as long. */
		piece->bytes += 2 * changed_length(s, notes[i].seq);
		code = fill_changed(s, &piece->st, notes[i].seq, notes[i].id, indexed);
		piece->rows_left--;
		piece->notes++;
		if (piece->until_us != 0 && clock_us() >= piece->until_us)
			piece->rows_left = 0;
	}
	if (n == FILL_ROWS)
		piece->rows_left = 0; /* there may be more, which go before new rows */
	return code;
}

/* The id of the row behind this one, up to `end`; 0: there is none. */
static int64_t
row_behind(struct store *s, int64_t id, int64_t end)
{
	return store_number_with(s, "SELECT id FROM messages WHERE id > ? AND id <= ? ORDER BY id LIMIT 1", id, end);
}

/* The id up to which the piece goes from `indexed` on: as many rows as are left, but not too many bytes. */
static int64_t
fill_end(struct store *s, int64_t indexed, int64_t head, struct piece *piece)
{
	sqlite3_stmt *stmt = store_prepare(
	    s, "SELECT id, length(coalesce(text, args)) FROM messages WHERE id > ? AND id <= ? ORDER BY id LIMIT ?");
	int64_t end = indexed, bytes = 0;
	int code, n = 0;

	if (stmt == NULL)
		return indexed;
	sqlite3_bind_int64(stmt, 1, indexed);
	sqlite3_bind_int64(stmt, 2, head);
	sqlite3_bind_int(stmt, 3, piece->rows_left);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW &&
	       (n == 0 || bytes + sqlite3_column_int64(stmt, 1) <= FILL_BYTES)) {
		end = sqlite3_column_int64(stmt, 0);
		bytes += sqlite3_column_int64(stmt, 1);
		n++;
	}
	sqlite3_reset(stmt);
	piece->bytes += bytes;
	if (code == SQLITE_TOOBIG)
		return n == 0 ? row_behind(s, indexed, head) : end; /* up to that row, or that row */
	if (code != SQLITE_ROW)
		store_note(s, code == SQLITE_DONE ? SQLITE_OK : code);
	return n == 0 ? head : end;
}

#define PUT                                                           \
	"INSERT INTO @ (rowid, room, sender, body, event)"            \
	" SELECT id, room, sender, body, event FROM search_rows AS r" \
	" WHERE NOT EXISTS (SELECT 1 FROM reindexed AS d, meta AS m"  \
	" WHERE d.id = r.id AND m.name = 'search_table' AND d.n = m.value) AND "

int
index_put(struct store *s, int64_t n, int64_t above, int64_t up_to)
{
	int code = index_run_with(s, PUT "id > ? AND id <= ?", n, above, up_to);
	int64_t id = above;

	if (!of_row(code))
		return code;
	/* Singly, since one of them is what the index cannot take. */
	code = SQLITE_DONE;
	while (code == SQLITE_DONE && (id = row_behind(s, id, up_to)) != 0)
		code = run_for_row(s, PUT "id = ?", n, id);
	return code;
}

int
index_merge(struct store *s, int64_t n, int64_t bytes)
{
	int64_t pages = MERGE_PAGES + MERGE_LEVELS * bytes / MERGE_PAGE_BYTES;

	return index_run_with(s, "INSERT INTO @ (@, rank) VALUES ('merge', ?)", n, pages, 0);
}

int64_t
index_end(struct store *s)
{
	return store_number(s, "SELECT value FROM meta WHERE name = 'indexed'", -1);
}

int
index_fill(struct store *s, int64_t head, struct store_news *news)
{
	int64_t indexed = index_end(s), end = indexed;
	struct piece piece = {.st = index_state(s), .rows_left = FILL_ROWS};
	bool more = false;
	int code;

	if (indexed < 0)
		return SQLITE_CORRUPT;
	code = fill_changes(s, indexed, &piece);
	if (code == SQLITE_DONE && piece.rows_left > 0 && piece.st.again) {
		code = index_put_again(s, &piece.st, piece.rows_left, &more);
		piece.rows_left = more ? 0 : piece.rows_left;
	}
	if (code == SQLITE_DONE && piece.rows_left > 0) {
		end = fill_end(s, indexed, head, &piece);
		code = index_put(s, piece.st.table, indexed, end);
	}
	if (code == SQLITE_DONE)
		code = index_merge(s, piece.st.table, piece.bytes);
	if (code == SQLITE_DONE && piece.notes > 0)
		code = index_taken_out(s, piece.notes);
	if (code == SQLITE_DONE)
		code = store_run_with(s, "UPDATE meta SET value = ? WHERE name = 'indexed'", end, 0);
	news->erasing = index_erasing(s);
	news->notes = index_notes(s);
	news->indexed = end;
	news->rebuild_left = piece.st.left;
	store_index(s)->rebuilt = store_index(s)->rebuilt || index_rebuilt(s);
	news->rebuilding = !store_index(s)->rebuilt;
	news->index_behind = piece.rows_left <= 0 || end < head;
	return code;
}

int
index_forget(struct store *s, int64_t until_us, bool *more)
{
	int64_t indexed = index_end(s);
	struct piece piece = {.st = index_state(s), .rows_left = FILL_ROWS, .until_us = until_us};
	int code;

	if (indexed < 0)
		return SQLITE_CORRUPT;
	code = fill_changes(s, indexed, &piece);
	if (code == SQLITE_DONE)
		code = index_merge(s, piece.st.table, piece.bytes);
	if (code == SQLITE_DONE && piece.notes > 0)
		code = index_taken_out(s, piece.notes);
	*more = piece.rows_left <= 0;
	return code;
}
