#include "database_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "interrupt.h"
#include "say.h"
#include "store/harden.h"
#include "store/schema.h"
#include "store/words.h"

enum {
	STEPS_BETWEEN_LOOKS = 1000,
	APPLICATION_ID = 0x4C6F6E67, /* "Long"; sql/001-log.sql */
};

void
database_describe(struct database *d, int code, char detail[DATABASE_ERROR_SIZE])
{
	const char *why = d->db == NULL ? "out of memory" : sqlite3_errmsg(d->db);

	if ((code & 0xFF) == SQLITE_BUSY)
		snprintf(detail, DATABASE_ERROR_SIZE, "another program holds the lock of the database %s: try again",
		    d->path);
	else if ((code & 0xFF) == SQLITE_CANTOPEN)
		snprintf(detail, DATABASE_ERROR_SIZE,
		    "cannot open the database %s: %s (its folder must be writable, too)", d->path, why);
	else if ((code & 0xFF) == SQLITE_READONLY)
		snprintf(detail, DATABASE_ERROR_SIZE,
		    "the database %s cannot be written: run this as its owner, or as root", d->path);
	else
		snprintf(detail, DATABASE_ERROR_SIZE, "the database %s: %s", d->path, why);
}

int
database_failed(struct database *d, int code)
{
	char detail[DATABASE_ERROR_SIZE];

	database_describe(d, code, detail);
	say_error("%s", detail);
	return -1;
}

static int
pragma_number(struct database *d, const char *sql, int64_t *number)
{
	sqlite3_stmt *stmt;
	int code = sqlite3_prepare_v2(d->db, sql, -1, &stmt, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(stmt);
	*number = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

static enum database_state
trouble(int code)
{
	return (code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB ? DATABASE_DAMAGED
	                                                                         : DATABASE_UNREADABLE;
}

static enum database_state
state_of(struct database *d, char detail[DATABASE_ERROR_SIZE])
{
	int64_t id = 0, version = 0;
	int code = pragma_number(d, "PRAGMA application_id", &id);

	if (code == SQLITE_OK)
		code = pragma_number(d, "PRAGMA user_version", &version);
	if (code != SQLITE_OK) {
		database_describe(d, code, detail);
		return trouble(code);
	}
	if (id != APPLICATION_ID) {
		snprintf(detail, DATABASE_ERROR_SIZE, "the database %s is not Longline's: it is another program's file",
		    d->path);
		return DATABASE_FOREIGN;
	}
	if (version == schema_version)
		return DATABASE_GOOD;
	snprintf(detail, DATABASE_ERROR_SIZE,
	    version < schema_version
	        ? "the database %s has version %lld, older than the %d of this program: start longlined first, which "
	          "brings it up to date"
	        : "the database %s has version %lld, newer than the %d that this program knows: use the longline that "
	          "came with the longlined that made it",
	    d->path, (long long)version, schema_version);
	return version < schema_version ? DATABASE_OLD : DATABASE_NEW;
}

/* SQLite's settings for one that others write to as well. */
static int
settle(struct database *d)
{
	sqlite3_extended_result_codes(d->db, 1);
	sqlite3_busy_timeout(d->db, DATABASE_WAIT_MS);
	store_harden(d->db);
	/* The index is made by the daemon's own tokenizer. Without FTS5 it is not read. */
	(void)words_register(d->db);
	/* The file may be replaced meanwhile: closing it must not delete the -wal of the one in its place. */
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	return sqlite3_exec(d->db, "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
}

bool
database_is_there(const char *path, char detail[DATABASE_ERROR_SIZE])
{
	struct stat file;

	errno = 0;
	if (stat(path, &file) == 0 && S_ISREG(file.st_mode))
		return true;
	snprintf(detail, DATABASE_ERROR_SIZE,
	    "there is no database %s (%s): start longlined first, which makes it, or say --database FILE", path,
	    errno != 0 ? strerror(errno) : "it is no file");
	return false;
}

struct database *
database_new(
    const char *path, const char *address, int flags, enum database_state *state, char detail[DATABASE_ERROR_SIZE])
{
	struct database *d = calloc(1, sizeof *d);
	int code;

	detail[0] = '\0';
	*state = DATABASE_UNREADABLE;
	if (d == NULL) {
		snprintf(detail, DATABASE_ERROR_SIZE, "out of memory");
		return NULL;
	}
	d->path = path;
	code = sqlite3_open_v2(address, &d->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK)
		code = settle(d);
	if (code == SQLITE_OK) {
		*state = state_of(d, detail);
		return d;
	}
	*state = trouble(code);
	database_describe(d, code, detail);
	database_close(d);
	return NULL;
}

struct database *
database_look(const char *path, enum database_state *state, char detail[DATABASE_ERROR_SIZE])
{
	*state = DATABASE_ABSENT;
	if (!database_is_there(path, detail))
		return NULL;
	return database_new(path, path, SQLITE_OPEN_READWRITE, state, detail);
}

struct database *
database_open(const char *path)
{
	char detail[DATABASE_ERROR_SIZE];
	enum database_state state;
	struct database *d = database_look(path, &state, detail);

	if (d != NULL && state == DATABASE_GOOD)
		return d;
	say_error("%s", detail);
	database_close(d);
	return NULL;
}

void
database_close(struct database *d)
{
	if (d == NULL)
		return;
	sqlite3_close(d->db);
	free(d);
}

static int
execute(struct database *d, const char *sql)
{
	int code = sqlite3_exec(d->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : database_failed(d, code);
}

int
database_begin(struct database *d)
{
	return execute(d, "BEGIN IMMEDIATE");
}

int
database_begin_read(struct database *d)
{
	return execute(d, "BEGIN");
}

int
database_commit(struct database *d)
{
	return execute(d, "COMMIT");
}

void
database_undo(struct database *d)
{
	if (!sqlite3_get_autocommit(d->db))
		sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
}

struct str
database_text(const struct database_row *row, int column)
{
	const void *bytes = sqlite3_column_blob(row->stmt, column);
	int n = sqlite3_column_bytes(row->stmt, column);

	return bytes == NULL ? STR("") : (struct str){bytes, (size_t)n};
}

bool
database_null(const struct database_row *row, int column)
{
	return sqlite3_column_type(row->stmt, column) == SQLITE_NULL;
}

int64_t
database_number(const struct database_row *row, int column)
{
	return sqlite3_column_int64(row->stmt, column);
}

struct database_value
database_as_value(const struct database_row *row, int column)
{
	switch (sqlite3_column_type(row->stmt, column)) {
	case SQLITE_NULL:
		return DATABASE_VALUE_NULL;
	case SQLITE_INTEGER:
		return DATABASE_VALUE_NUMBER(database_number(row, column));
	case SQLITE_BLOB:
		return DATABASE_VALUE_BLOB(database_text(row, column));
	default:
		return DATABASE_VALUE_TEXT(database_text(row, column));
	}
}

static int
bind(sqlite3_stmt *stmt, int place, const struct database_value *v)
{
	const char *p = v->text.p == NULL ? "" : v->text.p; /* which would be bound as NULL */

	switch (v->type) {
	case DATABASE_TEXT:
		return sqlite3_bind_text64(stmt, place, p, v->text.n, SQLITE_STATIC, SQLITE_UTF8);
	case DATABASE_BLOB:
		return sqlite3_bind_blob64(stmt, place, p, v->text.n, SQLITE_STATIC);
	case DATABASE_NUMBER:
		return sqlite3_bind_int64(stmt, place, v->number);
	default:
		return sqlite3_bind_null(stmt, place);
	}
}

int
database_run(
    struct database *d, const char *sql, const struct database_value *values, size_t n, database_row_fn *fn, void *ctx)
{
	struct database_row row = {NULL};
	int code = sqlite3_prepare_v2(d->db, sql, -1, &row.stmt, NULL), result = 0;

	for (size_t i = 0; i < n && code == SQLITE_OK; i++)
		code = bind(row.stmt, (int)i + 1, &values[i]);
	if (code == SQLITE_OK)
		code = SQLITE_ROW;
	while (code == SQLITE_ROW && result == 0 && (code = sqlite3_step(row.stmt)) == SQLITE_ROW)
		if (fn != NULL)
			result = fn(ctx, &row);
	/* A limit that was reached is what its setter asked for. */
	if (code != SQLITE_ROW && code != SQLITE_DONE && !(code == SQLITE_INTERRUPT && d->cut != NULL))
		result = database_failed(d, code);
	sqlite3_finalize(row.stmt);
	return result;
}

static int
take_number(void *ctx, const struct database_row *row)
{
	*(int64_t *)ctx = database_number(row, 0);
	return 0;
}

int
database_one(struct database *d, const char *sql, const struct database_value *values, size_t n, int64_t otherwise,
    int64_t *number)
{
	*number = otherwise;
	return database_run(d, sql, values, n, take_number, number);
}

int64_t
database_changed(const struct database *d)
{
	return sqlite3_changes(d->db);
}

static int
is_over(void *ctx)
{
	struct database *d = ctx;

	if (clock_ms() < d->end_ms && !interrupt_came())
		return 0;
	*d->cut = true;
	return 1;
}

void
database_limit(struct database *d, int64_t ms, bool *cut)
{
	d->end_ms = clock_ms() + ms;
	d->cut = ms > 0 ? cut : NULL;
	sqlite3_progress_handler(d->db, STEPS_BETWEEN_LOOKS, ms > 0 ? is_over : NULL, d);
}
