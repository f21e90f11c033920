#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "gap.h"
#include "index.h"
#include "store_db.h"

static int
on_busy(void *ctx, int tries)
{
	struct store *s = ctx;

	/* SQLite's own handler sleeps up to 100 ms at a time, which readers would notice. */
	if (tries == 0)
		s->busy_since = clock_ms();
	if (clock_ms() - s->busy_since >= s->busy_wait_ms || store_stopped(s))
		return 0;
	clock_sleep_ms(1);
	return 1;
}

static int
on_progress(void *ctx)
{
	struct store *s = ctx;

	return store_stopped(s) || (s->deadline_us != 0 && clock_us() >= s->deadline_us);
}

struct index *
store_index(struct store *s)
{
	return s->index;
}

bool
store_stopped(struct store *s)
{
	return atomic_load(&s->stopped);
}

void
store_stop(struct store *s, bool stop)
{
	atomic_store(&s->stopped, stop);
	if (!stop)
		return;
	/* The handler alone would not do: inside FTS5 it is not called for 90 ms and more. */
	sqlite3_mutex_enter(s->db_lock);
	if (s->db != NULL)
		sqlite3_interrupt(s->db);
	sqlite3_mutex_leave(s->db_lock);
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

ino_t
store_wal_inode(const struct store *s)
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
	       (s->wal_inode != 0 && store_wal_inode(s) != s->wal_inode);
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

bool
store_path_wrong(int reason)
{
	return reason == ENOENT || reason == ENOTDIR || reason == EISDIR || reason == EACCES || reason == EPERM ||
	       reason == EROFS || reason == ELOOP || reason == ENAMETOOLONG;
}

static sqlite3 *
change_db(struct store *s, sqlite3 *db)
{
	sqlite3 *before = s->db;

	sqlite3_mutex_enter(s->db_lock);
	s->db = db;
	sqlite3_mutex_leave(s->db_lock);
	return before;
}

static void
close_db(struct store *s)
{
	store_forget_statements(s);
	s->running = NULL;
	index_close(s->index);
	s->index = NULL;
	sqlite3_close(change_db(s, NULL));
}

/* -1, with errno. */
static int
give_up_opening(struct store *s, int reason)
{
	close_db(s);
	errno = reason;
	return -1;
}

static int
path_failed(struct store *s, char error[STORE_ERROR_SIZE])
{
	int reason = store_path_wrong(errno) ? EINVAL : EAGAIN;

	snprintf(error, STORE_ERROR_SIZE, "cannot open the database %s: %s", s->options.path, strerror(errno));
	return give_up_opening(s, reason);
}

/*
 * Whether this SQLite says of its JSON functions, which the file's rules and triggers use, that they do no harm: older
 * ones (3.40) forgot to, and would refuse them in a file that is not trusted. It is asked once: a busy log is looked at
 * afresh ten times a second (store_overwritten.c), and this was 2 % of what a send costs.
 */
static bool
json_innocuous(sqlite3 *db)
{
	enum { UNKNOWN, NO, YES };
	const int innocuous = 0x200000; /* SQLITE_INNOCUOUS */
	static atomic_int known = UNKNOWN;
	sqlite3_stmt *stmt = NULL;

	if (known != UNKNOWN)
		return known == YES;
	if (sqlite3_prepare_v2(db, "SELECT min(flags & ?1) FROM pragma_function_list WHERE name LIKE 'json%'", -1,
	        &stmt, NULL) == SQLITE_OK) {
		sqlite3_bind_int(stmt, 1, innocuous);
		if (sqlite3_step(stmt) == SQLITE_ROW)
			known = sqlite3_column_int(stmt, 0) == innocuous ? YES : NO;
	}
	sqlite3_finalize(stmt);
	return known == YES;
}

void
store_harden(sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	if (json_innocuous(db))
		sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, STORE_LENGTH_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	/* A damaged page is found when it is read, not when it is used. */
	(void)sqlite3_exec(db, "PRAGMA cell_size_check = ON", NULL, NULL, NULL);
	/* What is deleted is written over with zeros, in pages that stay and in those that become free. */
	(void)sqlite3_exec(db, "PRAGMA secure_delete = ON", NULL, NULL, NULL);
}

static int
open_db(struct store *s, bool create, char error[STORE_ERROR_SIZE])
{
	struct stat st;
	sqlite3 *db = NULL;
	int code;

	if (create && create_file(s->options.path) != 0)
		return path_failed(s, error);
	code = sqlite3_open_v2(s->options.path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	(void)change_db(s, db);
	if (code != SQLITE_OK) {
		snprintf(error, STORE_ERROR_SIZE, "cannot open the database %s: %s", s->options.path,
		    store_message(s, code));
		return give_up_opening(s, store_errno(s, code));
	}
	if (stat(s->options.path, &st) != 0)
		return path_failed(s, error);
	s->device = st.st_dev;
	s->inode = st.st_ino;
	/* The file may be replaced under us: closing the old one must not delete a -wal that has its name by then. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	store_harden(s->db);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_handler(s->db, on_busy, s);
	sqlite3_progress_handler(s->db, 2000, on_progress, s);
	sqlite3_wal_autocheckpoint(s->db, 0);
	sqlite3_wal_hook(s->db, on_wal, s);
	if ((code = store_add_sees(s, s->db)) != SQLITE_OK) {
		snprintf(error, STORE_ERROR_SIZE, "no memory");
		return give_up_opening(s, store_errno(s, code));
	}
	if ((code = index_open(s, s->db, &s->index)) != SQLITE_OK) {
		snprintf(error, STORE_ERROR_SIZE,
		    code == SQLITE_NOMEM ? "no memory" : "this SQLite has no full-text search (FTS5)");
		return give_up_opening(s, store_errno(s, code));
	}
	if ((code = store_exec(s, "PRAGMA synchronous = FULL")) != SQLITE_OK ||
	    (code = store_exec(s, "PRAGMA temp_store = MEMORY")) != SQLITE_OK) {
		snprintf(error, STORE_ERROR_SIZE, "cannot set up the database %s: %s", s->options.path,
		    store_message(s, code));
		return give_up_opening(s, store_errno(s, code));
	}
	/* A first look makes SQLite open the WAL, if the file has one. */
	(void)store_number(s, "SELECT count(*) FROM sqlite_master", 0);
	s->wal_inode = store_wal_inode(s);
	return 0;
}

void
store_setup(void)
{
	/* Statistics that nobody reads, under a lock that all threads share, taken with each allocation. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	gap_register();
}

const char *
store_sqlite_version(void)
{
	return sqlite3_libversion();
}

struct store *
store_open(const struct store_options *options, bool create, char error[STORE_ERROR_SIZE])
{
	struct store *s = calloc(1, sizeof *s);

	if (s == NULL || (s->db_lock = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST)) == NULL) {
		snprintf(error, STORE_ERROR_SIZE, "no memory");
		free(s);
		errno = EAGAIN;
		return NULL;
	}
	s->options = *options;
	s->busy_wait_ms = 1000;
	walindex_init(&s->walindex, s->options.path);
	buf_init(&s->attachments, SIZE_MAX);
	buf_init(&s->mended, SIZE_MAX);
	if (open_db(s, create, error) != 0) {
		int reason = errno;

		store_close(s);
		errno = reason;
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
	buf_fini(&s->mended);
	sqlite3_mutex_free(s->db_lock);
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

	if (s->wal_inode == 0 || store_wal_inode(s) != s->wal_inode)
		return 0;
	if (create) {
		snprintf(path, sizeof path, "%s-wal", s->options.path);
		unlink(path);
		snprintf(path, sizeof path, "%s-shm", s->options.path);
		unlink(path);
		return 0;
	}
	while (store_wal_inode(s) == s->wal_inode) {
		if (clock_ms() - began >= s->busy_wait_ms || store_stopped(s))
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
	s->data_version = -1; /* each connection has numbers of its own */
	if (moved) {
		s->started = false;
		walindex_refresh(&s->walindex);
	}
	if (open_db(s, create, error) != 0) {
		store_say(s, "store", SQLITE_CANTOPEN, "reopen", error);
		return -1;
	}
	if (s->started)
		store_limit_size(s);
	return 0;
}
