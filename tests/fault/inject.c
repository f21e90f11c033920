/*
 * inject.c: makes a program's own allocations, its database's calls to the disk, its looks at how much room there is,
 * and its clock fail when it is told to.
 *
 * It is linked with the unchanged objects into longlined-fault, and into longline-fault, the tool: the linker's --wrap
 * leads the allocations of our files here, and a VFS that stands before SQLite's own is made the default one, as SQLite
 * is started before main. A file named by LONGLINE_FAULT is mapped as struct control; the test writes into it while the
 * daemon runs, and so arms the next failure between two requests. Without the variable nothing fails.
 *
 * A point is one call of a kind. Armed with n, the n-th call from now fails; with `forever`, all after it as well, or
 * the program is killed there instead.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The order is known to fault.mjs. */
enum kind {
	ALLOCATE,
	DB_READ,
	DB_WRITE,
	DB_FULL,
	DB_SYNC,
	DB_OPEN,
	DB_LOCK,
	DB_SHM,
	DB_ALLOCATE,
	STATVFS,
	FILES,
	KINDS
};

enum { ONCE, FOREVER, KILLED };

struct control {
	_Atomic uint32_t kind;       /* KINDS: nothing is armed */
	_Atomic uint32_t forever;    /* FOREVER: not only the n-th call; KILLED: the program ends at it */
	_Atomic int64_t left;        /* calls of this kind until the one that fails */
	_Atomic int64_t failed;      /* calls that were made to fail since it was armed */
	_Atomic int64_t clock_ms;    /* added to the time of day */
	_Atomic int64_t seen[KINDS]; /* calls of each kind */
	_Atomic int64_t later_ms;    /* added to the clock that only goes forward, which timers go by */
	_Atomic int64_t free;        /* bytes that the disk is said to have left; 0: as many as it has */
};

static struct control *control;
static bool begun; /* all that follows is the program's own */

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
char *__real_strdup(const char *);
int __real_clock_gettime(clockid_t, struct timespec *);
int __real_statvfs(const char *, struct statvfs *);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
char *__wrap_strdup(const char *);
int __wrap_clock_gettime(clockid_t, struct timespec *);
int __wrap_statvfs(const char *, struct statvfs *);
int __real_link(const char *, const char *);
int __real_unlink(const char *);
int __real_rename(const char *, const char *);
int __real_renameat2(int, const char *, int, const char *, unsigned);
int __real_fsync(int);
int __wrap_link(const char *, const char *);
int __wrap_unlink(const char *);
int __wrap_rename(const char *, const char *);
int __wrap_renameat2(int, const char *, int, const char *, unsigned);
int __wrap_fsync(int);

/* Whether this call is to fail. */
static int
due(enum kind kind)
{
	int64_t left;

	if (!begun)
		return 0;
	atomic_fetch_add(&control->seen[kind], 1);
	/* Running out of space is a way for a write to fail, so each write is a point of both kinds. */
	if (kind == DB_WRITE)
		atomic_fetch_add(&control->seen[DB_FULL], 1);
	if (control->kind != kind && !(kind == DB_WRITE && control->kind == DB_FULL))
		return 0;
	left = atomic_fetch_sub(&control->left, 1);
	if (left != 0 && (left > 0 || control->forever != FOREVER))
		return 0;
	if (control->forever == KILLED)
		raise(SIGKILL);
	atomic_fetch_add(&control->failed, 1);
	return 1;
}

/* ---- our own allocations, and the clock ---- */

void *
__wrap_malloc(size_t n)
{
	return due(ALLOCATE) ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return due(ALLOCATE) ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return due(ALLOCATE) ? NULL : __real_realloc(p, n);
}

char *
__wrap_strdup(const char *s)
{
	return due(ALLOCATE) ? NULL : __real_strdup(s);
}

/* The time of day may step anywhere; the monotonic clock only forward, as if the program had slept. */
int
__wrap_clock_gettime(clockid_t which, struct timespec *t)
{
	int status = __real_clock_gettime(which, t);

	if (control != NULL && which == CLOCK_REALTIME)
		t->tv_sec += control->clock_ms / 1000;
	if (control != NULL && which == CLOCK_MONOTONIC)
		t->tv_sec += control->later_ms / 1000;
	return status;
}

int
__wrap_statvfs(const char *path, struct statvfs *found)
{
	int status;

	if (due(STATVFS)) {
		errno = EIO;
		return -1;
	}
	status = __real_statvfs(path, found);
	if (status == 0 && control != NULL && control->free > 0)
		found->f_bavail = (fsblkcnt_t)control->free / found->f_frsize;
	return status;
}

/* ---- what we do with files ourselves ---- */

static bool
file_due(void)
{
	if (!due(FILES))
		return false;
	errno = EIO;
	return true;
}

int
__wrap_link(const char *from, const char *to)
{
	return file_due() ? -1 : __real_link(from, to);
}

int
__wrap_unlink(const char *path)
{
	return file_due() ? -1 : __real_unlink(path);
}

int
__wrap_rename(const char *from, const char *to)
{
	return file_due() ? -1 : __real_rename(from, to);
}

int
__wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return file_due() ? -1 : __real_renameat2(from_fd, from, to_fd, to, flags);
}

int
__wrap_fsync(int fd)
{
	return file_due() ? -1 : __real_fsync(fd);
}

/* ---- SQLite's allocations ---- */

static sqlite3_mem_methods plain_memory;

static void *
db_malloc(int n)
{
	return due(DB_ALLOCATE) ? NULL : plain_memory.xMalloc(n);
}

static void *
db_realloc(void *p, int n)
{
	return due(DB_ALLOCATE) ? NULL : plain_memory.xRealloc(p, n);
}

/* ---- SQLite's files ---- */

struct file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct, in the same piece of memory */
};

static sqlite3_vfs shim, *plain;

#define REAL(f) (((struct file *)(f))->real)

static int
file_close(sqlite3_file *f)
{
	return REAL(f)->pMethods->xClose(REAL(f));
}

static int
file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return due(DB_READ) ? SQLITE_IOERR_READ : REAL(f)->pMethods->xRead(REAL(f), p, n, at);
}

static int
file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	int full = control != NULL && control->kind == DB_FULL;

	if (due(DB_WRITE))
		return full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
}

static int
file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return due(DB_WRITE) ? SQLITE_IOERR_TRUNCATE : REAL(f)->pMethods->xTruncate(REAL(f), size);
}

static int
file_sync(sqlite3_file *f, int flags)
{
	return due(DB_SYNC) ? SQLITE_IOERR_FSYNC : REAL(f)->pMethods->xSync(REAL(f), flags);
}

static int
file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return due(DB_READ) ? SQLITE_IOERR_FSTAT : REAL(f)->pMethods->xFileSize(REAL(f), size);
}

static int
file_lock(sqlite3_file *f, int lock)
{
	return due(DB_LOCK) ? SQLITE_IOERR_LOCK : REAL(f)->pMethods->xLock(REAL(f), lock);
}

static int
file_unlock(sqlite3_file *f, int lock)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), lock);
}

static int
file_reserved(sqlite3_file *f, int *is)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), is);
}

static int
file_control(sqlite3_file *f, int op, void *arg)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int
file_sector_size(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int
file_device(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int
file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **p)
{
	return due(DB_SHM) ? SQLITE_IOERR_SHMMAP : REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, p);
}

static int
file_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	/* Giving a lock back cannot fail. */
	if ((flags & SQLITE_SHM_LOCK) && due(DB_SHM))
		return SQLITE_IOERR_SHMLOCK;
	return REAL(f)->pMethods->xShmLock(REAL(f), at, n, flags);
}

static void
file_shm_barrier(sqlite3_file *f)
{
	REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int
file_shm_unmap(sqlite3_file *f, int delete)
{
	return REAL(f)->pMethods->xShmUnmap(REAL(f), delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int
vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	struct file *file = (struct file *)f;
	int status;

	(void)vfs;
	file->base.pMethods = NULL;
	if (due(DB_OPEN)) {
		errno = EMFILE; /* which passes */
		return SQLITE_CANTOPEN;
	}
	file->real = (sqlite3_file *)(file + 1);
	status = plain->xOpen(plain, name, file->real, flags, out_flags);
	if (file->real->pMethods != NULL)
		file->base.pMethods = &methods;
	return status;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return due(DB_WRITE) ? SQLITE_IOERR_DELETE : plain->xDelete(plain, name, sync);
}

/* The column `at` is filled by SQLite's own clock. */
static int
vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ms)
{
	int status = plain->xCurrentTimeInt64(plain, ms);

	(void)vfs;
	*ms += control->clock_ms;
	return status;
}

/* Maps the control and stands before SQLite's own parts; must come before anybody else starts SQLite. */
__attribute__((constructor)) static void
inject(void)
{
	const char *path = getenv("LONGLINE_FAULT");
	sqlite3_mem_methods memory;
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *p = fd == -1 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd != -1)
		close(fd);
	if (p == MAP_FAILED)
		return;
	control = p;
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain_memory);
	memory = plain_memory;
	memory.xMalloc = db_malloc;
	memory.xRealloc = db_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
	sqlite3_initialize();
	plain = sqlite3_vfs_find(NULL);
	shim = *plain;
	shim.zName = "faulty";
	shim.szOsFile = plain->szOsFile + (int)sizeof(struct file);
	shim.xOpen = vfs_open;
	shim.xDelete = vfs_delete;
	shim.xCurrentTimeInt64 = vfs_time;
	sqlite3_vfs_register(&shim, 1);
	begun = true;
}
