/*
 * database_bulk: much is written, in many transactions.
 */
#ifndef DATABASE_BULK_H
#define DATABASE_BULK_H

#include "database.h"

/* Whether what this connection writes has triggers act, the log's and the site's own. On at first. */
void database_triggers(struct database *d, bool on);

/* A commit that is synced, and so are all before it; later ones are, too. -1, said. */
int database_synced(struct database *d);

/* The greatest id that was given so far: new ones are above it. -1, said. */
int database_head(struct database *d, int64_t *head);

#endif
