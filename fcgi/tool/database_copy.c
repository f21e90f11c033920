#include "database_copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "database_db.h"
#include "interrupt.h"
#include "progress.h"
#include "say.h"
#include "store/gap.h"

enum {
	PIECE_PAGES = 256, /* 1 MB */
	PIECE_REST_MS = 1, /* the disk is others', too */
	HOLD_EVERY_MS = 50,
	ADDRESS_BYTES_MAX = 16384,
	NEVER_MS = 86400 * 1000,
};

/* Whether there is something in the file PATH and end. */
static bool
is_beside(const char *path, const char *end)
{
	char name[4096];
	struct stat file;

	snprintf(name, sizeof name, "%s%s", path, end);
	return stat(name, &file) == 0 && file.st_size > 0;
}

/* A file that nobody changes, as SQLite wants to be told of it: no lock, and nothing beside it. */
static bool
add_address(struct buf *b, const char *path)
{
	buf_add(b, STR("file:"));
	for (const char *c = path; *c != '\0'; c++) {
		if (*c == '%' || *c == '?' || *c == '#')
			buf_printf(b, "%%%02x", (unsigned char)*c);
		else
			buf_add_char(b, *c);
	}
	buf_add(b, STR("?immutable=1"));
	buf_add_char(b, '\0');
	return buf_ok(b);
}

struct database *
database_open_backup(const char *path, enum database_state *state, char detail[DATABASE_ERROR_SIZE])
{
	bool alone = !is_beside(path, "-wal") && !is_beside(path, "-journal");
	struct database *d = NULL;
	struct buf address;

	detail[0] = '\0';
	*state = DATABASE_ABSENT;
	if (!database_is_there(path, detail)) {
		snprintf(detail, DATABASE_ERROR_SIZE, "there is no file %s", path);
		return NULL;
	}
	*state = DATABASE_UNREADABLE;
	buf_init(&address, ADDRESS_BYTES_MAX);
	if (add_address(&address, path))
		d = database_new(path, alone ? address.p : path, SQLITE_OPEN_READONLY | (alone ? SQLITE_OPEN_URI : 0),
		    state, detail);
	else
		snprintf(detail, DATABASE_ERROR_SIZE, "out of memory");
	buf_fini(&address);
	return d;
}

bool
database_unmarked(struct database *d)
{
	int64_t id, version, tables;

	return database_one(d, "PRAGMA application_id", NULL, 0, 1, &id) == 0 && id == 0 &&
	       database_one(d, "PRAGMA user_version", NULL, 0, 1, &version) == 0 && version == 0 &&
	       database_one(d, "SELECT count(*) FROM sqlite_master WHERE name = 'messages'", NULL, 0, 0, &tables) ==
	           0 &&
	       tables > 0;
}

static int
copy_pieces(struct database *from, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from->db, "main");
	int code = backup == NULL ? sqlite3_errcode(to) : SQLITE_OK;

	while (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED) {
		if (interrupt_came()) {
			code = SQLITE_INTERRUPT;
			break;
		}
		code = sqlite3_backup_step(backup, PIECE_PAGES);
		progress_show("copying", sqlite3_backup_pagecount(backup) - sqlite3_backup_remaining(backup),
		    sqlite3_backup_pagecount(backup));
		clock_sleep_ms(PIECE_REST_MS);
	}
	progress_end();
	if (backup != NULL)
		(void)sqlite3_backup_finish(backup);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* From one moment of it: while a transaction reads, what others write is not seen, so that nothing begins anew. */
static int
copy_moment(struct database *from, sqlite3 *to)
{
	int64_t tables;
	int code;

	if (database_begin_read(from) != 0 ||
	    database_one(from, "SELECT count(*) FROM sqlite_master", NULL, 0, 0, &tables) != 0)
		return -1;
	code = copy_pieces(from, to);
	database_undo(from);
	if (code == SQLITE_OK)
		return 0;
	if (code == SQLITE_INTERRUPT)
		say_error("interrupted");
	else
		say_error("cannot copy the database %s: %s", from->path, sqlite3_errstr(code));
	return -1;
}

int
database_copy(struct database *from, const char *to)
{
	sqlite3 *db = NULL;
	char detail[DATABASE_ERROR_SIZE];
	enum database_state state;
	struct database *copy;
	int result =
	    sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, gap_other_vfs()) == SQLITE_OK &&
	            sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY", NULL, NULL, NULL) ==
	                SQLITE_OK
	        ? 0
	        : -1;

	if (result != 0)
		say_error("cannot write %s: %s", to, db == NULL ? "out of memory" : sqlite3_errmsg(db));
	else
		result = copy_moment(from, db);
	sqlite3_close(db);
	if (result != 0)
		return -1;
	copy = database_new(to, to, SQLITE_OPEN_READWRITE, &state, detail);
	if (copy == NULL)
		say_error("%s", detail);
	result = copy == NULL ? -1 : database_single(copy);
	database_close(copy);
	return result;
}

/* A result code of SQLite. */
static int
leave_wal(struct database *d)
{
	sqlite3_stmt *stmt;
	int code = sqlite3_prepare_v2(d->db, "PRAGMA journal_mode = DELETE", -1, &stmt, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		code = strcmp((const char *)sqlite3_column_text(stmt, 0), "delete") == 0 ? SQLITE_OK : SQLITE_BUSY;
	sqlite3_finalize(stmt);
	return code;
}

int
database_single(struct database *d)
{
	int code = leave_wal(d);

	return code == SQLITE_OK ? 0 : database_failed(d, code);
}

int
database_hold(struct database *d)
{
	int64_t began = clock_ms();
	int code;

	do {
		code = leave_wal(d);
		if (code == SQLITE_OK)
			code = sqlite3_exec(d->db, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
		if ((code & 0xFF) == SQLITE_BUSY)
			clock_sleep_ms(HOLD_EVERY_MS);
	} while ((code & 0xFF) == SQLITE_BUSY && clock_ms() - began < DATABASE_WAIT_MS && !interrupt_came());
	if (code == SQLITE_OK)
		return 0;
	if ((code & 0xFF) != SQLITE_BUSY)
		return database_failed(d, code);
	say_error("another program has the database %s open: end it first", d->path);
	return -1;
}

static int
take_damage(void *ctx, const struct database_row *row)
{
	struct str text = database_text(row, 0);

	snprintf(ctx, DATABASE_DAMAGE_SIZE, "%.*s", (int)(text.n < 200 ? text.n : 200), text.p);
	return 0;
}

int
database_damage(struct database *d, bool thorough, char text[DATABASE_DAMAGE_SIZE])
{
	bool cut = false;
	int result;

	text[0] = '\0';
	progress_show("looking for damage", 0, 0);
	/* A row that breaks the rules is another program's doing, and no damage; the daemon passes over it. */
	result = database_run(d, "PRAGMA ignore_check_constraints = ON", NULL, 0, NULL, NULL);
	database_limit(d, NEVER_MS, &cut);
	if (result == 0)
		result = database_run(
		    d, thorough ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)", NULL, 0, take_damage, text);
	database_limit(d, 0, NULL);
	progress_end();
	if (cut)
		say_error("interrupted");
	if (result != 0 || cut)
		return -1;
	return strcmp(text, "ok") == 0 ? 0 : 1;
}

int
database_extent(struct database *d, int64_t *messages, int64_t *head)
{
	return database_one(d, "SELECT coalesce(sum(n), 0) FROM rooms", NULL, 0, 0, messages) == 0 &&
	               database_one(d, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'", NULL, 0, 0, head) == 0
	           ? 0
	           : -1;
}
