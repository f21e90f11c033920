#include <stdio.h>
#include <string.h>

#include "schema.h"
#include "store_db.h"

/* A database in memory as it is at this version; NULL without memory. */
static sqlite3 *
model(int version)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open(":memory:", &db);

	for (int i = 0; i < version && code == SQLITE_OK; i++)
		code = sqlite3_exec(db, schema_steps[i], NULL, NULL, NULL);
	if (code == SQLITE_OK)
		return db;
	sqlite3_close(db);
	return NULL;
}

/* SQLite's own are not compared, nor the tables of an index, which come and go (index_db.h). */
#define OBJECTS                                                                    \
	"SELECT type, name, sql FROM sqlite_master WHERE name NOT GLOB 'sqlite_*'" \
	" AND NOT (type = 'table' AND (name = 'search' OR name GLOB 'search_*'))"

/* Whether db has the object under `of`, a row of OBJECTS, and (exactly) as it is there. */
static bool
has(sqlite3 *db, sqlite3_stmt *of, bool exactly)
{
	sqlite3_stmt *stmt = NULL;
	bool found;

	if (sqlite3_prepare_v2(db, OBJECTS " AND type = ?1 AND name = ?2", -1, &stmt, NULL) != SQLITE_OK)
		return false;
	store_bind_str(stmt, 1, store_column(of, 0));
	store_bind_str(stmt, 2, store_column(of, 1));
	found = sqlite3_step(stmt) == SQLITE_ROW && (!exactly || str_eq(store_column(stmt, 2), store_column(of, 2)));
	sqlite3_finalize(stmt);
	return found;
}

/*
 * Whether all objects of `of` are in db exactly, or (strangers) none of those that `but` lacks. The name of the first
 * for which it is not so is put into `name`.
 */
static bool
compare(sqlite3 *of, sqlite3 *db, sqlite3 *but, char name[STORE_NAME_SIZE])
{
	sqlite3_stmt *stmt = NULL;
	bool good = sqlite3_prepare_v2(of, OBJECTS " ORDER BY type, name", -1, &stmt, NULL) == SQLITE_OK;

	while (good && sqlite3_step(stmt) == SQLITE_ROW) {
		good = but == NULL ? has(db, stmt, true) : has(but, stmt, false) || !has(db, stmt, false);
		if (!good)
			snprintf(name, STORE_NAME_SIZE, "%.*s", STR_ARGS(store_column(stmt, 1)));
	}
	sqlite3_finalize(stmt);
	return good;
}

/* The version whose objects the file has, and none that came later; 0: there is none, or no memory. */
static int
match(struct store *s, sqlite3 *newest, char name[STORE_NAME_SIZE])
{
	for (int version = schema_version; version > 0; version--) {
		sqlite3 *db = model(version);
		bool good = db != NULL && compare(db, s->db, NULL, name);
		bool nothing_later = good && compare(newest, s->db, db, name);

		sqlite3_close(db);
		if (good)
			return nothing_later ? version : 0;
	}
	return 0;
}

/* The first version with the same objects: steps that only change what stands in tables may be taken once more. */
static int
first_like(int version)
{
	char name[STORE_NAME_SIZE];
	sqlite3 *db = model(version);
	bool same = db != NULL;

	while (same && version > 1) {
		sqlite3 *before = model(version - 1);

		same = before != NULL && compare(db, before, NULL, name) && compare(before, db, NULL, name);
		sqlite3_close(before);
		version -= same;
	}
	sqlite3_close(db);
	return version;
}

int
store_unmarked(struct store *s, char name[STORE_NAME_SIZE])
{
	sqlite3 *newest;
	int version;

	name[0] = '\0';
	if (store_number(s,
	        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('messages', 'rooms', 'deleted', "
	        "'meta')",
	        0) != 4)
		return 0;
	newest = model(schema_version);
	version = newest == NULL ? 0 : match(s, newest, name);
	sqlite3_close(newest);
	return version == 0 ? -1 : first_like(version);
}
