/*
 * closing: whether the log is open or closed, and changes that close it.
 *
 * In an open log everybody reads and writes every room. The first grant closes it: from then on only what grants allow
 * may be done. That takes something from everybody else, so whoever runs the command is told, and asked.
 */
#ifndef CLOSING_H
#define CLOSING_H

#include "command.h"
#include "database.h"

/* -1, said. */
int closing_closed(struct database *d, bool *closed);

/* Part of a change: 0, or how the program ends, said. */
typedef int closing_fn(void *ctx, struct database *d);

/*
 * Does the work in one transaction, and undoes it when it fails. Should it close the log, it is done only when --yes is
 * given, or whoever sits at the terminal says so; fn is called once more then, since no lock is held meanwhile. The
 * command has the option `yes`. Returns how the program ends.
 */
int closing_run(const struct call *call, struct database *d, closing_fn *fn, void *ctx);

/* Says what may be done in a log that is closed, by whom. -1, said. */
int closing_tell(struct database *d);

#endif
