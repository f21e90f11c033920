/*
 * test_store: a database of the test's own, the store on it, and another program that writes to it.
 */
#ifndef TEST_STORE_H
#define TEST_STORE_H

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store.h"
#include "store/words.h"
#include "test.h"

/*
 * These stand before the C library's, for SQLite too: a disk that is fast, that can fail, and that knows whether all
 * that was written was synced.
 */
static struct {
	size_t syncs, writes;
	int sync_errno, write_errno; /* 0: none */
	void (*on_sync)(void);       /* what happens meanwhile; NULL: nothing */
	bool unsynced;
} test_disk;

int
fdatasync(int fd)
{
	(void)fd;
	test_disk.syncs++;
	if (test_disk.on_sync != NULL)
		test_disk.on_sync();
	if (test_disk.sync_errno != 0) {
		errno = test_disk.sync_errno;
		return -1;
	}
	test_disk.unsynced = false;
	return 0;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at);

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	test_disk.writes++;
	if (test_disk.write_errno != 0) {
		errno = test_disk.write_errno;
		return -1;
	}
	test_disk.unsynced = true;
	return pwritev(fd, &(struct iovec){(void *)(uintptr_t)p, n}, 1, at);
}

struct test_store {
	char folder[TEST_PATH_SIZE], path[TEST_PATH_SIZE + 16];
	struct store_options options;
	struct store *store; /* the writer's */
	struct store *reader;
	sqlite3 *other;         /* another program */
	struct store_news news; /* of the last look or append */
};

/* What another program does; it must work. Of printf() only what sqlite3_mprintf() knows as well: no %zu. */
static inline void test_other(struct test_store *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void
test_other(struct test_store *t, const char *format, ...)
{
	va_list ap;
	char *sql, *error = NULL;

	va_start(ap, format);
	sql = sqlite3_vmprintf(format, ap);
	va_end(ap);
	if (sqlite3_exec(t->other, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	sqlite3_free(sql);
}

/* Whether what another program tries is refused. */
static inline bool
test_other_refused(struct test_store *t, const char *sql)
{
	return sqlite3_exec(t->other, sql, NULL, NULL, NULL) != SQLITE_OK;
}

/* The first column of the first row, as another program reads it. */
static inline int64_t
test_number(struct test_store *t, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t n = INT64_MIN;

	if (sqlite3_prepare_v2(t->other, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(t->other));
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static inline void
test_text(struct test_store *t, const char *sql, char *text, size_t size)
{
	sqlite3_stmt *stmt;

	text[0] = '\0';
	if (sqlite3_prepare_v2(t->other, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(t->other));
	if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0) != NULL)
		snprintf(text, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
}

static inline void
test_other_open(struct test_store *t)
{
	assert_int_equal(sqlite3_open(t->path, &t->other), SQLITE_OK);
	sqlite3_busy_timeout(t->other, 2000);
	/* It can do all that another program can, and read the index besides. */
	assert_int_equal(words_register(t->other), SQLITE_OK);
}

static inline struct store *
test_store_open(struct test_store *t, bool create)
{
	char error[STORE_ERROR_SIZE] = "";
	struct store *s = store_open(&t->options, create, error);

	if (s == NULL)
		fail_msg("%s", error);
	return s;
}

/* A folder and the path in it, nothing else. */
static inline void
test_store_prepare(struct test_store *t)
{
	memset(t, 0, sizeof *t);
	memset(&test_disk, 0, sizeof test_disk);
	test_folder(t->folder);
	snprintf(t->path, sizeof t->path, "%s/log.db", t->folder);
	t->options = (struct store_options){.path = t->path, .search_timeout_ms = 10000, .reply_max = 1000000};
	log_set_level(LOG_ERROR);
	test_watchdog(60);
}

/* The writer's store, started; a reader's; another program. */
static inline void
test_store_init(struct test_store *t)
{
	char error[STORE_ERROR_SIZE];

	test_store_prepare(t);
	t->store = test_store_open(t, true);
	if (store_start(t->store, 200, error) != 0)
		fail_msg("%s", error);
	t->reader = test_store_open(t, false);
	test_other_open(t);
}

static inline void
test_store_fini(struct test_store *t)
{
	store_news_fini(&t->news);
	store_close(t->reader);
	store_close(t->store);
	sqlite3_close(t->other);
	test_folder_remove(t->folder);
	test_watchdog(0);
}

static inline enum store_status
test_look(struct test_store *t, int64_t floor)
{
	store_news_fini(&t->news);
	return store_look(t->store, floor, &t->news);
}

static inline struct message *
test_message(const char *room, const char *text, const char *key)
{
	struct message_fields f = {.room = str_of(room),
	    .event = STR("chat message"),
	    .sender = STR("ann"),
	    .body = str_of(text),
	    .key = str_of(key)};
	struct message *m = message_new(&f);

	assert_non_null(m);
	return m;
}

/* Appends one text; what became of it in *send, whose message is dropped. */
static inline enum store_status
test_append(struct test_store *t, struct message *m, struct store_send *send)
{
	enum store_status status;

	*send = (struct store_send){.message = m};
	store_news_fini(&t->news);
	status = store_append(t->store, send, 1, 0, &t->news);
	message_drop(m);
	send->message = NULL;
	return status;
}

/* Whether these bytes are in the database, or in what is beside it. All connections must rest. */
static inline bool
test_file_has(struct test_store *t, const char *suffix, const char *bytes)
{
	char path[TEST_PATH_SIZE + 32];
	struct stat st;
	char *p;
	int fd;
	bool has;

	snprintf(path, sizeof path, "%s%s", t->path, suffix);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	assert_int_equal(fstat(fd, &st), 0);
	p = malloc((size_t)st.st_size + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
	has = memmem(p, (size_t)st.st_size, bytes, strlen(bytes)) != NULL;
	free(p);
	/* It drops the locks of this process on the file; nobody else has any here. */
	close(fd);
	return has;
}

/* Fills the index to its end. */
static inline void
test_fill(struct test_store *t)
{
	do {
		store_news_fini(&t->news);
		assert_int_equal(store_fill(t->store, 0, &t->news), STORE_OK);
	} while (t->news.more || t->news.index_behind);
}

/* A page of the whole log, the newest first; q: what it searches, or "". */
static inline struct store_page
test_page(const char *q)
{
	return (struct store_page){.rooms = {.all = true},
	    .cursor = STORE_NEWEST,
	    .head = MESSAGE_ID_MAX,
	    .limit = 100,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX,
	    .q = str_of(q)};
}

#endif
