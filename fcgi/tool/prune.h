/*
 * prune: old messages are deleted, while others write: a few at a time, each time in a transaction of some
 * milliseconds, with pauses in between that are as long.
 *
 * What goes with a message is the log's own doing (sql/001-log.sql, 002-search.sql): its attachments, its key, its
 * words in the index, and that readers who have not had it are told of a gap.
 */
#ifndef PRUNE_H
#define PRUNE_H

#include "base/buf.h"
#include "database.h"

struct prune {
	struct database *database;
	const char *rooms; /* a room, or a prefix and *; NULL: all */
	int64_t before_ms; /* what was stored before this is old */
	int64_t head;      /* prune_count(): nothing above it is deleted */
	int64_t old, all;  /* messages, in these rooms */
	int64_t deleted;   /* so far */
	struct buf names;  /* of the rooms, each with a byte 0 behind it */
	int64_t chunk;     /* rows that one statement deletes */
	bool in_vain;      /* longlined has no time for its index, so it is not waited for */
};

/* Counts what is old. prune_fini() it in any case. -1, said. */
int prune_count(struct prune *p);

/* Deletes it. -1, said, also when the program is told to end; deleted has how many are gone. */
int prune_run(struct prune *p);
void prune_fini(struct prune *p);

#endif
