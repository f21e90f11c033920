/*
 * store_sql: statements and rows of a connection: what the files of store and of its index say SQL with.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <sqlite3.h>

#include "message.h"

struct store;

/*
 * In store_stmt.c: statements.
 *
 * A row that cannot be read is not a row that is not there. So whatever goes wrong between the beginning of a job and
 * its end is kept as the trouble of this job, by the functions below, and a job whose trouble is not SQLITE_OK has
 * failed, whatever it found. Each job begins without.
 */

/* The first error of this job so far, or SQLITE_OK. */
int store_trouble(const struct store *s);

/* Keeps code as the trouble of this job, unless it is SQLITE_OK or there is one already. */
void store_note(struct store *s, int code);

/* The statement for sql, ready to be bound; NULL, noted as trouble, when it cannot be prepared. It stays the store's.
 */
sqlite3_stmt *store_prepare(struct store *s, const char *sql);

/* Ends a statement that rows were read of; an error in its last step, or in a column, is noted. */
void store_reset(struct store *s, sqlite3_stmt *stmt);

/* One step of a statement without rows, and its reset. An SQLite result code (SQLITE_DONE is good). */
int store_run(sqlite3_stmt *stmt);

/* The same for sql with the number a, and b if it has two parameters. */
int store_run_with(struct store *s, const char *sql, int64_t a, int64_t b);

/* sql without parameters or rows. An SQLite result code (SQLITE_OK is good). */
int store_exec(struct store *s, const char *sql);

/* The first column of the first row of stmt, with what is bound to it, as a number, or otherwise (also on errors, which
 * are noted, and when stmt is NULL); ends it. */
int64_t store_first_number(struct store *s, sqlite3_stmt *stmt, int64_t otherwise);

/* The same of sql. */
int64_t store_number(struct store *s, const char *sql, int64_t otherwise);

/* The same, or 0, for sql with the number a, and b if it has two parameters. */
int64_t store_number_with(struct store *s, const char *sql, int64_t a, int64_t b);

struct str store_column(sqlite3_stmt *stmt, int column);

void store_bind_str(sqlite3_stmt *stmt, int parameter, struct str value);

/*
 * In store_row.c: a row as a message.
 *
 * The rules of a message stand in the file, but another program can turn them off (PRAGMA ignore_check_constraints), or
 * make the file itself. What such a row says is mended where it can be: U+FFFD for bytes that are no UTF-8 and for
 * halves of surrogate pairs, a text for arguments that are no JSON, the calendar's end for a time beyond it. A `by`
 * that breaks its rules is left out: nobody was proven. Otherwise the row is passed over, as if it were not there, by
 * all who read messages.
 */

/* What a row says that begins with these columns; false: it is passed over. Views end with the next step or row. */
#define STORE_COLUMNS "id, room, event, sender, text, args, at, attachments, \"by\", changes, edited, key, format"
enum { STORE_N_COLUMNS = 13 }; /* column numbers: attachments is 7, by is 8 */
bool store_row(struct store *s, sqlite3_stmt *stmt, struct message_fields *f);

/* Counts a row that is passed over, and logs it now and then. */
void store_passed_over(struct store *s, int64_t id, const char *why);

/* In store.c: what the index has of the connection. */
struct index;
struct index *store_index(struct store *s);

/* In store.c: whether it was stopped, for loops that SQLite knows nothing of. */
bool store_stopped(struct store *s);

#endif
