#include "owner.h"

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

int
owner_find(const char *path, struct stat *owner)
{
	char *copy;
	int result;

	if (stat(path, owner) == 0)
		return 0;
	copy = strdup(path);
	result = copy == NULL ? -1 : stat(dirname(copy), owner);
	owner->st_mode = 0660;
	if (result != 0)
		say_error("cannot look at the folder of %s: %s", path, strerror(errno));
	free(copy);
	return result;
}

static void
give_lock(int fd, const char *path, const char *lock)
{
	struct stat owner;

	if (owner_find(path, &owner) == 0 && (fchmod(fd, 0660) != 0 || (fchown(fd, owner.st_uid, owner.st_gid) != 0 &&
	                                                                   fchown(fd, (uid_t)-1, owner.st_gid) != 0)))
		say_warning("%s may be in longlined's way: %s; remove it when this is done", lock, strerror(errno));
}

int
owner_take_lock(const char *path, char lock[LOCK_PATH_SIZE], char holder[LOCK_HOLDER_SIZE])
{
	bool made;
	int fd;

	lock_path(path, lock);
	made = access(lock, F_OK) != 0;
	fd = lock_take(lock, holder);
	if (fd >= 0 && made)
		give_lock(fd, path, lock);
	return fd;
}
