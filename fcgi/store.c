#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "schema.h"
#include "store_db.h"
#include "token.h"

/* "Long" in ASCII: says whose file this is (PRAGMA application_id in sql/001-log.sql). */
#define APPLICATION_ID "1282371175"

struct str
store_column(sqlite3_stmt *stmt, int column)
{
	/* The pointer first: it converts the value whose length is asked for next. */
	const char *p = (const char *)sqlite3_column_text(stmt, column);

	return (struct str){p == NULL ? "" : p, (size_t)sqlite3_column_bytes(stmt, column)};
}

void
store_bind_str(sqlite3_stmt *stmt, int parameter, struct str value)
{
	sqlite3_bind_text64(stmt, parameter, value.n == 0 ? "" : value.p, value.n, SQLITE_STATIC, SQLITE_UTF8);
}

/* The attachments of a message, from their own table. */
static void
read_attachments(struct store *s, struct message_fields *f)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT data FROM attachments WHERE message = ? ORDER BY num");

	buf_reset(&s->attachments, 64 * 1024);
	if (stmt == NULL)
		return;
	sqlite3_bind_int64(stmt, 1, f->id);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *p = sqlite3_column_blob(stmt, 0);

		buf_add(&s->attachments, f->n_attachments++ > 0 ? STR(",\"") : STR("\""));
		token_add_base64(
		    &s->attachments, (struct str){p == NULL ? "" : p, (size_t)sqlite3_column_bytes(stmt, 0)});
		buf_add_char(&s->attachments, '"');
	}
	sqlite3_reset(stmt);
	f->attachments = buf_str(&s->attachments);
}

void
store_row(struct store *s, sqlite3_stmt *stmt, struct message_fields *f)
{
	*f = (struct message_fields){
	    .id = sqlite3_column_int64(stmt, 0),
	    .room = store_column(stmt, 1),
	    .event = store_column(stmt, 2),
	    .sender = store_column(stmt, 3),
	    .is_args = sqlite3_column_type(stmt, 4) == SQLITE_NULL,
	    .at_ms = sqlite3_column_int64(stmt, 6),
	};
	f->body = store_column(stmt, f->is_args ? 5 : 4);
	/* SQLite's json_valid() ends at a byte 0, and what follows it would break the JSON of whoever reads it. */
	if (f->is_args && f->body.n > 0)
		f->body.n = strnlen(f->body.p, f->body.n);
	if (f->is_args && f->body.n == 0)
		f->body = STR("[]"); /* a row that got past the CHECKs */
	if (sqlite3_column_int(stmt, 7) > 0)
		read_attachments(s, f);
}

sqlite3_stmt *
store_prepare(struct store *s, const char *sql)
{
	sqlite3_stmt *stmt;
	char *copy;
	size_t i;

	for (i = 0; i < s->n_statements; i++)
		if (strcmp(s->statements[i].sql, sql) == 0)
			return s->statements[i].stmt;
	copy = strdup(sql);
	if (copy == NULL || sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK) {
		free(copy);
		return NULL;
	}
	if (s->n_statements < STORE_STATEMENTS)
		i = s->n_statements++;
	else {
		/* One that is being stepped through is not to be lost; never are all. */
		do
			i = s->next_statement++ % STORE_STATEMENTS;
		while (sqlite3_stmt_busy(s->statements[i].stmt));
		sqlite3_finalize(s->statements[i].stmt);
		free(s->statements[i].sql);
	}
	s->statements[i].sql = copy;
	s->statements[i].stmt = stmt;
	return stmt;
}

int
store_run(sqlite3_stmt *stmt)
{
	int code;

	if (stmt == NULL)
		return SQLITE_ERROR;
	code = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	return code;
}

int
store_exec(struct store *s, const char *sql)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);
	int code;

	if (stmt == NULL)
		return sqlite3_errcode(s->db);
	do
		code = sqlite3_step(stmt);
	while (code == SQLITE_ROW);
	sqlite3_reset(stmt);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

int64_t
store_number(struct store *s, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);
	int64_t n = otherwise;

	if (stmt == NULL)
		return otherwise;
	if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_INTEGER)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return n;
}

enum store_status
store_failed(struct store *s, int code, const char *doing)
{
	switch (code & 0xFF) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return STORE_BUSY;
	case SQLITE_INTERRUPT:
		return STORE_TIMEOUT;
	case SQLITE_FULL:
		log_error("disk_full", "doing=\"%s\" file=\"%s\" error=\"%s\"", doing, s->options.path,
		    sqlite3_errmsg(s->db));
		return STORE_FULL;
	default:
		log_error("store", "doing=\"%s\" file=\"%s\" code=%d error=\"%s\"", doing, s->options.path, code,
		    sqlite3_errmsg(s->db));
		return STORE_FAILED;
	}
}

static int
on_busy(void *ctx, int tries)
{
	struct store *s = ctx;

	/* SQLite's own handler sleeps up to 100 ms at a time, which readers would notice. */
	if (tries == 0)
		s->busy_since = clock_ms();
	if (clock_ms() - s->busy_since >= s->busy_wait_ms)
		return 0;
	clock_sleep_ms(1);
	return 1;
}

static int
on_progress(void *ctx)
{
	struct store *s = ctx;

	return s->deadline_us != 0 && clock_us() >= s->deadline_us;
}

static int
on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct store *s = ctx;

	(void)db;
	(void)name;
	s->wal_pages = pages;
	s->committed = true;
	return SQLITE_OK;
}

static ino_t
wal_inode(const struct store *s)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof path, "%s-wal", s->options.path);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

bool
store_moved(const struct store *s)
{
	struct stat st;

	return stat(s->options.path, &st) != 0 || st.st_ino != s->inode || st.st_dev != s->device ||
	       (s->wal_inode != 0 && wal_inode(s) != s->wal_inode);
}

/* Created by us, so that the group may write: SQLite would make it 0644, and -wal and -shm follow its mode. */
static int
create_file(const char *path)
{
	/* Only a new file is opened: closing one that is in use would drop the locks that SQLite holds on it in this
	 * process. */
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);

	if (fd < 0)
		return errno == EEXIST ? 0 : -1;
	close(fd);
	return 0;
}

static void
close_db(struct store *s)
{
	while (s->n_statements > 0) {
		s->n_statements--;
		sqlite3_finalize(s->statements[s->n_statements].stmt);
		free(s->statements[s->n_statements].sql);
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

static int
open_db(struct store *s, bool create, char error[STORE_ERROR_SIZE])
{
	struct stat st;
	int code;

	if (create && create_file(s->options.path) != 0) {
		snprintf(error, STORE_ERROR_SIZE, "cannot open the database %s: %s", s->options.path, strerror(errno));
		return -1;
	}
	code = sqlite3_open_v2(s->options.path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK || stat(s->options.path, &st) != 0) {
		snprintf(error, STORE_ERROR_SIZE, "cannot open the database %s: %s", s->options.path,
		    s->db == NULL ? strerror(ENOMEM) : sqlite3_errmsg(s->db));
		close_db(s);
		return -1;
	}
	s->device = st.st_dev;
	s->inode = st.st_ino;
	/* The file may be replaced under us: closing the old one must not delete a -wal that has its name by then. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_handler(s->db, on_busy, s);
	sqlite3_progress_handler(s->db, 2000, on_progress, s);
	sqlite3_wal_autocheckpoint(s->db, 0);
	sqlite3_wal_hook(s->db, on_wal, s);
	if (store_add_excerpt(s) != SQLITE_OK) {
		snprintf(error, STORE_ERROR_SIZE, "this SQLite has no full-text search (FTS5)");
		close_db(s);
		return -1;
	}
	store_exec(s, "PRAGMA synchronous = FULL");
	store_exec(s, "PRAGMA temp_store = MEMORY");
	/* A first look makes SQLite open the WAL, if the file has one. */
	(void)store_number(s, "SELECT count(*) FROM sqlite_master", 0);
	s->wal_inode = wal_inode(s);
	return 0;
}

struct store *
store_open(const struct store_options *options, bool create, char error[STORE_ERROR_SIZE])
{
	struct store *s = calloc(1, sizeof *s);

	if (s == NULL) {
		snprintf(error, STORE_ERROR_SIZE, "no memory");
		return NULL;
	}
	s->options = *options;
	s->busy_wait_ms = 1000;
	walindex_init(&s->walindex, s->options.path);
	buf_init(&s->attachments, SIZE_MAX);
	if (open_db(s, create, error) != 0) {
		free(s);
		return NULL;
	}
	return s;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	close_db(s);
	walindex_fini(&s->walindex);
	buf_fini(&s->attachments);
	free(s);
}

/*
 * A WAL of the file that went away would be taken for the new one's, and copied into it. The writer removes it; the
 * others wait until it has, or they would read through it.
 */
static int
leave_wal(struct store *s, bool create)
{
	char path[4096];
	int64_t began = clock_ms();

	if (s->wal_inode == 0 || wal_inode(s) != s->wal_inode)
		return 0;
	if (create) {
		snprintf(path, sizeof path, "%s-wal", s->options.path);
		unlink(path);
		snprintf(path, sizeof path, "%s-shm", s->options.path);
		unlink(path);
		return 0;
	}
	while (wal_inode(s) == s->wal_inode) {
		if (clock_ms() - began >= s->busy_wait_ms)
			return -1;
		clock_sleep_ms(2);
	}
	return 0;
}

int
store_reopen(struct store *s, bool create)
{
	char error[STORE_ERROR_SIZE];
	/* While the old file is open its inodes cannot be used again for others. */
	bool moved = store_moved(s);

	if (moved && leave_wal(s, create) != 0)
		return -1;
	close_db(s);
	if (moved)
		walindex_refresh(&s->walindex);
	if (open_db(s, create, error) != 0) {
		log_error("store", "doing=reopen error=\"%s\"", error);
		return -1;
	}
	return 0;
}

int
store_new_epoch(struct store *s)
{
	return store_exec(s, "UPDATE meta SET value = lower(hex(randomblob(8))) WHERE name = 'epoch'");
}

/* The steps of the schema that the file lacks, in the caller's transaction. An SQLite result code. */
static int
migrate(struct store *s, int64_t version)
{
	char pragma[64];
	int code = SQLITE_OK;

	for (; code == SQLITE_OK && version < schema_version; version++)
		code = sqlite3_exec(s->db, schema_steps[version], NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return code;
	snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", schema_version);
	return sqlite3_exec(s->db, pragma, NULL, NULL, NULL);
}

/* Whether a file of this version can be ours: an empty one, or one with our mark. */
static bool
version_ok(struct store *s, int64_t version, char error[STORE_ERROR_SIZE])
{
	int64_t id = store_number(s, "PRAGMA application_id", 0);
	int64_t tables = store_number(s, "SELECT count(*) FROM sqlite_master", 0);
	bool ours = id == strtoll(APPLICATION_ID, NULL, 10) && version > 0;
	bool empty = id == 0 && version == 0 && tables == 0;

	if (version > schema_version) {
		snprintf(error, STORE_ERROR_SIZE,
		    "the database %s has version %lld, newer than the %d this program knows: run a newer longlined",
		    s->options.path, (long long)version, schema_version);
		return false;
	}
	if (!ours && !empty) {
		snprintf(error, STORE_ERROR_SIZE, "the database %s is not Longline's: it is another program's file",
		    s->options.path);
		return false;
	}
	return true;
}

/*
 * A log that was wiped gives its ids anew. What the index and the marks of deletion say of the old ones would be taken
 * for the new ones', so they go, and the index is filled again.
 */
static int
mend(struct store *s)
{
	static const char *const steps[] = {"INSERT INTO search (search) VALUES ('delete-all')", "DELETE FROM changed",
	    "UPDATE meta SET value = 0 WHERE name = 'indexed'",
	    "DELETE FROM deleted WHERE id > coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0)"};
	int64_t head = store_number(s, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'", 0);
	int64_t indexed = store_number(s, "SELECT value FROM meta WHERE name = 'indexed'", 0);
	int code = SQLITE_OK;

	if (indexed <= head && !s->wiped)
		return SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < sizeof steps / sizeof steps[0]; i++)
		code = store_exec(s, steps[i]);
	if (code == SQLITE_OK)
		s->wiped = false;
	return code;
}

static int
start_transaction(struct store *s, char error[STORE_ERROR_SIZE], int *code)
{
	int64_t version;

	if ((*code = store_exec(s, "BEGIN IMMEDIATE")) != SQLITE_OK)
		return -1;
	version = store_number(s, "PRAGMA user_version", -1);
	if (version < 0) {
		*code = sqlite3_errcode(s->db);
		return -1;
	}
	if (!version_ok(s, version, error)) {
		*code = SQLITE_OK;
		return -1;
	}
	if (version < schema_version && (*code = migrate(s, version)) != SQLITE_OK)
		return -1;
	if (s->options.new_epoch && (*code = store_new_epoch(s)) != SQLITE_OK)
		return -1;
	if ((*code = mend(s)) != SQLITE_OK)
		return -1;
	if ((*code = store_exec(s, "COMMIT")) != SQLITE_OK)
		return -1;
	if (version < schema_version)
		log_info("schema", "from=%lld to=%d file=\"%s\"", (long long)version, schema_version, s->options.path);
	return 0;
}

static int
read_state(struct store *s)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT value FROM meta WHERE name = 'epoch'");
	struct str epoch;
	int code;

	if (stmt == NULL)
		return sqlite3_errcode(s->db);
	code = sqlite3_step(stmt);
	epoch = code == SQLITE_ROW ? store_column(stmt, 0) : STR("");
	snprintf(s->epoch, sizeof s->epoch, "%.*s", STR_ARGS(epoch));
	sqlite3_reset(stmt);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
	s->data_version = store_number(s, "PRAGMA data_version", -1);
	s->head = store_number(s, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'", 0);
	s->last_id = s->head;
	s->last_change = store_number(s, "SELECT seq FROM sqlite_sequence WHERE name = 'changed'", 0);
	return SQLITE_OK;
}

int
store_start(struct store *s, int64_t lock_wait_ms, char error[STORE_ERROR_SIZE])
{
	int64_t patience = s->busy_wait_ms;
	int code;

	s->busy_wait_ms = lock_wait_ms;
	error[0] = '\0';
	/* Looked at before anything is changed: it may be somebody else's file. */
	if (!version_ok(s, store_number(s, "PRAGMA user_version", 0), error))
		return -1;
	code = store_exec(s, "PRAGMA journal_mode = WAL");
	if (code == SQLITE_OK && start_transaction(s, error, &code) == 0)
		code = read_state(s);
	if (code != SQLITE_OK && error[0] == '\0')
		snprintf(error, STORE_ERROR_SIZE, "the database %s: %s%s", s->options.path, sqlite3_errmsg(s->db),
		    (code & 0xFF) == SQLITE_BUSY ? " (another program holds its lock)" : "");
	if (!sqlite3_get_autocommit(s->db))
		store_exec(s, "ROLLBACK");
	/* The loop tries again by itself, and looks at what others did in between. */
	s->busy_wait_ms = error[0] == '\0' ? 0 : patience;
	s->options.new_epoch = false;
	s->wal_inode = wal_inode(s);
	s->started = error[0] == '\0';
	return s->started ? 0 : -1;
}

const char *
store_epoch(const struct store *s)
{
	return s->epoch;
}

int64_t
store_head(const struct store *s)
{
	return s->head;
}

int
store_secret(struct store *s, unsigned char *value, size_t n)
{
	sqlite3_stmt *stmt = store_prepare(s, "INSERT INTO meta VALUES ('secret', ?) ON CONFLICT (name) DO NOTHING");
	int code = SQLITE_ERROR;

	if (stmt != NULL) {
		sqlite3_bind_blob64(stmt, 1, value, n, SQLITE_STATIC);
		code = store_run(stmt);
		sqlite3_clear_bindings(stmt);
	}
	stmt = store_prepare(s, "SELECT value FROM meta WHERE name = 'secret'");
	if (code == SQLITE_DONE && stmt != NULL) {
		code = sqlite3_step(stmt);
		if (code == SQLITE_ROW && (size_t)sqlite3_column_bytes(stmt, 0) == n)
			memcpy(value, sqlite3_column_blob(stmt, 0), n);
		sqlite3_reset(stmt);
	}
	if (code == SQLITE_ROW)
		return 0;
	(void)store_failed(s, code, "read the secret");
	return -1;
}
