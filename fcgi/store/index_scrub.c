#include <string.h>

#include "index_db.h"

enum {
	LEVELS_MAX = 24,  /* then empty ones are taken away, */
	LEVELS_LEFT = 12, /* down to so many */
	COOKIE_BYTES = 4, /* of a structure, before its numbers */
	NUMBER_BYTES = 8, /* longest number that is read: 56 bits */
	STRUCTURE_MAX = 64 * 1024,
};

int64_t
index_taken(struct store *s)
{
	return store_number(s, "SELECT value FROM meta WHERE name = 'taken_out'", 0);
}

int64_t
index_erased(struct store *s)
{
	return store_number(s, "SELECT value FROM meta WHERE name = 'erased'", 0);
}

int64_t
index_notes(struct store *s)
{
	/* Not count(*): there may be a million. */
	return store_number(s, "SELECT (SELECT max(seq) FROM changed) - (SELECT min(seq) FROM changed) + 1", 0);
}

int64_t
index_erasing(struct store *s)
{
	return index_taken(s) - index_erased(s) + index_notes(s);
}

int
index_taken_out(struct store *s, int64_t n)
{
	return store_run_with(s,
	    "INSERT INTO meta VALUES ('taken_out', ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
	    n, 0);
}

int
index_set_erased(struct store *s, int64_t taken)
{
	return store_run_with(s, "INSERT OR REPLACE INTO meta VALUES ('erased', ?)", taken, 0);
}

/*
 * How FTS5 keeps what it knows of its segments: a cookie, and numbers as SQLite writes them: how many levels and
 * segments there are, how much was written; of each level how many of its segments are being merged, and how many it
 * has, and of each segment three.
 */
struct structure {
	const unsigned char *p, *end;
	bool ok;
	bool merging; /* segments of a level that was read are being merged */
};

static uint64_t
read_number(struct structure *st)
{
	uint64_t v = 0;

	for (int i = 0; i < NUMBER_BYTES && st->p < st->end; i++) {
		unsigned char byte = *st->p++;

		v = v << 7 | (byte & 0x7F);
		if ((byte & 0x80) == 0)
			return v;
	}
	st->ok = false;
	return 0;
}

/* Goes over a level; false: it is empty. */
static bool
read_level(struct structure *st)
{
	uint64_t merged = read_number(st), segments = read_number(st);

	st->merging |= merged > 0;
	for (uint64_t i = 0; i < segments && st->ok; i++) {
		(void)read_number(st);
		(void)read_number(st);
		(void)read_number(st);
	}
	return segments > 0;
}

/* The same structure without some of its empty levels, of `to`'s n bytes; 0: it is not to be changed, or not known. */
static size_t
lower(const unsigned char *from, size_t n, unsigned char *to)
{
	struct structure st = {from + COOKIE_BYTES, from + n, n > COOKIE_BYTES, false};
	uint64_t levels = st.ok ? read_number(&st) : 0, dropped = 0;
	const unsigned char *rest = st.p;
	size_t length = COOKIE_BYTES;

	(void)read_number(&st); /* segments */
	(void)read_number(&st); /* written */
	if (!st.ok || levels <= LEVELS_MAX)
		return 0;
	memcpy(to, from, COOKIE_BYTES);
	to[length++] = LEVELS_LEFT; /* below 128, a byte */
	memcpy(to + length, rest, (size_t)(st.p - rest));
	length += (size_t)(st.p - rest);
	for (uint64_t i = 0; i < levels && st.ok; i++) {
		const unsigned char *level = st.p;

		if (!read_level(&st) && dropped < levels - LEVELS_LEFT) {
			dropped++;
			continue;
		}
		memcpy(to + length, level, (size_t)(st.p - level));
		length += (size_t)(st.p - level);
	}
	/* A level below one that is being merged is its output's. */
	return st.ok && !st.merging && st.p == st.end && dropped == levels - LEVELS_LEFT ? length : 0;
}

static const char READ_STRUCTURE[] = "SELECT block FROM @_data WHERE id = 10";

/* Whether segments are being merged. */
static bool
merging(struct store *s, int64_t table)
{
	sqlite3_stmt *stmt = index_prepare(s, READ_STRUCTURE, table);
	struct structure st = {NULL, NULL, false, false};
	uint64_t levels;

	if (stmt == NULL)
		return false;
	if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) > COOKIE_BYTES) {
		const unsigned char *p = sqlite3_column_blob(stmt, 0);

		st = (struct structure){p + COOKIE_BYTES, p + sqlite3_column_bytes(stmt, 0), p != NULL, false};
		levels = read_number(&st);
		(void)read_number(&st); /* segments */
		(void)read_number(&st); /* written */
		for (uint64_t i = 0; i < levels && st.ok; i++)
			(void)read_level(&st);
	}
	store_reset(s, stmt);
	return st.merging;
}

static int
merge(struct store *s, int64_t table, int64_t pages, bool *nothing)
{
	int64_t before = store_number(s, "SELECT total_changes()", 0);
	int code = index_run_with(s, "INSERT INTO @ (@, rank) VALUES ('merge', ?)", table, pages, 0);

	/* As FTS5 documents it: a merge that had nothing to do changes less than two rows. */
	*nothing = code == SQLITE_DONE && store_number(s, "SELECT total_changes()", 0) - before < 2;
	return code;
}

/*
 * While segments are merged, newer ones come. Of two levels with as many, FTS5 looks at the newer one, and where that
 * has too few it does nothing, though a merge is not at its end. Then all are merged anew, with more of them.
 */
int
index_scrub(struct store *s, int pages, bool first, bool *whole)
{
	int64_t table = index_state(s).table;
	bool nothing;
	int code = merge(s, table, first ? -(int64_t)pages : pages, &nothing);

	*whole = !first && nothing && !merging(s, table);
	if (code == SQLITE_DONE && !first && nothing && !*whole)
		code = merge(s, table, -(int64_t)pages, &nothing);
	return code;
}

int
index_lower(struct store *s, bool *changed)
{
	unsigned char lowered[STRUCTURE_MAX];
	int64_t table = index_state(s).table;
	sqlite3_stmt *stmt = index_prepare(s, READ_STRUCTURE, table);
	size_t n = 0;
	int code;

	*changed = false;
	if (stmt == NULL)
		return store_trouble(s);
	if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) <= STRUCTURE_MAX) {
		const unsigned char *p = sqlite3_column_blob(stmt, 0);

		n = p == NULL ? 0 : lower(p, (size_t)sqlite3_column_bytes(stmt, 0), lowered);
	}
	store_reset(s, stmt);
	if (n == 0)
		return store_trouble(s) == SQLITE_OK ? SQLITE_DONE : store_trouble(s);
	stmt = index_prepare_undefended(s, "UPDATE @_data SET block = ? WHERE id = 10", table);
	if (stmt == NULL)
		return store_trouble(s);
	sqlite3_bind_blob64(stmt, 1, lowered, n, SQLITE_STATIC);
	code = index_run_undefended(s, stmt);
	sqlite3_clear_bindings(stmt);
	*changed = code == SQLITE_DONE;
	return code;
}
