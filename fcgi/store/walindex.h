/*
 * walindex: how many transactions a database in WAL mode has seen, without asking SQLite.
 *
 * The index of the WAL (the file -shm) begins with a counter that grows by one with each transaction committed by
 * anybody (SQLite's documentation, "WAL-mode File Format", section 2.3.1, field iChange). Reading it costs one pread(2)
 * of shared memory: no lock, no disk. A counter above the one that was seen says at once that there is more.
 *
 * Closing a descriptor of this file would drop the locks that SQLite holds on it in this process (fcntl(2)), so it is
 * opened once and only closed when another file stands in its place.
 */
#ifndef WALINDEX_H
#define WALINDEX_H

#include <stdint.h>

struct walindex {
	const char *database; /* path, the caller's */
	int fd;               /* -1: not opened yet */
};

void walindex_init(struct walindex *w, const char *database);

/* The counter; 0 when it cannot be read. */
uint32_t walindex_changes(struct walindex *w);

/*
 * The database may have been replaced: when another file stands there now, the next reading opens that. As long as it
 * is the same it must stay open.
 */
void walindex_refresh(struct walindex *w);

/* When nobody in the process uses the database any more. */
void walindex_fini(struct walindex *w);

#endif
