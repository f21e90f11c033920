/*
 * printer: messages on standard output, a line or more for each.
 *
 * Where that is a file, what stands there already is not written again: printer_resume() is told how long the file was
 * when the last message was known to be handled; what stands behind that is passed over, also in the words that a
 * message had before it was changed, and behind messages that were deleted since. So whoever is ended between a message
 * and the note of it repeats none in the file. A line that was begun and is not finished is given an end.
 */
#ifndef PRINTER_H
#define PRINTER_H

#include "answer.h"

/* Where in which file; inode 0: it is none. */
struct printer_place {
	uint64_t device, inode, size;
};

struct printer {
	bool json, rooms; /* as JSON; else with the room in each line */
	/* Its own. */
	bool terminal;
	struct buf waiting;
	int there;        /* the file, to be read; -1: there is nothing more to compare */
	uint64_t at, end; /* what is left of it */
};

void printer_init(struct printer *p, bool json, bool rooms);
void printer_fini(struct printer *p);

void printer_resume(struct printer *p, const struct printer_place *was);

/* -1, said: it did not get there; nothing is said where whoever read it has gone. */
int printer_message(struct printer *p, const struct told *t);
int printer_flush(struct printer *p);

/* Flushes, to the disk as well where it is a file, and says where it is then. -1, said. */
int printer_place(struct printer *p, struct printer_place *place);

#endif
