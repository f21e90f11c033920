/*
 * store: the log in SQLite: open and migrate, append and look, read pages, search, keep the index and the WAL.
 *
 * A struct store is one connection to the database and belongs to one thread. Exactly one of them, the writer's,
 * appends and looks: it is the only one that knows what has been handed to readers so far (store_append, store_look).
 * All may block on the disk, so none is used in the loop.
 *
 * Files: store.c opens the file, and the one in its place; store_start.c migrates, store_try.c only looks whether it
 * would; store_stmt.c has statements,
 * store_row.c makes messages of rows, store_ids.c and store_adopt.c know what other programs did. The writer's:
 * store_writer.c, store_news.c, store_append.c, store_insert.c, store_change.c, store_key.c, store_allow.c,
 * store_access.c, store_overwritten.c, store_prune.c, store_keep.c, store_count.c, store_goes.c, store_scrub.c,
 * store_gaps.c, store_rebuild.c. The readers': store_rows.c, store_sees.c, store_walk.c, store_last.c, store_poll.c,
 * store_history.c, store_list.c, store_unread.c, store_one.c. Full text is index.h's. store_db.h and store_sql.h are
 * theirs, and the only headers that know SQLite.
 */
#ifndef STORE_H
#define STORE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "keep.h"
#include "message.h"

enum { STORE_EPOCH_SIZE = 17, STORE_ERROR_SIZE = 512, STORE_ROOMS_MAX = 32 };

struct store_options {
	const char *path;
	int64_t search_timeout_ms; /* a search is cut after it */
	int64_t write_timeout_ms;  /* a transaction of the writer's is cut after it; 0: never */
	size_t reply_max;          /* bytes of messages in one answer */
	int64_t rooms_max;         /* there may be, before sends make no new one; 0: any number */
	int64_t database_max;      /* bytes of the file; 0: any number. Reaching it is STORE_FULL */
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
	STORE_STALE,   /* a reader's job was let in by other tokens and grants than stand in the log by now: look, and
	                  ask again */
};

struct store;

/* Settings of SQLite for the whole process, and how it writes to databases (gap.h); before the first one is opened. */
void store_setup(void);

/* Of the SQLite that this process works with: "3.40.1" */
const char *store_sqlite_version(void);

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

/*
 * Without a store, and without making or writing anything, also beside a daemon that serves it: whether store_start()
 * would take this file, which must be there. Its version is put into *version; 0: it is empty. -1, with what is wrong
 * in error. What stands only in a WAL without its -shm is not seen.
 */
int store_try(const char *path, int *version, char error[STORE_ERROR_SIZE]);

/* The version that store_start() makes. */
int store_version(void);

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
	/*
	 * Who sends it was let in by tokens and grants of this version (struct store_access). When the log's is another
	 * by now, nothing of the batch is stored: STORE_BUSY, and the news have what it is. 0: by nobody's leave.
	 */
	int64_t access_version;
	bool claimed;     /* its sender is what a stranger says: it must be nobody's name */
	bool no_new_room; /* it may not make a room */
	bool only_again;  /* it may only be a repetition: nothing new is to be stored */
	int64_t revision; /* of a change: the newest change that its target is to have; 0: none; -1: any */
	enum {
		STORE_STORED,
		STORE_REPLAYED,
		STORE_KEY_CONFLICT,
		STORE_REFUSED,
		STORE_SENDER_TAKEN,
		STORE_NEW_ROOM,    /* it would make a room, and may not */
		STORE_ROOMS_FULL,  /* nobody may make a room any more (rooms_max) */
		STORE_NOTHING_NEW, /* it is no repetition */
		/* Of changes only, which were not stored. id is that of the target's newest change, or else its own. */
		STORE_SAME,     /* the target says that already, or is deleted already */
		STORE_GONE,     /* the target was deleted by a change */
		STORE_ABSENT,   /* there is no such message in the room, or it is a change itself */
		STORE_OUTDATED, /* the target has another newest change */
	} outcome;
	bool made_room;    /* STORE_STORED, and it is the first of its room */
	int64_t id, at_ms; /* of the message stored now, or of the first one with this key */
};

/* Tokens and grants, as they stand in the log. */
struct store_token {
	char name[MESSAGE_SENDER_MAX + 1];
	unsigned char hash[32];              /* SHA-256 of the secret */
	char sender[MESSAGE_SENDER_MAX + 1]; /* as name, unless the row says another; "*": it may claim one */
	int64_t expires_ms;                  /* INT64_MAX: never */
	int64_t used_ms;                     /* 0: never */
	bool trusted;
};
enum { STORE_WHO_MAX = 133, STORE_GRANTS_MAX = 10000, STORE_TOKENS_MAX = 100000 };
struct store_grant {
	char who[STORE_WHO_MAX + 1];
	char rooms[MESSAGE_ROOM_MAX + 2];
	char may[4];
};
struct store_access {
	int64_t version; /* moves whenever any of it does */
	bool closed;
	bool
	    refused; /* there are more rows than may be: nothing is allowed, but what stands in no row; n_grants is 0 */
	struct store_token *tokens;
	size_t n_tokens;
	struct store_grant *grants;
	size_t n_grants;
};
void store_access_free(struct store_access *a); /* NULL is let pass */

/* For the writer, before its thread runs: what they are now, the caller's; later news tell what changed. */
enum store_status store_access(struct store *s, struct store_access **rows);

/* A row that was updated (message is what it is now) or deleted (message is NULL). */
struct store_change {
	int64_t id;
	bool told; /* by a change, which is in the log: it is no gap */
	char room[MESSAGE_ROOM_MAX + 1];
	struct message *message;
	bool pruned; /* deleted by store_prune() */
};

/* What has become of the log since the writer last said so: every row above the last id, ours and others', in order. */
struct store_news {
	struct message **messages; /* the receiver takes each holding */
	size_t n_messages, cap_messages;
	struct store_change *changes;
	size_t n_changes, cap_changes;
	struct store_access *access; /* what it is now, when it changed since it was told last; the receiver takes it */
	bool more;                   /* there is more than one answer holds: look again at once */
	bool reset;                  /* another log stands here now: a new epoch; what was known is void */
	int64_t head;
	int64_t indexed;      /* after store_fill(): greatest id that search knows */
	bool index_behind;    /* likewise: there is more to fill */
	int64_t notes;        /* likewise: of changed and deleted messages, that it has to take */
	int64_t erasing;      /* likewise: texts that were deleted or changed, and are not erased yet */
	int64_t erased;       /* after store_scrub_end(): texts that were taken out, and are erased now */
	int64_t rebuild_left; /* after store_fill() and store_rebuild(): ids that are to be put into the index anew */
	bool rebuilding;      /* likewise: there is more to be done */
	bool rebuild_short; /* after store_rebuild(): nothing was done, or the database would get beyond database_max */
	bool erase_now;     /* another program asks for a scrub at once (row `erase_asked` of table meta) */
	bool scrubbed;      /* after store_scrub(): the WAL is to be emptied; after store_scrub_end(): that was all */
	int64_t took_us;    /* likewise: how long it kept the writer */
	uint32_t seen;      /* walindex_changes() of the state that was told; 0: not known */
	int64_t wal_pages;  /* pages in the WAL after this transaction; 0 when it wrote nothing */
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
 * A piece, of some 2 ms, of what is to be done until there is one index, made by our words: messages are put into it
 * that were put into another one by another version, which is dropped then; until news->rebuilding is false. Of
 * messages nothing is put in as long as the new index might take the database beyond database_max; but a scrub, which
 * somebody asked for, makes it as far as there is room.
 */
enum store_status store_rebuild(struct store *s, int64_t floor, struct store_news *news);

/* A run of retention: it goes through the rooms twice, first to count and then to delete. */
enum { STORE_PRUNE_ROWS = 64 };
enum store_prune_step {
	STORE_PRUNE_LOOK,
	STORE_PRUNE_COUNT,
	STORE_PRUNE_DELETE,
	STORE_PRUNE_GONE, /* counts the rooms that are gone */
	STORE_PRUNE_MARK, /* they are too many: marks each that is there, */
	STORE_PRUNE_FOLD, /* and makes one mark of many */
	STORE_PRUNE_ENDED,
};
struct store_prune {
	const struct keep *keep;
	enum store_prune_step step;
	bool changed;         /* the log was kept by other rules when it was looked at last */
	int64_t now_ms;       /* since 1970, when the run began */
	int64_t begins_ms;    /* nothing is deleted before */
	int64_t due, of;      /* messages to be deleted, as far as they were counted, of so many */
	int64_t deleted;      /* messages, */
	int64_t rooms;        /* and of how many rooms */
	int64_t oldest_at_ms; /* of the first message that is left; INT64_MAX: there is none */
	int64_t gone;         /* rooms that are not there any more, and have a mark of their own */

	/* store_prune.c's own: */
	char room[MESSAGE_ROOM_MAX + 1]; /* that is at hand, or was last */
	size_t room_n;
	int64_t room_messages;
	struct keep_rule rule;
	bool at_hand;
	bool deleted_here;
	bool blocked; /* a trigger keeps rows from being deleted, and that was logged */
	bool future;  /* there are times that are still to come */
	bool notes;   /* the index has not forgotten all that was deleted */
	int64_t by_age, counted_at_ms, counted_id;
	struct store_prune_span {
		int64_t from, to; /* ids: the times of all rows from one to before the other are still to come */
		int64_t at_ms;    /* of the row at the end */
	} walk, known;            /* the one that is looked through, and the last one that was */
	int64_t first_at_ms;      /* of the first row of the room at hand; INT64_MAX: it is no time */
	int64_t aged_id;          /* the greatest that went in this run for its age, */
	int64_t aged_at_ms;       /* and the greatest time: it had that at most */
	int64_t ids[STORE_PRUNE_ROWS];
	size_t n_ids;
	int64_t until_us;
	double gone_mean;              /* of the ids in the marks of rooms that are gone */
	int64_t gone_id;               /* of such marks those up to this one become one */
	char to[MESSAGE_ROOM_MAX + 1]; /* the last name of a piece */
	size_t to_n;
};

/*
 * The next piece of a run, about 2 ms, until step is STORE_PRUNE_ENDED; the caller has zeroed it all but `keep` before
 * the first. Rows go from each room's oldest id on, as far as keep says. A row whose time is still to come counts as
 * old as the next row of the log whose time is not; at the log's end, as new. What was deleted is in the news. Not
 * synced: what a power cut brings back goes in the next run. A run that has deleted something looks for rooms that are
 * gone, too, and forgets the names of the older half when there are more than keep says (store_gone.c).
 */
enum store_status store_prune(struct store *s, struct store_prune *p, int64_t floor, struct store_news *news);

/* For the writer, before its thread runs: all is kept, so rules that are given later are new ones. */
void store_keep_all(struct store *s);

/*
 * A piece of a scrub, of some 3 ms, until news->scrubbed: takes out of the index what had to be taken out when the
 * scrub began, then writes the index anew; behind store_scrub_end(), zeros the gaps of the file's pages (gap.h). What
 * is taken out meanwhile is for the next one. After a failure, or of another log, it begins anew.
 */
enum store_status store_scrub(struct store *s, int64_t floor, struct store_news *news);

/*
 * Behind these pieces: empties the WAL, and then more pieces follow, or it notes what is erased (news->scrubbed,
 * ->erased,
 * ->erasing); tells no other news.
 * STORE_BUSY: somebody reads an older state, or writes; again later. STORE_FAILED: the scrub has to begin anew.
 */
enum store_status store_scrub_end(struct store *s, struct store_news *news);

/*
 * Writes a value of no meaning, synced, to learn whether writing works. After a failure it is to be thorough: a few
 * bytes may still find room in the WAL of a full disk.
 */
enum store_status store_probe(struct store *s, bool thorough);

/*
 * Writes when a token was used last (ms since 1970); no token of this name: nothing. It is synced, so not for each use.
 * Does not move the version of tokens and grants.
 */
enum store_status store_note_used(struct store *s, const char *name, int64_t at_ms);

/* Copies the WAL into the database, as far as nobody is in the way; truncate: and empties the file, if that was all. */
enum store_status store_checkpoint(struct store *s, bool truncate);

/* Which rooms somebody may read; constant, and asked in readers' threads. */
struct store_sees {
	bool (*sees)(const void *ctx, struct str room);
	const void *ctx;
	/* Where such rooms can be: exact names, and prefixes with a `*` behind them. */
	const struct str *patterns;
	size_t n_patterns;
};

/* Which rooms: n names, or all; of all only those that are seen (NULL: each is). */
struct store_rooms {
	struct str names[STORE_ROOMS_MAX];
	size_t n;
	bool all;
	const struct store_sees *sees;
};

/*
 * In all that is asked for below, access_version is that of the tokens and grants which let it in (struct
 * store_access): when the log has others, nothing is answered but STORE_STALE. 0: by nobody's leave.
 */

/* Adds a message to an answer in a form of the caller's; it is called in the reader's thread. */
typedef void store_add_fn(const void *ctx, struct buf *b, const struct message_fields *f);

/* What a poll reads that memory does not hold. */
struct store_poll {
	/* asked: */
	int64_t access_version;
	struct store_rooms rooms;
	int64_t since; /* an id; or, when newest > 0, replaced by the id before the newest-th newest message */
	int64_t newest;
	int64_t head; /* nothing above it */
	size_t limit;
	size_t bytes_max;  /* of messages, beyond the first; 0: as many as the store's answers have */
	store_add_fn *add; /* NULL: as JSON, with commas between */
	const void *add_ctx;
	/* answered: */
	struct buf json; /* the messages; buf_fini() it */
	size_t n;
	int64_t last_id; /* of the last message */
	bool more, gap;  /* gap: something above since was deleted */
};
enum store_status store_poll(struct store *s, struct store_poll *p);

/* The messages of a room for a session that memory has left behind. */
struct store_tail {
	/* asked: */
	int64_t access_version;
	struct str room;
	int64_t since, head;     /* above since, up to head */
	size_t limit, bytes_max; /* messages, and their memory beyond the first */
	size_t newest_max;       /* > 0: only this many, the newest */
	/* answered: */
	bool gap;                  /* something above since went by retention, which newest_max does not leave out */
	struct message **messages; /* the receiver takes array and holdings */
	size_t n;
};
enum store_status store_tail(struct store *s, struct store_tail *t);
void store_tail_fini(struct store_tail *t);

/* How much lies in a room behind a client. */
struct store_missed {
	/* asked: */
	int64_t access_version;
	struct str room;
	int64_t since, head; /* above since, up to head */
	int64_t limit;       /* counted no further */
	/* answered: */
	int64_t n;
	bool gap; /* something above since went by retention */
};
enum store_status store_missed(struct store *s, struct store_missed *m);

/* One message. */
struct store_one {
	/* asked: */
	int64_t access_version;
	int64_t id;
	struct str key; /* that somebody presents as the message's; empty: nobody does */
	/* answered; store_one_fini() it: */
	struct message *message;  /* NULL: there is none */
	struct message *deletion; /* the change that deleted it; NULL: none did */
	int64_t revision;         /* its newest change; 0: none */
	bool key_fits;
};
enum store_status store_one(struct store *s, struct store_one *one);
void store_one_fini(struct store_one *one);

enum store_cursor { STORE_NEWEST, STORE_BEFORE, STORE_AFTER, STORE_AROUND, STORE_ON };

/* A page of history, or (q not empty) of a search. */
struct store_page {
	/* asked: */
	int64_t access_version;
	struct store_rooms rooms;
	enum store_cursor cursor;
	int64_t at;   /* an id, or for STORE_ON milliseconds since 1970 UTC */
	int64_t head; /* nothing above it */
	size_t limit;
	bool by_sender;
	struct str sender;
	int64_t from_ms, until_ms; /* INT64_MIN and INT64_MAX: no bound */
	struct str q;
	int64_t count_max; /* of a search: all that it finds is counted up to this; 0: it is not */
	/* answered: */
	struct buf json; /* the messages, with commas between; buf_fini() it */
	size_t n;
	int64_t older, newer; /* -1: null */
	int64_t first, last;  /* of a search: ids of the messages, if there are any */
	int64_t old_words;    /* of a search: up to this id the words of another version were looked for; 0: nowhere */
	int64_t total;        /* what was counted */
	bool total_more;      /* there are more, or there was no time for all */
};
enum store_status store_history(struct store *s, struct store_page *p);
enum store_status store_search(struct store *s, struct store_page *p);

/* How far somebody has read some rooms. Of what is above, messages are counted up to STORE_UNREAD_MAX. */
enum { STORE_UNREAD_MAX = 1000 };
struct store_marks {
	struct store_mark {
		char room[MESSAGE_ROOM_MAX + 1];
		int64_t read;
	} v[STORE_ROOMS_MAX];
	size_t n;
};

/* A page of the rooms that have messages, the one with the newest first. */
struct store_list {
	/* asked: */
	int64_t access_version;
	const struct store_sees *sees; /* only rooms that are seen; NULL: each is */
	struct str (*may)(
	    const void *ctx, struct str room); /* is said of each as `may`, unless empty; NULL: nothing is */
	const void *may_ctx;
	const struct store_marks *marks; /* of these rooms it is said what is unread; NULL: of none */
	int64_t head;                    /* as if nothing were above it */
	int64_t after;                   /* rooms whose last message has a smaller id; INT64_MAX: from the first on */
	size_t limit;
	/* answered: */
	struct buf json; /* the rooms, with commas between; buf_fini() it */
	size_t n;
	bool more;
};
enum store_status store_list(struct store *s, struct store_list *l);

#endif
