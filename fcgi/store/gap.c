#include "gap.h"

#include <sqlite3.h>
#include <string.h>

enum {
	WRITE_VERSION = 18, /* in the file's header */
	IN_WAL_MODE = 2,
	LARGEST_ROOT = 52, /* four bytes: not 0 where there is a pointer map */
	HEADER = 8,        /* of a leaf: type, first free block, number of cells, where they begin, fragments */
	CHILD = 4,         /* more, of an interior page */
	POINTER = 2,       /* to a cell */
	INTERIOR_INDEX = 2,
	INTERIOR_TABLE = 5,
	LEAF_INDEX = 10,
	LEAF_TABLE = 13,
	PAGE_LEAST = 512,
	PAGE_MOST = 65536,
};

static size_t
number16(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* Whether there is anything but zeros. */
static bool
any(const unsigned char *p, size_t n)
{
	return n > 0 && (p[0] != 0 || memcmp(p, p + 1, n - 1) != 0);
}

bool
gap_header_ok(const unsigned char header[GAP_HEADER])
{
	return header[WRITE_VERSION] == IN_WAL_MODE && !any(header + LARGEST_ROOT, 4);
}

bool
gap_find(const unsigned char *page, size_t n, int64_t number, size_t *begin, size_t *length)
{
	const unsigned char *header = page + (number == 0 ? GAP_HEADER : 0);
	size_t first = (size_t)(header - page) + HEADER, cells;

	switch (header[0]) {
	case INTERIOR_INDEX:
	case INTERIOR_TABLE:
		first += CHILD;
		break;
	case LEAF_INDEX:
	case LEAF_TABLE:
		break;
	default:
		return false;
	}
	first += POINTER * number16(header + 3);
	cells = number16(header + 5);
	if (cells == 0)
		cells = PAGE_MOST;
	if (first >= cells || cells > n || !any(page + first, cells - first))
		return false;
	*begin = first;
	*length = cells - first;
	return true;
}

/* ---- a VFS that is the default one but for how it writes to databases ---- */

/* Behind the default VFS's own part of an open file. */
struct written {
	const sqlite3_io_methods *base;
	sqlite3_io_methods methods;
};

static sqlite3_vfs *base;
static sqlite3_vfs ours;

static struct written *
written_of(sqlite3_file *file)
{
	return (struct written *)(void *)((char *)file + (ours.szOsFile - (int)sizeof(struct written)));
}

static bool
is_page(int n, sqlite3_int64 offset)
{
	return n >= PAGE_LEAST && n <= PAGE_MOST && (n & (n - 1)) == 0 && offset % n == 0;
}

/* Whether gaps of the file may be zeroed, as it is now. Of a copy from the WAL the first page comes first. */
static bool
may_zero(sqlite3_file *file, int64_t number, int n)
{
	const sqlite3_io_methods *methods = written_of(file)->base;
	unsigned char header[GAP_HEADER];
	sqlite3_int64 size;

	return methods->xFileSize(file, &size) == SQLITE_OK && size / n < GAP_PAGES_MAX && number < GAP_PAGES_MAX &&
	       methods->xRead(file, header, GAP_HEADER, 0) == SQLITE_OK && gap_header_ok(header);
}

static int
write_page(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
	const sqlite3_io_methods *methods = written_of(file)->base;
	size_t begin, length;
	unsigned char *page;
	int code;

	if (!is_page(n, offset) || !gap_find(bytes, (size_t)n, offset / n, &begin, &length) ||
	    !may_zero(file, offset / n, n))
		return methods->xWrite(file, bytes, n, offset);
	/* The bytes are SQLite's, which may be what it has in memory of the page. */
	page = sqlite3_malloc(n);
	if (page == NULL)
		return SQLITE_IOERR_NOMEM;
	memcpy(page, bytes, (size_t)n);
	memset(page + begin, 0, length);
	code = methods->xWrite(file, page, n, offset);
	sqlite3_free(page);
	return code;
}

static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *given)
{
	enum { METHODS_VERSION = 3 };
	int code = base->xOpen(base, name, file, flags, given);
	struct written *w = written_of(file);

	(void)vfs;
	if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0)
		return code;
	w->base = file->pMethods;
	w->methods = *w->base;
	if (w->methods.iVersion > METHODS_VERSION)
		w->methods.iVersion = METHODS_VERSION;
	w->methods.xWrite = write_page;
	file->pMethods = &w->methods;
	return SQLITE_OK;
}

void
gap_register(void)
{
	/* Those whose structs are known here. */
	enum { VFS_VERSION = 3 };
	const int align = (int)sizeof(void *);

	if (base != NULL || (base = sqlite3_vfs_find(NULL)) == NULL)
		return;
	ours = *base;
	if (ours.iVersion > VFS_VERSION)
		ours.iVersion = VFS_VERSION;
	ours.zName = "longline";
	ours.pNext = NULL;
	ours.szOsFile = (base->szOsFile + align - 1) / align * align + (int)sizeof(struct written);
	ours.xOpen = open_file;
	(void)sqlite3_vfs_register(&ours, 1);
}

const char *
gap_other_vfs(void)
{
	return base == NULL ? NULL : base->zName;
}
