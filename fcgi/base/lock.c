#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

void
lock_path(const char *path, char lock[LOCK_PATH_SIZE])
{
	char *real = realpath(path, NULL);

	snprintf(lock, LOCK_PATH_SIZE, "%s-lock", real == NULL ? path : real);
	free(real);
}

/* Says in the lock whose it is; not in a file that has another name as well, by which it may be something else. */
static void
sign(int fd, const char *lock)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1)
		return; /* the lock is what counts */
	if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		log_refusal("cannot write %s: %s", lock, strerror(errno));
}

static void
read_holder(int fd, char holder[LOCK_HOLDER_SIZE])
{
	if (pread(fd, holder, LOCK_HOLDER_SIZE - 1, 0) < 0)
		holder[0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
}

int
lock_take(const char *lock, char holder[LOCK_HOLDER_SIZE])
{
	int fd = open(lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0660), reason;

	memset(holder, 0, LOCK_HOLDER_SIZE);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		sign(fd, lock);
		return fd;
	}
	reason = errno;
	read_holder(fd, holder);
	close(fd);
	errno = reason;
	return -1;
}

void
lock_holder(const char *lock, char holder[LOCK_HOLDER_SIZE])
{
	int fd = open(lock, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	memset(holder, 0, LOCK_HOLDER_SIZE);
	if (fd < 0)
		return;
	read_holder(fd, holder);
	close(fd);
}
