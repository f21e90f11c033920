#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "index.h"
#include "schema.h"
#include "store_writer.h"

/* "Long" in ASCII: says whose file this is (PRAGMA application_id in sql/001-log.sql). */
#define APPLICATION_ID "1282371175"

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

/* Whether a file that has tables but not our mark is ours all the same. */
static bool
unmarked_ok(struct store *s, char error[STORE_ERROR_SIZE])
{
	char name[STORE_NAME_SIZE];
	int version = store_unmarked(s, name);

	if (version == 0)
		snprintf(error, STORE_ERROR_SIZE, "the database %s is not Longline's: it is another program's file",
		    s->options.path);
	else if (version < 0)
		snprintf(error, STORE_ERROR_SIZE,
		    "the database %s has tables like Longline's, but not its mark, and '%s' in it is not as Longline "
		    "makes "
		    "it; if it is Longline's all the same: PRAGMA application_id = " APPLICATION_ID
		    "; PRAGMA user_version = %d",
		    s->options.path, name, schema_version);
	return version > 0;
}

/* Gives such a file its mark. An SQLite result code. */
static int
adopt(struct store *s, int64_t *version)
{
	char name[STORE_NAME_SIZE], pragmas[128];

	*version = store_unmarked(s, name);
	snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = " APPLICATION_ID "; PRAGMA user_version = %d",
	    (int)*version);
	/* It was restored: the log that readers knew may have gone on. */
	s->options.new_epoch = true;
	log_warning("adopted", "file=\"%s\" version=%d detail=\"it had no mark, as after .dump; readers begin anew\"",
	    s->options.path, (int)*version);
	return sqlite3_exec(s->db, pragmas, NULL, NULL, NULL);
}

bool
store_version_ok(struct store *s, int64_t version, bool *unmarked, char error[STORE_ERROR_SIZE])
{
	int64_t id = store_number(s, "PRAGMA application_id", 0);
	int64_t tables = store_number(s, "SELECT count(*) FROM sqlite_master", 0);
	bool ours = id == strtoll(APPLICATION_ID, NULL, 10) && version > 0;
	bool empty = id == 0 && version == 0 && tables == 0;

	if (s->trouble != SQLITE_OK) {
		snprintf(error, STORE_ERROR_SIZE, "cannot read the database %s: %s%s", s->options.path,
		    store_message(s, s->trouble),
		    (s->trouble & 0xFF) == SQLITE_BUSY ? " (another program holds its lock)" : "");
		return false;
	}
	if (version > schema_version) {
		snprintf(error, STORE_ERROR_SIZE,
		    "the database %s has version %lld, newer than the %d this program knows: run a newer longlined",
		    s->options.path, (long long)version, schema_version);
		return false;
	}
	*unmarked = id == 0 && version == 0 && !empty;
	if (*unmarked)
		return unmarked_ok(s, error);
	if (!ours && !empty) {
		snprintf(error, STORE_ERROR_SIZE, "the database %s is not Longline's: it is another program's file",
		    s->options.path);
		return false;
	}
	return true;
}

/*
 * A log that was wiped gives its ids anew. What the index, the marks of deletion and time, and by_since say of the old
 * would be taken for the new ones', so they go, and the index is filled again.
 */
static int
mend(struct store *s)
{
	int64_t head = store_greatest_id(s);
	int code;

	if (index_end(s) <= head && !s->wiped)
		return SQLITE_OK;
	code = index_clear(s);
	if (code == SQLITE_OK)
		code =
		    store_exec(s, "DELETE FROM deleted"
		                  " WHERE id > coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0)");
	if (code == SQLITE_OK)
		code = store_exec(s,
		    "DELETE FROM meta WHERE name GLOB 'clock:*' OR name GLOB 'pruned:*'"
		    " AND value > coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0)");
	if (code == SQLITE_OK)
		code = store_exec(s, "UPDATE meta SET value = 0 WHERE name = 'by_since'");
	if (code == SQLITE_OK)
		s->wiped = false;
	return code;
}

static int
start_transaction(struct store *s, char error[STORE_ERROR_SIZE], int *code)
{
	int64_t version;
	bool unmarked;

	if ((*code = store_exec(s, "BEGIN IMMEDIATE")) != SQLITE_OK)
		return -1;
	version = store_number(s, "PRAGMA user_version", -1);
	if (!store_version_ok(s, version, &unmarked, error))
		return -1;
	if (unmarked && (*code = adopt(s, &version)) != SQLITE_OK)
		return -1;
	if (version < schema_version && (*code = migrate(s, version)) != SQLITE_OK)
		return -1;
	if (s->options.new_epoch && (*code = store_new_epoch(s)) != SQLITE_OK)
		return -1;
	if (store_greatest_id(s) > MESSAGE_ID_MAX && s->trouble == SQLITE_OK &&
	    (*code = store_mend_ids(s)) != SQLITE_OK)
		return -1;
	if ((*code = index_start(s)) != SQLITE_OK)
		return -1;
	if ((*code = mend(s)) != SQLITE_OK || (*code = s->trouble) != SQLITE_OK)
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
		return s->trouble;
	code = sqlite3_step(stmt);
	epoch = code == SQLITE_ROW ? store_column(stmt, 0) : STR("");
	snprintf(s->epoch, sizeof s->epoch, "%.*s", STR_ARGS(epoch));
	store_reset(s, stmt);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
	s->data_version = store_number(s, "PRAGMA data_version", -1);
	s->head = store_greatest_id(s);
	s->last_id = s->head;
	s->last_change = store_number(s, "SELECT seq FROM sqlite_sequence WHERE name = 'changed'", 0);
	s->by_since = store_number(s, "SELECT value FROM meta WHERE name = 'by_since'", 0);
	s->erase_asked = store_number(s, "SELECT value FROM meta WHERE name = 'erase_asked'", 0);
	s->access_version = 0;
	store_forget_names(s);
	return s->trouble;
}

void
store_limit_size(struct store *s)
{
	int64_t page = store_number(s, "PRAGMA page_size", 4096);
	char pragma[64];

	if (s->options.database_max <= 0 || page <= 0)
		return;
	/* Never less than the file has: SQLite sees to that. */
	snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %lld",
	    (long long)(s->options.database_max / page > 1 ? s->options.database_max / page : 1));
	(void)sqlite3_exec(s->db, pragma, NULL, NULL, NULL);
}

int
store_errno(struct store *s, int code)
{
	int reason;

	switch (code & 0xFF) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_NOMEM:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_INTERRUPT:
		return EAGAIN;
	case SQLITE_CANTOPEN:
		reason = s->db == NULL ? ENOMEM : sqlite3_system_errno(s->db);
		return store_path_wrong(reason) ? EINVAL : EAGAIN;
	default:
		return EINVAL;
	}
}

int
store_start(struct store *s, int64_t lock_wait_ms, char error[STORE_ERROR_SIZE])
{
	int64_t patience = s->busy_wait_ms;
	bool unmarked;
	int code, reason;

	s->busy_wait_ms = lock_wait_ms;
	error[0] = '\0';
	s->trouble = SQLITE_OK;
	/* Looked at before anything is changed: it may be somebody else's file. */
	if (!store_version_ok(s, store_number(s, "PRAGMA user_version", 0), &unmarked, error)) {
		errno = store_errno(s, s->trouble);
		return -1;
	}
	code = store_exec(s, "PRAGMA journal_mode = WAL");
	if (code == SQLITE_OK && start_transaction(s, error, &code) == 0)
		code = read_state(s);
	if (code != SQLITE_OK && error[0] == '\0')
		snprintf(error, STORE_ERROR_SIZE, "the database %s: %s%s", s->options.path, store_message(s, code),
		    (code & 0xFF) == SQLITE_BUSY ? " (another program holds its lock)" : "");
	reason = store_errno(s, code != SQLITE_OK ? code : s->trouble);
	if (!sqlite3_get_autocommit(s->db))
		store_exec(s, "ROLLBACK");
	/* The loop tries again by itself, and looks at what others did in between. */
	s->busy_wait_ms = error[0] == '\0' ? 0 : patience;
	s->options.new_epoch = false;
	s->wal_inode = store_wal_inode(s);
	s->started = error[0] == '\0';
	if (s->started)
		store_limit_size(s);
	else
		errno = reason;
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
		store_reset(s, stmt);
	}
	if (code == SQLITE_ROW)
		return 0;
	(void)store_failed(s, code, "read the secret");
	return -1;
}
