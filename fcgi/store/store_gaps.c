#include <stdlib.h>

#include "gap.h"
#include "store_writer.h"

enum {
	CHECKPOINT_LOCK = 1, /* of the shared memory (SQLite's WAL format, section 2.3.4) */
	PAGES_AT_ONCE = 16,
};

/* Of the writer's own connection. */
static sqlite3_file *
file_of(struct store *s)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL ||
	    file->pMethods == NULL || file->pMethods->iVersion < 2)
		return NULL;
	return file;
}

/* The gaps of the n pages from the first on, which are read. An SQLite result code. */
static int
look(sqlite3_file *file, const unsigned char *pages, int64_t n, int64_t page_size, int64_t first)
{
	static const unsigned char zeros[65536];
	size_t begin, length;
	int code = SQLITE_OK;

	for (int64_t i = 0; i < n && code == SQLITE_OK; i++)
		if (gap_find(pages + i * page_size, (size_t)page_size, first + i, &begin, &length))
			code =
			    file->pMethods->xWrite(file, zeros, (int)length, (first + i) * page_size + (int64_t)begin);
	return code;
}

/* With the lock: nobody copies from the WAL, and so nobody else writes to the file. */
static int
pass(struct store *s, sqlite3_file *file, int pages, bool *whole)
{
	int64_t page_size = store_number(s, "PRAGMA page_size", 0), n;
	sqlite3_int64 end = 0;
	unsigned char *bytes;
	int code = file->pMethods->xFileSize(file, &end);

	end = page_size == 0 ? 0 : end / page_size;
	*whole = code == SQLITE_OK && (s->scrub.page >= end || end >= GAP_PAGES_MAX);
	if (code != SQLITE_OK || *whole)
		return code;
	bytes = malloc((size_t)(PAGES_AT_ONCE * page_size));
	for (code = bytes == NULL ? SQLITE_NOMEM : SQLITE_OK; code == SQLITE_OK && pages > 0 && s->scrub.page < end;
	     pages -= (int)n, s->scrub.page += n) {
		n = end - s->scrub.page < PAGES_AT_ONCE ? end - s->scrub.page : PAGES_AT_ONCE;
		code = file->pMethods->xRead(file, bytes, (int)(n * page_size), s->scrub.page * page_size);
		if (code == SQLITE_OK)
			code = look(file, bytes, (int)n, page_size, s->scrub.page);
	}
	free(bytes);
	return code;
}

int
store_zero_gaps(struct store *s, int pages, bool *whole)
{
	sqlite3_file *file = file_of(s);
	int code;

	*whole = false;
	/* Without a WAL there is no such lock, and whoever writes to the file does so without it. */
	if (file == NULL || s->wal_inode == 0) {
		*whole = true;
		return SQLITE_DONE;
	}
	code = file->pMethods->xShmLock(file, CHECKPOINT_LOCK, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);
	if (code != SQLITE_OK)
		return code;
	code = pass(s, file, pages, whole);
	(void)file->pMethods->xShmLock(file, CHECKPOINT_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
	return code == SQLITE_OK ? SQLITE_DONE : code;
}

int
store_sync_gaps(struct store *s)
{
	sqlite3_file *file = file_of(s);

	/* A page that is in memory as it was before would bring back what was in its gap. */
	(void)sqlite3_db_release_memory(s->db);
	return file == NULL ? SQLITE_OK : file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}
