/*
 * database_copy: a log as a whole: copied while others write to it, looked through for damage, held so that nobody else
 * has it.
 *
 * All that goes wrong has been said when a function returns -1, unless it says otherwise.
 */
#ifndef DATABASE_COPY_H
#define DATABASE_COPY_H

#include "database.h"

/*
 * A backup, to be read only; nothing is put beside it if it can be helped. NULL and *state as database_look() has it,
 * with a DATABASE_FOREIGN that may be one without its mark, as after .dump (database_unmarked()).
 */
struct database *database_open_backup(const char *path, enum database_state *state, char detail[DATABASE_ERROR_SIZE]);

/* Whether a file that is called foreign has no mark at all: it may be ours, and longlined would look. */
bool database_unmarked(struct database *d);

/*
 * Copies it into the empty file at to, a piece at a time: one moment of the log, however much is written to it
 * meanwhile. What is written stays in its WAL until this is done, and then goes where it belongs. The copy is one file,
 * with no WAL beside it, but not synced. Ends early, with -1, when the program is told to end.
 */
int database_copy(struct database *from, const char *to);

/* Brings all of it into the one file, so that there is no WAL: nobody else may have it open. */
int database_single(struct database *d);

/*
 * As database_single(), and then nobody else can read or write it until it is closed. Waits DATABASE_WAIT_MS for
 * others.
 */
int database_hold(struct database *d);

/* Looks for damage: 0, or 1 with what it is, or -1. thorough: each index too. Ends early as database_copy() does. */
enum { DATABASE_DAMAGE_SIZE = 256 };
int database_damage(struct database *d, bool thorough, char text[DATABASE_DAMAGE_SIZE]);

/* How many messages it has, and the greatest id given so far. */
int database_extent(struct database *d, int64_t *messages, int64_t *head);

#endif
