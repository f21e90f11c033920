/*
 * store: the log in SQLite: open and migrate, append and look, read pages, search, keep the index and the WAL.
 *
 * A struct store is one connection to the database and belongs to one thread. Exactly one of them, the writer's,
 * appends and looks: it is the only one that knows what has been handed to readers so far (store_append, store_look).
 * All may block on the disk, so none is used in the loop.
 *
 * Files: store.c opens the file, and the one in its place; store_start.c migrates; store_stmt.c has statements,
 * store_row.c makes messages of rows, store_ids.c and store_adopt.c know what other programs did. The writer's:
 * store_writer.c, store_news.c, store_append.c, store_insert.c, store_overwritten.c. The readers': store_rows.c,
 * store_walk.c, store_last.c, store_poll.c, store_history.c, store_list.c. Full text is index.h's. store_db.h and
 * store_sql.h are theirs, and the only headers that know SQLite.
 */
#ifndef STORE_H
#define STORE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "message.h"

enum { STORE_EPOCH_SIZE = 17, STORE_ERROR_SIZE = 512, STORE_ROOMS_MAX = 32 };

struct store_options {
	const char *path;
	int64_t search_timeout_ms; /* a search is cut after it */
	int64_t write_timeout_ms;  /* a transaction of the writer's is cut after it; 0: never */
	size_t reply_max;          /* bytes of messages in one answer */
	bool new_epoch;
	/* Counts rows that break the rules each time they are passed over, by whichever thread; NULL: not counted. */
	_Atomic uint64_t *passed_over;
};

enum store_status {
	STORE_OK,
	STORE_BUSY,    /* another program holds the write lock: try again */
	STORE_FULL,    /* the disk or the database's greatest size */
	STORE_FAILED,  /* anything else; it was logged */
	STORE_TIMEOUT, /* a search, or a transaction of the writer's, took too long */
	STORE_APART,   /* a batch failed because of some of its sends: each has to go by itself */
	STORE_SYNTAX,  /* a search has nothing to look for */
	STORE_STOPPED, /* by store_stop(): nobody waits for it */
};

struct store;

/* Settings of SQLite for the whole process; before the first store is opened. */
void store_setup(void);

/* Whether this errno says that a path cannot be used as it is, now or later: not there, not allowed, not a file. */
bool store_path_wrong(int reason);

/*
 * Opens the file, creating it when create. NULL, with what is wrong in error, and errno as store_start() has it.
 * Nothing is read or migrated yet.
 */
struct store *store_open(const struct store_options *options, bool create, char error[STORE_ERROR_SIZE]);
void store_close(struct store *s);

/*
 * From any thread, as long as s is open: true ends what s reads now within milliseconds, with STORE_STOPPED, and all
 * that it is asked until false. Only the functions that read pages know of it. At most once between two false.
 */
void store_stop(struct store *s, bool stop);

/*
 * For the writer, once: brings the schema up to date in one transaction, sets the journal mode, reads epoch and head.
 * -1, with what is wrong in error: not ours, newer than this program, locked for lock_wait_ms. errno is then EAGAIN if
 * it may pass by itself, as a lock, a full disk or a lack of memory does, and else EINVAL: somebody must do something.
 */
int store_start(struct store *s, int64_t lock_wait_ms, char error[STORE_ERROR_SIZE]);

/* What the log is called and where it ends, after store_start(). */
const char *store_epoch(const struct store *s);
int64_t store_head(const struct store *s);

/*
 * A secret of the log's own, kept in it: value is both what to keep if there is none yet, and what is kept. Once, by
 * the writer, before its thread runs. -1, logged, when it cannot be read.
 */
int store_secret(struct store *s, unsigned char *value, size_t n);

/* One send, within a batch. */
struct store_send {
	struct message *message; /* gets its id and time when stored */
	enum { STORE_STORED, STORE_REPLAYED, STORE_KEY_CONFLICT, STORE_REFUSED } outcome;
	int64_t id, at_ms; /* of the message stored now, or of the first one with this key */
};

/* A row that was updated (message is what it is now) or deleted (message is NULL). */
struct store_change {
	int64_t id;
	char room[MESSAGE_ROOM_MAX + 1];
	struct message *message;
};

/* What has become of the log since the writer last said so: every row above the last id, ours and others', in order. */
struct store_news {
	struct message **messages; /* the receiver takes each holding */
	size_t n_messages, cap_messages;
	struct store_change *changes;
	size_t n_changes, cap_changes;
	bool more;  /* there is more than one answer holds: look again at once */
	bool reset; /* another log stands here now: a new epoch; what was known is void */
	int64_t head;
	int64_t indexed;   /* after store_fill(): greatest id that search knows */
	bool index_behind; /* likewise: there is more to fill */
	uint32_t seen;     /* walindex_changes() of the state that was told; 0: not known */
	int64_t wal_pages; /* pages in the WAL after this transaction; 0 when it wrote nothing */
	char epoch[STORE_EPOCH_SIZE];
};

/* Frees what is left in news (messages not taken too), and empties it. */
void store_news_fini(struct store_news *news);

/*
 * Appends n sends in one transaction, synced to the disk when STORE_OK is returned, and tells the news, their messages
 * included. Anything but STORE_OK: nothing of sends was stored (but news may hold what others did). After a sync that
 * failed that is as sure as can be: what was written is written over at once, but what a power cut leaves nobody knows.
 * Changed rows at or below floor are told without their message.
 *
 * Triggers of users' run in it as well. STORE_APART: one of them failed in a way that undoes all, for some send.
 * STORE_TIMEOUT: one took too long. A single send is answered by the former as refused, or failed.
 */
enum store_status store_append(
    struct store *s, struct store_send *sends, size_t n, int64_t floor, struct store_news *news);

/* Tells the news, and nothing else. */
enum store_status store_look(struct store *s, int64_t floor, struct store_news *news);

/* Brings the index forward by at most 100 rows. */
enum store_status store_fill(struct store *s, int64_t floor, struct store_news *news);

/*
 * Writes a value of no meaning, synced, to learn whether writing works. After a failure it is to be thorough: a few
 * bytes may still find room in the WAL of a full disk.
 */
enum store_status store_probe(struct store *s, bool thorough);

/* Copies the WAL into the database, as far as nobody is in the way; truncate: and empties the file, if that was all. */
enum store_status store_checkpoint(struct store *s, bool truncate);

/* Which rooms: n names, or all. */
struct store_rooms {
	struct str names[STORE_ROOMS_MAX];
	size_t n;
	bool all;
};

/* What a poll reads that memory does not hold. */
struct store_poll {
	/* asked: */
	struct store_rooms rooms;
	int64_t since; /* an id; or, when newest > 0, replaced by the id before the newest-th newest message */
	int64_t newest;
	int64_t head; /* nothing above it */
	size_t limit;
	/* answered: */
	struct buf json; /* the messages, with commas between; buf_fini() it */
	size_t n;
	int64_t last_id; /* of the last message */
	bool more, gap;  /* gap: something above since was deleted */
};
enum store_status store_poll(struct store *s, struct store_poll *p);

/* The messages of a room for a session that memory has left behind. */
struct store_tail {
	/* asked: */
	struct str room;
	int64_t since, head;     /* above since, up to head */
	size_t limit, bytes_max; /* messages, and their memory beyond the first */
	size_t newest_max;       /* > 0: only this many, the newest */
	/* answered: */
	struct message **messages; /* the receiver takes array and holdings */
	size_t n;
};
enum store_status store_tail(struct store *s, struct store_tail *t);
void store_tail_fini(struct store_tail *t);

/* How much lies in a room behind a client. */
struct store_missed {
	/* asked: */
	struct str room;
	int64_t since, head; /* above since, up to head */
	int64_t limit;       /* counted no further */
	/* answered: */
	int64_t n;
};
enum store_status store_missed(struct store *s, struct store_missed *m);

enum store_cursor { STORE_NEWEST, STORE_BEFORE, STORE_AFTER, STORE_AROUND, STORE_ON };

/* A page of history, or (q not empty) of a search. */
struct store_page {
	/* asked: */
	struct store_rooms rooms;
	enum store_cursor cursor;
	int64_t at;   /* an id, or for STORE_ON milliseconds since 1970 UTC */
	int64_t head; /* nothing above it */
	size_t limit;
	bool by_sender;
	struct str sender;
	int64_t from_ms, until_ms; /* INT64_MIN and INT64_MAX: no bound */
	struct str q;
	/* answered: */
	struct buf json; /* the messages, with commas between; buf_fini() it */
	size_t n;
	int64_t older, newer; /* -1: null */
};
enum store_status store_history(struct store *s, struct store_page *p);
enum store_status store_search(struct store *s, struct store_page *p);

/* A page of the rooms that have messages, the one with the newest first. */
struct store_list {
	/* asked: */
	int64_t head;  /* as if nothing were above it */
	int64_t after; /* rooms whose last message has a smaller id; INT64_MAX: from the first on */
	size_t limit;
	/* answered: */
	struct buf json; /* the rooms, with commas between; buf_fini() it */
	size_t n;
	bool more;
};
enum store_status store_list(struct store *s, struct store_list *l);

#endif
