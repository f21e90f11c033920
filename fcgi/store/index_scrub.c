#include <string.h>

#include "index.h"
#include "store_sql.h"

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

int
index_scrub(struct store *s, int pages, bool first, bool *whole)
{
	int64_t before = store_number(s, "SELECT total_changes()", 0);
	int code = store_run_with(
	    s, "INSERT INTO search (search, rank) VALUES ('merge', ?)", first ? -(int64_t)pages : pages, 0);

	/* As FTS5 documents it: a merge that had nothing to do changes less than two rows. */
	*whole = code == SQLITE_DONE && !first && store_number(s, "SELECT total_changes()", 0) - before < 2;
	return code;
}

/*
 * How FTS5 keeps what it knows of its segments: a cookie, and numbers as SQLite writes them: how many levels and
 * segments there are, how much was written; of each level how many of its segments are being merged, and how many it
 * has, and of each segment three.
 */
struct structure {
	const unsigned char *p, *end;
	bool ok;
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

/* Goes over a level; false: it is empty. One that is being merged is not ok: the next is its output's. */
static bool
read_level(struct structure *st)
{
	uint64_t merged = read_number(st), segments = read_number(st);

	if (merged > 0)
		st->ok = false;
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
	struct structure st = {from + COOKIE_BYTES, from + n, n > COOKIE_BYTES};
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
	return st.ok && st.p == st.end && dropped == levels - LEVELS_LEFT ? length : 0;
}

int
index_lower(struct store *s, bool *changed)
{
	static const char read[] = "SELECT block FROM search_data WHERE id = 10";
	unsigned char lowered[STRUCTURE_MAX];
	sqlite3_stmt *stmt = store_prepare(s, read);
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
	/* Otherwise only FTS5 writes to its tables (harden.h). */
	sqlite3_db_config(sqlite3_db_handle(stmt), SQLITE_DBCONFIG_DEFENSIVE, 0, (int *)NULL);
	stmt = store_prepare(s, "UPDATE search_data SET block = ? WHERE id = 10");
	if (stmt != NULL)
		sqlite3_bind_blob64(stmt, 1, lowered, n, SQLITE_STATIC);
	code = stmt == NULL ? store_trouble(s) : store_run(stmt);
	if (stmt != NULL) {
		sqlite3_clear_bindings(stmt);
		sqlite3_db_config(sqlite3_db_handle(stmt), SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	}
	*changed = code == SQLITE_DONE;
	return code;
}
