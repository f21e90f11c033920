#include "walindex.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHANGES_AT = 8 };

void
walindex_init(struct walindex *w, const char *database)
{
	*w = (struct walindex){.database = database, .fd = -1};
}

uint32_t
walindex_changes(struct walindex *w)
{
	char path[PATH_MAX + 8];
	uint32_t changes;

	if (w->fd < 0) {
		snprintf(path, sizeof path, "%s-shm", w->database);
		w->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	/* In the machine's own byte order. */
	if (w->fd < 0 || pread(w->fd, &changes, sizeof changes, CHANGES_AT) != sizeof changes)
		return 0;
	return changes;
}

void
walindex_refresh(struct walindex *w)
{
	char path[PATH_MAX + 8];
	struct stat opened, named;

	if (w->fd < 0)
		return;
	snprintf(path, sizeof path, "%s-shm", w->database);
	if (fstat(w->fd, &opened) != 0 || stat(path, &named) != 0 || opened.st_ino != named.st_ino ||
	    opened.st_dev != named.st_dev)
		walindex_fini(w);
}

void
walindex_fini(struct walindex *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
