#include "walindex.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
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
walindex_fini(struct walindex *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
