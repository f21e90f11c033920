/*
 * import: an export (archive.h) put into a log, while others write, in transactions of some milliseconds.
 *
 * The file is read twice: first all of it is checked, then it is stored. How far that is stands in the log (table meta,
 * `import:` and the hash of the file), in the same transaction as what was stored: whatever ends the program, the same
 * file goes on there, and one that is done is not stored again.
 *
 * Into a log that never had a message the ids of the file are kept. Otherwise, and where others store meanwhile, ids
 * are above all that were given so far, in the same order; import_map says which is whose. A message whose key is there
 * already, in its room and of the same person, is that one, and is not stored.
 *
 * Triggers are off, since each row is stored as it was in the end, with what triggers made of it: a changed message
 * with its newest text, beside its changes. What follows from rows elsewhere (rooms, revisions) is put there here.
 *
 * All that goes wrong has been said when a function returns -1.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include "database.h"
#include "import_file.h"
#include "import_map.h"
#include "store/message.h"

enum { IMPORT_HASH_SIZE = 65, IMPORT_STATE_SIZE = 160, IMPORT_ROOMS = 128 };

struct import {
	struct database *database;
	struct import_file file;

	/* Filled by import_check(): */
	int64_t lines, messages, attachments, spent;
	int64_t first; /* the least id that is given or named; 0: none */
	int64_t head;  /* of the log that was exported */
	char hash[IMPORT_HASH_SIZE];

	/* Filled by import_look(): */
	bool done;      /* the log has all of it */
	bool begun;     /* or some of it */
	int64_t before; /* messages that were stored for good; import_run() goes on with it */
	int64_t log_head;

	/* Filled by import_run(): */
	int64_t stored, there; /* messages, with those of earlier runs; that were there already */
	bool kept;             /* ids are */

	/* import.c's, import_put.c's and import_room.c's own: */
	char state[IMPORT_STATE_SIZE]; /* as it stands in the log; empty: not at all */
	struct import_map map;
	int64_t last;    /* id in the file that was handled last */
	int64_t message; /* that attachments are of; 0: of one that is not stored */
	struct buf data; /* of an attachment, so far */
	struct import_room {
		char name[MESSAGE_ROOM_MAX + 1];
		int64_t last, at_ms, n;
		bool changed;  /* a change stands behind the last */
	} rooms[IMPORT_ROOMS]; /* what is to be added to them */
	size_t n_rooms;
};

/* Checks each line, and that the file is whole. */
int import_check(struct import *m);

/* How far it is. */
int import_look(struct import *m);

/* Stores the rest. Also -1 when the program is told to end; what was stored stays. */
int import_run(struct import *m);
void import_fini(struct import *m);

/* ---- import_put.c and import_room.c: part of a transaction ---- */

/* What the line read last says is stored. */
int import_put(struct import *m);

/* A message or change that was stored under this id is added to its room, */
int import_add_to_room(struct import *m, const struct archive_line *l, int64_t id);

/* which is stored at the latest here, before the transaction ends. */
int import_put_rooms(struct import *m);

#endif
