/*
 * database_db: what the files of database share, and the only header here that knows SQLite.
 */
#ifndef DATABASE_DB_H
#define DATABASE_DB_H

#include <sqlite3.h>

#include "database.h"

struct database {
	const char *path;
	sqlite3 *db;
	int64_t end_ms;
	bool *cut;
};

struct database_row {
	sqlite3_stmt *stmt;
};

/* What it says of a failure: what is wrong, and what to do. */
void database_describe(struct database *d, int code, char detail[DATABASE_ERROR_SIZE]);

/* Says it; returns -1. */
int database_failed(struct database *d, int code);

/*
 * Opens path, or a file: address of it, and looks whose it is and of which version; flags are sqlite3_open_v2()'s.
 * NULL, described. d->path is path.
 */
struct database *database_new(
    const char *path, const char *address, int flags, enum database_state *state, char detail[DATABASE_ERROR_SIZE]);

/* Whether there is such a file. */
bool database_is_there(const char *path, char detail[DATABASE_ERROR_SIZE]);

#endif
