/*
 * disk: whether the file system of the database has as much free room as it must keep, before SQLite finds it full.
 *
 * What is left belongs to everybody on the machine, and to the write-ahead log, whose pages have to go somewhere too;
 * so new messages are refused (507) while there is still room for all else. It is looked at when somebody asks, at most
 * once a second, and by itself while there is too little: so whoever asks rarely gets the answer of the last look, and
 * asks again a moment later. The look is statvfs() on a thread of its own, for a file system that is far away (NFS) may
 * let it wait; while it does, the last answer holds, and only disk_free() waits for it.
 *
 * It is over when there is a sixteenth more than what must be free, or a little that comes and goes would be told of
 * each time.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stdint.h>

struct disk;
struct loop;

struct disk_options {
	const char *path; /* of the database; the caller's, as long as the disk is used */
	int64_t free_min; /* bytes; 0: nothing is looked at; -1: the smaller of 1 GB and 5 % of the file system */
	void (*changed)(void *ctx, bool full); /* or NULL; also from within disk_new(), if it is full */
	void *ctx;
};

/* Looks for the first time, and waits for that. NULL without memory, a thread or a descriptor. */
struct disk *disk_new(struct loop *loop, const struct disk_options *options);
void disk_free(struct disk *d); /* NULL is let pass */

/* Whether there was too little at the last look; and has it looked at again, if that is a second ago. */
bool disk_full(struct disk *d);

/* Likewise, whether half as much as the database takes would leave too little: then what would take so much should
 * wait. */
bool disk_short(struct disk *d);

struct disk_counts {
	int64_t free, free_min, database; /* bytes at the last look; free_min: what -1 came to */
	uint64_t looks, failures;
};
struct disk_counts disk_counts(const struct disk *d);

#endif
