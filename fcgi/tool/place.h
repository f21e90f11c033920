/*
 * place: a file that is made beside another one, and takes its place when it is whole: at every moment there is the old
 * one or the new one.
 *
 * All that goes wrong has been said when a function returns -1.
 */
#ifndef PLACE_H
#define PLACE_H

#include <limits.h>
#include <stdbool.h>

enum { PLACE_PATH_SIZE = PATH_MAX + 16 };

struct place {
	const char *final;          /* the caller's */
	char path[PLACE_PATH_SIZE]; /* of the new one: final and an end */
	int fd;                     /* -1: there is none; locked, so that nobody else makes it */
};

/*
 * 0: a file may be made there, or take the place of the one that is there, if force, but not of the log or of
 * what belongs to it; else -1, said. what: "backup". What else is wrong is found as it is made.
 */
int place_check(const char *path, const char *log, bool force, const char *what);

/*
 * Makes the new one, empty, for its owner alone; one that a killed process left there goes. end: ".part". The place is
 * good for place_drop() in any case.
 */
int place_begin(struct place *p, const char *final, const char *end);

/* Has the disk keep it, as it is now. */
int place_sync(struct place *p);

/*
 * Puts it in its place, and has the disk keep that. replace: also if there is a file by then; otherwise that is said.
 * -1 with *placed: it is there, but might not be after a power cut.
 */
int place_finish(struct place *p, bool replace, bool *placed);

/* Removes it, unless it is in its place. */
void place_drop(struct place *p);

/* Has the disk keep what a file's folder says of it. */
int place_sync_folder(const char *path);

#endif
