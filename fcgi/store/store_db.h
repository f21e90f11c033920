/*
 * store_db: a connection and its statements; nobody but the files of store includes it.
 *
 * What they say SQL with stands in store_sql.h, which they share with the index. The writer's files share
 * store_writer.h as well, those that read pages store_rows.h.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

#include "harden.h"
#include "store.h"
#include "store_sql.h"
#include "walindex.h"

enum { STORE_STATEMENTS = 64, STORE_NAMES_KEPT = 256 };

/* Some names that something is known of, each in its place by its hash; "": none. */
struct store_names {
	char v[STORE_NAMES_KEPT][MESSAGE_ROOM_MAX + 1];
};

struct store {
	/* The connection: */
	sqlite3 *db;
	sqlite3_mutex *db_lock; /* held while db changes, and by store_stop() while it interrupts db */
	atomic_bool stopped;    /* by store_stop() */
	sqlite3_stmt *running;  /* keeps an interruption true between two statements of a job; see store_run_on() */
	struct index *index;
	struct store_options options;
	struct {
		char *sql;
		sqlite3_stmt *stmt;
	} statements[STORE_STATEMENTS]; /* prepared, by their text */
	size_t n_statements;
	size_t next_statement; /* to make room */
	dev_t device;
	ino_t inode;     /* with device: the file that is open */
	ino_t wal_inode; /* and its WAL */

	/* The job under way: */
	int64_t busy_wait_ms;          /* how long a lock is waited for */
	int64_t busy_since;            /* clock_ms() of the first try, 0: none */
	int64_t deadline_us;           /* clock_us() at which what runs is cut; 0: none */
	int trouble;                   /* the first SQLite error of this job; set by store_note() */
	char trouble_text[256];        /* SQLite's words for it: what is called next has others */
	const struct store_sees *sees; /* what the SQL function sees() asks; NULL: all is seen */
	bool stale;                    /* see STORE_STALE */
	struct buf attachments;        /* of the last row */
	struct buf mended;             /* arguments of the last row */

	/* What was logged: */
	int64_t passed_ms;          /* clock_ms() when it was logged last that a row is passed over; 0: never */
	unsigned passed_suppressed; /* how many were since */
	int logged;                 /* the error that was logged last, */
	int64_t logged_ms;          /* and clock_ms() then */
	unsigned suppressed;        /* how often it has come again since */

	/* The writer's: the file. */
	bool started;
	int64_t missing_ms;         /* clock_ms() when the file was first found missing; 0: it is not */
	bool wiped;                 /* the log was wiped: its ids start over */
	bool anew_logged;           /* that another log could not be taken up was logged */
	bool overwritten;           /* behind SQLite's back, when it was looked at last */
	int64_t checked_ms;         /* clock_ms() then; 0: never */
	struct timespec checked_at; /* when the file had been written to */

	/* The writer's: what it knows and told of the log. */
	struct walindex walindex;
	uint32_t seen;  /* its counter, for what was told */
	bool singly;    /* the next batch row by row */
	bool committed; /* SQLite wrote a transaction since this was cleared */
	char epoch[STORE_EPOCH_SIZE];
	int64_t last_id;      /* the greatest id told so far */
	int64_t head;         /* the head told so far */
	int64_t last_change;  /* the greatest changed.seq told so far */
	int64_t data_version; /* of the database when it was last looked at; -1: look in any case */
	int64_t wal_pages;    /* told by SQLite at the last commit */

	/* The writer's: a scrub under way. */
	struct {
		enum { SCRUB_NONE, SCRUB_NOTES, SCRUB_INDEX, SCRUB_GAPS } state;
		int64_t notes; /* seq of the last note that is to be taken away first */
		int64_t taken; /* index_taken() when it began */
		int pages;     /* of the index, in the next piece; 0: not known */
		int gap_pages; /* of the file, likewise */
		int passes;    /* over all pages of the file: begun */
		int64_t page;  /* of this pass the next one, from 0 */
		int64_t found; /* pages of this pass with something in their gaps */
	} scrub;

	int rebuild_rows; /* the writer's: of the next piece of an index that is made anew; 0: not known */

	/* The writer's: what it knows of who may. */
	int64_t access_version; /* of the tokens and grants told last; 0: none were */
	int64_t erase_asked;    /* how often a scrub was asked for at once, as the log said last */
	int64_t by_since;       /* greatest id from before anybody was proven */
	/* Until others write or a transaction is undone: */
	struct store_names rooms_there;
	struct store_names names_free; /* nobody's, as they are compared */
	int64_t n_rooms;               /* counted up to rooms_max; -1: not counted */
};

/* In store_stmt.c. */

/* Logs what went wrong; the same again only now and then, since every send meets a full disk, and a log fills it. */
void store_say(struct store *s, const char *word, int code, const char *doing, const char *error);

/* What SQLite said of this error: never of another one, nor of a success that came after it. */
const char *store_message(struct store *s, int code);

/* Makes a status of an SQLite result code; logs what is not ordinary, with `doing`. */
enum store_status store_failed(struct store *s, int code, const char *doing);

/* Before the connection is closed. */
void store_forget_statements(struct store *s);

/* In store_sees.c: adds the SQL function sees(room) to a connection. An SQLite result code (SQLITE_OK is good). */
int store_add_sees(struct store *s, sqlite3 *db);

/* In store_access.c, in a transaction: the version of tokens and grants now. */
int64_t store_access_version(struct store *s);

/* In store_prune.c: the greatest id of the room that went by retention; 0: none. */
int64_t store_pruned_id(struct store *s, struct str room);

/* In store_row.c. */

/* The row under stmt, as of store_row(), as a message of the caller's, ready to be sent to readers; NULL: it is passed
 * over, or there is no memory, which is noted. */
struct message *store_row_message(struct store *s, sqlite3_stmt *stmt);

/* The same of the row of this id; NULL also if there is none. */
struct message *store_row_by_id(struct store *s, int64_t id);

/* Longest text, BLOB or row that is read; SQLite fails a statement that meets a longer one with SQLITE_TOOBIG. A
 * message's excerpt may have six times its bytes. */
enum { STORE_LENGTH_MAX = 32 * 1024 * 1024, STORE_SQLITE_LENGTH_MAX = 1000000000 };

/* What is wrong with the names in a row and cannot be mended; NULL: nothing. */
const char *store_names_wrong(struct str event, struct str sender);

/* In store.c: the file. */

/* Whether the path names another file than the one that is open, or none. */
bool store_moved(const struct store *s);

/* Closes the file and opens the one that the path names now. */
int store_reopen(struct store *s, bool create);

/* The file that is the WAL now; 0: none. */
ino_t store_wal_inode(const struct store *s);

/*
 * Around a job that can be stopped. SQLite forgets an interruption when no statement is active, so one that touches
 * nothing is kept active. SQLITE_OK, or SQLITE_INTERRUPT when it was stopped before.
 */
int store_run_on(struct store *s);
void store_run_out(struct store *s);

/* In store_start.c: the schema. */

/* Whether a file of this version can be ours: an empty one, or one with our mark; *unmarked: but for the mark. */
bool store_version_ok(struct store *s, int64_t version, bool *unmarked, char error[STORE_ERROR_SIZE]);

/* From now on the file does not grow beyond options.database_max: this connection's doing. */
void store_limit_size(struct store *s);

/* What errno says of this SQLite result code; see store_start(). */
int store_errno(struct store *s, int code);

/*
 * In store_adopt.c: a file without Longline's mark (application_id, user_version), as after sqlite3's .dump. Which
 * version it is, by what is in it; 0: another program's; -1: not exactly any version's, because of the object in name
 * (empty: no memory).
 */
enum { STORE_NAME_SIZE = 64 };
int store_unmarked(struct store *s, char name[STORE_NAME_SIZE]);

/* In store_ids.c. */

/* The greatest id that was given, or a number above MESSAGE_ID_MAX if ids have left their range. */
int64_t store_greatest_id(struct store *s);

/*
 * In a transaction, when they have: puts rows above MESSAGE_ID_MAX into table strays, and the sequences back to the
 * greatest that was given below, so that ids go on. An SQLite result code (SQLITE_OK is good).
 */
int store_mend_ids(struct store *s);

/* Reads and, when it changed under a known log, renews the epoch; the writer's. An SQLite result code. */
int store_new_epoch(struct store *s);

#endif
