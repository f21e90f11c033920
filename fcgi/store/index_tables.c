#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "index_db.h"
#include "words.h"

/* Those that are ours: other programs may have tables of such names. */
#define TABLES                                                                                        \
	" FROM sqlite_master WHERE type = 'table' AND (name = 'search' OR name GLOB 'search_[0-9]*')" \
	" AND sql GLOB 'CREATE VIRTUAL TABLE*search_rows*'"
#define NUMBER "CASE WHEN name = 'search' THEN 0 ELSE CAST(substr(name, 8) AS INTEGER) END"

struct index_state
index_state(struct store *s)
{
	struct index_state st = {.old = INDEX_NONE};

	st.table = store_number(s, "SELECT value FROM meta WHERE name = 'search_table'", 0);
	st.old = store_number(s, "SELECT value FROM meta WHERE name = 'search_old'", INDEX_NONE);
	if (st.old != INDEX_NONE) {
		st.left = store_number(s, "SELECT value FROM meta WHERE name = 'search_left'", 0);
		st.again = store_number(s, "SELECT value FROM meta WHERE name = 'search_again'", 0) != 0;
	}
	return st;
}

static void
name_table(int64_t n, char name[INDEX_NAME_MAX])
{
	snprintf(name, INDEX_NAME_MAX, n > 0 ? "search_%lld" : "search", (long long)n);
}

sqlite3_stmt *
index_prepare_both(struct store *s, const char *sql, int64_t n, int64_t old)
{
	char text[INDEX_SQL_MAX], names[2][INDEX_NAME_MAX];
	size_t length = 0;

	name_table(n, names[0]);
	name_table(old, names[1]);
	for (; *sql != '\0' && length + INDEX_NAME_MAX < sizeof text; sql++) {
		const char *name = names[*sql == '#'];

		if (*sql != '@' && *sql != '#') {
			text[length++] = *sql;
			continue;
		}
		memcpy(text + length, name, strlen(name));
		length += strlen(name);
	}
	text[length] = '\0';
	return store_prepare(s, text);
}

sqlite3_stmt *
index_prepare(struct store *s, const char *sql, int64_t n)
{
	return index_prepare_both(s, sql, n, n);
}

int
index_run_with(struct store *s, const char *sql, int64_t n, int64_t a, int64_t b)
{
	sqlite3_stmt *stmt = index_prepare(s, sql, n);

	if (stmt == NULL)
		return store_trouble(s);
	sqlite3_bind_int64(stmt, 1, a);
	if (sqlite3_bind_parameter_count(stmt) > 1)
		sqlite3_bind_int64(stmt, 2, b);
	return store_run(stmt);
}

int
index_exec(struct store *s, const char *sql, int64_t n)
{
	sqlite3_stmt *stmt = index_prepare(s, sql, n);
	int code = stmt == NULL ? store_trouble(s) : store_run(stmt);

	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static void
defend(struct store *s, int on)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT 1");

	if (stmt != NULL)
		sqlite3_db_config(sqlite3_db_handle(stmt), SQLITE_DBCONFIG_DEFENSIVE, on, (int *)NULL);
}

sqlite3_stmt *
index_prepare_undefended(struct store *s, const char *sql, int64_t n)
{
	sqlite3_stmt *stmt;

	defend(s, 0);
	stmt = index_prepare(s, sql, n);
	if (stmt == NULL)
		defend(s, 1);
	return stmt;
}

int
index_run_undefended(struct store *s, sqlite3_stmt *stmt)
{
	int code = store_run(stmt);

	defend(s, 1);
	return code;
}

int64_t
index_nobodys(struct store *s)
{
	return store_number(s,
	    "SELECT " NUMBER TABLES " AND " NUMBER
	    " NOT IN (SELECT value FROM meta WHERE name IN ('search_table', 'search_old')) LIMIT 1",
	    INDEX_NONE);
}

static bool
is_there(struct store *s, int64_t n)
{
	return n != INDEX_NONE && store_number_with(s, "SELECT count(*)" TABLES " AND " NUMBER " = ?", n, 0) > 0;
}

static int
set(struct store *s, const char *name, int64_t value)
{
	sqlite3_stmt *stmt = store_prepare(s, "INSERT OR REPLACE INTO meta VALUES (?2, ?1)");

	if (stmt == NULL)
		return store_trouble(s);
	sqlite3_bind_int64(stmt, 1, value);
	store_bind_str(stmt, 2, str_of(name));
	return store_run(stmt);
}

/* The next table, empty. */
static int
create(struct store *s, int64_t n, const char *version)
{
	sqlite3_stmt *stmt;
	int code = index_exec(s,
	    "CREATE VIRTUAL TABLE @ USING fts5 (room, sender, body, event, content = 'search_rows',"
	    " content_rowid = 'id', tokenize = 'words')",
	    n);

	/* The index is merged in small pieces, as it is filled (index_fill.c). */
	if (code == SQLITE_OK)
		code = index_exec(s, "INSERT INTO @ (@, rank) VALUES ('automerge', 0)", n);
	if (code != SQLITE_OK)
		return code;
	stmt = store_prepare(s, "INSERT OR REPLACE INTO meta VALUES ('search_words', ?1)");
	if (stmt == NULL)
		return store_trouble(s);
	store_bind_str(stmt, 1, str_of(version));
	code = store_run(stmt);
	return code == SQLITE_DONE ? set(s, "search_table", n) : code;
}

/* What the new one is to be filled with anew, while `old` is asked for what is at or below `start`. */
static int
begin(struct store *s, int64_t old, int64_t start)
{
	int code = store_exec(s, "DELETE FROM reindexed");

	if (code == SQLITE_OK)
		code = set(s, "search_old", old);
	if (code == SQLITE_DONE)
		code = set(s, "search_start", start);
	if (code == SQLITE_DONE)
		code = set(s, "search_left", start);
	return code;
}

/* The same, but one that was filled likewise is given up; what changed meanwhile is only in there. */
static int
begin_again(struct store *s, int64_t start)
{
	int code = set(s, "search_left", start);

	return code == SQLITE_DONE ? set(s, "search_again", 1) : code;
}

int
index_swap(struct store *s)
{
	store_index(s)->rebuilt = false;
	return store_run_with(s,
	    "DELETE FROM meta WHERE name IN ('search_old', 'search_start', 'search_left', 'search_again') AND ?1", 1,
	    0);
}

static bool
is_ours(struct store *s, const char *version)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT 1 FROM meta WHERE name = 'search_words' AND value = ?1");
	int64_t ours;

	if (stmt == NULL)
		return false;
	store_bind_str(stmt, 1, str_of(version));
	ours = store_first_number(s, stmt, 0);
	return ours == 1;
}

/* The one that is there was made by another version, or there is none. */
static int
make_anew(struct store *s, const char *version)
{
	struct index_state st = index_state(s);
	int64_t next = store_number(s, "SELECT max(" NUMBER ")" TABLES, 0) + 1, start = index_end(s);
	bool half = is_there(s, st.old); /* another change-over was under way: what it filled is of no use */
	int64_t old = half ? st.old : is_there(s, st.table) ? st.table : INDEX_NONE;
	int code;

	store_index(s)->rebuilt = false;
	if (half)
		start = store_number(s, "SELECT value FROM meta WHERE name = 'search_start'", 0);
	if (old == INDEX_NONE)
		start = 0;
	code = half ? begin_again(s, start) : start > 0 ? begin(s, old, start) : index_swap(s);
	if (code == SQLITE_DONE)
		code = create(s, next, version);
	if (code == SQLITE_DONE)
		code = set(s, "indexed", start);
	/* Without a message there is nothing in it. */
	if (code == SQLITE_DONE && start == 0 && old != INDEX_NONE)
		code = index_exec(s, "DROP TABLE @", old);
	if (code == SQLITE_OK || code == SQLITE_DONE)
		log_info("index", "table=%lld words=%s left=%lld", (long long)next, version, (long long)start);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

int
index_start(struct store *s)
{
	char version[WORDS_VERSION_SIZE];

	words_version(version);
	if (is_ours(s, version) && is_there(s, index_state(s).table))
		return store_trouble(s);
	return make_anew(s, version);
}

int
index_clear(struct store *s)
{
	struct index_state st = index_state(s);
	int code = index_exec(s, "INSERT INTO @ (@) VALUES ('delete-all')", st.table);

	if (code == SQLITE_OK)
		code = store_exec(s, "DELETE FROM changed");
	if (code == SQLITE_OK)
		code = store_exec(s, "DELETE FROM reindexed");
	if (code == SQLITE_OK && (code = index_taken_out(s, 1)) == SQLITE_DONE)
		code = index_swap(s);
	return code == SQLITE_DONE ? store_exec(s, "UPDATE meta SET value = 0 WHERE name = 'indexed'") : code;
}
