#include <stdlib.h>

#include "gap.h"
#include "store_writer.h"

enum {
	CHECKPOINT_LOCK = 1, /* of the shared memory (SQLite's WAL format, section 2.3.4) */
	PAGES_AT_ONCE = 16,
	PAGES_PER_SYNC = 64, /* so that no sync has much to write */
	PASSES_MAX = 3,
	PAGE_MOST = 65536,
};

/* Of the writer's own connection; NULL: it has none that it could lock. */
static sqlite3_file *
file_of(struct store *s)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL ||
	    file->pMethods == NULL || file->pMethods->iVersion < 2)
		return NULL;
	return file;
}

/* The n pages from the one where it is, which are read. An SQLite result code. */
static int
zero(struct store *s, sqlite3_file *file, const unsigned char *pages, int64_t n, int64_t page_size)
{
	static const unsigned char zeros[PAGE_MOST];
	size_t begin, length;
	int code = SQLITE_OK;

	for (; n > 0 && code == SQLITE_OK; n--, pages += page_size, s->scrub.page++)
		if (gap_find(pages, (size_t)page_size, s->scrub.page, &begin, &length)) {
			code = file->pMethods->xWrite(
			    file, zeros, (int)length, s->scrub.page * page_size + (int64_t)begin);
			s->scrub.found++;
		}
	return code;
}

/* Where the file ends, in pages; 0: it is one of those that are left as they are. An SQLite result code. */
static int
look(sqlite3_file *file, int64_t page_size, int64_t *end)
{
	unsigned char header[GAP_HEADER];
	sqlite3_int64 size;
	int code = file->pMethods->xFileSize(file, &size);

	*end = 0;
	if (code != SQLITE_OK || page_size <= 0 || size < page_size)
		return code;
	code = file->pMethods->xRead(file, header, GAP_HEADER, 0);
	if (code == SQLITE_OK && gap_header_ok(header) && size / page_size < GAP_PAGES_MAX)
		*end = size / page_size;
	return code;
}

/* With the lock: nobody copies from the WAL, and so nobody else writes to the file. */
static int
piece(struct store *s, sqlite3_file *file, int pages, bool *whole)
{
	int64_t page_size = store_number(s, "PRAGMA page_size", 0), end, n, before = s->scrub.found;
	unsigned char *bytes;
	int code = look(file, page_size, &end);

	*whole = code == SQLITE_OK && s->scrub.page >= end;
	if (code != SQLITE_OK || *whole)
		return code;
	bytes = malloc((size_t)(PAGES_AT_ONCE * page_size));
	code = bytes == NULL ? SQLITE_NOMEM : SQLITE_OK;
	for (; code == SQLITE_OK && pages > 0 && s->scrub.page < end; pages -= (int)n) {
		n = end - s->scrub.page < PAGES_AT_ONCE ? end - s->scrub.page : PAGES_AT_ONCE;
		code = file->pMethods->xRead(file, bytes, (int)(n * page_size), s->scrub.page * page_size);
		if (code == SQLITE_OK)
			code = zero(s, file, bytes, n, page_size);
	}
	free(bytes);
	if (code == SQLITE_OK && before / PAGES_PER_SYNC != s->scrub.found / PAGES_PER_SYNC)
		code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
	return code;
}

int
store_zero_gaps(struct store *s, int pages, bool *whole)
{
	sqlite3_file *file = file_of(s);
	int code;

	*whole = false;
	if (file == NULL)
		return SQLITE_ERROR;
	code = file->pMethods->xShmLock(file, CHECKPOINT_LOCK, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);
	if (code != SQLITE_OK)
		return code;
	code = piece(s, file, pages, whole);
	(void)file->pMethods->xShmLock(file, CHECKPOINT_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
	return code == SQLITE_OK ? SQLITE_DONE : code;
}

bool
store_another_pass(struct store *s)
{
	/* A page that is in memory as it was would bring back what was in its gap. */
	(void)sqlite3_db_release_memory(s->db);
	if (s->scrub.passes > 0 && (s->scrub.found == 0 || s->scrub.passes == PASSES_MAX))
		return false;
	s->scrub.passes++;
	s->scrub.page = s->scrub.found = 0;
	return true;
}

int
store_sync_gaps(struct store *s)
{
	sqlite3_file *file = file_of(s);

	return file == NULL ? SQLITE_ERROR : file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}
