/*
 * database: the log's file, as the tool works on it: one connection beside the daemon's.
 *
 * All that goes wrong has been said when a function returns -1. The file is never made nor migrated here: that is
 * longlined's.
 */
#ifndef DATABASE_H
#define DATABASE_H

#include "base/str.h"

struct database;

enum { DATABASE_WAIT_MS = 10000 /* for another program's lock */ };

/* What may be wrong with a file, for whoever wants to say it himself. */
enum database_state {
	DATABASE_GOOD,
	DATABASE_ABSENT,
	DATABASE_UNREADABLE, /* as when it is locked, or not ours to read */
	DATABASE_DAMAGED,    /* or no database at all */
	DATABASE_FOREIGN,    /* another program's */
	DATABASE_OLD,        /* longlined brings it up to date when it starts */
	DATABASE_NEW,        /* of a newer Longline */
};

enum { DATABASE_ERROR_SIZE = 512 };

/*
 * Opens it whatever its state is; detail says in words what is wrong and what to do. NULL when it cannot be opened.
 * path lives as long as the database.
 */
struct database *database_look(const char *path, enum database_state *state, char detail[DATABASE_ERROR_SIZE]);

/* Opens it, or says why it cannot be used as it is and returns NULL. */
struct database *database_open(const char *path);
void database_close(struct database *d); /* NULL is let pass; an open transaction is undone */

/* A transaction that writes; for reading alone, a moment of the log that stays as it is. */
int database_begin(struct database *d);
int database_begin_read(struct database *d);
int database_commit(struct database *d); /* synced to the disk */
void database_undo(struct database *d);  /* also when there is none */

/* What stands for ?1, ?2 and so on. */
struct database_value {
	enum { DATABASE_NULL, DATABASE_TEXT, DATABASE_BLOB, DATABASE_NUMBER } type;
	struct str text; /* or bytes */
	int64_t number;
};
#define DATABASE_VALUE_TEXT(s) ((struct database_value){.type = DATABASE_TEXT, .text = (s)})
#define DATABASE_VALUE_BLOB(s) ((struct database_value){.type = DATABASE_BLOB, .text = (s)})
#define DATABASE_VALUE_NUMBER(n) ((struct database_value){.type = DATABASE_NUMBER, .number = (n)})
#define DATABASE_VALUE_NULL ((struct database_value){.type = DATABASE_NULL})

/* A row of an answer, whose texts live until the function that gets it returns. */
struct database_row;
struct str database_text(const struct database_row *row, int column); /* empty for NULL */
bool database_null(const struct database_row *row, int column);
int64_t database_number(const struct database_row *row, int column); /* 0 for what is none */
struct database_value database_as_value(const struct database_row *row, int column);

/* 0 goes on, anything else ends the statement. */
typedef int database_row_fn(void *ctx, const struct database_row *row);

/*
 * Runs one statement, calling fn (NULL: nobody) for each row of its answer. Returns what ended it: 0, what fn
 * returned, or -1.
 */
int database_run(
    struct database *d, const char *sql, const struct database_value *values, size_t n, database_row_fn *fn, void *ctx);

/* The number that a statement answers, `otherwise` without a row; -1 at the return, for what was said. */
int database_one(struct database *d, const char *sql, const struct database_value *values, size_t n, int64_t otherwise,
    int64_t *number);

/* How many rows the last statement changed. */
int64_t database_changed(const struct database *d);

/* Whatever runs ends after so long, or when the program is told to end, with *cut set; 0: never. For statements that
 * only read. */
void database_limit(struct database *d, int64_t ms, bool *cut);

#endif
