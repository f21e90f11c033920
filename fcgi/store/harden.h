/*
 * harden: what is set on each connection to a log, since other programs may write to it.
 */
#ifndef HARDEN_H
#define HARDEN_H

struct sqlite3;

/*
 * What sqlite.org/security.html advises for files that others can write to, as far as it takes nothing away: nobody
 * writes to the index but by FTS5, and triggers of users' call what does no harm. What this connection deletes leaves
 * nothing of it in the pages.
 */
void store_harden(struct sqlite3 *db);

#endif
