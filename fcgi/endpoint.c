#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"

enum {
	INHERITED_FD = 3, /* SD_LISTEN_FDS_START */
	BACKLOG = 65535,  /* cut to net.core.somaxconn */
};

/*
 * What is wrong after an open with O_NOFOLLOW or O_EXCL, with what to do about it: a link in the place of a file, made
 * by whoever can write to the folder, would have another one written over.
 */
static const char *
why_not(void)
{
	switch (errno) {
	case ELOOP:
		return "it is a symbolic link; remove it";
	case EEXIST:
	case EISDIR:
	case ENXIO:
		return "it is not a plain file; remove it";
	default:
		return strerror(errno);
	}
}

int
endpoint_lock(const char *path, const char *what)
{
	char lock[LOCK_PATH_SIZE], holder[LOCK_HOLDER_SIZE];
	int fd, reason;

	lock_path(path, lock);
	fd = lock_take(lock, holder);
	reason = errno;
	if (fd < 0 && reason == EWOULDBLOCK)
		log_refusal("another longlined (pid %s) serves the %s %s", holder, what, path);
	else if (fd < 0)
		log_refusal("cannot open %s: %s", lock, why_not());
	errno = reason;
	return fd;
}

bool
endpoint_inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

	return n != NULL && atoi(n) >= 1 && (pid == NULL || atol(pid) == (long)getpid());
}

static int
take_inherited(void)
{
	int yes = 0;
	socklen_t n = sizeof yes;

	if (getsockopt(INHERITED_FD, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) != 0 || !yes) {
		log_refusal("the inherited descriptor %d is not a listening socket", INHERITED_FD);
		return -1;
	}
	if (fcntl(INHERITED_FD, F_SETFL, O_NONBLOCK) != 0 || fcntl(INHERITED_FD, F_SETFD, FD_CLOEXEC) != 0) {
		log_refusal("the inherited socket: %s", strerror(errno));
		return -1;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	return INHERITED_FD;
}

int
endpoint_listen(const char *path, bool *inherited)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	*inherited = endpoint_inherited();
	if (*inherited)
		return take_inherited();
	if (strlen(path) >= sizeof address.sun_path) {
		log_refusal("the socket's path may have %zu bytes: %s", sizeof address.sun_path - 1, path);
		return -1;
	}
	/* Whoever used it is gone: its lock is ours. */
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode)) {
			log_refusal("%s is in the way: it is not a socket", path);
			return -1;
		}
		unlink(path);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || chmod(path, 0660) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		log_refusal("cannot listen at %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* A new file; a plain one that a killed process left there goes. -1, with errno. */
static int
open_new(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		if (S_ISLNK(st.st_mode)) {
			errno = ELOOP;
			return -1;
		}
		if (S_ISREG(st.st_mode))
			unlink(path);
	}
	return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
}

int
endpoint_write_pid(const char *path)
{
	char temporary[PATH_MAX + 8];
	int fd;
	bool good;

	snprintf(temporary, sizeof temporary, "%s.new", path);
	fd = open_new(temporary);
	if (fd < 0) {
		log_refusal("cannot write the pid file %s: cannot open %s: %s", path, temporary, why_not());
		return -1;
	}
	good = dprintf(fd, "%ld\n", (long)getpid()) > 0;
	close(fd);
	if (!good || rename(temporary, path) != 0) {
		log_refusal("cannot write the pid file %s: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}

void
endpoint_remove_pid(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return;
	if (read(fd, text, sizeof text - 1) > 0 && atol(text) == (long)getpid())
		unlink(path);
	close(fd);
}
