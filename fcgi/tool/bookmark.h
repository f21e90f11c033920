/*
 * bookmark: a file that says how far a reader is: the epoch of the log, its cursor, and what is being handled.
 *
 * It is replaced as a whole and synced before bookmark_save() returns, so that whatever ends the reader finds it as it
 * was before or as it is then. One reader has it at a time: a lock on FILE.lock is that of the process alone, and ends
 * with it. A second one is shared with the processes that are forked (keeper.h); whoever comes next waits until they
 * have ended as well, and then reads what they have saved.
 */
#ifndef BOOKMARK_H
#define BOOKMARK_H

#include "answer.h"
#include "printer.h"

struct bookmark {
	bool there; /* it was saved once */
	char epoch[ANSWER_EPOCH_MAX + 1];
	int64_t next;
	int64_t begun;            /* the message that a command was given and whose outcome is not known; 0: none */
	struct printer_place out; /* what was printed up to next */
	/* Its own. */
	char *path, *new_path, *folder;
	int lock;
};

/* Locks and reads it: 0, or how the program ends, said. bookmark_close() it in both cases. */
int bookmark_open(struct bookmark *b, const char *path);
void bookmark_close(struct bookmark *b);

/* Reads it again; -1, said. */
int bookmark_read(struct bookmark *b);

/* -1, said: what was saved before may still be there. */
int bookmark_save(struct bookmark *b);

#endif
