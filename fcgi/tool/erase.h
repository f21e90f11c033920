/*
 * erase: what was deleted or changed is erased from the files at once, not some minutes later (store/scrub.h).
 *
 * Where longlined runs it is asked to (row `erase_asked` of table meta), since only it may take notes of deletions from
 * the log, and this waits until it has. Else it is done here, with the lock that keeps longlined from starting.
 *
 * All that goes wrong has been said when a function returns -1.
 */
#ifndef ERASE_H
#define ERASE_H

#include "database.h"

/* *texts: how many are erased, as far as that is known. -1 also when the program is told to end; what was asked of
 * longlined it does all the same. */
int erase_run(struct database *d, const char *path, int64_t *texts);

#endif
