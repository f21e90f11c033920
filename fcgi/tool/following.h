/*
 * following: a reader of a site: it polls, and gives each message on, once and in order.
 *
 * A message is handled when it is printed, or when a command has ended with success for it. Then the bookmark, if there
 * is one, is saved, and the next poll goes on from there. Without a bookmark that was saved once it begins with what
 * `since` says, and so it does when the site says that its log is another one (reset). That, and that messages were
 * deleted which it has not had (gap), is a warning.
 */
#ifndef FOLLOWING_H
#define FOLLOWING_H

#include "asking.h"
#include "bookmark.h"
#include "printer.h"

enum { FOLLOWING_FIRST_MAX = 1000 };

struct following {
	struct asking asking;
	struct printer printer;
	struct bookmark bookmark;
	bool kept;           /* the bookmark is a file; else it is in memory alone */
	const char *command; /* NULL: messages are printed */
	const char *since;   /* "now", "all" or "-20" */
	struct buf target;   /* of the polls: the path and the rooms */
	size_t target_n;     /* so many of its bytes are the same in each */
	bool gap_told;
};

/* Goes on until something ends it: how the program ends, said. */
int following_run(struct following *f);

#endif
