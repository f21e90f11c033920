#include "descriptors.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	KEPT = 128,     /* for the database, threads and inotify */
	AHEAD = 131072, /* the kernel has room for, before they are in use */
};

/*
 * All the descriptors that are allowed: each held poll is one. The kernel keeps them in a table that it doubles when
 * one is beyond its end; and where there are threads, it lets the caller wait until every processor has been through
 * its scheduler: some 20 ms on a busy machine, six times on the way to ten thousand connections, in which those of a
 * storm overflow the backlog. So the table gets its size now, before any thread; 8 bytes for each, 1 MB at most.
 */
void
descriptors_take(void)
{
	struct rlimit limit;
	int fd, last;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	last = limit.rlim_cur < AHEAD ? (int)limit.rlim_cur - 1 : AHEAD - 1;
	fd = eventfd(0, EFD_CLOEXEC);
	if (fd >= 0) {
		(void)close(fcntl(fd, F_DUPFD_CLOEXEC, last));
		(void)close(fd);
	}
}

size_t
descriptors_for_connections(void)
{
	struct rlimit limit = {.rlim_cur = 1024};

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return (size_t)(limit.rlim_cur > 2 * KEPT ? limit.rlim_cur - KEPT : limit.rlim_cur / 2);
}
