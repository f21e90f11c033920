#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

/* What SQLite puts beside a database. */
static const char *const BESIDE[] = {"-wal", "-shm", "-journal"};

static void
remove_beside(const struct place *p)
{
	char name[PLACE_PATH_SIZE + 16];

	for (size_t i = 0; i < sizeof BESIDE / sizeof BESIDE[0]; i++) {
		snprintf(name, sizeof name, "%s%s", p->path, BESIDE[i]);
		unlink(name);
	}
}

static int
cannot(const struct place *p, const char *what)
{
	say_error("cannot %s %s: %s", what, p->path, strerror(errno));
	return -1;
}

/* Whether what was opened is a plain file of our own, by this name still, and nobody else works on it. */
static int
take(const struct place *p)
{
	struct stat file, named;

	if (fstat(p->fd, &file) != 0)
		return cannot(p, "look at");
	if (!S_ISREG(file.st_mode) || file.st_nlink > 1 || file.st_uid != geteuid()) {
		say_error("%s is in the way: it is no plain file, or another's; remove it", p->path);
		return -1;
	}
	if (flock(p->fd, LOCK_EX | LOCK_NB) != 0 || stat(p->path, &named) != 0 || named.st_ino != file.st_ino) {
		say_error("another longline makes %s just now: try again", p->path);
		return -1;
	}
	return 0;
}

/* Whether the file at path is the log itself, or belongs to it. */
static bool
is_log(const char *database, const struct stat *file)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal", "-lock"};
	char name[PATH_MAX];
	struct stat other;

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(name, sizeof name, "%s%s", database, ends[i]);
		if (stat(name, &other) == 0 && other.st_ino == file->st_ino && other.st_dev == file->st_dev)
			return true;
	}
	return false;
}

int
place_check(const char *path, const char *log, bool force, const char *what)
{
	struct stat file;

	if (stat(path, &file) != 0)
		return 0;
	if (!S_ISREG(file.st_mode)) {
		say_error("%s is no file: say the name of one%s", path, S_ISDIR(file.st_mode) ? " in it" : "");
		return -1;
	}
	if (is_log(log, &file)) {
		say_error("%s is the log itself: the %s is another file", path, what);
		return -1;
	}
	if (force)
		return 0;
	say_error("there is a file %s already: say --force to have the %s in its place", path, what);
	return -1;
}

int
place_begin(struct place *p, const char *final, const char *end)
{
	*p = (struct place){.final = final, .fd = -1};
	if (snprintf(p->path, sizeof p->path, "%s%s", final, end) >= PATH_MAX) {
		say_error("the path %s is too long", final);
		return -1;
	}
	p->fd = open(p->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (p->fd < 0)
		return cannot(p, "make");
	if (take(p) != 0) {
		close(p->fd);
		p->fd = -1;
		return -1;
	}
	remove_beside(p);
	if (ftruncate(p->fd, 0) != 0 || fchmod(p->fd, 0600) != 0) {
		cannot(p, "empty");
		place_drop(p);
		return -1;
	}
	return 0;
}

int
place_sync(struct place *p)
{
	return fsync(p->fd) == 0 ? 0 : cannot(p, "write");
}

int
place_sync_folder(const char *path)
{
	char *copy = strdup(path), *folder;
	int fd, result = -1;

	if (copy == NULL) {
		say_error("out of memory");
		return -1;
	}
	folder = dirname(copy);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Not every file system knows of it (EINVAL). */
	if (fd >= 0 && (fsync(fd) == 0 || errno == EINVAL))
		result = 0;
	else
		say_error("cannot write the folder %s: %s", folder, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(copy);
	return result;
}

/* Like rename(2), but a file that is there stays. */
static int
rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (access(to, F_OK) == 0) {
		errno = EEXIST;
		return -1;
	}
	return rename(from, to);
}

int
place_finish(struct place *p, bool replace, bool *placed)
{
	*placed = false;
	if (place_sync(p) != 0)
		return -1;
	remove_beside(p);
	if ((replace ? rename(p->path, p->final) : rename_new(p->path, p->final)) != 0) {
		say_error("cannot put %s in its place as %s: %s", p->path, p->final, strerror(errno));
		return -1;
	}
	*placed = true;
	close(p->fd);
	p->fd = -1;
	return place_sync_folder(p->final);
}

void
place_drop(struct place *p)
{
	if (p->fd < 0)
		return;
	remove_beside(p);
	unlink(p->path);
	close(p->fd);
	p->fd = -1;
}
