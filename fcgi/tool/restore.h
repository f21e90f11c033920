/*
 * restore: a backup takes the log's place: at every moment there is the old log or the new one, whole.
 *
 * The steps: the lock that says that longlined does not run; a copy of the backup beside the log, brought to this
 * version, with a new epoch, so that readers begin anew; damage looked for; the log held, so that nobody changes it any
 * more; its tokens and grants put into the copy; the copy put in the log's place. Nothing of the log is changed before
 * the last of them, and whatever ends the program before leaves it as it was.
 *
 * All that goes wrong has been said when a function returns -1.
 */
#ifndef RESTORE_H
#define RESTORE_H

#include "base/lock.h"
#include "database.h"
#include "moment.h"
#include "place.h"

struct restore {
	/* Set by the caller: */
	const char *backup;
	const char *database;
	bool with_tokens; /* the backup's tokens and grants count, and not those of now */
	bool keep;        /* the old file beside the new one */

	/* Filled by restore_begin(): */
	char path[PATH_MAX];            /* of the log, links followed */
	bool there;                     /* there is one */
	bool damaged;                   /* but it cannot be read */
	int64_t old_messages, old_head; /* of the log; -1: not known */
	int64_t new_messages, new_head; /* of the backup */
	char last[MOMENT_SIZE];         /* when its last message was stored; empty: it has none */

	/* Filled by restore_run(): */
	char kept[PLACE_PATH_SIZE + 64]; /* where the old log is; empty: it was not kept */

	int lock;
	struct database *source, *old, *new;
	struct place place;
};

/* Takes the lock and looks at both; nothing is changed. restore_end() it in any case. */
int restore_begin(struct restore *r);

/* All the rest. -1 with *done: it is in its place, but might not be after a power cut. */
int restore_run(struct restore *r, bool *done);
void restore_end(struct restore *r);

/*
 * Part of it: tokens, grants, `access` and the names that are nobody else's, from one log to another, in a transaction.
 * Names that were revoked or proven in either stay so. from may be of an older version, and then have none of them.
 */
int restore_access(struct database *from, struct database *to);

#endif
