/*
 * store_rows: selects the rows of an answer and encodes them, for store_poll.c, store_history.c and store_list.c.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "store_db.h"

/* Which messages belong to an answer at all. */
struct store_filter {
	const struct store_rooms *rooms;
	bool by_sender;
	struct str sender;
	int64_t from_ms, until_ms;
	bool by_time; /* find them by the index over time */
	bool changes; /* those that change others, too */
	/* How they are encoded: */
	size_t bytes_max;  /* beyond the first; 0: as the store's options say */
	store_add_fn *add; /* NULL: as JSON */
	const void *add_ctx;
};

/* Rows of an answer, encoded, in the order in which they were read. */
struct store_found {
	struct buf json;
	struct {
		int64_t id;
		size_t at, n; /* its JSON */
	} * v;
	size_t n;
	bool more; /* there was another */
};

/*
 * Around the statements of an answer; they are cut after search_timeout_ms, and tell only of rooms that are seen (NULL:
 * all are). access_version: as in store.h. An SQLite result code (SQLITE_OK is good).
 */
int store_read_begin(struct store *s, const struct store_sees *sees, int64_t access_version);
enum store_status store_read_end(struct store *s, int code, const char *doing);

/*
 * In store_sees.c: if few of all rooms are seen, exactly these, whose names are kept in *few; else what was asked for.
 * So who sees one small room of a large log does not have all of it walked through.
 */
struct store_few {
	struct store_rooms rooms;
	char names[STORE_ROOMS_MAX][MESSAGE_ROOM_MAX + 1];
};
const struct store_rooms *store_few_rooms(struct store *s, const struct store_rooms *asked, struct store_few *few);

/* The statement of the rows above `above` and up to `up_to`, at most limit; NULL on failure. */
sqlite3_stmt *store_select(struct store *s, const struct store_filter *f, const char *columns, int64_t above,
    int64_t up_to, bool descending, size_t limit);

/*
 * In store_walk.c: a walk through the messages above `above` and up to `up_to`, over rows that break the rules, however
 * many or long. It can be left after any row.
 */
struct store_walk {
	const struct store_filter *f;
	int64_t above, up_to; /* what is still to be read */
	bool descending;
	size_t rows; /* read by one statement; the caller hardly asks for more */
	/* its own: */
	sqlite3_stmt *stmt;
	size_t left;
};

/* SQLITE_ROW: *fields is the next message, its views good until the next call. SQLITE_DONE: there is none. Else an
 * error. */
int store_walk_next(struct store *s, struct store_walk *w, struct message_fields *fields);
void store_walk_end(struct store_walk *w);

/* In store_last.c: the last message of a room, as the list of rooms shows it. */
enum { STORE_LAST_BYTES = 1024 }; /* of a text that is cut */
struct store_last {
	int64_t id, at_ms; /* id: only when it is another than was asked for */
	struct str event, sender, text;
	char names[MESSAGE_EVENT_MAX + MESSAGE_SENDER_MAX], text_bytes[STORE_LAST_BYTES];
};

/*
 * Reads the beginning of the text of message id, whose event, sender and time stand in *last. If it breaks the rules,
 * or is not known, *last is made the greatest up to it that does not. SQLITE_OK; SQLITE_DONE: there is none; or another
 * code.
 */
int store_read_last(struct store *s, struct str room, int64_t id, bool known, bool is_args, struct store_last *last);

/*
 * In store_unread.c: how many messages, changes apart, the room has above `read` and up to its message `last`, counted
 * up to STORE_UNREAD_MAX. Errors are noted as trouble.
 */
int64_t store_unread(struct store *s, struct str room, int64_t read, int64_t last);

/* Reads and encodes them; store_found_fini() in any case. An SQLite result code (SQLITE_OK is good). */
int store_find_rows(struct store *s, struct store_found *r, const struct store_filter *f, int64_t above, int64_t up_to,
    bool descending, size_t limit);
void store_found_fini(struct store_found *r);
void store_add_found(struct buf *json, const struct store_found *r, size_t i, bool comma);

/* Whether anything lies above `above` and up to `up_to`. */
bool store_anything(struct store *s, const struct store_filter *f, int64_t above, int64_t up_to);

/* Whether the span of time has few rows, so that they are better found by it. */
bool store_short_span(struct store *s, const struct store_filter *f);

#endif
