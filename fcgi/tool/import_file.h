/*
 * import_file: an export that is read, a line at a time, and more than once.
 *
 * All that goes wrong has been said when a function returns -1.
 */
#ifndef IMPORT_FILE_H
#define IMPORT_FILE_H

#include <sys/stat.h>

#include "archive.h"

struct import_file {
	const char *name; /* as it is told */
	int fd;
	struct stat begun;       /* what it was when it was opened */
	int64_t offset;          /* in bytes, of the line read last */
	int64_t number;          /* of that line, from 1 */
	int64_t next;            /* where the next line begins */
	struct buf line;         /* the line read last */
	struct archive_line got; /* what it says, in arena */
	struct buf arena, block;
	size_t block_at;
};

/* path: `-` is standard input, of which a copy without a name is made unless it is a file. import_file_close() it in
 * any case. */
int import_file_open(struct import_file *f, const char *path);
void import_file_close(struct import_file *f);

/* The next line to be read is this one, at this place. */
int import_file_seek(struct import_file *f, int64_t offset, int64_t number);

/* Reads the next line into `got`: 1, or 0 at the end. */
int import_file_next(struct import_file *f);

/* Says what is wrong with the line read last; returns -1. */
int import_file_wrong(const struct import_file *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* 0: it is as it was when it was opened. */
int import_file_same(const struct import_file *f);

#endif
